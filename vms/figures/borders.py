"""Where a window is cut: at the borders of the site's calendar. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from vms.errors import InvalidError
from vms.figures.model import Every, Window

MOST_WINDOWS = 10_000
"""A year by the hour; nobody looks at more."""

HOUR_S = 3600


def windows(window: Window, every: Every, zone: ZoneInfo) -> list[Window]:
    """`window`, cut at the borders of the calendar in `zone`; the first and last may be shorter.

    Raises `InvalidError` where that makes more than `MOST_WINDOWS`.
    """
    cuts = [window.start_s]
    while every is not Every.WHOLE:
        border_s = next_border_s(cuts[-1], every, zone)
        if border_s >= window.end_s:
            break
        if len(cuts) >= MOST_WINDOWS:
            raise InvalidError(f"the window has more than {MOST_WINDOWS} intervals of that length")
        cuts.append(border_s)
    return [
        Window(start_s, end_s)
        for start_s, end_s in zip(cuts, [*cuts[1:], window.end_s], strict=True)
    ]


def next_border_s(at_s: int, every: Every, zone: ZoneInfo) -> int:
    """The first border of the calendar behind `at_s`."""
    if every is Every.HOUR:
        offset_s = _offset_s(at_s, zone)
        return ((at_s + offset_s) // HOUR_S + 1) * HOUR_S - offset_s
    midnight = _midnight(at_s, zone)
    match every:
        case Every.WEEK:
            border = midnight + timedelta(days=7 - midnight.weekday())
        case Every.MONTH:
            border = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
        case _:
            border = midnight + timedelta(days=1)
    return _seconds(border)


def day_of(at_s: int, zone: ZoneInfo) -> Window:
    """The day of the site's calendar in which `at_s` lies."""
    midnight = _midnight(at_s, zone)
    return Window(_seconds(midnight), _seconds(midnight + timedelta(days=1)))


def month_of(at_s: int, zone: ZoneInfo) -> Window:
    """The month of the site's calendar in which `at_s` lies."""
    first = _midnight(at_s, zone).replace(day=1)
    return Window(_seconds(first), _seconds((first + timedelta(days=32)).replace(day=1)))


def full_hours(window: Window, zone: ZoneInfo) -> list[int]:
    """The seconds in the window at which an hour of the site's clock begins: the samples."""
    first_s = next_border_s(window.start_s - 1, Every.HOUR, zone)
    hours: list[int] = []
    while first_s < window.end_s:
        hours.append(first_s)
        first_s = next_border_s(first_s, Every.HOUR, zone)
    return hours


def _midnight(at_s: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_s, zone).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0
    )


def _seconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())


def _offset_s(at_s: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(at_s, zone).utcoffset() or timedelta()
    return int(offset.total_seconds())
