"""PyAV behind four functions: its loose types end here, and so does what FFmpeg may allocate."""

from fractions import Fraction
from typing import Any, NamedTuple, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from media.errors import ProtocolError
from media.unit import PTS_HZ, AccessUnit, Codec

PIXELS_LIMIT = 8192 * 8192
"""FFmpeg refuses pictures with more, before it allocates them."""

UNIT_LIMIT_BYTES = 8 * 2**20

TELEPHONY_HZ = 8_000

_DECODERS = {
    Codec.H264: "h264",
    Codec.H265: "hevc",
    Codec.AAC: "aac",
    Codec.PCMA: "pcm_alaw",
    Codec.PCMU: "pcm_mulaw",
    Codec.G729: "g729",
}
_TELEPHONY = frozenset({Codec.PCMA, Codec.PCMU, Codec.G729})


class Encoded(NamedTuple):
    """One packet that came out of an encoder; `pts` in the encoder's time base."""

    data: bytes
    pts: int | None
    is_key: bool


def open_video_decoder(codec: Codec) -> VideoCodecContext:
    """A decoder that refuses pictures above `PIXELS_LIMIT` and runs in the caller's thread."""
    context = cast("VideoCodecContext", VideoCodecContext.create(_DECODERS[codec], "r"))
    context.options = {"max_pixels": str(PIXELS_LIMIT)}
    context.thread_count = 1
    return context


def open_audio_decoder(codec: Codec) -> AudioCodecContext:
    """A decoder of sound. `ProtocolError` for a coding that FFmpeg does not decode for us."""
    if codec not in _DECODERS or codec.is_video:
        raise ProtocolError(f"no decoder of {codec}")
    context = cast("AudioCodecContext", AudioCodecContext.create(_DECODERS[codec], "r"))
    if codec in _TELEPHONY:
        # It has no header that would say so.
        context.sample_rate, context.layout = TELEPHONY_HZ, "mono"
    return context


def decode_picture(decoder: VideoCodecContext, unit: AccessUnit | None) -> list[VideoFrame]:
    """The pictures that come out as `unit` goes in; those that were held back when it is None.

    `ProtocolError` when it is overlarge or does not decode.
    """
    packet = None
    if unit is not None:
        if len(unit.data) > UNIT_LIMIT_BYTES:
            raise ProtocolError(f"picture of {len(unit.data)} bytes")
        packet = av.Packet(unit.data)
        packet.pts = packet.dts = unit.pts
        packet.time_base = Fraction(1, PTS_HZ)
    try:
        return cast("list[VideoFrame]", cast("Any", decoder).decode(packet))
    except FFmpegError as error:
        raise ProtocolError("picture does not decode") from error


def decode_sound(decoder: AudioCodecContext, data: bytes) -> list[AudioFrame]:
    """The sound that comes out as one frame goes in. `ProtocolError` when it does not decode."""
    try:
        return cast("list[AudioFrame]", cast("Any", decoder).decode(av.Packet(data)))
    except FFmpegError as error:
        raise ProtocolError("sound does not decode") from error


def encode(
    encoder: VideoCodecContext | AudioCodecContext, frame: VideoFrame | AudioFrame | None
) -> list[Encoded]:
    """The packets that come out as `frame` goes in; those that were held back when it is None."""
    packets: list[Any] = cast("Any", encoder).encode(frame)
    return [Encoded(bytes(packet), packet.pts, packet.is_keyframe) for packet in packets]
