"""Pictures made into H.264 that every browser plays."""

from fractions import Fraction

from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from media.ffmpeg import decode_picture, encode, open_video_decoder
from media.unit import PTS_HZ, AccessUnit, Codec

BITRATE_BPS = 2_500_000
"""Of 720 lines; smaller pictures get less, by their area."""

BITRATE_FLOOR_BPS = 400_000
BITRATE_LINES = 720

KEY_INTERVAL_PICTURES = 50

JUMP_TICKS = 10 * PTS_HZ
"""A `pts` this far from the one before is a clock that was set: the encoder begins anew."""


class H264Maker:
    """Any video to H.264 constrained baseline without delay, `height` lines at most (16:9)."""

    def __init__(self, codec: Codec, height: int) -> None:
        self._decoder = open_video_decoder(codec)
        self._height = height
        self._encoder: VideoCodecContext | None = None
        self._last_pts = 0

    def convert(
        self, unit: AccessUnit, *, is_shown: bool = True, wants_key: bool = False
    ) -> list[AccessUnit]:
        """See `Converter.convert`."""
        made: list[AccessUnit] = []
        for frame in decode_picture(self._decoder, unit):
            if not is_shown:
                continue
            pts = frame.pts if frame.pts is not None else unit.pts
            encoder = self._encoder_for(frame, pts)
            picture = frame.reformat(width=encoder.width, height=encoder.height, format="yuv420p")
            picture.pts = self._last_pts = pts
            picture.time_base = Fraction(1, PTS_HZ)
            # A decoded frame remembers its source's type, which the encoder would take as an order.
            picture.pict_type = PictureType.I if wants_key else PictureType.NONE
            wants_key = False
            made += [
                AccessUnit(
                    Codec.H264,
                    pts if packet.pts is None else packet.pts,
                    packet.data,
                    packet.is_key,
                    unit.received_s,
                )
                for packet in encode(encoder, picture)
            ]
        return made

    def _encoder_for(self, frame: VideoFrame, pts: int) -> VideoCodecContext:
        width, height = fitted(frame.width, frame.height, self._height)
        encoder = self._encoder
        if (
            encoder is None
            or (encoder.width, encoder.height) != (width, height)
            or not 0 < pts - self._last_pts < JUMP_TICKS
        ):
            encoder = self._encoder = _open_encoder(width, height)
        return encoder


def fitted(width: int, height: int, lines: int) -> tuple[int, int]:
    """The size of a picture made to fit 16:9 of `lines`, either way up; even, as 4:2:0 asks for."""
    long, short = max(width, height), min(width, height)
    scale = min(1.0, lines * 16 / 9 / long, lines / short)
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def _open_encoder(width: int, height: int) -> VideoCodecContext:
    whole = BITRATE_LINES * BITRATE_LINES * 16 // 9
    bitrate_bps = max(BITRATE_FLOOR_BPS, BITRATE_BPS * width * height // whole)
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, PTS_HZ)
    encoder.framerate = Fraction(25)
    encoder.bit_rate = bitrate_bps
    encoder.gop_size = KEY_INTERVAL_PICTURES
    encoder.thread_count = 1
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps),
    }
    return encoder
