"""Pictures that a device takes itself and uploads to us (GB/T 28181-2022, 9.14 and A.2.3.2).

SnapShotConfig carries an address of ours with a token that nobody can guess; whoever has it may
put so many pictures there and nothing else. UploadSnapShotFinished says which belong together.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import structlog

from vms.clock import Clock
from vms.errors import ExhaustedError, InvalidError, NotFoundError, UnavailableError
from vms.events import EventBus, JobProgress
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import SnapShotConfig, UploadSnapShotFinished
from vms.signalling.commanding import Addressee
from vms.signalling.configs import TYPES, Configs
from vms.signalling.jobs import JobBook, JobState, ending
from vms.signalling.messenger import Messenger
from vms.signalling.pictures import jpeg_size
from vms.signalling.snapshot_folder import (
    FOLDERS_KEPT,
    SnapshotFolder,
    SnapshotJob,
    UploadedPicture,
)

log = structlog.get_logger(__name__)

UPLOAD_PATH = "/upload/snapshots/"
"""The token follows."""

MOST_PICTURES = 10
LONGEST_INTERVAL_S = 3_600
UPLOAD_LIMIT_S = 60.0
"""For the uploads, after the last picture is due."""

RUNNING_AT_ONCE = 200

_FILE_ID = re.compile(r"[0-9]{41}")


@dataclass(frozen=True, slots=True)
class _Listening:
    """Where HTTP is served."""

    scheme: str
    host: str
    port: int


class DeviceSnapshots:
    """Asks for pictures, takes uploads, keeps files under `folder`."""

    def __init__(
        self,
        configs: Configs,
        messenger: Messenger,
        events: EventBus,
        clock: Clock,
        new_id: Callable[[], str],
        *,
        folder: Path,
        token: Callable[[], str],
    ) -> None:
        self._configs = configs
        self._messenger = messenger
        self._events = events
        self._clock = clock
        self._new_id = new_id
        self._folder = SnapshotFolder(folder)
        self._token = token
        self._listening: _Listening | None = None
        self._jobs: JobBook[SnapshotJob] = JobBook(FOLDERS_KEPT)
        self._open: dict[str, str] = {}
        """Job by token."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}

    async def load(self) -> None:
        """Find the pictures of earlier lives again."""
        for job in await asyncio.to_thread(self._folder.load):
            self._jobs.put(job)

    async def close(self) -> None:
        """Give up what runs."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def serve_at(self, scheme: str, host: str, port: int) -> None:
        """HTTP listens there: what devices upload to."""
        self._listening = _Listening(scheme, host, port)

    def take(
        self,
        device_id: str,
        channel_id: str | None = None,
        *,
        count: int = 1,
        interval_s: int = 1,
        force: bool = False,
    ) -> SnapshotJob:
        """Ask for pictures; `job` tells how it goes.

        Raises `UnsupportedError`, `DeviceOfflineError`, and `UnavailableError` where the device
        could not reach us with an upload.
        """
        if not 1 <= count <= MOST_PICTURES:
            raise InvalidError(f"1 to {MOST_PICTURES} pictures at once", field="count")
        if not 1 <= interval_s <= LONGEST_INTERVAL_S:
            raise InvalidError(f"1 to {LONGEST_INTERVAL_S} s apart", field="interval_s")
        to = self._configs.target(device_id, channel_id)
        self._configs.require(to, TYPES["SnapShotConfig"], force=force)
        token = self._token()
        url = self._upload_url(to.device_id, token)
        if len(self._tasks) >= RUNNING_AT_ONCE:
            raise ExhaustedError(f"{RUNNING_AT_ONCE} such jobs run already", what="snapshots")
        job = SnapshotJob(
            self._new_id(), to.device_id, to.target, count, JobState.RUNNING, self._clock.wall()
        )
        self._jobs.put(job)
        self._open[token] = job.job_id
        self._news[job.job_id] = asyncio.Event()
        order = SnapShotConfig(count, url, job.job_id, interval_s)
        limit_s = count * interval_s + UPLOAD_LIMIT_S
        task = asyncio.get_running_loop().create_task(self._run(job.job_id, to, order, limit_s))
        self._tasks[job.job_id] = task
        task.add_done_callback(lambda _: self._over(job.job_id, token))
        return job

    def job(self, job_id: str) -> SnapshotJob:
        """One of the last jobs; raises `NotFoundError`."""
        return self._jobs.of(job_id)

    def jobs_of(self, device_id: str, channel_id: str) -> list[SnapshotJob]:
        """Those of the last jobs that are about one channel, in the order of their beginnings."""
        wanted = (device_id, channel_id)
        return [each for each in self._jobs.all() if (each.device_id, each.channel_id) == wanted]

    async def picture(self, job: SnapshotJob, picture: UploadedPicture) -> bytes:
        """One that came; raises `NotFoundError` where it is no longer kept."""
        try:
            return await asyncio.to_thread(self._folder.path_of(job, picture).read_bytes)
        except FileNotFoundError as error:
            raise NotFoundError("this picture is no longer kept") from error

    def expects(self, token: str) -> bool:
        """Whether a picture may be uploaded under this token: to be asked before its bytes are
        read."""
        return token in self._open

    async def accept_upload(self, token: str, filename: str, data: bytes) -> None:
        """A picture under a token of ours.

        Raises `NotFoundError` for a token that is not, or no more, good for anything, and
        `InvalidError` for what is no JPEG of a decent size.
        """
        job_id = self._open.get(token)
        if job_id is None:
            raise NotFoundError("nothing is to be uploaded here")
        width, height = jpeg_size(data)
        job = self._jobs.of(job_id)
        if len(job.pictures) >= job.wanted:
            raise InvalidError(f"{job.wanted} pictures were asked for", field="data")
        number = len(job.pictures) + 1
        found = _FILE_ID.search(filename)
        picture = UploadedPicture(
            number,
            found[0] if found else "",
            len(data),
            width,
            height,
            self._clock.wall(),
        )
        self._put(replace(job, pictures=(*job.pictures, picture)))
        try:
            await asyncio.to_thread(self._folder.keep, job, picture, data)
        except OSError as error:
            now = self._jobs.of(job_id)
            self._put(replace(now, pictures=tuple(p for p in now.pictures if p != picture)))
            log.warning("picture not kept", job_id=job_id, number=number, error=str(error))
            raise UnavailableError("the picture could not be stored") from error
        await asyncio.to_thread(self._folder.note, self._jobs.of(job_id))
        self._tell(job_id)

    def snapshot_finished(self, device_id: DeviceId, notify: UploadSnapShotFinished) -> None:
        """The device says that it is done, and which pictures there are."""
        job = self._jobs.find(notify.session_id)
        if job is None or job.device_id != device_id or job.announced is not None:
            return
        self._put(replace(job, announced=notify.file_ids[:MOST_PICTURES]))
        self._tell(job.job_id)

    # The address

    def _upload_url(self, device_id: DeviceId, token: str) -> str:
        """As the device reaches us. Raises `UnavailableError` where it cannot."""
        at = self._listening
        if at is None:
            raise UnavailableError("HTTP is not served: a device has nowhere to upload to")
        remote = ip_address(self._messenger.flow(device_id).remote.host)
        listens = ip_address(at.host)
        if listens.is_loopback and not remote.is_loopback:
            raise UnavailableError(
                f"HTTP listens on {at.host} only (http.host), where {device_id} at {remote} "
                "cannot upload to"
            )
        host = self._messenger.host_seen_by(device_id) if listens.is_unspecified else at.host
        shown = f"[{host}]" if ":" in host else host
        return f"{at.scheme}://{shown}:{at.port}{UPLOAD_PATH}{token}"

    # One job

    async def _run(self, job_id: str, to: Addressee, order: SnapShotConfig, limit_s: float) -> None:
        with ending(partial(self._finish, job_id)):
            outcome = await self._configs.send(to, [order], force=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    while not self._is_done(job_id):
                        self._news[job_id].clear()
                        await self._news[job_id].wait()
            self._conclude(job_id, "" if outcome.is_confirmed else outcome.sentence)
        await asyncio.to_thread(self._folder.note, self._jobs.of(job_id))

    def _is_done(self, job_id: str) -> bool:
        job = self._jobs.of(job_id)
        if len(job.pictures) >= job.wanted:
            return True
        return job.announced is not None and len(job.pictures) >= len(job.announced)

    def _conclude(self, job_id: str, doubt: str) -> None:
        job = self._jobs.of(job_id)
        came = len(job.pictures)
        if came >= job.wanted:
            self._finish(job_id, JobState.COMPLETE, "")
            return
        told = f"{came} of {job.wanted} pictures came"
        if job.announced is not None:
            told += f"; the device says that it took {len(job.announced)}"
        state = JobState.INCOMPLETE if came else JobState.FAILED
        self._finish(job_id, state, f"{told}; {doubt}" if doubt else told)

    def _finish(self, job_id: str, state: JobState, sentence: str) -> None:
        job = self._jobs.of(job_id)
        done = replace(job, state=state, sentence=sentence, finished_at=self._clock.wall())
        self._put(done)

    def _put(self, job: SnapshotJob) -> None:
        self._jobs.put(job)
        self._events.publish(
            JobProgress(
                job.job_id,
                job.device_id,
                self._clock.wall(),
                kind="snapshot",
                state=job.state.value,
                done=len(job.pictures),
                total=job.wanted,
            )
        )

    def _tell(self, job_id: str) -> None:
        news = self._news.get(job_id)
        if news is not None:
            news.set()

    def _over(self, job_id: str, token: str) -> None:
        del self._tasks[job_id], self._open[token], self._news[job_id]
