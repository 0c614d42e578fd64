"""Opening, migrating and closing a database; who may read its file."""

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.support.databases import sqlite_url
from tests.support.waiting import until
from tests.vms.persistence.rows_of_every_kind import device
from vms.errors import InvalidError, UnavailableError
from vms.inventory.model import SubjectKind
from vms.persistence import figure_tables, presence_log, tables
from vms.persistence.columns import metadata
from vms.persistence.database import Database, current_revision, parse_url, upgrade
from vms.persistence.device_store import SqlDeviceStore
from vms.persistence.secret_store import SecretStore


async def test_a_fresh_database_migrates_itself(database_url: str) -> None:
    before, newest = await current_revision(database_url)
    assert before is None

    async with Database.open(database_url):
        pass

    assert await current_revision(database_url) == (newest, newest)


async def test_upgrading_again_changes_nothing(database_url: str) -> None:
    async with Database.open(database_url) as database:
        await SqlDeviceStore(database).save_device(device(1))

    await upgrade(database_url)

    async with Database.open(database_url) as database:
        assert (await SqlDeviceStore(database).load_all()).devices == (device(1),)


async def test_two_that_upgrade_at_once_do_not_disturb_each_other(database_url: str) -> None:
    await asyncio.gather(*(upgrade(database_url) for _ in range(3)))

    assert len(set(await current_revision(database_url))) == 1


async def test_the_schema_of_a_newer_program_is_left_alone(database_url: str) -> None:
    async with Database.open(database_url) as database:
        newer = text("UPDATE alembic_version SET version_num = '9999'")
        await database.transact(lambda connection: connection.execute(newer))

    with pytest.raises(UnavailableError, match="9999"):
        async with Database.open(database_url):
            pass


async def test_the_migrations_make_exactly_the_tables_of_the_program(database: Database) -> None:
    assert {table.metadata for table in (tables.devices, figure_tables.placements)} == {metadata}

    def differences(connection: Connection) -> Sequence[object]:
        found: Sequence[object] = compare_metadata(MigrationContext.configure(connection), metadata)
        return found

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_asking_for_the_revision_makes_no_file(tmp_path: Path) -> None:
    await current_revision(sqlite_url(tmp_path / "not made"))

    assert not (tmp_path / "not made").exists()


async def test_folders_are_made_and_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "100% here" / "vms.db"

    async with Database.open(f"sqlite+aiosqlite:///{path}") as database:
        await SqlDeviceStore(database).save_device(device(1))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert modes == {"vms.db": 0o600, "vms.db-wal": 0o600, "vms.db-shm": 0o600}


async def test_sqlite_is_durable_at_each_commit_and_checks_references(tmp_path: Path) -> None:
    async def pragmas(connection: AsyncConnection) -> Sequence[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [await connection.scalar(text(f"PRAGMA {name}")) for name in names]

    async with Database.open(sqlite_url(tmp_path)) as database:
        assert await database.transact(pragmas) == ["wal", 2, 1]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "var/vms.db",
        "mysql+asyncmy://127.0.0.1/vms",
        "sqlite+pysqlite:///vms.db",
        "sqlite+aiosqlite://",
        "sqlite:///:memory:",
    ],
)
def test_an_address_of_no_database_we_know_is_refused(url: str) -> None:
    with pytest.raises(InvalidError, match=r"database\.url"):
        parse_url(url)


def test_the_drivers_may_be_left_out() -> None:
    assert parse_url("sqlite:///vms.db").drivername == "sqlite+aiosqlite"
    assert parse_url("postgresql://127.0.0.1/vms").drivername == "postgresql+asyncpg"


@pytest.mark.parametrize(
    "url", ["postgresql://vms@127.0.0.1:1/vms", "sqlite:////proc/nowhere/vms.db"]
)
async def test_a_database_that_cannot_be_reached_is_unavailable(url: str) -> None:
    with pytest.raises(UnavailableError):
        async with Database.open(url):
            pass


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(b"\xff\xd8" * 1000)

    with pytest.raises(UnavailableError):
        async with Database.open(f"sqlite:///{path}"):
            pass

    assert path.read_bytes() == b"\xff\xd8" * 1000


async def test_a_secret_of_the_server_is_made_once_and_kept(database_url: str) -> None:
    async with Database.open(database_url) as database:
        first = await SecretStore(database).get_or_make("nonce key", lambda: b"first")
        other = await SecretStore(database).get_or_make("master key", lambda: b"other")
    async with Database.open(database_url) as database:
        again = await SecretStore(database).get_or_make("nonce key", lambda: b"second")

    assert (first, other, again) == (b"first", b"other", b"first")


async def test_reading_cannot_write_on_sqlite(tmp_path: Path) -> None:
    async with Database.open(sqlite_url(tmp_path)) as database:
        with pytest.raises(UnavailableError):
            async with database.reading() as connection:
                await connection.execute(text("DELETE FROM devices"))


async def test_what_goes_wrong_inside_leaves_as_it_is_and_after_the_last_write(
    database_url: str,
) -> None:
    saving: list[asyncio.Task[None]] = []

    async def go_wrong() -> None:
        async with Database.open(database_url) as database:
            saving.append(asyncio.create_task(SqlDeviceStore(database).save_device(device(1))))
            await asyncio.sleep(0)
            raise LookupError

    with pytest.raises(LookupError):
        await go_wrong()

    await saving[0]
    async with Database.open(database_url) as database:
        assert (await SqlDeviceStore(database).load_all()).devices == (device(1),)


async def test_an_owner_that_is_cancelled_still_has_stored_what_was_accepted(
    database_url: str,
) -> None:
    saving: list[asyncio.Task[None]] = []

    async def own() -> None:
        async with Database.open(database_url) as database:
            store = SqlDeviceStore(database)
            keys = range(1, 101)
            saving.extend(asyncio.create_task(store.save_device(device(key))) for key in keys)
            await asyncio.Event().wait()

    owner = asyncio.create_task(own())
    await until(lambda: bool(saving))
    await asyncio.sleep(0)
    owner.cancel()

    results = await asyncio.gather(owner, *saving, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [None] * 100
    async with Database.open(database_url) as database:
        assert len((await SqlDeviceStore(database).load_all()).devices) == 100


async def test_a_mistake_of_ours_in_the_writer_ends_its_owner_loudly(database_url: str) -> None:
    async def mistake(_connection: AsyncConnection) -> None:
        raise LookupError

    async def own() -> None:
        async with Database.open(database_url) as database:
            with pytest.raises(UnavailableError):
                await database.transact(mistake)
            await asyncio.Event().wait()

    with pytest.raises(LookupError):
        await own()
    this_task = asyncio.current_task()
    assert this_task is not None
    assert this_task.cancelling() == 0


async def test_a_window_over_all_ledgers_does_not_read_the_years_before(tmp_path: Path) -> None:
    async with Database.open(sqlite_url(tmp_path)) as database, database.reading() as connection:
        query = presence_log.overlapping(SubjectKind.CHANNEL, 100, 200)
        literal = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = await connection.execute(text(f"EXPLAIN QUERY PLAN {literal}"))
        steps = [str(row[3]) for row in plan]

    assert [step for step in steps if "ix_ledger_end (kind=? AND end_s>?)" in step]
    assert [step for step in steps if "USING INDEX uq_ledger_open" in step]
    assert not [step for step in steps if "PRIMARY KEY" in step]
