"""Asking devices who they are, how they do and what they have (GB/T 28181-2022, 9.5).

A catalogue comes in many parts over minutes, so asking for one is a job with a progress.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice

from vms.clock import Clock
from vms.errors import NotFoundError, VmsError
from vms.events import CatalogProgress, EventBus
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import (
    CatalogResponse,
    DeviceInfoResponse,
    DeviceStatusResponse,
)
from vms.inventory.catalog import CatalogAssembly, Complete, Outcome, channels_of
from vms.inventory.inventory import Inventory
from vms.signalling.device_link import DeviceLink
from vms.signalling.pending import Expectation, Pending

ATTEMPTS = 2
"""An incomplete answer is asked for once more; what came is kept either way."""

PROGRESS_PERIOD_S = 0.5
JOBS_KEPT = 1_000


class JobState(StrEnum):
    """How a job stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CatalogJob:
    """A catalogue query: `received` of `announced` items; `announced` None until the device says.

    `error` tells in a sentence why it failed or what is missing.
    """

    job_id: str
    device_id: DeviceId
    state: JobState
    received: int
    announced: int | None
    started_at: datetime
    finished_at: datetime | None = None
    error: str = ""

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.state is not JobState.RUNNING


class DeviceQueries:
    """Asks devices; runs at most one catalogue query a device, which a second wish joins."""

    def __init__(
        self,
        link: DeviceLink,
        pending: Pending,
        inventory: Inventory,
        events: EventBus,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._link = link
        self._pending = pending
        self._inventory = inventory
        self._events = events
        self._clock = clock
        self._new_id = new_id
        self._jobs: OrderedDict[str, CatalogJob] = OrderedDict()
        self._running: dict[DeviceId, tuple[str, asyncio.Task[None]]] = {}

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

    async def query_status(self, device_id: str) -> DeviceStatusResponse:
        """How the device does (A.2.4.1)."""
        return await self._link.query_device_status(self._inventory.device(device_id).device_id)

    async def query_catalog(self, device_id: str) -> CatalogJob:
        """Ask for the catalogue and return; `catalog_job` tells how it goes.

        Raises `NotFoundError` for an unknown device, `DeviceOfflineError` where none can be asked.
        """
        known = self._inventory.device(device_id).device_id
        self._link.media_host(known)
        return self._start(known)

    def catalog_job(self, job_id: str) -> CatalogJob:
        """One of the last jobs; raises `NotFoundError`."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFoundError(f"no job {job_id}") from None

    async def catalog_fetched(self, device_id: DeviceId) -> CatalogJob:
        """Ask and wait for the end."""
        job = self._start(device_id)
        await asyncio.wait([self._running[device_id][1]])
        return self._jobs[job.job_id]

    def _start(self, device_id: DeviceId) -> CatalogJob:
        running = self._running.get(device_id)
        if running is not None and not self._jobs[running[0]].finished:
            return self._jobs[running[0]]
        job = CatalogJob(self._new_id(), device_id, JobState.RUNNING, 0, None, self._clock.wall())
        self._keep(job)
        task = asyncio.get_running_loop().create_task(self._run(job.job_id, device_id))
        self._running[device_id] = (job.job_id, task)
        task.add_done_callback(lambda task: self._forget(device_id, task))
        return job

    def _forget(self, device_id: DeviceId, task: asyncio.Task[None]) -> None:
        """The task ended; the next query of that device may have begun already."""
        running = self._running.get(device_id)
        if running is not None and running[1] is task:
            del self._running[device_id]

    async def close(self) -> None:
        """Give up what runs."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job_id: str, device_id: DeviceId) -> None:
        try:
            missing = ""
            for _ in range(ATTEMPTS):
                outcome = await self._ask(job_id, device_id)
                await self._apply(device_id, outcome)
                if isinstance(outcome, Complete):
                    self._finish(job_id, JobState.COMPLETE, "")
                    return
                missing = f"{outcome.received} of {outcome.announced} items came"
            self._finish(job_id, JobState.INCOMPLETE, missing)
        except VmsError as error:
            self._finish(job_id, JobState.FAILED, str(error))
        except asyncio.CancelledError:
            self._finish(job_id, JobState.FAILED, "the server was stopped")
            raise
        except Exception:
            self._finish(job_id, JobState.FAILED, "a fault of this server; see its log")
            raise

    async def _apply(self, device_id: DeviceId, outcome: Outcome) -> None:
        channels = channels_of(device_id, outcome.items)
        is_complete = isinstance(outcome, Complete)
        await self._inventory.replace_channels(device_id, channels, complete=is_complete)

    async def _ask(self, job_id: str, device_id: DeviceId) -> Outcome:
        with self._pending.expect(device_id, "Catalog") as expectation:
            assembly = CatalogAssembly(expectation.sn, self._clock.monotonic())
            await self._link.send_catalog_query(device_id, expectation.sn)
            return await self._gather(job_id, expectation, assembly)

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
        now = self._clock.monotonic()
        deadline = assembly.deadline if assembly.deadline is not None else now
        try:
            async with asyncio.timeout(max(0.0, deadline - now)):
                part = await expectation.parts.get()
        except TimeoutError:
            return assembly.tick(max(deadline, self._clock.monotonic()))
        if not isinstance(part, CatalogResponse):
            return None
        return assembly.add(part, self._clock.monotonic())

    def _progress(self, job_id: str, assembly: CatalogAssembly, *, is_last: bool) -> None:
        job = replace(self._jobs[job_id], received=assembly.received, announced=assembly.announced)
        self._keep(job)
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
        job = self._jobs.get(job_id)
        if job is not None:
            self._keep(replace(job, state=state, error=error, finished_at=self._clock.wall()))

    def _keep(self, job: CatalogJob) -> None:
        """The oldest that are over give way; those that run are at most one a device."""
        self._jobs[job.job_id] = job
        surplus = len(self._jobs) - JOBS_KEPT
        if surplus > 0:
            over = (known.job_id for known in self._jobs.values() if known.finished)
            for job_id in list(islice(over, surplus)):
                del self._jobs[job_id]
