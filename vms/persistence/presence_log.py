"""The rows of the state ledger: one open interval a subject, intervals that follow each other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CursorResult,
    Dialect,
    FromClause,
    Select,
    Text,
    bindparam,
    column,
    delete,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Delete, Update

from vms.errors import ConflictError
from vms.figures.store import FOREVER_S
from vms.inventory.model import Interval, Subject, SubjectKind, Transition
from vms.persistence import ledger_archive
from vms.persistence.bulk import Bulk, joint_insert, write_alike
from vms.persistence.rows import Fetched, Row, Values, fetched, interval_of
from vms.persistence.tables import channels, devices, ledger

_OPENED_ALIKE = ("kind", "start_s", "end_s", "state", "cause")
_SUBJECT = (ledger.c.kind, ledger.c.subject_key)


async def append(connection: AsyncConnection, transitions: Sequence[Transition]) -> None:
    """Write the steps in their order; raises `ConflictError` when one does not fit what is stored.

    The n-th step of every subject is written together with the n-th of all others.
    """
    for steps in _rounds(transitions):
        await _write_round(connection, steps)


def _rounds(transitions: Sequence[Transition]) -> Sequence[Sequence[Transition]]:
    if len(transitions) == 1:
        return [transitions]
    keys = {_number_of(step.subject) for step in transitions}
    if len(keys) == len(transitions):
        return [transitions]  # nearly always
    rounds: list[list[Transition]] = []
    steps_of: Counter[tuple[str, int]] = Counter()
    for step in transitions:
        subject = (step.subject.kind.value, step.subject.key)
        count = steps_of[subject]
        if count == len(rounds):
            rounds.append([])
        rounds[count].append(step)
        steps_of[subject] = count + 1
    return rounds


def _number_of(subject: Subject) -> int:
    """Another one for each; a hash of the subject itself takes four times as long."""
    return subject.key if subject.kind is SubjectKind.CHANNEL else ~subject.key


async def _write_round(connection: AsyncConnection, steps: Sequence[Transition]) -> None:
    """At most one step of a subject."""
    ended: list[Row] = []
    replaced: list[Row] = []
    dropped: list[Row] = []
    opened: list[Transition] = []
    for step in steps:
        if step.opens and step.closes_s != step.at_s:
            opened.append(step)
        if step.closes_s is None:
            continue
        if step.closes_s > step.at_s:
            raise ConflictError(f"the ledger cannot go back: {step}")
        row: Row = {
            "b_kind": step.subject.kind.value,
            "b_subject_key": step.subject.key,
            "b_start_s": step.closes_s,
            "end_s": step.at_s,
            "state": step.state.value,
            "cause": step.cause.value,
        }
        if step.closes_s == step.at_s:
            (replaced if step.opens else dropped).append(row)
        else:
            ended.append(row)
    if ended:
        await _change_open_rows(connection, update(ledger), ("end_s",), ended)
    if replaced:
        await _change_open_rows(connection, update(ledger), ("state", "cause"), replaced)
    if dropped:
        await _change_open_rows(connection, delete(ledger), (), dropped)
    if opened:
        await _open(connection, opened)


async def _open(connection: AsyncConnection, steps: Sequence[Transition]) -> None:
    """What begins alike, as the channels of a new catalogue do, is written by one statement."""
    await write_alike(
        connection, _opener(connection.dialect), _joint_opener(connection.dialect), _alike(steps)
    )


def _alike(steps: Sequence[Transition]) -> Iterator[tuple[Values, list[int]]]:
    """Runs of steps that differ in their subject's key only: what they have in common, the keys."""
    keys: list[int] = []
    first: Transition | None = None
    for step in steps:
        if first is None or not (
            step.at_s == first.at_s
            and step.state is first.state
            and step.cause is first.cause
            and step.subject.kind is first.subject.kind
        ):
            first, keys = step, []
            kind, state, cause = step.subject.kind.value, step.state.value, step.cause.value
            yield (kind, step.at_s, None, state, cause), keys
        keys.append(step.subject.key)


async def _change_open_rows(
    connection: AsyncConnection,
    statement: Update | Delete,
    columns: tuple[str, ...],
    rows: Sequence[Row],
) -> None:
    """Change the open row of each; every one has to be there."""
    if connection.dialect.name == "postgresql":
        changed = (await _change_by_arrays(connection, statement, columns, rows)).rowcount
    else:
        is_deletion = isinstance(statement, Delete)
        changer = _changer(connection.dialect, columns, is_deletion=is_deletion)
        changed = await changer.write(connection, rows)
    if changed != len(rows):
        missing = len(rows) - changed
        raise ConflictError(f"{missing} of {len(rows)} ledger intervals to be ended are not open")


@lru_cache(maxsize=8)
def _opener(dialect: Dialect) -> Bulk:
    return Bulk(insert(ledger), ("subject_key", *_OPENED_ALIKE), dialect)


@lru_cache(maxsize=8)
def _joint_opener(dialect: Dialect) -> Bulk:
    return joint_insert(ledger, "subject_key", _OPENED_ALIKE, dialect)


@lru_cache(maxsize=32)
def _changer(dialect: Dialect, columns: tuple[str, ...], *, is_deletion: bool) -> Bulk:
    open_row = (
        ledger.c.kind == bindparam("b_kind"),
        ledger.c.subject_key == bindparam("b_subject_key"),
        ledger.c.start_s == bindparam("b_start_s"),
        ledger.c.end_s.is_(None),
    )
    names = ("b_kind", "b_subject_key", "b_start_s", *columns)
    if is_deletion:
        return Bulk(delete(ledger).where(*open_row), names, dialect)
    statement = update(ledger).where(*open_row)
    return Bulk(statement.values({name: bindparam(name) for name in columns}), names, dialect)


async def _change_by_arrays(
    connection: AsyncConnection,
    statement: Update | Delete,
    columns: tuple[str, ...],
    rows: Sequence[Row],
) -> CursorResult[*tuple[Any, ...]]:
    """One statement for all rows: asyncpg tells no row count of many, and this is faster."""
    types: Mapping[str, Text | BigInteger] = {
        "b_kind": Text(),
        "b_subject_key": BigInteger(),
        "b_start_s": BigInteger(),
        "end_s": BigInteger(),
        "state": Text(),
        "cause": Text(),
    }
    names = ("b_kind", "b_subject_key", "b_start_s", *columns)
    step = (
        func.unnest(*(bindparam(name, type_=ARRAY(types[name])) for name in names))
        .table_valued(*(column(name, types[name]) for name in names), name="step")
        .render_derived()
    )
    statement = statement.where(
        ledger.c.kind == step.c.b_kind,
        ledger.c.subject_key == step.c.b_subject_key,
        ledger.c.start_s == step.c.b_start_s,
        ledger.c.end_s.is_(None),
    )
    if isinstance(statement, Update):
        statement = statement.values({name: step.c[name] for name in columns})
    return await connection.execute(
        statement, {name: [row[name] for row in rows] for name in names}
    )


async def intervals(
    connection: AsyncConnection, subject: Subject, from_s: int, to_s: int
) -> Sequence[Interval]:
    """Those that overlap [from_s, to_s), archived ones included, in order of start."""
    query = (
        select(ledger)
        .where(ledger.c.kind == subject.kind.value, ledger.c.subject_key == subject.key)
        .where(ledger.c.start_s < to_s, or_(ledger.c.end_s.is_(None), ledger.c.end_s > from_s))
        .order_by(ledger.c.start_s)
    )
    archived = await ledger_archive.overlapping(
        connection, subject.kind, from_s, to_s, [subject.key]
    )
    raw = _intervals_of(await connection.execute(query))
    return _in_order(subject.kind, raw, archived)


async def intervals_of_all(
    connection: AsyncConnection, kind: SubjectKind, from_s: int, to_s: int
) -> Sequence[Interval]:
    """The same for every subject of a kind, by subject then start."""
    archived = await ledger_archive.overlapping(connection, kind, from_s, to_s)
    raw = await fetched(connection, overlapping(kind, from_s, to_s), interval_of)
    return _in_order(kind, raw, archived)


def _in_order(
    kind: SubjectKind, raw: Sequence[Interval], archived: ledger_archive.Table
) -> Sequence[Interval]:
    if not len(archived):
        return raw
    both = [*ledger_archive.intervals_of(kind, archived), *raw]
    both.sort(key=lambda interval: (interval.subject.key, interval.start_s))
    return both


def columns_of(kind: SubjectKind) -> Select[*tuple[Any, ...]]:
    """Rows of a kind as plain columns, by subject then start; what lasts ends at `FOREVER_S`."""
    of_kind = _columns(ledger).where(ledger.c.kind == kind.value)
    return of_kind.order_by(ledger.c.subject_key, ledger.c.start_s)


def columns_overlapping(kind: SubjectKind, from_s: int, to_s: int) -> Select[*tuple[Any, ...]]:
    """What overlaps [from_s, to_s) as plain columns, of subjects that have a row, removed or not.

    Costs what overlaps, however much came later: what ended inside, by the index of ends; and for
    each subject a look at the one interval that lasted beyond.
    """
    subjects = devices if kind is SubjectKind.DEVICE else channels
    ended = select(ledger).where(
        ledger.c.kind == kind.value, ledger.c.end_s > from_s, ledger.c.end_s <= to_s
    )
    other = ledger.alias("other")
    last_s = (
        select(func.max(other.c.start_s))
        .where(other.c.kind == kind.value, other.c.subject_key == subjects.c.key)
        .where(other.c.start_s < to_s)
        .correlate(subjects)
        .scalar_subquery()
    )
    beyond = (
        select(ledger)
        .select_from(subjects)
        # The zero keeps SQLite from beginning with the ledger.
        .join(ledger, (ledger.c.subject_key == subjects.c.key + 0) & (ledger.c.start_s == last_s))
        .where(ledger.c.kind == kind.value)
        .where(or_(ledger.c.end_s.is_(None), ledger.c.end_s > to_s))
    )
    found = union_all(ended, beyond).subquery("found")
    return _columns(found).order_by(found.c.subject_key + 0, found.c.start_s)


def _columns(rows: FromClause) -> Select[*tuple[Any, ...]]:
    lasting = func.coalesce(rows.c.end_s, FOREVER_S)
    return select(rows.c.subject_key, rows.c.start_s, lasting, rows.c.state, rows.c.cause)


def overlapping(kind: SubjectKind, from_s: int, to_s: int) -> Select[*tuple[Any, ...]]:
    """Two halves, each with an index of its own, so that a day does not read ten years.

    The empty string and the zero keep SQLite from walking the primary key instead.
    """
    began = select(ledger).where(ledger.c.start_s < to_s)
    ended = began.where(ledger.c.kind == kind.value, ledger.c.end_s > from_s)
    lasting = began.where(ledger.c.kind + "" == kind.value, ledger.c.end_s.is_(None))
    both = union_all(ended, lasting).subquery("overlapping")
    return select(both).order_by(both.c.subject_key + 0, both.c.start_s)


async def open_intervals(connection: AsyncConnection) -> Sequence[Interval]:
    """What lasts, by subject."""
    query = select(ledger).where(ledger.c.end_s.is_(None)).order_by(*_SUBJECT)
    return _intervals_of(await connection.execute(query))


async def highest_key(connection: AsyncConnection, kind: SubjectKind) -> int:
    """Of the subjects that ever had a ledger; 0 when there are none."""
    highest = select(func.max(ledger.c.subject_key)).where(ledger.c.kind == kind.value)
    raw = (await connection.scalar(highest)) or 0
    return max(raw, await ledger_archive.highest_key(connection, kind))


def _intervals_of(rows: Iterable[Fetched]) -> Sequence[Interval]:
    return [interval_of(row) for row in rows]
