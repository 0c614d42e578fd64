"""Which losses are one outage: facts written out, groups by name."""

from collections.abc import Iterable

import pytest

from vms.diagnosis.outage_grouping import (
    CommonGround,
    Family,
    Group,
    Loss,
    Refusal,
    common_division,
    family_of,
    grouped,
    places_asked,
)
from vms.inventory.outage_records import OutageKind

MINUTE_S = 60.0
"""The keepalive interval of all of them."""

CUT_S = 1000.0


def camera(
    number: int,
    segment: str = "10.1.1.0/24",
    *,
    division: str = "34020301",
    way: str = "silent",
    heard_s: float = CUT_S - 30,
    at_s: float = CUT_S + 150,
    is_flapping: bool = False,
    refusal: Refusal | None = None,
) -> Loss:
    return Loss(
        kind=OutageKind.GONE,
        device_id=f"{division}00132{number:07d}",
        key=number,
        way=way,
        at_s=at_s,
        heard_s=heard_s,
        interval_s=MINUTE_S,
        segment=segment,
        is_flapping=is_flapping,
        refusal=refusal,
    )


def channel(number: int, parent_id: str = "34020000001180000009") -> Loss:
    return Loss(
        kind=OutageKind.OFF,
        device_id="34020000002000000001",
        key=number,
        way="catalog",
        at_s=CUT_S,
        channel_id=f"3402000000132{number:07d}",
        parent_id=parent_id,
    )


def summary(groups: Iterable[Group]) -> list[tuple[Family, int, dict[str, str]]]:
    return sorted(
        ((group.family, len(group.losses), dict(group.scope)) for group in groups),
        key=lambda each: (-each[1], str(each)),
    )


def test_a_segment_that_falls_silent_as_a_whole_is_one_outage() -> None:
    losses = [camera(number) for number in range(10)]

    assert places_asked(losses) == {"10.1.1.0/24", "34", "3402", "340203", "34020301"}
    assert summary(grouped(losses, {"10.1.1.0/24": 2, "340203": 900})) == [
        (Family.SILENCE, 10, {"segment": "10.1.1.0/24"})
    ]


def test_a_few_of_many_are_each_alone() -> None:
    losses = [camera(number) for number in range(10)]

    assert len(grouped(losses, {"10.1.1.0/24": 3})) == 10
    assert len(grouped(losses, {})) == 10
    assert [dict(group.scope) for group in grouped(losses[:1], {})] == [
        {"device_id": "34020301001320000000"}
    ]


def test_two_devices_are_no_segment() -> None:
    assert len(grouped([camera(1), camera(2)], {"10.1.1.0/24": 0})) == 2


def test_a_division_that_falls_silent_over_several_segments_is_one_outage() -> None:
    losses = [camera(number, f"10.1.{number % 3}.0/24") for number in range(9)]
    alive = {f"10.1.{third}.0/24": 0 for third in range(3)} | {"340203": 1, "3402": 50, "34": 70}

    assert summary(grouped(losses, alive)) == [(Family.SILENCE, 9, {"division": "34020301"})]


def test_three_devices_of_a_province_are_no_silent_province() -> None:
    losses = [
        camera(number, f"10.{number}.1.0/24", division=f"34{number}10000") for number in range(1, 4)
    ]

    assert len(grouped(losses, {"34": 0})) == 3


def test_what_was_last_heard_at_another_time_was_cut_off_by_something_else() -> None:
    early = [camera(number, heard_s=CUT_S - number) for number in range(5)]
    late = [camera(number, heard_s=CUT_S + 200 + number) for number in range(5, 10)]

    found = grouped([*late, *early], {"10.1.1.0/24": 0})

    assert summary(found) == [(Family.SILENCE, 5, {"segment": "10.1.1.0/24"})] * 2


def test_limits_that_differ_split_no_outage() -> None:
    """Devices of one keepalive interval may be allowed two or twenty misses."""
    losses = [camera(number, at_s=CUT_S + 120 * (number + 1)) for number in range(5)]

    assert len(grouped(losses, {"10.1.1.0/24": 0})) == 1


def test_devices_that_say_goodbye_or_are_refused_group_without_anybody_counted() -> None:
    refusal = Refusal("wrong_password", "10.1.1.7:5060 UDP", CUT_S, 3)
    goodbyes = [camera(number, way="unregistered") for number in range(4)]
    refused = [camera(10 + number, refusal=refusal) for number in range(3)]

    assert summary(grouped([*goodbyes, *refused, camera(20)], {})) == [
        (Family.UNREGISTERED, 4, {"segment": "10.1.1.0/24"}),
        (Family.REFUSED, 3, {"segment": "10.1.1.0/24"}),
        (Family.SILENCE, 1, {"device_id": "34020301001320000020"}),
    ]


def test_flapping_devices_of_one_segment_are_one_outage_whenever_they_went() -> None:
    losses = [camera(number, is_flapping=True, at_s=CUT_S + 997 * number) for number in range(44)]

    assert summary(grouped(losses, {})) == [(Family.FLAPPING, 44, {"segment": "10.1.1.0/24"})]


def test_channels_group_by_the_recorder_that_they_hang_in() -> None:
    losses = [channel(1), channel(2), channel(3, "34020000001180000010")]

    platform = "34020000002000000001"
    assert summary(grouped(losses, {})) == [
        (Family.OFF, 2, {"device_id": platform, "parent_id": "34020000001180000009"}),
        (Family.OFF, 1, {"device_id": platform, "parent_id": "34020000001180000010"}),
    ]


@pytest.mark.parametrize(
    ("why", "family"),
    [
        ("wrong_password", Family.REFUSED),
        ("unavailable", Family.OVERLOADED),
        ("redirected", Family.REDIRECTED),
    ],
)
def test_a_refusal_tells_more_than_the_silence_after_it(why: str, family: Family) -> None:
    assert family_of(camera(1, refusal=Refusal(why, "", CUT_S, 1))) is family
    assert (
        family_of(camera(1, refusal=Refusal(why, "", CUT_S, 1), is_flapping=True))
        is Family.FLAPPING
    )


@pytest.mark.parametrize(
    ("hosts", "common"),
    [
        ([f"10.20.30.{last}" for last in range(1, 31)], "10.20.30.0/24"),
        ([f"10.20.{third}.1" for third in range(1, 31)], "10.20.0.0/16"),
        ([f"10.{second}.0.1" for second in range(1, 31)], "10.0.0.0/8"),
        ([f"{first}.0.0.1" for first in range(1, 31)], "340203"),
        ([f"2001:db8:7::{last:x}" for last in range(1, 31)], "2001:db8:7::/64"),
        (["10.0.0.1", *(f"2001:db8:7::{last:x}" for last in range(1, 30))], "340203"),
    ],
    ids=["subnet", "district network", "carrier", "division", "IPv6 subnet", "both"],
)
def test_the_common_ground_is_the_smallest_network_else_the_smallest_division(
    hosts: list[str], common: str
) -> None:
    ground = CommonGround()
    for number, host in enumerate(hosts):
        ground.add(f"340203{number % 10:02d}00132{number:07d}", host)

    assert (ground.count, ground.name) == (30, common)


def test_devices_that_begin_otherwise_have_no_division_in_common() -> None:
    ids = ["34020000001320000001", "11010000001320000001"]

    assert common_division(ids) == ""
    assert common_division(["34020000001320000001", "34020300001320000001"]) == "3402"
