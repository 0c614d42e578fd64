"""Where windows are cut."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from vms.errors import InvalidError
from vms.figures.borders import month_of, windows
from vms.figures.model import Every, Window

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_whole_window_is_not_cut() -> None:
    assert windows(Window(5, 10**9), Every.WHOLE, SHANGHAI) == [Window(5, 10**9)]


@pytest.mark.parametrize(
    ("every", "zone", "start", "borders"),
    [
        (Every.DAY, SHANGHAI, "2026-03-01T10:00", ["2026-03-02T00:00", "2026-03-03T00:00"]),
        (Every.WEEK, SHANGHAI, "2026-03-01T10:00", ["2026-03-02T00:00", "2026-03-09T00:00"]),
        (Every.MONTH, SHANGHAI, "2026-01-31T10:00", ["2026-02-01T00:00", "2026-03-01T00:00"]),
        (Every.HOUR, SHANGHAI, "2026-03-01T10:30", ["2026-03-01T11:00", "2026-03-01T12:00"]),
        (Every.DAY, BERLIN, "2026-03-28T12:00", ["2026-03-29T00:00", "2026-03-30T00:00"]),
        (Every.DAY, BERLIN, "2026-10-24T12:00", ["2026-10-25T00:00", "2026-10-26T00:00"]),
    ],
)
def test_windows_are_cut_at_the_borders_of_the_sites_calendar(
    every: Every, zone: ZoneInfo, start: str, borders: list[str]
) -> None:
    first = datetime.fromisoformat(start).replace(tzinfo=zone)
    start_s = int(first.timestamp())
    end_s = int((first + timedelta(days=90)).timestamp())

    cut = windows(Window(start_s, end_s), every, zone)

    assert [
        datetime.fromtimestamp(window.end_s, zone).isoformat()[:16] for window in cut[:2]
    ] == borders
    assert (cut[0].start_s, cut[-1].end_s) == (start_s, end_s)
    assert all(a.end_s == b.start_s for a, b in pairwise(cut))


def test_a_zone_with_a_half_hour_has_its_own_hours() -> None:
    zone = ZoneInfo("Asia/Kolkata")

    cut = windows(Window(0, 7200), Every.HOUR, zone)

    assert [window.end_s for window in cut] == [1800, 5400, 7200]


def test_no_more_windows_are_cut_than_anybody_could_look_at() -> None:
    with pytest.raises(InvalidError, match="more than 10000"):
        windows(Window(0, 10**10), Every.HOUR, SHANGHAI)


def test_a_month_begins_at_the_sites_midnight() -> None:
    noon = datetime(2026, 2, 14, 12, tzinfo=SHANGHAI)

    month = month_of(int(noon.timestamp()), SHANGHAI)

    begins, ends = (datetime.fromtimestamp(at_s, SHANGHAI) for at_s in (month.start_s, month.end_s))
    assert (begins.isoformat()[:16], ends.isoformat()[:16]) == (
        "2026-02-01T00:00",
        "2026-03-01T00:00",
    )
