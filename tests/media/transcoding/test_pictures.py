"""Pictures browsers cannot take, made into ones they can."""

import contextlib

import pytest
from av.video.frame import VideoFrame

from media.errors import ProtocolError
from media.ffmpeg import decode_picture, open_video_decoder
from media.transcoding.pictures import H264Maker, fitted
from media.unit import PTS_HZ, AccessUnit, Codec
from tests.support.units import number_of, video_units


def test_h265_becomes_h264_picture_by_picture_with_its_times() -> None:
    maker = H264Maker(Codec.H265, 720)
    made = [h264 for unit in video_units(Codec.H265, 30) for h264 in maker.convert(unit)]

    assert [unit.pts for unit in made] == [number * PTS_HZ // 25 for number in range(30)]
    assert made[0].is_key
    assert made[0].codec is Codec.H264
    assert [number_of(frame) for frame in decode_all(made)] == list(range(30))


def test_a_wanted_key_picture_is_the_next_one() -> None:
    maker = H264Maker(Codec.H265, 720)
    units = video_units(Codec.H265, 12)
    for unit in units[:10]:
        maker.convert(unit)

    made = [maker.convert(unit, wants_key=unit is units[10])[0] for unit in units[10:]]

    assert [unit.is_key for unit in made] == [True, False]


def test_pictures_not_shown_are_decoded_for_those_that_follow() -> None:
    maker = H264Maker(Codec.H265, 720)
    units = video_units(Codec.H265, 11, group=25)

    assert [maker.convert(unit, is_shown=False) for unit in units[:10]] == [[]] * 10
    (shown,) = maker.convert(units[10])

    assert shown.is_key
    assert [number_of(frame) for frame in decode_all([shown])] == [10]


def decode_all(units: list[AccessUnit]) -> list[VideoFrame]:
    decoder = open_video_decoder(Codec.H264)
    frames = [frame for unit in units for frame in decode_picture(decoder, unit)]
    return [*frames, *decode_picture(decoder, None)]


@pytest.mark.parametrize(
    ("source", "lines", "made"),
    [
        ((3840, 2160), 720, (1280, 720)),
        ((1080, 1920), 720, (720, 1280)),
        ((1920, 1080), 360, (640, 360)),
        ((704, 576), 720, (704, 576)),
        ((2560, 640), 720, (1280, 320)),
        ((353, 289), 720, (352, 288)),
        ((1, 1), 720, (2, 2)),
    ],
)
def test_pictures_are_made_to_fit_in_their_shape(
    source: tuple[int, int], lines: int, made: tuple[int, int]
) -> None:
    assert fitted(*source, lines) == made


def test_damaged_pictures_make_nothing_and_the_next_group_plays() -> None:
    maker = H264Maker(Codec.H265, 720)
    units = video_units(Codec.H265, 4, group=2)
    broken = AccessUnit(Codec.H265, 0, b"\x00\x00\x01\x26\x01" + bytes(range(1, 90)), True, 0.0)

    with contextlib.suppress(ProtocolError):
        assert maker.convert(broken) == []
    made = [unit for source in units for unit in maker.convert(source)]

    assert len(made) == 4


def test_a_clock_that_is_set_back_begins_with_a_key_picture() -> None:
    maker = H264Maker(Codec.H265, 720)
    units = video_units(Codec.H265, 6, group=6)
    for unit in units[3:]:
        unit.pts -= 5 * PTS_HZ

    made = [unit for source in units for unit in maker.convert(source)]

    assert [unit.is_key for unit in made] == [True, False, False, True, False, False]
    assert [unit.pts for unit in made] == [unit.pts for unit in units]


def test_an_overlarge_unit_never_reaches_ffmpeg() -> None:
    huge = AccessUnit(Codec.H265, 0, bytes(9 * 2**20), True, 0.0)

    with pytest.raises(ProtocolError):
        H264Maker(Codec.H265, 720).convert(huge)
