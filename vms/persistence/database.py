"""The database: connections, schema, and the one writer. SQLite and PostgreSQL."""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final, Protocol, Self, TypeVar, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, PoolResetState, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from vms.errors import InvalidError, UnavailableError
from vms.persistence.changes import Change, ChangeWriter
from vms.persistence.failures import judging
from vms.persistence.group_commit import GroupCommit

STATEMENT_LIMIT_S: Final = 15.0
"""After this a statement on PostgreSQL is given up and its callers get `UnavailableError`."""

CONNECT_LIMIT_S: Final = 5.0
"""How long a connection is waited for."""

LOCK_LIMIT_MS: Final = 2000
"""How long SQLite waits for another process that writes (`vms user add`, a backup)."""

READERS: Final = 4
"""Connections for reading; they never wait for the writer."""

_UPGRADE_LOCK: Final = 0x6762_3238_3138_3100
"""The number by which PostgreSQL knows our lock."""

_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}

Result = TypeVar("Result")


class _Cursor(Protocol):
    def execute(self, operation: str, /) -> object: ...
    def close(self) -> None: ...


class _DriverConnection(Protocol):
    """What SQLAlchemy hands to a connect listener, as far as it is used here."""

    def cursor(self) -> _Cursor: ...


class _Driver(Protocol):
    """What is used of `aiosqlite.Connection`."""

    @property
    def in_transaction(self) -> bool: ...
    async def execute(self, sql: str, /) -> object: ...


class _Adapted(Protocol):
    """What SQLAlchemy hands to a reset listener, as far as it is used here."""

    @property
    def driver_connection(self) -> _Driver: ...
    def run_async(self, use: Callable[[_Driver], Awaitable[object]], /) -> object: ...
    def rollback(self) -> None: ...


def parse_url(text: str) -> URL:
    """`database.url`; the drivers may be left out. Raises `InvalidError`."""
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise InvalidError("database.url is not an address of a database") from error
    backend = url.drivername.partition("+")[0]
    if url.drivername not in (backend, _DRIVERS.get(backend)):
        raise InvalidError(
            f"database.url: {url.drivername} is neither {' nor '.join(_DRIVERS.values())}"
        )
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise InvalidError("database.url: SQLite needs a file")
    return url.set(drivername=_DRIVERS[backend])


class Database:
    """An open database with its schema up to date.

    Everything is written by one task (`GroupCommit`), everything is read beside it.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self._writer = _writer(url)
        self._reader = _reader(url)
        self._commits: GroupCommit[Change, int] = GroupCommit(
            self._writer.begin, ChangeWriter(self._writer.dialect.name)
        )

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncGenerator[Self]:
        """Make folders and tables as needed; on leaving, write what was accepted and close.

        Raises `InvalidError` for an address that is none, `UnavailableError` when nobody serves or
        the schema is a newer program's.
        """
        parsed = parse_url(url)
        await upgrade(parsed)
        database = cls(parsed)
        try:
            async with _running(database._commits):
                yield database
        finally:
            await database._writer.dispose()
            await database._reader.dispose()

    @property
    def commits(self) -> int:
        """Transactions of the writer so far."""
        return self._commits.commits

    @property
    def changes(self) -> int:
        """Changes stored so far."""
        return self._commits.changes

    @property
    def backlog_s(self) -> float:
        """For how long the oldest change has waited to be stored; notices and positions aside."""
        return self._commits.backlog_s

    async def write(self, change: Change) -> int:
        """Store it; returns after the commit, with how many of its `once` rows were new."""
        return await self._commits.write(change, is_patient=change.is_patient)

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        """Do `work` inside a transaction of the writer; returns after the commit.

        `work` may be done a second time, after a rollback.
        """
        results: list[Result] = []

        async def keep(connection: AsyncConnection) -> None:
            results[:] = [await work(connection)]

        await self._commits.write(Change(work=keep))
        return results[0]

    @asynccontextmanager
    async def reading(self, *, one_moment: bool = False) -> AsyncGenerator[AsyncConnection]:
        """A connection that only reads, and sees what is committed.

        With `one_moment` all its statements see the database as it was at the first of them, as
        they always do on SQLite.
        """
        with judging():
            async with self._reader.connect() as opened:
                connection = opened
                if one_moment and opened.dialect.name == "postgresql":
                    level = "REPEATABLE READ"
                    connection = await opened.execution_options(isolation_level=level)
                yield connection


@asynccontextmanager
async def _running(commits: GroupCommit[Change, int]) -> AsyncGenerator[None]:
    """The writer runs beside the block, and in the end writes what it accepted: a cancellation of
    the block does not tear it out of a transaction. Its own mistakes end the block.
    """
    block = asyncio.current_task()
    writer = asyncio.create_task(commits.run(), name="database writer")

    def end_block(ended: asyncio.Task[None]) -> None:
        if block is not None and not ended.cancelled() and ended.exception() is not None:
            block.cancel()

    writer.add_done_callback(end_block)
    try:
        yield
    finally:
        commits.close()
        try:
            await writer
        except Exception:
            # The cancellation was ours, and this is its reason.
            if block is not None:
                block.uncancel()
            raise


async def upgrade(url: str | URL) -> None:
    """Bring the schema up to date; nothing happens when it is."""
    parsed = parse_url(url) if isinstance(url, str) else url
    _prepare_file(parsed)
    await _with_schema_connection(parsed, _upgrade)


async def current_revision(url: str | URL) -> tuple[str | None, str]:
    """The schema's revision (None: there is no schema), and the one that this program wants."""
    parsed = parse_url(url) if isinstance(url, str) else url
    newest = ScriptDirectory.from_config(_alembic()).get_current_head()
    if newest is None:
        raise RuntimeError("the package carries no migrations")
    if not _is_there(parsed):
        return None, newest
    return await _with_schema_connection(parsed, _revision), newest


async def _with_schema_connection(url: URL, use: Callable[[Connection], Result]) -> Result:
    engine = _writer(url, statement_limit_s=None)
    try:
        with judging():
            async with engine.begin() as connection:
                return await connection.run_sync(use)
    finally:
        await engine.dispose()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # One at a time; on SQLite the transaction itself sees to that.
        connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
    config = _alembic()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise UnavailableError(f"the schema is not of this program: {error}") from error


def _alembic() -> Config:
    config = Config()
    # "%" begins an interpolation in alembic's settings.
    folder = str(files("vms.persistence") / "migrations").replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "newline")
    return config


def _is_there(url: URL) -> bool:
    """A server is always there; a look must not make a file."""
    return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()


def _prepare_file(url: URL) -> None:
    """The folder, and a new file that only its owner may read: it will hold secrets.

    SQLite gives its side files (-wal, -shm) the permissions of the file.
    """
    if url.get_backend_name() != "sqlite" or url.database is None:
        return
    path = Path(url.database)
    with judging():
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _keep_write_ahead_log(path)


def _keep_write_ahead_log(path: Path) -> None:
    """Switch the journal, one process at a time: SQLite refuses a second one without waiting.

    The folder is locked, not the file: closing the file would drop SQLite's own locks on it.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with contextlib.closing(sqlite3.connect(path, timeout=LOCK_LIMIT_MS / 1000)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise UnavailableError(f"the database {path} cannot be opened: {error}") from error
    finally:
        os.close(folder)


def _writer(url: URL, *, statement_limit_s: float | None = STATEMENT_LIMIT_S) -> AsyncEngine:
    """One connection, made when it is used."""
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, writes=True)
    return create_async_engine(
        url, pool_size=1, max_overflow=0, connect_args=_postgresql_limits(statement_limit_s)
    )


def _reader(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, writes=False)
    return create_async_engine(
        url,
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=CONNECT_LIMIT_S,
        pool_pre_ping=True,
        connect_args=_postgresql_limits(STATEMENT_LIMIT_S),
    )


def _postgresql_limits(statement_limit_s: float | None) -> dict[str, float | None]:
    return {"timeout": CONNECT_LIMIT_S, "command_timeout": statement_limit_s}


def _sqlite_engine(url: URL, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=1 if writes else READERS,
        max_overflow=0,
        pool_timeout=CONNECT_LIMIT_S,
        # Transactions are begun below, by us: the driver's own way begins them too late.
        connect_args={"isolation_level": None, "timeout": LOCK_LIMIT_MS / 1000},
        pool_reset_on_return=None,
    )
    beginning = "BEGIN IMMEDIATE" if writes else "BEGIN"

    def set_up(connection: _DriverConnection, _record: object) -> None:
        cursor = connection.cursor()
        pragmas = ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"]
        if not writes:
            pragmas = ["query_only = ON"]
        for pragma in (f"busy_timeout = {LOCK_LIMIT_MS}", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begin(connection: Connection) -> None:
        adapted = cast("_Adapted", connection.connection.dbapi_connection)
        try:
            adapted.run_async(lambda driver: driver.execute(beginning))
        except sqlite3.Error as error:
            raise DBAPIError.instance(beginning, None, error, sqlite3.Error) from error

    def reset(connection: _Adapted, _record: object, state: PoolResetState) -> None:
        if state.asyncio_safe and connection.driver_connection.in_transaction:
            connection.rollback()

    # Each call of the driver is a message to its thread and back, which takes longer than what
    # SQLite does meanwhile. Left to itself SQLAlchemy makes three to begin, and one to roll back
    # what was committed.
    event.listen(engine.sync_engine, "connect", set_up)
    event.listen(engine.sync_engine, "begin", begin)
    event.listen(engine.sync_engine, "reset", reset)
    return engine
