"""What every part of `Inventory` stands on: its state, and one change of a device at a time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from vms.clock import Clock
from vms.errors import NotFoundError
from vms.events import (
    EventBus,
)
from vms.inventory.anomalies import Anomalies
from vms.inventory.identifiers import Identifiers
from vms.inventory.journal import Journal
from vms.inventory.ledger import LedgerClock
from vms.inventory.model import (
    Cause,
    Channel,
    Device,
    DeviceKey,
    Transition,
    Waiting,
)
from vms.inventory.placement import (
    PlaceStep,
    segment_of,
    steps_of_channels,
    steps_of_device,
    steps_of_removal,
)
from vms.inventory.policy import InventoryFigures, InventoryPolicy
from vms.inventory.positions import LatestPositions
from vms.inventory.roster import Record, Roster
from vms.inventory.store import DeviceStore
from vms.inventory.timetable import Timetable
from vms.inventory.under_way import UnderWay
from vms.inventory.waiting_room import WaitingRoom

Result = TypeVar("Result")


class InventoryBase:
    """Devices and channels in memory, the store behind them, the gates before them."""

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
        self._next_channel_key: int = 1
        self._deadlines: Timetable[Record] = Timetable()
        self._proofs: Timetable[tuple[Record, str]] = Timetable()
        self._gates: dict[str, _Gate] = {}
        self._under_way = UnderWay()
        self._touched: set[Record] = set()
        self._heard: set[Record] = set()
        self._positions = LatestPositions()
        self._anomalies = Anomalies()
        self._unpruned: Counter[tuple[DeviceKey, str]] = Counter()
        """Rows of a device stored since the surplus was last looked for."""
        self._asked_again: dict[tuple[str, str], Waiting] = {}
        self._wake = asyncio.Event()
        self._next_mark = 0.0
        self._next_flush = 0.0
        self._watched_at = 0.0
        self._marked_s = 0
        """The ledger second of the last life mark."""

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
            await self._journal.settle(record)
            known = record.device
            is_alike = (known.manufacturer, known.model) == (device.manufacturer, device.model)
            places = [] if is_alike else self._moves(record, device, record.segment)
            await self._store.save_device(device, places=places)
            self._roster.put_device(record, device)
        return record.seen(self._ledger_clock)

    async def _save_channels(
        self,
        record: Record,
        saved: Sequence[Channel],
        removed: Sequence[Channel] = (),
        transitions: Sequence[Transition] = (),
        at_s: int | None = None,
    ) -> None:
        """Commit channels of a device, and what that changes of their places; memory follows."""
        await self._journal.settle(record)
        at_s = self._ledger_clock.now_s() if at_s is None else at_s
        places = [
            *steps_of_channels(record.channels, saved, record.device, record.segment, at_s),
            *steps_of_removal(removed, at_s),
        ]
        gone = [channel.key for channel in removed]
        await self._store.save_channels(saved, gone, transitions, places)

    def _moves(self, record: Record, device: Device, segment: str) -> list[PlaceStep]:
        """What becomes of its channels' places when a device is as given."""
        before, after = (record.device, record.segment), (device, segment)
        at_s = self._ledger_clock.now_s()
        return list(steps_of_device(record.channels.values(), before, after, at_s))

    def _resettle(self, record: Record) -> None:
        """Without a REGISTER a device may speak from another network; while a write is under way
        that waits its turn."""
        binding = record.device.binding
        if binding is None or record.device.device_id in self._gates:
            return
        segment = segment_of(binding.host)
        if segment != record.segment and self._journal.resettle(record, segment):
            self._wake.set()

    async def _to_the_end(self, work: Coroutine[object, None, Result]) -> Result:
        """Whoever asked may go away; what is begun is finished, so that memory and rows agree."""
        return await self._under_way.finish(work)

    def _alone(self, device_id: str) -> "_Turn":
        """One change of a device at a time: an asynchronous context."""
        return _Turn(self._gates, device_id, self._catch_up)

    def _catch_up(self, device_id: str) -> None:
        """What was observed while a write was under way is taken up now."""
        record = self._roster.records.get(device_id)
        if record is None:
            return
        self._resettle(record)
        if record.missed is None:
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


class _Turn:
    """A writer's turn at its device; `left` is told when nobody is behind it."""

    __slots__ = ("_device_id", "_gate", "_gates", "_left")

    def __init__(
        self, gates: dict[str, _Gate], device_id: str, left: Callable[[str], None]
    ) -> None:
        self._gates = gates
        self._device_id = device_id
        self._left = left
        self._gate = gates.setdefault(device_id, _Gate())

    async def __aenter__(self) -> None:
        self._gate.users += 1
        try:
            await self._gate.lock.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._gate.lock.release()
        self._leave()

    def _leave(self) -> None:
        self._gate.users -= 1
        if self._gate.users == 0:
            del self._gates[self._device_id]
            self._left(self._device_id)
