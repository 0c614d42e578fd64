"""Statements for many rows, compiled once.

SQLAlchemy prepares each row of an `executemany` anew, which takes longer than SQLite needs to store
it. Here it compiles the statement, and finds places and converters of its parameters, once; rows
become tuples and go to the driver as they are.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, cast

from sqlalchemy import JSON, Dialect
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import UpdateBase

from vms.persistence.rows import Row


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
    """An INSERT, UPDATE or DELETE; every row has a value for each of its parameters, by name."""

    __slots__ = ("_converters", "_encoders", "_names", "_sql")

    def __init__(self, statement: UpdateBase, names: Iterable[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        if compiled.positiontup is None:
            raise TypeError(f"parameters of {dialect.name} have no places")
        self._sql = str(compiled)
        self._names = tuple(compiled.positiontup)
        self._converters: list[tuple[int, Callable[[Any], Any]]] = []
        self._encoders: list[tuple[int, Callable[[Any], Any]]] = []
        for place, name in enumerate(self._names):
            kind = compiled.binds[name].type.dialect_impl(dialect)
            converter = kind.bind_processor(dialect)
            if converter is not None:
                is_document = isinstance(compiled.binds[name].type, JSON)
                (self._encoders if is_document else self._converters).append((place, converter))

    async def write(self, connection: AsyncConnection, rows: Sequence[Row]) -> int:
        """Write the rows, at least one; returns how many were met, where the driver knows.

        Raises what SQLAlchemy does: StatementError for a value that cannot be converted, DBAPIError
        for what the database says.
        """
        try:
            written: dict[str, Any] = {}
            values = [self._tuple_of(row, written) for row in rows]
        except (TypeError, ValueError) as error:
            raise StatementError(str(error), self._sql, None, error) from error
        if connection.dialect.name == "sqlite":
            return await self._write_to_sqlite(connection, values)
        return (await connection.exec_driver_sql(self._sql, values)).rowcount

    async def _write_to_sqlite(
        self, connection: AsyncConnection, values: Sequence[tuple[object, ...]]
    ) -> int:
        """Straight to the driver: each of its calls is a message to another thread and back, and
        SQLAlchemy makes three of them where one does."""
        driver = _driver_of(connection)
        try:
            cursor = await driver.executemany(self._sql, values)
        except sqlite3.Error as error:
            raise DBAPIError.instance(self._sql, None, error, sqlite3.Error) from error
        return cursor.rowcount

    def _tuple_of(self, row: Row, written: dict[str, Any]) -> tuple[object, ...]:
        """`written` keeps the documents of these rows as JSON: the channels of a device say much
        alike, and writing it out takes ten times as long as telling that it is the same."""
        values = [row[name] for name in self._names]
        for place, encode in self._encoders:
            # Not by the value itself: 1 equals True, and no two documents hash.
            said = repr(values[place])
            if said not in written:
                written[said] = encode(values[place])
            values[place] = written[said]
        instant, stored = None, None
        for place, convert in self._converters:
            value = values[place]
            if isinstance(value, datetime):
                # Times of one row are often one and the same.
                if value is not instant:
                    instant, stored = value, convert(value)
                values[place] = stored
            else:
                values[place] = convert(value)
        return tuple(values)
