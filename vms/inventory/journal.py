"""From facts to ledger steps: plans a change, applies it in memory, writes what was observed."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from vms.clock import Clock
from vms.errors import UnavailableError
from vms.events import (
    ChannelStateChanged,
    DeviceCameOnline,
    DeviceWentOffline,
    Event,
    EventBus,
)
from vms.inventory.ledger import LedgerClock, channel_state, device_state
from vms.inventory.model import (
    Cause,
    Channel,
    Device,
    State,
    Subject,
    SubjectKind,
    Transition,
)
from vms.inventory.roster import Record, Roster
from vms.inventory.store import DeviceStore


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


class Journal:
    """Knows how a change of facts becomes ledger steps; keeps those nobody waits for until written."""

    def __init__(
        self, store: DeviceStore, clock: Clock, ledger_clock: LedgerClock, roster: Roster
    ) -> None:
        self._store = store
        self._clock = clock
        self._ledger_clock = ledger_clock
        self._roster = roster
        self._observed: list[_Observed] = []
        self._writing = asyncio.Lock()

    @property
    def is_written(self) -> bool:
        """Nothing waits to be committed."""
        return not self._observed and not self._writing.locked()

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
        given = {channel.channel_id: channel for channel in channels}
        if is_moved:
            given = {**record.channels, **given}
        now = self._clock.monotonic()
        for channel_id, channel in given.items():
            is_proven = channel_id not in unproven and record.proofs.get(channel_id, now) > now
            follows = channel_state(
                state,
                is_listed_on=channel.reported.is_on and channel.absent_syncs == 0,
                is_proven=is_proven,
            )
            self._move_channel(
                plan, record, channel, follows, Cause.DEVICE if is_moved else cause, at_s
            )
        return plan

    def apply(self, record: Record, plan: Plan) -> None:
        """The plan is committed, or is an observation: it is true from now on."""
        self._roster.put_device(record, plan.device)
        for channel in plan.channels:
            self._roster.put_channel(record, channel)

    def observe(
        self, record: Record, cause: Cause, channels: Iterable[Channel] = (), at_s: int | None = None
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

    async def settle(self, record: Record) -> None:
        """Commit what was observed of a device, so that a further step can follow it."""
        while record.unwritten:
            await self.write(None)

    async def write(self, events: EventBus | None) -> None:
        """Commit what was observed so far, in order, then tell it."""
        raise NotImplementedError
