"""Firmware upgrades of devices (GB/T 28181-2022, 9.13 and A.2.3.1.12)."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from vms.clock import Clock
from vms.errors import ConflictError, InvalidError
from vms.events import EventBus, JobProgress
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import DeviceUpgradeResult, Result, UpgradeControl
from vms.signalling.commanding import Addressee, Commanding
from vms.signalling.jobs import JobBook, JobState, ending
from vms.signalling.messenger import Messenger

UPGRADE_LIMIT_S = 3_600.0
"""A device fetches, installs, starts anew and registers before it tells."""

LONGEST_URL = 512
LONGEST_NAME = 64

REASONS = {
    "01": "the download took too long",
    "02": "the package is broken",
    "03": "a fault of the device's system",
    "99": "a reason that the device does not tell",
}

_URL = re.compile(r"(?:https?|ftp)://[\x21-\x7e]+")
_NAME = re.compile(r"[^\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class UpgradeJob:
    """An upgrade: `firmware` is the one wanted, `running` the one the device told afterwards.

    `job_id` is the SessionID on the wire.
    """

    job_id: str
    device_id: str
    firmware: str
    file_url: str
    state: JobState
    started_at: datetime
    is_accepted: bool = False
    running: str = ""
    sentence: str = ""
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.state is not JobState.RUNNING


class Upgrades:
    """One at a time for each device."""

    def __init__(
        self,
        commanding: Commanding,
        messenger: Messenger,
        events: EventBus,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._commanding = commanding
        self._messenger = messenger
        self._events = events
        self._clock = clock
        self._new_id = new_id
        self._jobs: JobBook[UpgradeJob] = JobBook()
        self._running: dict[DeviceId, tuple[str, asyncio.Task[None]]] = {}
        self._results: dict[str, asyncio.Future[DeviceUpgradeResult]] = {}

    async def close(self) -> None:
        """Give up what runs; the devices go on."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(
        self,
        device_id: str,
        *,
        firmware: str,
        file_url: str,
        manufacturer: str = "",
        force: bool = False,
    ) -> UpgradeJob:
        """Tell a device to fetch and install a firmware; `job` tells how it goes.

        Raises `UnsupportedError`, `DeviceOfflineError`, `ConflictError` while one is under way.
        """
        if len(file_url) > LONGEST_URL or _URL.fullmatch(file_url) is None:
            raise InvalidError("a firmware is fetched by http, https or ftp", field="file_url")
        if len(firmware) > LONGEST_NAME or _NAME.fullmatch(firmware) is None:
            raise InvalidError("a firmware has a name of one line", field="firmware")
        to = self._commanding.addressee(device_id)
        maker = manufacturer or to.device.manufacturer or "unknown"
        job_id = self._new_id()
        order = UpgradeControl(0, to.target, firmware, file_url, maker[:LONGEST_NAME], job_id)
        self._commanding.require_message(to, order, force=force)
        self._messenger.flow(to.device_id)
        if to.device_id in self._running:
            raise ConflictError(f"{to.device_id} is being upgraded already")
        job = UpgradeJob(
            job_id, to.device_id, firmware, file_url, JobState.RUNNING, self._clock.wall()
        )
        self._put(job)
        loop = asyncio.get_running_loop()
        self._results[job_id] = loop.create_future()
        task = loop.create_task(self._run(job_id, to, order))
        self._running[to.device_id] = job_id, task
        task.add_done_callback(lambda _: self._over(to.device_id, job_id))
        return job

    def job(self, job_id: str) -> UpgradeJob:
        """One of the last jobs; raises `NotFoundError`."""
        return self._jobs.of(job_id)

    def upgrade_finished(self, device_id: DeviceId, result: DeviceUpgradeResult) -> None:
        """The device tells how it went, after it registered again."""
        running = self._running.get(device_id)
        if running is None or running[0] != result.session_id:
            return
        awaited = self._results[running[0]]
        if not awaited.done():
            awaited.set_result(result)

    async def _run(self, job_id: str, to: Addressee, order: UpgradeControl) -> None:
        with ending(partial(self._finish, job_id), stopped=JobState.INCOMPLETE):
            outcome = await self._commanding.control(
                to, lambda sn: replace(order, sn=sn), force=True
            )
            taken = replace(self._jobs.of(job_id), is_accepted=outcome.is_confirmed)
            self._put(replace(taken, sentence=outcome.sentence))
            try:
                async with asyncio.timeout(UPGRADE_LIMIT_S):
                    result = await self._results[job_id]
            except TimeoutError:
                limit = f"{UPGRADE_LIMIT_S / 60:.0f} minutes"
                self._finish(job_id, JobState.INCOMPLETE, f"the device told nothing for {limit}")
                return
            self._conclude(job_id, result)

    def _conclude(self, job_id: str, result: DeviceUpgradeResult) -> None:
        self._jobs.put(replace(self._jobs.of(job_id), running=result.firmware))
        if result.result is Result.OK:
            self._finish(job_id, JobState.COMPLETE, f"the device runs {result.firmware}")
            return
        code = result.failed_reason
        reason = REASONS.get(code, f"a reason of its own: {code[:LONGEST_NAME]}")
        told = f"not upgraded: {reason}; the device runs {result.firmware}"
        self._finish(job_id, JobState.FAILED, told)

    def _finish(self, job_id: str, state: JobState, sentence: str) -> None:
        job = self._jobs.of(job_id)
        self._put(replace(job, state=state, sentence=sentence, finished_at=self._clock.wall()))

    def _put(self, job: UpgradeJob) -> None:
        self._jobs.put(job)
        self._events.publish(
            JobProgress(
                job.job_id,
                job.device_id,
                self._clock.wall(),
                kind="upgrade",
                state=job.state.value,
                done=int(job.is_accepted) + int(job.finished),
                total=2,
            )
        )

    def _over(self, device_id: DeviceId, job_id: str) -> None:
        del self._running[device_id], self._results[job_id]
