"""Time as the application sees it: the only importer of `time` inside `vms`."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two readings: `monotonic` drives machines, `wall` labels what people search for."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never steps."""
        ...

    def wall(self) -> datetime:
        """Now, aware, UTC; an administrator may step it."""
        ...


class SystemClock:
    """The clock of the machine."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> datetime:
        return datetime.now(UTC)


class StillClock:
    """A clock that stands: for looking at what was."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> datetime:
        return self._at
