"""Whose fault a failed statement is: the caller's values, or a database that cannot serve."""

from collections.abc import Generator
from contextlib import contextmanager

import asyncpg  # type: ignore[import-untyped]  # it carries no types
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from vms.errors import ConflictError, InvalidError, UnavailableError, VmsError

# What a driver raises about a value it cannot take, beside its own errors.
BAD_VALUE = (OverflowError, UnicodeError)
FAILURES = (
    VmsError,
    StatementError,
    PoolTimeoutError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    *BAD_VALUE,
)
"""All that a transaction may raise without being our own mistake."""

# SQLSTATE classes: 22 data exception, 23 integrity constraint violation.
_OFFENDING_CLASSES = ("22", "23")


def judged(error: Exception) -> VmsError:
    """`UnavailableError` when the database cannot serve, else what is wrong with what was asked."""
    cause = error.orig if isinstance(error, StatementError) else error
    if isinstance(error, VmsError):
        return error
    if isinstance(error, IntegrityError):
        return ConflictError(f"it contradicts what is stored: {cause}")
    if _is_offence(error):
        return InvalidError(f"it cannot be stored: {cause}")
    return UnavailableError(f"the database cannot serve: {cause!r}")


def _is_offence(error: Exception) -> bool:
    """About a value rather than about the database.

    asyncpg's errors about a value reach us as the generic kind, known by SQLSTATE or by cause.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, (StatementError, *BAD_VALUE))
    if isinstance(error, (DataError, ProgrammingError)):
        return True
    sqlstate: object = getattr(error.orig, "sqlstate", None)
    if isinstance(sqlstate, str) and sqlstate.startswith(_OFFENDING_CLASSES):
        return True
    return error.orig is not None and isinstance(error.orig.__cause__, asyncpg.DataError)


@contextmanager
def judging() -> Generator[None]:
    """Only `VmsError` children leave the block."""
    try:
        yield
    except FAILURES as error:
        verdict = judged(error)
        if verdict is error:
            raise
        raise verdict from error
