"""From facts to ledger steps: plans a change, applies it in memory, writes what was observed."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from sys import maxsize

import structlog

from vms.clock import Clock
from vms.errors import UnavailableError, VmsError
from vms.events import (
    ChannelStateChanged,
    DeviceCameOnline,
    DeviceWentOffline,
    Event,
    EventBus,
)
from vms.frozen import altered
from vms.inventory.ledger import LedgerClock, channel_state, device_state
from vms.inventory.model import (
    Cause,
    Channel,
    ChannelKey,
    Device,
    DeviceKey,
    State,
    Subject,
    SubjectKind,
    Transition,
)
from vms.inventory.placement import PlaceStep, steps_of_device
from vms.inventory.roster import Record, Roster
from vms.inventory.salvage import store_in_parts
from vms.inventory.store import DeviceStore
from vms.inventory.under_way import UnderWay

log = structlog.get_logger(__name__)

BATCH = 500
"""Observations in one transaction: a network that fails takes tens of thousands of devices along,
and the loop has others to serve."""


@dataclass(slots=True)
class Plan:
    """What a change will make of a device, once it is committed."""

    device: Device
    channels: list[Channel] = field(default_factory=list[Channel])
    transitions: list[Transition] = field(default_factory=list[Transition])
    events: list[Event] = field(default_factory=list[Event])


@dataclass(frozen=True, slots=True)
class _Observed:
    """Applied in memory, not yet committed."""

    record: Record
    transitions: Sequence[Transition]
    events: Sequence[Event]
    places: Sequence[PlaceStep] = ()


class Journal:
    """Knows how changed facts become ledger steps; keeps those nobody waits for until written."""

    def __init__(
        self,
        store: DeviceStore,
        clock: Clock,
        ledger_clock: LedgerClock,
        roster: Roster,
        events: EventBus,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ledger_clock = ledger_clock
        self._roster = roster
        self._events = events
        self._observed: list[_Observed] = []
        self._writing = asyncio.Lock()
        self._under_way = UnderWay()
        self._retaken: set[DeviceKey] = set()
        self.dropped = 0
        """Observations that contradicted what was stored, or that no database takes."""

    def plan(
        self,
        record: Record,
        device: Device,
        state: State,
        cause: Cause,
        *,
        channels: Iterable[Channel] = (),
        unproven: Collection[str] = (),
        at_s: int | None = None,
    ) -> Plan:
        """What follows when `device` is in `state` and its `channels` are as given.

        Channels follow their device, all of them; where the device stays as it is, only those given
        are looked at. `unproven` lists channels whose picture no longer proves anything.
        """
        at_s = self._ledger_clock.now_s() if at_s is None else at_s
        plan = Plan(device)
        is_moved = state is not record.device.state
        if is_moved or record.device.state_since is None:
            self._move_device(plan, record, state, cause, at_s)
        given: dict[str, Channel] = {channel.channel_id: channel for channel in channels}
        if is_moved:
            given = {**record.channels, **given}
        now = self._clock.monotonic()
        proofs = record.proofs or {}
        for channel_id, channel in given.items():
            is_proven = channel_id not in unproven and proofs.get(channel_id, now) > now
            follows = channel_state(
                state,
                is_listed_on=channel.reported.is_on and channel.absent_syncs == 0,
                is_proven=is_proven,
                is_planned=channel.is_planned,
            )
            known = record.channels.get(channel_id)
            its_cause = cause if known is None or not is_moved else Cause.DEVICE
            self._move_channel(plan, known, channel, follows, its_cause, at_s)
        return plan

    def apply(self, record: Record, plan: Plan) -> None:
        """The plan is committed, or is an observation: it is true from now on."""
        self._roster.put_device(record, plan.device)
        for channel in plan.channels:
            self._roster.put_channel(record, channel)

    def observe(
        self,
        record: Record,
        cause: Cause,
        channels: Iterable[Channel] = (),
        at_s: int | None = None,
    ) -> bool:
        """Something nobody waits for happened; true when a state changed."""
        state = device_state(record.presence.reach)
        plan = self.plan(record, record.device, state, cause, channels=channels, at_s=at_s)
        if not plan.transitions:
            return False
        self.apply(record, plan)
        record.unwritten += 1
        self._observed.append(_Observed(record, plan.transitions, plan.events))
        return True

    def resettle(self, record: Record, segment: str) -> bool:
        """A device speaks from another network, and nobody waits for that; true when that takes
        channels elsewhere."""
        device, before = record.device, record.segment
        record.segment = segment
        now_s = self._ledger_clock.now_s()
        channels = record.channels.values()
        places = list(steps_of_device(channels, (device, before), (device, segment), now_s))
        if places:
            record.unwritten += 1
            self._observed.append(_Observed(record, (), (), places))
        return bool(places)

    async def settle(self, record: Record) -> None:
        """Commit what was observed of a device, so that the next step can follow it."""
        while record.unwritten:
            await self.write()

    async def write(self) -> None:
        """Commit what was observed, in order, then tell it; when the database cannot serve, it is
        kept for later. What cannot be stored at all is dropped, and costs nothing else.

        Whoever waits may go away: what is begun is finished, or it counted as unwritten for ever.
        """
        await self._under_way.finish(self._write())

    async def _write(self) -> None:
        async with self._writing:
            while self._observed:
                batch = self._observed[:BATCH]
                del self._observed[:BATCH]
                try:
                    await store_in_parts(batch, self._append, self._drop, most=BATCH)
                except UnavailableError:
                    self._observed = batch + self._observed
                    raise

    async def _append(self, batch: Sequence[_Observed]) -> None:
        await self._store.append(
            [step for seen in batch for step in seen.transitions],
            [step for seen in batch for step in seen.places],
        )
        for seen in batch:
            seen.record.unwritten -= 1
            self.tell(seen.events)

    async def _drop(self, seen: _Observed, error: VmsError) -> None:
        """The ledger of this device goes on from what is stored: else nothing that is observed of
        it would ever fit again. Once; where that does not help, a person has to look."""
        record = seen.record
        device = record.device
        self.dropped += 1
        log.error("an observation was dropped", device_id=device.device_id, error=str(error))
        if seen.transitions:
            await self._go_back(record, [step.subject for step in seen.transitions])
        record.unwritten -= 1
        if device.key not in self._retaken and not record.is_removed:
            self._retaken.add(device.key)
            causes = (step.cause for step in seen.transitions)
            self.observe(record, next(causes, Cause.DEVICE), list(record.channels.values()))

    async def _go_back(self, record: Record, subjects: Iterable[Subject]) -> None:
        """What memory says of them is what is stored."""
        channels = {channel.key: channel for channel in record.channels.values()}
        for subject in subjects:
            found = await self._store.intervals(subject, self._ledger_clock.now_s(), maxsize)
            state, since = State.NOT_COMMISSIONED, None
            if found and found[-1].end_s is None:
                state, since = found[-1].state, moment_of(found[-1].start_s)
            if subject.kind is SubjectKind.DEVICE:
                kept = replace(record.device, state=state, state_since=since)
                self._roster.put_device(record, kept)
            elif subject.key in channels and since is not None:
                self._roster.put_channel(
                    record, channels[ChannelKey(subject.key)].in_state(state, since)
                )

    def tell(self, events: Iterable[Event]) -> None:
        """What is committed may be known."""
        for event in events:
            self._events.publish(event)

    def _move_device(
        self, plan: Plan, record: Record, state: State, cause: Cause, at_s: int
    ) -> None:
        device = plan.device
        subject = Subject(SubjectKind.DEVICE, device.key)
        step = _transition(subject, record.device.state_since, at_s, state, cause)
        at = moment_of(step.at_s)
        plan.transitions.append(step)
        plan.device = altered(device, state=state, state_since=at)
        if state is State.ONLINE_SIGNALLED:
            plan.events.append(DeviceCameOnline(device.device_id, at, cause, record.is_flapping))
        elif state is State.OFFLINE:
            heard_at = record.presence.heard_at
            silent_s = 0.0 if heard_at is None else self._clock.monotonic() - heard_at
            plan.events.append(
                DeviceWentOffline(device.device_id, at, cause, silent_s, record.is_flapping)
            )

    def _move_channel(
        self,
        plan: Plan,
        known: Channel | None,
        channel: Channel,
        state: State,
        cause: Cause,
        at_s: int,
    ) -> None:
        """Channels that only follow their device are no event of their own: thousands may."""
        if known is not None and known.state is state:
            if channel is not known:
                plan.channels.append(channel)
            return
        since = None if known is None else known.state_since
        subject = Subject(SubjectKind.CHANNEL, channel.key)
        step = _transition(subject, since, at_s, state, cause)
        at = moment_of(step.at_s)
        plan.transitions.append(step)
        is_so = channel.state is state and channel.state_since == at
        plan.channels.append(channel if is_so else channel.in_state(state, at))
        if cause is not Cause.DEVICE:
            plan.events.append(
                ChannelStateChanged(channel.device_id, channel.channel_id, at, state, cause)
            )


@lru_cache(maxsize=16)
def moment_of(at_s: int) -> datetime:
    """A ledger second, once for all that happens in it: devices and channels go together."""
    return datetime.fromtimestamp(at_s, UTC)


def first_states(device: State) -> tuple[State, State]:
    """What channels begin with that no picture has proven: listed as off, listed as on."""
    off, on = (channel_state(device, is_listed_on=each, is_proven=False) for each in (False, True))
    return off, on


def _transition(
    subject: Subject, since: datetime | None, at_s: int, state: State, cause: Cause
) -> Transition:
    """The step that ends what began at `since`; never before it began."""
    closes_s = None if since is None else int(since.timestamp())
    if closes_s is not None:
        at_s = max(at_s, closes_s)
    return Transition(subject, at_s, closes_s, state, cause)


def removals(channels: Iterable[Channel], at_s: int) -> list[Transition]:
    """The ends of the ledgers of `channels`."""
    return [
        replace(
            _transition(
                Subject(SubjectKind.CHANNEL, channel.key),
                channel.state_since,
                at_s,
                channel.state,
                Cause.REMOVED,
            ),
            opens=False,
        )
        for channel in channels
    ]


def removal_of_device(device: Device, at_s: int) -> Transition:
    """The end of a device's own ledger."""
    subject = Subject(SubjectKind.DEVICE, device.key)
    step = _transition(subject, device.state_since, at_s, device.state, Cause.REMOVED)
    return replace(step, opens=False)
