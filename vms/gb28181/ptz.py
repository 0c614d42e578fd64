"""The eight bytes of a PTZ command (GB/T 28181-2022 annex A.3): typed commands to bytes and back.

Byte 1 is A5, byte 2 a version and a check of its own, byte 3 the address, byte 4 the instruction,
bytes 5 and 6 data, byte 7 four bits of data and four of address, byte 8 the sum of the others.
Directions are those of the picture. A movement goes on until a `Stop`.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

from vms.gb28181.errors import ProtocolError

WORD_BYTES = 8
FASTEST = 255
FASTEST_ZOOM = 15
LARGEST_VALUE = 0xFFF
"""Of a cruise's or scan's speed and of a dwell, in seconds: 12 bits."""
WIPER = 1
"""The auxiliary switch that is the wiper."""

_START, _CHECKED_VERSION = 0xA5, 0x0F
_LENS = 0x40
_CRUISE_DELETE, _CRUISE_START = 0x85, 0x88
_SCAN, _SCAN_SPEED = 0x89, 0x8A
_SWITCH_ON, _SWITCH_OFF = 0x8C, 0x8D


class Pan(IntEnum):
    """The bits of byte 4 that turn sideways."""

    RIGHT = 0x01
    LEFT = 0x02


class Tilt(IntEnum):
    """The bits of byte 4 that turn up and down."""

    DOWN = 0x04
    UP = 0x08


class Zoom(IntEnum):
    """The bits of byte 4 that change the magnification."""

    IN = 0x10
    OUT = 0x20


class Focus(IntEnum):
    """The bits of byte 4 that move the focus."""

    FAR = 0x01
    NEAR = 0x02


class Iris(IntEnum):
    """The bits of byte 4 that move the iris."""

    OPEN = 0x04
    CLOSE = 0x08


class PresetVerb(IntEnum):
    """What to do with a preset: byte 4."""

    SET = 0x81
    CALL = 0x82
    DELETE = 0x83


class CruiseVerb(Enum):
    """What to do with a cruise; `DELETE` is the whole cruise."""

    ADD_POINT = "add_point"
    DELETE_POINT = "delete_point"
    DELETE = "delete"
    SET_SPEED = "set_speed"
    SET_DWELL = "set_dwell"
    START = "start"


class ScanVerb(Enum):
    """What to do with an automatic scan."""

    START = "start"
    SET_LEFT_BORDER = "set_left_border"
    SET_RIGHT_BORDER = "set_right_border"
    SET_SPEED = "set_speed"


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop turning, zooming, cruising and scanning; or, `is_lens`, focus and iris."""

    is_lens: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """Turn and zoom: speeds 0 to 255, of the zoom 0 to 15, each for the direction it goes with."""

    pan: Pan | None = None
    tilt: Tilt | None = None
    zoom: Zoom | None = None
    pan_speed: int = 0
    tilt_speed: int = 0
    zoom_speed: int = 0


@dataclass(frozen=True, slots=True)
class Lens:
    """Move focus and iris: speeds 0 to 255."""

    focus: Focus | None = None
    iris: Iris | None = None
    focus_speed: int = 0
    iris_speed: int = 0


@dataclass(frozen=True, slots=True)
class PresetAction:
    """Set, call or delete preset 1 to 255."""

    verb: PresetVerb
    preset: int


@dataclass(frozen=True, slots=True)
class CruiseAction:
    """Change or start cruise 0 to 255; a `Stop` ends it.

    `value` is the preset of a point (1 to 255), the speed, or the dwell in seconds (0 to 4095).
    """

    verb: CruiseVerb
    cruise: int
    value: int = 0


@dataclass(frozen=True, slots=True)
class ScanAction:
    """Change or start scan 0 to 255; a `Stop` ends it. `value` is the speed, 0 to 4095."""

    verb: ScanVerb
    scan: int
    value: int = 0


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """Switch something on or off; 1 is the wiper."""

    switch: int
    is_on: bool


PtzCommand = Stop | Move | Lens | PresetAction | CruiseAction | ScanAction | Auxiliary


@dataclass(frozen=True, slots=True)
class Received:
    """A command as it came, whom it was for (0 to 4095; devices ignore it), and what was wrong."""

    command: PtzCommand
    address: int = 0
    is_version_odd: bool = False
    is_sum_wrong: bool = False


def speed_of(percent: int, fastest: int = FASTEST) -> int:
    """A speed of 1 to 100 percent on the wire's scale up to `fastest`; never 0, which stands.

    Raises `ProtocolError` for other percentages.
    """
    _check(percent, 1, 100, "speed in percent")
    return max(1, round(percent * fastest / 100))


def encode(command: PtzCommand, *, address: int = 0, max_speed: int = FASTEST) -> bytes:
    """The eight bytes; speeds beyond `max_speed`, which some cameras misread, count as that.

    Raises `ProtocolError` for values out of range.
    """
    _check(address, 0, 0xFFF, "PTZ address")
    instruction, data1, data2, data3 = _data(command, max_speed)
    word = bytes(
        [
            _START,
            _CHECKED_VERSION,
            address & 0xFF,
            instruction,
            data1,
            data2,
            data3 << 4 | address >> 8,
        ]
    )
    return word + bytes([sum(word) & 0xFF])


def decode(word: bytes, *, is_sum_needed: bool = True) -> Received:
    """Read the eight bytes; a wrong byte 2 is accepted, a wrong sum only where it is not needed.

    Speeds of directions that are not taken are ignored. Raises `ProtocolError`.
    """
    if len(word) != WORD_BYTES or word[0] != _START:
        raise ProtocolError(f"no PTZ command: {word[:16].hex()}")
    is_sum_wrong = sum(word[:7]) & 0xFF != word[7]
    if is_sum_wrong and is_sum_needed:
        raise ProtocolError(f"a PTZ command with a wrong sum: {word.hex()}")
    return Received(
        _command(word[3], word[4], word[5], word[6] >> 4),
        address=(word[6] & 0x0F) << 8 | word[2],
        is_version_odd=word[1] != _CHECKED_VERSION,
        is_sum_wrong=is_sum_wrong,
    )


def _data(command: PtzCommand, max_speed: int) -> tuple[int, int, int, int]:
    """Byte 4, byte 5, byte 6 and the upper half of byte 7."""
    data: tuple[int, int, int, int]
    match command:
        case Stop(is_lens=is_lens):
            data = _LENS if is_lens else 0, 0, 0, 0
        case Move(pan=pan, tilt=tilt, zoom=zoom):
            data = (
                (pan or 0) | (tilt or 0) | (zoom or 0),
                _speed(pan, command.pan_speed, max_speed),
                _speed(tilt, command.tilt_speed, max_speed),
                _speed(zoom, command.zoom_speed, FASTEST_ZOOM),
            )
        case Lens(focus=focus, iris=iris):
            data = (
                _LENS | (focus or 0) | (iris or 0),
                _speed(focus, command.focus_speed, max_speed),
                _speed(iris, command.iris_speed, max_speed),
                0,
            )
        case PresetAction(verb=preset_verb, preset=preset):
            data = preset_verb, 0, _check(preset, 1, 255, "preset"), 0
        case CruiseAction():
            data = _cruise_data(command)
        case ScanAction():
            data = _scan_data(command)
        case _:
            switched = _SWITCH_ON if command.is_on else _SWITCH_OFF
            data = switched, _check(command.switch, 0, 255, "switch"), 0, 0
    return data


def _speed(direction: IntEnum | None, speed: int, fastest: int) -> int:
    _check(speed, 0, FASTEST, "speed")
    return 0 if direction is None else min(speed, fastest)


_PRESET_BYTES = frozenset(PresetVerb)
_CRUISE_POINT = {CruiseVerb.ADD_POINT: 0x84, CruiseVerb.DELETE_POINT: _CRUISE_DELETE}
_CRUISE_VALUE = {CruiseVerb.SET_SPEED: 0x86, CruiseVerb.SET_DWELL: 0x87}
_SCAN_STEP = {ScanVerb.START: 0, ScanVerb.SET_LEFT_BORDER: 1, ScanVerb.SET_RIGHT_BORDER: 2}
_VERB_OF_POINT = {byte: verb for verb, byte in _CRUISE_POINT.items()}
_VERB_OF_VALUE = {byte: verb for verb, byte in _CRUISE_VALUE.items()}
_VERB_OF_STEP = {step: verb for verb, step in _SCAN_STEP.items()}


def _cruise_data(command: CruiseAction) -> tuple[int, int, int, int]:
    verb, cruise = command.verb, _check(command.cruise, 0, 255, "cruise")
    if verb in _CRUISE_POINT:
        return _CRUISE_POINT[verb], cruise, _check(command.value, 1, 255, "preset"), 0
    if verb in _CRUISE_VALUE:
        return (_CRUISE_VALUE[verb], cruise, *_twelve_bits(command.value))
    return _CRUISE_START if verb is CruiseVerb.START else _CRUISE_DELETE, cruise, 0, 0


def _scan_data(command: ScanAction) -> tuple[int, int, int, int]:
    scan = _check(command.scan, 0, 255, "scan")
    if command.verb is ScanVerb.SET_SPEED:
        return (_SCAN_SPEED, scan, *_twelve_bits(command.value))
    return _SCAN, scan, _SCAN_STEP[command.verb], 0


def _twelve_bits(value: int) -> tuple[int, int]:
    """The lower eight, which go into byte 6, and the upper four, which go into byte 7."""
    _check(value, 0, LARGEST_VALUE, "speed or dwell")
    return value & 0xFF, value >> 8


def _check(value: int, lowest: int, highest: int, what: str) -> int:
    if not lowest <= value <= highest:
        raise ProtocolError(f"{what} {value} is not from {lowest} to {highest}")
    return value


def _command(instruction: int, data1: int, data2: int, data3: int) -> PtzCommand:
    if instruction in (0, _LENS):
        return Stop(is_lens=instruction == _LENS)
    if instruction < _LENS:
        return _move(instruction, data1, data2, data3)
    if instruction & 0xF0 == _LENS:
        return _lens(instruction, data1, data2)
    command = _stored_action(instruction, data1, data2, data3)
    if command is None:
        raise ProtocolError(f"no PTZ instruction: {instruction:02X} {data1:02X} {data2:02X}")
    return command


def _move(bits: int, data1: int, data2: int, data3: int) -> Move:
    pan = Pan(bits & 0x03) if _one_of(bits & 0x03, 0x03) else None
    tilt = Tilt(bits & 0x0C) if _one_of(bits & 0x0C, 0x0C) else None
    zoom = Zoom(bits & 0x30) if _one_of(bits & 0x30, 0x30) else None
    return Move(
        pan,
        tilt,
        zoom,
        data1 if pan else 0,
        data2 if tilt else 0,
        data3 if zoom else 0,
    )


def _lens(bits: int, data1: int, data2: int) -> Lens:
    focus = Focus(bits & 0x03) if _one_of(bits & 0x03, 0x03) else None
    iris = Iris(bits & 0x0C) if _one_of(bits & 0x0C, 0x0C) else None
    return Lens(focus, iris, data1 if focus else 0, data2 if iris else 0)


def _one_of(bits: int, both: int) -> bool:
    if bits == both:
        raise ProtocolError("a PTZ command in two opposite directions")
    return bits != 0


def _stored_action(instruction: int, data1: int, data2: int, data3: int) -> PtzCommand | None:
    """Presets, cruises, scans and switches; None for what is none of them."""
    command: PtzCommand | None = None
    if instruction in _PRESET_BYTES and data2:
        command = PresetAction(PresetVerb(instruction), data2)
    elif instruction == _CRUISE_DELETE and not data2:
        command = CruiseAction(CruiseVerb.DELETE, data1)
    elif instruction in _VERB_OF_POINT and data2:
        command = CruiseAction(_VERB_OF_POINT[instruction], data1, data2)
    elif instruction in _VERB_OF_VALUE:
        command = CruiseAction(_VERB_OF_VALUE[instruction], data1, data3 << 8 | data2)
    elif instruction == _CRUISE_START:
        command = CruiseAction(CruiseVerb.START, data1)
    elif instruction == _SCAN and data2 in _VERB_OF_STEP:
        command = ScanAction(_VERB_OF_STEP[data2], data1)
    elif instruction == _SCAN_SPEED:
        command = ScanAction(ScanVerb.SET_SPEED, data1, data3 << 8 | data2)
    elif instruction in (_SWITCH_ON, _SWITCH_OFF):
        command = Auxiliary(data1, instruction == _SWITCH_ON)
    return command
