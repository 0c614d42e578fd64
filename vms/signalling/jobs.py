"""What takes longer than a person waits: jobs, and the book in which the last ones stand."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from typing import Generic, Protocol, TypeVar

from vms.errors import NotFoundError, VmsError

JOBS_KEPT = 1_000


class JobState(StrEnum):
    """How a job stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


class Job(Protocol):
    """What every job has."""

    @property
    def job_id(self) -> str: ...
    @property
    def state(self) -> JobState: ...


@contextmanager
def ending(
    finish: Callable[[JobState, str], None],
    *,
    refused: Callable[[], JobState] = lambda: JobState.FAILED,
    stopped: JobState = JobState.FAILED,
) -> Generator[None]:
    """What breaks off the work inside ends the job with a sentence, so that none runs for ever.

    `refused()` is the state after a `VmsError`, `stopped` the one after the server stops. That and
    faults of ours are raised again.
    """
    try:
        yield
    except VmsError as error:
        finish(refused(), str(error))
    except asyncio.CancelledError:
        finish(stopped, "the server was stopped")
        raise
    except Exception:
        finish(JobState.FAILED, "a fault of this server; see its log")
        raise


JobT = TypeVar("JobT", bound=Job)


class JobBook(Generic[JobT]):
    """The last jobs of one kind. Those that run stay; the oldest that are over give way.

    `weight` says what a job holds; the sum over those that are over stays below `weight_limit`.
    """

    def __init__(
        self,
        kept: int | None = None,
        weight: Callable[[JobT], int] = lambda _job: 0,
        weight_limit: int = 0,
    ) -> None:
        self._jobs: dict[str, JobT] = {}
        self._kept = kept
        self._weight = weight
        self._weight_limit = weight_limit
        self._held: dict[str, int] = {}
        """What those that are over hold, where it is anything."""
        self._total = 0

    def put(self, job: JobT) -> None:
        """A new job, or a known one as it stands now."""
        self._jobs[job.job_id] = job
        surplus = len(self._jobs) - (self._kept or JOBS_KEPT)
        if surplus > 0:
            for job_id in list(islice(self._over(), surplus)):
                self._drop(job_id)
        if job.state is not JobState.RUNNING:
            self._lighten(job)

    def of(self, job_id: str) -> JobT:
        """One of them; raises `NotFoundError`."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFoundError(f"no job {job_id}") from None

    def find(self, job_id: str) -> JobT | None:
        """One of them, or None."""
        return self._jobs.get(job_id)

    def all(self) -> list[JobT]:
        """In the order of their beginnings."""
        return list(self._jobs.values())

    def _over(self) -> Iterator[str]:
        """Oldest first."""
        for each in self._jobs.values():
            if each.state is not JobState.RUNNING:
                yield each.job_id

    def _lighten(self, newest: JobT) -> None:
        """Many jobs are over and hold next to nothing: they are not looked through each time."""
        weight = self._weight(newest)
        self._total += weight - self._held.pop(newest.job_id, 0)
        if weight:
            self._held[newest.job_id] = weight
        while self._total > self._weight_limit:
            oldest = next(
                (job_id for job_id in self._over() if job_id in self._held), newest.job_id
            )
            if oldest == newest.job_id:
                return
            self._drop(oldest)

    def _drop(self, job_id: str) -> None:
        del self._jobs[job_id]
        self._total -= self._held.pop(job_id, 0)
