"""Asking devices who they are, how they do and what they have (GB/T 28181-2022, 9.5).

A catalogue comes in many parts over minutes, so asking for one is a job with a progress.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from vms.clock import Clock
from vms.errors import InvalidError
from vms.events import CatalogProgress, EventBus
from vms.frozen import altered, quickly_made
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import (
    CatalogQuery,
    CatalogResponse,
    DeviceInfoResponse,
    DeviceStatusResponse,
)
from vms.inventory.catalog import CatalogAssembly, Complete, Outcome, channels_of, nodes_of
from vms.inventory.inventory import Inventory
from vms.signalling.clock_offsets import ClockOffsets
from vms.signalling.jobs import JobBook, JobState, ending
from vms.signalling.pending import Expectation, Pending

if TYPE_CHECKING:
    from vms.signalling.device_link import DeviceLink

ATTEMPTS = 2
"""An incomplete answer is asked for once more; what came is kept either way."""

PROGRESS_PERIOD_S = 0.5


@dataclass(frozen=True, slots=True)
class CatalogScope:
    """Which part of a catalogue is asked for: what lies under `target` (a division, a group, an
    organisation, a device below a platform), added between `start` and `end`. Nothing said: all.
    """

    target: str = ""
    start: datetime | None = None
    end: datetime | None = None


WHOLE = CatalogScope()


@quickly_made
@dataclass(frozen=True, slots=True)
class CatalogJob:
    """A catalogue query: `received` of `announced` items; `announced` None until the device says.

    `error` tells in a sentence why it failed or what is missing. Only a query of the `WHOLE` may
    take channels away.
    """

    job_id: str
    device_id: DeviceId
    state: JobState
    received: int
    announced: int | None
    started_at: datetime
    finished_at: datetime | None = None
    error: str = ""
    scope: CatalogScope = WHOLE

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.state is not JobState.RUNNING


class DeviceQueries:
    """Asks devices; runs at most one catalogue query a device, which a second wish joins."""

    def __init__(
        self,
        link: "DeviceLink",
        pending: Pending,
        inventory: Inventory,
        events: EventBus,
        clock: Clock,
        new_id: Callable[[], str],
        offsets: ClockOffsets,
    ) -> None:
        self._link = link
        self._pending = pending
        self._inventory = inventory
        self._events = events
        self._clock = clock
        self._new_id = new_id
        self._offsets = offsets
        self._jobs: JobBook[CatalogJob] = JobBook()
        self._running: dict[tuple[DeviceId, CatalogScope], tuple[str, asyncio.Task[None]]] = {}

    async def query_info(self, device_id: str) -> DeviceInfoResponse:
        """Maker, model, firmware (A.2.4.2); stored and returned."""
        device = self._inventory.device(device_id)
        answer = await self._link.query_device_info(device.device_id)
        await self._inventory.set_device_info(
            device.device_id,
            name=answer.device_name,
            manufacturer=answer.manufacturer,
            model=answer.model,
            firmware=answer.firmware,
        )
        return answer

    async def query_status(self, device_id: str, target: str = "") -> DeviceStatusResponse:
        """How the device, or its channel `target`, does (A.2.4.1); tells its clock's offset too."""
        known = self._inventory.device(device_id).device_id
        asked_at = self._clock.wall()
        answer = await self._link.query_device_status(known, target)
        self._offsets.measured(known, answer.device_time, asked_at, self._clock.wall())
        return answer

    async def query_catalog(self, device_id: str, scope: CatalogScope = WHOLE) -> CatalogJob:
        """Ask for the catalogue, or a part of it, and return; `catalog_job` tells how it goes.

        Raises `NotFoundError` for an unknown device, `DeviceOfflineError` where none can be asked,
        `InvalidError` for a scope that makes no sense.
        """
        known = self._inventory.device(device_id).device_id
        if scope.target and not (scope.target.isascii() and scope.target.isdigit()):
            raise InvalidError("a part of a catalogue is named by digits", field="target")
        if scope.start and scope.end and scope.start >= scope.end:
            raise InvalidError("the start lies before the end", field="start")
        self._link.media_host(known)
        return self._start(known, scope)

    def catalog_job(self, job_id: str) -> CatalogJob:
        """One of the last jobs; raises `NotFoundError`."""
        return self._jobs.of(job_id)

    async def catalog_fetched(self, device_id: DeviceId) -> CatalogJob:
        """Ask for the whole and wait for the end."""
        return await self.catalog_ended(self.begin_catalog(device_id))

    def begin_catalog(self, device_id: DeviceId) -> CatalogJob:
        """Ask for the whole; the question goes out when whoever asked lets others have a turn."""
        return self._start(device_id, WHOLE)

    async def catalog_ended(self, job: CatalogJob) -> CatalogJob:
        """Wait for the end of one that was begun."""
        running = self._running.get((job.device_id, job.scope))
        if running is not None and running[0] == job.job_id:
            await asyncio.wait([running[1]])
        return self._jobs.of(job.job_id)

    def sync_of(self, device_id: DeviceId) -> asyncio.Task[None] | None:
        """The catalogue query that runs for a device; what it brought is stored when it ends."""
        running = self._running.get((device_id, WHOLE))
        return None if running is None or running[1].done() else running[1]

    def _start(self, device_id: DeviceId, scope: CatalogScope) -> CatalogJob:
        running = self._running.get((device_id, scope))
        if running is not None and not (job := self._jobs.of(running[0])).finished:
            return job
        job = CatalogJob(
            self._new_id(),
            device_id,
            JobState.RUNNING,
            0,
            None,
            self._clock.wall(),
            scope=scope,
        )
        self._jobs.put(job)
        task = asyncio.get_running_loop().create_task(self._run(job))
        self._running[device_id, scope] = (job.job_id, task)
        task.add_done_callback(lambda task: self._forget((device_id, scope), task))
        return job

    def _forget(self, key: tuple[DeviceId, CatalogScope], task: asyncio.Task[None]) -> None:
        """The task ended; the next query of that kind may have begun already."""
        running = self._running.get(key)
        if running is not None and running[1] is task:
            del self._running[key]

    async def close(self) -> None:
        """Give up what runs."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: CatalogJob) -> None:
        job_id = job.job_id
        with ending(partial(self._finish, job_id)):
            missing = ""
            for _ in range(ATTEMPTS):
                outcome = await self._ask(job)
                await self._apply(job, outcome)
                if isinstance(outcome, Complete):
                    self._finish(job_id, JobState.COMPLETE, "")
                    return
                missing = f"{outcome.received} of {outcome.announced} items came"
            self._finish(job_id, JobState.INCOMPLETE, missing)

    async def _apply(self, job: CatalogJob, outcome: Outcome) -> None:
        channels = channels_of(job.device_id, outcome.items)
        if job.scope != WHOLE:
            await self._inventory.upsert_channels(job.device_id, channels)
            return
        is_complete = isinstance(outcome, Complete)
        await self._inventory.replace_channels(
            job.device_id,
            channels,
            complete=is_complete,
            nodes=nodes_of(outcome.items, channels),
        )

    async def _ask(self, job: CatalogJob) -> Outcome:
        scope = job.scope
        with self._pending.expect(job.device_id, "Catalog", scope.target) as expectation:
            assembly = CatalogAssembly(expectation.sn, self._clock.monotonic())
            target = DeviceId(expectation.target)
            query = CatalogQuery(expectation.sn, target, scope.start, scope.end)
            await self._link.send_catalog_query(job.device_id, query)
            return await self._gather(job.job_id, expectation, assembly)

    async def _gather(
        self, job_id: str, expectation: Expectation, assembly: CatalogAssembly
    ) -> Outcome:
        told_at = 0.0
        while True:
            outcome = await self._next_outcome(expectation, assembly)
            now = self._clock.monotonic()
            if outcome is not None or now - told_at >= PROGRESS_PERIOD_S:
                told_at = now
                self._progress(job_id, assembly, is_last=outcome is not None)
            if outcome is not None:
                return outcome

    async def _next_outcome(
        self, expectation: Expectation, assembly: CatalogAssembly
    ) -> Outcome | None:
        """Waits for a part, and takes along all that came with it: waking up costs more."""
        now = self._clock.monotonic()
        deadline = assembly.deadline if assembly.deadline is not None else now
        part = await expectation.next(deadline - now)
        if part is None:
            return assembly.tick(max(deadline, self._clock.monotonic()))
        now = self._clock.monotonic()
        while True:
            if isinstance(part, CatalogResponse):
                outcome = assembly.add(part, now)
                if outcome is not None:
                    return outcome
            if not expectation.parts:
                return None
            part = expectation.parts.popleft()

    def _progress(self, job_id: str, assembly: CatalogAssembly, *, is_last: bool) -> None:
        job = altered(
            self._jobs.of(job_id), received=assembly.received, announced=assembly.announced
        )
        self._jobs.put(job)
        self._events.publish(
            CatalogProgress(
                job.device_id,
                self._clock.wall(),
                received=job.received,
                announced=job.announced or 0,
                finished=is_last,
            )
        )

    def _finish(self, job_id: str, state: JobState, error: str) -> None:
        job = self._jobs.find(job_id)
        if job is not None:
            done = altered(job, state=state, error=error, finished_at=self._clock.wall())
            self._jobs.put(done)
