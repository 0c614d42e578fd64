"""G.711: one byte a sample, 8000 a second, no header (ITU-T G.711; RFC 3551, 4.5.14)."""

from media.unit import PTS_HZ, AudioFormat, Codec

SAMPLE_RATE_HZ = 8000

PAYLOAD_TYPES = {0: Codec.PCMU, 8: Codec.PCMA, 18: Codec.G729}
"""The static RTP payload types of sound at this rate (RFC 3551, 6)."""

UNHEARD_PAYLOAD_TYPES = {4: "G.723.1", 9: "G.722.1", 20: "SVAC audio", 102: "AAC by RFC 3640"}
"""Sound in packets of its own that nobody here understands, by the numbers of GB/T 28181-2022,
annex C.2."""


def audio_format(codec: Codec) -> AudioFormat:
    """G.711 is always this, and so is G.729."""
    return AudioFormat(codec, SAMPLE_RATE_HZ, 1)


def ticks(samples: int) -> int:
    """The duration of `samples` in 90 kHz ticks."""
    return samples * PTS_HZ // SAMPLE_RATE_HZ
