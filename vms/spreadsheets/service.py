"""Imports as jobs, exports as files: what API and command line use."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from vms.clock import Clock
from vms.errors import ConflictError, ExhaustedError, NotFoundError, UnavailableError, VmsError
from vms.events import EventBus, JobProgress
from vms.inventory.inventory import Inventory
from vms.signalling.jobs import JobBook, JobState
from vms.site import Language
from vms.spreadsheets.columns import Kind
from vms.spreadsheets.exporting import Query, export
from vms.spreadsheets.importing import ImportJob, carry_out, filer_of
from vms.spreadsheets.reading import layout_of, unpacked
from vms.spreadsheets.refusals import Refusals
from vms.spreadsheets.unpacking import UnpackError
from vms.spreadsheets.writing import Encoding, FileFormat, write_template

log = structlog.get_logger(__name__)

JOBS_KEPT: Final = 20
FILES_AT_ONCE: Final = 4
"""Uploads, exports and files of errors under way: each lies on disk for a while."""

LONGEST_FILE_NAME: Final = 120

AtItsEnd = Callable[[ImportJob], Awaitable[None]]
"""Told once of a job that is over."""


class Spreadsheets:
    """`start` before anything else, `close` at the end. Jobs do not outlive the process; what they
    have applied does. `folder` is ours alone, and emptied at start: files may hold passwords."""

    def __init__(
        self,
        inventory: Inventory,
        events: EventBus,
        clock: Clock,
        new_id: Callable[[], str],
        folder: Path,
    ) -> None:
        self._inventory = inventory
        self._events = events
        self._clock = clock
        self._new_id = new_id
        self._folder = folder
        self._jobs: JobBook[ImportJob] = JobBook(JOBS_KEPT)
        self._refusals: dict[str, Refusals] = {}
        self._running: asyncio.Task[None] | None = None
        self._files = 0

    async def start(self) -> None:
        """Throw away what an earlier life left."""
        await asyncio.to_thread(self._empty_folder)

    async def close(self) -> None:
        """End the import that runs; its batches so far stay."""
        if self._running is not None and not self._running.done():
            self._running.cancel()
            await asyncio.wait([self._running])
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def _empty_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)

    @asynccontextmanager
    async def file(self) -> AsyncGenerator[Path]:
        """A path for one file, which is gone when the block ends.

        Raises `ExhaustedError` when `FILES_AT_ONCE` are under way.
        """
        if self._files >= FILES_AT_ONCE:
            raise ExhaustedError(
                f"{FILES_AT_ONCE} files are under way already", what="spreadsheets"
            )
        path = self._folder / self._new_id()
        self._files += 1
        try:
            yield path
        finally:
            self._files -= 1
            path.unlink(missing_ok=True)

    # Imports

    def begin(
        self, kind: Kind, file: Path, file_name: str, *, is_trial: bool, at_its_end: AtItsEnd
    ) -> ImportJob:
        """Import `file`, which is ours from now on; with `is_trial` only see what would come of it.

        Raises `ConflictError` while another import runs.
        """
        if self._running is not None and not self._running.done():
            raise ConflictError("another import runs; wait for its end")
        job = ImportJob(
            job_id=self._new_id(),
            kind=kind,
            file_name=file_name[-LONGEST_FILE_NAME:],
            is_trial=is_trial,
            started_at=self._clock.wall(),
        )
        taken = file.rename(self._folder / f"{job.job_id}.upload")
        refusals = Refusals(self._folder / f"{job.job_id}.refused", kind)
        self._refusals[job.job_id] = refusals
        self._jobs.put(job)
        self._forget_old()
        self._running = asyncio.create_task(self._run(job, taken, refusals, at_its_end))
        return job

    def job(self, job_id: str) -> ImportJob:
        """A running or a recent one; raises `NotFoundError`."""
        found = self._jobs.find(job_id)
        if found is None:
            raise NotFoundError(
                f"no import {job_id[:40]}: the last {JOBS_KEPT} are kept until the server "
                "restarts; what an import has applied stays"
            )
        return found

    async def until_over(self) -> None:
        """Wait for the import that runs."""
        if self._running is not None:
            await asyncio.wait([self._running])

    async def write_refusals(
        self, job_id: str, path: Path, file_format: FileFormat, language: Language
    ) -> None:
        """The refused rows with their reasons, to mend and to import again.

        Raises `NotFoundError`, and `ConflictError` while the import runs.
        """
        if self.job(job_id).state is JobState.RUNNING:
            raise ConflictError("the import runs; wait for its end")
        await asyncio.to_thread(self._refusals[job_id].write, path, file_format, language)

    async def _run(
        self, job: ImportJob, file: Path, refusals: Refusals, at_its_end: AtItsEnd
    ) -> None:
        lines = file.with_suffix(".lines")
        try:
            with refusals:
                sheet = await unpacked(file, lines)
                layout = await asyncio.to_thread(layout_of, job.kind, sheet)
                refusals.begin(layout, is_csv=sheet.is_csv)
                filer = filer_of(job.kind, self._inventory)
                await carry_out(job, sheet, layout, filer, refusals, lambda: self._tell(job))
            job.state = JobState.INCOMPLETE if job.refused else JobState.COMPLETE
        except UnpackError as error:
            job.fail(error.code, **error.facts)
        except UnavailableError as error:
            job.fail("storage", why=error.message)
        except asyncio.CancelledError:
            job.fail("stopped")
            raise
        except Exception:
            job.fail("fault")
            log.exception("an import failed by our own fault", job_id=job.job_id)
        finally:
            _remove(file, lines)
            job.finished_at = self._clock.wall()
            self._tell(job)
            await _told_at_its_end(job, at_its_end)

    def _tell(self, job: ImportJob) -> None:
        self._events.publish(
            JobProgress(
                job_id=job.job_id,
                device_id="",
                at=self._clock.wall(),
                kind="import",
                state=job.state.value,
                done=job.read,
                total=job.total or 0,
            )
        )

    def _forget_old(self) -> None:
        for job_id in [each for each in self._refusals if self._jobs.find(each) is None]:
            self._refusals.pop(job_id).discard()

    # Exports

    async def export(
        self,
        kind: Kind,
        query: Query,
        path: Path,
        file_format: FileFormat,
        language: Language,
        encoding: Encoding = Encoding.UTF_8_BOM,
    ) -> int:
        """Write what is on file; how many rows.

        Raises `InvalidError` for a query of another kind.
        """
        return await export(self._inventory, kind, query, path, file_format, language, encoding)

    async def write_template(self, kind: Kind, path: Path, language: Language) -> None:
        """An empty workbook with explanations."""
        await asyncio.to_thread(write_template, path, kind, language)


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


async def _told_at_its_end(job: ImportJob, at_its_end: AtItsEnd) -> None:
    try:
        await at_its_end(job)
    except VmsError as error:
        log.warning("the end of an import was not noted", job_id=job.job_id, reason=error.message)
