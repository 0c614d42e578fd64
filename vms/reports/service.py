"""Makes circulars, freezes them, proves them again, and makes the one of each month by itself."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import structlog

from vms.clock import Clock
from vms.errors import ConflictError, InvalidError, NotFoundError, UnavailableError, VmsError
from vms.reports.composing import LEVELS, STAGES, Composer
from vms.reports.model import Circular, figures_sha256, freeze, thaw
from vms.reports.periods import Period, latest_month, month_of
from vms.reports.store import CircularStore, Report, Status
from vms.reports.wording import Wording
from vms.site import Language

log = structlog.get_logger(__name__)

LOOK_S = 60.0
"""How often it is asked whether a month is over."""

MOST_WAITING = 4
"""Circulars that may be under way or wait; they are made one after the other."""

TRY_AGAIN_S = 3600.0
"""A month that could not be made by itself is tried again so much later: each try stays on file."""

SCHEDULE = "schedule"
"""Who asked for what is made by itself."""

STOPPED = "the server was stopped"


class FileKind(StrEnum):
    """In what form a circular is had."""

    XLSX = "xlsx"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class ReportPolicy:
    """How this site reports. `cut_off_day` 1 to 28; `level` digits of a civil code are a region.

    With `automatic` each month is frozen by itself, `freeze_after` its period has ended: so long
    exclusions may still be approved.
    """

    cut_off_day: int = 25
    level: int = 6
    automatic: bool = True
    freeze_after: timedelta = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a circular is: `stage` is one of `STAGES`, empty while it waits for its turn."""

    stage: str
    done: int
    of: int = len(STAGES)


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of making a circular again from what is on file now."""

    report: Report
    inputs_sha256: str
    figures_sha256: str

    @property
    def is_same(self) -> bool:
        """Both hashes are those it was frozen with."""
        kept = self.report.inputs_sha256, self.report.figures_sha256
        return kept == (self.inputs_sha256, self.figures_sha256)


def drawn(circular: Circular, words: Wording, kind: FileKind) -> bytes:
    """The file. Takes seconds: call it in a thread."""
    # Fonts and pictures take a second and 30 MiB to load; few servers ever draw.
    if kind is FileKind.XLSX:
        from vms.reports import workbook  # noqa: PLC0415

        return workbook.bytes_of(circular, words)
    from vms.reports import document  # noqa: PLC0415

    return document.bytes_of(circular, words)


class Reports:
    """The one writer of circulars. `start` before anything else, `run` beside everything else,
    `close` at the end."""

    def __init__(
        self,
        store: CircularStore,
        composer: Composer,
        clock: Clock,
        new_id: Callable[[], str],
        zone: ZoneInfo,
        policy: ReportPolicy,
    ) -> None:
        self._store = store
        self._composer = composer
        self._clock = clock
        self._new_id = new_id
        self.zone = zone
        self._policy = policy
        self._progress: dict[str, Progress] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._months: set[str] = set()
        self._not_before = 0.0
        self._turn = asyncio.Lock()
        self._drawing = asyncio.Semaphore(1)

    @property
    def policy(self) -> ReportPolicy:
        """How this site reports."""
        return self._policy

    async def start(self) -> None:
        """What was under way when the server ended has failed."""
        for report in await self._store.running():
            await self._store.save(replace(report, status=Status.FAILED, problem=STOPPED))

    async def run(self) -> None:
        """Freeze each month when its time has come; until cancelled. What fails is tried again:
        whatever is wrong with a report, cameras are watched on."""
        while True:
            if self._policy.automatic:
                try:
                    await self.make_due()
                except VmsError as error:
                    log.warning("the report of the month waits", reason=error.message)
                except Exception:
                    log.exception("the report of the month failed by our own fault")
            await asyncio.sleep(LOOK_S)

    async def close(self) -> None:
        """Break off what is under way; it has failed."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(UnavailableError):
            await self.start()

    async def make_due(self) -> Report | None:
        """The circular of the last month that is over, if nobody made it; None: nothing is due.

        Raises as `make_month`.
        """
        if self._clock.monotonic() < self._not_before:
            return None
        settled = self._clock.wall() - self._policy.freeze_after
        month = latest_month(settled, self._policy.cut_off_day, self.zone)
        if month in self._months or await self._store.frozen_month(month) is not None:
            return None
        period = month_of(month, self._policy.cut_off_day, self.zone)
        if not await self._composer.has_figures(period):
            return None
        return await self.make_month(month, None, SCHEDULE)

    async def make_month(self, month: str, level: int | None, requested_by: str) -> Report:
        """Begin the circular of a month.

        Raises `InvalidError` where it is not over, `ConflictError` where it is frozen or under way.
        """
        period = month_of(month, self._policy.cut_off_day, self.zone)
        # Before as well: it may be frozen while the database is asked.
        is_begun = month in self._months
        kept = await self._store.frozen_month(month)
        if kept is not None:
            raise ConflictError(
                f"{month} is frozen since {kept.frozen_at:%Y-%m-%d}: report {kept.report_id}"
            )
        if is_begun or month in self._months:
            raise ConflictError(f"the report of {month} is being made")
        return await self._begin(period, month, level, requested_by)

    async def make(self, period: Period, level: int | None, requested_by: str) -> Report:
        """Begin the circular of a period that somebody chose. Raises `InvalidError`."""
        return await self._begin(period, "", level, requested_by)

    async def report(self, report_id: str) -> Report:
        """One of them; raises `NotFoundError`."""
        found = await self._store.report(report_id)
        if found is None:
            raise NotFoundError(f"no report {report_id}")
        return found

    async def reports(self, before_id: str | None, limit: int) -> Sequence[Report]:
        """Newest first."""
        return await self._store.reports(before_id, limit)

    def progress(self, report_id: str) -> Progress | None:
        """How far one is; None where it is not under way."""
        return self._progress.get(report_id)

    async def circular(self, report_id: str) -> Circular:
        """The frozen figures; raises `NotFoundError`, or `ConflictError` before it is frozen."""
        report = await self.report(report_id)
        frozen = await self._store.frozen(report_id)
        if report.status is not Status.FROZEN or frozen is None:
            raise ConflictError(f"report {report_id} is {report.status}, not frozen")
        return await asyncio.to_thread(thaw, frozen)

    async def file(self, report_id: str, kind: FileKind, language: Language) -> bytes:
        """The frozen figures as a file: the same bytes each time. Raises as `circular`."""
        words = Wording(language, self.zone)
        # Read in its turn as well: of a city it takes a hundred megabytes.
        async with self._drawing:
            circular = await self.circular(report_id)
            return await asyncio.to_thread(drawn, circular, words, kind)

    async def verify(self, report_id: str) -> Verification:
        """Make it again from what is on file now and compare; changes nothing."""
        report, frozen = await self.report(report_id), await self.circular(report_id)
        period = Period.between(report.start_s, report.end_s, self.zone)
        composer = replace(self._composer, issuer=frozen.issuer, targets=frozen.targets)
        async with self._turn:
            again = await composer.compose(period, report.level)
        figures = await asyncio.to_thread(figures_sha256, again)
        return Verification(report, again.proof.inputs_sha256, figures)

    async def until_made(self, report_id: str) -> Report:
        """As it stands once nobody works at it any more."""
        task = self._tasks.get(report_id)
        if task is not None:
            await asyncio.wait([task])
        return await self.report(report_id)

    async def _begin(
        self, period: Period, month: str, level: int | None, requested_by: str
    ) -> Report:
        level = self._policy.level if level is None else level
        if level not in LEVELS:
            raise InvalidError(f"a region has {', '.join(map(str, LEVELS))} digits", field="level")
        now = self._clock.wall()
        if period.end > now:
            raise InvalidError(f"the period ends on {period.after}; it is not over", field="to")
        if len(self._tasks) >= MOST_WAITING:
            raise ConflictError(f"{MOST_WAITING} reports are being made; wait for one of them")
        report = Report(
            report_id=self._new_id(),
            title=month or f"{period.first} - {period.after - timedelta(days=1)}",
            month=month,
            start_s=period.start_s,
            end_s=period.end_s,
            level=level,
            status=Status.RUNNING,
            requested_by=requested_by,
            requested_at=now,
        )
        self._months.add(month)
        self._progress[report.report_id] = Progress("", 0)
        try:
            await self._store.save(report)
        except BaseException:
            self._forget(report)
            raise
        task = asyncio.create_task(self._make(report, period))
        self._tasks[report.report_id] = task
        task.add_done_callback(lambda _task: self._forget(report))
        return report

    def _forget(self, report: Report) -> None:
        self._months.discard(report.month)
        self._progress.pop(report.report_id, None)
        self._tasks.pop(report.report_id, None)

    async def _make(self, report: Report, period: Period) -> None:
        try:
            async with self._turn:
                circular = await self._composer.compose(
                    period, report.level, lambda stage: self._reached(report.report_id, stage)
                )
            frozen = await asyncio.to_thread(freeze, circular)
            made = replace(
                report,
                status=Status.FROZEN,
                frozen_at=self._clock.wall(),
                inputs_sha256=circular.proof.inputs_sha256,
                figures_sha256=await asyncio.to_thread(figures_sha256, circular),
            )
            await self._store.save(made, frozen)
            log.info("a report is frozen", report_id=report.report_id, title=report.title)
        except VmsError as error:
            await self._fail(report, error.message)
        except Exception:
            log.exception("a report could not be made", report_id=report.report_id)
            await self._fail(report, "a fault of this server; see its log")

    async def _fail(self, report: Report, problem: str) -> None:
        if report.requested_by == SCHEDULE:
            self._not_before = self._clock.monotonic() + TRY_AGAIN_S
        with suppress(UnavailableError):
            await self._store.save(replace(report, status=Status.FAILED, problem=problem))

    def _reached(self, report_id: str, stage: str) -> None:
        self._progress[report_id] = Progress(stage, STAGES.index(stage))
