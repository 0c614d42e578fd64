"""The values of single elements: text to value and back, side by side (annex A.2.1).

A reader gets a text that is not empty and returns None where it says nothing usable.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.common import Result
from vms.gb28181.manscdp.editions import UP_TO_2016
from vms.gb28181.manscdp.fields import (
    is_exact_time,
    read_coordinate,
    read_integer,
    read_switch,
    read_time,
    write_time,
)
from vms.gb28181.manscdp.tolerances import Tolerance, note_odd_id
from vms.gb28181.version import Edition

_LARGEST = 10**12
_MAX_PARTS = 64
_SIZE = re.compile(r"([0-9]{1,5})\s*[*xX\u00d7]\s*([0-9]{1,5})\Z")
_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Scalar:
    """How one element's text is read and written; an empty text is not written at all."""

    # The attribute that is written has the type that is read; only the tables' tests can tell.
    read: Callable[[str, set[Tolerance]], Any]
    write: Callable[[Any, Edition], str]


def _written(value: object, _: Edition) -> str:
    return "" if value is None else str(value)


TEXT = Scalar(lambda text, _: text, _written)
UNKEPT = Scalar(lambda _, __: None, _written)
"""A password: written where the standard wants it, never kept from what is read."""


def integer(lowest: int = 0, highest: int = 2**31 - 1) -> Scalar:
    """An integer; beyond its range it counts as the nearest that is in it, and is noted."""

    def read(text: str, notes: set[Tolerance]) -> int | None:
        number = read_integer(text)
        if number is None:
            notes.add(Tolerance.NUMBER)
        elif not lowest <= number <= highest:
            notes.add(Tolerance.NUMBER_RANGE)
            return min(max(number, lowest), highest)
        return number

    return Scalar(read, _written)


INTEGER = integer()


def ordinal(lowest: int, highest: int) -> Scalar:
    """The number of one among several; beyond its range it is none of them. The nearest would be
    another one."""

    def read(text: str, notes: set[Tolerance]) -> int | None:
        number = read_integer(text)
        if number is None or not lowest <= number <= highest:
            notes.add(Tolerance.NUMBER)
            return None
        return number

    return Scalar(read, _written)


def _read_decimal(text: str, notes: set[Tolerance]) -> float | None:
    number = read_coordinate(text, _LARGEST)
    if number is None:
        notes.add(Tolerance.NUMBER)
    return number


def _write_decimal(number: float | None, _: Edition) -> str:
    return "" if number is None or not math.isfinite(number) else repr(float(number))


DECIMAL = Scalar(_read_decimal, _write_decimal)


def degrees(limit: int) -> Scalar:
    """A coordinate within ±`limit`; beyond, it is none."""

    def read(text: str, notes: set[Tolerance]) -> float | None:
        number = read_coordinate(text, limit)
        if number is None:
            notes.add(Tolerance.NUMBER)
        return number

    return Scalar(read, _write_decimal)


LONGITUDE = degrees(180)
LATITUDE = degrees(90)


def _read_time(text: str, notes: set[Tolerance]) -> datetime | None:
    at = read_time(text)
    if at is None:
        notes.add(Tolerance.NUMBER)
    elif not is_exact_time(text):
        notes.add(Tolerance.TIME_FORM)
    return at


TIME = Scalar(_read_time, lambda at, _: "" if at is None else write_time(at))


def switch(yes: str, no: str) -> Scalar:
    """One of two words; their dialects (`read_switch`) are noted."""

    def read(text: str, notes: set[Tolerance]) -> bool | None:
        if text in (yes, no):
            return text == yes
        notes.add(Tolerance.WORD)
        word = text.upper()
        if word in (yes.upper(), no.upper()):
            return word == yes.upper()
        return read_switch(text)

    def write(value: bool | None, _: Edition) -> str:
        return "" if value is None else (yes if value else no)

    return Scalar(read, write)


def _read_flag(text: str, notes: set[Tolerance]) -> bool | None:
    if text in ("0", "1"):
        return text == "1"
    number = read_integer(text)
    if number is None:
        notes.add(Tolerance.WORD)
        return read_switch(text)
    notes.add(Tolerance.NUMBER_RANGE)
    return number > 0


FLAG = Scalar(_read_flag, lambda value, _: "" if value is None else str(int(value)))


def _read_result(text: str, notes: set[Tolerance]) -> Result:
    if text in ("OK", "ERROR"):
        return Result(text)
    notes.add(Tolerance.RESULT_WORD)
    return Result.ERROR if read_switch(text) is False else Result.OK


RESULT = Scalar(_read_result, _written)


def word(words: type[_Word]) -> Scalar:
    """One of an enumeration's words, in whatever case."""
    of_lower: Mapping[str, _Word] = {one.value.lower(): one for one in words}

    def read(text: str, notes: set[Tolerance]) -> _Word | None:
        found = of_lower.get(text.lower())
        if found is None or found.value != text:
            notes.add(Tolerance.WORD)
        return found

    return Scalar(read, _written)


def identifier(kind: type[DeviceId] | type[ChannelId]) -> Scalar:
    """1 to 20 digits; odd lengths and type digits are noted."""

    def read(text: str, notes: set[Tolerance]) -> DeviceId | ChannelId | None:
        try:
            found = kind.parse(text)
        except ProtocolError:
            return None
        note_odd_id(found, notes)
        return found

    return Scalar(read, _written)


DEVICE_ID = identifier(DeviceId)
CHANNEL_ID = identifier(ChannelId)


def _read_parts(text: str, _: set[Tolerance]) -> tuple[str, ...]:
    parts = [part.strip() for part in text.split("/", _MAX_PARTS)]
    return tuple(part for part in parts[:_MAX_PARTS] if part)


PARTS = Scalar(_read_parts, lambda parts, _: "/".join(parts))
"""Several words or codes, `1/2/4`."""


def _read_numbers(text: str, notes: set[Tolerance]) -> tuple[int, ...]:
    numbers = [read_integer(part) for part in _read_parts(text, notes)]
    if None in numbers:
        notes.add(Tolerance.NUMBER)
    # 0 stands for all of them, and so does naming none.
    return tuple(number for number in numbers if number)


NUMBERS = Scalar(_read_numbers, lambda numbers, _: "/".join(map(str, numbers)))


def _read_methods(text: str, notes: set[Tolerance]) -> tuple[int, ...]:
    """Up to 2016 methods of one digit each were written together: `12` for 1 and 2."""
    if text.isascii() and text.isdigit():
        return _read_numbers("/".join(text[:_MAX_PARTS]), notes)
    return _read_numbers(text, notes)


def _write_methods(methods: tuple[int, ...], edition: Edition) -> str:
    return ("" if edition in UP_TO_2016 else "/").join(map(str, methods))


METHODS = Scalar(_read_methods, _write_methods)
METHODS_APART = Scalar(_read_methods, NUMBERS.write)
"""The alarms to reset: parted by strokes in every edition."""


def _read_eight_bytes(text: str, notes: set[Tolerance]) -> bytes | None:
    digits = "".join(text.split())
    if len(digits) != 16:
        return None
    try:
        code = bytes.fromhex(digits)
    except ValueError:
        return None
    if digits != text or digits != digits.upper():
        notes.add(Tolerance.WORD)
    return code


def _write_eight_bytes(code: bytes, _: Edition) -> str:
    if len(code) != 8:
        raise ProtocolError(f"a PTZ code of {len(code)} bytes")
    return code.hex().upper()


EIGHT_BYTES = Scalar(_read_eight_bytes, _write_eight_bytes)
"""The PTZ code: the schema's "length 8" is bytes, written in 16 digits."""


def _read_resolution(text: str, notes: set[Tolerance]) -> str:
    size = _SIZE.match(text)
    if size is None:
        return text
    if text != f"{size[1]}x{size[2]}":
        notes.add(Tolerance.WORD)
    return f"{size[1]}x{size[2]}"


RESOLUTION = Scalar(_read_resolution, _written)
"""A code of the SDP's f line, or width and height with one of several signs between them."""


def _read_resolutions(text: str, notes: set[Tolerance]) -> tuple[str, ...]:
    return tuple(_read_resolution(part, notes) for part in _read_parts(text, notes))


RESOLUTIONS = Scalar(_read_resolutions, lambda parts, _: "/".join(parts))
