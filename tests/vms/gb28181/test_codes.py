"""The codes of a catalogue item in words."""

import pytest

from vms.gb28181.manscdp.codes import (
    CAPTURE_AREAS,
    CODES,
    CapturePosition,
    Coded,
    Label,
    read_capture_position,
    read_codes,
)


@pytest.mark.parametrize(
    ("element", "text", "english"),
    [
        ("PTZType", "1", ["dome"]),
        ("PTZType", "98", [None]),
        ("PhotoelectricImagingType", "1/2", ["visible light", "thermal"]),
        ("FunctionType", "03/99", ["motor vehicle checkpoint", "other"]),
        ("FunctionType", "3", ["motor vehicle checkpoint"]),
        ("SupplyLightType", "02", ["infrared"]),
        ("SecurityLevelCode", "b", ["level B of GB 35114"]),
        ("Resolution", "6/5", [None, None]),
        ("RoomType", "", []),
        ("RoomType", "0", [None]),
    ],
)
def test_codes_are_told_in_words(element: str, text: str, english: list[str | None]) -> None:
    told = [coded.label and coded.label.english for coded in read_codes(element, text)]

    assert told == english


def test_codes_keep_the_form_in_which_they_were_sent() -> None:
    assert read_codes("SupplyLightType", " 02 ") == (Coded("02", Label("红外补光", "infrared")),)


def test_no_more_codes_are_read_than_any_list_has() -> None:
    assert len(read_codes("PTZType", "1/" * 10_000)) == 32


def test_every_code_has_words_in_both_languages() -> None:
    for table in (*CODES.values(), CAPTURE_AREAS):
        for label in table.values():
            assert not label.chinese.isascii()
            assert label.english.isascii() or "é" in label.english


def test_a_capture_position_has_three_parts() -> None:
    assert read_capture_position("0020100") == CapturePosition(
        Coded("002", CAPTURE_AREAS["002"]), "01", "00"
    )


def test_an_area_that_the_standard_reserves_has_no_words() -> None:
    position = read_capture_position("0300000")

    assert position is not None
    assert position.major == Coded("030", None)


@pytest.mark.parametrize(
    "text", ["", "002", "00201000", "\uff10\uff10\uff12\uff10\uff11\uff10\uff10", "002010x"]
)
def test_other_texts_are_no_capture_position(text: str) -> None:
    assert read_capture_position(text) is None
