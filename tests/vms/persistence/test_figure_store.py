"""The ledger in columns, raw and archived alike; finished days; on both databases."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from tests.support.databases import sqlite_url
from tests.vms.persistence.rows_of_every_kind import channel, device, of_channel, of_device, step
from vms.errors import ConflictError, UnavailableError
from vms.figures.archive import packed
from vms.figures.model import Window
from vms.figures.store import FOREVER_S, STATES, FigureStore, StoredDay
from vms.inventory.model import Cause, ChannelKey, State, SubjectKind, Transition
from vms.inventory.placement import Place, PlaceStep
from vms.persistence import figure_store, presence_log
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.persistence.figure_store import SqlFigureStore
from vms.persistence.tables import ledger

SIGNALLED = STATES.index(State.ONLINE_SIGNALLED)
MONTH = Window(0, 1000)

Rows = list[tuple[int, int, int, int]]


async def live(database: Database, *lives: tuple[int, Sequence[int]]) -> SqlDeviceStore:
    """Ledgers of channels: each with the seconds at which its intervals begin; the last lasts."""
    store = SqlDeviceStore(database)
    steps: list[Transition] = []
    for key, starts in lives:
        before = None
        for start_s in starts:
            steps.append(step(of_channel(key), start_s, before))
            before = start_s
    await store.save_device(device(1))
    await store.save_channels([channel(key) for key, _ in lives], transitions=steps)
    return store


async def states(
    store: FigureStore, start_s: int, end_s: int, keys: Sequence[int] | None = None
) -> list[Rows]:
    """The parts that come, each as rows."""
    return [
        list(zip(part.channel_keys, part.starts_s, part.ends_s, part.values, strict=True))
        async for part in store.states(start_s, end_s, keys)
    ]


async def put_away(store: FigureStore, month: Window = MONTH) -> int:
    """All that ended in the month, as many parts as the store gives; returns how many."""
    parts, after_key = 0, 0
    while True:
        some = await store.ended(SubjectKind.CHANNEL, month.start_s, month.end_s, after_key)
        if some is None:
            return parts
        await store.put_away(packed(SubjectKind.CHANNEL, month, parts, some))
        parts, after_key = parts + 1, some.subject_keys[-1]


async def test_what_overlaps_a_window_comes_in_columns_by_channel(database: Database) -> None:
    await live(database, (2, [10, 20]), (1, [10, 20, 30]))
    store = SqlFigureStore(database)

    assert await states(store, 20, 30) == [
        [(1, 20, 30, SIGNALLED), (2, 20, FOREVER_S, SIGNALLED)],
    ]
    assert await states(store, 0, 21) == [
        [
            (1, 10, 20, SIGNALLED),
            (1, 20, 30, SIGNALLED),
            (2, 10, 20, SIGNALLED),
            (2, 20, FOREVER_S, SIGNALLED),
        ]
    ]
    assert await states(store, 0, 10) == []


async def test_devices_are_no_channels(database: Database) -> None:
    inventory = SqlDeviceStore(database)
    await inventory.append([step(of_device(1), 10, None), step(of_device(1), 20, 10)])
    store = SqlFigureStore(database)

    assert await states(store, 0, 100) == []
    assert await store.ended(SubjectKind.CHANNEL, 0, 100, 0) is None
    ended = await store.ended(SubjectKind.DEVICE, 0, 100, 0)
    assert ended is not None
    assert list(ended.starts_s) == [10]


async def test_a_few_channels_are_read_alone(database: Database) -> None:
    await live(database, *((key, [10, 20]) for key in range(1, 5)))
    store = SqlFigureStore(database)
    await put_away(store)

    assert await states(store, 0, 100, [2, 4]) == [
        [
            (2, 10, 20, SIGNALLED),
            (2, 20, FOREVER_S, SIGNALLED),
            (4, 10, 20, SIGNALLED),
            (4, 20, FOREVER_S, SIGNALLED),
        ]
    ]
    assert await states(store, 0, 100, []) == []


async def test_parts_hold_whole_channels(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(database, (1, [10, 20]), (2, [10]), (3, range(10, 19)), (4, [10]))
    monkeypatch.setattr(figure_store, "SPANS_AT_ONCE", 4)
    monkeypatch.setattr(figure_store, "ROWS_AT_ONCE", 3)

    parts = await states(SqlFigureStore(database), 0, 100)

    assert [[row[0] for row in part] for part in parts] == [[1, 1, 2], [3] * 9, [4]]


@pytest.mark.parametrize("at_once", [1, 3, 100])
async def test_reading_does_not_show_what_was_put_away(
    database: Database, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    inventory = await live(
        database, (1, [100, 900, 1100, 1500]), (2, [1001]), (3, [1, 2, 3, 1000]), (4, [5, 2500])
    )
    store = SqlFigureStore(database)
    windows = [(0, 3000), (950, 960), (1000, 1001), (0, 3), (1099, 1100), (2600, 2700)]
    of_all = await inventory.intervals_of_all(SubjectKind.CHANNEL, 0, 3000)
    of_one = await inventory.intervals(of_channel(1), 950, 1100)
    before = [await states(store, *window) for window in windows]
    monkeypatch.setattr(figure_store, "SPANS_AT_ONCE", at_once)
    monkeypatch.setattr(figure_store, "ENDED_AT_ONCE", at_once)

    assert await put_away(store) > 0
    assert await put_away(store, Window(1000, 2000)) > 0
    assert await put_away(store) == 0

    async with database.reading() as connection:
        raw = await connection.scalar(select(func.count()).select_from(ledger))
    assert raw == 5, "what lasts, and the one that ended after both months"
    after = [await states(store, *window) for window in windows]
    flat = [[[row for part in parts for row in part] for parts in each] for each in (before, after)]
    assert flat[0] == flat[1]
    assert await inventory.intervals_of_all(SubjectKind.CHANNEL, 0, 3000) == of_all
    assert await inventory.intervals(of_channel(1), 950, 1100) == of_one
    assert await store.archived_until(SubjectKind.CHANNEL) == 2000
    assert await store.archived_until(SubjectKind.DEVICE) is None


async def test_an_interval_keeps_its_state_and_cause_in_the_archive(database: Database) -> None:
    inventory = SqlDeviceStore(database)
    subject = of_channel(1)
    await inventory.append(
        [
            Transition(subject, 10, None, State.NOT_COMMISSIONED, Cause.ADDED),
            Transition(subject, 20, 10, State.ONLINE_PROVEN, Cause.PICTURE),
            Transition(subject, 30, 20, State.OFFLINE, Cause.SILENT),
            Transition(subject, 40, 30, State.UNKNOWN, Cause.SERVER_ABSENT),
        ]
    )
    before = await inventory.intervals(subject, 0, 100)

    await put_away(SqlFigureStore(database))

    assert await inventory.intervals(subject, 0, 100) == before
    assert [(row.state, row.cause) for row in before[:3]] == [
        (State.NOT_COMMISSIONED, Cause.ADDED),
        (State.ONLINE_PROVEN, Cause.PICTURE),
        (State.OFFLINE, Cause.SILENT),
    ]


async def test_a_key_in_the_archive_alone_is_not_given_again(database: Database) -> None:
    inventory = await live(database, (7, [10, 20]))
    await inventory.append([replace(step(of_channel(7), 30, 20), opens=False)])

    await put_away(SqlFigureStore(database))

    assert (await inventory.load_all()).next_channel_key == 8


async def test_what_is_not_exactly_there_is_not_put_away(database: Database) -> None:
    await live(database, (1, [10, 20, 30]))
    store = SqlFigureStore(database)
    some = await store.ended(SubjectKind.CHANNEL, 0, 1000, 0)
    assert some is not None
    part = packed(SubjectKind.CHANNEL, MONTH, 0, some)
    before = await states(store, 0, 100)

    with pytest.raises(ConflictError):
        await store.put_away(replace(part, rows=1))
    with pytest.raises(ConflictError):
        await store.put_away(replace(part, month_end_s=25))

    assert await states(store, 0, 100) == before
    assert await store.archived_until(SubjectKind.CHANNEL) is None


async def test_an_archive_that_was_tampered_with_is_told_not_believed(database: Database) -> None:
    await live(database, (1, [10, 20, 30]))
    store = SqlFigureStore(database)
    await put_away(store)
    await database.transact(
        lambda connection: connection.execute(text("UPDATE ledger_archive SET sha256 = 'other'"))
    )

    with pytest.raises(UnavailableError, match="damaged"):
        await states(store, 0, 100)


async def test_the_first_second_is_found_in_rows_and_archive(database: Database) -> None:
    store = SqlFigureStore(database)
    assert await store.earliest_s() is None
    await live(database, (1, [50, 60]), (2, [40, 70]))
    assert await store.earliest_s() == 40

    await put_away(store)

    assert await store.earliest_s() == 40


async def test_placements_of_a_window_come_with_their_places(database: Database) -> None:
    inventory, store = SqlDeviceStore(database), SqlFigureStore(database)
    north, south = Place(division="34020001"), Place(division="34020002", builder="Acme")
    first, other, third = (ChannelKey(key) for key in (1, 2, 3))
    await inventory.append(
        (), [PlaceStep(key, 10, north, is_first=True) for key in (first, other, third)]
    )
    await inventory.append((), [PlaceStep(first, 20, south), PlaceStep(other, 15, None)])

    places = await store.places(0)
    spans = await store.placements(15, 30, 1, 2)

    rows = zip(spans.channel_keys, spans.starts_s, spans.ends_s, spans.values, strict=True)
    assert [(key, start_s, end_s, places[value]) for key, start_s, end_s, value in rows] == [
        (1, 10, 20, north),
        (1, 20, FOREVER_S, south),
    ]
    assert sorted(places.values(), key=lambda place: place.division) == [north, south]
    assert await store.places(max(places)) == {}
    assert (await store.placements(0, 10, 1, 3)).values == array("q")


def day(number: int, summary: bytes = b"s") -> StoredDay:
    """The first, second ... hundred seconds."""
    return StoredDay(100 * number, 100 * number + 100, 3, summary, b"h" * 5000, "ab" * 32)


async def stored(store: FigureStore, *numbers: int, with_hours: bool = True) -> list[StoredDay]:
    return [
        each
        async for each in store.days([100 * number for number in numbers], with_hours=with_hours)
    ]


async def test_finished_days_are_kept_replaced_and_dropped(database: Database) -> None:
    store = SqlFigureStore(database)
    for number in (1, 2, 3):
        await store.save_day(day(number))
    await store.save_day(day(2, b"another"))

    assert await store.rolled_days(100, 300) == [(100, 200), (200, 300)]
    assert await store.rolled_days(101, 399) == [(200, 300)]
    assert await stored(store, 3, 1, 7, 2) == [day(1), day(2, b"another"), day(3)]
    assert await stored(store, 1, with_hours=False) == [replace(day(1), hours=b"")]

    await store.drop_days(199, 201)

    assert await stored(store, 1, 2, 3) == [day(3)]


async def test_a_day_does_not_read_ten_years(tmp_path: Path) -> None:
    async with Database.open(sqlite_url(tmp_path)) as database, database.reading() as connection:
        query = presence_log.columns_overlapping(SubjectKind.CHANNEL, 100, 200)
        literal = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = await connection.execute(text(f"EXPLAIN QUERY PLAN {literal}"))
        steps = [str(row[3]) for row in plan]

    assert [step for step in steps if "ix_ledger_end (kind=? AND end_s>? AND end_s<?)" in step]
    looked_up = [step for step in steps if "PRIMARY KEY" in step]
    assert [step for step in looked_up if "subject_key=? AND start_s=?" in step]
    assert all("subject_key=?" in step for step in looked_up)
