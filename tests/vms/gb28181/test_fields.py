"""The scalars of MANSCDP."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from vms.gb28181.manscdp.fields import (
    read_coordinate,
    read_integer,
    read_switch,
    read_time,
    write_date_header,
    write_time,
)

FOUR_O_CLOCK = datetime(2024, 5, 1, 8, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T16:00:00",
        "2024-05-01T16:00:00.000",
        " 2024-05-01 16:00:00 ",
        "2024/5/1 16:0:0",
        "2024-05-01T08:00:00Z",
        "2024-05-01T16:00:00+08:00",
        "2024-05-01T10:00:00+0200",
        "2024-05-01T07:00:00-01:00",
    ],
)
def test_times_are_read_in_every_dress_and_mean_beijing_without_a_zone(text: str) -> None:
    assert read_time(text) == FOUR_O_CLOCK


def test_a_fraction_counts_to_the_microsecond() -> None:
    assert read_time("2024-05-01T16:00:00.12345678") == FOUR_O_CLOCK + timedelta(
        microseconds=123_456
    )


@pytest.mark.parametrize(
    "text", ["", "now", "2024-13-01T00:00:00", "0000-01-01T00:00:00", "2024-01-01T00:00:00+99:00"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_time(text) is None


def test_times_are_written_in_beijing_without_a_zone() -> None:
    at = FOUR_O_CLOCK.astimezone(timezone(timedelta(hours=-3))) + timedelta(milliseconds=5)

    assert write_time(at) == "2024-05-01T16:00:00"
    assert write_date_header(at) == "2024-05-01T16:00:00.005"


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), (" 12 ", 12), ("-1", -1), ("", None), ("1.5", None), ("\uff19", None)],
)
def test_integers_may_be_padded(text: str, number: int | None) -> None:
    assert read_integer(text) == number


def test_an_integer_beyond_18_digits_says_nothing_usable() -> None:
    assert read_integer("9" * 5000) is None


@pytest.mark.parametrize(
    ("text", "degrees"),
    [("118.376451", 118.376451), (" 31 ", 31.0), ("", None), ("nan", None), ("181", None)],
)
def test_coordinates_stay_in_their_range(text: str, degrees: float | None) -> None:
    assert read_coordinate(text, 180) == degrees


@pytest.mark.parametrize(
    ("text", "is_on"),
    [("ON", True), ("online", True), ("OFF ", False), ("VLOST", False), ("", None), ("?", None)],
)
def test_switches_are_read_by_meaning(text: str, is_on: bool | None) -> None:
    assert read_switch(text) is is_on


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "0000-00-00T00:00:00"]
)
def test_a_time_that_does_not_exist_in_every_zone_is_none(text: str) -> None:
    assert read_time(text) is None
