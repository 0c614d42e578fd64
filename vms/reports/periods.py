"""Which seconds a circular is about: whole days of the site's calendar, cut on one day a month."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from vms.errors import InvalidError

LATEST_CUT_OFF_DAY = 28
"""Every month has it."""

LONGEST_DAYS = 366

YEARS = range(1900, 3000)
"""Of which anything is reported: the periods before one of 1971 are looked at, too."""

_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """From the first second of `first` up to, not including, that of `after`."""

    first: date
    after: date
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if not timedelta() < self.after - self.first <= timedelta(days=LONGEST_DAYS):
            raise InvalidError(f"a period has 1 to {LONGEST_DAYS} days", field="to")
        if self.first.year not in YEARS or self.after.year not in YEARS:
            raise InvalidError(f"a year lies between {YEARS[0]} and {YEARS[-1]}", field="from")

    @classmethod
    def between(cls, start_s: int, end_s: int, zone: ZoneInfo) -> Self:
        """The period that begins and ends there."""
        first, after = (datetime.fromtimestamp(at_s, zone).date() for at_s in (start_s, end_s))
        return cls(first, after, zone)

    @property
    def start_s(self) -> int:
        """The first second."""
        return _midnight_s(self.first, self.zone)

    @property
    def end_s(self) -> int:
        """The second after the last."""
        return _midnight_s(self.after, self.zone)

    @property
    def start(self) -> datetime:
        """The first moment."""
        return datetime.fromtimestamp(self.start_s, UTC)

    @property
    def end(self) -> datetime:
        """The moment after the last."""
        return datetime.fromtimestamp(self.end_s, UTC)

    @property
    def before(self) -> "Period":
        """As many days, or, where this is cut on the same day of two months, the month before."""
        if self.first.day == self.after.day and self.after == _next_month(self.first):
            previous = self.first.replace(day=1) - timedelta(days=1)
            return Period(previous.replace(day=self.first.day), self.first, self.zone)
        return Period(self.first - (self.after - self.first), self.first, self.zone)


def month_of(text: str, cut_off_day: int, zone: ZoneInfo) -> Period:
    """`2026-11`: what is reported for November; with day 1 the calendar's month, else what ends
    when that day of November begins. Raises `InvalidError`."""
    found = _MONTH.fullmatch(text)
    if found is None or int(found["year"]) not in YEARS[71:]:
        raise InvalidError("a month is written 2026-11", field="month")
    first = date(int(found["year"]), int(found["month"]), cut_off_day)
    if cut_off_day == 1:
        return Period(first, _next_month(first), zone)
    before = (first.replace(day=1) - timedelta(days=1)).replace(day=cut_off_day)
    return Period(before, first, zone)


def latest_month(now: datetime, cut_off_day: int, zone: ZoneInfo) -> str:
    """The last month whose period is over."""
    today = now.astimezone(zone).date()
    month = today.replace(day=1)
    if today.day < cut_off_day or cut_off_day == 1:
        month = (month - timedelta(days=1)).replace(day=1)
    return f"{month:%Y-%m}"


def _next_month(day: date) -> date:
    """The same day of it; only for days that every month has."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=min(day.day, LATEST_CUT_OFF_DAY))


def _midnight_s(day: date, zone: ZoneInfo) -> int:
    """When a day begins; where clocks skip midnight, when they go on."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
