"""The eight bytes of a PTZCmd (annex A.3) put into practice by a simulated head.

Read here bit by bit from the tables of the standard, on purpose without the server's own reading of
them: a mistake made once is not made twice.
"""

from vms.gb28181.manscdp.messages import PtzControl
from vms.simulator.head import CRUISE_SPEED_MAX, Head

_FIRST_BYTE = 0xA5
_LENGTH = 8
_FULL = 255
_FULL_ZOOM = 15
_PRESETS = frozenset({0x81, 0x82, 0x83})
_CRUISES = frozenset({0x84, 0x85, 0x86, 0x87, 0x88})
_SCANS = frozenset({0x89, 0x8A})
_SWITCH_ON, _SWITCH_OFF = 0x8C, 0x8D


def is_sound(code: bytes) -> bool:
    """Whether first byte and check sum are right; a wrong second byte is let pass."""
    return len(code) == _LENGTH and code[0] == _FIRST_BYTE and sum(code[:7]) & 0xFF == code[7]


def obey(head: Head, control: PtzControl, now: float) -> bool:
    """Do what the word says; False for words that are not sound or say nothing."""
    code = control.code
    if not is_sound(code):
        return False
    instruction, first, second = code[3], code[4], code[5]
    twelve_bits = second | (code[6] >> 4) << 8
    if instruction < 0x40:
        _move(head, instruction, first, second, code[6] >> 4, now)
    elif instruction < 0x50:
        _turn_lens(head, instruction, first, second, now)
    elif instruction in _PRESETS:
        return _preset(head, instruction, second, control.preset_name, now)
    elif instruction in _CRUISES:
        return _cruise(head, instruction, first, twelve_bits, control.cruise_track_name, now)
    elif instruction in _SCANS:
        _scan(head, instruction, first, twelve_bits, now)
    elif instruction == _SWITCH_ON:
        head.switches.add(first)
    elif instruction == _SWITCH_OFF:
        head.switches.discard(first)
    else:
        return False
    return True


def _move(head: Head, bits: int, pan: int, tilt: int, zoom: int, now: float) -> None:
    """Zoom out, zoom in, up, down, left, right from bit 5 down; up is a negative tilt."""
    head.move(
        _signed(bits & 1, bits & 2, pan / _FULL),
        _signed(bits & 4, bits & 8, tilt / _FULL),
        _signed(bits & 16, bits & 32, zoom / _FULL_ZOOM),
        now,
    )


def _turn_lens(head: Head, bits: int, focus: int, iris: int, now: float) -> None:
    """Iris smaller, iris larger, focus near, focus far from bit 3 down."""
    head.turn_lens(
        _signed(bits & 1, bits & 2, focus / _FULL), _signed(bits & 4, bits & 8, iris / _FULL), now
    )


def _signed(forward: int, backward: int, speed: float) -> float:
    """Both bits at once are forbidden and move nothing."""
    return (bool(forward) - bool(backward)) * speed


def _preset(head: Head, instruction: int, number: int, name: str, now: float) -> bool:
    if instruction == 0x81:
        return head.set_preset(number, name, now)
    if instruction == 0x82:
        return head.call_preset(number, now)
    head.delete_preset(number)
    return True


def _cruise(head: Head, instruction: int, group: int, value: int, name: str, now: float) -> bool:
    match instruction:
        case 0x84:
            head.add_cruise_point(group, value & 0xFF, name)
        case 0x85:
            head.delete_cruise_point(group, value & 0xFF)
        case 0x86:
            head.cruise(group, name).speed = min(max(value, 1), CRUISE_SPEED_MAX)
        case 0x87:
            head.cruise(group, name).stay_s = value
        case _:
            return head.start_cruise(group, now)
    return True


def _scan(head: Head, instruction: int, group: int, value: int, now: float) -> None:
    if instruction == 0x8A:
        head.scan(group).speed = value
    elif value & 0xFF == 0:
        head.start_scan(group, now)
    else:
        head.set_scan_border(group, is_left=value & 0xFF == 1, now=now)
