"""Online rates from ledger intervals, by the integral method. Pure; see docs/figures.md.

Every second of every channel in a window is counted once, under one state, as an integer: the
seconds of a row add up to its channels times its window. Seconds before a channel was on file and
after it was removed count as not commissioned, outside every rate.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from zoneinfo import ZoneInfo

from vms.errors import InvalidError
from vms.inventory.model import Channel, Device, Interval, State

REQUIRED_COVERAGE = 0.95
TARGET_RATE = 0.90

MOST_WINDOWS = 10_000
"""A year by the hour. Cutting takes the event loop's time, so nobody may ask for more."""

MOST_ROWS = 500_000
"""Groups times windows; each takes some 400 bytes while it is being summed up."""


class GroupBy(StrEnum):
    """What a row stands for."""

    ALL = "all"
    DIVISION = "division"
    MANUFACTURER = "manufacturer"
    DEVICE = "device"
    CHANNEL = "channel"


class Every(StrEnum):
    """How a window is cut, at the borders of the site's calendar; weeks begin on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    WHOLE = "whole"


class Verdict(StrEnum):
    """What a rate is worth, and whether it reaches the target."""

    MET = "met"
    MISSED = "missed"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open, in ledger seconds."""

    start_s: int
    end_s: int

    @property
    def length_s(self) -> int:
        """Whole seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class OnlineRateRow:
    """Seconds by state of `channels` channels together, in one window."""

    key: str
    name: str
    window: Window
    channels: int
    proven_s: int
    signalled_s: int
    offline_s: int
    unknown_s: int
    excluded_s: int
    not_commissioned_s: int

    @property
    def online_s(self) -> int:
        """Proven and signalled."""
        return self.proven_s + self.signalled_s

    @property
    def total_s(self) -> int:
        """All seconds of the row: always `channels * window.length_s`."""
        return (
            self.online_s
            + self.offline_s
            + self.unknown_s
            + self.excluded_s
            + self.not_commissioned_s
        )

    @property
    def online_rate(self) -> float | None:
        """Online over observed seconds; None where nothing was observed."""
        observed_s = self.online_s + self.offline_s
        return self.online_s / observed_s if observed_s else None

    @property
    def coverage(self) -> float | None:
        """The share of the seconds that count in which somebody was observing; None: none count."""
        counting_s = self.online_s + self.offline_s + self.unknown_s
        return 1 - self.unknown_s / counting_s if counting_s else None

    @property
    def verdict(self) -> Verdict:
        """Against the target, where the evidence allows one."""
        rate, coverage = self.online_rate, self.coverage
        if rate is None or coverage is None or coverage < REQUIRED_COVERAGE:
            return Verdict.INSUFFICIENT_EVIDENCE
        return Verdict.MET if rate >= TARGET_RATE else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class OnlineRateQuery:
    """From `start` up to `end` (both aware; the end is cut at now). Filters narrow the channels."""

    start: datetime
    end: datetime
    group_by: GroupBy = GroupBy.ALL
    every: Every = Every.WHOLE
    device_id: str | None = None
    division: str | None = None
    manufacturer: str | None = None

    def fits(self, channel: Channel) -> bool:
        """Whether a channel counts."""
        return (
            (self.device_id is None or channel.device_id == self.device_id)
            and (self.division is None or channel.division.startswith(self.division))
            and (self.manufacturer is None or channel.reported.manufacturer == self.manufacturer)
        )


@dataclass(slots=True)
class _Sum:
    """Seconds by state of one group in one window."""

    channels: int = 0
    seconds: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))


def windows(window: Window, every: Every, zone: ZoneInfo) -> list[Window]:
    """`window`, cut at the borders of the calendar in `zone`; the first and last may be shorter.

    Raises `InvalidError` where that makes more than `MOST_WINDOWS`.
    """
    cuts = [window.start_s]
    while every is not Every.WHOLE:
        border_s = _next_border_s(cuts[-1], every, zone)
        if border_s >= window.end_s:
            break
        if len(cuts) >= MOST_WINDOWS:
            raise InvalidError(f"the window has more than {MOST_WINDOWS} intervals of that length")
        cuts.append(border_s)
    return [
        Window(start_s, end_s)
        for start_s, end_s in zip(cuts, [*cuts[1:], window.end_s], strict=True)
    ]


def online_rates(
    intervals: Iterable[Interval],
    channels: Iterable[Channel],
    devices: Mapping[str, Device],
    query: OnlineRateQuery,
    cut: Sequence[Window],
) -> list[OnlineRateRow]:
    """Rows by group, then by window; a channel counts where it was on file at any moment.

    `intervals` of channels, by subject then start; `channels` every channel ever on file; `cut` the
    windows in order, without gaps, the last ending at or before now. Raises `InvalidError` where
    that makes more than `MOST_ROWS`.
    """
    key_of = _KEYS[query.group_by]
    wanted: dict[int, str] = {
        channel.key: key_of(channel) for channel in channels if query.fits(channel)
    }
    sums: dict[str, list[_Sum]] = {}
    for subject, own in groupby(intervals, key=lambda interval: interval.subject):
        group = wanted.get(subject.key)
        if group is None:
            continue
        totals = sums.get(group)
        if totals is None:
            if (len(sums) + 1) * len(cut) > MOST_ROWS:
                raise InvalidError(f"that makes more than {MOST_ROWS} rows; ask for less at a time")
            totals = sums[group] = [_Sum() for _ in cut]
        _add_channel(totals, own, cut)
    return [
        _row(key, devices, window, total)
        for key, totals in sorted(sums.items())
        for window, total in zip(cut, totals, strict=True)
        if total.channels
    ]


def _add_channel(totals: list[_Sum], own: Iterable[Interval], cut: Sequence[Window]) -> None:
    """One pass over a channel's intervals and the windows, both in order."""
    counted: dict[int, int] = {}
    first = 0
    for interval in own:
        while first < len(cut) - 1 and cut[first].end_s <= interval.start_s:
            first += 1
        for index in range(first, len(cut)):
            window = cut[index]
            if interval.end_s is not None and interval.end_s <= window.start_s:
                break
            start_s = max(interval.start_s, window.start_s)
            end_s = window.end_s if interval.end_s is None else min(interval.end_s, window.end_s)
            if end_s > start_s:
                totals[index].seconds[interval.state] += end_s - start_s
                counted[index] = counted.get(index, 0) + end_s - start_s
    for index, counted_s in counted.items():
        totals[index].channels += 1
        totals[index].seconds[State.NOT_COMMISSIONED] += cut[index].length_s - counted_s


def _row(key: str, devices: Mapping[str, Device], window: Window, total: _Sum) -> OnlineRateRow:
    device = devices.get(key)
    seconds = total.seconds
    return OnlineRateRow(
        key=key,
        name=key if device is None else (device.name_override or device.name or key),
        window=window,
        channels=total.channels,
        proven_s=seconds[State.ONLINE_PROVEN],
        signalled_s=seconds[State.ONLINE_SIGNALLED],
        offline_s=seconds[State.OFFLINE],
        unknown_s=seconds[State.UNKNOWN],
        excluded_s=seconds[State.EXCLUDED],
        not_commissioned_s=seconds[State.NOT_COMMISSIONED],
    )


_KEYS: Mapping[GroupBy, Callable[[Channel], str]] = {
    GroupBy.ALL: lambda _: "all",
    GroupBy.DIVISION: lambda channel: channel.division,
    GroupBy.MANUFACTURER: lambda channel: channel.reported.manufacturer,
    GroupBy.DEVICE: lambda channel: channel.device_id,
    GroupBy.CHANNEL: lambda channel: f"{channel.device_id}/{channel.channel_id}",
}


def _next_border_s(at_s: int, every: Every, zone: ZoneInfo) -> int:
    """The first border of the calendar behind `at_s`."""
    if every is Every.HOUR:
        offset = datetime.fromtimestamp(at_s, zone).utcoffset() or timedelta()
        offset_s = int(offset.total_seconds())
        return ((at_s + offset_s) // 3600 + 1) * 3600 - offset_s
    midnight = datetime.fromtimestamp(at_s, zone).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    match every:
        case Every.WEEK:
            border = midnight + timedelta(days=7 - midnight.weekday())
        case Every.MONTH:
            border = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
        case _:
            border = midnight + timedelta(days=1)
    return int(border.astimezone(UTC).timestamp())
