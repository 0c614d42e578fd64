"""Writes an MPEG transport stream (ISO 13818-1), as some cameras send it instead of PS."""

from media.ps.mux import PES_PAYLOAD_LIMIT, crc32_mpeg, pes
from media.ps.stream_types import AUDIO_STREAM, STREAM_TYPES, VIDEO_STREAM
from media.unit import Codec

PACKET_BYTES = 188
PACKETS_IN_RTP = 7
"""RFC 2250, 2: whole packets, as many as fit."""

_SYNC = 0x47
_PAT_PID, _PMT_PID, _VIDEO_PID, _AUDIO_PID = 0, 0x1000, 0x100, 0x101
_BODY_BYTES = PACKET_BYTES - 4


class TsMuxer:
    """One programme: pictures, and sound where there is some. It is used as `PsMuxer` is."""

    def __init__(self, video: Codec, audio: Codec | None = None) -> None:
        streams = _stream(STREAM_TYPES[video], _VIDEO_PID)
        if audio is not None:
            streams += _stream(STREAM_TYPES[audio], _AUDIO_PID)
        self._pat = _section(0x00, b"\x00\x01" + _pid(_PMT_PID))
        self._pmt = _section(0x02, _pid(_VIDEO_PID) + b"\xf0\x00" + streams)
        self._counters: dict[int, int] = {}

    def picture(self, data: bytes, pts: int, *, is_key: bool) -> bytes:
        """The packets of one picture; a key picture is preceded by PAT and PMT."""
        tables = b""
        if is_key:
            tables = self._packets(_PAT_PID, self._pat) + self._packets(_PMT_PID, self._pmt)
        parts = [
            self._packets(
                _VIDEO_PID,
                pes(
                    VIDEO_STREAM,
                    data[start : start + PES_PAYLOAD_LIMIT],
                    None if start else pts,
                ),
                pcr=None if start else pts,
            )
            for start in range(0, len(data), PES_PAYLOAD_LIMIT)
        ]
        return tables + b"".join(parts)

    def sound(self, data: bytes, pts: int) -> bytes:
        """The packets of a piece of sound."""
        return self._packets(_AUDIO_PID, pes(AUDIO_STREAM, data, pts))

    def _packets(self, pid: int, data: bytes, pcr: int | None = None) -> bytes:
        """`data` in packets, the last filled up with stuffing in its adaptation field."""
        packets: list[bytes] = []
        at, is_first = 0, True
        while at < len(data):
            field = b"" if pcr is None or not is_first else b"\x10" + _clock(pcr)
            room = _BODY_BYTES - (1 + len(field) if field else 0)
            piece = data[at : at + room]
            field = _stuffed(field, _BODY_BYTES - len(piece))
            counter = self._counters.get(pid, 0)
            self._counters[pid] = (counter + 1) & 0x0F
            head = bytes(
                (
                    _SYNC,
                    is_first << 6 | pid >> 8,
                    pid & 0xFF,
                    (0x30 if field else 0x10) | counter,
                )
            )
            packets.append(head + field + piece)
            at, is_first = at + len(piece), False
        return b"".join(packets)


def _stuffed(field: bytes, length: int) -> bytes:
    """An adaptation field of `length` bytes with its own length; nothing where there is no room."""
    if length == 0:
        return b""
    if length == 1:
        return b"\x00"
    body = field or b"\x00"
    return bytes((length - 1,)) + body + b"\xff" * (length - 1 - len(body))


def _clock(pts: int) -> bytes:
    """A programme clock reference: 33 bits of 90 kHz, six reserved, nine of 27 MHz."""
    return ((pts % (1 << 33)) << 15 | 0x3F << 9).to_bytes(6, "big")


def _pid(pid: int) -> bytes:
    return (0xE000 | pid).to_bytes(2, "big")


def _stream(stream_type: int, pid: int) -> bytes:
    return bytes((stream_type,)) + _pid(pid) + b"\xf0\x00"


def _section(table_id: int, body: bytes) -> bytes:
    """A table of one section, with the pointer before it and its check sum behind."""
    rest = b"\x00\x01\xc1\x00\x00" + body
    section = bytes((table_id,)) + (0xB000 | len(rest) + 4).to_bytes(2, "big") + rest
    return b"\x00" + section + crc32_mpeg(section).to_bytes(4, "big")
