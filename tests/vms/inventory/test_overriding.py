"""What is set over a report: checked, kept beside it, and taken back."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from tests.vms.inventory.site import GATE
from vms.errors import InvalidError
from vms.gb28181.ids import ChannelId
from vms.inventory.effective import DivisionReason
from vms.inventory.model import Channel, ChannelKey, DeviceKey, ReportedChannel
from vms.inventory.overriding import MOST_TAGS, patched_channel

CAMERA = ChannelId("34020000001320000001")


def channel(channel_id: str = CAMERA, **reported: Any) -> Channel:
    item = ReportedChannel(ChannelId(channel_id), **reported)
    return Channel(ChannelKey(1), DeviceKey(1), GATE, item)


def with_set(known: Channel, **overrides: str | float | Sequence[str] | None) -> Channel:
    return patched_channel(known, {"overrides": overrides})


def test_what_is_set_counts_and_what_was_reported_stays() -> None:
    known = channel(owner="Owner", extra={"PointType": "3", "InstallTime": "2020-01-02T00:00:00"})
    assert (known.department, known.point_class, known.installed_on) == (
        "Owner",
        "3",
        date(2020, 1, 2),
    )

    changed = with_set(known, department="Police", installed_on="2024-05-01", **{"class": "1"})

    assert (changed.department, changed.point_class, changed.installed_on) == (
        "Police",
        "1",
        date(2024, 5, 1),
    )
    assert changed.reported is known.reported
    back = with_set(changed, department=None, installed_on=None, **{"class": ""})
    assert back == known


def test_the_system_alone_says_how_the_reported_position_is_meant() -> None:
    known = channel(longitude=118.376451, latitude=31.326319)
    assert known.position == (118.376451, 31.326319)

    changed = with_set(known, coordinate_system="gcj02")

    assert changed.declared_position == (118.376451, 31.326319)
    assert changed.position == pytest.approx((118.371052, 31.328179), abs=2e-6)
    assert with_set(changed, coordinate_system=None).position == (118.376451, 31.326319)


def test_a_position_that_was_told_is_read_anew_when_its_system_changes() -> None:
    told = with_set(channel(), longitude=118.376451, latitude=31.326319)
    assert told.position == (118.376451, 31.326319)

    corrected = with_set(told, coordinate_system="gcj02")
    assert corrected.position == pytest.approx((118.371052, 31.328179), abs=2e-6)
    assert corrected.declared_position == (118.376451, 31.326319)

    again = with_set(corrected, coordinate_system="bd09")
    assert again.declared_position == (118.376451, 31.326319)
    assert again.position == pytest.approx((118.364479, 31.322496), abs=2e-6)
    assert with_set(again, coordinate_system="wgs84").position == (118.376451, 31.326319)

    gone = with_set(again, longitude=None, latitude=None)
    assert gone.position is None
    assert set(gone.overrides) == {"coordinate_system"}


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ({"class": "4"}, "1, 2, 3 or 9"),
        ({"site_type": "17"}, "3, 5 or 7 digits"),
        ({"department": "  "}, "more than blanks"),
        ({"builder": "x" * 201}, "at most 200"),
        ({"builder": "a\x00b"}, "printable"),
        ({"installed_on": "1.5.2024"}, "2026-03-01"),
        ({"installed_on": "1949-10-01"}, "after 1980"),
        ({"retention_days": 0}, "1 to 3650"),
        ({"retention_days": 1.5}, "whole number"),
        ({"retention_days": float("inf")}, "whole number"),
        ({"required_resolution": "big"}, "1920x1080"),
        ({"coordinate_system": "mars"}, "wgs84"),
        ({"longitude": 118.0}, "a longitude and a latitude"),
        ({"longitude": 181.0, "latitude": 0.0}, "180 at most"),
        ({"longitude": float("nan"), "latitude": 0.0}, "180 at most"),
        ({"tags": "school"}, "list of words"),
        ({"tags": ["a,b"]}, "no comma"),
        ({"tags": [str(number) for number in range(MOST_TAGS + 1)]}, "at most 16"),
        ({"grassroots_code": "12345"}, "6 digits"),
        ({"colour": "red"}, "no such field"),
    ],
)
def test_nonsense_is_refused_in_plain_words(
    override: Mapping[str, str | float | Sequence[str]], why: str
) -> None:
    with pytest.raises(InvalidError, match=why):
        patched_channel(channel(), {"overrides": override})


def test_tags_are_kept_once_and_in_order() -> None:
    changed = with_set(channel(), tags=["school", " gate ", "school"])

    assert changed.tags == ("school", "gate")
    assert with_set(changed, tags=[]).tags == ()


@pytest.mark.parametrize(
    ("known", "division", "reason"),
    [
        (channel(civil_code="340203"), "340203", DivisionReason.CATALOGUE),
        (channel(), "340200", DivisionReason.ID_PREFIX),
        (channel("1001"), "340200", DivisionReason.DEVICE),
        (channel("00000000001320000001"), "340200", DivisionReason.DEVICE),
    ],
)
def test_a_division_says_whose_word_it_is(
    known: Channel, division: str, reason: DivisionReason
) -> None:
    assert (known.division, known.division_reason) == (division, reason)

    changed = patched_channel(known, {"division": "3301"})
    assert (changed.division, changed.division_reason) == ("3301", DivisionReason.OVERRIDE)
    for wrong in ("330", "33010x"):
        with pytest.raises(InvalidError, match="civil code"):
            patched_channel(known, {"division": wrong})
