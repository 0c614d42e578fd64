"""`FigureStore` in SQL: the ledger and placements in columns, finished days, the archive."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.figures.store import (
    CAUSES,
    FOREVER_S,
    SPANS_AT_ONCE,
    STATES,
    ArchivePart,
    Intervals,
    Spans,
    StoredDay,
)
from vms.inventory.model import SubjectKind
from vms.inventory.placement import Place
from vms.persistence import ledger_archive as archive
from vms.persistence import placement_log, presence_log
from vms.persistence.changes import insert_into
from vms.persistence.database import READERS, Database
from vms.persistence.figure_tables import placements, rollup_days
from vms.persistence.ledger_archive import NONE, Table
from vms.persistence.tables import channels, ledger

ROWS_AT_ONCE = 20_000
"""Rows fetched in one go: each go is a message to another thread, or to the server, and back."""

KEYS_AT_ONCE = 500

ENDED_AT_ONCE = 50_000
"""Intervals that are put away in one transaction: whoever registers waits for the same writer."""

SCANS_AT_ONCE = READERS // 2
"""Walks over the ledger. Each holds its connection until its last part was taken, and whoever takes
it asks for placements meanwhile: with all connections held, everybody would wait for everybody."""

_STATE_NUMBERS = {state.value: number for number, state in enumerate(STATES)}
_CAUSE_NUMBERS = {cause.value: number for number, cause in enumerate(CAUSES)}
_DAY = ("day_start_s", "day_end_s", "rows", "summary", "hours", "sha256")


class SqlFigureStore:
    """See `vms.figures.store.FigureStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scans = asyncio.Semaphore(SCANS_AT_ONCE)

    async def states(
        self, start_s: int, end_s: int, channel_keys: Sequence[int] | None = None
    ) -> AsyncIterator[Spans]:
        """Ledger intervals of channels that overlap the window, raw and archived, in parts."""
        async with self._scans, self._database.reading(one_moment=True) as connection:
            archived = await archive.overlapping(
                connection, SubjectKind.CHANNEL, start_s, end_s, channel_keys
            )
            queries = _raw_queries(start_s, end_s, channel_keys)
            async for part in _parts(_merged(_tables(connection, queries), archived)):
                yield Spans(*_columns_of(part, 4))

    async def placements(self, start_s: int, end_s: int, first_key: int, last_key: int) -> Spans:
        """Where channels of these keys belonged in the window; values are place keys."""
        query = (
            select(
                placements.c.channel_key,
                placements.c.start_s,
                func.coalesce(placements.c.end_s, FOREVER_S),
                placements.c.place_key,
            )
            .where(placements.c.channel_key.between(first_key, last_key))
            .where(
                placements.c.start_s < end_s,
                or_(placements.c.end_s.is_(None), placements.c.end_s > start_s),
            )
            .order_by(placements.c.channel_key, placements.c.start_s)
        )
        columns = [array("q") for _ in range(4)]
        async with self._database.reading() as connection, connection.stream(query) as rows:
            async for some in rows.partitions(ROWS_AT_ONCE):
                for column, values in zip(columns, zip(*some, strict=True), strict=True):
                    column.extend(values)
        return Spans(*columns)

    async def places(self, above_key: int) -> Mapping[int, Place]:
        """What places say, of those with a higher key."""
        async with self._database.reading() as connection:
            return await placement_log.places_above(connection, above_key)

    async def rolled_days(self, start_s: int, end_s: int) -> Sequence[tuple[int, int]]:
        """Start and end of the stored days that lie in the window."""
        query = (
            select(rollup_days.c.day_start_s, rollup_days.c.day_end_s)
            .where(rollup_days.c.day_start_s >= start_s, rollup_days.c.day_end_s <= end_s)
            .order_by(rollup_days.c.day_start_s)
        )
        async with self._database.reading() as connection:
            return [(day.day_start_s, day.day_end_s) for day in await connection.execute(query)]

    async def days(self, starts_s: Sequence[int], *, with_hours: bool) -> AsyncIterator[StoredDay]:
        """Stored days by their starts, in order of time, one at a time."""
        hours = rollup_days.c.hours if with_hours else literal(b"").label("hours")
        columns = [rollup_days.c[name] for name in _DAY if name != "hours"]
        for start_s in sorted(starts_s):
            query = select(*columns, hours).where(rollup_days.c.day_start_s == start_s)
            async with self._database.reading() as connection:
                row = (await connection.execute(query)).first()
            if row is not None:
                yield StoredDay(
                    row.day_start_s, row.day_end_s, row.rows, row.summary, row.hours, row.sha256
                )

    async def save_day(self, day: StoredDay) -> None:
        """Insert or replace."""

        async def work(connection: AsyncConnection) -> None:
            statement = insert_into(rollup_days, connection.dialect.name)
            upsert = statement.on_conflict_do_update(
                index_elements=["day_start_s"],
                set_={name: statement.excluded[name] for name in _DAY[1:]},
            )
            await connection.execute(upsert, [{name: getattr(day, name) for name in _DAY}])

        await self._database.transact(work)

    async def drop_days(self, start_s: int, end_s: int) -> None:
        """Forget every stored day that overlaps the window."""

        async def work(connection: AsyncConnection) -> None:
            await forget_days(connection, start_s, end_s)

        await self._database.transact(work)

    async def earliest_s(self) -> int | None:
        """When the first ledger interval of a channel began."""
        # A look-up a channel: the ledger is in order of subject, and may have millions of rows.
        own = select(func.min(ledger.c.start_s)).where(
            ledger.c.kind == SubjectKind.CHANNEL.value, ledger.c.subject_key == channels.c.key
        )
        first = select(own.correlate(channels).scalar_subquery().label("first_s")).subquery()
        async with self._database.reading(one_moment=True) as connection:
            raw_s = await connection.scalar(select(func.min(first.c.first_s)))
            archived_s = await archive.earliest_s(connection, SubjectKind.CHANNEL)
        return min((at_s for at_s in (raw_s, archived_s) if at_s is not None), default=None)

    async def archived_until(self, kind: SubjectKind) -> int | None:
        """The end of the last month of which anything is in the archive."""
        async with self._database.reading() as connection:
            return await archive.archived_until(connection, kind)

    async def ended(
        self, kind: SubjectKind, start_s: int, end_s: int, after_key: int
    ) -> Intervals | None:
        """The next raw intervals that ended in (start, end], of whole subjects."""
        # The zero keeps databases from an index by end: the rows are wanted in order of subject.
        query = presence_log.columns_of(kind).where(
            ledger.c.end_s + 0 > start_s, ledger.c.end_s + 0 <= end_s
        )
        async with self._database.reading(one_moment=True) as connection:
            above = query.where(ledger.c.subject_key > after_key).limit(ENDED_AT_ONCE + 1)
            table = await _all_of(connection, above)
            if not len(table):
                return None
            if len(table) > ENDED_AT_ONCE:
                last_key = int(table[-1, 0])
                whole = table[table[:, 0] < last_key]
                if not len(whole):
                    only = query.where(ledger.c.subject_key == last_key)
                    whole = await _all_of(connection, only)
                table = whole
        return Intervals(*_columns_of(table, 5))

    async def put_away(self, part: ArchivePart) -> None:
        """Store the part and delete the raw rows in it, in one transaction."""

        async def work(connection: AsyncConnection) -> None:
            await archive.put_away(connection, part)

        await self._database.transact(work)


async def forget_days(connection: AsyncConnection, start_s: int, end_s: int) -> None:
    """Drop every stored day that overlaps the window."""
    await connection.execute(
        delete(rollup_days).where(
            rollup_days.c.day_start_s < end_s, rollup_days.c.day_end_s > start_s
        )
    )


RawQuery: TypeAlias = Select[*tuple[Any, ...]]


def _raw_queries(start_s: int, end_s: int, keys: Sequence[int] | None) -> Sequence[RawQuery]:
    """What is not archived; one query, or one for so many keys at a time."""
    kind = SubjectKind.CHANNEL
    if keys is None:
        return [presence_log.columns_overlapping(kind, start_s, end_s)]
    own = presence_log.columns_of(kind).where(
        ledger.c.start_s < end_s, or_(ledger.c.end_s.is_(None), ledger.c.end_s > start_s)
    )
    return [
        own.where(ledger.c.subject_key.in_(keys[first : first + KEYS_AT_ONCE]))
        for first in range(0, len(keys), KEYS_AT_ONCE)
    ]


async def _tables(connection: AsyncConnection, queries: Sequence[RawQuery]) -> AsyncIterator[Table]:
    for query in queries:
        async with connection.stream(query) as rows:
            async for some in rows.partitions(ROWS_AT_ONCE):
                numbered = [
                    (key, start_s, end_s, _STATE_NUMBERS[state], _CAUSE_NUMBERS[cause])
                    for key, start_s, end_s, state, cause in some
                ]
                yield np.array(numbered, np.int64)


async def _all_of(connection: AsyncConnection, query: RawQuery) -> Table:
    found = [table async for table in _tables(connection, [query])]
    return np.concatenate(found) if found else NONE


async def _merged(raw: AsyncIterator[Table], archived: Table) -> AsyncIterator[Table]:
    """Both in order of subject and start; `raw` comes in that order, in pieces."""
    async for table in raw:
        if len(archived):
            count = int(np.count_nonzero(archived[:, 0] <= table[-1, 0]))
            both = np.concatenate([archived[:count], table])
            archived = archived[count:]
            yield both[np.lexsort((both[:, 1], both[:, 0]))]
        else:
            yield table
    if len(archived):
        yield archived


async def _parts(tables: AsyncIterator[Table]) -> AsyncIterator[Table]:
    """Whole subjects, about `SPANS_AT_ONCE` intervals at a time."""
    kept: list[Table] = []
    count = 0
    async for table in tables:
        kept.append(table)
        count += len(table)
        while count > SPANS_AT_ONCE:
            rows = np.concatenate(kept)
            cut = _end_of_part(rows[:, 0])
            if cut is None:
                break
            yield rows[:cut]
            kept, count = [rows[cut:]], len(rows) - cut
    if count:
        yield np.concatenate(kept)


def _end_of_part(keys: NDArray[np.int64]) -> int | None:
    """Where the last subject that surely is whole ends, within the size of a part if possible;
    None where none is."""
    begun = int(np.count_nonzero(keys < keys[min(SPANS_AT_ONCE, len(keys) - 1)]))
    if begun:
        return begun
    ended = int(np.count_nonzero(keys <= keys[0]))
    return ended if ended < len(keys) else None


def _columns_of(table: Table, count: int) -> "list[array[int]]":
    return [array("q", table[:, place].tobytes()) for place in range(count)]
