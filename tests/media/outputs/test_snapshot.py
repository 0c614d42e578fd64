"""A key picture as JPEG."""

from fractions import Fraction
from typing import Any, cast

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from media.errors import ProtocolError
from media.ffmpeg import encode
from media.outputs.snapshot import jpeg_of
from media.unit import AccessUnit, Codec
from tests.support.units import number_of, video_units


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_key_picture_becomes_a_jpeg_that_shows_it(codec: Codec) -> None:
    units = video_units(codec, 26, group=25)

    data = jpeg_of(units[25])

    assert data[:2] == b"\xff\xd8"
    assert data[-2:] == b"\xff\xd9"
    decoder = VideoCodecContext.create("mjpeg", "r")
    (frame,) = cast("list[VideoFrame]", cast("Any", decoder).decode(av.Packet(data)))
    assert (frame.width, frame.height) == (480, 272)
    assert number_of(frame) == 25


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\x00\x01\x65" + bytes(range(200)), b"junk" * 50, bytes(9 * 2**20)],
    ids=["nothing", "no parameter sets", "junk", "overlarge"],
)
def test_what_does_not_decode_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        jpeg_of(AccessUnit(Codec.H264, 0, data, True, 0.0))


def test_a_picture_wider_than_any_jpeg_is_a_protocol_error() -> None:
    encoder = VideoCodecContext.create("libx265", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 65_600, 64, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"preset": "ultrafast", "x265-params": "log-level=none"}
    wide = VideoFrame(65_600, 64, "yuv420p")
    packets = [*encode(encoder, wide), *encode(encoder, None)]

    with pytest.raises(ProtocolError, match="no JPEG"):
        jpeg_of(AccessUnit(Codec.H265, 0, packets[0].data, True, 0.0))
