"""Which clock of a device to believe: its PTS, its RTP timestamps, or when packets came."""

from media.rtp.sequence import distance
from media.unit import PTS_HZ

JUMP_TICKS = 3 * PTS_HZ
"""A clock that steps further between two pictures has been set, not advanced."""

BACK_TICKS = PTS_HZ
"""Pictures sent out of display order step back, but never this far."""

_PTS_BITS = 33
_TIMESTAMP_BITS = 32


class Timeline:
    """Gives pictures and sound continuous times in 90 kHz ticks, across the wrap and over jumps.

    A PTS that stands still, is missing or jumps is replaced by the RTP timestamp, and that in turn
    by the clock of arrival. Pictures lead; sound follows them, or leads where there are none.
    """

    def __init__(self) -> None:
        self._out: int | None = None
        self._highest = 0
        self._is_anew = False
        self._pts: int | None = None
        self._pts_out = 0
        self._timestamp = 0
        self._received_s = 0.0
        self._has_pictures = False

    def picture(self, pts: int | None, timestamp: int, received_s: float) -> int:
        """The time of a picture, in the order they are decoded."""
        is_first, self._has_pictures = not self._has_pictures, True
        if is_first and self._out is not None:
            # Sound led until now: the first picture takes its place beside it.
            out = self.sound(pts, timestamp, received_s)
            self._anchor(pts, out)
            return self._settle(out, timestamp, received_s)
        return self._lead(pts, timestamp, received_s)

    def begin_anew(self) -> None:
        """Another sender: its clocks say nothing about the old ones, the time of arrival does."""
        self._is_anew = self._out is not None
        self._has_pictures = False
        self._pts = None

    def sound(self, pts: int | None, timestamp: int, received_s: float) -> int:
        """The time of a piece of sound that came in the same container."""
        if not self._has_pictures or self._out is None:
            return self._lead(pts, timestamp, received_s)
        if pts is not None and self._pts is not None:
            step = distance(self._pts, pts, _PTS_BITS)
            if abs(step) <= JUMP_TICKS:
                return self._pts_out + step
        return self.at_arrival(received_s)

    def at_arrival(self, received_s: float) -> int:
        """The time of something that came with a clock of its own, by when it came."""
        if self._out is None:
            return 0
        return self._out + round((received_s - self._received_s) * PTS_HZ)

    def _lead(self, pts: int | None, timestamp: int, received_s: float) -> int:
        if self._out is None:
            out = self._highest = timestamp if pts is None else pts
            self._anchor(pts, out)
        elif self._is_anew:
            # Pictures were perhaps sent out of display order: the latest shown counts.
            self._is_anew = False
            out = max(self._highest + 1, self.at_arrival(received_s))
            self._anchor(pts, out)
        else:
            out = self._next(pts, timestamp, received_s, self._out)
        return self._settle(out, timestamp, received_s)

    def _settle(self, out: int, timestamp: int, received_s: float) -> int:
        self._out = out
        self._highest = max(self._highest, out)
        self._timestamp = timestamp
        self._received_s = received_s
        return out

    def _next(self, pts: int | None, timestamp: int, received_s: float, last: int) -> int:
        if pts is not None and self._pts is not None:
            step = distance(self._pts, pts, _PTS_BITS)
            if step and -BACK_TICKS < step <= JUMP_TICKS:
                out = self._pts_out + step
                self._anchor(pts, out)
                return out
        step = distance(self._timestamp, timestamp, _TIMESTAMP_BITS)
        if not 0 < step <= JUMP_TICKS:
            step = max(1, round((received_s - self._received_s) * PTS_HZ))
        out = last + step
        if pts is not None:
            self._anchor(pts, out)
        return out

    def _anchor(self, pts: int | None, out: int) -> None:
        self._pts = pts
        self._pts_out = out
