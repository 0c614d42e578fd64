"""Asks devices that came online who they are and what they have (9.5 follows 9.1)."""

import asyncio

import structlog

from vms.clock import Clock
from vms.errors import VmsError
from vms.events import DeviceCameOnline, EventBus
from vms.gb28181.ids import DeviceId
from vms.signalling.device_queries import DeviceQueries

log = structlog.get_logger(__name__)

GREETED_AT_ONCE = 32
"""After a storm of registrations the rest waits its turn."""

GREETING_DELAY_S = 1.0
"""After the event: the 200 reaches the device first, and its road is on file."""

AGAIN_AFTER_S = 600.0
"""A device that flaps is not asked for its catalogue each time."""

SUBSCRIPTION_CAPACITY = 120_000
"""Every device of a full node may come online at once, twice."""


class Greeter:
    """Listens for devices that came online; `run` in the server's task group."""

    def __init__(self, queries: DeviceQueries, events: EventBus, clock: Clock) -> None:
        self._queries = queries
        self._events = events
        self._clock = clock
        self._greeted: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        waiting: asyncio.Queue[tuple[float, str]] = asyncio.Queue(SUBSCRIPTION_CAPACITY)
        with self._events.subscribe(SUBSCRIPTION_CAPACITY) as subscription:
            async with asyncio.TaskGroup() as group:
                for _ in range(GREETED_AT_ONCE):
                    group.create_task(self._greet_all(waiting))
                while True:
                    event = (await subscription.next()).event
                    if isinstance(event, DeviceCameOnline) and self._is_due(event.device_id):
                        due = self._clock.monotonic() + GREETING_DELAY_S
                        await waiting.put((due, event.device_id))

    def _is_due(self, device_id: str) -> bool:
        now = self._clock.monotonic()
        greeted_at = self._greeted.get(device_id)
        if greeted_at is not None and now - greeted_at < AGAIN_AFTER_S:
            return False
        self._greeted[device_id] = now
        return True

    async def _greet_all(self, waiting: asyncio.Queue[tuple[float, str]]) -> None:
        while True:
            due, device_id = await waiting.get()
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
            try:
                await self._greet(DeviceId(device_id))
            except Exception:
                # A mistake of ours with one device must not cost the others, nor the server.
                log.exception("greeting failed by our own fault", device_id=device_id)

    async def _greet(self, device_id: DeviceId) -> None:
        """Both questions at once: some devices never answer one of them."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_who_it_is(device_id))
            group.create_task(self._ask_what_it_has(device_id))

    async def _ask_who_it_is(self, device_id: DeviceId) -> None:
        try:
            await self._queries.query_info(device_id)
        except VmsError as error:
            log.info("no device information", device_id=device_id, error=str(error))

    async def _ask_what_it_has(self, device_id: DeviceId) -> None:
        try:
            job = await self._queries.catalog_fetched(device_id)
        except VmsError as error:  # removed in the meantime
            log.info("no catalogue", device_id=device_id, error=str(error))
            return
        if job.error:
            self._greeted.pop(device_id, None)
            log.info("catalogue query ended early", device_id=device_id, error=job.error)
