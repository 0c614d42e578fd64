"""Asks devices that came online who they are and what they have (9.5 follows 9.1)."""

import asyncio
from collections.abc import Awaitable, Callable
from math import ceil

import structlog

from vms.clock import Clock
from vms.errors import VmsError
from vms.events import DeviceCameOnline, DeviceRemoved, EventBus
from vms.gb28181.ids import DeviceId
from vms.inventory.inventory import Inventory
from vms.signalling.commands_controls import ControlCommands
from vms.signalling.device_queries import CatalogJob, DeviceQueries

log = structlog.get_logger(__name__)

GREETED_AT_ONCE = 128
"""After a storm of registrations the rest waits its turn."""

GREETED_PER_S = 300
"""Greeting has no hurry, and each costs a millisecond: so many a second leave most of the processor
to those that are there. As many as `CROWD` that come together do not wait."""

GREETING_DELAY_S = 1.0
"""After the event: the 200 reaches the device first, and its road is on file."""

AGAIN_AFTER_S = 600.0
"""A device that flaps is not asked for its catalogue each time. One that registers under another
Call-ID while it is online was switched on anew, or always does so: after each such greeting the
next has to wait twice as long."""

LONGEST_WAIT_S = 86_400.0

TOGETHER_S = 0.2
"""In a storm those of so long a time begin at one moment: what they are asked leaves together, what
they answer comes together, and is stored together. One by one they cost half as much again."""

CROWD = 200
"""So many that wait are a storm: then nobody is asked for the time of day."""

SUBSCRIPTION_CAPACITY = 120_000
"""Every device of a full node may come online at once, twice."""


class Pace:
    """So many at once, and after them `per_s` a second, those of `together_s` at one moment."""

    def __init__(self, per_s: float, at_once: int, together_s: float) -> None:
        self._gap_s = 1 / per_s
        self._ahead_s = at_once / per_s
        self._together_s = together_s
        self._next_at = float("-inf")

    def wait_s(self, now: float) -> float:
        """How long the next one has to wait; it counts as begun a little before that moment."""
        self._next_at = max(self._next_at, now - self._ahead_s) + self._gap_s
        if self._next_at <= now:
            return 0.0
        return ceil(self._next_at / self._together_s) * self._together_s - now


class Greeter:
    """Listens for devices that came online; `run` in the server's task group."""

    def __init__(
        self,
        queries: DeviceQueries,
        controls: ControlCommands,
        inventory: Inventory,
        events: EventBus,
        clock: Clock,
        calm: Callable[[], Awaitable[None]],
    ) -> None:
        """`calm` returns when devices that register are not kept waiting by what we ask."""
        self._queries = queries
        self._controls = controls
        self._inventory = inventory
        self._events = events
        self._clock = clock
        self._calm = calm
        self._greeted: dict[str, float] = {}
        self._patience_s: dict[str, float] = {}
        self._pace = Pace(GREETED_PER_S, CROWD, TOGETHER_S)
        self._waiting: asyncio.Queue[tuple[float, str]] = asyncio.Queue(SUBSCRIPTION_CAPACITY)

    def started_anew(self, device_id: DeviceId) -> None:
        """A device on file registered under another Call-ID: it may have been changed meanwhile."""
        patience_s = self._patience_s.get(device_id, AGAIN_AFTER_S)
        if not self._waiting.full() and self._is_due(device_id, patience_s):
            self._patience_s[device_id] = min(2 * patience_s, LONGEST_WAIT_S)
            due = self._clock.monotonic() + GREETING_DELAY_S
            self._waiting.put_nowait((due, device_id))

    async def run(self) -> None:
        """Until cancelled."""
        waiting = self._waiting
        kinds = (DeviceCameOnline, DeviceRemoved)
        with self._events.subscribe(SUBSCRIPTION_CAPACITY, kinds=kinds) as subscription:
            async with asyncio.TaskGroup() as group:
                for _ in range(GREETED_AT_ONCE):
                    group.create_task(self._greet_all())
                while True:
                    event = (await subscription.next()).event
                    if isinstance(event, DeviceRemoved):
                        self._greeted.pop(event.device_id, None)
                        self._patience_s.pop(event.device_id, None)
                    if isinstance(event, DeviceCameOnline) and self._is_due(event.device_id):
                        self._patience_s.pop(event.device_id, None)
                        due = self._clock.monotonic() + GREETING_DELAY_S
                        await waiting.put((due, event.device_id))

    def _is_due(self, device_id: str, patience_s: float | None = None) -> bool:
        now = self._clock.monotonic()
        greeted_at = self._greeted.get(device_id)
        patience_s = AGAIN_AFTER_S if patience_s is None else patience_s
        if greeted_at is not None and now - greeted_at < patience_s:
            return False
        self._greeted[device_id] = now
        return True

    async def _greet_all(self) -> None:
        while True:
            due, device_id = await self._waiting.get()
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
            await asyncio.sleep(self._pace.wait_s(self._clock.monotonic()))
            await self._calm()
            try:
                await self._greet(DeviceId(device_id))
            except Exception:
                # A mistake of ours with one device must not cost the others, nor the server.
                log.exception("greeting failed by our own fault", device_id=device_id)

    async def _greet(self, device_id: DeviceId) -> None:
        """Both questions at once: some devices never answer one of them. Then, what who it is
        decides, and what can be left out in a storm."""
        job = self._queries.begin_catalog(device_id)
        has_answered = await self._ask_who_it_is(device_id)
        await self._see_what_it_has(job)
        if not has_answered:
            return
        await self._set_guard(device_id)
        if self._waiting.qsize() < CROWD:
            await self._ask_the_time(device_id)

    async def _set_guard(self, device_id: DeviceId) -> None:
        """For devices that tell no alarm before."""
        try:
            if self._inventory.profile(device_id).auto_guard:
                await self._controls.guard(device_id, is_set=True)
        except VmsError as error:
            log.info("guard not set", device_id=device_id, error=str(error))

    async def _ask_the_time(self, device_id: DeviceId) -> None:
        """Its status has it; `DeviceQueries` notes how far its clock is off."""
        try:
            await self._queries.query_status(device_id)
        except VmsError as error:
            log.info("no device status", device_id=device_id, error=str(error))

    async def _ask_who_it_is(self, device_id: DeviceId) -> bool:
        """Whether it answered."""
        try:
            await self._queries.query_info(device_id)
        except VmsError as error:
            log.info("no device information", device_id=device_id, error=str(error))
            return False
        return True

    async def _see_what_it_has(self, job: CatalogJob) -> None:
        device_id = job.device_id
        try:
            job = await self._queries.catalog_ended(job)
        except VmsError as error:  # so many others since that it is forgotten
            log.info("no catalogue", device_id=device_id, error=str(error))
            return
        if job.error:
            self._greeted.pop(device_id, None)
            log.info("catalogue query ended early", device_id=device_id, error=job.error)
