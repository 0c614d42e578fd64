"""What browsers cannot take, made into what they can; within bounds."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
import pytest_asyncio
from av.video.frame import VideoFrame

from media.errors import ProtocolError
from media.ffmpeg import decode_picture, open_video_decoder
from media.transcode import (
    QUEUE_UNITS,
    Converter,
    H264Maker,
    OpusMaker,
    Transcoder,
    TranscoderPool,
    fitted,
)
from media.unit import PTS_HZ, AccessUnit, Codec
from tests.support.units import number_of, tone_units, video_units
from tests.support.waiting import until


@pytest_asyncio.fixture
async def pool() -> AsyncGenerator[TranscoderPool]:
    pool = TranscoderPool(video_limit=2)
    yield pool
    await pool.close()


def test_h265_becomes_h264_picture_by_picture_with_its_times() -> None:
    maker = H264Maker(Codec.H265)
    made = [
        h264 for unit in video_units(Codec.H265, 30) for h264 in maker.convert(unit, is_shown=True)
    ]

    assert [unit.pts for unit in made] == [number * PTS_HZ // 25 for number in range(30)]
    assert made[0].is_key
    assert made[0].codec is Codec.H264
    decoder = open_video_decoder(Codec.H264)
    frames = [frame for unit in made for frame in decode_picture(decoder, unit)]
    frames += decode_picture(decoder, None)
    assert [number_of(frame) for frame in frames] == list(range(30))


def test_a_wanted_key_picture_is_the_next_one() -> None:
    maker = H264Maker(Codec.H265)
    units = video_units(Codec.H265, 12)
    for unit in units[:10]:
        maker.convert(unit, is_shown=True)

    maker.key_wanted = True
    made = [maker.convert(unit, is_shown=True)[0] for unit in units[10:]]

    assert [unit.is_key for unit in made] == [True, False]


def test_pictures_not_shown_are_decoded_for_those_that_follow() -> None:
    maker = H264Maker(Codec.H265)
    units = video_units(Codec.H265, 11, group=25)

    assert [maker.convert(unit, is_shown=False) for unit in units[:10]] == [[]] * 10
    (shown,) = maker.convert(units[10], is_shown=True)

    assert shown.is_key
    (frame,) = decode_picture(open_video_decoder(Codec.H264), shown) or decode_all(shown)
    assert number_of(frame) == 10


def decode_all(unit: AccessUnit) -> list[VideoFrame]:
    """For decoders that hold the last picture back."""
    decoder = open_video_decoder(unit.codec)
    return [*decode_picture(decoder, unit), *decode_picture(decoder, None)]


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ((3840, 2160), (1280, 720)),
        ((1920, 1080), (1280, 720)),
        ((1080, 1920), (720, 1280)),
        ((704, 576), (704, 576)),
        ((2560, 640), (1280, 320)),
        ((353, 289), (352, 288)),
        ((1, 1), (2, 2)),
    ],
)
def test_pictures_are_made_to_fit_720p_in_their_shape(
    source: tuple[int, int], made: tuple[int, int]
) -> None:
    assert fitted(*source) == made


def test_damaged_pictures_make_nothing_and_the_next_group_plays() -> None:
    maker = H264Maker(Codec.H265)
    units = video_units(Codec.H265, 4, group=2)
    broken = AccessUnit(Codec.H265, 0, b"\x00\x00\x01\x26\x01" + bytes(range(1, 90)), True, 0.0)

    with contextlib.suppress(ProtocolError):
        assert maker.convert(broken, is_shown=True) == []
    made = [unit for source in units for unit in maker.convert(source, is_shown=True)]

    assert len(made) == 4


def test_an_overlarge_unit_never_reaches_ffmpeg() -> None:
    huge = AccessUnit(Codec.H265, 0, bytes(9 * 2**20), True, 0.0)

    with pytest.raises(ProtocolError):
        H264Maker(Codec.H265).convert(huge, is_shown=True)


def test_aac_becomes_opus_without_gaps() -> None:
    maker = OpusMaker()
    made = [
        opus for unit in tone_units(Codec.AAC, 2.0) for opus in maker.convert(unit, is_shown=True)
    ]

    assert len(made) >= 95
    assert {unit.codec for unit in made} == {Codec.OPUS}
    assert {after.pts - before.pts for before, after in pairwise(made)} == {PTS_HZ // 50}


def test_sound_that_jumps_is_dated_anew() -> None:
    maker = OpusMaker()
    units = tone_units(Codec.AAC, 2.0)
    for unit in units[16:]:
        unit.pts += 10 * PTS_HZ

    made = [opus for unit in units for opus in maker.convert(unit, is_shown=True)]

    steps = [after.pts - before.pts for before, after in pairwise(made)]
    assert len([step for step in steps if step != PTS_HZ // 50]) == 1
    assert made[-1].pts > 10 * PTS_HZ


class Stalled:
    """A converter that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bool]] = []
        self._loop = asyncio.get_running_loop()
        self.go_on = asyncio.Event()

    def convert(self, unit: AccessUnit, *, is_shown: bool) -> list[AccessUnit]:
        asyncio.run_coroutine_threadsafe(self._wait(), self._loop).result(10)
        self.seen.append((unit.pts, is_shown))
        return [unit]

    async def _wait(self) -> None:
        await self.go_on.wait()


def unit_of(number: int, codec: Codec = Codec.H265, *, is_key: bool = False) -> AccessUnit:
    return AccessUnit(codec, number, b"", is_key, 0.0)


async def test_a_slow_thread_loses_pictures_up_to_the_next_key_picture() -> None:
    converter = Stalled()
    checked: Converter = converter
    made: list[AccessUnit] = []
    transcoder = Transcoder(checked, made.append, "stalled")
    total = 3 * QUEUE_UNITS
    for number in range(total):
        transcoder.feed(unit_of(number, is_key=number % 10 == 0))
    converter.go_on.set()
    await until(lambda: len(made) + transcoder.dropped == total)
    transcoder.feed(unit_of(1_000))
    transcoder.feed(unit_of(1_001, is_key=True))
    transcoder.feed(unit_of(1_002))
    await until(lambda: made[-1].pts == 1_002)
    transcoder.close()
    await transcoder.wait_closed()

    seen = [unit.pts for unit in made]
    assert seen[-2:] == [1_001, 1_002]
    assert 1_000 not in seen
    assert seen[:-2] == list(range(len(seen) - 2))
    assert len(seen) <= QUEUE_UNITS + 3


async def test_a_slow_thread_loses_the_oldest_sound() -> None:
    converter = Stalled()
    made: list[AccessUnit] = []
    transcoder = Transcoder(converter, made.append, "stalled")
    total = 3 * QUEUE_UNITS
    for number in range(total):
        transcoder.feed(unit_of(number, Codec.AAC))
    converter.go_on.set()
    await until(lambda: len(made) + transcoder.dropped == total)
    transcoder.close()
    await transcoder.wait_closed()

    assert [unit.pts for unit in made][-QUEUE_UNITS:] == list(range(total - QUEUE_UNITS, total))


async def test_the_quota_counts_pictures_only_and_is_given_back(pool: TranscoderPool) -> None:
    first = pool.open_video(Codec.H265, lambda _unit: None)
    second = pool.open_video(Codec.H265, lambda _unit: None)
    sound = pool.open_audio(lambda _unit: None)

    assert first is not None
    assert second is not None
    assert pool.open_video(Codec.H265, lambda _unit: None) is None
    assert not pool.has_room
    assert pool.in_use == 3

    pool.give_back(first)
    pool.give_back(first)
    pool.give_back(sound)
    assert pool.has_room
    assert pool.in_use == 1


async def test_nothing_is_delivered_after_the_end_and_the_thread_is_gone(
    pool: TranscoderPool,
) -> None:
    made: list[AccessUnit] = []
    transcoder = pool.open_video(Codec.H265, made.append)
    assert transcoder is not None
    for unit in video_units(Codec.H265, 5):
        transcoder.feed(unit)

    pool.give_back(transcoder)
    await pool.close()

    assert made == []
    assert not transcoder.is_running
