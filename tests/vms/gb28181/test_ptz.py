"""The eight bytes of a PTZ command, against computed vectors and the standard's printed one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ptz import (
    FASTEST_ZOOM,
    WIPER,
    Auxiliary,
    CruiseAction,
    CruiseVerb,
    Focus,
    Iris,
    Lens,
    Move,
    Pan,
    PresetAction,
    PresetVerb,
    PtzCommand,
    Received,
    ScanAction,
    ScanVerb,
    Stop,
    Tilt,
    Zoom,
    decode,
    encode,
    speed_of,
)

VECTORS: list[tuple[str, PtzCommand]] = [
    ("A50F0000000000B4", Stop()),
    ("A50F000180000035", Move(Pan.RIGHT, pan_speed=0x80)),
    ("A50F000280000036", Move(Pan.LEFT, pan_speed=0x80)),
    ("A50F000400800038", Move(tilt=Tilt.DOWN, tilt_speed=0x80)),
    ("A50F00080080003C", Move(tilt=Tilt.UP, tilt_speed=0x80)),
    ("A50F0009808000BD", Move(Pan.RIGHT, Tilt.UP, None, 0x80, 0x80)),
    ("A50F000A808000BE", Move(Pan.LEFT, Tilt.UP, None, 0x80, 0x80)),
    ("A50F0005808000B9", Move(Pan.RIGHT, Tilt.DOWN, None, 0x80, 0x80)),
    ("A50F0006808000BA", Move(Pan.LEFT, Tilt.DOWN, None, 0x80, 0x80)),
    ("A50F001000008044", Move(zoom=Zoom.IN, zoom_speed=8)),
    ("A50F002000008054", Move(zoom=Zoom.OUT, zoom_speed=8)),
    ("A50F0029404050AD", Move(Pan.RIGHT, Tilt.UP, Zoom.OUT, 0x40, 0x40, 5)),
    ("A50F0002FF0000B5", Move(Pan.LEFT, pan_speed=0xFF)),
    ("A50F0040000000F4", Stop(is_lens=True)),
    ("A50F004180000075", Lens(Focus.FAR, focus_speed=0x80)),
    ("A50F004280000076", Lens(Focus.NEAR, focus_speed=0x80)),
    ("A50F004400800078", Lens(iris=Iris.OPEN, iris_speed=0x80)),
    ("A50F00480080007C", Lens(iris=Iris.CLOSE, iris_speed=0x80)),
    ("A50F00494060009D", Lens(Focus.FAR, Iris.CLOSE, 0x40, 0x60)),
    ("A50F008100010036", PresetAction(PresetVerb.SET, 1)),
    ("A50F008200010037", PresetAction(PresetVerb.CALL, 1)),
    ("A50F008300010038", PresetAction(PresetVerb.DELETE, 1)),
    ("A50F008200FF0035", PresetAction(PresetVerb.CALL, 255)),
    ("A50F00840103003C", CruiseAction(CruiseVerb.ADD_POINT, 1, 3)),
    ("A50F00850103003D", CruiseAction(CruiseVerb.DELETE_POINT, 1, 3)),
    ("A50F00850100003A", CruiseAction(CruiseVerb.DELETE, 1)),
    ("A50F00860123106E", CruiseAction(CruiseVerb.SET_SPEED, 1, 0x123)),
    ("A50F0087011E005A", CruiseAction(CruiseVerb.SET_DWELL, 1, 30)),
    ("A50F0087012C1078", CruiseAction(CruiseVerb.SET_DWELL, 1, 300)),
    ("A50F00880100003D", CruiseAction(CruiseVerb.START, 1)),
    ("A50F00890100003E", ScanAction(ScanVerb.START, 1)),
    ("A50F00890101003F", ScanAction(ScanVerb.SET_LEFT_BORDER, 1)),
    ("A50F008901020040", ScanAction(ScanVerb.SET_RIGHT_BORDER, 1)),
    ("A50F008A0130006F", ScanAction(ScanVerb.SET_SPEED, 1, 0x030)),
    ("A50F008C01000041", Auxiliary(WIPER, is_on=True)),
    ("A50F008D01000042", Auxiliary(WIPER, is_on=False)),
    ("A50F008C02000042", Auxiliary(2, is_on=True)),
]


@pytest.mark.parametrize(("digits", "command"), VECTORS)
def test_each_vector_is_written_and_read(digits: str, command: PtzCommand) -> None:
    word = bytes.fromhex(digits)

    assert encode(command) == word
    assert decode(word) == Received(command)


def test_the_standards_own_sample_has_an_address() -> None:
    word = bytes.fromhex("A50F4D1000001021")
    zoom_in = Move(zoom=Zoom.IN, zoom_speed=1)

    assert encode(zoom_in, address=0x04D) == word
    assert decode(word) == Received(zoom_in, address=0x04D)


def test_an_address_byte_can_be_asked_for() -> None:
    assert encode(Stop(), address=1).hex().upper() == "A50F0100000000B5"


def test_an_address_has_twelve_bits() -> None:
    assert decode(encode(Stop(), address=0xABC)).address == 0xABC


def test_a_wrong_sum_is_refused_unless_it_is_not_needed() -> None:
    word = bytes.fromhex("A50F000180000036")

    with pytest.raises(ProtocolError, match="wrong sum"):
        decode(word)
    assert decode(word, is_sum_needed=False) == Received(
        Move(Pan.RIGHT, pan_speed=0x80), is_sum_wrong=True
    )


def test_a_wrong_second_byte_is_accepted_and_told() -> None:
    word = bytes.fromhex("A500000180000026")

    assert decode(word) == Received(Move(Pan.RIGHT, pan_speed=0x80), is_version_odd=True)


@pytest.mark.parametrize(
    ("percent", "speed", "zoom"), [(1, 3, 1), (3, 8, 1), (50, 128, 8), (100, 255, 15)]
)
def test_percentages_fill_the_scale_and_are_never_standstill(
    percent: int, speed: int, zoom: int
) -> None:
    assert speed_of(percent) == speed
    assert speed_of(percent, FASTEST_ZOOM) == zoom


@pytest.mark.parametrize("percent", [0, 101, -1])
def test_no_other_percentage_is_a_speed(percent: int) -> None:
    with pytest.raises(ProtocolError):
        speed_of(percent)


def test_a_slower_camera_gets_no_more_than_it_can_read() -> None:
    word = encode(Move(Pan.LEFT, Tilt.UP, Zoom.IN, 255, 100, 15), max_speed=127)

    assert decode(word).command == Move(Pan.LEFT, Tilt.UP, Zoom.IN, 127, 100, 15)


@pytest.mark.parametrize(
    "command",
    [
        Move(Pan.LEFT, pan_speed=256),
        Move(Pan.LEFT, pan_speed=-1),
        PresetAction(PresetVerb.SET, 0),
        PresetAction(PresetVerb.SET, 256),
        CruiseAction(CruiseVerb.ADD_POINT, 1, 0),
        CruiseAction(CruiseVerb.SET_DWELL, 1, 4096),
        CruiseAction(CruiseVerb.START, 256),
        ScanAction(ScanVerb.SET_SPEED, 1, -1),
        Auxiliary(256, is_on=True),
    ],
)
def test_a_value_out_of_range_is_no_command(command: PtzCommand) -> None:
    with pytest.raises(ProtocolError):
        encode(command)


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "A50F0001800000",
        "B50F000180000045",
        "A50F0003000000B7",  # left and right
        "A50F000C000000C0",  # up and down
        "A50F0030000000E4",  # in and out
        "A50F0043000000F7",  # near and far
        "A50F008200000036",  # preset 0 is reserved
        "A50F008901030041",  # the scan knows no third border
        "A50F00FF000000B3",
    ],
)
def test_other_bytes_are_no_command(digits: str) -> None:
    with pytest.raises(ProtocolError):
        decode(bytes.fromhex(digits))


@given(data=st.binary(min_size=5, max_size=5))
def test_what_is_read_is_written_so_that_it_reads_the_same(data: bytes) -> None:
    head = b"\xa5\x0f" + data
    word = head + bytes([sum(head) & 0xFF])
    try:
        received = decode(word)
    except ProtocolError:
        return

    assert decode(encode(received.command, address=received.address)) == received
