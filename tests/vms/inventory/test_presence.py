"""When a device is there, and when it is not."""

import pytest

from vms.inventory.model import Cause
from vms.inventory.presence import CameOnline, Presence, Reach, WentOffline

DAY_S = 86_400.0


def registered(interval_s: float = 60, misses: int = 3, now: float = 0) -> Presence:
    presence = Presence(interval_s, misses)
    presence.registered(now, DAY_S)
    return presence


def test_a_device_that_never_registered_has_nothing_to_wait_for() -> None:
    presence = Presence(60, 3)

    assert presence.reach is Reach.NEVER_SEEN
    assert presence.deadline is None
    assert presence.tick(1e9) == ()


def test_registering_is_coming_online_once() -> None:
    presence = Presence(60, 3)

    assert presence.registered(0, DAY_S) == (CameOnline(Cause.REGISTERED),)
    assert presence.registered(50, DAY_S) == ()


def test_a_device_silent_for_three_intervals_goes_offline() -> None:
    presence = registered()

    assert presence.deadline == 180
    assert presence.tick(179.9) == ()
    assert presence.tick(180) == (WentOffline(Cause.SILENT, 180),)
    assert presence.tick(10_000) == ()
    assert presence.deadline is None


def test_any_sign_of_life_moves_the_deadline() -> None:
    presence = registered()

    presence.keepalive(60)
    presence.heard(100)

    assert presence.deadline == 280


def test_a_keepalive_brings_a_silent_device_back() -> None:
    presence = registered()
    presence.tick(180)

    assert presence.keepalive(500) == (CameOnline(Cause.KEEPALIVE),)
    assert presence.deadline == 680


def test_a_device_that_keeps_alive_outlives_its_registration() -> None:
    presence = Presence(60, 3)
    presence.registered(0, 100)
    for now in (60, 120, 180, 240):
        assert presence.keepalive(now) == ()
        assert presence.tick(now + 59) == ()

    assert presence.is_expired(240)
    assert presence.reach is Reach.ONLINE


def test_a_device_without_keepalives_ends_ten_seconds_after_its_registration() -> None:
    presence = Presence(60, 3)
    presence.registered(0, 100)

    assert presence.tick(109.9) == ()
    assert presence.tick(110) == (WentOffline(Cause.SILENT, 110),)


def test_unregistering_is_offline_at_once() -> None:
    presence = registered()

    assert presence.unregistered(20) == (WentOffline(Cause.UNREGISTERED, 20),)
    assert presence.unregistered(21) == ()


def test_a_closed_connection_ends_in_half_a_minute() -> None:
    presence = registered()
    presence.keepalive(60)
    presence.connection_lost(70)

    assert presence.tick(99.9) == ()
    assert presence.tick(100) == (WentOffline(Cause.CONNECTION_LOST, 40),)


@pytest.mark.parametrize("sign", ["register", "keepalive", "request"])
def test_a_device_heard_after_its_connection_closed_stays(sign: str) -> None:
    presence = registered()
    presence.connection_lost(70)
    match sign:
        case "register":
            presence.registered(80, DAY_S)
        case "keepalive":
            presence.keepalive(80)
        case _:
            presence.heard(80)

    assert presence.tick(100) == ()
    assert presence.deadline == 260


def test_a_slow_rhythm_is_learned() -> None:
    presence = registered()

    for now in (150, 300, 450, 600):
        presence.keepalive(now)

    assert presence.interval_s == 150
    assert presence.deadline == 600 + 450


def test_one_late_keepalive_teaches_nothing() -> None:
    presence = registered()

    for now in (60, 120, 290, 350, 410):
        presence.keepalive(now)

    assert presence.interval_s == 60


def test_a_fast_rhythm_is_learned_down_to_its_bound() -> None:
    presence = registered()

    for now in range(0, 60, 5):
        presence.keepalive(now)

    assert presence.interval_s == 30


def test_a_pause_is_no_rhythm() -> None:
    presence = registered()

    for now in (1000, 3000, 5000, 7000, 9000):
        presence.keepalive(now)

    assert presence.interval_s == 60


def test_new_figures_from_a_person_replace_what_was_learned() -> None:
    presence = registered()
    for now in (150, 300, 450, 600):
        presence.keepalive(now)

    presence.configure(20, 2)

    assert presence.deadline == 640


def fallen_silent_three_times() -> tuple[Presence, float]:
    presence = registered()
    now = 0.0
    for _ in range(3):
        now += 180
        assert presence.tick(now) != ()
        now += 10
        presence.registered(now, DAY_S)
    now += 180
    presence.tick(now)
    return presence, now


def test_a_device_that_flaps_has_to_be_heard_twice() -> None:
    presence, now = fallen_silent_three_times()

    assert presence.keepalive(now + 10) == ()
    assert presence.keepalive(now + 70) == (CameOnline(Cause.KEEPALIVE),)


def test_two_signs_further_apart_than_the_limit_do_not_settle_a_flapping_device() -> None:
    presence, now = fallen_silent_three_times()

    assert presence.keepalive(now + 10) == ()
    assert presence.keepalive(now + 300) == ()


def test_a_flapping_device_that_registers_is_back_at_once() -> None:
    presence, now = fallen_silent_three_times()

    assert presence.registered(now + 10, DAY_S) == (CameOnline(Cause.REGISTERED),)


def test_flaps_are_forgotten_after_an_hour() -> None:
    presence, now = fallen_silent_three_times()

    assert presence.keepalive(now + 3600) == (CameOnline(Cause.KEEPALIVE),)


def test_after_our_absence_a_device_is_unknown_until_it_is_heard() -> None:
    presence = registered()
    presence.observer_returned(1000)

    assert presence.reach is Reach.UNKNOWN
    assert presence.deadline == 1180
    assert presence.keepalive(1100) == (CameOnline(Cause.KEEPALIVE),)


def test_after_our_absence_silence_for_a_whole_limit_is_offline() -> None:
    presence = registered()
    presence.observer_returned(1000)

    assert presence.tick(1179) == ()
    [gone] = presence.tick(1180)
    assert isinstance(gone, WentOffline)
    assert gone.cause is Cause.GRACE_PASSED


def test_a_registration_that_ran_out_while_we_were_away_ends_nobody_early() -> None:
    presence = Presence(60, 3)
    presence.observer_returned(0, remaining_s=-5000)

    assert presence.deadline == 180
    presence.heard(30)
    assert presence.deadline == 210


def test_our_absence_means_nothing_to_a_device_that_never_registered() -> None:
    presence = Presence(60, 3)

    presence.observer_returned(1000)

    assert presence.reach is Reach.NEVER_SEEN


def test_a_device_is_alive_for_an_interval_and_a_half() -> None:
    presence = registered()

    assert presence.is_alive(89)
    assert not presence.is_alive(90)
    presence.connection_lost(5)
    assert not presence.is_alive(6)
