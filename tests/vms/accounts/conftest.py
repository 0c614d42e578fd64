"""The service on each kind of database, with a clock that the test moves and cheap hashes."""

import pytest
from argon2 import PasswordHasher

from tests.support.clock import FakeClock
from vms.accounts.passwords import Passwords
from vms.accounts.service import Accounts
from vms.persistence.account_store import SqlAccountStore
from vms.persistence.database import Database


@pytest.fixture
def clock() -> FakeClock:
    """A new one for each test."""
    return FakeClock()


@pytest.fixture
def hasher() -> PasswordHasher:
    """As cheap as Argon2 allows."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def accounts(database: Database, clock: FakeClock, hasher: PasswordHasher) -> Accounts:
    """Nobody is on file yet."""
    return Accounts(SqlAccountStore(database), clock, Passwords(hasher))
