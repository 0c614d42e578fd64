"""Figures of a little town over three days: what they say, and that stored days change nothing."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.vms.figures.town import (
    CAMERAS,
    DAY_S,
    END,
    FIRST_DAY,
    HOUR_S,
    NORTH,
    SOUTH,
    WHOLE,
    Town,
)
from vms.errors import InvalidError, NotFoundError
from vms.figures.dimensions import Dimension
from vms.figures.exclusion_model import Scope
from vms.figures.model import (
    Every,
    HeatBy,
    Method,
    RateQuery,
    RateRow,
    Seconds,
    Selection,
    Verdict,
    Window,
    WorstBy,
)
from vms.persistence.database import Database


@pytest_asyncio.fixture
async def town(database: Database) -> AsyncGenerator[Town]:
    town = Town(database)
    await town.live()
    yield town
    await town.inventory.stop()


def told(rows: list[RateRow]) -> list[tuple[str, int, int, int, int]]:
    """Key, channels, online, offline and not commissioned."""
    return [
        (
            row.key,
            row.channels,
            row.seconds.online_s,
            row.seconds.offline_s,
            row.seconds.not_commissioned_s,
        )
        for row in rows
    ]


async def by_division(town: Town, every: Every = Every.WHOLE) -> list[RateRow]:
    query = RateQuery(FIRST_DAY, END, group_by=(Dimension.DIVISION_6,), every=every)
    return await town.books.figures.online_rate(query)


async def everything(town: Town) -> list[object]:
    """Every kind of answer, to be compared."""
    figures = town.books.figures
    answers: list[object] = [
        await figures.heat(WHOLE, HeatBy.WEEKDAY),
        await figures.worst(WHOLE, (Dimension.CHANNEL,), WorstBy.LONGEST, 5),
    ]
    for every in Every:
        for method in Method:
            for group_by in ((Dimension.DIVISION_6, Dimension.DEVICE), (Dimension.CHANNEL,)):
                query = RateQuery(FIRST_DAY, END, {}, group_by, every, method)
                answers.append(await figures.online_rate(query))
    return answers


async def test_a_camera_that_moved_counts_in_each_division_for_the_time_it_was_there(
    town: Town,
) -> None:
    rows = await by_division(town)

    # the first camera: 60 h on file, off for 2 + 2 of them; the second: 42 h in the north, from
    # noon of the first day; both were not on file for 12 h before
    north = ("340202", 2, (60 - 4 + 42) * HOUR_S, 4 * HOUR_S, 2 * 12 * HOUR_S)
    # 18 h of the second camera; SOUTH was there for 24 h, then offline for 36 h
    south = ("340203", 2, (18 + 24) * HOUR_S, 36 * HOUR_S, 12 * HOUR_S)
    assert told(rows) == [north, south]
    assert sum(row.total_s for row in rows) == 3 * 3 * DAY_S
    assert rows[0].name == "镜湖区"


async def test_an_outage_over_midnight_is_one(town: Town) -> None:
    [row] = await town.books.figures.online_rate(
        RateQuery(FIRST_DAY, END, {Dimension.CHANNEL: f"{NORTH}/{CAMERAS[0]}"})
    )

    assert row.outage_figures is not None
    assert (row.outage_figures.outages, row.outage_figures.ended) == (2, 2)
    assert row.outage_figures.longest_s == 2 * HOUR_S
    assert (row.mtbf_s, row.mttr_s) == (56 * HOUR_S / 2, 4 * HOUR_S / 2)


async def test_days_are_cut_at_the_sites_midnight(town: Town) -> None:
    rows = await by_division(town, Every.DAY)

    north = [row for row in rows if row.key == "340202"]
    assert [row.window.length_s for row in north] == [DAY_S] * 3
    assert told(north) == [
        ("340202", 2, 24 * HOUR_S, 0, 24 * HOUR_S),
        ("340202", 2, (24 - 3 + 24) * HOUR_S, 3 * HOUR_S, 0),
        # 23 h of the first camera, 6 h of the second before it moved
        ("340202", 2, 29 * HOUR_S, 1 * HOUR_S, 0),
    ]


async def test_24_samples_a_day_reproduce_the_figures_that_cities_had(town: Town) -> None:
    query = RateQuery(FIRST_DAY, END, {}, (Dimension.ALL,), Every.DAY, Method.SAMPLED)

    rows = await town.books.figures.online_rate(query)

    assert [row.samples for row in rows] == [3 * 24] * 3
    # The second day: one camera off at 10:00, 11:00, 23:00, another from 12:00 on: 3 + 12 of 72.
    assert (rows[1].seconds.offline_s, rows[1].online_rate) == (15 * 3600, 57 / 72)
    assert rows[1].total_s == 3 * DAY_S


async def test_two_dimensions_cross_and_their_parts_add_up(town: Town) -> None:
    figures = town.books.figures
    crossed = await figures.online_rate(
        RateQuery(FIRST_DAY, END, {}, (Dimension.DIVISION_6, Dimension.DEVICE))
    )
    whole = await figures.online_rate(RateQuery(FIRST_DAY, END))

    assert [(row.key, row.key2, row.name2, row.channels) for row in crossed] == [
        ("340202", NORTH, "North", 2),
        ("340203", NORTH, "North", 1),
        ("340203", SOUTH, SOUTH, 1),
    ]
    for name in ("proven_s", "signalled_s", "offline_s", "unknown_s", "not_commissioned_s"):
        assert sum(getattr(row.seconds, name) for row in crossed) == getattr(whole[0].seconds, name)


async def test_stored_days_change_no_answer(town: Town) -> None:
    before = await everything(town)

    assert await town.books.upkeep.make_days() == 3
    assert await town.books.upkeep.make_days() == 0

    assert await everything(town) == before
    check = await town.books.upkeep.check()
    assert (check.ok, check.channels) == (True, 3)
    assert check.seconds == 3 * (HOUR_S + DAY_S)


async def test_an_approved_exclusion_counts_at_once_and_not_when_it_is_withdrawn(
    town: Town,
) -> None:
    books = town.books
    await books.upkeep.make_days()
    before = await everything(town)
    starts_s = int(FIRST_DAY.timestamp()) + DAY_S

    # given the second day in the north, approved: 10:00 to 11:00, and 23:00 to 24:00
    first = await books.excuse(
        Window(starts_s + 10 * HOUR_S, starts_s + 11 * HOUR_S), Scope(device_ids=(NORTH,))
    )
    second = await books.excuse(
        Window(starts_s + 23 * HOUR_S, starts_s + 24 * HOUR_S), Scope(divisions=("340202",))
    )

    # then what it touched is excused: 1 h of each camera in the first, of one in the second
    [row] = await books.rates(FIRST_DAY, END)
    assert row.seconds == Seconds(
        0, (98 + 42 - 1) * HOUR_S, 38 * HOUR_S, 0, 3 * HOUR_S, 36 * HOUR_S
    )
    assert await books.upkeep.make_days() == 1
    assert await books.rates(FIRST_DAY, END) == [row]
    intervals = await books.figures.intervals(NORTH, CAMERAS[0], FIRST_DAY, END)
    assert [each.state.value for each in intervals] == [
        "online_signalled",
        "excluded",
        "offline",
        "online_signalled",
        "excluded",
        "offline",
        "online_signalled",
    ]

    # when both are withdrawn, everything is as it was
    for exclusion in (first, second):
        await books.exclusions.withdraw(exclusion.exclusion_id, "wang", "", may_decide=True)
    assert await everything(town) == before


async def test_the_heat_map_shows_when_it_was_off(town: Town) -> None:
    cells = {
        (cell.line, cell.hour): cell.seconds
        for cell in await town.books.figures.heat(
            Selection(FIRST_DAY, END, {Dimension.DEVICE: NORTH}), HeatBy.WEEKDAY
        )
    }

    assert len(cells) == 3 * 24
    assert {where for where, seconds in cells.items() if seconds.offline_s} == {
        ("1", 10),
        ("1", 11),
        ("1", 23),
        ("2", 0),
    }
    assert cells["1", 10] == Seconds(0, HOUR_S, HOUR_S)
    by_day = await town.books.figures.heat(WHOLE, HeatBy.DAY)
    assert [cell.line for cell in by_day[:25:24]] == ["2026-03-02", "2026-03-03"]


async def test_the_worst_come_first_and_the_others_not_at_all(town: Town) -> None:
    figures = town.books.figures

    rows = await figures.worst(WHOLE, (Dimension.CHANNEL,), WorstBy.OFFLINE, 20)
    often = await figures.worst(WHOLE, (Dimension.CHANNEL,), WorstBy.OUTAGES, 1)

    assert [row.key for row in rows] == [f"{SOUTH}/{CAMERAS[2]}", f"{NORTH}/{CAMERAS[0]}"]
    assert [row.key for row in often] == [f"{NORTH}/{CAMERAS[0]}"]


async def test_who_is_under_the_line_and_for_how_many_days(town: Town) -> None:
    query = RateQuery(FIRST_DAY, END, {}, (Dimension.DEVICE,), Every.DAY)

    found = await town.books.figures.under_the_line(query)

    # SOUTH: all right on the first day, half of the second, nothing of the third
    assert [(unit.latest.key, unit.periods) for unit in found] == [(SOUTH, 2)]
    assert found[0].latest.verdict is Verdict.MISSED
    assert await town.books.figures.under_the_line(query, least_periods=3) == []
    # NORTH: 45 of 48 h on the second day, 47 of 48 on the third
    strict = await town.books.figures.under_the_line(query, target=0.99)
    assert [(unit.latest.key, unit.periods) for unit in strict] == [(SOUTH, 2), (NORTH, 2)]


async def test_a_removed_camera_stays_in_the_figures_of_the_time_it_was_there(town: Town) -> None:
    before = await town.books.rates(FIRST_DAY, END, Dimension.CHANNEL)

    await town.inventory.remove_device(NORTH)

    assert [row.key for row in await town.books.rates(FIRST_DAY, END, Dimension.CHANNEL)] == [
        row.key for row in before
    ]
    assert await town.books.figures.intervals(NORTH, CAMERAS[0], FIRST_DAY, END)


async def test_nonsense_is_refused(town: Town) -> None:
    figures = town.books.figures

    with pytest.raises(InvalidError):
        await figures.online_rate(RateQuery(END + timedelta(1), END + timedelta(2)))
    with pytest.raises(InvalidError):
        await figures.online_rate(
            RateQuery(FIRST_DAY, END, {}, (Dimension.ALL, Dimension.CLASS, Dimension.MODEL))
        )
    with pytest.raises(NotFoundError):
        await figures.intervals(NORTH, "1", FIRST_DAY, END)


async def test_as_many_as_like_may_ask_at_once(town: Town) -> None:
    query = RateQuery(FIRST_DAY, END, group_by=(Dimension.CHANNEL,))
    alone = await town.books.figures.online_rate(query)
    asked = (town.books.figures.online_rate(query) for _ in range(12))
    assert await asyncio.gather(*asked) == [alone] * 12


async def test_who_asks_for_all_time_waits_no_longer_than_the_ledger_is_long(town: Town) -> None:
    long_ago = FIRST_DAY.replace(year=1975)
    before_s = int((FIRST_DAY - long_ago).total_seconds())
    known = await town.books.rates(FIRST_DAY, END, Dimension.CHANNEL)

    all_time = await town.books.rates(long_ago, END, Dimension.CHANNEL)
    by_month = await town.books.rates(long_ago, END, Dimension.CHANNEL, every=Every.MONTH)

    assert [(row.key, row.seconds) for row in all_time] == [
        (
            row.key,
            replace(row.seconds, not_commissioned_s=row.seconds.not_commissioned_s + before_s),
        )
        for row in known
    ]
    assert {row.seconds.total_s for row in by_month} == {4 * DAY_S}
    assert await town.books.rates(long_ago, FIRST_DAY) == []
