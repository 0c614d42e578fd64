"""The identifiers of GB/T 28181 (2022 annex E, 2016 annex D): opaque digits, read where useful."""

from typing import Self

from vms.gb28181.errors import ProtocolError

MAX_DIGITS = 20


class _Id(str):
    """1 to 20 digits, kept as text: leading zeros count, and 20 digits overflow 64 bits."""

    __slots__ = ()

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
