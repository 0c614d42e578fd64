"""The stores that have to behave alike."""

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.support.databases import sqlite_url
from tests.support.stores import InMemoryDeviceStore
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from vms.inventory.store import DeviceStore


@pytest_asyncio.fixture(params=["memory", "sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: "Path") -> "AsyncGenerator[DeviceStore]":
    """An empty one of each kind; the one in memory serves other tests."""
    if request.param == "memory":
        yield InMemoryDeviceStore()
        return
    url = (
        sqlite_url(tmp_path)
        if request.param == "sqlite"
        else str(request.getfixturevalue("postgresql_url"))
    )
    async with Database.open(url) as database:
        yield SqlDeviceStore(database)
