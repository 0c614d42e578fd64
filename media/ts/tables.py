"""The tables of a transport stream that say where its pictures and sound are (2.4.4)."""

from collections.abc import Mapping
from types import MappingProxyType

from media.errors import ProtocolError
from media.ps.stream_types import CODECS
from media.unit import Codec

PROGRAM_ASSOCIATION = 0x00
PROGRAM_MAP = 0x02
SECTION_LIMIT_BYTES = 1024

STREAM_LIMIT = 16
"""Elementary streams that are told apart; a camera has two or three."""

_REGISTRATION = 0x05
_REGISTERED: Mapping[bytes, Codec] = MappingProxyType(
    {b"HEVC": Codec.H265, b"AVC1": Codec.H264, b"H264": Codec.H264}
)
_PRIVATE_DATA = 0x06


class SectionReader:
    """Payloads of one packet identifier in, sections out, however they are cut."""

    def __init__(self) -> None:
        self._data = b""
        self._is_begun = False

    def feed(self, payload: bytes, *, is_start: bool) -> bytes | None:
        """The section that is complete with this payload; the last, when they are several."""
        found: bytes | None = None
        if is_start:
            pointer = payload[0] + 1
            if self._is_begun:
                found = self._take(payload[1:pointer])
            payload = payload[pointer:]
            self._data = b""
            self._is_begun = True
        if self._is_begun:
            found = self._take(payload) or found
        return found

    def forget(self) -> None:
        """Packets are missing."""
        self._is_begun = False
        self._data = b""

    def _take(self, piece: bytes) -> bytes | None:
        data = self._data + piece
        found: bytes | None = None
        # FF is stuffing: nothing more in this packet.
        while len(data) >= 3 and data[0] != 0xFF:
            end = 3 + ((data[1] & 0x0F) << 8 | data[2])
            if end > SECTION_LIMIT_BYTES:
                self.forget()
                return found
            if end > len(data):
                self._data = data
                return found
            found, data = data[:end], data[end:]
        self._data = data if data and data[0] != 0xFF else b""
        return found


def program_map_pid(section: bytes) -> int | None:
    """Where the map of the first program is; None when the table names none."""
    if len(section) < 12 or section[0] != PROGRAM_ASSOCIATION:
        raise ProtocolError("bad-program-association")
    for at in range(8, len(section) - 7, 4):
        if section[at] << 8 | section[at + 1]:
            return (section[at + 2] & 0x1F) << 8 | section[at + 3]
    return None


def streams_of(section: bytes) -> list[tuple[int, int, Codec | None]]:
    """Packet identifier, stream type and codec of each elementary stream of a program map."""
    if len(section) < 16 or section[0] != PROGRAM_MAP:
        raise ProtocolError("bad-program-map")
    at = 12 + ((section[10] & 0x0F) << 8 | section[11])
    end = len(section) - 4
    found: list[tuple[int, int, Codec | None]] = []
    while at + 5 <= end and len(found) < STREAM_LIMIT:
        stream_type = section[at]
        pid = (section[at + 1] & 0x1F) << 8 | section[at + 2]
        following = at + 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4])
        codec = CODECS.get(stream_type)
        if stream_type == _PRIVATE_DATA:
            codec = _registered(section[at + 5 : min(following, end)])
        found.append((pid, stream_type, codec))
        at = following
    return found


def _registered(descriptors: bytes) -> Codec | None:
    at = 0
    while at + 2 <= len(descriptors):
        if descriptors[at] == _REGISTRATION:
            return _REGISTERED.get(descriptors[at + 2 : at + 6])
        at += 2 + descriptors[at + 1]
    return None
