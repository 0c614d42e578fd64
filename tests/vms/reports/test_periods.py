"""Which days a circular is about."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from vms.errors import InvalidError
from vms.reports.periods import Period, latest_month, month_of

SITE = ZoneInfo("Asia/Shanghai")


def test_with_cut_off_on_the_25th_november_ends_when_its_25th_begins() -> None:
    november = month_of("2026-11", 25, SITE)

    assert (november.first, november.after) == (date(2026, 10, 25), date(2026, 11, 25))
    # 2026-10-25 00:00 at +08:00 is 16:00 of the day before, UTC.
    assert november.start == datetime(2026, 10, 24, 16, tzinfo=UTC)
    assert november.end_s - november.start_s == 31 * 86_400


def test_with_cut_off_on_the_1st_a_month_is_the_calendars() -> None:
    february = month_of("2028-02", 1, SITE)

    assert (february.first, february.after) == (date(2028, 2, 1), date(2028, 3, 1))


def test_january_begins_in_the_year_before() -> None:
    assert month_of("2027-01", 25, SITE).first == date(2026, 12, 25)


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "26-11", "2026-11-25", "", "٢٠٢٦-11"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        month_of(text, 25, SITE)


def test_the_period_before_a_month_is_the_month_before() -> None:
    before = month_of("2026-03", 25, SITE).before

    assert (before.first, before.after) == (date(2026, 1, 25), date(2026, 2, 25))
    assert month_of("2026-03", 1, SITE).before.first == date(2026, 2, 1)


def test_the_period_before_ten_days_is_the_ten_days_before() -> None:
    before = Period(date(2026, 11, 11), date(2026, 11, 21), SITE).before

    assert (before.first, before.after) == (date(2026, 11, 1), date(2026, 11, 11))


def test_a_period_has_a_day_at_least_and_a_year_at_most() -> None:
    with pytest.raises(InvalidError):
        Period(date(2026, 11, 1), date(2026, 11, 1), SITE)
    with pytest.raises(InvalidError):
        Period(date(2025, 11, 1), date(2026, 11, 3), SITE)


@pytest.mark.parametrize(
    ("now", "cut_off_day", "month"),
    [
        ("2026-11-24T15:59:59+00:00", 25, "2026-10"),
        ("2026-11-24T16:00:00+00:00", 25, "2026-11"),
        ("2026-11-30T16:00:00+00:00", 1, "2026-11"),
        ("2026-11-30T15:59:59+00:00", 1, "2026-10"),
        ("2027-01-02T00:00:00+00:00", 25, "2026-12"),
    ],
)
def test_the_latest_month_is_the_last_one_that_is_over(
    now: str, cut_off_day: int, month: str
) -> None:
    assert latest_month(datetime.fromisoformat(now), cut_off_day, SITE) == month


@pytest.mark.parametrize("month", ["9999-12", "2999-12", "1970-12", "0001-01"])
def test_months_of_which_nobody_reports_are_refused(month: str) -> None:
    with pytest.raises(InvalidError):
        month_of(month, 1, SITE)
