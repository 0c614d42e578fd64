"""What everything in `media` exchanges: one access unit of one elementary stream."""

from dataclasses import dataclass
from enum import StrEnum

PTS_HZ = 90_000
"""Ticks per second of every `pts`."""

PTS_MODULUS = 1 << 33
"""A program stream's clock wraps here, after 26.5 hours."""


class Codec(StrEnum):
    """An elementary stream's coding; the value is what the API and the page show."""

    H264 = "h264"
    H265 = "h265"
    PCMA = "pcma"
    PCMU = "pcmu"
    AAC = "aac"
    OPUS = "opus"
    G729 = "g729"

    # That of the value, which is kept; an enumeration would work it out from the name each time.
    __hash__ = str.__hash__

    @property
    def is_video(self) -> bool:
        """True for pictures, False for sound."""
        return self in VIDEO_CODECS


VIDEO_CODECS = frozenset({Codec.H264, Codec.H265})


@dataclass(slots=True)
class AccessUnit:
    """One coded picture, or the sound of one packet. Not frozen: thousands are built a second.

    `data` is an Annex B byte stream for video (a key picture carries its parameter sets), bare
    samples for G.711, ADTS frames for AAC, one packet for Opus, whole frames for G.729. `pts`
    counts 90 kHz ticks, continuous over the 33-bit wrap. `received_s` is monotonic seconds at the
    last packet.
    """

    codec: Codec
    pts: int
    data: bytes
    is_key: bool
    received_s: float
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a stream's parameter sets say; `profile`: H.264's profile-level-id, six hex digits."""

    codec: Codec
    width: int
    height: int
    profile: str = ""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What is known of the sound."""

    codec: Codec
    sample_rate_hz: int
    channels: int
