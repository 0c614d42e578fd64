"""What passes the pipes between a worker and its transcoding processes.

Each message is a header and `length` bytes. The child answers every unit, in order, by the units it
made and one `DONE`: so the parent knows how much waits, what hangs, and at which unit one died.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import cast

from media.errors import ProtocolError
from media.unit import AccessUnit, Codec

LIMIT_BYTES = 8 * 2**20
"""Of one unit; more is a mistake or an attack on either side."""

_header = struct.Struct("!BBBBIqdI")
HEADER_BYTES = _header.size
_CODECS: tuple[Codec, ...] = tuple(Codec)


class Kind(IntEnum):
    """What a message is."""

    OPEN = 1
    """Down: a job begins; its first codec is made into its second, of `pts` lines."""
    UNIT = 2
    """Down: a unit of a job. Up: one that was made."""
    CLOSE = 3
    """Down: the job ends."""
    DONE = 4
    """Up: a unit of the job is dealt with."""
    READY = 5
    """Up, once: it has started."""


class Flag(IntFlag):
    """What is true of a unit."""

    NONE = 0
    KEY = 1
    DAMAGED = 2
    """Of a picture, or with `DONE`: it did not decode."""
    SHOWN = 4
    WANTS_KEY = 8


@dataclass(slots=True)
class Message:
    """One of them; `target` counts with `OPEN` only. Not frozen: one a unit."""

    kind: Kind
    job: int
    codec: Codec = Codec.H264
    target: Codec = Codec.H264
    flags: Flag = Flag.NONE
    pts: int = 0
    received_s: float = 0.0
    data: bytes = b""

    def to_bytes(self) -> bytes:
        """As it travels."""
        return (
            _header.pack(
                self.kind,
                self.flags,
                _CODECS.index(self.codec),
                _CODECS.index(self.target),
                self.job,
                self.pts,
                self.received_s,
                len(self.data),
            )
            + self.data
        )

    def unit(self) -> AccessUnit:
        """The unit it carries."""
        return AccessUnit(
            self.codec,
            self.pts,
            self.data,
            Flag.KEY in self.flags,
            self.received_s,
            Flag.DAMAGED in self.flags,
        )


def unit_message(job: int, unit: AccessUnit, flags: Flag = Flag.NONE) -> Message:
    """A unit on its way."""
    if unit.is_key:
        flags |= Flag.KEY
    if unit.is_damaged:
        flags |= Flag.DAMAGED
    return Message(
        Kind.UNIT,
        job,
        unit.codec,
        flags=flags,
        pts=unit.pts,
        received_s=unit.received_s,
        data=unit.data,
    )


def parse_header(data: bytes) -> tuple[Message, int]:
    """A message without its bytes, and how many follow. `ProtocolError` for anything else."""
    fields = cast("tuple[int, int, int, int, int, int, float, int]", _header.unpack(data))
    kind, flags, codec, target, job, pts, received_s, length = fields
    if length > LIMIT_BYTES or max(codec, target) >= len(_CODECS):
        raise ProtocolError("bad transcoding message")
    try:
        message = Message(
            Kind(kind), job, _CODECS[codec], _CODECS[target], Flag(flags), pts, received_s
        )
    except ValueError as error:
        raise ProtocolError("bad transcoding message") from error
    return message, length


class Splitter:
    """Messages out of the pieces that a pipe gives."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Every message that is whole now. `ProtocolError` when the other side talks nonsense."""
        self._rest += data
        messages: list[Message] = []
        at = 0
        while len(self._rest) - at >= HEADER_BYTES:
            message, length = parse_header(bytes(self._rest[at : at + HEADER_BYTES]))
            end = at + HEADER_BYTES + length
            if end > len(self._rest):
                break
            message.data = bytes(self._rest[at + HEADER_BYTES : end])
            messages.append(message)
            at = end
        del self._rest[:at]
        return messages
