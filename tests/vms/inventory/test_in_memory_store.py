"""The store of the tests behaves as the stores of the product: it passes the same tests."""

import pytest

from tests.support.stores import InMemoryDeviceStore
from tests.vms.persistence import test_device_store as suite
from vms.inventory.store import DeviceStore


@pytest.fixture
def store() -> DeviceStore:
    return InMemoryDeviceStore()


globals().update({name: test for name, test in vars(suite).items() if name.startswith("test_")})
