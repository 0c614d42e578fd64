"""When the pictures of an endless form are decoded: so that browsers take each as the next."""

from dataclasses import replace

from media.outputs.samples import LONGEST_TICKS, MILLISECOND_TICKS, USUAL_TICKS, Sample
from media.unit import PTS_HZ

LAG_LIMIT_TICKS = 10 * PTS_HZ
"""A pause of more than this is one for the browser too."""

MARGIN_TICKS = MILLISECOND_TICKS
"""Browsers count microseconds, and round."""


class Pacer:
    """Dates one stream's pictures. `place` is asked once for each, in their order.

    A browser that is given a picture decoded later than its predecessor by more than twice what
    that one was said to last takes it for one after a loss, and throws away all up to the next key
    picture (Media Source Extensions, coded frame processing). But how long a picture lasts is
    known only when the next one is here. So no picture is decoded later than the browser would
    have it; by the rest it is told to be shown later. When it is shown stays as it was.
    """

    def __init__(self) -> None:
        self._time: int | None = None
        self._came = 0
        self._duration = USUAL_TICKS

    def place(self, sample: Sample) -> Sample:
        """The same picture; its duration is that of pictures in general."""
        time = sample.time
        if self._time is not None:
            time = min(time, self._time + 2 * self._duration - MARGIN_TICKS)
            if sample.time - time > LAG_LIMIT_TICKS:
                time = sample.time
            self._learn(sample.time - self._came)
        self._time, self._came = time, sample.time
        return replace(
            sample, time=time, duration=self._duration, offset=sample.offset + sample.time - time
        )

    def _learn(self, step: int) -> None:
        change = (min(step, LONGEST_TICKS) - self._duration) // 4
        self._duration = max(MILLISECOND_TICKS, self._duration + change)
