"""Identifiers: opaque, and read where that helps."""

import pytest

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId, IdParts, Kind, civil_code, kind_of


def test_blanks_around_an_identifier_are_dropped_and_leading_zeros_kept() -> None:
    assert DeviceId.parse(" 01020000001320000001\n") == "01020000001320000001"


@pytest.mark.parametrize("text", ["", "12a", "1" * 21, "\uff11\uff12"])
def test_anything_but_1_to_20_digits_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        ChannelId.parse(text)


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        ("34", Kind.DIVISION),
        ("34020001", Kind.DIVISION),
        ("34020000002000000001", Kind.SYSTEM),
        ("34020000002150000001", Kind.BUSINESS_GROUP),
        ("34020000002160000001", Kind.VIRTUAL_ORGANISATION),
        ("34020000002020000001", Kind.PLATFORM_PART),
        ("34020000001180000001", Kind.MAIN_DEVICE),
        ("34020000001110000001", Kind.MAIN_DEVICE),
        ("34020000001310000001", Kind.CAMERA),
        ("34020000001320000001", Kind.CAMERA),
        ("34020000001340000001", Kind.ALARM_INPUT),
        ("34020000001350000001", Kind.ALARM_OUTPUT),
        ("34020000001360000001", Kind.AUDIO_INPUT),
        ("34020000001370000001", Kind.AUDIO_OUTPUT),
        ("34020000003000000001", Kind.USER),
        ("34020000009990000001", Kind.OTHER),
        ("340200000013200001", Kind.OTHER),
    ],
)
def test_the_type_code_tells_what_an_identifier_names(identifier: str, kind: Kind) -> None:
    assert kind_of(identifier) is kind


def test_an_identifier_is_taken_apart_by_rule_a() -> None:
    assert IdParts.of("34020000001320000001") == IdParts("34020000", "00", 132, "0", "000001")
    assert IdParts.of("3402") is None


@pytest.mark.parametrize(
    ("identifier", "code"),
    [
        ("34020000001320000001", "3402"),
        ("34020112001320000001", "34020112"),
        ("340201", "340201"),
        ("12345", ""),
    ],
)
def test_the_civil_code_is_the_centre_code_without_empty_pairs(identifier: str, code: str) -> None:
    assert civil_code(identifier) == code
