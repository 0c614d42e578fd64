"""What a decoder has to know beforehand (ISO/IEC 14496-15 and 14496-3), for MP4 and FLV alike."""

from collections.abc import Iterable
from dataclasses import dataclass

from media.codecs import aac, annexb, h264, h265
from media.codecs.bits import BitReader, rbsp
from media.errors import ProtocolError
from media.unit import AudioFormat, Codec

AAC_LC = 2
_WITH_SAMPLE_FORM = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose sequence parameter sets and records tell colour sampling and bit depths."""

_LONGEST_SET_BYTES = 0xFFFF


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """What a decoder has to know before the first picture.

    `record` is avcC or hvcC, `name` what browsers call the codec (RFC 6381).
    """

    codec: Codec
    width: int
    height: int
    record: bytes
    name: str


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """What a decoder has to know before the first sound; `record` is an AudioSpecificConfig."""

    sample_rate_hz: int
    channels: int
    record: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Config:
    """Both; a stream without sound has none."""

    video: VideoConfig
    audio: AudioConfig | None


def video_config(codec: Codec, sets: bytes) -> VideoConfig:
    """The configuration that parameter sets (a byte stream) make.

    `ProtocolError` when one is missing or cannot be read.
    """
    known = annexb.video_format(codec, sets)
    units = annexb.nal_units(sets)
    if known is None:
        raise ProtocolError("no-parameter-set")
    if codec is Codec.H264:
        record, name = _avc_record(units)
    else:
        record, name = _hevc_record(units)
    return VideoConfig(codec, known.width, known.height, record, name)


def audio_config(known: AudioFormat, object_type: int = AAC_LC) -> AudioConfig:
    """The configuration of AAC (ISO/IEC 14496-3, 1.6.2.1). `ProtocolError`: an odd sample rate."""
    if known.sample_rate_hz not in aac.SAMPLE_RATES_HZ:
        raise ProtocolError("odd-sample-rate")
    index = aac.SAMPLE_RATES_HZ.index(known.sample_rate_hz)
    record = (object_type << 11 | index << 7 | known.channels << 3).to_bytes(2)
    return AudioConfig(known.sample_rate_hz, known.channels, record, f"mp4a.40.{object_type}")


def _avc_record(units: list[bytes]) -> tuple[bytes, str]:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) and `avc1.PPCCLL`."""
    sequence = _different(unit for unit in units if h264.nal_type(unit) == h264.SPS)
    picture = _different(unit for unit in units if h264.nal_type(unit) == h264.PPS)
    if not (0 < len(sequence) < 32 and 0 < len(picture) < 256):
        raise ProtocolError("no-parameter-set")
    first = sequence[0]
    record = b"".join(
        (
            b"\x01",
            first[1:4],
            bytes((0xFF, 0xE0 | len(sequence))),
            _with_lengths(sequence),
            bytes((len(picture),)),
            _with_lengths(picture),
        )
    )
    if first[1] in _WITH_SAMPLE_FORM:
        bits = BitReader(rbsp(first[1:]))
        bits.u(24)
        bits.ue()
        chroma = bits.ue()
        if chroma == 3:
            bits.u(1)
        record += _sample_form(chroma, bits.ue(), bits.ue()) + b"\x00"
    return record, f"avc1.{first[1:4].hex()}"


def _hevc_record(units: list[bytes]) -> tuple[bytes, str]:
    """HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1) and its name (annex E.3)."""
    arrays = [
        (kind, _different(unit for unit in units if h265.nal_type(unit) == kind))
        for kind in (h265.VPS, h265.SPS, h265.PPS)
    ]
    if not all(0 < len(sets) < 256 for _, sets in arrays):
        raise ProtocolError("no-parameter-set")
    body = rbsp(arrays[1][1][0][2:])
    levels, profile = body[0], body[1:13]
    form = _hevc_sample_form(body)
    sub_layers = (levels >> 1 & 7) + 1
    head = b"".join(
        (
            b"\x01",
            profile,
            # No least distance of slices, no kind of parallelism is claimed.
            b"\xf0\x00\xfc",
            form,
            b"\x00\x00",
            bytes((sub_layers << 3 | (levels & 1) << 2 | 3, len(arrays))),
        )
    )
    record = head + b"".join(
        bytes((0x80 | kind,)) + len(sets).to_bytes(2) + _with_lengths(sets) for kind, sets in arrays
    )
    return record, _hevc_name(profile)


def _hevc_name(profile: bytes) -> str:
    space = ("", "A", "B", "C")[profile[0] >> 6]
    # The compatibility flags are told in reverse order of their bits.
    flags = int(f"{int.from_bytes(profile[1:5]):032b}"[::-1], 2)
    tier = "H" if profile[0] & 0x20 else "L"
    constraints = profile[5:11].rstrip(b"\x00") or b""
    parts = [f"hvc1.{space}{profile[0] & 0x1F}", f"{flags:X}", f"{tier}{profile[11]}"]
    return ".".join((*parts, *(f"{byte:X}" for byte in constraints)))


def _hevc_sample_form(body: bytes) -> bytes:
    bits = BitReader(body)
    bits.u(4)
    sub_layers = bits.u(3)
    bits.u(1)
    h265.skip_profile_tier_level(bits, sub_layers)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    bits.ue()
    bits.ue()
    if bits.u(1):
        for _ in range(4):
            bits.ue()
    return _sample_form(chroma, bits.ue(), bits.ue())


def _sample_form(chroma: int, luma_bits: int, chroma_bits: int) -> bytes:
    """Colour sampling and bit depths less eight, with the reserved bits both records want set."""
    if chroma > 3 or luma_bits > 7 or chroma_bits > 7:
        raise ProtocolError("bad-parameter-set")
    return bytes((0xFC | chroma, 0xF8 | luma_bits, 0xF8 | chroma_bits))


def _different(units: Iterable[bytes]) -> list[bytes]:
    kept = list(dict.fromkeys(units))
    if any(len(unit) > _LONGEST_SET_BYTES for unit in kept):
        raise ProtocolError("overlong-parameter-set")
    return kept


def _with_lengths(units: list[bytes]) -> bytes:
    return b"".join(part for unit in units for part in (len(unit).to_bytes(2), unit))
