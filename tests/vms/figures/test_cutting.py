"""One channel, one window: the reference, with figures worked out by hand."""

from datetime import datetime
from zoneinfo import ZoneInfo

from vms.figures.borders import day_of, full_hours
from vms.figures.cutting import Lasting, cut_channel
from vms.figures.model import Window
from vms.inventory.model import State

ON, PROVEN, OFF = State.ONLINE_SIGNALLED, State.ONLINE_PROVEN, State.OFFLINE
UNKNOWN, EXCLUDED, NEVER = State.UNKNOWN, State.EXCLUDED, State.NOT_COMMISSIONED
HOUR = Window(0, 3600)
EAST = [Lasting(0, None, "east")]
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_camera_that_moves_counts_in_each_place_for_the_time_it_was_there() -> None:
    states = [Lasting(0, 1000, ON), Lasting(1000, 2500, OFF), Lasting(2500, None, ON)]
    places = [Lasting(0, 1800, "east"), Lasting(1800, None, "west")]

    cut = cut_channel(states, places, [], HOUR, [0])

    assert cut.seconds == {"east": {ON: 1000, OFF: 800}, "west": {OFF: 700, ON: 1100}}
    # the outage began in the east and ended in the west; it lasted 1500 s as one
    assert (cut.outages, cut.ended, cut.longest_s) == ({"east": 1}, {"west": 1}, 1500)


def test_a_camera_that_moves_back_counts_both_times_together() -> None:
    places = [Lasting(0, 600, "east"), Lasting(600, 1000, "west"), Lasting(1000, None, "east")]

    cut = cut_channel([Lasting(0, None, ON)], places, [], HOUR, [])

    assert cut.seconds == {"east": {ON: 3200}, "west": {ON: 400}}


def test_before_it_was_on_file_and_after_it_was_removed_it_counts_as_not_commissioned() -> None:
    cut = cut_channel([Lasting(1000, 3000, ON)], [Lasting(1000, 3000, "east")], [], HOUR, [0, 1800])

    assert cut.seconds == {"east": {NEVER: 1000 + 600, ON: 2000}}
    assert cut.samples == {"east": {NEVER: 1, ON: 1}}


def test_what_is_excluded_is_so_whatever_the_ledger_says_but_for_what_never_came() -> None:
    states = [
        Lasting(-50, 600, NEVER),
        Lasting(600, 1200, ON),
        Lasting(1200, 1800, OFF),
        Lasting(1800, 2400, UNKNOWN),
        Lasting(2400, None, PROVEN),
    ]

    # two exclusions that overlap, from 300 to 2000 together
    cut = cut_channel(states, EAST, [Window(300, 1500), Window(1000, 2000)], HOUR, [0, 1200])

    assert cut.seconds == {"east": {NEVER: 600, EXCLUDED: 1400, UNKNOWN: 400, PROVEN: 1200}}
    assert cut.samples == {"east": {NEVER: 1, EXCLUDED: 1}}
    assert cut.outages == {}


def test_an_outage_goes_on_through_what_nobody_observed() -> None:
    states = [
        Lasting(0, 100, ON),
        Lasting(100, 400, OFF),
        Lasting(400, 1000, UNKNOWN),
        Lasting(1000, 1200, OFF),
        Lasting(1200, 1300, ON),
        Lasting(1300, 1350, OFF),
        Lasting(1350, None, UNKNOWN),
    ]

    cut = cut_channel(states, EAST, [], HOUR, [])

    # 300 + 200 s are one, ended at 1200; 50 s are another, of whose end nobody knows
    assert (cut.outages, cut.ended, cut.longest_s) == ({"east": 2}, {"east": 1}, 500)


def test_an_outage_over_the_borders_counts_with_what_lies_within() -> None:
    cut = cut_channel([Lasting(-9000, None, OFF)], EAST, [], HOUR, [0])

    assert (cut.outages, cut.ended, cut.longest_s) == ({"east": 1}, {}, 3600)


def test_the_days_the_clocks_change_have_23_and_25_hours_of_samples() -> None:
    for date, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)):
        noon = datetime.fromisoformat(f"{date}T12:00").replace(tzinfo=BERLIN)
        day = day_of(int(noon.timestamp()), BERLIN)

        cut = cut_channel([Lasting(0, None, ON)], EAST, [], day, full_hours(day, BERLIN))

        assert cut.seconds == {"east": {ON: hours * 3600}}
        assert cut.samples == {"east": {ON: hours}}
