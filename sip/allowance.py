"""What strangers may cost: answers and bytes a second for each source, in bounded memory."""

from collections import OrderedDict
from typing import Final

from sip.message import Address

MAX_SOURCES: Final = 16_384


class Allowance:
    """One second's worth of answers per source, refilled steadily; the longest unseen are dropped.

    It keeps the server from being a reflector: an answer goes to an address that a stranger may
    have forged.
    """

    __slots__ = ("_answers_per_s", "_bytes_per_s", "_sources")

    def __init__(self, answers_per_s: float, bytes_per_s: float) -> None:
        self._answers_per_s = answers_per_s
        self._bytes_per_s = bytes_per_s
        # source -> (answers left, bytes left, as of when)
        self._sources: OrderedDict[Address, tuple[float, float, float]] = OrderedDict()

    def has_room(self, source: Address, now: float) -> bool:
        """Whether this source may get one more answer, of unknown size, now."""
        answers, octets = self._left(source, now)
        return answers >= 1 and octets > 0

    def spend(self, source: Address, size_bytes: int, now: float) -> bool:
        """Use an answer of this size up; False when it may not be sent."""
        answers, octets = self._left(source, now)
        if answers < 1 or octets < size_bytes:
            return False
        self._sources[source] = (answers - 1, octets - size_bytes, now)
        self._sources.move_to_end(source)
        if len(self._sources) > MAX_SOURCES:
            self._sources.popitem(last=False)
        return True

    def _left(self, source: Address, now: float) -> tuple[float, float]:
        noted = self._sources.get(source)
        if noted is None:
            return self._answers_per_s, self._bytes_per_s
        answers, octets, since = noted
        passed_s = max(0.0, now - since)
        return (
            min(self._answers_per_s, answers + passed_s * self._answers_per_s),
            min(self._bytes_per_s, octets + passed_s * self._bytes_per_s),
        )
