"""Circulars on SQLite and PostgreSQL."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.databases import sqlite_url
from vms.persistence.circular_store import SqlCircularStore
from vms.persistence.database import Database
from vms.reports.store import Report, Status

AT = datetime(2026, 11, 25, 0, 0, 1, 250, tzinfo=UTC)
RUNNING = Report(
    report_id="019aaaaa-0000-7000-8000-000000000001",
    title="2026-11",
    month="2026-11",
    start_s=1_000,
    end_s=2_000,
    level=6,
    status=Status.RUNNING,
    requested_by="admin",
    requested_at=AT,
)
FROZEN = replace(
    RUNNING,
    status=Status.FROZEN,
    frozen_at=AT,
    inputs_sha256="ab" * 32,
    figures_sha256="cd" * 32,
)


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[SqlCircularStore]:
    url = (
        sqlite_url(tmp_path)
        if request.param == "sqlite"
        else str(request.getfixturevalue("postgresql_url"))
    )
    async with Database.open(url) as database:
        yield SqlCircularStore(database)


async def test_a_circular_is_read_back_as_it_was_saved(store: SqlCircularStore) -> None:
    await store.save(RUNNING)
    assert await store.report(RUNNING.report_id) == RUNNING
    assert await store.running() == [RUNNING]

    await store.save(FROZEN, b"figures")

    assert await store.report(RUNNING.report_id) == FROZEN
    assert await store.running() == []
    assert await store.frozen(RUNNING.report_id) == b"figures"


async def test_what_is_frozen_outlives_a_change_of_the_row(store: SqlCircularStore) -> None:
    await store.save(FROZEN, b"figures")

    await store.save(replace(FROZEN, title="November"))

    assert await store.frozen(FROZEN.report_id) == b"figures"


async def test_only_a_frozen_month_counts_as_made(store: SqlCircularStore) -> None:
    failed = replace(RUNNING, status=Status.FAILED, problem="the server was stopped")
    chosen = replace(FROZEN, report_id="019aaaaa-0000-7000-8000-000000000002", month="")
    await store.save(failed)
    await store.save(chosen, b"")
    assert await store.frozen_month("2026-11") is None

    again = replace(FROZEN, report_id="019aaaaa-0000-7000-8000-000000000003")
    await store.save(again, b"figures")

    assert await store.frozen_month("2026-11") == again
    assert await store.frozen_month("2026-10") is None


async def test_lists_are_newest_first_and_go_on_where_a_page_ended(
    store: SqlCircularStore,
) -> None:
    made = [replace(RUNNING, report_id=f"{number:032}") for number in range(5)]
    for report in made:
        await store.save(report)

    page = await store.reports(None, 2)
    rest = await store.reports(page[-1].report_id, 10)

    assert [*page, *rest] == made[::-1]


async def test_what_is_not_there_is_none(store: SqlCircularStore) -> None:
    assert await store.report("x") is None
    assert await store.frozen("x") is None
