"""Performs what the machines of `vms.inventory.subscriptions` want (GB/T 28181-2022, 9.11).

A device that comes online is subscribed anew, one that goes is forgotten: nothing is kept over our
own absence. Attempts are paced, so that a city that returns at once is subscribed in minutes
without a storm of our own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager

import structlog

from sip.errors import TransactionTimeoutError, TransportError
from sip.net.endpoint import IncomingRequest
from sip.net.subscriptions import Subscription
from vms.clock import Clock, next_beat
from vms.errors import NotFoundError, RejectedError, VmsError
from vms.events import (
    DeviceCameOnline,
    DeviceChanged,
    DeviceRemoved,
    DeviceWentOffline,
    Event,
    EventBus,
    SubscriptionChanged,
)
from vms.gb28181.ids import DeviceId
from vms.gb28181.profiles import RefreshMode
from vms.inventory.inventory import Inventory
from vms.inventory.model import Status
from vms.inventory.queries import DeviceQuery
from vms.inventory.subscriptions import (
    Effect,
    End,
    Forget,
    Refresh,
    Subscribe,
    SubscriptionKind,
    SubscriptionState,
)
from vms.inventory.timetable import Timetable
from vms.signalling.device_link import DeviceLink
from vms.signalling.flows import Flows
from vms.signalling.header_text import readable
from vms.signalling.messenger import MESSAGE_LIMIT_S
from vms.signalling.pending import Pending
from vms.signalling.subscription_book import SubscriptionBook
from vms.signalling.subscription_entry import Entry, SubscriptionView

log = structlog.get_logger(__name__)

AFTER_GREETING_S = 3.0
"""A device that came online is asked who it is and what it has first."""

WATCH_S = 0.25
BEGUN_AT_ONCE = 75
"""Attempts begun in one round of the watch: 300 a second, as many as are greeted."""

BEGUN_IN_A_STORM = 1
"""While devices that register have to wait."""

UNDER_WAY = 128
"""Attempts that wait for an answer at one time; more wait their turn."""

NEWS_CAPACITY = 120_000
"""Every device of a full node may come online at once, twice."""

TROUBLE = frozenset({SubscriptionState.FAILED, SubscriptionState.REFUSED})

_HEARD = (DeviceCameOnline, DeviceWentOffline, DeviceChanged, DeviceRemoved)


class Subscriptions:
    """The one owner of what is subscribed at devices; `run` in the server's task group."""

    def __init__(
        self,
        link: DeviceLink,
        inventory: Inventory,
        flows: Flows,
        pending: Pending,
        events: EventBus,
        clock: Clock,
        *,
        expires_s: int,
        dice: Callable[[], float],
        on_notify: Callable[[DeviceId, IncomingRequest], None],
    ) -> None:
        """`on_notify` gets each NOTIFY of a dialog of ours, and whose it is."""
        self._link = link
        self._inventory = inventory
        self._flows = flows
        self._pending = pending
        self._events = events
        self._clock = clock
        self._dice = dice
        self._on_notify = on_notify
        self._book = SubscriptionBook(inventory, pending, clock, self, expires_s)
        self._timetable: Timetable[Entry] = Timetable()
        self._queue: deque[tuple[Entry, Effect]] = deque()
        self._work: set[asyncio.Task[None]] = set()
        self.is_storming: Callable[[], bool] = lambda: False
        """Whether devices that register have to wait."""
        self.notifies = 0
        """NOTIFYs that belonged to a kind we know."""

    # What others may ask

    def of(self, device_id: str) -> Sequence[SubscriptionView]:
        """Every kind, held or not; raises `NotFoundError`."""
        return self._book.views(self._inventory.device(device_id).device_id)

    def refresh_now(self, device_id: str, kind: SubscriptionKind | None = None) -> None:
        """Ask at once, in the dialog where there is one, whatever pause was left; for all kinds
        where none is named. The switches are read again. Raises `NotFoundError`."""
        known = self._inventory.device(device_id).device_id
        self.review(known)
        now = self._clock.monotonic()
        for entry in self._book.of(known):
            if kind is None or entry.kind is kind:
                self._do(entry, entry.machine.renew(now))

    def states(self) -> Mapping[str, int]:
        """How many subscriptions stand how; costs a walk over them."""
        return self._book.states()

    def review(self, device_id: DeviceId) -> None:
        """The device's profile may have changed: hold what is wanted now, end what is not."""
        if device_id not in self._book or self._inventory.find_device(device_id) is None:
            return  # it has not come online since our start, or is gone
        wanted = self._book.wanted(device_id)
        now = self._clock.monotonic()
        is_there = self._inventory.status(self._inventory.device(device_id)) is Status.ONLINE
        for entry in self._book.add(device_id, wanted):
            if is_there:
                self._do(entry, entry.machine.appeared(now))
        for entry in self._book.of(device_id):
            machine, is_wanted = entry.machine, entry.kind in wanted
            if machine.is_wanted != is_wanted:
                self._do(entry, machine.want(now) if is_wanted else machine.unwant(now))

    def is_wanted(self, device_id: DeviceId, kind: SubscriptionKind) -> bool:
        """Whether its notifications are asked for."""
        return kind in self._book.wanted(device_id)

    def is_held(self, device_id: DeviceId, kind: SubscriptionKind) -> bool:
        """Whether a dialog for it is open."""
        entry = self._book.find(device_id, kind)
        return entry is not None and entry.dialog is not None

    def notified(self, device_id: DeviceId, kind: SubscriptionKind) -> None:
        """A NOTIFY of that kind came, in a dialog of ours or of an earlier life."""
        self.notifies += 1
        entry = self._book.find(device_id, kind)
        if entry is not None:
            entry.notifies += 1
            entry.last_notify_at = self._clock.monotonic()

    def device_restarted(self, device_id: DeviceId) -> None:
        """It registered under another Call-ID: it may have forgotten what we subscribed."""
        now = self._clock.monotonic()
        for entry in self._book.of(device_id):
            if entry.machine.state is SubscriptionState.ACTIVE:
                self._do(entry, entry.machine.renew(now))

    # Life

    async def run(self) -> None:
        """Until cancelled."""
        with self._events.subscribe(NEWS_CAPACITY, kinds=_HEARD) as news:
            watch = asyncio.create_task(self._watch())
            try:
                missed = 0
                while True:
                    event = (await news.next()).event
                    with self._surviving(event):
                        self._hear(event)
                    if news.missed > missed:
                        missed = news.missed
                        self._look_at_all()
            finally:
                for task in (watch, *self._work):
                    task.cancel()
                await asyncio.gather(watch, *self._work, return_exceptions=True)

    @contextmanager
    def _surviving(self, of: object) -> Generator[None]:
        """A device that is gone already, or a mistake of ours with one, costs no other device."""
        try:
            yield
        except VmsError as error:
            log.info("not subscribed", of=str(of), error=str(error))
        except Exception:
            log.exception("subscribing failed by our own fault", of=str(of))

    def _hear(self, event: Event) -> None:
        """One of `_HEARD`."""
        match event:
            case DeviceCameOnline(device_id=device_id):
                self._appeared(DeviceId(device_id))
            case DeviceWentOffline(device_id=device_id):
                self._vanished(DeviceId(device_id))
            case DeviceChanged(device_id=device_id):
                self.review(DeviceId(device_id))
            case DeviceRemoved(device_id=device_id):
                self._vanished(DeviceId(device_id))
                self._book.drop(DeviceId(device_id))
            case _:
                pass

    def _look_at_all(self) -> None:
        """Events were missed: what they said, the inventory says too."""
        cursor: str | None = None
        online: set[DeviceId] = set()
        while True:
            page = self._inventory.devices(DeviceQuery(cursor=cursor, limit=1000))
            online |= {
                each.device_id
                for each in page.items
                if self._inventory.status(each) is Status.ONLINE
            }
            cursor = page.next_cursor
            if cursor is None:
                break
        for device_id in self._book.devices() - online:
            with self._surviving(device_id):
                self._vanished(device_id)
        for device_id in online:
            with self._surviving(device_id):
                self._appeared(device_id)

    def _appeared(self, device_id: DeviceId) -> None:
        wanted = self._book.wanted(device_id)
        now = self._clock.monotonic()
        self._book.add(device_id, wanted)
        for entry in self._book.of(device_id):
            machine, is_wanted = entry.machine, entry.kind in wanted
            self._do(entry, machine.want(now) if is_wanted else machine.unwant(now))
            self._do(entry, machine.appeared(now, AFTER_GREETING_S))

    def _vanished(self, device_id: DeviceId) -> None:
        now = self._clock.monotonic()
        for entry in self._book.of(device_id):
            self._do(entry, entry.machine.vanished(now))

    # Doing

    async def _watch(self) -> None:
        while True:
            await next_beat(WATCH_S)
            with self._surviving("what is due"):
                self._begin_what_is_due()

    def _begin_what_is_due(self) -> None:
        begun = BEGUN_IN_A_STORM if self.is_storming() else BEGUN_AT_ONCE
        room = min(begun, UNDER_WAY - len(self._work)) - len(self._queue)
        now = self._clock.monotonic()
        if room <= 0:
            return
        for entry in self._timetable.due(now):
            effects = entry.machine.tick(now)
            self._do(entry, effects)
            room -= bool(effects)
            if room <= 0:
                return

    def _do(self, entry: Entry, effects: Iterable[Effect]) -> None:
        """After every input to a machine: what it wants done, when to look at it again."""
        for effect in effects:
            if isinstance(effect, Forget):
                self._forget(entry)
            else:
                self._queue.append((entry, effect))
        machine = entry.machine
        if machine.deadline is not None:
            self._timetable.enter(entry, machine.deadline)
        if (machine.state in TROUBLE or machine.state is SubscriptionState.ACTIVE) and (
            machine.state is not entry.told
        ):
            # A city that comes online is no news; trouble is, and its end.
            is_news = machine.state in TROUBLE or entry.told in TROUBLE
            entry.told = machine.state
            if is_news:
                self._tell(entry)
        self._fill()

    def _fill(self) -> None:
        while self._queue and len(self._work) < UNDER_WAY:
            entry, effect = self._queue.popleft()
            task = asyncio.get_running_loop().create_task(self._perform(entry, effect))
            self._work.add(task)
            task.add_done_callback(self._performed)

    def _performed(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if task.cancelled():
            return
        if (fault := task.exception()) is not None:
            log.error("subscribing failed by our own fault", exc_info=fault)
        self._fill()

    async def _perform(self, entry: Entry, effect: Effect) -> None:
        if isinstance(effect, Forget) or not entry.machine.is_current(effect.attempt):
            return
        try:
            match effect:
                case Subscribe(attempt=attempt, expires_s=expires_s):
                    await self._subscribe(entry, attempt, expires_s)
                case Refresh(attempt=attempt, expires_s=expires_s):
                    await self._refresh(entry, attempt, expires_s)
                case End(attempt=attempt):
                    if entry.dialog is not None:
                        await entry.dialog.end(self._body(entry), limit_s=MESSAGE_LIMIT_S)
                    self._do(entry, entry.machine.ended(attempt, self._clock.monotonic()))
        except VmsError as error:
            self._failed(entry, effect.attempt, error)
        except Exception:
            # The machine waits for this attempt: without an end of it nothing would come after.
            self._failed(entry, effect.attempt, VmsError("a fault of this server; see its log"))
            raise

    async def _subscribe(self, entry: Entry, attempt: int, expires_s: int) -> None:
        query = entry.query(self._pending.next_sn())
        dialog = await self._link.subscribe(entry.device_id, entry.event, expires_s, query)
        if not entry.machine.is_current(attempt):
            await dialog.end(limit_s=MESSAGE_LIMIT_S)
            return
        self._forget(entry)
        entry.dialog = dialog
        now = self._clock.monotonic()
        self._do(entry, entry.machine.accepted(attempt, dialog.granted_s, now))
        dialog.ear = entry

    async def _refresh(self, entry: Entry, attempt: int, expires_s: int) -> None:
        dialog, device_id = entry.dialog, entry.device_id
        mode = self._inventory.profile(device_id).subscription_refresh
        if mode is RefreshMode.NEW_DIALOG:
            await self._subscribe(entry, attempt, expires_s)
            return
        if dialog is None or dialog.is_over:
            raise NotFoundError(f"the dialog with {device_id} is over")
        # NAT or another connection may have moved the device since.
        dialog.flow = self._flows.of(device_id) or dialog.flow
        try:
            response = await dialog.refresh(expires_s, self._body(entry), limit_s=MESSAGE_LIMIT_S)
        except (TransactionTimeoutError, TransportError) as error:
            raise NotFoundError(f"no answer to a refresh: {error}") from error
        if not response.is_success:
            raise RejectedError(
                f"{device_id} answered {response.status} {readable(response.reason)} to a refresh",
                response.status,
            )
        now = self._clock.monotonic()
        self._do(entry, entry.machine.accepted(attempt, dialog.granted_s, now))

    def _failed(self, entry: Entry, attempt: int, error: VmsError) -> None:
        status = error.status if isinstance(error, RejectedError) else None
        shortest_s = error.facts.get("min_expires_s")
        log.info("not subscribed", device_id=entry.device_id, kind=entry.kind, error=str(error))
        self._do(
            entry,
            entry.machine.failed(
                attempt,
                status,
                self._clock.monotonic(),
                self._dice(),
                error=error.message,
                shortest_s=shortest_s if isinstance(shortest_s, int) else None,
            ),
        )

    def told(self, entry: Entry, incoming: IncomingRequest) -> None:
        """A NOTIFY (`Entry` tells it)."""
        self._on_notify(entry.device_id, incoming)

    def lost(self, entry: Entry, dialog: Subscription, reason: str) -> None:
        """By the device, or by time (`Entry` tells it). What a refresh brings about, the refresh
        tells."""
        if entry.dialog is dialog and not reason.startswith(("refused ", "no answer")):
            now = self._clock.monotonic()
            self._do(entry, entry.machine.ended_by_device(reason, now, self._dice()))

    def _forget(self, entry: Entry) -> None:
        if entry.dialog is not None:
            entry.dialog.ear = None
            entry.dialog.forget()
            entry.dialog = None

    def _body(self, entry: Entry) -> bytes:
        return self._link.body(entry.device_id, entry.query(self._pending.next_sn()))

    # Showing

    def _tell(self, entry: Entry) -> None:
        machine = entry.machine
        self._events.publish(
            SubscriptionChanged(
                entry.device_id, entry.kind, self._clock.wall(), machine.state, machine.error
            )
        )
