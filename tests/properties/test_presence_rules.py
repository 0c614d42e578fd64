"""What holds of presence whatever a device does."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from vms.inventory.model import Cause
from vms.inventory.presence import (
    FLAP_MEMORY_S,
    FLAPS_BEFORE_SETTLING,
    CameOnline,
    Change,
    Presence,
    Reach,
    WentOffline,
)

INTERVAL_S, MISSES = 60.0, 3


@dataclass(frozen=True)
class Deed:
    """Something happens `after_s` the last thing."""

    what: str
    after_s: float


deeds = st.lists(
    st.builds(
        Deed,
        what=st.sampled_from(
            ["keepalive", "request", "register", "unregister", "connection_lost", "absence", "wait"]
        ),
        after_s=st.floats(0, 400).map(lambda seconds: round(seconds, 1)),
    ),
    max_size=60,
)


def lived(presence: Presence, story: Sequence[Deed]) -> list[tuple[float, Change]]:
    """Lets it happen, with the clock ringing at every deadline; what changed, and when."""
    now, changes = 0.0, list[tuple[float, Change]]()

    def note(found: Sequence[Change]) -> None:
        changes.extend((now, change) for change in found)

    note(presence.registered(0, 3600))
    for deed in story:
        until = now + deed.after_s
        while presence.deadline is not None and presence.deadline <= until:
            now = max(now, presence.deadline)
            note(presence.tick(now))
        now = until
        match deed.what:
            case "keepalive":
                note(presence.keepalive(now))
            case "request":
                note(presence.heard(now))
            case "register":
                note(presence.registered(now, 3600))
            case "unregister":
                note(presence.unregistered(now))
            case "connection_lost":
                presence.connection_lost(now)
            case "absence":
                presence.observer_returned(now)
            case _:
                pass
    return changes


@given(story=deeds)
def test_coming_and_going_take_turns_apart_from_our_own_absences(story: list[Deed]) -> None:
    seen = [deed for deed in story if deed.what != "absence"]

    changes = [type(change) for _, change in lived(Presence(INTERVAL_S, MISSES), seen)]

    assert changes == [CameOnline if n % 2 == 0 else WentOffline for n in range(len(changes))]


@given(story=deeds)
def test_nobody_falls_silent_faster_than_its_shortest_limit(story: list[Deed]) -> None:
    changes = lived(Presence(INTERVAL_S, MISSES), story)

    for _, change in changes:
        if isinstance(change, WentOffline) and change.cause is Cause.SILENT:
            assert change.silent_s >= min(30 * MISSES, 10.0)


@given(story=deeds)
def test_keepalives_alone_bring_a_device_back_at_most_thrice_an_hour_unless_it_is_steady(
    story: list[Deed],
) -> None:
    """A fourth return within an hour takes two signs of life within the limit."""
    alone = [deed for deed in story if deed.what in {"keepalive", "wait"}]
    presence = Presence(INTERVAL_S, MISSES)
    changes = lived(presence, alone)
    falls = [at for at, change in changes if isinstance(change, WentOffline)]

    for at, change in changes:
        if not isinstance(change, CameOnline) or change.cause is not Cause.KEEPALIVE:
            continue
        recent = [fall for fall in falls if fall <= at][-FLAPS_BEFORE_SETTLING:]
        if len(recent) < FLAPS_BEFORE_SETTLING or at - recent[0] > FLAP_MEMORY_S:
            continue
        assert signs_before(alone, at) >= 2


def signs_before(story: Sequence[Deed], at: float) -> int:
    """Keepalives up to `at`, no further back than the longest limit there can be."""
    now, count = 0.0, 0
    for deed in story:
        now += deed.after_s
        if deed.what == "keepalive" and at - 600 * MISSES <= now <= at:
            count += 1
    return count


@given(story=deeds)
def test_a_deadline_is_never_missed_and_leads_somewhere(story: list[Deed]) -> None:
    presence = Presence(INTERVAL_S, MISSES)
    lived(presence, story)

    if presence.deadline is None:
        assert presence.reach in {Reach.OFFLINE, Reach.NEVER_SEEN}
    else:
        assert presence.tick(presence.deadline) != ()
        assert presence.reach is Reach.OFFLINE


@given(gaps=st.lists(st.floats(0.1, 2000), max_size=40))
def test_the_interval_believed_in_stays_within_its_bounds(gaps: list[float]) -> None:
    presence = Presence(INTERVAL_S, MISSES)
    now = 0.0
    presence.registered(now, 3600)
    for gap in gaps:
        now += gap
        presence.keepalive(now)

    assert 30 <= presence.interval_s <= 600
