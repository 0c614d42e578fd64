"""What a program stream map calls its streams (GB/T 28181-2022, annex C; ISO 13818-1)."""

from collections.abc import Mapping
from types import MappingProxyType

from media.unit import Codec

PACK = 0xBA
SYSTEM_HEADER = 0xBB
PROGRAM_STREAM_MAP = 0xBC
PRIVATE_STREAM_1 = 0xBD
PROGRAM_END = 0xB9
AUDIO_STREAM = 0xC0
VIDEO_STREAM = 0xE0

CODECS: Mapping[int, Codec] = MappingProxyType(
    {
        0x1B: Codec.H264,
        0x24: Codec.H265,
        0x90: Codec.PCMA,
        0x91: Codec.PCMU,
        0x0F: Codec.AAC,
        0x99: Codec.G729,
    }
)
"""`stream_type` -> the codecs that are understood."""

STREAM_TYPES: Mapping[Codec, int] = MappingProxyType({codec: n for n, codec in CODECS.items()})
"""The other way, for muxing."""

NAMES: Mapping[int, str] = MappingProxyType(
    {
        0x01: "MPEG-1 video",
        0x02: "MPEG-2 video",
        0x03: "MPEG-1 audio",
        0x04: "MPEG-2 audio",
        0x10: "MPEG-4 video",
        0x11: "AAC LATM",
        0x1C: "AAC without ADTS",
        0x33: "H.266",
        0x80: "SVAC video",
        0x92: "G.722.1",
        0x93: "G.723.1",
        0x9B: "SVAC audio",
    }
)
"""Types that are recognised but not understood, so that an operator can be told which it is."""

ENCRYPTED = "encrypted stream"
"""Said of a stream that names its codecs and cannot be decoded by anybody without its key."""


def is_audio(stream_id: int) -> bool:
    """`C0`-`DF`."""
    return 0xC0 <= stream_id <= 0xDF


def is_video(stream_id: int) -> bool:
    """`E0`-`EF`."""
    return 0xE0 <= stream_id <= 0xEF
