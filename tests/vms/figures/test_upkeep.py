"""What the figures do by themselves: store finished days, put months away, look at themselves."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest_asyncio
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.support.books import books_in, books_of
from tests.support.clock import FakeClock
from tests.vms.figures.town import CAMERAS, DAY_S, END, FIRST_DAY, HOUR_S, NORTH, Town
from vms.events import EventBus
from vms.figures.dimensions import Dimension
from vms.figures.exclusion_model import Reason, Scope
from vms.figures.exclusions import Asked
from vms.figures.model import Every, RateRow, Window
from vms.figures.upkeep import UpkeepPolicy
from vms.inventory.inventory import Inventory
from vms.inventory.model import ChannelPatch, NewDevice, SubjectKind
from vms.inventory.policy import InventoryPolicy
from vms.persistence.changes import Change
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.persistence.exclusion_store import SqlExclusionStore
from vms.persistence.tables import ledger

START_S = int(FIRST_DAY.timestamp())
DAYS = [(START_S + number * DAY_S, START_S + (number + 1) * DAY_S) for number in range(3)]


@pytest_asyncio.fixture
async def town(database: Database) -> AsyncGenerator[Town]:
    town = Town(database, UpkeepPolicy(keep_raw_months=1))
    await town.live()
    yield town
    await town.inventory.stop()


async def stored(town: Town) -> list[tuple[int, int]]:
    return list(await town.books.store.rolled_days(0, 2**40))


async def rates(town: Town) -> list[RateRow]:
    return list(await town.books.rates(FIRST_DAY, END, Dimension.CHANNEL, every=Every.DAY))


async def test_a_day_is_stored_when_a_life_mark_lies_behind_its_end(town: Town) -> None:
    await town.books.upkeep.make_days()
    assert await stored(town) == DAYS

    town.clock.advance(DAY_S - 11)
    await town.inventory.pass_time()
    assert await town.books.upkeep.make_days() == 0
    town.clock.advance(2)
    assert await town.books.upkeep.make_days() == 0
    await town.inventory.pass_time()
    assert await town.books.upkeep.make_days() == 1


async def test_days_of_another_time_zone_are_made_anew(town: Town, database: Database) -> None:
    await town.books.upkeep.make_days()
    moved = books_of(
        town.books.store,
        SqlExclusionStore(database),
        town.inventory,
        town.clock,
        zone=ZoneInfo("Asia/Kolkata"),
    )

    await moved.upkeep.make_days()

    # 2 h 30 min later than in Shanghai; the first one began before anything was on file
    begins_s = START_S + 5 * HOUR_S // 2
    assert [start_s for start_s, _ in await stored(town)] == [begins_s, begins_s + DAY_S]


async def test_a_day_that_was_counted_before_a_decision_is_not_stored_after_it(
    town: Town,
) -> None:
    exclusions = town.books.exclusions
    window = Window(*DAYS[1])
    scope = Scope(device_ids=(NORTH,))
    asked = await exclusions.request(Asked(Reason.MOVE, "1", "", window, scope), "li")

    # when both happen at once, in whatever order
    counting = asyncio.create_task(town.books.upkeep.make_day(window))
    await asyncio.sleep(0)
    await exclusions.approve(asked.exclusion_id, "wang", "", is_only_admin=False)
    await counting
    await town.books.upkeep.make_days()

    [_, row, _] = await town.books.rates(FIRST_DAY, END, every=Every.DAY)
    assert row.seconds.excluded_s == 2 * DAY_S


async def test_the_self_check_finds_a_day_that_is_not_what_the_ledger_says(town: Town) -> None:
    store, upkeep = town.books.store, town.books.upkeep
    await upkeep.make_days()
    before = await rates(town)
    first, second, third = [
        day async for day in store.days([start_s for start_s, _ in DAYS], with_hours=True)
    ]

    # given a day with the figures of another, and one that cannot be read
    await store.save_day(replace(first, summary=second.summary))
    await store.save_day(replace(third, summary=b"nothing"))

    checks = [await upkeep.check() for _ in range(3)]

    assert [check.ok for check in checks] == [False, True, False]
    assert str(DAYS[0][0]) in checks[0].breaches[0]
    assert await stored(town) == [DAYS[1]]
    assert await upkeep.make_days() == 2
    assert await rates(town) == before
    assert (await upkeep.check()).ok


async def test_months_that_are_put_away_change_no_figure(town: Town) -> None:
    store, upkeep = town.books.store, town.books.upkeep
    assert await upkeep.put_away() == 0
    before = await rates(town)

    # when April and May are over but for a day
    for _ in range(60):
        town.clock.advance(DAY_S)
        town.inventory.keepalive(NORTH, "127.0.0.9", 5060)
        await town.inventory.pass_time()
    town.clock.advance(5)
    await town.inventory.pass_time()

    assert await upkeep.put_away() > 0
    assert await upkeep.put_away() == 0
    assert await store.archived_until(SubjectKind.CHANNEL) is not None
    assert await rates(town) == before
    assert (await upkeep.check()).ok
    await upkeep.make_days()
    assert await rates(town) == before


async def test_a_ledger_that_began_in_1970_is_looked_after_from_its_latest_day_on(
    database: Database,
) -> None:
    early = FakeClock(datetime(1970, 1, 2, tzinfo=UTC))
    before = Inventory(SqlDeviceStore(database), early, EventBus(), InventoryPolicy())
    await before.start()
    await before.add_device(NewDevice(NORTH))
    await before.add_channel(NORTH, CAMERAS[0], ChannelPatch())
    await before.stop()
    clock = FakeClock(FIRST_DAY + timedelta(hours=1))
    inventory = Inventory(SqlDeviceStore(database), clock, EventBus(), InventoryPolicy())
    await inventory.start()
    books = books_in(database, inventory, clock)

    work = asyncio.create_task(books.upkeep.run())
    latest = START_S - DAY_S, START_S
    while latest not in await books.store.rolled_days(0, 2**40):
        assert not work.done()
        await asyncio.sleep(0)

    assert books.upkeep.self_check.ok
    work.cancel()
    await asyncio.wait([work])
    await inventory.stop()


async def test_the_self_check_adds_up_what_came_since_the_last_one_and_once_an_hour_all_of_it(
    town: Town,
) -> None:
    upkeep, counted = town.books.upkeep, list[int]()
    for seconds in (0, 300, 300, 3300):
        town.clock.advance(seconds)
        await town.inventory.pass_time()
        check = await upkeep.check()
        assert check.ok
        counted.append(check.seconds)

    # three cameras: an hour, twice five minutes and the minute before, an hour
    assert counted == [3 * 3600, 3 * 360, 3 * 360, 3 * 3600]


async def test_a_hole_is_told_as_long_as_it_lies_in_the_last_hour(town: Town) -> None:
    upkeep = town.books.upkeep
    assert (await upkeep.check()).ok
    town.clock.advance(100)
    camera = town.inventory.channel(NORTH, CAMERAS[0])
    await town.inventory.unregister(NORTH)
    town.clock.advance(100)
    await town.inventory.pass_time()

    async def tamper(connection: AsyncConnection) -> None:
        of_camera = (ledger.c.kind == "channel") & (ledger.c.subject_key == camera.key)
        last = update(ledger).where(of_camera, ledger.c.end_s.is_(None))
        await connection.execute(last.values(start_s=ledger.c.start_s + 7))

    await town.database.write(Change(work=tamper))
    verdicts: list[bool] = []
    for _ in range(5):
        verdicts.append((await upkeep.check()).ok)
        town.clock.advance(1200)
        await town.inventory.pass_time()

    assert verdicts == [False, False, False, True, True]
