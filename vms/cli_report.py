"""`vms report`: figures of any whole days, read beside the server that writes them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from api.figure_forms import csv_of
from config.settings import Settings
from vms.bookkeeping import Books, open_books
from vms.clock import StillClock
from vms.console import fail, run
from vms.errors import InvalidError, VmsError
from vms.events import EventBus
from vms.figures.dimensions import Dimension
from vms.figures.model import RateQuery, RateRow
from vms.inventory.identifiers import Identifiers
from vms.inventory.inventory import Inventory
from vms.inventory.policy import InventoryPolicy
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.reports.composing import LEVELS, STAGES
from vms.reports.periods import Period
from vms.reports.service import FileKind, drawn
from vms.reports.wording import Wording, hours, percent
from vms.site import Language

_LEVEL_OF = {dimension: level for level, dimension in LEVELS.items()}


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: rows on the screen or in a csv, a circular as xlsx or pdf."""

    first: date
    after: date
    group_by: tuple[Dimension, ...]
    file: Path | None
    language: Language


def report_online_rate(settings: Settings, order: Order) -> None:
    """Prints or writes it; ends the process with a sentence where that cannot be."""
    if order.file is not None and order.file.suffix.lower() not in {".xlsx", ".pdf", ".csv"}:
        fail(f"{order.file} ends in none of .xlsx, .pdf and .csv")
    try:
        run(_report(settings, order))
    except (VmsError, OSError) as error:
        fail(error.message if isinstance(error, VmsError) else str(error))


async def _report(settings: Settings, order: Order) -> None:
    zone = ZoneInfo(settings.site.time_zone)
    period = Period(order.first, order.after, zone)
    async with _looking(settings) as (books, until_s):
        if period.end_s > until_s:
            until = datetime.fromtimestamp(until_s, zone)
            raise InvalidError(
                f"the ledger reaches to {until:%Y-%m-%d %H:%M}; choose days that were over by then"
            )
        if order.file is None or order.file.suffix.lower() == ".csv":
            query = RateQuery(period.start, period.end, group_by=order.group_by)
            rows = await books.figures.online_rate(query)
            if order.file is None:
                _print(rows)
            else:
                await asyncio.to_thread(order.file.write_bytes, csv_of(rows))
                typer.echo(f"{order.file}: {len(rows)} rows")
        else:
            await _write_circular(books, period, order, order.file, zone)


@asynccontextmanager
async def _looking(settings: Settings) -> AsyncGenerator[tuple[Books, int]]:
    """The books as of the last life mark, and when that was."""
    async with Database.open(settings.database.url) as database:
        store = SqlDeviceStore(database)
        until_s = await store.last_life_s()
        if until_s is None:
            raise InvalidError("no server ever ran on this database; there is nothing to report")
        clock, identifiers = StillClock(datetime.fromtimestamp(until_s, UTC)), Identifiers()
        policy = InventoryPolicy(time_zone=settings.site.time_zone)
        inventory = Inventory(store, clock, EventBus(), policy)
        await inventory.look()
        yield (
            open_books(
                database, inventory, clock, settings, lambda: identifiers.next(clock.wall())
            ),
            until_s,
        )


async def _write_circular(
    books: Books, period: Period, order: Order, file: Path, zone: ZoneInfo
) -> None:
    level = _LEVEL_OF.get(order.group_by[0], 6)
    if order.group_by not in {(Dimension.ALL,), (LEVELS[level],)}:
        names = ", ".join(dimension.value for dimension in LEVELS.values())
        raise InvalidError(f"a circular ranks by one of {names}; write other rows as .csv")

    def told(stage: str) -> None:
        typer.echo(f"{STAGES.index(stage) + 1}/{len(STAGES)} {stage}", err=True)

    circular = await books.composer.compose(period, level, told)
    words = Wording(order.language, zone)
    kind = FileKind(file.suffix.lower().removeprefix("."))
    await asyncio.to_thread(file.write_bytes, drawn(circular, words, kind))
    typer.echo(f"{file}: SHA-256 of its inputs {circular.proof.inputs_sha256}")


def _print(rows: Sequence[RateRow]) -> None:
    for row in rows:
        name = row.name if row.name2 is None else f"{row.name} / {row.name2}"
        typer.echo(
            f"{percent(row.online_rate):>9} {percent(row.coverage):>9} {row.verdict:<21} "
            f"{row.channels:>7} {hours(row.seconds.offline_s):>12} h offline  {name}"
        )
