"""What a simulated camera has recorded: the same for the same identifier, over any time range."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from vms.gb28181.manscdp.fields import BEIJING

RETENTION = timedelta(days=30)
"""Older recordings are overwritten."""

SLOT = timedelta(hours=1)
"""A file an hour, begun on the hour; cut shorter by an alarm or a hand."""

BYTES_PER_S = 512 * 1024

_MISSING_OF_256 = 8
_ALARM_OF_256 = 40
_MANUAL_OF_256 = 16
_SHORTEST_S = 60


@dataclass(frozen=True, slots=True)
class Segment:
    """One recorded file; `kind` is `time`, `alarm` or `manual`, as the standard calls them."""

    start: datetime
    end: datetime
    kind: str
    stream_number: int

    @property
    def size_bytes(self) -> int:
        """Its size, from its length; the sub stream has an eighth of the main one's rate."""
        share = 1 if self.stream_number == 0 else 8
        return int((self.end - self.start).total_seconds()) * BYTES_PER_S // share

    @property
    def path(self) -> str:
        """Where the device keeps it."""
        local = self.start.astimezone(BEIJING)
        return f"/rec/{self.stream_number}/{local:%Y%m%d}/{local:%H%M%S}_{self.kind}.ps"


def segments(
    channel_id: str,
    start: datetime,
    end: datetime,
    now: datetime,
    *,
    kind: str = "all",
    stream_number: int = 0,
) -> Iterator[Segment]:
    """The files that touch [start, end), in order; nothing of the future, nothing overwritten.

    Times are aware. Almost every hour has a file; in some hours an alarm or a hand cut it short.
    """
    start = max(start, now - RETENTION)
    end = min(end, now)
    slot_start = _floor(start)
    while slot_start < end:
        for segment in _slot(channel_id, slot_start, stream_number):
            shown = Segment(
                segment.start, min(segment.end, now), segment.kind, segment.stream_number
            )
            if shown.start < end and shown.end > start and kind in ("all", "", shown.kind):
                yield shown
        slot_start += SLOT


def _slot(channel_id: str, start: datetime, stream_number: int) -> Iterator[Segment]:
    seed = f"{channel_id}/{int(start.timestamp())}".encode()
    chance, cut, length, _ = blake2b(seed, digest_size=4).digest()
    end = start + SLOT
    if chance < _MISSING_OF_256:
        return
    if chance >= _MISSING_OF_256 + _ALARM_OF_256 + _MANUAL_OF_256:
        yield Segment(start, end, "time", stream_number)
        return
    kind = "alarm" if chance < _MISSING_OF_256 + _ALARM_OF_256 else "manual"
    begins = start + timedelta(seconds=_SHORTEST_S + cut * 9)
    ends = begins + timedelta(seconds=_SHORTEST_S + length * 4)
    yield Segment(start, begins, "time", stream_number)
    yield Segment(begins, min(ends, end), kind, stream_number)
    if ends < end:
        yield Segment(ends, end, "time", stream_number)


def _floor(moment: datetime) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(SLOT.total_seconds()), BEIJING)
