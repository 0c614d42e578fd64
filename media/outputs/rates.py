"""Bytes per second over the last seconds, from a count that only grows."""

from collections import deque
from collections.abc import Callable

SPAN_S = 4.0
STEP_S = 0.5


class Rate:
    """Told the count now and then."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: deque[tuple[float, int]] = deque([(now(), 0)])

    def bits_per_s(self, count: int) -> int:
        """The rate up to now, `count` bytes having passed since the beginning."""
        now_s = self._now()
        known = self._known
        while len(known) > 1 and now_s - known[1][0] >= SPAN_S:
            known.popleft()
        began_s, began = known[0]
        if now_s - known[-1][0] >= STEP_S:
            known.append((now_s, count))
        passed_s = now_s - began_s
        return round((count - began) * 8 / passed_s) if passed_s > 0 else 0
