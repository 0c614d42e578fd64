"""Circulars from the figures of three months in a row, kept in SQLite."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from tests.support.clock import FakeClock
from tests.support.databases import sqlite_url
from tests.support.waiting import until
from vms.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from vms.figures.dimensions import Dimension
from vms.figures.model import (
    Every,
    OutageFigures,
    RateQuery,
    RateRow,
    Seconds,
    Targets,
    Window,
)
from vms.persistence.circular_store import SqlCircularStore
from vms.persistence.database import Database
from vms.reports.composing import Composer
from vms.reports.model import ExclusionLine, OutageLine, Proof
from vms.reports.periods import Period
from vms.reports.service import FileKind, ReportPolicy, Reports
from vms.reports.store import Report, Status

SITE = ZoneInfo("Asia/Shanghai")
NOVEMBER_ENDS = datetime(2026, 11, 24, 16, tzinfo=UTC)
DAY_S = 86_400


@dataclass
class Town:
    """Two districts of ten cameras: one always there, one with so many seconds offline a camera
    and period, by the day the period begins."""

    offline_s: dict[date, int] = field(default_factory=dict[date, int])
    held: asyncio.Event | None = None
    broken: bool = False
    reaches_s: int = 2**40
    fault: Exception | None = None
    asked: int = 0

    async def online_rate(self, query: RateQuery) -> Sequence[RateRow]:
        self.asked += 1
        if self.held is not None:
            await self.held.wait()
        if self.fault is not None:
            raise self.fault
        if self.broken:
            raise UnavailableError("the database is away")
        start_s = int(query.start.timestamp())
        end_s = min(int(query.end.timestamp()), self.reaches_s)
        if query.every is Every.DAY:
            cuts = range(start_s, end_s, DAY_S)
            return [self._row("all", 20, Window(at_s, at_s + DAY_S), 0) for at_s in cuts]
        first = query.start.astimezone(SITE).date()
        offline_s = self.offline_s.get(first, 0)
        window = Window(start_s, end_s)
        if query.group_by == (Dimension.ALL,):
            return [self._row("all", 20, window, 10 * offline_s)]
        if query.group_by == (Dimension.DIVISION_6,):
            return [
                self._row("340202", 10, window, 0),
                self._row("340203", 10, window, 10 * offline_s),
            ]
        assert query.group_by == (Dimension.CHANNEL, Dimension.DIVISION)
        return [
            replace(
                self._row(f"d/{number}", 1, window, offline_s if number >= 10 else 0),
                key2="340202" if number < 10 else "340203",
                name2="district",
            )
            for number in range(20)
        ]

    def _row(self, key: str, channels: int, window: Window, offline_s: int) -> RateRow:
        online_s = channels * window.length_s - offline_s
        seconds = Seconds(signalled_s=online_s, offline_s=offline_s)
        return RateRow(
            key, key, window, channels, seconds, Targets(), OutageFigures(0, 0, offline_s)
        )


@dataclass
class Around:
    """What a circular tells beside the figures."""

    inputs: str = "ab" * 32
    changes: int = 0
    """So often somebody will approve something while a report is made."""

    async def outages(self, period: Period, most: int) -> Sequence[OutageLine]:
        _ = most
        return [OutageLine(period.start_s, None, "flapping", "抖动", "flapping", "x", 1, 1)]

    async def own_absence_s(self, period: Period) -> int:
        _ = period
        return 60

    async def exclusions(self, period: Period) -> Sequence[ExclusionLine]:
        _ = period
        return []

    async def inputs_sha256(self, period: Period) -> str:
        _ = period
        self.changes -= 1
        return self.inputs if self.changes < 0 else f"{self.changes:064}"

    async def proof(self, period: Period) -> Proof:
        return Proof(True, period.end_s, 20, 0, self.inputs)

    def department(self, device_id: str, channel_id: str) -> str:
        return f"{device_id}{channel_id}"


@dataclass
class Office:
    """The service, and what it stands on."""

    reports: Reports
    town: Town
    around: Around
    clock: FakeClock
    store: SqlCircularStore

    async def made(self, report: Report) -> Report:
        return await self.reports.until_made(report.report_id)


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncGenerator[Office]:
    async with Database.open(sqlite_url(tmp_path)) as database:
        store, town, around = SqlCircularStore(database), Town(), Around()
        clock = FakeClock(wall=NOVEMBER_ENDS + timedelta(hours=8))
        numbers = count(1)
        reports = Reports(
            store,
            Composer(town, around, Targets(), "Asia/Shanghai", "office"),
            clock,
            lambda: f"{next(numbers):032}",
            SITE,
            ReportPolicy(),
        )
        await reports.start()
        yield Office(reports, town, around, clock, store)
        await reports.close()


async def test_a_month_is_frozen_with_its_regions_days_and_cameras(office: Office) -> None:
    begun = await office.reports.make_month("2026-11", None, "admin")
    made = await office.made(begun)
    circular = await office.reports.circular(made.report_id)

    assert (begun.status, made.status) == (Status.RUNNING, Status.FROZEN)
    assert (made.requested_by, made.inputs_sha256) == ("admin", "ab" * 32)
    assert (circular.total.channels, circular.total.seconds.online_s) == (20, 20 * 31 * DAY_S)
    assert [region.figure.key for region in circular.ranked] == ["340202", "340203"]
    assert len(circular.days) == 31
    assert [camera.channel_id for camera in circular.cameras] == [str(n) for n in range(20)]
    assert circular.cameras[19].department == "d19"
    assert circular.own_absence_s == 60


async def test_it_is_told_how_long_a_region_has_been_under_the_line(office: Office) -> None:
    a_fifth = 31 * DAY_S // 5
    office.town.offline_s = {
        date(2026, 10, 25): a_fifth,  # November
        date(2026, 9, 25): a_fifth,
        date(2026, 8, 25): a_fifth,
        date(2026, 6, 25): a_fifth,  # not in a row: July's was good
    }

    made = await office.made(await office.reports.make_month("2026-11", None, "admin"))
    circular = await office.reports.circular(made.report_id)

    assert [(r.figure.key, r.periods_under) for r in circular.under_the_line] == [("340203", 3)]
    good, poor = circular.ranked
    assert good.periods_under == 0
    # Both fifths are of 31 days; September's period has only 30.
    assert poor.previous is not None
    assert poor.previous.seconds.offline_s == 10 * a_fifth


async def test_a_month_is_frozen_once(office: Office) -> None:
    await office.made(await office.reports.make_month("2026-11", None, "admin"))

    with pytest.raises(ConflictError, match="is frozen since"):
        await office.reports.make_month("2026-11", None, "admin")


async def test_while_a_month_is_made_nobody_begins_it_again(office: Office) -> None:
    office.town.held = asyncio.Event()
    begun = await office.reports.make_month("2026-11", None, "admin")

    with pytest.raises(ConflictError, match="being made"):
        await office.reports.make_month("2026-11", None, "admin")

    progress = office.reports.progress(begun.report_id)
    assert progress is not None
    assert progress.of == 8
    office.town.held.set()
    assert (await office.made(begun)).status is Status.FROZEN
    assert office.reports.progress(begun.report_id) is None


async def test_a_period_that_is_not_over_is_refused(office: Office) -> None:
    with pytest.raises(InvalidError, match="not over"):
        await office.reports.make_month("2026-12", None, "admin")


async def test_a_level_that_no_civil_code_has_is_refused(office: Office) -> None:
    with pytest.raises(InvalidError, match="digits"):
        await office.reports.make_month("2026-11", 5, "admin")


async def test_making_it_again_gives_the_same_hashes_until_something_was_corrected(
    office: Office,
) -> None:
    made = await office.made(await office.reports.make_month("2026-11", None, "admin"))
    same = await office.reports.verify(made.report_id)
    assert same.is_same

    office.town.offline_s[date(2026, 10, 25)] = 1
    assert not (await office.reports.verify(made.report_id)).is_same

    office.town.offline_s.clear()
    office.around.inputs = "cd" * 32
    assert not (await office.reports.verify(made.report_id)).is_same


async def test_the_month_is_made_by_itself_once_its_time_has_come(office: Office) -> None:
    office.clock.advance(-1)
    before = await office.reports.make_due()
    assert before is not None
    assert before.month == "2026-10"
    await office.made(before)

    office.clock.advance(1)
    due = await office.reports.make_due()

    assert due is not None
    assert (due.month, due.requested_by) == ("2026-11", "schedule")
    await office.made(due)
    assert await office.reports.make_due() is None


async def test_a_database_that_is_away_fails_the_report_and_says_so(office: Office) -> None:
    office.town.broken = True
    failed = await office.made(await office.reports.make_month("2026-11", None, "admin"))

    assert (failed.status, failed.problem) == (Status.FAILED, "the database is away")
    with pytest.raises(ConflictError, match="not frozen"):
        await office.reports.circular(failed.report_id)

    office.town.broken = False
    again = await office.made(await office.reports.make_month("2026-11", None, "admin"))
    assert again.status is Status.FROZEN


async def test_what_was_under_way_when_the_server_ended_has_failed(office: Office) -> None:
    office.town.held = asyncio.Event()
    begun = await office.reports.make_month("2026-11", None, "admin")
    await office.reports.close()

    report = await office.reports.report(begun.report_id)
    assert (report.status, report.problem) == (Status.FAILED, "the server was stopped")


async def test_what_a_killed_server_left_under_way_is_failed_at_the_next_start(
    office: Office,
) -> None:
    left = Report(
        "x" * 32, "2026-11", "2026-11", 1, 2, 6, Status.RUNNING, "admin", office.clock.wall()
    )
    await office.store.save(left)

    await office.reports.start()

    assert (await office.reports.report(left.report_id)).status is Status.FAILED


async def test_no_more_wait_than_can_be_made_soon(office: Office) -> None:
    office.town.held = asyncio.Event()
    for day in range(1, 5):
        await office.reports.make(
            Period(date(2026, 11, day), date(2026, 11, day + 1), SITE), None, "admin"
        )

    with pytest.raises(ConflictError, match="wait for one"):
        await office.reports.make(
            Period(date(2026, 11, 9), date(2026, 11, 10), SITE), None, "admin"
        )


async def test_a_frozen_report_is_had_as_a_file_and_an_unknown_one_is_not(office: Office) -> None:
    made = await office.made(await office.reports.make_month("2026-11", None, "admin"))

    book = await office.reports.file(made.report_id, FileKind.XLSX, "zh")
    paper = await office.reports.file(made.report_id, FileKind.PDF, "en")

    assert (book[:2], paper[:5]) == (b"PK", b"%PDF-")
    with pytest.raises(NotFoundError):
        await office.reports.file("none", FileKind.PDF, "en")


@pytest.mark.parametrize("fault", [InvalidError("it has not begun"), RuntimeError("our own")])
async def test_what_is_wrong_with_a_report_ends_nothing_else(
    office: Office, fault: Exception
) -> None:
    office.town.fault = fault
    work = asyncio.create_task(office.reports.run())
    await until(lambda: office.town.asked > 0)
    await asyncio.sleep(0)

    assert not work.done()
    work.cancel()
    await asyncio.wait([work])


async def test_a_month_that_cannot_be_made_by_itself_is_tried_again_an_hour_later(
    office: Office,
) -> None:
    due = await office.reports.make_due()
    assert due is not None
    office.town.broken = True
    assert (await office.made(due)).status is Status.FAILED
    office.town.broken = False

    assert await office.reports.make_due() is None
    office.clock.advance(3600)
    again = await office.reports.make_due()
    assert again is not None
    assert (await office.made(again)).status is Status.FROZEN


async def test_nothing_is_frozen_that_the_ledger_does_not_reach(office: Office) -> None:
    office.town.reaches_s = int(NOVEMBER_ENDS.timestamp()) - 1
    failed = await office.made(await office.reports.make_month("2026-11", None, "admin"))

    assert failed.status is Status.FAILED
    assert "does not reach" in failed.problem


async def test_a_report_is_of_one_moment_though_somebody_approves_an_exclusion_meanwhile(
    office: Office,
) -> None:
    office.around.changes = 2
    made = await office.made(await office.reports.make_month("2026-11", None, "admin"))
    assert made.status is Status.FROZEN

    office.around.changes = 3
    day = Period(date(2026, 11, 1), date(2026, 11, 2), SITE)
    never = await office.made(await office.reports.make(day, None, "admin"))
    assert (never.status, "changed while" in never.problem) == (Status.FAILED, True)
