"""What devices tell unasked: stored, then answered (4.4, 9.4, 9.11 of the standard).

Each device has a queue of its own and is served in order (whoever changes a catalogue twice means
the second). What waits together is stored together. Storms end here: a device has a bucket, queues
have a length, and at most `WORKERS` devices are served at one time, so that a REGISTER never stands
behind more than one commit of theirs. Bodies of NOTIFYs are read when their turn comes.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Protocol

import structlog

from sip.message import response_to
from sip.net.endpoint import IncomingRequest
from vms.clock import Clock
from vms.errors import ExhaustedError, UnavailableError, VmsError
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import DeviceId, Kind, kind_of
from vms.gb28181.manscdp.messages import AlarmNotify, Message
from vms.inventory.inventory import Inventory
from vms.signalling.buckets import Buckets
from vms.signalling.reading import ReadingTime
from vms.signalling.registrar import RETRY_AFTER_S

log = structlog.get_logger(__name__)

TOLD_PER_S, TOLD_AT_ONCE = 250.0, 500.0
"""What one device may tell: 200 alarms a second for minutes are stored, more is a fault of its."""

LINE_LIMIT = 1_000
"""Of one device, waiting."""

WAITING_LIMIT = 20_000
"""Of all devices, waiting."""

LINE_BYTES = 16 * 2**20
WAITING_BYTES = 256 * 2**20
"""The same in bytes of their bodies: over TCP one may have megabytes."""

WORKERS = 64
"""Devices served at one time."""

BATCH = 64
"""Of one device, stored together."""

ALARM_KINDS = frozenset({Kind.ALARM_INPUT, Kind.ALARM_OUTPUT})
CENTRE_DIGITS = 10
"""Of an alarm centre, which the schema of every edition allows as the source of an alarm."""


@dataclass(eq=False, slots=True)
class Told:
    """One request of a device. `message` None: its body has yet to be read.

    `is_subscribed`: it came in a dialog of a subscription that we hold.
    """

    incoming: IncomingRequest
    device_id: DeviceId
    message: Message | None
    is_subscribed: bool = False

    @property
    def size_bytes(self) -> int:
        """What it holds while it waits."""
        return len(self.incoming.request.body)

    @property
    def is_notify(self) -> bool:
        """It came by NOTIFY, that is, by a subscription."""
        return self.incoming.request.method == "NOTIFY"


class Keeper(Protocol):
    """Stores what is of one kind."""

    async def keep(self, device_id: DeviceId, told: Sequence[Told]) -> None:
        """Returns after the commit, for all of `told`, which one device sent in this order.

        Raises `VmsError` when they were not stored.
        """
        ...


class Notices:
    """The queues of all devices."""

    def __init__(
        self,
        inventory: Inventory,
        clock: Clock,
        keepers: Mapping[type[Message], Keeper],
        is_wanted: Callable[[Told], bool],
    ) -> None:
        """`is_wanted` is asked of each NOTIFY: does anybody here want what it tells?"""
        self.otherwise: Callable[[Told], None] | None = None
        """Gets what came by NOTIFY and has no keeper."""
        self.refused: Counter[str] = Counter()
        """By cause; what `Inbound` refuses is counted here too."""
        self.stored = 0
        self.reading = ReadingTime(clock.monotonic)
        """At whose expense bodies are read, by `Inbound` too."""
        self._inventory = inventory
        self._clock = clock
        self._keepers = keepers
        self._is_wanted = is_wanted
        self._buckets = Buckets(TOLD_PER_S, TOLD_AT_ONCE)
        self._lines: dict[DeviceId, deque[Told]] = {}
        self._ready: deque[DeviceId] = deque()
        self._waiting = 0
        self._waiting_bytes: Counter[DeviceId] = Counter()
        self._all_bytes = 0
        self._workers: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be stored."""
        return not self._workers

    @property
    def waiting(self) -> int:
        """Requests that are queued and not yet taken up."""
        return self._waiting

    def has_keeper(self, message: Message) -> bool:
        """Whether it is stored before it is answered."""
        return type(message) in self._keepers

    async def close(self) -> None:
        """Wait for what is queued."""
        while self._workers:
            await asyncio.wait(self._workers)

    def take(self, told: Told) -> None:
        """Queue one; where there is no room its device is told to come back."""
        device_id = told.device_id
        wait_s = self._buckets.spend(device_id, self._clock.monotonic())
        if wait_s:
            self._inventory.count_tolerance(device_id, "told_too_fast")
            self._come_back(told, "device_over_limit", ceil(wait_s))
            return
        line = self._lines.get(device_id)
        if self._is_full(line, told):
            self._come_back(told, "queue_full", RETRY_AFTER_S)
            return
        if line is None:
            line = self._lines[device_id] = deque()
            self._ready.append(device_id)
        line.append(told)
        self._waiting += 1
        self._waiting_bytes[device_id] += told.size_bytes
        self._all_bytes += told.size_bytes
        if len(self._workers) < WORKERS and self._ready:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._worked)

    def _is_full(self, line: deque[Told] | None, told: Told) -> bool:
        """Of a device that has nothing waiting, one is taken whatever its size."""
        if self._waiting >= WAITING_LIMIT or self._all_bytes + told.size_bytes > WAITING_BYTES:
            return True
        if not line:
            return False
        held_bytes = self._waiting_bytes[told.device_id] + told.size_bytes
        return len(line) >= LINE_LIMIT or held_bytes > LINE_BYTES

    # Workers

    async def _work(self) -> None:
        """Serves one device after another, a batch at a time, until none is ready."""
        while self._ready:
            device_id = self._ready.popleft()
            line = self._lines[device_id]
            batch = [line.popleft() for _ in range(min(BATCH, len(line)))]
            self._waiting -= len(batch)
            size_bytes = sum(told.size_bytes for told in batch)
            self._waiting_bytes[device_id] -= size_bytes
            self._all_bytes -= size_bytes
            try:
                await self._serve(device_id, batch)
            finally:
                if line:
                    self._ready.append(device_id)
                else:
                    del self._lines[device_id], self._waiting_bytes[device_id]

    def _worked(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and (fault := worker.exception()) is not None:
            log.error("keeping a notification failed by our own fault", exc_info=fault)
        if self._ready and len(self._workers) < WORKERS:
            replacement = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(replacement)
            replacement.add_done_callback(self._worked)

    async def _serve(self, device_id: DeviceId, batch: Sequence[Told]) -> None:
        readable: list[Told] = []
        for told in batch:
            if told.message is None:
                await asyncio.sleep(0)  # reading costs: whoever registers meanwhile goes first
            if self._is_worth_keeping(told):
                readable.append(told)
        for keeper, run in self._runs(readable):
            await self._keep(keeper, device_id, run)

    def _runs(self, readable: Sequence[Told]) -> Iterator[tuple[Keeper, Sequence[Told]]]:
        """What follows one another and is kept by the same keeper."""
        for keeper, run in groupby(readable, lambda told: self._keepers[_kind(told)]):
            yield keeper, list(run)

    async def _keep(self, keeper: Keeper, device_id: DeviceId, run: Sequence[Told]) -> None:
        try:
            await keeper.keep(device_id, run)
        except (UnavailableError, ExhaustedError) as error:
            log.warning("notification not stored", device_id=device_id, error=str(error))
            for told in run:
                self._come_back(told, "unavailable", RETRY_AFTER_S)
        except VmsError as error:
            log.info("notification refused", device_id=device_id, error=str(error))
            for told in run:
                _answer(told, 403)
        except Exception:
            for told in run:
                _answer(told, 500)
            raise
        else:
            self.stored += len(run)
            for told in run:
                _answer(told, 200)

    # Judging

    def _is_worth_keeping(self, told: Told) -> bool:
        """Answers what is not."""
        if told.message is None and not self._is_read(told):
            return False
        message = told.message
        if message is None or not self.has_keeper(message):
            if self.otherwise is not None:
                self.otherwise(told)
            return False
        if told.is_notify and not self._is_wanted(told):
            self.refused["unwanted"] += 1
            _answer(told, 481)
            return False
        if not self._is_its_own(told.device_id, message):
            self.refused["foreign_body_id"] += 1
            log.info("notification refused", source=str(told.incoming.flow.remote))
            _answer(told, 403)
            return False
        return True

    def _is_read(self, told: Told) -> bool:
        body = told.incoming.request.body
        if not body:
            # The last NOTIFY of a subscription may say no more than that it ends.
            _answer(told, 200)
            return False
        if wait_s := self.reading.wait_s(told.device_id):
            self._inventory.count_tolerance(told.device_id, "slow_to_read")
            self._come_back(told, "slow_to_read", ceil(wait_s))
            return False
        try:
            decoded = self.reading.decode(told.device_id, body)
        except ProtocolError as error:
            self.refused["body"] += 1
            log.info("notification that cannot be read", error=str(error))
            _answer(told, 400, "Body cannot be read")
            return False
        for tolerance in decoded.tolerances:
            self._inventory.count_tolerance(told.device_id, tolerance.value)
        told.message = decoded.message
        return True

    def _is_its_own(self, device_id: DeviceId, message: Message) -> bool:
        """Whether a device may tell this. An alarm also comes of inputs and centres that no
        catalogue names (A.2.5.3), as long as they are nobody else's."""
        source_id = message.device_id
        if source_id is None or self.is_part_of(device_id, source_id):
            return True
        is_unlisted = isinstance(message, AlarmNotify) and (
            kind_of(source_id) in ALARM_KINDS or len(source_id) == CENTRE_DIGITS
        )
        if not is_unlisted or self._inventory.is_taken(source_id):
            return False
        self._inventory.count_tolerance(device_id, "unlisted_alarm_source")
        return True

    def is_part_of(self, device_id: DeviceId, source_id: str) -> bool:
        """Nobody speaks for another's channels (S-10)."""
        return source_id == device_id or self._inventory.has_channel(device_id, source_id)

    def _come_back(self, told: Told, cause: str, after_s: int) -> None:
        self.refused[cause] += 1
        headers = [("Retry-After", str(after_s))]
        told.incoming.respond(response_to(told.incoming.request, 503, headers=headers))


def _kind(told: Told) -> type[Message]:
    if told.message is None:
        raise LookupError("a notification that was not read")
    return type(told.message)


def _answer(told: Told, status: int, reason: str | None = None) -> None:
    told.incoming.respond(response_to(told.incoming.request, status, reason=reason))
