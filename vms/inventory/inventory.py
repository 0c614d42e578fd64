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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from sys import intern

import structlog

from vms.clock import next_beat
from vms.errors import UnavailableError, VmsError
from vms.events import (
    DeviceAdded,
    DeviceFlaps,
    ServerWasAbsent,
)
from vms.frozen import altered
from vms.gb28181.ids import DeviceId
from vms.gb28181.version import Edition
from vms.inventory.governance import Governance
from vms.inventory.journal import Journal
from vms.inventory.ledger import LedgerClock, absence
from vms.inventory.measurements import Measurements
from vms.inventory.model import (
    Binding,
    Cause,
    Channel,
    Device,
    DeviceKey,
    NewDevice,
    State,
    SubjectKind,
    Waiting,
)
from vms.inventory.notices import Notices
from vms.inventory.placement import segment_of
from vms.inventory.placing import Placing
from vms.inventory.policy import BindingMove, Heard
from vms.inventory.positions import MOST_SOURCES, LatestPositions
from vms.inventory.presence import LONGER_RHYTHM
from vms.inventory.registration import RegistrationFacts, is_alive_elsewhere, refused_already
from vms.inventory.roster import Record
from vms.inventory.salvage import store_in_parts
from vms.inventory.store import LastHeard, Stored
from vms.inventory.thrift import (
    shared_counts,
    thrifty_device,
    thrifty_item,
    thrifty_overrides,
)
from vms.inventory.waiting_room import WaitingRoom

log = structlog.get_logger(__name__)

LIFE_MARK_S = 2.0
FLUSH_S = 5.0
"""How long a sign of life may be in memory only; it changes no state."""

FLUSH_BATCH = 500
HEARD_BATCH = 2000
"""Two times each: 2,000 of them hold the loop for some milliseconds."""

WATCH_S = 0.25
RUNG_AT_ONCE = 500
"""Deadlines looked at in one go: when a network fails they all fall due together."""

STALL_S = 10.0
"""When the watch itself did not run for so long, nobody was observing."""

RETRY_S = 1.0

_Current = dict[SubjectKind, dict[int, tuple[State, int | None]]]
"""The open interval of every subject: its state, and since when."""

_NO_LEDGER = (State.NOT_COMMISSIONED, None)


def _states_of(stored: Stored) -> _Current:
    current: _Current = {kind: {} for kind in SubjectKind}
    for interval in stored.open_intervals:
        current[interval.subject.kind][interval.subject.key] = interval.state, interval.start_s
    return current


class Inventory(Governance, Notices, Measurements, Placing):
    """Which devices and channels exist, and which of them are there.

    `start` before anything else; `run` beside everything else; `stop` at the end.
    """

    # Life

    async def start(self) -> None:
        """Read everything, and note our own absence: what nobody observed is unknown."""
        stored = await self._store.load_all()
        self._open_ledger(stored)
        steps = absence(stored.open_intervals, stored.last_life_s)
        if steps:
            await self._store.append(steps)
        now_s = self._ledger_clock.now_s()
        await self._store.life_mark(now_s)
        self._marked_s = now_s
        current = _states_of(stored)
        for step in steps:
            current[step.subject.kind][step.subject.key] = step.state, step.at_s
        self._remember(stored, current)
        if stored.last_life_s is not None:
            self._tell_absence(stored.last_life_s)
        await self._read_groups()
        await self._repair_places(stored.open_placements)
        self._positions = LatestPositions(await self._store.latest_positions(MOST_SOURCES))
        now = self._clock.monotonic()
        self._next_mark = now + LIFE_MARK_S
        self._next_flush = now + FLUSH_S
        self._watched_at = now

    async def look(self) -> None:
        """Instead of `start`, beside the process that writes: nothing is changed, nobody watched.

        Wants a clock that stands at the last life mark, so that figures end there.
        """
        stored = await self._store.load_all()
        self._open_ledger(stored)
        self._remember(stored, _states_of(stored))
        await self._read_groups()
        self._marked_s = stored.last_life_s or 0
        self._watched_at = self._clock.monotonic()

    def _open_ledger(self, stored: Stored) -> None:
        starts = [interval.start_s for interval in stored.open_intervals]
        starts += [placement.start_s for placement in stored.open_placements]
        last_s = max([*starts, stored.last_life_s or 0])
        self._ledger_clock = LedgerClock(self._clock, not_before_s=last_s or None)
        self._journal = Journal(
            self._store, self._clock, self._ledger_clock, self._roster, self._events
        )

    def _remember(self, stored: Stored, current: _Current) -> None:
        self._next_device_key = stored.next_device_key
        self._next_channel_key = stored.next_channel_key
        self._room = WaitingRoom(stored.waiting)
        records: dict[DeviceKey, Record] = {}
        now, wall = self._clock.monotonic(), self._ledger_clock.moment()
        states = current[SubjectKind.DEVICE]
        for device in stored.devices:
            state, since_s = states.get(device.key, _NO_LEDGER)
            record = Record(
                replace(thrifty_device(device), state=state, state_since=_moment(since_s))
            )
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
                replace(
                    channel,
                    reported=thrifty_item(channel.reported, channel.device_id),
                    overrides=thrifty_overrides(channel.overrides),
                    state=state,
                    state_since=_moment(since_s),
                )
            )
        for device_key, own in channels.items():
            self._roster.fill_channels(records[device_key], own)
        for node in stored.nodes:
            record = records[node.device_key]
            record.nodes = record.nodes or {}
            record.nodes[node.node_id] = node
        self._look_at_everything()

    async def run(self) -> None:
        """Watch the deadlines, write what was observed, mark that we live; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._write())

    async def stop(self) -> None:
        """After `run` has ended: write what is left and mark the last moment we observed."""
        await self._under_way.wait()
        try:
            await self._journal.write()
            await self._flush()
            await self._store.life_mark(self._ledger_clock.now_s())
        except UnavailableError as error:
            log.warning("stopped without a last life mark", reason=error.message)

    async def pass_time(self) -> None:
        """Once what `run` does again and again: for tests on a clock of their own."""
        self._watched_at = self._clock.monotonic()
        self._tell_positions()
        while self._ring():
            pass
        await self._write_due()

    async def _watch(self) -> None:
        while True:
            await next_beat(WATCH_S)
            now = self._clock.monotonic()
            if now - self._watched_at > STALL_S:
                self.was_absent(self._watched_at)
            self._watched_at = now
            self._tell_positions()
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
        self._tell_absence(since_s)
        log.warning("nobody was observing", absent_s=round(now - since, 3))

    def _tell_absence(self, since_s: int) -> None:
        """Of less than a second the ledger knows nothing either."""
        now_s = self._ledger_clock.now_s()
        if now_s > since_s:
            devices = self._roster.device_states[State.UNKNOWN]
            since, at = (datetime.fromtimestamp(each, UTC) for each in (since_s, now_s))
            self._events.publish(ServerWasAbsent(since, at, devices))

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
                self._note_flapping(record, now)
                self._observe(record, changes[-1].cause)
            self._schedule(record)
        for record, channel_id in proofs:
            until = record.proven_until(channel_id)
            if until is None:
                continue
            if until > now:
                self._proofs.enter((record, channel_id), until)
                continue
            record.unprove(channel_id)
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
                self._marked_s = now_s
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
        finally:
            self.figures.dropped_observations = self._journal.dropped

    async def _note_clock_step(self) -> None:
        step = self._ledger_clock.step()
        if step is not None:
            self.figures.clock_steps += 1
            log.warning("the wall clock was stepped", step_s=round(step.step_s, 3))
            await self._store.clock_step(step)

    async def _flush(self) -> None:
        """Signs of life, tolerances, moved ports, repeated attempts: many at once."""
        now = self._clock.monotonic()
        heard, self._heard = self._heard, set()
        self._touched.update(record for record in heard if self._has_news(record, now))
        touched, self._touched = self._touched, set()
        waiting = [record for record in touched if not record.is_removed]
        # In order of their rows: each page of the table is found, changed and written once.
        only_heard = sorted(
            (record for record in heard - touched if not record.is_removed), key=_key_of
        )
        try:
            await store_in_parts(only_heard, self._store_heard, self._not_noted, most=HEARD_BATCH)
            await store_in_parts(waiting, self._store_touched, self._not_noted, most=FLUSH_BATCH)
            while self._asked_again:
                key, row = next(iter(self._asked_again.items()))
                await self._keep_waiting(row)
                self._asked_again.pop(key, None)
            over = self._duplicates_over()
            if over:
                await self._store.drop_waiting(over)
                self._forget_rows(over)
        except UnavailableError:
            self._touched.update(waiting)
            self._heard.update(only_heard)
            raise

    async def _store_heard(self, batch: Sequence[Record]) -> None:
        await self._store.note_heard([self._last_heard(record) for record in batch])

    async def _store_touched(self, batch: Sequence[Record]) -> None:
        now = self._clock.monotonic()
        await self._store.touch_devices([self._to_touch(record, now) for record in batch])
        for record in batch:
            record.forget_seen()  # whoever asks next makes it anew: few are asked about

    async def _keep_waiting(self, row: Waiting) -> None:
        try:
            await self._store.save_waiting(row)
        except UnavailableError:
            raise
        except VmsError as error:
            self.figures.spoilt_writes += 1
            log.warning("who waits was not stored", device_id=row.device_id, error=str(error))

    async def _not_noted(self, record: Record, error: VmsError) -> None:
        """What is noted of a device cannot be stored; it is noted anew when it is heard again."""
        self.figures.spoilt_writes += 1
        device_id = record.device.device_id
        log.error("a sign of life was not stored", device_id=device_id, error=str(error))

    def _last_heard(self, record: Record) -> LastHeard:
        presence, moment_us = record.presence, self._ledger_clock.moment_us
        keepalive_at, heard_at = presence.keepalive_at, presence.heard_at
        if heard_at is None:
            raise RuntimeError(f"{record.device.device_id} was noted as heard, and never was")
        heard_us = moment_us(heard_at)
        if keepalive_at == heard_at:  # nearly always
            return LastHeard(record.device.key, heard_us, heard_us)
        keepalive_us = None if keepalive_at is None else moment_us(keepalive_at)
        return LastHeard(record.device.key, keepalive_us, heard_us)

    def _has_news(self, record: Record, now: float) -> bool:
        """`_to_touch` would find more to write than when the device was last heard."""
        presence = record.presence
        return (
            presence.is_flapping(now) is not record.is_flapping
            or (presence.is_expired(now) and record.flagged_expiry != presence.expires_at)
            or presence.interval_s > LONGER_RHYTHM * record.device.keepalive_interval_s
        )

    def _to_touch(self, record: Record, now: float) -> Device:
        """A device as it is to be stored; a longer rhythm than the one on file is remembered."""
        presence = record.presence
        self._note_flapping(record, now)
        if presence.is_expired(now) and record.flagged_expiry != presence.expires_at:
            record.flagged_expiry = presence.expires_at
            self.count_tolerance(record.device.device_id, "registration_expired")
        if presence.interval_s > LONGER_RHYTHM * record.device.keepalive_interval_s:
            self.count_tolerance(record.device.device_id, "keepalive_rhythm")
            self._roster.put_device(
                record, replace(record.device, keepalive_interval_s=presence.interval_s)
            )
        return record.seen(self._ledger_clock)

    def _note_flapping(self, record: Record, now: float) -> None:
        """While a device flaps its comings and goings are one event: that it does."""
        is_flapping = record.presence.is_flapping(now)
        if is_flapping is not record.is_flapping:
            record.is_flapping = is_flapping
            record.forget_seen()
            at = self._ledger_clock.moment()
            self._events.publish(DeviceFlaps(record.device.device_id, at, is_over=not is_flapping))

    # What signalling asks before it answers

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

    def usual_keepalive(self, device_id: str, host: str, port: int) -> bool:
        """A Keepalive of a device that speaks from where it is bound; False, and nothing has
        happened, for any other: `keepalive` judges those."""
        return self._hear_at_home(device_id, host, port, is_keepalive=True)

    def usual_message(self, device_id: str, host: str, port: int) -> bool:
        """The same for any other request; `heard` judges those that are not usual."""
        return self._hear_at_home(device_id, host, port, is_keepalive=False)

    def _hear_at_home(self, device_id: str, host: str, port: int, *, is_keepalive: bool) -> bool:
        record = self._roster.records.get(device_id)
        binding = None if record is None else record.device.binding
        if record is None or binding is None or binding.port != port or binding.host != host:
            return False
        self._note_sign_of_life(record, is_keepalive=is_keepalive)
        return True

    @property
    def binding_move(self) -> BindingMove:
        """Whether anything but a REGISTER moves a device."""
        return self._policy.binding_move

    def heard(self, device_id: str, host: str, port: int) -> Heard:
        """Any other request of a device."""
        return self._hear(device_id, host, port, is_keepalive=False)

    def count_tolerance(self, device_id: str, name: str) -> None:
        """A device was wrong in a way we put up with."""
        record = self._roster.records.get(device_id)
        if record is not None:
            count = record.tolerances.get(name, 0) + 1
            record.tolerances = shared_counts({**record.tolerances, name: count})
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
        self._note_sign_of_life(record, is_keepalive=is_keepalive)
        return Heard.KNOWN

    def _note_sign_of_life(self, record: Record, *, is_keepalive: bool) -> None:
        now = self._clock.monotonic()
        presence = record.presence
        if is_keepalive:
            self.figures.keepalives += 1
            changes = presence.keepalive(now)
        else:
            changes = presence.heard(now)
        record.forget_seen()
        if not changes:
            self._heard.add(record)
            return
        self._touched.add(record)
        self._observe(record, changes[-1].cause)
        self._schedule(record)

    def _follow(self, record: Record, host: str, port: int) -> bool:
        """The device speaks from elsewhere: go there too, where the policy allows it."""
        binding, move = record.device.binding, self._policy.binding_move
        if binding is None or move is BindingMove.STRICT:
            return False
        if move is BindingMove.SAME_IP and binding.host != host:
            return False
        moved = replace(binding, host=host, port=port)
        self._roster.put_device(record, replace(record.device, binding=moved))
        self._touched.add(record)
        self._resettle(record)
        return True

    def follow_transport(self, device_id: str, transport: str) -> None:
        """A device that was heard just now speaks along another kind of road than it did."""
        record = self._roster.records.get(device_id)
        binding = None if record is None else record.device.binding
        if record is not None and binding is not None and binding.transport != transport:
            moved = replace(binding, transport=transport)
            self._roster.put_device(record, replace(record.device, binding=moved))
            record.forget_seen()
            self._touched.add(record)

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
        record.prove(channel.channel_id, until)
        self._proofs.enter((record, channel.channel_id), until)
        changes = record.presence.heard(now)
        record.forget_seen()
        self._touched.add(record)
        if changes:
            self._schedule(record)
        self._observe(record, Cause.PICTURE, channel.channel_id)

    # From signalling: committed before they return

    async def register(
        self,
        device_id: str,
        binding: Binding,
        *,
        user_agent: str,
        edition: Edition,
        is_cancellable: bool = True,
    ) -> None:
        """A REGISTER that was accepted; a device that is not on file comes on file by it.

        Whoever sees to it that the calling task runs to its end says that it is not cancellable:
        then no other has to be made.
        """
        work = self._register(DeviceId(device_id), binding, user_agent, edition)
        await (self._to_the_end(work) if is_cancellable else work)

    async def _register(
        self, device_id: DeviceId, binding: Binding, user_agent: str, edition: Edition
    ) -> None:
        async with self._alone(device_id):
            record = self._roster.records.get(device_id)
            is_new = record is None
            if record is None:
                record = Record(self._fresh_device(NewDevice(device_id)))
            await self._journal.settle(record)
            known = record.device
            changed = record.noted(self._ledger_clock)
            changed["binding"] = binding
            changed["user_agent"] = intern(user_agent or known.user_agent)
            changed["edition"] = known.edition if edition is Edition.UNKNOWN else edition
            changed["last_heard_at"] = self._ledger_clock.moment()
            device = altered(known, **changed)
            plan = self._journal.plan(record, device, State.ONLINE_SIGNALLED, Cause.REGISTERED)
            segment = segment_of(binding.host)
            is_home = segment == record.segment or not record.channels
            places = () if is_home else self._moves(record, device, segment)
            if is_new or plan.transitions or places or not _is_as_it_was(known, device):
                await self._store.save_device(plan.device, plan.transitions, places)
            else:
                await self._store.touch_devices([device])
            if is_new:
                self._roster.add(record)
                self._events.publish(DeviceAdded(device_id, self._ledger_clock.moment()))
            self._journal.apply(record, plan)
            record.segment = segment
            if is_new or known.user_agent != device.user_agent:
                self._look_at_device(record)
            lasts = binding.expires_at - binding.registered_at
            record.presence.registered(self._clock.monotonic(), lasts.total_seconds())
            self._schedule(record)
            self._journal.tell(plan.events)

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


def _key_of(record: Record) -> int:
    return record.device.key


def _is_as_it_was(known: Device, device: Device) -> bool:
    """The device is as it was but for its binding and its times: nearly always."""
    return known.user_agent == device.user_agent and known.edition is device.edition


@lru_cache(maxsize=16)
def _moment(at_s: int | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)
