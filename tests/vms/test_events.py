"""Who watches the events, and what of them."""

from datetime import UTC, datetime

from vms.events import DeviceAdded, DeviceRemoved, EventBus, Subscription

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADDED = DeviceAdded("34020000001110000001", NOON)
REMOVED = DeviceRemoved("34020000001110000001", NOON)


def told(subscription: Subscription) -> list[tuple[int, object]]:
    found: list[tuple[int, object]] = []
    while (numbered := subscription.next_there()) is not None:
        found.append((numbered.number, numbered.event))
    return found


def test_whoever_wants_some_kinds_of_events_is_told_of_no_others() -> None:
    bus = EventBus()
    bus.publish(ADDED)
    bus.publish(REMOVED)

    with bus.subscribe(10, kinds=[DeviceRemoved]) as some, bus.subscribe(10) as all_of_them:
        bus.publish(ADDED)
        bus.publish(REMOVED)

        assert told(some) == [(4, REMOVED)]
        assert told(all_of_them) == [(3, ADDED), (4, REMOVED)]


def test_what_is_told_again_is_of_the_kinds_that_are_wanted() -> None:
    bus = EventBus()
    for event in (ADDED, REMOVED, ADDED):
        bus.publish(event)

    with bus.subscribe(10, after=0, kinds=[DeviceAdded]) as some:
        assert told(some) == [(1, ADDED), (3, ADDED)]


def test_events_that_nobody_wanted_are_not_missed() -> None:
    bus = EventBus()
    with bus.subscribe(1, kinds=[DeviceRemoved]) as some:
        for event in (REMOVED, ADDED, ADDED):
            bus.publish(event)

        assert some.missed == 0
        assert told(some) == [(1, REMOVED)]


def test_whoever_has_left_is_told_nothing() -> None:
    bus = EventBus()
    with bus.subscribe(10) as left:
        pass
    bus.publish(ADDED)

    assert told(left) == []
