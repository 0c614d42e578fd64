"""Many deadlines, most of which only ever move away: a heap that is corrected when it rings."""

import heapq
from collections.abc import Iterator
from itertools import count
from typing import Generic, TypeVar

Key = TypeVar("Key")


class Timetable(Generic[Key]):
    """When to look at whom again; one entry per key counts, the earliest.

    A deadline that moves away costs nothing: when the entry rings, whoever asks finds that it is
    not due, and enters the new one. 52,000 keepalives a minute touch no heap.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Key]] = []
        self._entered: dict[Key, float] = {}
        self._order = count()

    def enter(self, key: Key, at: float) -> None:
        """Ring for `key` at `at`, or earlier where that was entered before."""
        entered = self._entered.get(key)
        if entered is None or at < entered:
            self._entered[key] = at
            heapq.heappush(self._heap, (at, next(self._order), key))

    def due(self, now: float) -> Iterator[Key]:
        """Whose time has come; each is out of the table when it is yielded."""
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._entered.get(key) == at:
                del self._entered[key]
                yield key
