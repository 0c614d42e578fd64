"""Done-criterion: a scripted month gives, to the second, what was worked out by hand before.

10,000 cameras register, fall silent, move, are switched off and seen; the server is stopped, killed
and has its clock set. Everything devices do comes as SIP from sockets, on a clock that the script
turns; nothing is inserted. `expected` has the seconds.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

import pytest

from tests.scenarios.month import expected
from tests.scenarios.month.asking import Fleet, query, sum_of, sums
from tests.scenarios.month.cast import fates_of
from tests.scenarios.month.desk import moment
from tests.scenarios.month.expected import FATES, MONTH_S, MONTH_STARTS_S, Sum
from tests.scenarios.month.life import Life, steer
from tests.scenarios.month.script import LOOKS_S, Month, at
from tests.support.clock import FakeClock
from tests.support.town import settings_for
from vms.figures.dimensions import Dimension
from vms.figures.model import (
    CutInterval,
    Every,
    Method,
    RateQuery,
    RateRow,
    Verdict,
    WorstBy,
)
from vms.figures.service import Figures
from vms.figures.store import FOREVER_S
from vms.inventory.model import State, SubjectKind
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.persistence.figure_store import SqlFigureStore

FIELDS = {
    State.ONLINE_PROVEN: "proven_s",
    State.ONLINE_SIGNALLED: "signalled_s",
    State.OFFLINE: "offline_s",
    State.UNKNOWN: "unknown_s",
    State.NOT_COMMISSIONED: "not_commissioned_s",
}


@pytest.fixture(autouse=True)
def steered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes when the script says so."""
    steer(monkeypatch)


async def ledger_seconds(url: str, fates: dict[tuple[str, str], str]) -> dict[str, Counter[str]]:
    """Of each group the seconds of the month as its channels' ledgers have them, raw."""
    start_s, end_s = MONTH_STARTS_S, MONTH_STARTS_S + MONTH_S
    found: dict[str, Counter[str]] = {}
    async with Database.open(url) as database:
        store = SqlDeviceStore(database)
        stored = await store.load_all()
        group_of: dict[int, str] = {
            channel.key: fates[channel.device_id, channel.channel_id]
            for channel in (*stored.channels, *await store.removed_channels())
        }
        for group in group_of.values():
            found.setdefault(group, Counter())["not_commissioned_s"] += MONTH_S
        for span in await store.intervals_of_all(SubjectKind.CHANNEL, start_s, end_s):
            seconds = found[group_of[span.subject.key]]
            until_s = end_s if span.end_s is None else min(span.end_s, end_s)
            lasts_s = until_s - max(span.start_s, start_s)
            seconds[FIELDS[span.state]] += lasts_s
            seconds["not_commissioned_s"] -= lasts_s
    return found


def ledger_expected() -> dict[str, Counter[str]]:
    """The same by hand. What is excluded is no matter of the ledger, but of what is laid over it:
    below lie the states that the arithmetic of `expected` took it from."""
    found: dict[str, Counter[str]] = {}
    for fate in FATES:
        of_group = found.setdefault(fate.group, Counter())
        for name in FIELDS.values():
            of_group[name] += fate.cameras * getattr(fate, name)
    for group, state, seconds in (
        ("power_cut", "offline_s", 100 * 32_400),
        ("maintained", "signalled_s", 100 * 6_840),
        ("maintained", "unknown_s", 100 * 360),
        ("under_construction", "signalled_s", 100 * 7_200),
    ):
        found[group][state] += seconds
    return found


async def assert_all_figures(figures: Figures, fleet: Fleet) -> None:
    """Every row of `expected`, asked for in every way."""
    await assert_sums(figures)
    assert await sums(figures, Dimension.DIVISION) == _by_one(expected.BY_DIVISION)
    assert await sums(figures, Dimension.DIVISION_4) == _by_one(expected.BY_CITY)
    [all_of_it] = await figures.online_rate(query(Dimension.ALL))
    assert sum_of(all_of_it) == expected.ALL
    assert all_of_it.total_s == 10_000 * MONTH_S
    assert (all_of_it.channels, all_of_it.online_rate, all_of_it.coverage, all_of_it.verdict) == (
        10_000,
        expected.ONLINE_RATE,
        expected.COVERAGE,
        Verdict.MET,
    )
    assert_holds(await fleet.by_day(figures), expected.BY_DAY)
    assert_holds(await fleet.by_day(figures, Method.SAMPLED), expected.SAMPLES)
    outages = await fleet.outages(figures)
    assert {group: outages[group] for group in expected.OUTAGES} == expected.OUTAGES
    worst = await figures.worst(
        query(Dimension.ALL), (Dimension.DEVICE,), WorstBy.OFFLINE, len(expected.WORST_DEVICES)
    )
    assert [(fleet.group_of(row.key), row.seconds.offline_s) for row in worst] == list(
        expected.WORST_DEVICES
    )
    for group, (day, intervals) in expected.INTERVALS.items():
        camera = fleet.camera_of(group)
        found = await figures.intervals(*camera, moment(at(day)), moment(at(day + 1)))
        assert joined(found, at(day)) == list(intervals)


def joined(
    intervals: Sequence[CutInterval], midnight_s: int
) -> list[tuple[float, float, str, str]]:
    """From, to, state and division, in hours of the day; one exclusion may end within another."""
    found: list[tuple[float, float, str, str]] = []
    for each in intervals:
        from_h, to_h = (
            (at_s - MONTH_STARTS_S - midnight_s) / 3_600 for at_s in (each.start_s, each.end_s)
        )
        kind = each.state.value, each.place.division
        if found and found[-1][1:] == (from_h, *kind):
            from_h = found.pop()[0]
        found.append((from_h, to_h, *kind))
    return found


async def assert_sums(figures: Figures) -> None:
    """Divisions and makers, crossed."""
    found = await sums(figures, Dimension.DIVISION, Dimension.MANUFACTURER)
    assert found == expected.BY_DIVISION_AND_MAKER


async def assert_parts_make_the_whole(figures: Figures) -> None:
    """Day by day the divisions, and the hours of a day, come to what the whole is told to be."""
    of_all = await figures.online_rate(query(Dimension.ALL, every=Every.DAY))
    of_parts = await figures.online_rate(query(Dimension.DIVISION, every=Every.DAY))
    assert len(of_all) == 31
    for row in of_all:
        parts = [part for part in of_parts if part.window == row.window]
        assert added(parts) == sum_of(row)
        assert row.total_s == row.channels * 86_400
    twelfth = RateQuery(moment(at(12)), moment(at(13)), group_by=(Dimension.ALL,), every=Every.HOUR)
    hours = await figures.online_rate(twelfth)
    assert len(hours) == 24
    assert added(hours) == sum_of(of_all[11])


def added(rows: Sequence[RateRow]) -> Sum:
    """Seconds of rows together."""
    return Sum(*(sum(column) for column in zip(*map(sum_of, rows), strict=True)))


def assert_holds(
    found: Mapping[tuple[str, str], Mapping[int, Sum]],
    wanted: Mapping[tuple[str, str], Mapping[int, Sum]],
) -> None:
    """Those days that were worked out by hand."""
    assert {
        key: {day: found[key].get(day) for day in days} for key, days in wanted.items()
    } == wanted


def _by_one(rows: Mapping[str, Sum]) -> dict[tuple[str, ...], Sum]:
    return {(key,): row for key, row in rows.items()}


@pytest.mark.timeout(600)
async def test_a_month_of_ten_thousand_cameras_to_the_second(
    database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    begun = perf_counter()
    clock = FakeClock(moment(at(0)))
    settings = settings_for(tmp_path, database__url=database_url, figures__keep_raw_months="1")
    async with Life(settings, clock, LOOKS_S) as life:
        month = Month(life)
        await month.live()
        record_property("seconds it took to live the month", round(perf_counter() - begun, 1))
        fates = fates_of(month.groups)
        assert len(fates) == 10_000
        assert await ledger_seconds(database_url, fates) == ledger_expected()

        figures, upkeep, fleet = life.server.figures, life.server.upkeep, Fleet(fates)
        # Days up to the 17th were counted in the middle of the month; the 16th was dropped when an
        # exclusion was withdrawn. Then all are.
        await assert_sums(figures)
        assert await upkeep.make_days() == 16
        await assert_all_figures(figures, fleet)
        await assert_parts_make_the_whole(figures)
        assert not (await upkeep.check()).breaches

        # Two months later the ledger of this one is put away, and what was stored is lost.
        await life.until(at(63))
        assert await upkeep.put_away()
        async with Database.open(database_url) as database:
            await SqlFigureStore(database).drop_days(0, FOREVER_S)
        await assert_sums(figures)
        assert not (await upkeep.check()).breaches
        record_property("seconds with all that was asked", round(perf_counter() - begun, 1))
