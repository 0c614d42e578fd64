"""Sound without gaps: players wait for sound that is missing, and show no pictures meanwhile."""

from collections.abc import Sequence

from media.codecs import aac
from media.unit import PTS_HZ

RESYNC_TICKS = PTS_HZ // 5
"""Sound no further than this from where the last ended follows it."""

LATE_TICKS = PTS_HZ
"""Sound this far behind the pictures is not waited for any longer."""

LATEST_TICKS = 5 * PTS_HZ
"""Where sound always comes late, it is waited for up to this."""

MARGIN_TICKS = PTS_HZ // 2

SILENCE_LIMIT_TICKS = 20 * PTS_HZ
"""A longer gap stays one: nobody was waiting for pictures either."""


class SoundLine:
    """Places frames of AAC one after another, in samples; `silence` is a frame of it.

    A gap in a track of fragmented MP4 makes browsers throw away pictures up to the next key picture
    (Media Source Extensions, coded frame processing), and they stand still where sound ends while
    pictures go on. So gaps are filled. Without a `silence` they stay.
    """

    def __init__(self, rate_hz: int, silence: bytes | None) -> None:
        self._rate_hz = rate_hz
        self._silence = silence
        self._next: int | None = None
        self._patience_ticks = LATE_TICKS

    def place(
        self, ticks: int, frames: Sequence[bytes], picture_ticks: int
    ) -> tuple[int, Sequence[bytes]]:
        """The time of the first frame and what is to be heard from there on.

        `ticks` is when the frames are heard, `picture_ticks` the time of the last picture.
        """
        begin = ticks * self._rate_hz // PTS_HZ
        if self._next is None:
            return self._follow(begin, frames)
        ahead_ticks = (begin - self._next) * PTS_HZ // self._rate_hz
        if ahead_ticks < -RESYNC_TICKS:
            late_ticks = picture_ticks - ticks + MARGIN_TICKS
            self._patience_ticks = min(max(self._patience_ticks, late_ticks), LATEST_TICKS)
            return self._next, ()
        if ahead_ticks <= RESYNC_TICKS:
            return self._follow(self._next, frames)
        filling = self._filling(begin)
        return self._follow(self._next if filling else begin, (*filling, *frames))

    def fill(self, picture_ticks: int) -> tuple[int, Sequence[bytes]]:
        """Silence in place of sound that is too late for the last picture."""
        end = (picture_ticks - self._patience_ticks) * self._rate_hz // PTS_HZ
        begin = self._next or 0
        if self._silence is None or end - begin < aac.SAMPLES_PER_FRAME:
            return begin, ()
        filling = self._filling(end)
        return self._follow(begin if filling else end, filling)

    def _filling(self, end: int) -> Sequence[bytes]:
        """As many whole frames of silence as fit before `end`."""
        missing = end - (self._next or 0)
        limit = SILENCE_LIMIT_TICKS * self._rate_hz // PTS_HZ
        if self._silence is None or missing > limit:
            return ()
        return (self._silence,) * (missing // aac.SAMPLES_PER_FRAME)

    def _follow(self, begin: int, frames: Sequence[bytes]) -> tuple[int, Sequence[bytes]]:
        self._next = begin + len(frames) * aac.SAMPLES_PER_FRAME
        return begin, frames
