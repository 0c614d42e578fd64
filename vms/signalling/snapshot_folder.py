"""Pictures that devices uploaded, on disk: one folder an order, `DEVICE/JOB/01.jpg` and so on.

Beside the pictures lies what was ordered and what came of it, so that they are found again after a
restart. Names are ours alone; nothing that a device sends becomes a path.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from vms.signalling.jobs import JobState

log = structlog.get_logger(__name__)

FOLDERS_KEPT = 2_000
"""The oldest go."""

ORDER: Final = "order.json"
LONGEST_ORDER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A picture as it is kept. `file_id` is the device's name for it, where that is as the
    standard has it: device ID, 02, time to the millisecond, number."""

    number: int
    file_id: str
    size_bytes: int
    width: int
    height: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SnapshotJob:
    """Pictures asked of a device: `pictures` of `wanted`; `announced` are the names it told.

    `job_id` is the SessionID on the wire.
    """

    job_id: str
    device_id: str
    channel_id: str
    wanted: int
    state: JobState
    started_at: datetime
    pictures: tuple[UploadedPicture, ...] = ()
    announced: tuple[str, ...] | None = None
    sentence: str = ""
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.state is not JobState.RUNNING


_JOBS: Final = TypeAdapter(SnapshotJob)


class SnapshotFolder:
    """Blocking calls, to be made in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path_of(self, job: SnapshotJob, picture: UploadedPicture) -> Path:
        """Where a picture lies."""
        return self._folder_of(job) / f"{picture.number:02}.jpg"

    def keep(self, job: SnapshotJob, picture: UploadedPicture, data: bytes) -> None:
        """Store one more picture of a job. Raises OSError."""
        folder = self._folder_of(job)
        is_first = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        self.path_of(job, picture).write_bytes(data)
        if is_first:
            # Job identifiers rise with time.
            jobs = sorted(self._root.glob("*/*"), key=lambda each: each.name)
            for old in jobs[: max(0, len(jobs) - FOLDERS_KEPT)]:
                shutil.rmtree(old, ignore_errors=True)

    def note(self, job: SnapshotJob) -> None:
        """Write down how a job stands; nothing where no picture of it came, or the disk is full."""
        folder = self._folder_of(job)
        if not folder.exists():
            return
        fresh = folder / f"{ORDER}.new"
        try:
            fresh.write_bytes(_JOBS.dump_json(job))
            fresh.replace(folder / ORDER)
        except OSError as error:
            log.warning("order of pictures not noted", job_id=job.job_id, error=str(error))

    def load(self) -> list[SnapshotJob]:
        """What was noted, the oldest first, with the pictures that are still there."""
        found = sorted(self._jobs(), key=lambda job: job.job_id)
        return found[-FOLDERS_KEPT:]

    def _jobs(self) -> Iterator[SnapshotJob]:
        for path in self._root.glob(f"*/*/{ORDER}"):
            try:
                if path.stat().st_size > LONGEST_ORDER_BYTES:
                    continue
                job = _JOBS.validate_json(path.read_bytes())
            except (OSError, ValidationError):
                log.warning("an order of pictures cannot be read", path=str(path))
                continue
            if self._folder_of(job) == path.parent:
                yield self._as_found(job)

    def _as_found(self, job: SnapshotJob) -> SnapshotJob:
        there = tuple(each for each in job.pictures if self.path_of(job, each).is_file())
        if job.finished:
            return replace(job, pictures=there)
        state = JobState.INCOMPLETE if there else JobState.FAILED
        return replace(job, pictures=there, state=state, sentence="the server was stopped")

    def _folder_of(self, job: SnapshotJob) -> Path:
        return self._root / job.device_id / job.job_id
