"""What is subscribed at which device, and an hour of its life in a millisecond."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.inventory.subscriptions import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    REFUSED_PAUSE_S,
    Effect,
    End,
    Forget,
    Refresh,
    Subscribe,
    SubscriptionKind,
    SubscriptionMachine,
    SubscriptionState,
    wanted_kinds,
)

IPC, NVR, PLATFORM, VEHICLE = (
    f"3402000000{type_code}0000001" for type_code in ("132", "118", "200", "138")
)
CATALOG, ALARM, POSITION, PTZ = SubscriptionKind
EVEN = 0.5
"""Dice that change no pause."""


def active(granted_s: int | None = 600, expires_s: int = 3600) -> SubscriptionMachine:
    """Accepted at 0."""
    machine = asking(expires_s)
    machine.accepted(1, granted_s, 0.0)
    assert machine.state is SubscriptionState.ACTIVE
    return machine


def asking(expires_s: int = 3600) -> SubscriptionMachine:
    machine = SubscriptionMachine(expires_s, 0.0)
    machine.want(0.0)
    machine.appeared(0.0)
    assert machine.tick(0.0) == (Subscribe(1, expires_s),)
    return machine


@pytest.mark.parametrize(
    ("device_id", "kinds"),
    [
        (IPC, {ALARM}),
        (NVR, {ALARM, CATALOG}),
        (PLATFORM, {ALARM, CATALOG}),
        (VEHICLE, {ALARM, CATALOG, POSITION}),
        ("12345", {ALARM, CATALOG}),
    ],
)
def test_what_is_wanted_follows_from_what_the_device_is(
    device_id: str, kinds: set[SubscriptionKind]
) -> None:
    assert wanted_kinds(device_id, {}) == kinds


def test_a_switch_decides_over_what_the_device_is() -> None:
    switches = {CATALOG: True, ALARM: False, POSITION: None, PTZ: True}

    assert wanted_kinds(IPC, switches) == {CATALOG, PTZ}


def test_nothing_is_asked_of_a_device_that_is_not_there() -> None:
    machine = SubscriptionMachine(3600, 0.0)
    machine.want(0.0)

    assert machine.state is SubscriptionState.IDLE
    assert machine.deadline is None


def test_the_first_attempt_waits_for_its_turn() -> None:
    machine = SubscriptionMachine(3600, 0.0)
    machine.want(0.0)
    machine.appeared(10.0, delay_s=3.0)

    assert machine.tick(12.9) == ()
    assert machine.tick(13.0) == (Subscribe(1, 3600),)


@pytest.mark.parametrize(
    ("granted_s", "refresh_at"),
    [(600, 480.0), (None, 2880.0), (0, 2880.0), (99_999, 2880.0), (3, 30.0)],
    ids=["less than asked", "none", "zero", "more than asked", "hardly any"],
)
def test_it_is_refreshed_at_four_fifths_of_what_was_granted(
    granted_s: int | None, refresh_at: float
) -> None:
    machine = active(granted_s)

    assert machine.deadline == refresh_at
    assert machine.tick(refresh_at) == (Refresh(2, 3600),)
    machine.accepted(2, granted_s, refresh_at)
    assert machine.state is SubscriptionState.ACTIVE
    assert machine.deadline == 2 * refresh_at


@pytest.mark.parametrize("status", [481, 408, 400, 403, 503, None])
def test_a_failed_refresh_is_followed_by_a_new_dialog_at_once(status: int | None) -> None:
    machine = active()
    machine.tick(480.0)

    assert machine.failed(2, status, 481.0, EVEN) == (Forget(), Subscribe(3, 3600))


def test_pauses_between_attempts_grow_to_an_hour() -> None:
    machine = asking()
    pauses: list[float] = []
    now = 0.0
    for attempt in range(1, 12):
        machine.failed(attempt, None, now, EVEN, error="no answer")
        assert (machine.state, machine.error) == (SubscriptionState.FAILED, "no answer")
        assert machine.deadline is not None
        pauses.append(machine.deadline - now)
        now = machine.deadline
        machine.tick(now)

    assert pauses[:4] == [FIRST_PAUSE_S, 60.0, 120.0, 240.0]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_pauses_are_spread_by_dice() -> None:
    low, high = asking(), asking()
    low.failed(1, 500, 0.0, 0.0)
    high.failed(1, 500, 0.0, 1.0)

    assert (low.deadline, high.deadline) == (0.75 * FIRST_PAUSE_S, 1.25 * FIRST_PAUSE_S)


@pytest.mark.parametrize("status", [405, 489, 501])
def test_a_device_that_does_not_know_the_event_is_asked_again_a_day_later(status: int) -> None:
    machine = asking()
    machine.failed(1, status, 0.0, EVEN, error="answered 489")

    assert machine.state is SubscriptionState.REFUSED
    assert machine.deadline == REFUSED_PAUSE_S


def test_a_longer_time_is_asked_for_where_the_device_wants_one() -> None:
    machine = asking(90)
    machine.failed(1, 423, 0.0, EVEN, shortest_s=600)

    assert machine.tick(FIRST_PAUSE_S) == (Subscribe(2, 600),)


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("deactivated", SubscriptionState.FAILED),
        ("timeout", SubscriptionState.FAILED),
        ("", SubscriptionState.FAILED),
        ("rejected", SubscriptionState.REFUSED),
        ("noresource", SubscriptionState.REFUSED),
        ("Invariant", SubscriptionState.REFUSED),
    ],
)
def test_what_the_device_ends_is_subscribed_again_unless_it_says_never(
    reason: str, state: SubscriptionState
) -> None:
    machine = active()

    assert machine.ended_by_device(reason, 100.0, EVEN) == (Forget(),)
    assert machine.state is state


def test_a_switch_that_is_turned_off_ends_the_subscription() -> None:
    machine = active()

    assert machine.unwant(100.0) == (End(2),)
    assert machine.ended(2, 101.0) == (Forget(),)
    assert machine.state is SubscriptionState.IDLE


def test_a_switch_that_is_turned_on_again_meanwhile_begins_anew() -> None:
    machine = active()
    machine.unwant(100.0)
    machine.want(100.5)
    machine.ended(2, 101.0)

    assert machine.tick(101.0) == (Subscribe(3, 3600),)


def test_a_device_that_went_is_forgotten_and_one_that_came_back_is_asked_anew() -> None:
    machine = active()

    assert machine.vanished(100.0) == (Forget(),)
    assert machine.tick(10_000.0) == ()
    machine.appeared(10_000.0)
    assert machine.tick(10_000.0) == (Subscribe(2, 3600),)


def test_the_answer_to_an_attempt_that_is_over_changes_nothing() -> None:
    machine = asking()
    machine.vanished(1.0)
    machine.appeared(2.0)
    machine.tick(2.0)

    assert not machine.is_current(1)
    machine.accepted(1, 600, 3.0)
    machine.failed(1, 489, 3.0, EVEN)
    assert machine.state is SubscriptionState.ASKING


def test_doubt_refreshes_what_is_held_and_shortens_every_pause() -> None:
    held, refused = active(), asking()
    refused.failed(1, 489, 0.0, EVEN)

    assert held.renew(10.0) == (Refresh(2, 3600),)
    assert refused.renew(10.0) == ()
    assert refused.tick(10.0) == (Subscribe(2, 3600),)


@dataclass
class Input:
    """Something that happens, `passed_s` after what came before."""

    name: str
    passed_s: float
    number: int | None
    dice: float

    def put_to(self, machine: SubscriptionMachine, attempt: int, now: float) -> Sequence[Effect]:
        plain = {
            "want": machine.want,
            "unwant": machine.unwant,
            "appeared": machine.appeared,
            "vanished": machine.vanished,
            "renew": machine.renew,
            "tick": machine.tick,
        }
        if self.name in plain:
            return plain[self.name](now)
        if self.name == "accepted":
            return machine.accepted(attempt, self.number, now)
        if self.name == "failed":
            return machine.failed(attempt, self.number, now, self.dice, shortest_s=self.number)
        return machine.ended_by_device("", now, self.dice)


NAMES = "want unwant appeared vanished renew tick accepted failed ended".split()  # noqa: SIM905
INPUTS = st.builds(
    Input,
    st.sampled_from(NAMES),
    st.floats(0, 5000),
    st.sampled_from([None, 0, 1, 400, 408, 423, 481, 489, 600]),
    st.floats(0, 1),
)


@given(st.lists(INPUTS, max_size=40))
def test_whatever_happens_one_dialog_at_most_is_believed_in(story: list[Input]) -> None:
    machine, now, attempt, dialogs = SubscriptionMachine(3600, 0.0), 0.0, 0, 0
    for each in story:
        now += each.passed_s
        before = machine.state
        effects = each.put_to(machine, attempt, now)
        if machine.state is SubscriptionState.ACTIVE and before is SubscriptionState.ASKING:
            dialogs += 1
        for effect in effects:
            match effect:
                case Subscribe(attempt=attempt):
                    assert dialogs == 0
                case Refresh(attempt=attempt) | End(attempt=attempt):
                    assert dialogs == 1
                case Forget():
                    dialogs = 0
        acts_by_itself = machine.state in {
            SubscriptionState.WAITING,
            SubscriptionState.ACTIVE,
            SubscriptionState.FAILED,
            SubscriptionState.REFUSED,
        }
        assert acts_by_itself == (machine.deadline is not None)
