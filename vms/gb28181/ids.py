"""The identifiers of GB/T 28181 (2022 annex E, 2016 annex D): opaque digits, read where useful."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from vms.gb28181.errors import ProtocolError

MAX_DIGITS = 20


class _Id(str):
    """1 to 20 digits, kept as text: leading zeros count, and 20 digits overflow 64 bits."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """What is one already is the same one: a city has each of its identifiers once."""
        return text if type(text) is cls else super().__new__(cls, text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an identifier from the wire or from a person; raises `ProtocolError`."""
        text = text.strip()
        if not (1 <= len(text) <= MAX_DIGITS and text.isascii() and text.isdigit()):
            raise ProtocolError(f"not an identifier of 1 to 20 digits: {text[:40]!r}")
        return cls(text)


class DeviceId(_Id):
    """Who speaks SIP to us: a camera, a recorder, a lower platform."""

    __slots__ = ()


class ChannelId(_Id):
    """A sub-resource of a device; it does not register."""

    __slots__ = ()


class Kind(StrEnum):
    """What an identifier names, by its length and its type code (digits 11 to 13)."""

    DIVISION = "division"
    SYSTEM = "system"
    BUSINESS_GROUP = "business_group"
    VIRTUAL_ORGANISATION = "virtual_organisation"
    PLATFORM_PART = "platform_part"
    MAIN_DEVICE = "main_device"
    CAMERA = "camera"
    ALARM_INPUT = "alarm_input"
    ALARM_OUTPUT = "alarm_output"
    AUDIO_INPUT = "audio_input"
    AUDIO_OUTPUT = "audio_output"
    USER = "user"
    OTHER = "other"


_DIVISION_LENGTHS = frozenset({2, 4, 6, 8})

_KIND_OF_NUMBER: dict[int, Kind] = {
    **dict.fromkeys(range(111, 131), Kind.MAIN_DEVICE),
    131: Kind.CAMERA,
    132: Kind.CAMERA,
    134: Kind.ALARM_INPUT,
    135: Kind.ALARM_OUTPUT,
    136: Kind.AUDIO_INPUT,
    137: Kind.AUDIO_OUTPUT,
    140: Kind.ALARM_OUTPUT,
    **dict.fromkeys(range(200, 300), Kind.PLATFORM_PART),
    200: Kind.SYSTEM,
    215: Kind.BUSINESS_GROUP,
    216: Kind.VIRTUAL_ORGANISATION,
    **dict.fromkeys(range(300, 500), Kind.USER),
}
_KIND_OF_TYPE = {str(number): kind for number, kind in _KIND_OF_NUMBER.items()}


@dataclass(frozen=True, slots=True)
class IdParts:
    """A 20-digit identifier taken apart by rule A (2022 annex E.1)."""

    centre: str
    """Eight digits: province, city, district, basic unit; unused trailing pairs are 00."""
    industry: str
    type_code: int
    network: str
    serial: str

    @classmethod
    def of(cls, identifier: str) -> Self | None:
        """The parts, or None where the identifier is not of 20 digits."""
        if len(identifier) != MAX_DIGITS or not (identifier.isascii() and identifier.isdigit()):
            return None
        return cls(
            centre=identifier[:8],
            industry=identifier[8:10],
            type_code=int(identifier[10:13]),
            network=identifier[13],
            serial=identifier[14:],
        )


def kind_of(identifier: str) -> Kind:
    """What `identifier` (1 to 20 digits) names; a hint, for devices do use wrong type codes."""
    if len(identifier) in _DIVISION_LENGTHS:
        return Kind.DIVISION
    if len(identifier) != MAX_DIGITS or not (identifier.isascii() and identifier.isdigit()):
        return Kind.OTHER
    return _KIND_OF_TYPE.get(identifier[10:13], Kind.OTHER)


def civil_code(identifier: str) -> str:
    """The division an identifier lies in: its centre code without the trailing 00 pairs.

    A division identifier is its own; empty where the identifier is of neither form.
    """
    if len(identifier) in _DIVISION_LENGTHS:
        return identifier
    parts = IdParts.of(identifier)
    if parts is None:
        return ""
    code = parts.centre
    while code.endswith("00"):
        code = code[:-2]
    return code
