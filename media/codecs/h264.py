"""What is read from H.264 NAL units (ITU-T H.264, 7.3 and 7.4)."""

from media.codecs.bits import BitReader, rbsp
from media.errors import ProtocolError
from media.unit import Codec, VideoFormat

FIRST_SLICE = 1
IDR_SLICE = 5
SEI = 6
SPS = 7
PPS = 8
ACCESS_UNIT_DELIMITER = 9

_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_PROFILES = _HIGH_PROFILES | {66, 77, 88}
_LARGEST_SIDE = 16_384


def nal_type(nal: bytes) -> int:
    """`nal_unit_type`."""
    return nal[0] & 0x1F


def looks_like_sps(nal: bytes) -> bool:
    """A sequence parameter set that can be read to the end and has a sane size."""
    if len(nal) < 5 or nal[0] not in {0x67, 0x47, 0x27} or nal[1] not in _PROFILES:
        return False
    try:
        parse_sps(nal)
    except ProtocolError:
        return False
    return True


def parse_sps(nal: bytes) -> VideoFormat:
    """Picture size after cropping, and profile-level-id (7.3.2.1.1)."""
    if len(nal) < 4:
        raise ProtocolError("truncated-parameter-set")
    bits = BitReader(rbsp(nal[1:]))
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    chroma_format = 1
    separate_planes = 0
    if profile in _HIGH_PROFILES:
        chroma_format = bits.ue()
        if chroma_format == 3:
            separate_planes = bits.u(1)
        bits.ue()
        bits.ue()
        bits.u(1)
        if bits.u(1):
            for index in range(8 if chroma_format != 3 else 12):
                if bits.u(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.ue()
    _skip_picture_order(bits)
    bits.ue()
    bits.u(1)
    width = (bits.ue() + 1) * 16
    map_units = bits.ue() + 1
    frames_only = bits.u(1)
    if not frames_only:
        bits.u(1)
    bits.u(1)
    height = map_units * 16 * (2 - frames_only)
    if bits.u(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        has_chroma = chroma_format and not separate_planes
        unit_x = 2 if has_chroma and chroma_format != 3 else 1
        unit_y = (2 if has_chroma and chroma_format == 1 else 1) * (2 - frames_only)
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
        raise ProtocolError("bad-picture-size")
    return VideoFormat(Codec.H264, width, height, nal[1:4].hex())


def _skip_picture_order(bits: BitReader) -> None:
    order_type = bits.ue()
    if order_type == 0:
        bits.ue()
    elif order_type == 1:
        bits.u(1)
        bits.se()
        bits.se()
        cycle = bits.ue()
        if cycle > 255:
            raise ProtocolError("bad-parameter-set")
        for _ in range(cycle):
            bits.se()


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last
