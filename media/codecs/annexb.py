"""The byte stream of H.264 and H.265 (annex B of both): NAL units behind start codes."""

from collections.abc import Iterator
from typing import NamedTuple

from media.codecs import h264, h265
from media.errors import ProtocolError
from media.unit import Codec, VideoFormat

START_CODE = b"\x00\x00\x00\x01"

_START = b"\x00\x00\x01"


def nal_units(data: bytes) -> list[bytes]:
    """The NAL units of `data`, without start codes and without trailing zeros."""
    return list(iterate(data))


def iterate(data: bytes) -> Iterator[bytes]:
    """Like `nal_units`, one at a time: what only the first ones interest need not be cut."""
    start = data.find(_START) + 3
    while start >= 3:
        following = data.find(_START, start)
        unit = data[start : following if following >= 0 else None].rstrip(b"\x00")
        if unit:
            yield unit
        start = following + 3


def join(units: list[bytes]) -> bytes:
    """NAL units as a byte stream."""
    return b"".join(part for unit in units for part in (START_CODE, unit))


class Content(NamedTuple):
    """What a piece of byte stream holds, as far as its first slice tells."""

    has_parameter_sets: bool = False
    is_picture: bool = False
    is_key: bool = False


# Put together once: every picture passes here.
_NO_PICTURE = tuple(Content(has_sets) for has_sets in (False, True))
_PICTURES = {
    (has_sets, is_key): Content(has_sets, is_picture=True, is_key=is_key)
    for has_sets in (False, True)
    for is_key in (False, True)
}


def content(codec: Codec, data: bytes) -> Content:
    """Looks at the NAL units up to the first slice: cheap, for every picture passes here."""
    is_h265 = codec is Codec.H265
    has_sets = False
    at = data.find(_START) + 3
    while 3 <= at < len(data):
        if is_h265:
            kind = data[at] >> 1 & 0x3F
            if kind < h265.VPS:
                return _PICTURES[has_sets, h265.FIRST_IRAP <= kind <= h265.LAST_IRAP]
            has_sets = has_sets or kind <= h265.PPS
        else:
            kind = data[at] & 0x1F
            if h264.FIRST_SLICE <= kind <= h264.IDR_SLICE:
                return _PICTURES[has_sets, kind == h264.IDR_SLICE]
            has_sets = has_sets or kind in {h264.SPS, h264.PPS}
        at = data.find(_START, at) + 3
    return _NO_PICTURE[has_sets]


def parameter_sets(codec: Codec, data: bytes) -> bytes:
    """The parameter sets before the first slice of `data`, as a byte stream of their own."""
    kept: list[bytes] = []
    for unit in iterate(data):
        if codec is Codec.H265:
            kind = h265.nal_type(unit)
            if kind < h265.VPS:
                break
            wanted = kind <= h265.PPS
        else:
            kind = h264.nal_type(unit)
            if h264.FIRST_SLICE <= kind <= h264.IDR_SLICE:
                break
            wanted = kind in {h264.SPS, h264.PPS}
        if wanted:
            kept.append(unit)
    return join(kept)


def video_format(codec: Codec, data: bytes) -> VideoFormat | None:
    """Size and profile from the first sequence parameter set of `data`; None without one.

    A set that cannot be read raises `ProtocolError`: an encrypted stream looks like this.
    """
    for unit in iterate(data):
        if codec is Codec.H265 and h265.nal_type(unit) == h265.SPS:
            return h265.parse_sps(unit)
        if codec is Codec.H264 and h264.nal_type(unit) == h264.SPS:
            if not h264.looks_like_sps(unit):
                raise ProtocolError("unreadable-parameter-set")
            return h264.parse_sps(unit)
    return None


def guess_codec(data: bytes) -> Codec | None:
    """H.264 or H.265 by the parameter sets of `data`; None while there are none.

    Slices alone would be a guess, and without parameter sets nothing can be shown anyway.
    """
    for unit in iterate(data):
        if h265.looks_like_parameter_set(unit):
            return Codec.H265
        if h264.looks_like_sps(unit):
            return Codec.H264
    return None


def starts_picture(codec: Codec, data: bytes | bytearray, at: int) -> bool:
    """True when the slice whose NAL header is at `at` is the first of its picture."""
    first = at + (2 if codec is Codec.H265 else 1)
    return first < len(data) and bool(data[first] & 0x80)
