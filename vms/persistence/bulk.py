"""Statements for many rows, compiled once.

SQLAlchemy prepares each row of an `executemany` anew, which takes longer than SQLite needs to store
it. Here it compiles the statement, and finds places and converters of its parameters, once; rows
become tuples and go to the driver as they are.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import CursorResult, Dialect
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import UpdateBase

from vms.persistence.rows import Row


class Bulk:
    """An INSERT, UPDATE or DELETE; every row has a value for each of its parameters, by name."""

    __slots__ = ("_converters", "_names", "_sql")

    def __init__(self, statement: UpdateBase, names: Iterable[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        if compiled.positiontup is None:
            raise TypeError(f"parameters of {dialect.name} have no places")
        self._sql = str(compiled)
        self._names = tuple(compiled.positiontup)
        self._converters: list[tuple[int, Callable[[Any], Any]]] = []
        for place, name in enumerate(self._names):
            kind = compiled.binds[name].type.dialect_impl(dialect)
            converter = kind.bind_processor(dialect)
            if converter is not None:
                self._converters.append((place, converter))

    async def write(
        self, connection: AsyncConnection, rows: Sequence[Row]
    ) -> CursorResult[*tuple[Any, ...]]:
        """Write the rows, at least one; the result tells how many were met.

        StatementError for a value that cannot be converted, as SQLAlchemy has it.
        """
        try:
            values = [self._tuple_of(row) for row in rows]
        except (TypeError, ValueError) as error:
            raise StatementError(str(error), self._sql, None, error) from error
        return await connection.exec_driver_sql(self._sql, values)

    def _tuple_of(self, row: Row) -> tuple[object, ...]:
        values = [row[name] for name in self._names]
        for place, convert in self._converters:
            values[place] = convert(values[place])
        return tuple(values)
