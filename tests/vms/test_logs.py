"""Log lines are bounded, whoever causes them."""

import pytest
import structlog

from tests.support.clock import FakeClock
from vms.logs import LINES_AT_ONCE, LINES_PER_S, Restraint


def written(restraint: Restraint, event: str, times: int, method: str = "info") -> list[object]:
    """What came through: of each line, how many were left out before it."""
    lines: list[object] = []
    for _ in range(times):
        try:
            lines.append(restraint(None, method, {"event": event}).get("omitted_before"))
        except structlog.DropEvent:
            continue
    return lines


def test_an_event_that_comes_too_often_is_written_now_and_then_and_says_what_is_missing() -> None:
    clock = FakeClock()
    restraint = Restraint(clock)

    assert len(written(restraint, "message refused", 10_000)) == LINES_AT_ONCE
    clock.advance(1.0)

    assert written(restraint, "message refused", 1) == [10_000 - LINES_AT_ONCE]
    assert len(written(restraint, "message refused", 100)) == int(LINES_PER_S) - 1


@pytest.mark.parametrize(
    ("event", "method"), [("server is up", "info"), ("message refused", "error")]
)
def test_other_events_and_errors_are_not_held_back(event: str, method: str) -> None:
    restraint = Restraint(FakeClock())
    written(restraint, "message refused", 10_000)

    assert len(written(restraint, event, 100, method)) == 100
