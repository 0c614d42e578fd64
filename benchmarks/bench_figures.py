"""What the figures of a city cost: a year of 52,000 channels, on SQLite and on PostgreSQL.

    .venv/bin/python -m benchmarks.bench_figures [--channels 52000] [--months 12] [--database URL]

The ledger is made, not lived: in the last month every channel has 200 intervals (10.4 million rows
for 52,000 channels), in each month before it one outage of an hour. Then the days are counted and
stored as the server does it, and questions are asked of it as the page does. Fails when the seconds
of a row are not those that the ledger was made with.
"""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar, cast
from zoneinfo import ZoneInfo

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.bench_store import own_databases
from benchmarks.support import Table, check_equal, resident_bytes, run_benchmark
from vms.events import EventBus
from vms.figures.dimensions import Dimension
from vms.figures.freshness import Freshness
from vms.figures.model import (
    Every,
    HeatBy,
    Method,
    RateQuery,
    RateRow,
    Selection,
    Targets,
    Window,
    WorstBy,
)
from vms.figures.service import Figures
from vms.figures.upkeep import Upkeep, UpkeepPolicy
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.inventory import Inventory
from vms.inventory.model import Channel, ChannelKey, Device, DeviceKey, ReportedChannel, State
from vms.inventory.placement import PlaceStep, place_of
from vms.inventory.policy import InventoryPolicy
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.persistence.exclusion_store import SqlExclusionStore
from vms.persistence.figure_store import SqlFigureStore
from vms.persistence.outage_store import SqlOutageStore
from vms.reports.composing import Composer
from vms.reports.facts import SiteFacts
from vms.reports.model import freeze
from vms.reports.periods import Period
from vms.reports.service import FileKind, drawn
from vms.reports.wording import Wording

SHANGHAI = ZoneInfo("Asia/Shanghai")
END = datetime(2026, 4, 1, tzinfo=SHANGHAI)
MONTH = datetime(2026, 3, 1, tzinfo=SHANGHAI)
MONTH_S = 31 * 86_400
FLAPS = 200
"""Intervals of a channel in the last month: every other one is offline."""

ONLINE_S, OFFLINE_S = 26_000, 784
"""100 times both are the month."""

OUTAGE_S = 3_600
PER_DEVICE = 100
CHUNK = 200_000
COLUMNS = ("kind", "subject_key", "start_s", "end_s", "state", "cause")
REPEATS = 3
PATIENCE_S = 10.0

Row = tuple[str, int, int, int | None, str, str]
Answer = TypeVar("Answer")


class Clock:
    """Just after the end of the month."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> datetime:
        return END + timedelta(seconds=5 + time.monotonic() - self._began)


def beginning(months: int) -> datetime:
    """The first of the month with which the ledger begins."""
    year, month = divmod(END.year * 12 + END.month - 1 - months, 12)
    return datetime(year, month + 1, 1, tzinfo=SHANGHAI)


def channels(count: int) -> Iterator[tuple[Device, list[Channel]]]:
    """Recorders with a hundred cameras each, in 40 counties, with 12 maintainers."""
    for number in range(1, (count + PER_DEVICE - 1) // PER_DEVICE + 1):
        device = Device(DeviceKey(number), DeviceId(f"3402000000118{number:07d}"), created_at=END)
        first = (number - 1) * PER_DEVICE + 1
        yield (
            device,
            [
                Channel(
                    ChannelKey(key),
                    device.key,
                    device.device_id,
                    ReportedChannel(
                        ChannelId(f"3402000000132{key:07d}"),
                        civil_code=f"34{number % 8 + 1:02d}{number % 5 + 1:02d}",
                        manufacturer=f"Maker {number % 6}",
                    ),
                    overrides={"maintainer": f"Firm {number % 12}"},
                )
                for key in range(first, min(first + PER_DEVICE, count + 1))
            ],
        )


def ledger_of(count: int, months: int) -> Iterator[Row]:
    """The intervals of all channels, about in the order in which they end, as a server writes them;
    what is open at the end is online."""
    keys = range(1, count + 1)
    began_s = dict.fromkeys(keys, int(beginning(months).timestamp()))
    for month in range(months, 1, -1):
        month_s = int(beginning(month).timestamp())
        for key in keys:
            offline_s = month_s + (key * 977) % (27 * 86_400)
            yield interval(key, began_s[key], offline_s, is_online=True)
            began_s[key] = offline_s + OUTAGE_S
            yield interval(key, offline_s, began_s[key], is_online=False)
    for number in range(FLAPS // 2):
        offline_s = int(MONTH.timestamp()) + number * (ONLINE_S + OFFLINE_S) + ONLINE_S
        for key in keys:
            yield interval(key, began_s[key], offline_s, is_online=True)
            began_s[key] = offline_s + OFFLINE_S
            yield interval(key, offline_s, began_s[key], is_online=False)
    for key in keys:
        yield interval(key, began_s[key], None, is_online=True)


def interval(key: int, start_s: int, end_s: int | None, *, is_online: bool) -> Row:
    """A row of the ledger."""
    state = State.ONLINE_SIGNALLED if is_online else State.OFFLINE
    return "channel", key, start_s, end_s, state.value, "catalog"


async def fill(url: str, count: int, months: int) -> int:
    """Devices, channels, places and ledger; returns the rows of the ledger."""
    began_s = int(beginning(months).timestamp())
    async with Database.open(url) as database:
        store = SqlDeviceStore(database)
        for device, own in channels(count):
            await store.save_device(device)
            steps = [
                PlaceStep(each.key, began_s, place_of(each, device), is_first=True) for each in own
            ]
            await store.save_channels(own, places=steps)
        await store.life_mark(int(END.timestamp()))
    rows = 0
    async with _ledger_writer(url) as write:
        ledger = ledger_of(count, months)
        while chunk := list(islice(ledger, CHUNK)):
            await write(chunk)
            rows += len(chunk)
    return rows


class _Copying(Protocol):
    """What is used of asyncpg's connection."""

    async def copy_records_to_table(
        self, table_name: str, *, records: Iterable[Row], columns: Sequence[str]
    ) -> object: ...


Write = Callable[[list[Row]], Awaitable[None]]


@contextlib.asynccontextmanager
async def _ledger_writer(url: str) -> AsyncGenerator[Write]:
    """Rows straight into the table: this is not what is measured."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(make_url(url).database or "")) as connection:
            connection.execute("PRAGMA synchronous = OFF")

            async def insert(rows: list[Row]) -> None:
                connection.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?)", rows)
                connection.commit()

            yield insert
            connection.execute("ANALYZE")
            connection.commit()
        return
    engine = create_async_engine(url)
    async with engine.begin() as server:
        driver = cast("_Copying", (await server.get_raw_connection()).driver_connection)

        async def copy(rows: list[Row]) -> None:
            await driver.copy_records_to_table("ledger", records=rows, columns=COLUMNS)

        yield copy
        await server.execute(text("ANALYZE"))
    await engine.dispose()


class Stopwatch:
    """Answers as rows of a table: how long each took, the best of a few."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def time(
        self,
        name: str,
        ask: Callable[[], Awaitable[Answer]],
        said: Callable[[Answer], str],
        *,
        once: bool = False,
    ) -> Answer:
        """Ask, three times unless it takes long, and print."""
        took_s: list[float] = []
        while True:
            began = time.perf_counter()
            answer = await ask()
            took_s.append(time.perf_counter() - began)
            if once or len(took_s) == REPEATS or sum(took_s) > PATIENCE_S:
                break
        figure = f"{min(took_s):.2f} s"
        if len(took_s) > 1:
            figure += f" (worst {max(took_s):.2f} s)"
        self._table.row(name, figure, "none", said(answer))
        return answer


async def bench(url: str, count: int, months: int) -> None:
    """Every measurement on one fresh database."""
    began = time.perf_counter()
    rows = await fill(url, count, months)
    print(f"made {rows} rows in {time.perf_counter() - began:.0f} s", flush=True)
    watch = Stopwatch(table := Table(f"Figures on {url.partition(':')[0]}, {count} channels"))
    async with Database.open(url) as database:
        clock = Clock()
        inventory = Inventory(SqlDeviceStore(database), clock, EventBus(), InventoryPolicy())
        await watch.time(
            "server's start", inventory.start, lambda _: f"{rows} rows of ledger", once=True
        )
        store, kept = SqlFigureStore(database), SqlExclusionStore(database)
        figures = Figures(store, kept, inventory, SHANGHAI, Targets())
        policy = UpkeepPolicy(keep_raw_months=1)
        upkeep = Upkeep(store, kept, inventory, clock, SHANGHAI, Freshness(), policy)
        day = Window(int(END.timestamp()) - 86_400, int(END.timestamp()))
        await watch.time(
            "a finished day counted and stored", lambda: upkeep.make_day(day), lambda _: "flapping"
        )
        await watch.time("all other days", upkeep.make_days, lambda made: f"{made} days", once=True)
        await ask_everything(watch, figures, upkeep, count)
        facts = SiteFacts(
            store,
            kept,
            upkeep.check,
            SqlOutageStore(database),
            lambda outage: (outage.cause, outage.cause),
            inventory.channel,
            SHANGHAI,
        )
        await report(watch, Composer(figures, facts, Targets(), SHANGHAI.key, ""), count)
        await watch.time(
            "old months put away", upkeep.put_away, lambda parts: f"{parts} parts", once=True
        )
        if months > 1:
            whole = RateQuery(beginning(months), END, group_by=(Dimension.DIVISION_6,))
            await watch.time(
                "the same, all of it, by county", lambda: asked(figures, whole), len_of
            )
        for what, size in await sizes(database, url):
            table.row(f"room on disk: {what}", f"{size / 1e6:,.0f} MB", "none", "")
        table.row("memory", f"{resident_bytes(os.getpid()) / 1e6:,.0f} MB", "none", "at the end")
        await inventory.stop()


async def ask_everything(watch: Stopwatch, figures: Figures, upkeep: Upkeep, count: int) -> None:
    """What a page asks of the last month."""

    async def rates(
        name: str,
        *group_by: Dimension,
        every: Every = Every.WHOLE,
        method: Method = Method.INTEGRAL,
    ) -> list[RateRow]:
        query = RateQuery(MONTH, END, {}, group_by, every, method)
        return await watch.time(f"a month, {name}", lambda: asked(figures, query), len_of)

    rows = await rates("by county", Dimension.DIVISION_6)
    check_equal("seconds of offline", sum_of(rows), count * (FLAPS // 2) * OFFLINE_S)
    check_equal("all seconds", sum(row.total_s for row in rows), count * MONTH_S)
    await rates("by city and maintainer", Dimension.DIVISION_4, Dimension.MAINTAINER)
    await rates("by county, sampled", Dimension.DIVISION_6, method=Method.SAMPLED)
    await rates("by county and day", Dimension.DIVISION_6, every=Every.DAY)
    await rates("by channel", Dimension.CHANNEL)
    await rates("by county and hour", Dimension.DIVISION_6, every=Every.HOUR)
    month = Selection(MONTH, END)
    await watch.time(
        "the worst twenty channels of a month",
        lambda: figures.worst(month, (Dimension.CHANNEL,), WorstBy.OFFLINE, 20),
        len_of,
    )
    await watch.time(
        "heat map of a month",
        lambda: figures.heat(month, HeatBy.WEEKDAY),
        len_of,
    )
    await watch.time("self-check", upkeep.check, lambda check: f"ok: {check.ok}")
    raw = RateQuery(
        END - timedelta(hours=12), END - timedelta(hours=1), {}, (Dimension.DIVISION_6,)
    )
    await watch.time("11 hours from the ledger itself", lambda: asked(figures, raw), len_of)


async def report(watch: Stopwatch, composer: Composer, count: int) -> None:
    """A month as a circular: composed, frozen, drawn."""
    period = Period(MONTH.date(), END.date(), SHANGHAI)
    circular = await watch.time(
        "a month as a circular",
        lambda: composer.compose(period, 6),
        lambda made: f"{len(made.cameras)} cameras",
    )
    check_equal("cameras in the circular", len(circular.cameras), count)
    await watch.time(
        "the circular frozen",
        lambda: asyncio.to_thread(freeze, circular),
        lambda frozen: f"{len(frozen) / 1e6:.1f} MB",
    )
    words = Wording("zh", SHANGHAI)

    async def file(kind: FileKind) -> bytes:
        return await watch.time(
            f"the circular as {kind}",
            lambda: asyncio.to_thread(drawn, circular, words, kind),
            lambda made: f"{len(made) / 1e6:.1f} MB",
        )

    for kind in FileKind:
        await file(kind)


async def asked(figures: Figures, query: RateQuery) -> list[RateRow]:
    """As the API asks."""
    return await figures.online_rate(query)


def len_of(rows: Sequence[object]) -> str:
    """How many came."""
    return f"{len(rows)} rows"


def sum_of(rows: Sequence[RateRow]) -> int:
    """Offline seconds of all of them."""
    return sum(row.seconds.offline_s for row in rows)


async def sizes(database: Database, url: str) -> list[tuple[str, int]]:
    """What the tables take."""
    async with database.reading() as connection:
        stored = await connection.scalar(
            text("SELECT sum(length(summary) + length(hours)) FROM rollup_days")
        )
        archived = await connection.scalar(text("SELECT sum(length(columns)) FROM ledger_archive"))
        found = [("stored days", stored or 0), ("archive", archived or 0)]
        if url.startswith("postgresql"):
            whole = await connection.scalar(text("SELECT pg_total_relation_size('ledger')"))
            return [*found, ("ledger with its indexes", whole or 0)]
    return [*found, ("the whole file", size_of(Path(make_url(url).database or "")))]


def size_of(file: Path) -> int:
    """Bytes."""
    return file.stat().st_size


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=52_000)
    parser.add_argument("--months", type=int, default=12, help="of ledger, the last one flapping")
    parser.add_argument("--kind", choices=("sqlite", "postgresql"), help="only this database")
    parser.add_argument("--database", help="an empty database to use; default: two of our own")
    options = parser.parse_args()
    run_benchmark(lambda: bench_all(options))


def bench_all(options: argparse.Namespace) -> None:
    """Each database in turn."""
    with contextlib.ExitStack() as stack:
        urls = (
            [options.database]
            if options.database
            else [
                url
                for url, _ in stack.enter_context(own_databases())
                if url.startswith(options.kind or "")
            ]
        )
        for url in urls:
            asyncio.run(bench(url, options.channels, options.months))


if __name__ == "__main__":
    main()
