"""What people decide of many at once: the same rules as of one, and few transactions."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum

from vms.errors import ConflictError, InvalidError, NotFoundError, VmsError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.changes import patched
from vms.inventory.filing import Filing
from vms.inventory.journal import Plan
from vms.inventory.model import (
    NEVER_REPORTED,
    Cause,
    Channel,
    ChannelKey,
    ChannelPatch,
    DevicePatch,
    NewDevice,
    ReportedChannel,
    Transition,
)
from vms.inventory.placement import PlaceStep, steps_of_channels
from vms.inventory.reports import Reports
from vms.inventory.roster import Record

TURN = 100
"""So many at a time; then others have theirs, for devices register meanwhile."""


class Filed(StrEnum):
    """What became of a wish."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class DeviceWish:
    """A device is to be on file, and thus."""

    device_id: DeviceId
    patch: DevicePatch


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """A channel of a device on file is to be on file, and thus."""

    device_id: DeviceId
    channel_id: ChannelId
    patch: ChannelPatch


Outcome = Filed | VmsError
"""What became of a wish, or why it was refused; then it has changed nothing."""


@dataclass(slots=True)
class _Draft:
    """What changes of one device's channels: planned, not yet committed."""

    record: Record
    fresh: dict[str, Channel] = field(default_factory=dict[str, Channel])
    changed: dict[str, Channel] = field(default_factory=dict[str, Channel])
    plan: Plan | None = None


class BulkFiling(Filing, Reports):
    """Writes of many. Each wish stands alone: the others are carried out though one is refused."""

    async def file_devices(
        self, wishes: Sequence[DeviceWish], *, is_trial: bool = False
    ) -> list[Outcome]:
        """Put on file what is not, change what is; committed when it returns, in the order of
        `wishes`. With `is_trial` only what would become of it.

        Raises `UnavailableError` when the database cannot serve; some may be stored then.
        """
        outcomes: list[Outcome] = []
        for first in range(0, len(wishes), TURN):
            some = wishes[first : first + TURN]
            if is_trial:
                outcomes += [self._try_device(wish) for wish in some]
                await asyncio.sleep(0)
            else:
                done = [_judged(self._file_device(wish)) for wish in some]
                outcomes += await asyncio.gather(*done)
        return outcomes

    def _try_device(self, wish: DeviceWish) -> Outcome:
        record = self._roster.records.get(wish.device_id)
        try:
            if record is None:
                patched(self._fresh_device(NewDevice(wish.device_id)), wish.patch)
                return Filed.ADDED
            known = record.seen(self._ledger_clock)
            is_same = patched(known, wish.patch) == known
        except InvalidError as error:
            return error
        return Filed.UNCHANGED if is_same else Filed.CHANGED

    async def _file_device(self, wish: DeviceWish) -> Outcome:
        outcome = self._try_device(wish)
        if outcome is Filed.ADDED:
            await self._to_the_end(self._add_wished(wish))
        elif outcome is Filed.CHANGED:
            await self.patch_device(wish.device_id, wish.patch)
        return outcome

    async def _add_wished(self, wish: DeviceWish) -> None:
        async with self._alone(wish.device_id):
            fresh = self._fresh_device(NewDevice(wish.device_id))
            await self._put_on_file(patched(fresh, wish.patch))

    async def file_channels(
        self, wishes: Sequence[ChannelWish], *, is_trial: bool = False
    ) -> list[Outcome]:
        """The same for channels, in one transaction: all that are not refused, or none.

        One that its device never named comes on file as planned: not commissioned until the device
        names it, and no catalogue takes it away. Refused is a channel of a device that is not on
        file (`NotFoundError`).
        """
        return await self._to_the_end(self._file_channels(wishes, is_trial=is_trial))

    async def _file_channels(
        self, wishes: Sequence[ChannelWish], *, is_trial: bool
    ) -> list[Outcome]:
        drafts: dict[str, _Draft] = {}
        outcomes: list[Outcome] = []
        async with AsyncExitStack() as turns:
            if not is_trial:
                # In order, so that two who file many never wait for each other.
                for device_id in sorted({wish.device_id for wish in wishes}):
                    await turns.enter_async_context(self._alone(device_id))
                patches = [wish.patch for wish in wishes]
                await turns.enter_async_context(self._groups_stay(*patches))
            for number, wish in enumerate(wishes, 1):
                outcomes.append(self._draft(drafts, wish))
                if number % TURN == 0:
                    await asyncio.sleep(0)
            if not is_trial:
                await self._commit([each for each in drafts.values() if each.fresh or each.changed])
        return outcomes

    def _draft(self, drafts: dict[str, _Draft], wish: ChannelWish) -> Outcome:
        record = self._roster.records.get(wish.device_id)
        if record is None:
            return NotFoundError(f"no device {wish.device_id}", device_id=wish.device_id)
        draft = drafts.get(wish.device_id)
        if draft is None:
            draft = drafts[wish.device_id] = _Draft(record)
        channel_id = wish.channel_id
        fresh = draft.fresh.get(channel_id)
        known = fresh or draft.changed.get(channel_id) or record.channels.get(channel_id)
        try:
            channel = self._patched_channel(known or _planned(record, channel_id), wish.patch)
        except InvalidError as error:
            return error
        if known is None:
            draft.fresh[channel_id] = channel
            return Filed.ADDED
        if channel == known:
            return Filed.UNCHANGED
        (draft.changed if fresh is None else draft.fresh)[channel_id] = channel
        return Filed.CHANGED

    async def _commit(self, drafts: Sequence[_Draft]) -> None:
        """All in one transaction; each device's turn is ours."""
        for draft in drafts:
            await self._journal.settle(draft.record)
        at_s = self._ledger_clock.now_s()
        saved: list[Channel] = []
        transitions: list[Transition] = []
        places: list[PlaceStep] = []
        for draft in drafts:
            record = draft.record
            own = [*draft.changed.values()]
            if draft.fresh:
                fresh = [self._with_key(channel) for channel in draft.fresh.values()]
                state = record.device.state
                draft.plan = self._journal.plan(
                    record, record.device, state, Cause.ADDED, channels=fresh, at_s=at_s
                )
                own += draft.plan.channels
                transitions += draft.plan.transitions
            places += steps_of_channels(record.channels, own, record.device, record.segment, at_s)
            saved += own
        if saved:
            await self._store.save_channels(saved, (), transitions, places)
        for draft in drafts:
            for channel in draft.changed.values():
                self._roster.put_channel(draft.record, channel)
            if draft.plan is not None:
                self._journal.apply(draft.record, draft.plan)
                self._look_at_channels(draft.record, draft.plan.channels, ())
                self._journal.tell(draft.plan.events)

    def _with_key(self, channel: Channel) -> Channel:
        key = ChannelKey(self._next_channel_key)
        self._next_channel_key += 1
        return replace(channel, key=key)


def _planned(record: Record, channel_id: ChannelId) -> Channel:
    """One that no device has named; it gets its key when it is stored."""
    return Channel(
        key=ChannelKey(0),
        device_key=record.device.key,
        device_id=record.device.device_id,
        reported=ReportedChannel(channel_id),
        absent_syncs=NEVER_REPORTED,
    )


async def _judged(work: Coroutine[None, None, Outcome]) -> Outcome:
    """What is wrong with one wish is its own affair; what is wrong with us is everybody's."""
    try:
        return await work
    except (InvalidError, ConflictError, NotFoundError) as error:
        return error
