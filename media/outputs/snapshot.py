"""A key picture as JPEG."""

from fractions import Fraction

from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from media.errors import ProtocolError
from media.ffmpeg import decode_picture, encode, open_video_decoder
from media.unit import AccessUnit

JPEG_QUALITY = 3
"""FFmpeg's quantiser scale for MJPEG, 1 to 31; 3 shows no blocks on faces and plates."""


def jpeg_of(key_picture: AccessUnit) -> bytes:
    """Decode one key picture and encode it as JPEG: tens of milliseconds, so call it in a thread.

    `ProtocolError` when the picture cannot be decoded, or is too large for a JPEG.
    """
    decoder = open_video_decoder(key_picture.codec)
    frames = decode_picture(decoder, key_picture) or decode_picture(decoder, None)
    if not frames:
        raise ProtocolError("no picture in the key picture")
    try:
        return _encode(frames[0])
    except FFmpegError as error:
        raise ProtocolError("no JPEG of this picture") from error


def _encode(frame: VideoFrame) -> bytes:
    encoder = VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    encoder.qmin = encoder.qmax = JPEG_QUALITY
    picture = frame.reformat(format="yuvj420p")
    picture.pts = 0
    picture.time_base = Fraction(1, 25)
    return b"".join(packet.data for packet in (*encode(encoder, picture), *encode(encoder, None)))
