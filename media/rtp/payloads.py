"""Pictures cut into RTP payloads: H.264 by RFC 6184, H.265 by RFC 7798. Pure.

H.264 in packetization-mode 1 (single NAL unit, STAP-A, FU-A); H.265 in one stream, in the order of
decoding, without DONs (single NAL unit, AP, FU). Depacketising is `media.rtp.depacketise`.
"""

from collections.abc import Callable, Iterator, Sequence

from media.codecs import h265
from media.codecs.annexb import iterate
from media.unit import Codec

_H264_UNSENT = frozenset({9, 12})
"""Access unit delimiter and filler data: they tell a receiver nothing."""
_H265_UNSENT = frozenset({h265.ACCESS_UNIT_DELIMITER, 38})

_STAP_A = 24
_FU_A = 28
_AP = 48
_FU = 49
_SIZE_BYTES = 2
"""Before each unit of an aggregate."""
_STARTS, _ENDS = 0x80, 0x40
"""Of the header behind that of a fragment."""


def payloads_of(codec: Codec, picture: bytes, limit_bytes: int) -> list[bytes]:
    """The RTP payloads of one Annex B picture, in order, each at most `limit_bytes` long."""
    cut = h265_payloads if codec is Codec.H265 else h264_payloads
    return cut(picture, limit_bytes)


def h264_payloads(picture: bytes, limit_bytes: int) -> list[bytes]:
    """H.264; delimiters and filler are left out."""
    units = (unit for unit in iterate(picture) if unit[0] & 0x1F not in _H264_UNSENT)
    return _pack(units, limit_bytes, 1, _h264_aggregate, _h264_fragments)


def h265_payloads(picture: bytes, limit_bytes: int) -> list[bytes]:
    """H.265; delimiters and filler are left out, and units without a header of two bytes."""
    units = (
        unit
        for unit in iterate(picture)
        if len(unit) > 1 and h265.nal_type(unit) not in _H265_UNSENT
    )
    return _pack(units, limit_bytes, 2, _h265_aggregate, _h265_fragments)


def _pack(
    units: Iterator[bytes],
    limit_bytes: int,
    header_bytes: int,
    aggregate: Callable[[Sequence[bytes]], bytes],
    fragments: Callable[[bytes, int], Iterator[bytes]],
) -> list[bytes]:
    """Small units that follow each other share a payload, large ones are cut."""
    payloads: list[bytes] = []
    small: list[bytes] = []
    small_bytes = header_bytes

    def flush() -> None:
        nonlocal small, small_bytes
        if small:
            payloads.append(small[0] if len(small) == 1 else aggregate(small))
            small, small_bytes = [], header_bytes

    for unit in units:
        size = _SIZE_BYTES + len(unit)
        if small_bytes + size > limit_bytes:
            flush()
        if len(unit) > limit_bytes:
            payloads.extend(fragments(unit, limit_bytes))
        else:
            small.append(unit)
            small_bytes += size
    flush()
    return payloads


def _joined(header: bytes, units: Sequence[bytes]) -> bytes:
    parts = [header]
    for unit in units:
        parts += [len(unit).to_bytes(_SIZE_BYTES), unit]
    return b"".join(parts)


def _h264_aggregate(units: Sequence[bytes]) -> bytes:
    importance = max(unit[0] & 0x60 for unit in units)
    forbidden = max(unit[0] & 0x80 for unit in units)
    return _joined(bytes((forbidden | importance | _STAP_A,)), units)


def _h264_fragments(unit: bytes, limit_bytes: int) -> Iterator[bytes]:
    indicator = unit[0] & 0xE0 | _FU_A
    for flags, piece in _pieces(unit, 1, limit_bytes - 2):
        yield bytes((indicator, flags | unit[0] & 0x1F)) + piece


def _h265_aggregate(units: Sequence[bytes]) -> bytes:
    """An aggregate is of the lowest layer and temporal id among its units (RFC 7798, 4.4.2)."""
    forbidden = max(unit[0] & 0x80 for unit in units)
    layer = min((unit[0] & 1) << 5 | unit[1] >> 3 for unit in units)
    temporal = min(unit[1] & 7 for unit in units)
    header = (forbidden | _AP << 1 | layer >> 5, (layer & 0x1F) << 3 | temporal)
    return _joined(bytes(header), units)


def _h265_fragments(unit: bytes, limit_bytes: int) -> Iterator[bytes]:
    header = bytes((unit[0] & 0x81 | _FU << 1, unit[1]))
    for flags, piece in _pieces(unit, 2, limit_bytes - 3):
        yield header + bytes((flags | h265.nal_type(unit),)) + piece


def _pieces(unit: bytes, header_bytes: int, room: int) -> Iterator[tuple[int, bytes]]:
    """(start and end flags, bytes) of what follows the unit's own header."""
    end = len(unit)
    for start in range(header_bytes, end, room):
        flags = (_STARTS if start == header_bytes else 0) | (_ENDS if start + room >= end else 0)
        yield flags, unit[start : start + room]
