"""The scalars of MANSCDP (annex A.2.1): strict when written, forgiving when read.

Every reader takes the text of one element, blanks allowed around it, and returns None where the
text says nothing usable; whether that matters is the reader's caller's to decide.
"""

import math
import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

BEIJING = timezone(timedelta(hours=8))
"""Times on the wire carry no zone and mean this one (9.10)."""

_MAX_INTEGER_DIGITS = 18
_YEARS = range(1900, 2200)  # beyond them an instant may not exist in another zone
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_TIME = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:T|\s+)(\d{1,2}):(\d{1,2}):(\d{1,2})"
    r"(?:[.,](\d{1,9}))?\s*(Z|[+-]\d{2}:?\d{2})?\Z",
    re.ASCII,
)
_EXACT_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\Z", re.ASCII)
_ON_WORDS = frozenset({"ON", "ONLINE", "OK", "1", "TRUE"})
_OFF_WORDS = frozenset({"OFF", "OFFLINE", "ERROR", "0", "FALSE", "VLOST", "DEFECT", "FAULT"})


def read_integer(text: str) -> int | None:
    """A decimal integer of at most 18 digits."""
    text = text.strip()
    if len(text) > _MAX_INTEGER_DIGITS or not _INTEGER.match(text):
        return None
    return int(text)


def read_coordinate(text: str, limit: float) -> float | None:
    """Degrees within ±`limit`; some cameras leave the element empty, others write 0xFFFF or NaN."""
    try:
        degrees = float(text)
    except ValueError:
        return None
    return degrees if math.isfinite(degrees) and abs(degrees) <= limit else None


def read_switch(text: str) -> bool | None:
    """`statusType` and its dialects: ON, ONLINE, OK against OFF, OFFLINE, ERROR, VLOST, DEFECT."""
    word = text.strip().upper()
    if word in _ON_WORDS:
        return True
    if word in _OFF_WORDS:
        return False
    return None


def read_time(text: str) -> datetime | None:
    """A `dateTime` with or without fraction and zone, with T or a blank, with - or /; aware."""
    matched = _TIME.match(text.strip())
    if matched is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = matched.groups()
    if int(year) not in _YEARS:
        return None
    try:
        return datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second),
            int((fraction or "0")[:6].ljust(6, "0")),
            tzinfo=_zone(zone),
        )
    except ValueError:
        return None


def is_exact_time(text: str) -> bool:
    """Whether a `dateTime` is written as the standard writes it: no zone, no other signs."""
    return _EXACT_TIME.match(text) is not None


def _zone(text: str | None) -> timezone:
    """Raises `ValueError` for an offset of a day or more."""
    if text is None:
        return BEIJING
    if text == "Z":
        return timezone(timedelta(0))
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)


def write_time(at: datetime) -> str:
    """`yyyy-MM-ddTHH:mm:ss` in Beijing time, as the `dateTime` elements carry it."""
    return at.astimezone(BEIJING).strftime("%Y-%m-%dT%H:%M:%S")


def write_date_header(at: datetime) -> str:
    """The Date header of an answered REGISTER (9.10): Beijing time, milliseconds, no zone."""
    return f"{_second_of(int(at.timestamp()))}.{at.microsecond // 1000:03d}"


@lru_cache(maxsize=4)
def _second_of(epoch_s: int) -> str:
    """Once for all that are answered within it."""
    return datetime.fromtimestamp(epoch_s, BEIJING).replace(tzinfo=None).isoformat()
