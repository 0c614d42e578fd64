"""Time as the application sees it: the only importer of `time` inside `vms`."""

import asyncio
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


async def next_beat(period_s: float) -> float:
    """Sleep until the event loop's time is a whole multiple of the period again, half a period at
    least; how late it then is, in seconds.

    Loops that look at something so often look at it together: each awakening of a processor that
    sleeps costs more than most of these looks.
    """
    now = asyncio.get_running_loop().time
    beats = now() // period_s + 1
    if beats * period_s - now() < period_s / 2:
        beats += 1  # a timer may have rung a little early
    await asyncio.sleep(beats * period_s - now())
    return max(0.0, now() - beats * period_s)
