"""The service on each kind of database, with a clock that the test moves and cheap hashes."""

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from vms.accounts.passwords import Passwords
from vms.accounts.service import Accounts
from vms.persistence.account_store import SqlAccountStore
from vms.persistence.database import Database


class MovableClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._since_start = timedelta()

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._since_start += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self._since_start.total_seconds()

    def wall(self) -> datetime:
        return datetime(2026, 3, 1, 8, 0, tzinfo=UTC) + self._since_start


@pytest.fixture
def clock() -> MovableClock:
    """A new one for each test."""
    return MovableClock()


@pytest.fixture
def hasher() -> PasswordHasher:
    """As cheap as Argon2 allows."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def accounts(database: Database, clock: MovableClock, hasher: PasswordHasher) -> Accounts:
    """Nobody is on file yet."""
    return Accounts(SqlAccountStore(database), clock, Passwords(hasher))
