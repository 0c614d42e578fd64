"""Outages as they go on: joining, merging, coming back, flapping, ending; on the test's clock."""

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from vms.diagnosis.outage_causes import Parent
from vms.diagnosis.outage_grouping import Loss, Refusal
from vms.diagnosis.outage_state import Change, OutagePolicy
from vms.diagnosis.outage_tracker import OutageTracker
from vms.inventory.outage_records import Outage, OutageCause, OutageKind

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH_S = 1_772_413_200.0
POLICY = OutagePolicy()
DAY_S = 86_400


def _parent(device_id: str, parent_id: str) -> Parent:
    _ = device_id, parent_id
    return Parent(4, 2)


class Watch:
    """A tracker whose clock begins at 0, and what it wrote last of each outage."""

    def __init__(self, policy: OutagePolicy = POLICY) -> None:
        numbers = count(1)
        self.tracker = OutageTracker(
            policy, new_id=lambda: f"{next(numbers):04d}", parent_of=_parent
        )
        self.now = 0.0
        self.written: dict[str, Outage] = {}
        self.changes: list[Change] = []
        self.alive: Mapping[str, int] = {}

    def goes(self, loss: Loss) -> None:
        self.tracker.lost(replace(loss, at_s=EPOCH_S + self.now), self.now)

    def comes(self, loss: Loss) -> None:
        self.tracker.back(loss.identity, EPOCH_S + self.now, self.now)

    def passes(self, seconds: float, step_s: float = 1.0) -> None:
        """Time, in steps as `Outages` takes them."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + step_s)
            if self.tracker.due_in_s(self.now) == 0.0:
                self.tracker.settle(self.now, self.alive)
            self.tracker.tick(self.now)
            for outage_id in self.tracker.changed(self.now):
                change = self.tracker.change(outage_id, self.now)
                self.tracker.written(change)
                self.changes.append(change)
                self.written[change.outage.outage_id] = change.outage
                for merged in change.write.merged:
                    del self.written[merged]

    @property
    def only(self) -> Outage:
        [outage] = self.written.values()
        return outage


def camera(number: int = 1, *, way: str = "silent", heard_s: float = EPOCH_S - 170) -> Loss:
    return Loss(
        kind=OutageKind.GONE,
        device_id=f"3402030100132{number:07d}",
        key=number,
        way=way,
        at_s=0.0,
        heard_s=heard_s,
        segment="10.1.1.0/24",
        channels=1,
    )


def test_what_is_back_before_it_was_told_is_no_outage() -> None:
    watch = Watch()
    watch.goes(camera())
    watch.passes(2)
    watch.comes(camera())
    watch.passes(60)

    assert watch.changes == []


def test_an_outage_ends_when_everybody_has_been_back_for_a_while() -> None:
    watch = Watch()
    watch.goes(camera())
    watch.passes(100)
    assert (watch.only.cause, watch.only.away) == (OutageCause.KEEPALIVES_STOPPED, 1)

    watch.comes(camera())
    watch.passes(POLICY.hold_s - 1)
    assert (watch.only.ended_s, watch.only.away) == (None, 0)
    watch.passes(2)

    assert watch.only.started_s == EPOCH_S
    assert watch.only.ended_s == EPOCH_S + 100
    assert watch.changes[-1].write.members == []
    assert watch.changes[1].write.returned_devices == [(camera().device_id, EPOCH_S + 100)]


def test_single_outages_become_one_when_the_rest_of_the_segment_follows() -> None:
    watch = Watch()
    watch.alive = {"10.1.1.0/24": 8}
    for number in range(2):
        watch.goes(camera(number))
        watch.passes(10)
    assert len(watch.written) == 2

    watch.alive = {"10.1.1.0/24": 0}
    for number in range(2, 10):
        watch.goes(camera(number))
    watch.passes(10)

    outage = watch.only
    assert (outage.outage_id, outage.cause) == ("0001", OutageCause.SEGMENT_SILENT)
    assert (outage.devices, outage.started_s) == (10, EPOCH_S)
    assert [each.cause for each in outage.judgements] == [
        OutageCause.KEEPALIVES_STOPPED,
        OutageCause.SEGMENT_SILENT,
    ]
    assert watch.changes[-1].write.merged == ("0002",)
    assert outage.evidence["alive"] == 0


def test_who_is_late_joins_and_who_is_much_later_does_not() -> None:
    watch = Watch()
    watch.alive = {"10.1.1.0/24": 0}
    for number in range(5):
        watch.goes(camera(number))
    watch.passes(100)
    watch.goes(camera(5))
    watch.passes(1000)
    assert watch.only.devices == 6

    watch.goes(camera(6, heard_s=EPOCH_S + 900))
    watch.passes(10)

    assert [each.devices for each in watch.written.values()] == [6, 1]


def test_a_refused_register_refines_the_cause_and_keeps_what_was_thought_before() -> None:
    watch = Watch()
    watch.goes(camera())
    watch.passes(10)
    refusal = Refusal("wrong_password", "10.1.1.7:5060 UDP", EPOCH_S + 10, 1)
    watch.goes(replace(camera(), way="refused", refusal=refusal))
    watch.passes(10)

    assert watch.only.cause is OutageCause.REGISTRATION_REFUSED
    assert [each.cause for each in watch.only.judgements] == [
        OutageCause.KEEPALIVES_STOPPED,
        OutageCause.REGISTRATION_REFUSED,
    ]
    assert watch.only.started_s == EPOCH_S
    assert watch.only.falls == 1
    assert watch.only.evidence["sip_status"] == 403


def test_44_cameras_flapping_for_a_week_are_one_outage_and_grow_nothing() -> None:
    watch = Watch()
    cameras = [camera(number, way="unregistered") for number in range(44)]
    sizes: set[tuple[int, int]] = set()
    for _ in range(7 * DAY_S // 500):
        for each in cameras:
            watch.goes(each)
        watch.passes(20, step_s=10)
        for each in cameras:
            watch.comes(each)
        watch.passes(20, step_s=10)
        watch.now += 460
        sizes.add((watch.tracker.remembered, len(watch.only.judgements)))

    assert (watch.only.cause, watch.only.devices) == (OutageCause.FLAPPING, 44)
    assert watch.only.falls == 44 * 1209
    assert sizes == {(44, 1), (44, 2)}


def test_flapping_faster_than_losses_are_grouped_is_seen_all_the_same() -> None:
    watch = Watch()
    for _ in range(4):
        watch.goes(camera())
        watch.comes(camera())
    watch.passes(10)

    assert (watch.only.cause, watch.only.away) == (OutageCause.FLAPPING, 0)


def test_two_outages_whose_cameras_all_turn_out_to_flap_are_one() -> None:
    watch = Watch()
    cameras = [camera(number, way="unregistered") for number in range(8)]

    def go_and_come(flapping: list[Loss]) -> None:
        for each in flapping:
            watch.goes(each)
            watch.comes(each)

    for each in cameras[:4]:
        watch.goes(each)
    watch.passes(10)
    for each in cameras[:4]:
        watch.comes(each)
    for _ in range(2):
        go_and_come(cameras[:2])
    for _ in range(3):
        go_and_come(cameras[4:])
    watch.passes(10)
    assert len(watch.written) == 2

    for _ in range(2):
        go_and_come(cameras[2:4])
    watch.passes(10)

    assert (watch.only.outage_id, watch.only.cause) == ("0001", OutageCause.FLAPPING)
    assert (watch.only.devices, watch.only.falls) == (8, 24)


def test_a_flapping_outage_is_over_when_it_has_been_calm() -> None:
    watch = Watch()
    for _ in range(3):
        watch.goes(camera())
        watch.passes(10)
        watch.comes(camera())
        watch.passes(10)
    watch.passes(POLICY.calm_s - 11)
    assert watch.only.ended_s is None
    watch.passes(2)

    assert watch.only.ended_s == EPOCH_S + 50
    watch.tracker.forget_falls(EPOCH_S + 50 + 3601)
    assert watch.tracker.remembered == 0


def test_what_was_open_goes_on_after_a_restart() -> None:
    before = Watch()
    before.goes(camera())
    before.passes(10)
    [member] = before.changes[0].write.members
    after = Watch()
    after.tracker.restore(before.only, [(camera(), member)], after.now)
    after.passes(10)
    assert after.changes == []
    assert after.tracker.open_by_cause() == {OutageCause.KEEPALIVES_STOPPED: 1}

    after.goes(replace(camera(), way="grace_passed"))
    after.passes(10)
    after.comes(camera())
    after.passes(POLICY.hold_s + 1)

    assert after.only.outage_id == before.only.outage_id
    assert after.only.ended_s == EPOCH_S + 20
    assert after.only.falls == 1


def test_more_than_can_be_kept_in_mind_is_counted() -> None:
    watch = Watch(replace(POLICY, most_losses=2))
    for number in range(3):
        watch.goes(camera(number))

    assert watch.tracker.dropped == 1
