"""The test card: what is burnt in can be read back from the coded picture."""

from datetime import UTC, datetime, timedelta

import pytest
from av.video.frame import VideoFrame

from media.codecs import annexb
from media.ffmpeg import decode_picture, open_video_decoder
from media.unit import AccessUnit, Codec, VideoFormat
from tests.support.block_digits import luma_of, read_test_card
from vms.simulator.footage import KEY_INTERVAL, CodedPicture, TestCard

CHANNEL = "34020000001320000001"
NOON = datetime(2026, 11, 22, 4, 0, 0, 123_000, tzinfo=UTC)
CODECS = [Codec.H264, Codec.H265]


def shoot(card: TestCard, pictures: int, *, key_wanted_at: int | None = None) -> list[CodedPicture]:
    return [
        card.next_picture(NOON + timedelta(milliseconds=40 * n), key_wanted=n == key_wanted_at)
        for n in range(pictures)
    ]


def decoded(codec: Codec, pictures: list[CodedPicture]) -> list[VideoFrame]:
    decoder = open_video_decoder(codec)
    units = [
        AccessUnit(codec, 3600 * n, picture.data, picture.is_key, received_s=0)
        for n, picture in enumerate(pictures)
    ]
    return [frame for unit in (*units, None) for frame in decode_picture(decoder, unit)]


@pytest.mark.parametrize("codec", CODECS)
def test_identifier_and_clock_are_read_back_from_every_picture(codec: Codec) -> None:
    frames = decoded(codec, shoot(TestCard(CHANNEL, codec), 30))

    readings = [read_test_card(luma_of(frame)) for frame in frames]

    first_ms = int(NOON.timestamp() * 1000)
    assert [one.identifier for one in readings] == [CHANNEL] * 30
    assert [one.clock_ms for one in readings] == [first_ms + 40 * n for n in range(30)]


@pytest.mark.parametrize("digit", "0123456789")
def test_every_digit_can_be_read(digit: str) -> None:
    frames = decoded(Codec.H264, shoot(TestCard(digit * 20, Codec.H264), 1))

    assert read_test_card(luma_of(frames[0])).identifier == digit * 20


def test_a_short_identifier_is_filled_with_zeros() -> None:
    frames = decoded(Codec.H264, shoot(TestCard("1234", Codec.H264), 1))

    assert read_test_card(luma_of(frames[0])).identifier == "1234".rjust(20, "0")


@pytest.mark.parametrize("codec", CODECS)
def test_the_picture_moves(codec: Codec) -> None:
    frames = decoded(codec, shoot(TestCard(CHANNEL, codec), 11))

    lower = [frame.to_ndarray()[304:352].astype(int) for frame in frames]
    assert abs(lower[10] - lower[0]).max() > 50


@pytest.mark.parametrize("codec", CODECS)
def test_key_pictures_come_every_two_seconds_and_when_wanted(codec: Codec) -> None:
    pictures = shoot(TestCard(CHANNEL, codec), KEY_INTERVAL + 1, key_wanted_at=7)

    assert [n for n, picture in enumerate(pictures) if picture.is_key] == [0, 7, KEY_INTERVAL]


@pytest.mark.parametrize("codec", CODECS)
def test_a_key_picture_can_be_shown_by_whoever_joins_there(codec: Codec) -> None:
    pictures = shoot(TestCard(CHANNEL, codec), 10, key_wanted_at=7)

    content = annexb.content(codec, pictures[7].data)
    shape = annexb.video_format(codec, pictures[7].data)

    assert content.is_key
    assert content.has_parameter_sets
    assert shape is not None
    assert (shape.width, shape.height) == (640, 360)
    assert len(decoded(codec, pictures[7:])) == 3


def test_where_the_camera_points_is_shown_and_changes_nothing_that_is_read_back() -> None:
    card = TestCard(CHANNEL, Codec.H264)
    pictures = shoot(card, 1)
    card.caption = "P123.4 T-12.5 Z1.0"

    bare, shown = decoded(Codec.H264, pictures + shoot(card, 1))

    before, after = (frame.to_ndarray()[:360].astype(int) for frame in (bare, shown))
    assert abs(after[120:168] - before[120:168]).max() > 100
    assert abs(after[168:192] - before[168:192]).max() < 30
    assert read_test_card(luma_of(shown)).identifier == CHANNEL


def test_h264_is_of_the_profile_every_browser_decodes() -> None:
    pictures = shoot(TestCard(CHANNEL, Codec.H264), 1)

    assert annexb.video_format(Codec.H264, pictures[0].data) == VideoFormat(
        Codec.H264, 640, 360, "42c01e"
    )
