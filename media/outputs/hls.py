"""HLS of one variant of a stream: fMP4 segments in parts, for low latency (RFC 8216bis).

Parts are numbered through, whatever segment they belong to: so the name of the next one is known
before it is known whether a key picture will begin a segment first.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from media.hub import Hub
from media.outputs.configs import Config
from media.outputs.feed import Feed
from media.outputs.fmp4 import fragment, initialisation
from media.outputs.samples import LONGEST_TICKS, USUAL_TICKS, Sample, squeezed
from media.unit import PTS_HZ
from media.variants import Variant

PART_TICKS = PTS_HZ * 27 // 50
"""A little more than half a second, so that groups of one or two seconds are cut evenly."""
SEGMENT_TICKS = PTS_HZ * 9 // 5
"""A key picture begins a segment when the last one is so long."""

SEGMENT_PARTS = 9
"""Where key pictures are rarer, segments end after so many parts."""

FIRST_SEGMENTS_PARTS = (1, 2, 4)
"""The first ones are short, so that a player that wants whole ones begins soon."""

TARGET_S = 5
"""No segment is longer, rounded."""

WINDOW_SEGMENTS = 9
SPARE_SEGMENTS = 3
"""Kept beyond the playlist, for those who read an older one."""

WINDOW_BYTES = 64 * 2**20
SEGMENTS_WITH_PARTS = 3

HOLD_BACK_PARTS = 3

SOUNDS_WAITING = 512
"""Frames that wait for pictures: 11 s at 48 kHz."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some pictures and the sound that came with them."""

    number: int
    data: bytes
    ticks: int
    is_independent: bool


@dataclass(slots=True)
class Segment:
    """Parts up to the next key picture; `version` is that of the initialisation segment."""

    number: int
    version: int
    changes: int = 0
    """How often, up to its beginning, times did not go on or the configuration changed."""
    parts: list[Part] = field(default_factory=list[Part])

    @property
    def ticks(self) -> int:
        """How long it plays."""
        return sum(part.ticks for part in self.parts)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(len(part.data) for part in self.parts)


class HlsStream:
    """The `Sink` that keeps the last segments; `on_ended`: the stream is over."""

    def __init__(
        self,
        variant: Variant,
        source: Hub,
        *,
        now: Callable[[], float],
        on_ended: Callable[[], None],
    ) -> None:
        self._on_ended = on_ended
        self._is_over = False
        self._waiters: list[asyncio.Future[None]] = []
        self._inits: dict[int, bytes] = {}
        self._version = 0
        self._whole: deque[Segment] = deque()
        self._open = Segment(0, 0)
        self._next_part = 0
        self._pictures: list[Sample] = []
        self._sounds: list[Sample] = []
        self._longest_part_ticks = PART_TICKS
        self._text: bytes | None = None
        self._feed = Feed(variant, source, now, self)
        self._feed.start()

    @property
    def delivery(self) -> str:
        """What happens to the pictures on their way."""
        return self._feed.delivery

    @property
    def has_segment(self) -> bool:
        """Is there something that every player can begin with?"""
        return bool(self._whole)

    def close(self) -> None:
        """Give back the variant; who waits goes on. Idempotent."""
        self._is_over = True
        self._feed.close()
        self._wake()

    async def until(self, is_there: Callable[[], bool], limit_s: float) -> bool:
        """Waits for the next parts until it is there; False when it does not come in time."""
        try:
            async with asyncio.timeout(limit_s):
                while not is_there():
                    if self._is_over:
                        return False
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            return False
        return True

    def has(self, segment: int, part: int | None) -> bool:
        """Is the segment there, or of one that is being made this part (6.2.5.2)?"""
        if segment != self._open.number:
            return segment < self._open.number
        return part is not None and part < len(self._open.parts)

    def is_near(self, segment: int) -> bool:
        """Can it be waited for?"""
        return segment <= self._open.number + 1

    def has_part(self, number: int) -> bool:
        """Has this part been made?"""
        return number < self._next_part

    def is_next_part(self, number: int) -> bool:
        """Is it the part that is announced?"""
        return number == self._next_part

    def part(self, number: int) -> bytes | None:
        """The bytes of a part; None when they are no longer kept."""
        for segment in (*self._whole, self._open):
            for part in segment.parts:
                if part.number == number:
                    return part.data
        return None

    def segment(self, number: int) -> bytes | None:
        """The bytes of a whole segment; None when they are not kept."""
        for segment in self._whole:
            if segment.number == number:
                return b"".join(part.data for part in segment.parts)
        return None

    def init(self, version: int) -> bytes | None:
        """The bytes of an initialisation segment; None when nothing kept needs it."""
        return self._inits.get(version)

    def playlist(self) -> bytes:
        """The media playlist as it stands, made once for all who ask."""
        if self._text is None:
            self._text = self._written().encode()
        return self._text

    # -- as a sink

    def begin(self, config: Config, group: Sequence[Sample]) -> None:
        """The first segment begins with the last key picture."""
        self.configured(config)
        for sample in squeezed(group):
            self.picture(sample)

    def configured(self, config: Config) -> None:
        """The segment that begins now needs another initialisation segment."""
        self._cut_segment()
        self._open.changes += self._version > 0
        self._version += 1
        self._open.version = self._version
        self._inits[self._version] = initialisation(config)

    def picture(self, sample: Sample) -> None:
        """Add a picture; what it ends is made."""
        if self._pictures:
            last = self._pictures[-1]
            step = sample.time - last.time
            is_gap = step > LONGEST_TICKS
            self._pictures[-1] = replace(last, duration=USUAL_TICKS if is_gap else step)
            if is_gap or self._ends_segment(sample):
                self._cut_segment()
                self._open.changes += is_gap
            elif self._pending_ticks() + min(sample.duration, PART_TICKS) > PART_TICKS:
                self._cut_part()
                if self._has_enough_parts():
                    self._cut_segment()
        self._pictures.append(sample)

    def sound(self, frames: Sequence[Sample]) -> None:
        """Add sound; of what comes while no pictures do, the last."""
        self._sounds += frames
        del self._sounds[:-SOUNDS_WAITING]

    def ended(self) -> None:
        """The hub is closed."""
        self._on_ended()

    # -- cutting

    def _ends_segment(self, sample: Sample) -> bool:
        if not sample.starts:
            return False
        ticks = self._open.ticks + self._pending_ticks()
        return ticks >= SEGMENT_TICKS or self._open.number < len(FIRST_SEGMENTS_PARTS)

    def _has_enough_parts(self) -> bool:
        number = self._open.number
        is_first = number < len(FIRST_SEGMENTS_PARTS)
        most = FIRST_SEGMENTS_PARTS[number] if is_first else SEGMENT_PARTS
        return len(self._open.parts) >= most

    def _pending_ticks(self) -> int:
        return sum(picture.duration for picture in self._pictures)

    def _cut_part(self) -> None:
        pictures, self._pictures = self._pictures, []
        if not pictures:
            return
        sounds, self._sounds = self._sounds, []
        ticks = sum(picture.duration for picture in pictures)
        data = fragment(self._next_part + 1, pictures, sounds)
        part = Part(self._next_part, data, ticks, pictures[0].starts)
        self._open.parts.append(part)
        self._longest_part_ticks = max(self._longest_part_ticks, ticks)
        self._next_part += 1
        self._text = None
        self._wake()

    def _cut_segment(self) -> None:
        self._cut_part()
        if not self._open.parts:
            return
        self._whole.append(self._open)
        self._open = Segment(self._open.number + 1, self._version, self._open.changes)
        kept = sum(segment.size for segment in self._whole)
        while len(self._whole) > WINDOW_SEGMENTS + SPARE_SEGMENTS or (
            kept > WINDOW_BYTES and len(self._whole) > 1
        ):
            kept -= self._whole.popleft().size
        oldest = self._whole[0].version
        self._inits = {at: data for at, data in self._inits.items() if at >= oldest}
        self._text = None
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # -- writing

    def _written(self) -> str:
        spare = max(0, len(self._whole) - WINDOW_SEGMENTS)
        listed = [*self._whole][spare:]
        first = listed[0] if listed else self._open
        part_s = self._longest_part_ticks / PTS_HZ
        hold_back_s = HOLD_BACK_PARTS * part_s
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:9",
            f"#EXT-X-TARGETDURATION:{TARGET_S}",
            f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={hold_back_s:.3f}",
            f"#EXT-X-PART-INF:PART-TARGET={part_s:.3f}",
            f"#EXT-X-MEDIA-SEQUENCE:{first.number}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{first.changes}",
        ]
        version, changes = 0, first.changes
        with_parts = len(listed) - SEGMENTS_WITH_PARTS
        for at, segment in enumerate((*listed, self._open)):
            if segment.changes != changes:
                changes = segment.changes
                lines.append("#EXT-X-DISCONTINUITY")
            if segment.version != version:
                version = segment.version
                lines.append(f'#EXT-X-MAP:URI="init{version}.mp4"')
            if at >= with_parts:
                lines += map(_part_line, segment.parts)
            if segment is not self._open:
                lines += [f"#EXTINF:{segment.ticks / PTS_HZ:.5f},", f"seg{segment.number}.mp4"]
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part{self._next_part}.mp4"')
        return "\n".join((*lines, ""))


def _part_line(part: Part) -> str:
    independent = ",INDEPENDENT=YES" if part.is_independent else ""
    return (
        f'#EXT-X-PART:DURATION={part.ticks / PTS_HZ:.5f},URI="part{part.number}.mp4"{independent}'
    )
