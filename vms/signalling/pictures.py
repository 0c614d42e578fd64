"""What a device uploads as a picture: looked at before it is kept."""

import struct

from vms.errors import InvalidError

LARGEST_BYTES = 8 * 2**20
LARGEST_SIDE_PX = 16_384

_START, _END = b"\xff\xd8", b"\xff\xd9"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers that carry the size: SOF0 to SOF15 without DHT, JPG and DAC."""
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG by its frame header (ISO/IEC 10918-1, B.2.2).

    Raises `InvalidError` for what is too large, or no JPEG, or cut off.
    """
    if len(data) > LARGEST_BYTES:
        raise InvalidError(f"a picture has at most {LARGEST_BYTES} bytes", field="data")
    if not data.startswith(_START) or _END not in data[-64:]:
        raise InvalidError("not a whole JPEG", field="data")
    at = len(_START)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _FRAMES and length >= 8 and at + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, at + 5)
            if 0 < width <= LARGEST_SIDE_PX and 0 < height <= LARGEST_SIDE_PX:
                return width, height
            break
        if marker == 0xDA or length < 2:
            break
        at += 2 + length
    raise InvalidError("a JPEG without a size", field="data")
