"""What simulated cameras let hear: a tone of 1 kHz at half of full scale, coded once.

A frame of either coding holds a whole number of periods, so one coded frame, sent again and again,
is the tone without a seam.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from media.ffmpeg import encode
from media.unit import PTS_HZ, Codec

TONE_HZ = 1000
_AMPLITUDE = 0.5 * 32767
_G711_RATE_HZ = 8000
_G711_SAMPLES = 320
_AAC_RATE_HZ = 16_000
_AAC_SAMPLES = 1024
_AAC_RATE_INDEX = 8
_AAC_SETTLED = 8
"""An AAC encoder begins with silence of its own; by this frame the tone stands."""


@dataclass(frozen=True, slots=True)
class Tone:
    """One frame of the tone, and how long it lasts in ticks of 90 kHz."""

    codec: Codec
    frame: bytes
    ticks: int

    def frames_before(self, pts: int, sent: int) -> Iterator[tuple[bytes, int]]:
        """The frames due before `pts` where `sent` have gone already, each with its own pts."""
        while sent * self.ticks < pts:
            yield self.frame, sent * self.ticks
            sent += 1


@cache
def tone(codec: Codec) -> Tone:
    """The tone as G.711 A-law (40 ms a frame) or AAC in ADTS (64 ms a frame)."""
    if codec is Codec.PCMA:
        frames = _encode("pcm_alaw", "s16", _G711_RATE_HZ, _G711_SAMPLES, frames=1)
        return Tone(codec, frames[0], _G711_SAMPLES * PTS_HZ // _G711_RATE_HZ)
    if codec is Codec.AAC:
        frames = _encode("aac", "fltp", _AAC_RATE_HZ, _AAC_SAMPLES, frames=_AAC_SETTLED + 2)
        payload = frames[_AAC_SETTLED]
        frame = _adts_header(len(payload)) + payload
        return Tone(codec, frame, _AAC_SAMPLES * PTS_HZ // _AAC_RATE_HZ)
    raise ValueError(f"no tone in {codec}")


def _encode(
    name: Literal["pcm_alaw", "aac"],
    sample_format: Literal["s16", "fltp"],
    rate_hz: int,
    samples: int,
    *,
    frames: int,
) -> list[bytes]:
    """`frames` frames of the tone, coded one after the other."""
    context = AudioCodecContext.create(name, "w")
    context.sample_rate = rate_hz
    context.layout = "mono"
    context.format = sample_format
    coded: list[bytes] = []
    for number in range(frames):
        times = (number * samples + np.arange(samples)) / rate_hz
        wave = _AMPLITUDE * np.sin(2 * np.pi * TONE_HZ * times)
        whole = sample_format == "s16"
        values = wave.astype(np.int16) if whole else (wave / 32768).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(
            values.reshape(1, -1), format=sample_format, layout="mono"
        )
        frame.sample_rate = rate_hz
        frame.pts = number * samples
        coded += [packet.data for packet in encode(context, frame)]
    return coded


def _adts_header(payload_length: int) -> bytes:
    """Seven bytes: MPEG-4, AAC LC, 16 kHz, one channel, no checksum (ISO 13818-7, 6.2)."""
    length = payload_length + 7
    header = 0xFFF1 << 40 | 0b01 << 38 | _AAC_RATE_INDEX << 34 | 1 << 30 | length << 13 | 0x7FF << 2
    return header.to_bytes(7, "big")
