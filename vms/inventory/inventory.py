"""The one writer of devices, channels, presence, alarms, the waiting room and the ledger.

Two kinds of change go through here.

What somebody waits for (a REGISTER, an alarm, a catalogue, an API write) is committed first, then
seen in memory, then told as an event; when the database cannot serve, `UnavailableError` is raised
and nothing has changed. Such changes of one device happen one after the other, and run to their end
even when whoever asked went away.

What is merely observed (a keepalive after silence, a deadline, a picture) is true at once; its
ledger steps are written by `run` in the order they happened, and always before the next life mark.
So a crash in between leaves `unknown`, never a state nobody saw. While a write for a device is
under way, what is observed of that device waits for its end.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog

from vms.clock import Clock
from vms.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from vms.events import (
    AlarmRaised,
    CatalogChanged,
    DeviceAdded,
    DeviceRemoved,
    DeviceWaits,
    EventBus,
)
from vms.gb28181.ids import DeviceId
from vms.gb28181.version import Edition
from vms.inventory.catalog import ABSENT_SYNCS, CatalogDiff
from vms.inventory.changes import fingerprint, patched, patched_channel
from vms.inventory.identifiers import Identifiers
from vms.inventory.journal import Journal, removal_of_device, removals
from vms.inventory.ledger import Breach, LedgerClock, absence, breaches
from vms.inventory.model import (
    Alarm,
    Binding,
    Cause,
    Channel,
    ChannelKey,
    ChannelPatch,
    Device,
    DeviceKey,
    DevicePatch,
    Interval,
    NewDevice,
    ReportedAlarm,
    ReportedChannel,
    State,
    Status,
    Subject,
    SubjectKind,
    Waiting,
    WaitingVerdict,
)
from vms.inventory.online_rate import (
    OnlineRateQuery,
    OnlineRateRow,
    Window,
    online_rates,
    windows,
)
from vms.inventory.policy import BindingMove, Heard, InventoryFigures, InventoryPolicy
from vms.inventory.presence import LONGER_RHYTHM
from vms.inventory.queries import (
    LARGEST_PAGE,
    ChannelQuery,
    DeviceQuery,
    Page,
    Summary,
    page,
    status_of,
)
from vms.inventory.registration import RegistrationFacts, is_alive_elsewhere, refused_already
from vms.inventory.roster import Record, Roster, channel_cursor, channels_of
from vms.inventory.store import DeviceStore, Stored
from vms.inventory.timetable import Timetable
from vms.inventory.tree import DivisionNode, division_tree
from vms.inventory.waiting_room import WaitingRoom, asking

log = structlog.get_logger(__name__)

LIFE_MARK_S = 2.0
FLUSH_S = 5.0
"""How long a sign of life may be in memory only; it changes no state."""

FLUSH_BATCH = 500
WATCH_S = 0.25
RUNG_AT_ONCE = 500
"""Deadlines looked at in one go: when a network fails they all fall due together."""

STALL_S = 10.0
"""When the watch itself did not run for so long, nobody was observing."""

RETRY_S = 1.0

Result = TypeVar("Result")


_Current = dict[SubjectKind, dict[int, tuple[State, int | None]]]
"""The open interval of every subject: its state, and since when."""

_NO_LEDGER = (State.NOT_COMMISSIONED, None)


class Inventory:
    """Which devices and channels exist, and which of them are there.

    `start` before anything else; `run` beside everything else; `stop` at the end.
    """

    def __init__(
        self, store: DeviceStore, clock: Clock, events: EventBus, policy: InventoryPolicy
    ) -> None:
        self.figures = InventoryFigures()
        self._store = store
        self._clock = clock
        self._events = events
        self._policy = policy
        self._zone = ZoneInfo(policy.time_zone)
        self._roster = Roster()
        self._room = WaitingRoom()
        self._ledger_clock = LedgerClock(clock)
        self._journal = Journal(store, clock, self._ledger_clock, self._roster, events)
        self._identifiers = Identifiers()
        self._next_device_key = 1
        self._next_channel_key = 1
        self._deadlines: Timetable[Record] = Timetable()
        self._proofs: Timetable[tuple[Record, str]] = Timetable()
        self._gates: dict[str, _Gate] = {}
        self._under_way: set[asyncio.Task[object]] = set()
        self._touched: set[Record] = set()
        self._asked_again: dict[tuple[str, str], Waiting] = {}
        self._wake = asyncio.Event()
        self._next_mark = 0.0
        self._next_flush = 0.0
        self._watched_at = 0.0

    # Life

    async def start(self) -> None:
        """Read everything, and note our own absence: what nobody observed is unknown."""
        stored = await self._store.load_all()
        starts = [interval.start_s for interval in stored.open_intervals]
        last_s = max([*starts, stored.last_life_s or 0])
        self._ledger_clock = LedgerClock(self._clock, not_before_s=last_s or None)
        self._journal = Journal(
            self._store, self._clock, self._ledger_clock, self._roster, self._events
        )
        steps = absence(stored.open_intervals, stored.last_life_s)
        if steps:
            await self._store.append(steps)
        now_s = self._ledger_clock.now_s()
        await self._store.life_mark(now_s)
        current: _Current = {kind: {} for kind in SubjectKind}
        for interval in stored.open_intervals:
            current[interval.subject.kind][interval.subject.key] = interval.state, interval.start_s
        for step in steps:
            current[step.subject.kind][step.subject.key] = step.state, step.at_s
        self._remember(stored, current)
        now = self._clock.monotonic()
        self._next_mark = now + LIFE_MARK_S
        self._next_flush = now + FLUSH_S
        self._watched_at = now

    def _remember(self, stored: Stored, current: _Current) -> None:
        self._next_device_key = stored.next_device_key
        self._next_channel_key = stored.next_channel_key
        self._room = WaitingRoom(stored.waiting)
        records: dict[DeviceKey, Record] = {}
        now, wall = self._clock.monotonic(), self._ledger_clock.moment()
        states = current[SubjectKind.DEVICE]
        for device in stored.devices:
            state, since_s = states.get(device.key, _NO_LEDGER)
            record = Record(replace(device, state=state, state_since=_moment(since_s)))
            records[device.key] = record
            if state is not State.NOT_COMMISSIONED:
                binding = device.binding
                remaining = timedelta() if binding is None else binding.expires_at - wall
                record.presence.observer_returned(now, remaining.total_seconds())
                self._schedule(record)
        self._roster.fill(list(records.values()))
        channels: dict[DeviceKey, list[Channel]] = {}
        states = current[SubjectKind.CHANNEL]
        for channel in stored.channels:
            state, since_s = states.get(channel.key, _NO_LEDGER)
            channels.setdefault(channel.device_key, []).append(
                replace(channel, state=state, state_since=_moment(since_s))
            )
        for device_key, own in channels.items():
            self._roster.fill_channels(records[device_key], own)

    async def run(self) -> None:
        """Watch the deadlines, write what was observed, mark that we live; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._write())

    async def stop(self) -> None:
        """After `run` has ended: write what is left and mark the last moment we observed."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        try:
            await self._journal.write()
            await self._flush()
            await self._store.life_mark(self._ledger_clock.now_s())
        except UnavailableError as error:
            log.warning("stopped without a last life mark", reason=error.message)

    async def pass_time(self) -> None:
        """Once what `run` does again and again: for tests on a clock of their own."""
        while self._ring():
            pass
        await self._write_due()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            now = self._clock.monotonic()
            if now - self._watched_at > STALL_S:
                self.was_absent(self._watched_at)
            self._watched_at = now
            while self._ring():  # noqa: ASYNC110 - nothing is waited for, others have their turn
                await asyncio.sleep(0)

    async def _write(self) -> None:
        while True:
            now = self._clock.monotonic()
            until_s = max(0.0, min(self._next_mark, self._next_flush) - now)
            with suppress(TimeoutError):
                async with asyncio.timeout(until_s):
                    await self._wake.wait()
            self._wake.clear()
            await self._write_due()

    def was_absent(self, since: float) -> None:
        """This process did not run (it was stopped, or its machine) from `since` (monotonic) on."""
        self.figures.stalls += 1
        now = self._clock.monotonic()
        since_s = int(self._ledger_clock.moment(since).timestamp())
        for record in self._roster.records.values():
            record.presence.observer_returned(now)
            self._observe(record, Cause.SERVER_ABSENT, at_s=since_s)
            self._schedule(record)
        log.warning("nobody was observing", absent_s=round(now - since, 3))

    def _ring(self) -> bool:
        """What fell due, `RUNG_AT_ONCE` at most of a kind; true when there may be more."""
        now = self._clock.monotonic()
        records = list(islice(self._deadlines.due(now), RUNG_AT_ONCE))
        proofs = list(islice(self._proofs.due(now), RUNG_AT_ONCE))
        for record in records:
            if record.is_removed:
                continue
            changes = record.presence.tick(now)
            if changes:
                self._observe(record, changes[-1].cause)
            self._schedule(record)
        for record, channel_id in proofs:
            until = record.proofs.get(channel_id)
            if until is None:
                continue
            if until > now:
                self._proofs.enter((record, channel_id), until)
                continue
            del record.proofs[channel_id]
            self._observe(record, Cause.PROOF_EXPIRED, channel_id)
        return RUNG_AT_ONCE in (len(records), len(proofs))

    async def _write_due(self) -> None:
        """Observations first, then the mark that says we saw all up to here."""
        now = self._clock.monotonic()
        now_s = self._ledger_clock.now_s()
        try:
            await self._journal.write()
            if now >= self._next_mark:
                await self._store.life_mark(now_s)
                self._next_mark = now + LIFE_MARK_S
                await self._note_clock_step()
            if now >= self._next_flush:
                await self._flush()
                self._next_flush = now + FLUSH_S
        except UnavailableError as error:
            self.figures.failed_writes += 1
            self._next_mark = max(self._next_mark, now + RETRY_S)
            self._next_flush = max(self._next_flush, now + RETRY_S)
            log.warning("the ledger waits for its database", reason=error.message)

    async def _note_clock_step(self) -> None:
        step = self._ledger_clock.step()
        if step is not None:
            self.figures.clock_steps += 1
            log.warning("the wall clock was stepped", step_s=round(step.step_s, 3))
            await self._store.clock_step(step)

    async def _flush(self) -> None:
        """Signs of life, tolerances, moved ports, repeated attempts: many at once."""
        touched, self._touched = self._touched, set()
        now = self._clock.monotonic()
        waiting = [record for record in touched if not record.is_removed]
        try:
            while waiting:
                batch = waiting[-FLUSH_BATCH:]
                await self._store.touch_devices([self._to_touch(record, now) for record in batch])
                del waiting[-FLUSH_BATCH:]
            while self._asked_again:
                key, row = next(iter(self._asked_again.items()))
                await self._store.save_waiting(row)
                self._asked_again.pop(key, None)
        except UnavailableError:
            self._touched.update(waiting)
            raise

    def _to_touch(self, record: Record, now: float) -> Device:
        """A device as it is to be stored; a longer rhythm than the one on file is remembered."""
        presence = record.presence
        if presence.is_expired(now) and record.flagged_expiry != presence.expires_at:
            record.flagged_expiry = presence.expires_at
            self.count_tolerance(record.device.device_id, "registration_expired")
        if presence.interval_s > LONGER_RHYTHM * record.device.keepalive_interval_s:
            self._roster.put_device(
                record, replace(record.device, keepalive_interval_s=presence.interval_s)
            )
        return record.seen(self._ledger_clock)

    # Reads, from memory

    def device(self, device_id: str) -> Device:
        """A device on file; raises `NotFoundError`."""
        return self._record(device_id).seen(self._ledger_clock)

    def find_device(self, device_id: str) -> Device | None:
        """A device on file, or None."""
        record = self._roster.records.get(device_id)
        return None if record is None else record.seen(self._ledger_clock)

    def devices(self, query: DeviceQuery) -> Page[Device]:
        """Devices in order of ID."""

        def matching(cursor: str | None) -> Iterator[Device]:
            for record in self._roster.records_after(cursor):
                if query.fits(record.device):
                    yield record.seen(self._ledger_clock)

        return page(
            matching(query.cursor),
            query.limit,
            lambda device: device.device_id,
            matching(None) if query.with_total else None,
        )

    def channel(self, device_id: str, channel_id: str) -> Channel:
        """A channel on file; raises `NotFoundError`."""
        channel = self._record(device_id).channels.get(channel_id)
        if channel is None:
            raise NotFoundError(f"no channel {channel_id} on device {device_id}")
        return channel

    def channels(self, query: ChannelQuery) -> Page[Channel]:
        """Channels in order of device and channel ID."""

        def matching(cursor: str | None) -> Iterator[Channel]:
            if query.device_id is None:
                channels = self._roster.channels_after(cursor)
            else:
                channels = channels_of(self._record(query.device_id), cursor)
            return (channel for channel in channels if query.fits(channel))

        return page(
            matching(query.cursor),
            query.limit,
            channel_cursor,
            matching(None) if query.with_total else None,
        )

    def channel_counts(self, device_id: str) -> tuple[int, int]:
        """Channels of a device: on file, online now."""
        record = self._record(device_id)
        return len(record.channels), record.online_channels

    def waiting(self) -> list[Waiting]:
        """The waiting room, the latest first; units refused for a double ID stand here too."""
        return self._room.rows()

    def is_writing(self, device_id: str) -> bool:
        """A change of the device is under way."""
        return device_id in self._gates

    def status(self, device: Device) -> Status:
        """What lists show of a device."""
        return status_of(device.state)

    def summary(self) -> Summary:
        """Everything counted by state, now."""
        return Summary(
            devices={state: self._roster.device_states[state] for state in State},
            channels={state: self._roster.channel_states[state] for state in State},
            waiting=sum(not row.refused for row in self._room.rows()),
        )

    def divisions(self) -> list[DivisionNode]:
        """The tree of divisions with live counts."""
        return division_tree(self._roster.divisions)

    def registration_facts(
        self,
        device_id: DeviceId,
        *,
        to_id: str,
        username: str | None,
        expires_s: int | None,
        host: str,
        call_id: str,
    ) -> RegistrationFacts:
        """What `vms.inventory.registration.decide` wants to know of who sends a REGISTER."""
        record = self._roster.records.get(device_id)
        return RegistrationFacts(
            device_id=device_id,
            to_id=to_id,
            username=username,
            expires_s=expires_s,
            device=None if record is None else record.device,
            is_refused=record is None and refused_already(self._room.of(device_id)),
            is_alive_elsewhere=record is not None
            and is_alive_elsewhere(
                record.device,
                is_alive=record.presence.is_alive(self._clock.monotonic()),
                host=host,
                call_id=call_id,
            ),
        )

    # From signalling: signs of life, never awaited

    def keepalive(self, device_id: str, host: str, port: int) -> Heard:
        """A Keepalive (9.6). In memory only: costs microseconds, whatever the database does."""
        return self._hear(device_id, host, port, is_keepalive=True)

    def heard(self, device_id: str, host: str, port: int) -> Heard:
        """Any other request of a device."""
        return self._hear(device_id, host, port, is_keepalive=False)

    def count_tolerance(self, device_id: str, name: str) -> None:
        """A device was wrong in a way we put up with."""
        record = self._roster.records.get(device_id)
        if record is not None:
            record.tolerances[name] = record.tolerances.get(name, 0) + 1
            record.forget_seen()
            self._touched.add(record)

    def _hear(self, device_id: str, host: str, port: int, *, is_keepalive: bool) -> Heard:
        record = self._roster.records.get(device_id)
        binding = None if record is None else record.device.binding
        if record is None or binding is None:
            self.figures.unknown_devices += 1
            return Heard.UNKNOWN_DEVICE
        if (binding.port != port or binding.host != host) and not self._follow(record, host, port):
            self.figures.foreign_addresses += 1
            return Heard.FOREIGN_ADDRESS
        now = self._clock.monotonic()
        presence = record.presence
        if is_keepalive:
            self.figures.keepalives += 1
            changes = presence.keepalive(now)
        else:
            changes = presence.heard(now)
        record.forget_seen()
        self._touched.add(record)
        if changes:
            self._observe(record, changes[-1].cause)
            self._schedule(record)
        return Heard.KNOWN

    def _follow(self, record: Record, host: str, port: int) -> bool:
        """The device speaks from elsewhere: go there too, where the policy allows it."""
        binding, move = record.device.binding, self._policy.binding_move
        if binding is None or move is BindingMove.STRICT:
            return False
        if move is BindingMove.SAME_IP and binding.host != host:
            return False
        moved = replace(binding, host=host, port=port)
        self._roster.put_device(record, replace(record.device, binding=moved))
        return True

    async def connection_lost(
        self, device_id: str, host: str | None = None, port: int | None = None
    ) -> None:
        """The TCP connection of a device was closed; with its remote address, only where the
        device has not registered over another one since."""
        record = self._roster.records.get(device_id)
        binding = None if record is None else record.device.binding
        if record is None or binding is None:
            return
        if host is not None and (binding.host, binding.port) != (host, port):
            return
        record.presence.connection_lost(self._clock.monotonic())
        self._schedule(record)

    async def picture_proven(self, device_id: str, channel_id: str) -> None:
        """A picture of the channel was seen just now; it is a sign of life of its device too."""
        record = self._roster.records.get(device_id)
        channel = None if record is None else record.channels.get(channel_id)
        if record is None or channel is None or record.device.binding is None:
            return
        now = self._clock.monotonic()
        until = now + self._policy.proof_window_s
        record.proofs[channel.channel_id] = until
        self._proofs.enter((record, channel.channel_id), until)
        changes = record.presence.heard(now)
        record.forget_seen()
        self._touched.add(record)
        if changes:
            self._schedule(record)
        self._observe(record, Cause.PICTURE, channel.channel_id)

    # From signalling: committed before they return

    async def register(
        self, device_id: str, binding: Binding, *, user_agent: str, edition: Edition
    ) -> Device:
        """A REGISTER that was accepted; a device that is not on file comes on file by it."""
        return await self._to_the_end(
            self._register(DeviceId(device_id), binding, user_agent, edition)
        )

    async def _register(
        self, device_id: DeviceId, binding: Binding, user_agent: str, edition: Edition
    ) -> Device:
        async with self._alone(device_id):
            record = self._roster.records.get(device_id)
            is_new = record is None
            if record is None:
                record = Record(self._fresh_device(NewDevice(device_id)))
            await self._journal.settle(record)
            known = record.seen(self._ledger_clock)
            device = replace(
                known,
                binding=binding,
                user_agent=user_agent or known.user_agent,
                edition=known.edition if edition is Edition.UNKNOWN else edition,
                last_heard_at=self._ledger_clock.moment(),
            )
            plan = self._journal.plan(record, device, State.ONLINE_SIGNALLED, Cause.REGISTERED)
            await self._store.save_device(plan.device, plan.transitions)
            if is_new:
                self._roster.add(record)
                self._events.publish(DeviceAdded(device_id, self._ledger_clock.moment()))
            self._journal.apply(record, plan)
            lasts = binding.expires_at - binding.registered_at
            record.presence.registered(self._clock.monotonic(), lasts.total_seconds())
            self._schedule(record)
            self._journal.tell(plan.events)
            return record.seen(self._ledger_clock)

    async def unregister(self, device_id: str) -> None:
        """A REGISTER with `Expires: 0`: offline at once, until it registers again."""
        await self._to_the_end(self._unregister(device_id))

    async def _unregister(self, device_id: str) -> None:
        async with self._alone(device_id):
            record = self._record(device_id)
            await self._journal.settle(record)
            device = replace(record.seen(self._ledger_clock), binding=None)
            plan = self._journal.plan(record, device, State.OFFLINE, Cause.UNREGISTERED)
            await self._store.save_device(plan.device, plan.transitions)
            self._journal.apply(record, plan)
            record.presence.unregistered(self._clock.monotonic())
            self._journal.tell(plan.events)

    async def note_waiting(
        self,
        device_id: str,
        host: str,
        port: int,
        *,
        transport: str,
        user_agent: str,
        verdict: WaitingVerdict,
    ) -> None:
        """A device that is not let in asked; more of the same only counts."""
        asked = asking(
            DeviceId(device_id),
            host,
            port,
            transport=transport,
            user_agent=user_agent,
            verdict=verdict,
            at=self._ledger_clock.moment(),
        )
        await self._to_the_end(self._note_waiting(asked))

    async def _note_waiting(self, asked: Waiting) -> None:
        async with self._alone(asked.device_id):
            row, is_news = self._room.row_for(asked)
            if not is_news:
                self._room.put(row)
                self._asked_again[row.device_id, row.source_host] = row
                return
            evicted = self._room.surplus(row)
            await self._store.save_waiting(row, evicted)
            self._room.put(row, evicted)
            if row.attempts == 1:
                source = f"{row.source_host}:{row.source_port}"
                self._events.publish(DeviceWaits(row.device_id, row.last_seen_at, source))

    async def set_device_info(
        self, device_id: str, name: str, manufacturer: str, model: str, firmware: str
    ) -> Device:
        """The answer to a DeviceInfo query (A.2.6.5); what it leaves empty stays as it was."""
        return await self._to_the_end(
            self._set_device_info(device_id, name, manufacturer, model, firmware)
        )

    async def _set_device_info(
        self, device_id: str, name: str, manufacturer: str, model: str, firmware: str
    ) -> Device:
        async with self._alone(device_id):
            record = self._record(device_id)
            known = record.device
            device = replace(
                record.seen(self._ledger_clock),
                name=name or known.name,
                manufacturer=manufacturer or known.manufacturer,
                model=model or known.model,
                firmware=firmware or known.firmware,
            )
            return await self._save(record, device)

    async def replace_channels(
        self, device_id: str, items: Sequence[ReportedChannel], *, complete: bool
    ) -> None:
        """The answer to a catalogue query of ours.

        A complete one replaces: what it leaves out is absent, and is removed when two more complete
        ones have left it out as well. One that is complete and empty takes nothing away: whatever
        was there is off. An incomplete one only adds.
        """
        await self._to_the_end(self._take_catalog(device_id, items, complete=complete))

    async def upsert_channels(self, device_id: str, items: Sequence[ReportedChannel]) -> None:
        """Channels a device reported unasked: nothing is taken away."""
        await self._to_the_end(self._take_catalog(device_id, items, complete=False))

    async def _take_catalog(
        self, device_id: str, items: Sequence[ReportedChannel], *, complete: bool
    ) -> None:
        async with self._alone(device_id):
            record = self._record(device_id)
            await self._journal.settle(record)
            diff = self._compare(record, items, complete=complete)
            at_s = self._ledger_clock.now_s()
            plan = self._journal.plan(
                record,
                record.device,
                record.device.state,
                Cause.CATALOG,
                channels=diff.saved,
                unproven=diff.turned_off,
                at_s=at_s,
            )
            if not plan.channels and not diff.removed:
                return
            await self._store.save_channels(
                plan.channels,
                [channel.key for channel in diff.removed],
                [*plan.transitions, *removals(diff.removed, at_s)],
            )
            for channel_id in diff.turned_off:
                record.proofs.pop(channel_id, None)
            self._journal.apply(record, plan)
            for channel in diff.removed:
                self._roster.drop_channel(record, channel.channel_id)
            self._journal.tell(plan.events)
            self._events.publish(
                CatalogChanged(
                    record.device.device_id,
                    self._ledger_clock.moment(),
                    added=diff.added,
                    removed=len(diff.removed),
                    changed=len(plan.channels) - diff.added,
                )
            )

    def _compare(
        self, record: Record, items: Sequence[ReportedChannel], *, complete: bool
    ) -> CatalogDiff:
        """What a report changes."""
        named: dict[str, ReportedChannel] = {item.channel_id: item for item in items}
        diff = CatalogDiff()
        for channel_id, item in named.items():
            known = record.channels.get(channel_id)
            if known is None:
                diff.added += 1
                diff.saved.append(self._fresh_channel(record.device, item))
            else:
                diff.keep(replace(known, reported=item, absent_syncs=0), known)
        if not complete:
            return diff
        for channel_id, known in record.channels.items():
            if channel_id in named:
                continue
            if not named:
                off = replace(known.reported, is_on=False)
                diff.keep(replace(known, reported=off), known)
            elif known.absent_syncs >= ABSENT_SYNCS:
                diff.removed.append(known)
            else:
                diff.keep(replace(known, absent_syncs=known.absent_syncs + 1), known)
        return diff

    async def record_alarm(self, device_id: str, reported: ReportedAlarm) -> bool:
        """Store an alarm once; False when it is there already. Returns after the commit (N1)."""
        device = self._record(device_id).device
        received_at = self._ledger_clock.moment()
        alarm = Alarm(
            alarm_id=self._identifiers.next(received_at),
            device_key=device.key,
            device_id=device.device_id,
            source_id=reported.source_id,
            sn=reported.sn,
            priority=reported.priority,
            method=reported.method,
            alarm_type=reported.alarm_type,
            occurred_at=reported.occurred_at,
            received_at=received_at,
            description=reported.description,
            longitude=reported.longitude,
            latitude=reported.latitude,
            fingerprint=fingerprint(reported),
            raw=reported.raw,
        )
        return await self._to_the_end(self._add_alarm(alarm))

    async def _add_alarm(self, alarm: Alarm) -> bool:
        is_new = await self._store.add_alarm(alarm)
        if is_new:
            self._events.publish(
                AlarmRaised(
                    alarm_id=alarm.alarm_id,
                    device_id=alarm.device_id,
                    source_id=alarm.source_id,
                    at=alarm.occurred_at,
                    priority=alarm.priority,
                    method=alarm.method,
                    alarm_type=alarm.alarm_type,
                )
            )
        return is_new

    # From the API: committed before they return

    async def add_device(self, new: NewDevice) -> Device:
        """Put a device on file before it registers; raises `ConflictError` when it is there."""
        return await self._to_the_end(self._add_device(new))

    async def _add_device(self, new: NewDevice) -> Device:
        async with self._alone(new.device_id):
            return await self._put_on_file(self._fresh_device(new))

    async def _put_on_file(self, device: Device) -> Device:
        if device.device_id in self._roster.records:
            raise ConflictError(f"device {device.device_id} is on file already")
        record = Record(device)
        plan = self._journal.plan(record, device, State.NOT_COMMISSIONED, Cause.ADDED)
        await self._store.save_device(plan.device, plan.transitions)
        self._roster.add(record)
        self._journal.apply(record, plan)
        self._events.publish(DeviceAdded(device.device_id, self._ledger_clock.moment()))
        return plan.device

    async def patch_device(self, device_id: str, patch: DevicePatch) -> Device:
        """Change what a person may change; raises `InvalidError` for nonsense."""
        return await self._to_the_end(self._patch_device(device_id, patch))

    async def _patch_device(self, device_id: str, patch: DevicePatch) -> Device:
        async with self._alone(device_id):
            record = self._record(device_id)
            device = patched(record.seen(self._ledger_clock), patch)
            saved = await self._save(record, device)
            if "keepalive_interval_s" in patch or "keepalive_misses" in patch:
                record.presence.configure(saved.keepalive_interval_s, saved.keepalive_misses)
                self._schedule(record)
            return saved

    async def remove_device(self, device_id: str) -> None:
        """Take a device and its channels off file; their ledgers stay."""
        await self._to_the_end(self._remove_device(device_id))

    async def _remove_device(self, device_id: str) -> None:
        async with self._alone(device_id):
            record = self._record(device_id)
            await self._journal.settle(record)
            at_s = self._ledger_clock.now_s()
            channels = list(record.channels.values())
            await self._store.remove_device(
                record.device.key,
                [channel.key for channel in channels],
                [removal_of_device(record.device, at_s), *removals(channels, at_s)],
            )
            self._roster.remove(record)
            self._touched.discard(record)
            at = self._ledger_clock.moment()
            self._events.publish(DeviceRemoved(record.device.device_id, at))

    async def approve(self, device_id: str, secret: str | None, trust: bool) -> Device:
        """Let a waiting device in at its next REGISTER.

        With a `secret` of its own, or with `trust` where its digest was right already; with neither
        it has to know what it is expected to know: the shared password or its derived secret.
        """
        return await self._to_the_end(self._approve(device_id, secret, trust=trust))

    async def _approve(self, device_id: str, secret: str | None, *, trust: bool) -> Device:
        async with self._alone(device_id):
            rows = self._waiting_rows(device_id)
            if trust and all(row.verdict is not WaitingVerdict.RIGHT for row in rows):
                raise ConflictError(f"device {device_id} has proved no password that we know")
            new = NewDevice(rows[-1].device_id, secret=secret)
            device = replace(self._fresh_device(new), user_agent=rows[-1].user_agent)
            saved = await self._put_on_file(device)
            await self._store.delete_waiting(saved.device_id)
            self._forget_waiting(saved.device_id)
            return saved

    async def refuse(self, device_id: str) -> None:
        """Keep an ID out; the rows stay to say so."""
        await self._to_the_end(self._refuse(device_id))

    async def _refuse(self, device_id: str) -> None:
        async with self._alone(device_id):
            for row in self._waiting_rows(device_id):
                refused = replace(row, refused=True)
                await self._store.save_waiting(refused)
                self._room.put(refused)
                self._asked_again.pop((row.device_id, row.source_host), None)

    async def patch_channel(self, device_id: str, channel_id: str, patch: ChannelPatch) -> Channel:
        """Set a name or a division over what the device reports."""
        return await self._to_the_end(self._patch_channel(device_id, channel_id, patch))

    async def _patch_channel(self, device_id: str, channel_id: str, patch: ChannelPatch) -> Channel:
        async with self._alone(device_id):
            known = self.channel(device_id, channel_id)
            channel = patched_channel(known, patch)
            await self._store.save_channels([channel])
            self._roster.put_channel(self._record(device_id), channel)
            return channel

    # From the ledger

    async def online_rate(self, query: OnlineRateQuery) -> list[OnlineRateRow]:
        """Online rates over a window up to now, at most; raises `InvalidError` for an empty one."""
        start_s = int(query.start.timestamp())
        end_s = min(int(query.end.timestamp()), self._ledger_clock.now_s())
        if end_s <= start_s:
            raise InvalidError("the window is empty, or has not begun")
        cut = windows(Window(start_s, end_s), query.every, self._zone)
        await self._journal.write()
        intervals = await self._store.intervals_of_all(SubjectKind.CHANNEL, start_s, end_s)
        on_file = list(self._roster.channels_after(None))
        channels = [*on_file, *await self._store.removed_channels()]
        devices = {device_id: record.device for device_id, record in self._roster.records.items()}
        return await asyncio.to_thread(online_rates, intervals, channels, devices, query, cut)

    async def ledger(
        self, device_id: str, channel_id: str | None, start: datetime, end: datetime
    ) -> list[Interval]:
        """The intervals of a channel, or of the device, that overlap [start, end)."""
        if channel_id is None:
            subject = Subject(SubjectKind.DEVICE, self._record(device_id).device.key)
        else:
            subject = Subject(SubjectKind.CHANNEL, self.channel(device_id, channel_id).key)
        await self._journal.write()
        return list(
            await self._store.intervals(subject, int(start.timestamp()), int(end.timestamp()))
        )

    async def alarms(
        self, device_id: str | None = None, before_id: str | None = None, limit: int = 100
    ) -> Sequence[Alarm]:
        """Alarms, newest first."""
        wanted = None if device_id is None else DeviceId(device_id)
        return await self._store.alarms(wanted, before_id, max(1, min(limit, LARGEST_PAGE)))

    async def check_conservation(self, start: datetime, end: datetime) -> list[Breach]:
        """Where the ledger does not add up: nowhere (N8)."""
        await self._journal.write()
        found: list[Breach] = []
        for kind in SubjectKind:
            intervals = await self._store.intervals_of_all(
                kind, int(start.timestamp()), int(end.timestamp())
            )
            found += await asyncio.to_thread(breaches, intervals)
        return found

    # Inside

    def _record(self, device_id: str) -> Record:
        record = self._roster.records.get(device_id)
        if record is None:
            raise NotFoundError(f"no device {device_id}")
        return record

    def _schedule(self, record: Record) -> None:
        deadline = record.presence.deadline
        if deadline is not None:
            self._deadlines.enter(record, deadline)

    def _observe(
        self,
        record: Record,
        cause: Cause,
        channel_id: str | None = None,
        at_s: int | None = None,
    ) -> None:
        """A fact changed that nobody waits for; while a write is under way it waits its turn."""
        if record.is_removed:
            return
        if record.device.device_id in self._gates:
            record.missed = cause
            return
        channels = () if channel_id is None else (record.channels[channel_id],)
        if self._journal.observe(record, cause, channels, at_s):
            self._wake.set()

    async def _save(self, record: Record, device: Device) -> Device:
        """A change that touches no ledger."""
        if device != record.device:
            await self._store.save_device(device)
            self._roster.put_device(record, device)
        return record.seen(self._ledger_clock)

    def _waiting_rows(self, device_id: str) -> list[Waiting]:
        rows = self._room.of(device_id)
        if not rows:
            raise NotFoundError(f"device {device_id} does not wait")
        return rows

    def _forget_waiting(self, device_id: str) -> None:
        for row in self._room.of(device_id):
            self._asked_again.pop((row.device_id, row.source_host), None)
        self._room.drop(device_id)

    def _fresh_device(self, new: NewDevice) -> Device:
        key = DeviceKey(self._next_device_key)
        self._next_device_key += 1
        policy = self._policy
        device = Device(
            key=key,
            device_id=new.device_id,
            name_override=new.name,
            created_at=self._ledger_clock.moment(),
            keepalive_interval_s=policy.keepalive_interval_s,
            keepalive_misses=policy.keepalive_misses,
        )
        patch = DevicePatch(
            secret=new.secret, sip_username=new.sip_username, media_transport=new.media_transport
        )
        if new.keepalive_interval_s is not None:
            patch["keepalive_interval_s"] = new.keepalive_interval_s
        if new.keepalive_misses is not None:
            patch["keepalive_misses"] = new.keepalive_misses
        return patched(device, patch)

    def _fresh_channel(self, device: Device, item: ReportedChannel) -> Channel:
        key = ChannelKey(self._next_channel_key)
        self._next_channel_key += 1
        return Channel(key=key, device_key=device.key, device_id=device.device_id, reported=item)

    async def _to_the_end(self, work: Coroutine[object, None, Result]) -> Result:
        """Whoever asked may go away; what is begun is finished, so that memory and rows agree."""
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Result]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Asked for, so that a failure nobody is left to hear of raises no second alarm.
            task.exception()

    @asynccontextmanager
    async def _alone(self, device_id: str) -> AsyncGenerator[None]:
        """One change of a device at a time."""
        gate = self._gates.setdefault(device_id, _Gate())
        gate.users += 1
        try:
            async with gate.lock:
                yield
        finally:
            gate.users -= 1
            if gate.users == 0:
                del self._gates[device_id]
                self._catch_up(device_id)

    def _catch_up(self, device_id: str) -> None:
        """What was observed while a write was under way is taken up now."""
        record = self._roster.records.get(device_id)
        if record is None or record.missed is None:
            return
        cause, record.missed = record.missed, None
        if self._journal.observe(record, cause, list(record.channels.values())):
            self._wake.set()


class _Gate:
    """Who writes for a device, and how many want to."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


def _moment(at_s: int | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)
