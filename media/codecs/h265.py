"""What is read from H.265 NAL units (ITU-T H.265, 7.3 and 7.4)."""

from media.codecs.bits import BitReader, rbsp
from media.errors import ProtocolError
from media.unit import Codec, VideoFormat

FIRST_IRAP = 16
LAST_IRAP = 23
VPS = 32
SPS = 33
PPS = 34
ACCESS_UNIT_DELIMITER = 35
SEI = 39
"""Prefix SEI; the suffix kind belongs to the picture before it."""

_LARGEST_SIDE = 16_384


def nal_type(nal: bytes) -> int:
    """`nal_unit_type`."""
    return nal[0] >> 1 & 0x3F


def looks_like_parameter_set(nal: bytes) -> bool:
    """A video parameter set of layer 0, or a sequence parameter set that can be read."""
    if len(nal) < 6 or nal[1] != 0x01:
        return False
    if nal[0] == VPS << 1:
        # vps_reserved_0xffff_16bits stands behind four bytes of header and flags.
        return nal[4:6] == b"\xff\xff"
    if nal[0] != SPS << 1:
        return False
    try:
        parse_sps(nal)
    except ProtocolError:
        return False
    return True


def parse_sps(nal: bytes) -> VideoFormat:
    """Picture size after cropping (7.3.2.2.1)."""
    bits = BitReader(rbsp(nal[2:]))
    bits.u(4)
    sub_layers = bits.u(3)
    bits.u(1)
    skip_profile_tier_level(bits, sub_layers)
    bits.ue()
    chroma_format = bits.ue()
    separate_planes = bits.u(1) if chroma_format == 3 else 0
    width, height = bits.ue(), bits.ue()
    if bits.u(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        has_chroma = chroma_format and not separate_planes
        width -= (left + right) * (2 if has_chroma and chroma_format != 3 else 1)
        height -= (top + bottom) * (2 if has_chroma and chroma_format == 1 else 1)
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
        raise ProtocolError("bad-picture-size")
    return VideoFormat(Codec.H265, width, height)


def skip_profile_tier_level(bits: BitReader, sub_layers: int) -> None:
    """`profile_tier_level` (7.3.3), of which a sequence parameter set has one."""
    bits.u(88)
    bits.u(8)
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.u(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.u(88 * has_profile + 8 * has_level)
