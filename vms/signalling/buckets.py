"""How much each of many may ask at once: token buckets in bounded memory. Pure."""

from collections import OrderedDict


class Buckets:
    """By key, `burst` at once and `per_s` after that; the one unseen for longest gives way."""

    __slots__ = ("_burst", "_capacity", "_left", "_per_s")

    def __init__(self, per_s: float, burst: float, capacity: int = 65_536) -> None:
        self._per_s = per_s
        self._burst = burst
        self._capacity = capacity
        # key -> (left, as of when)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def spend(self, key: str, now: float) -> float:
        """Take one: 0.0 when there was one, else the seconds until there will be."""
        left, since = self._left.get(key, (self._burst, now))
        left = min(self._burst, left + max(0.0, now - since) * self._per_s)
        if left < 1.0:
            return (1.0 - left) / self._per_s
        self._left[key] = (left - 1.0, now)
        self._left.move_to_end(key)
        if len(self._left) > self._capacity:
            self._left.popitem(last=False)
        return 0.0
