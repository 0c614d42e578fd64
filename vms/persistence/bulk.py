"""Statements for many rows, compiled once.

SQLAlchemy prepares each row of an `executemany` anew, which takes longer than SQLite needs to store
it. Here it compiles the statement, and finds places and converters of its parameters, once; rows
become tuples and go to the driver as they are.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Protocol, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    Table,
    Text,
    bindparam,
    column,
    func,
    insert,
    select,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import UpdateBase

from vms.persistence.rows import Row, Values

WORTH_JOINING = 8
"""Fewer rows are as quickly written one by one."""


class _Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...


class _Driver(Protocol):
    """What is used of `aiosqlite.Connection`."""

    async def executemany(
        self, sql: str, parameters: Iterable[tuple[object, ...]], /
    ) -> _Cursor: ...


def _driver_of(connection: AsyncConnection) -> _Driver:
    if connection.sync_connection is None:
        raise RuntimeError("written to before it was opened")
    return cast("_Driver", connection.sync_connection.connection.driver_connection)


class Bulk:
    """An INSERT, UPDATE or DELETE; every row has a value for each of its parameters: by name, or
    where it is a tuple by the place of the name among `names`."""

    __slots__ = ("_by_name", "_by_place", "_converters", "_encoders", "_sql")

    def __init__(self, statement: UpdateBase, names: Iterable[str], dialect: Dialect) -> None:
        given = list(names)
        compiled = statement.compile(dialect=dialect, column_keys=given)
        if compiled.positiontup is None:
            raise TypeError(f"parameters of {dialect.name} have no places")
        self._sql = str(compiled)
        wanted = list(compiled.positiontup)
        self._by_name = _taking(wanted)
        self._by_place = None if wanted == given else _taking([*map(given.index, wanted)])
        self._converters: list[tuple[int, Callable[[Any], Any]]] = []
        self._encoders: list[tuple[int, Callable[[Any], Any]]] = []
        for place, name in enumerate(wanted):
            kind = compiled.binds[name].type.dialect_impl(dialect)
            converter = kind.bind_processor(dialect)
            if converter is not None:
                is_document = isinstance(compiled.binds[name].type, JSON)
                (self._encoders if is_document else self._converters).append((place, converter))

    async def write(self, connection: AsyncConnection, rows: Sequence[Row | Values]) -> int:
        """Write the rows, at least one, all of one kind; returns how many were met, where the
        driver knows.

        Raises what SQLAlchemy does: StatementError for a value that cannot be converted, DBAPIError
        for what the database says.
        """
        try:
            values = self._converted(rows)
        except (TypeError, ValueError) as error:
            raise StatementError(str(error), self._sql, None, error) from error
        if connection.dialect.name == "sqlite":
            return await self._write_to_sqlite(connection, values)
        return (await connection.exec_driver_sql(self._sql, values)).rowcount

    async def _write_to_sqlite(self, connection: AsyncConnection, values: Sequence[Values]) -> int:
        """Straight to the driver: each of its calls is a message to another thread and back, and
        SQLAlchemy makes three of them where one does."""
        driver = _driver_of(connection)
        try:
            cursor = await driver.executemany(self._sql, values)
        except sqlite3.Error as error:
            raise DBAPIError.instance(self._sql, None, error, sqlite3.Error) from error
        return cursor.rowcount

    def _converted(self, rows: Sequence[Row | Values]) -> list[Values]:
        """The values of each in the order of the statement, as the driver takes them."""
        take = self._by_place if isinstance(rows[0], tuple) else self._by_name
        values = list(cast("Sequence[Values]", rows) if take is None else map(take, rows))
        if not (self._converters or self._encoders):
            return values
        columns: list[Sequence[Any]] = list(zip(*values, strict=True))
        for place, convert in self._converters:
            columns[place] = _each_converted(columns[place], convert)
        for place, encode in self._encoders:
            columns[place] = _each_encoded(columns[place], encode)
        return list(zip(*columns, strict=True))


def joint_insert(table: Table, key: str, alike: Sequence[str], dialect: Dialect) -> Bulk:
    """An INSERT of rows that differ in one integer only: a list of those in place of it.

    SQLite takes a third to a fifth of the time for it that it takes for a row each.
    """
    keys = bindparam("keys", type_=Text())
    listed = func.json_each(keys).table_valued(column("value"), name="listed")
    if dialect.name == "postgresql":
        elements = func.jsonb_array_elements_text(cast_to(keys, JSONB))
        listed = elements.table_valued(column("value"), name="listed").render_derived()
    told = [
        cast_to(bindparam(name, type_=table.c[name].type), table.c[name].type) for name in alike
    ]
    rows = select(cast_to(listed.c.value, BigInteger), *told)
    return Bulk(insert(table).from_select([key, *alike], rows), ("keys", *alike), dialect)


async def write_alike(
    connection: AsyncConnection,
    single: Bulk,
    joint: Bulk,
    runs: Iterable[tuple[Values, Sequence[int]]],
) -> None:
    """Insert rows that are alike but for an integer: what each run of them has in common, and its
    integers. `single` has the integer before what is alike, `joint` the list of them."""
    rows: list[Values] = []
    lists: list[Values] = []
    for alike, keys in list(runs):  # a run is complete when the next one begins
        if len(keys) >= WORTH_JOINING:
            lists.append((json.dumps(keys), *alike))
        else:
            rows += [(key, *alike) for key in keys]
    if lists:
        await joint.write(connection, lists)
    if rows:
        await single.write(connection, rows)


def _taking(keys: Sequence[Any]) -> Callable[[Any], Values]:
    if len(keys) == 1:
        return lambda row: (row[keys[0]],)
    return itemgetter(*keys)


def _each_converted(column: Sequence[Any], convert: Callable[[Any], Any]) -> list[Any]:
    """What follows itself, as times and flags of many rows do, is converted once."""
    last, stored = column[0], convert(column[0])
    converted: list[Any] = []
    for value in column:
        if value is not last:
            last, stored = value, convert(value)
        converted.append(stored)
    return converted


def _each_encoded(column: Sequence[Any], encode: Callable[[Any], Any]) -> list[Any]:
    """The channels of a device say much alike, and writing it out as JSON takes ten times as long
    as telling that it is the same."""
    of_object: dict[int, Any] = {}
    of_text: dict[str, Any] = {}
    for value in column:
        if id(value) in of_object:
            continue
        # Not by the value itself: 1 equals True, and no two documents hash.
        said = repr(value)
        if said not in of_text:
            of_text[said] = encode(value)
        of_object[id(value)] = of_text[said]
    return [of_object[id(value)] for value in column]
