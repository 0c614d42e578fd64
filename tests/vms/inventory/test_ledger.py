"""The clock of the ledger, and what is derived from what."""

from datetime import timedelta

import pytest

from tests.support.clock import MIDDAY, FakeClock
from vms.inventory.ledger import (
    Breach,
    LedgerClock,
    absence,
    breaches,
    channel_state,
    device_state,
)
from vms.inventory.model import Cause, Interval, State, Subject, SubjectKind, Transition
from vms.inventory.presence import Reach

MIDDAY_S = int(MIDDAY.timestamp())
GATE = Subject(SubjectKind.CHANNEL, 1)
YARD = Subject(SubjectKind.CHANNEL, 2)


def interval(start_s: int, end_s: int | None, subject: Subject = GATE) -> Interval:
    return Interval(subject, start_s, end_s, State.OFFLINE, Cause.SILENT)


def test_ledger_time_is_whole_seconds_from_the_wall_clock_at_start() -> None:
    clock = FakeClock()
    ledger_clock = LedgerClock(clock)

    clock.advance(1.9)

    assert ledger_clock.now_s() == MIDDAY_S + 1
    assert ledger_clock.moment(clock.monotonic() - 1.9) == MIDDAY


@pytest.mark.parametrize("step_s", [-3600.0, 2.1, 86_400.0])
def test_a_step_of_the_wall_clock_is_told_once_and_not_followed(step_s: float) -> None:
    clock = FakeClock()
    ledger_clock = LedgerClock(clock)
    clock.advance(10)

    clock.step_wall(step_s)
    step = ledger_clock.step()

    assert step is not None
    assert step.at_s == MIDDAY_S + 10
    assert step.step_s == pytest.approx(step_s)
    assert ledger_clock.step() is None
    assert ledger_clock.now_s() == MIDDAY_S + 10


def test_a_slew_is_no_step() -> None:
    clock = FakeClock()
    ledger_clock = LedgerClock(clock)

    clock.step_wall(-2.0)

    assert ledger_clock.step() is None


def test_ledger_time_never_begins_before_what_is_written() -> None:
    written_s = MIDDAY_S + 5000

    assert LedgerClock(FakeClock(), not_before_s=written_s).now_s() == written_s
    assert LedgerClock(FakeClock(), not_before_s=MIDDAY_S - 5).now_s() == MIDDAY_S


def test_a_wall_clock_behind_the_ledger_at_start_is_no_step_later() -> None:
    ledger_clock = LedgerClock(FakeClock(), not_before_s=MIDDAY_S + 5000)

    assert ledger_clock.step() is None


@pytest.mark.parametrize(
    ("reach", "state"),
    [
        (Reach.NEVER_SEEN, State.NOT_COMMISSIONED),
        (Reach.UNKNOWN, State.UNKNOWN),
        (Reach.ONLINE, State.ONLINE_SIGNALLED),
        (Reach.OFFLINE, State.OFFLINE),
    ],
)
def test_a_device_is_what_its_presence_says(reach: Reach, state: State) -> None:
    assert device_state(reach) is state


@pytest.mark.parametrize("device", [State.NOT_COMMISSIONED, State.UNKNOWN, State.OFFLINE])
def test_nobody_is_further_than_the_device_in_front(device: State) -> None:
    assert channel_state(device, is_listed_on=True, is_proven=True) is device


@pytest.mark.parametrize(
    ("is_listed_on", "is_proven", "state"),
    [
        (True, False, State.ONLINE_SIGNALLED),
        (False, False, State.OFFLINE),
        (True, True, State.ONLINE_PROVEN),
        (False, True, State.ONLINE_PROVEN),
    ],
)
def test_behind_a_device_that_is_there_the_picture_counts_before_the_catalogue(
    is_listed_on: bool, is_proven: bool, state: State
) -> None:
    derived = channel_state(State.ONLINE_SIGNALLED, is_listed_on=is_listed_on, is_proven=is_proven)

    assert derived is state


@pytest.mark.parametrize("state", [State.ONLINE_PROVEN, State.ONLINE_SIGNALLED, State.OFFLINE])
def test_absence_makes_every_observed_state_unknown_from_the_last_sign_of_our_life(
    state: State,
) -> None:
    [step] = absence([Interval(GATE, 100, None, state, Cause.SILENT)], last_life_s=150)

    assert step == Transition(GATE, 150, 100, State.UNKNOWN, Cause.SERVER_ABSENT)


@pytest.mark.parametrize("state", [State.UNKNOWN, State.NOT_COMMISSIONED, State.EXCLUDED])
def test_absence_leaves_alone_what_needs_no_observer(state: State) -> None:
    assert absence([Interval(GATE, 100, None, state, Cause.ADDED)], last_life_s=150) == []


@pytest.mark.parametrize("last_life_s", [None, 90])
def test_what_began_after_the_last_life_mark_is_unknown_from_its_beginning(
    last_life_s: int | None,
) -> None:
    [step] = absence([interval(100, None)], last_life_s)

    assert (step.at_s, step.closes_s) == (100, 100)


def test_intervals_that_follow_each_other_add_up() -> None:
    rows = [interval(0, 10), interval(10, 30), interval(30, None), interval(5, None, YARD)]

    assert breaches(rows) == []


def test_a_hole_an_overlap_and_a_forgotten_open_row_are_found() -> None:
    assert breaches([interval(0, 10), interval(12, None)]) == [Breach(GATE, 12, 2)]
    assert breaches([interval(0, 10), interval(8, None)]) == [Breach(GATE, 8, -2)]
    assert breaches([interval(0, None), interval(8, None)]) == [Breach(GATE, 8, None)]


def test_the_moment_of_a_reading_is_its_label() -> None:
    clock = FakeClock()
    ledger_clock = LedgerClock(clock)
    clock.advance(60)

    assert ledger_clock.moment() == MIDDAY + timedelta(seconds=60)
