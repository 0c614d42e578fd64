"""What one viewer lost and how fast it is sent to, over the last seconds. Pure."""

from collections import deque
from typing import TypeVar

WINDOW_S = 10.0
SAMPLES = 64
"""Reports and rates kept: one a second and two a second come, and more are of no use."""

NACKED_NUMBERS = 8_192

Sample = TypeVar("Sample")


class RateMeter:
    """Bits a second over the last `WINDOW_S`; told the running total of octets now and then."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES)

    def tell(self, octets: int, now_s: float) -> None:
        """So many octets by now."""
        _forget(self._samples, now_s)
        self._samples.append((now_s, octets))

    def bps(self, octets: int, now_s: float) -> int:
        """The rate from the oldest sample in the window to now."""
        began_s, before = self._samples[0] if self._samples else (now_s, octets)
        return round(8 * (octets - before) / (now_s - began_s)) if now_s > began_s else 0


class LossMeter:
    """The share of packets that did not arrive at first, whether or not they were sent again.

    A viewer's reports tell it (RFC 3550, A.3): what comes again by RFC 4588 is of another stream
    and does not count. Where lost packets are sent again as they were, a viewer counts them as
    arrived; then what it asked for tells more.
    """

    def __init__(self, *, has_rtx: bool) -> None:
        self._has_rtx = has_rtx
        self._reports: deque[tuple[float, tuple[int, int]]] = deque(maxlen=SAMPLES)
        self._sent: deque[tuple[float, int]] = deque(maxlen=SAMPLES)
        self._nacked: dict[int, float] = {}

    def begin(self, first_sequence: int, now_s: float) -> None:
        """The first packet goes out under this number."""
        self._reports.append((now_s, ((first_sequence & 0xFFFF) - 1, 0)))

    def report(self, highest: int, lost: int, now_s: float) -> None:
        """A report block: the extended highest number, and all that was lost so far (signed)."""
        _forget(self._reports, now_s)
        self._reports.append((now_s, (highest, lost)))

    def nack(self, sequences: tuple[int, ...], now_s: float) -> None:
        """Packets were asked for, perhaps not for the first time."""
        for sequence in sequences:
            self._nacked.setdefault(sequence, now_s)
        while self._nacked:
            oldest = next(iter(self._nacked))
            if len(self._nacked) <= NACKED_NUMBERS and now_s - self._nacked[oldest] <= WINDOW_S:
                break
            del self._nacked[oldest]

    def tell(self, packets: int, now_s: float) -> None:
        """So many packets were sent by now."""
        _forget(self._sent, now_s)
        self._sent.append((now_s, packets))

    def percent(self, packets: int, now_s: float) -> float:
        """Of the last seconds; `packets` were sent by now."""
        reported = self._reported()
        if self._has_rtx and reported is not None:
            return reported
        return max(reported or 0.0, self._asked_for(packets, now_s))

    def _reported(self) -> float | None:
        if len(self._reports) < 2:
            return None
        (_, (first, lost_before)), (_, (last, lost)) = self._reports[0], self._reports[-1]
        expected = last - first
        return _percent(lost - lost_before, expected) if expected > 0 else None

    def _asked_for(self, packets: int, now_s: float) -> float:
        before = self._sent[0][1] if self._sent else 0
        asked = sum(now_s - first_s <= WINDOW_S for first_s in self._nacked.values())
        return _percent(asked, packets - before)


def _percent(part: int, whole: int) -> float:
    return min(100.0, max(0.0, 100 * part / whole)) if whole > 0 else 0.0


def _forget(samples: deque[tuple[float, Sample]], now_s: float) -> None:
    """All but one of those before the window: rates want a beginning."""
    while len(samples) > 1 and now_s - samples[1][0] >= WINDOW_S:
        samples.popleft()
