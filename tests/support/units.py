"""Access units made by FFmpeg: pictures that carry their number, and a tone."""

import asyncio
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import cast

import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from media.codecs import annexb
from media.ffmpeg import encode
from media.hub import Hub
from media.unit import PTS_HZ, AccessUnit, Codec

PICTURES_PER_S = 25
NUMBER_BITS = 12
"""A picture's number stands in its top quarter as black and white blocks, highest bit first."""

TONE_HZ = 1_000


def picture(number: int, width: int, height: int) -> VideoFrame:
    """Grey, with the number on top and a bar that moves below."""
    pixels = np.full((height, width, 3), 96, np.uint8)
    block = width // NUMBER_BITS
    for bit in range(NUMBER_BITS):
        is_set = number >> (NUMBER_BITS - 1 - bit) & 1
        pixels[: height // 4, bit * block : (bit + 1) * block] = 235 if is_set else 16
    left = number * 8 % width
    pixels[height // 2 :, left : left + 16] = (200, 40, 40)
    return VideoFrame.from_ndarray(pixels, format="rgb24")


def number_of(frame: VideoFrame) -> int:
    """Reads the number back."""
    grey = frame.to_ndarray(format="gray")
    block = frame.width // NUMBER_BITS
    row = grey[frame.height // 8]
    number = 0
    for bit in range(NUMBER_BITS):
        number = number << 1 | int(row[bit * block + block // 2] > 128)
    return number


def video_units(
    codec: Codec,
    pictures: int,
    *,
    width: int = 480,
    height: int = 272,
    group: int = 25,
    noise: bool = False,
) -> list[AccessUnit]:
    """`pictures` pictures at 25 a second, a key picture every `group`; with `noise` large ones."""
    name, options = (
        ("libx264", {"preset": "ultrafast", "tune": "zerolatency"})
        if codec is Codec.H264
        else (
            "libx265",
            {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "x265-params": f"keyint={group}:min-keyint={group}:log-level=none",
            },
        )
    )
    encoder = _video_encoder(name)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, PTS_HZ), Fraction(PICTURES_PER_S)
    encoder.gop_size = group
    encoder.options = options
    dice = np.random.default_rng(1)
    units: list[AccessUnit] = []

    def take(frame: VideoFrame | None) -> None:
        for packet in encode(encoder, frame):
            pts = packet.pts or 0
            units.append(AccessUnit(codec, pts, packet.data, packet.is_key, pts / PTS_HZ))

    for number in range(pictures):
        frame = picture(number, width, height)
        if noise:
            pixels = frame.to_ndarray(format="rgb24")
            pixels[height // 4 : height // 2] = dice.integers(
                0, 256, (height // 2 - height // 4, width, 3), np.uint8
            )
            frame = VideoFrame.from_ndarray(pixels, format="rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.pts = number * PTS_HZ // PICTURES_PER_S
        frame.time_base = Fraction(1, PTS_HZ)
        take(frame)
    take(None)
    return units


def _video_encoder(name: str) -> VideoCodecContext:
    return cast("VideoCodecContext", VideoCodecContext.create(name, "w"))


def tone_units(codec: Codec, seconds: float, samples_per_unit: int = 320) -> list[AccessUnit]:
    """A 1 kHz tone: G.711 in pieces of 40 ms, or AAC in ADTS at 16 kHz."""
    name, rate_hz, kind = {
        Codec.PCMA: ("pcm_alaw", 8_000, "s16"),
        Codec.PCMU: ("pcm_mulaw", 8_000, "s16"),
        Codec.AAC: ("aac", 16_000, "fltp"),
    }[codec]
    size = 1_024 if codec is Codec.AAC else samples_per_unit
    encoder = cast("AudioCodecContext", AudioCodecContext.create(name, "w"))
    encoder.sample_rate, encoder.layout, encoder.format = rate_hz, "mono", kind
    encoder.time_base = Fraction(1, rate_hz)
    units: list[AccessUnit] = []
    for start in range(0, int(seconds * rate_hz), size):
        moments = np.arange(start, start + size) / rate_hz
        wave = 0.5 * np.sin(2 * math.pi * TONE_HZ * moments)
        samples = wave.astype(np.float32) if kind == "fltp" else (wave * 32_767).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None], format=kind, layout="mono")
        frame.sample_rate, frame.pts = rate_hz, start
        for packet in encode(encoder, frame):
            data = _with_adts(packet.data) if codec is Codec.AAC else packet.data
            pts = len(units) * size * PTS_HZ // rate_hz
            units.append(AccessUnit(codec, pts, data, False, pts / PTS_HZ))
    return units


def _with_adts(data: bytes) -> bytes:
    """AAC low complexity, 16 kHz, mono (ISO 13818-7, 6.2)."""
    length = len(data) + 7
    header = 0xFFF << 44 | 1 << 40 | 1 << 38 | 8 << 34 | 1 << 30 | length << 13 | 0x7FF << 2
    return header.to_bytes(7) + data


async def publish_in_real_time(
    hub: Hub, units: Sequence[AccessUnit], now: Callable[[], float]
) -> None:
    """Plays `units` into `hub` at the pace of their `pts`, arrival times set."""
    for unit in units:
        if unit.codec.is_video and unit.is_key:
            hub.video = annexb.video_format(unit.codec, unit.data) or hub.video
    began_s = now()
    for unit in sorted(units, key=lambda unit: unit.pts):
        await asyncio.sleep(max(0.0, began_s + unit.pts / PTS_HZ - now()))
        unit.received_s = now()
        hub.publish(unit)
