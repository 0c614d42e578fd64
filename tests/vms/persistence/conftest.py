"""The stores that have to behave alike."""

import pytest

from vms.inventory.store import DeviceStore
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore


@pytest.fixture
def store(database: Database) -> DeviceStore:
    """An empty store on each kind of database."""
    return SqlDeviceStore(database)
