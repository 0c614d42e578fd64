"""The archived part of the ledger: ended intervals, a month at a time, in packed columns."""

import asyncio
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.errors import ConflictError, UnavailableError
from vms.figures.archive import unpacked
from vms.figures.packing import DamagedError
from vms.figures.store import CAUSES, STATES, ArchivePart, Intervals
from vms.inventory.model import Interval, Subject, SubjectKind
from vms.persistence.figure_tables import ledger_archive
from vms.persistence.rows import Fetched
from vms.persistence.tables import ledger

Table = NDArray[np.int64]
"""A row an interval: subject, start, end, state, cause; states and causes by number."""

NONE: Table = np.empty((0, 5), np.int64)


async def overlapping(
    connection: AsyncConnection,
    kind: SubjectKind,
    from_s: int,
    to_s: int,
    keys: Sequence[int] | None = None,
) -> Table:
    """What is archived and overlaps [from_s, to_s), by subject, then start; of all subjects, or of
    those with `keys`, ascending. Raises `UnavailableError` for what cannot be read any more."""
    query = (
        select(ledger_archive)
        .where(ledger_archive.c.kind == kind.value)
        .where(ledger_archive.c.month_end_s > from_s, ledger_archive.c.earliest_s < to_s)
        .order_by(ledger_archive.c.month_start_s, ledger_archive.c.part)
    )
    if keys is not None:
        if not keys:
            return NONE
        query = query.where(
            ledger_archive.c.first_key <= keys[-1], ledger_archive.c.last_key >= keys[0]
        )
    wanted = None if keys is None else np.array(keys, np.int64)
    async with connection.stream(query.execution_options(yield_per=1)) as rows:
        # In a thread: others are served while a city's month is unpacked.
        found = [
            await asyncio.to_thread(_fitting, _part_of(row), from_s, to_s, wanted)
            async for row in rows
        ]
    if not found:
        return NONE
    merged = np.concatenate(found)
    return merged[np.lexsort((merged[:, 1], merged[:, 0]))]


def intervals_of(kind: SubjectKind, table: Table) -> list[Interval]:
    """The same, each by itself."""
    return [
        Interval(Subject(kind, key), start_s, end_s, STATES[state], CAUSES[cause])
        for key, start_s, end_s, state, cause in cast("list[list[int]]", table.tolist())
    ]


async def put_away(connection: AsyncConnection, part: ArchivePart) -> None:
    """Store a part and delete the rows in it; raises `ConflictError` where they are not those."""
    # By subject, not by end: the zero keeps databases from walking the whole month.
    gone = delete(ledger).where(
        ledger.c.kind == part.kind.value,
        ledger.c.subject_key.between(part.first_key, part.last_key),
        ledger.c.end_s + 0 > part.month_start_s,
        ledger.c.end_s + 0 <= part.month_end_s,
    )
    deleted = (await connection.execute(gone)).rowcount
    if deleted != part.rows:
        raise ConflictError(f"{part.rows} intervals are put away, and {deleted} are there")
    await connection.execute(
        insert(ledger_archive),
        [
            {
                "kind": part.kind.value,
                "month_start_s": part.month_start_s,
                "part": part.part,
                "month_end_s": part.month_end_s,
                "first_key": part.first_key,
                "last_key": part.last_key,
                "earliest_s": part.earliest_s,
                "rows": part.rows,
                "columns": part.columns,
                "sha256": part.sha256,
            }
        ],
    )


async def archived_until(connection: AsyncConnection, kind: SubjectKind) -> int | None:
    """The end of the last month of which anything is here."""
    newest = select(func.max(ledger_archive.c.month_end_s))
    until_s: int | None = await connection.scalar(newest.where(ledger_archive.c.kind == kind.value))
    return until_s


async def earliest_s(connection: AsyncConnection, kind: SubjectKind) -> int | None:
    """Where the first archived interval began."""
    first = select(func.min(ledger_archive.c.earliest_s))
    first_s: int | None = await connection.scalar(first.where(ledger_archive.c.kind == kind.value))
    return first_s


async def highest_key(connection: AsyncConnection, kind: SubjectKind) -> int:
    """Of the subjects in it; 0 when there are none."""
    highest = select(func.max(ledger_archive.c.last_key)).where(ledger_archive.c.kind == kind.value)
    return (await connection.scalar(highest)) or 0


def _part_of(row: Fetched) -> ArchivePart:
    return ArchivePart(
        kind=SubjectKind(row.kind),
        month_start_s=row.month_start_s,
        part=row.part,
        month_end_s=row.month_end_s,
        first_key=row.first_key,
        last_key=row.last_key,
        earliest_s=row.earliest_s,
        rows=row.rows,
        columns=row.columns,
        sha256=row.sha256,
    )


def _fitting(part: ArchivePart, from_s: int, to_s: int, keys: NDArray[np.int64] | None) -> Table:
    table = _table_of(part)
    fits = (table[:, 1] < to_s) & (table[:, 2] > from_s)
    return table[fits if keys is None else fits & np.isin(table[:, 0], keys)]


def _table_of(part: ArchivePart) -> Table:
    try:
        said: Intervals = unpacked(part)
    except DamagedError as error:
        raise UnavailableError(f"the archive of the ledger is damaged: {error}") from error
    columns = (said.subject_keys, said.starts_s, said.ends_s, said.states, said.causes)
    return np.stack([np.frombuffer(column, np.int64) for column in columns], axis=1)
