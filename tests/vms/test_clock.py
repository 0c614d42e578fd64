"""Loops that look at something on a beat look at it together."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from vms.clock import next_beat


@contextmanager
def time_that_only_sleep_moves(
    monkeypatch: pytest.MonkeyPatch, now: float, late_s: float
) -> Generator[list[float]]:
    """The event loop's time, and how long somebody slept; each sleep ends `late_s` late."""
    slept = list[float]()

    async def sleep(wait_s: float) -> None:
        slept.append(wait_s)

    with monkeypatch.context() as patched:
        loop = asyncio.get_running_loop()
        patched.setattr(loop, "time", lambda: now + sum(slept) + late_s * bool(slept))
        patched.setattr(asyncio, "sleep", sleep)
        yield slept


@pytest.mark.parametrize(
    ("now", "slept_s"),
    [
        (10.0, 0.25),
        (10.1, 0.15),
        (10.125, 0.125),
        # Nearer than half a beat, as when a timer rang a little early.
        (10.2, 0.3),
        (10.2499, 0.2501),
    ],
)
async def test_a_beat_is_a_whole_multiple_of_its_period(
    monkeypatch: pytest.MonkeyPatch, now: float, slept_s: float
) -> None:
    with time_that_only_sleep_moves(monkeypatch, now, late_s=0.5) as slept:
        late_s = await next_beat(0.25)

    assert slept == [pytest.approx(slept_s)]
    assert late_s == pytest.approx(0.5)
