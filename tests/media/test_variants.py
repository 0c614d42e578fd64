"""One stream as its viewers take it: passed where that serves, made once for all where not."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
import pytest_asyncio

from media.codecs import aac, annexb, g711
from media.door import MediaError
from media.ffmpeg import decode_picture, open_video_decoder
from media.hub import Hub, Reader
from media.transcoding.pool import TranscoderPool
from media.unit import PTS_HZ, AccessUnit, AudioFormat, Codec
from media.variants import Variants, Wanted
from tests.support.units import number_of, tone_units, video_units
from tests.support.waiting import until

H264_AAC = Wanted((Codec.H264,), (Codec.AAC,))


@pytest_asyncio.fixture
async def pool() -> AsyncGenerator[TranscoderPool]:
    pool = TranscoderPool(video_limit=1)
    yield pool
    await pool.close()


def hub_of(units: list[AccessUnit]) -> Hub:
    """A stream that has sent `units`."""
    hub = Hub(time.monotonic)
    feed(hub, units)
    return hub


def feed(hub: Hub, units: list[AccessUnit]) -> None:
    for unit in units:
        if unit.codec.is_video:
            hub.video = annexb.video_format(unit.codec, unit.data) or hub.video
        elif unit.codec is Codec.AAC:
            hub.audio = AudioFormat(Codec.AAC, 16_000, 1)
        else:
            hub.audio = g711.audio_format(unit.codec)
        hub.publish(unit)


async def taken(reader: Reader, count: int, codec: Codec) -> list[AccessUnit]:
    """The next `count` units of a coding."""
    units: list[AccessUnit] = []
    async with asyncio.timeout(10):
        while len(units) < count:
            unit = await reader.next()
            if unit.codec is codec:
                units.append(unit)
    return units


async def test_what_fits_is_the_stream_itself_and_asks_the_camera_for_key_pictures() -> None:
    asked: list[str] = []
    hub = hub_of([*video_units(Codec.H264, 2), *tone_units(Codec.PCMA, 0.1)])
    variants = Variants(hub, on_key_wanted=lambda: asked.append("camera"))

    variant = variants.open(Wanted((Codec.H264,), (Codec.PCMA,)))
    variant.want_key()
    variant.want_key()

    assert variant.hub is hub
    assert variant.delivery == "passed"
    assert asked == ["camera"]


async def test_two_who_want_the_same_share_one_transcode_that_ends_with_the_last(
    pool: TranscoderPool,
) -> None:
    units = video_units(Codec.H265, 12)
    hub = hub_of(units[:8])
    variants = Variants(hub, pool)

    first = variants.open(H264_AAC)
    reader = first.hub.subscribe(32, with_group=True)
    made = await taken(reader, 1, Codec.H264)
    assert made[0].is_key
    second = variants.open(H264_AAC)
    third = variants.open(Wanted((Codec.H264,), (Codec.OPUS,)))

    assert first.hub is second.hub is not third.hub
    assert {variant.delivery for variant in (first, second, third)} == {"transcoded"}
    assert pool.in_use == 1
    assert variants.transcoding == "h265 to h264"

    feed(hub, units[8:])
    made += await taken(reader, 4, Codec.H264)
    # Of the pictures that had come only the last is shown: who comes late does not watch the past.
    assert [unit.pts for unit in made] == [number * PTS_HZ // 25 for number in range(7, 12)]
    decoder = open_video_decoder(Codec.H264)
    frames = [frame for unit in made for frame in decode_picture(decoder, unit)]
    assert [number_of(frame) for frame in frames] == list(range(7, 7 + len(frames)))
    assert first.hub.video is not None
    assert (first.hub.video.codec, first.hub.video.height) == (Codec.H264, 272)

    late = second.hub.subscribe(32, with_group=True)
    # The second viewer had the encoder make a key picture of the next one that came.
    assert [unit.pts for unit in late.take()] == [unit.pts for unit in made[1:]]
    assert made[1].is_key

    for variant in (first, second, third):
        variant.close()
        variant.close()
    assert pool.in_use == 0
    assert first.hub.closed


async def test_pictures_pass_untouched_when_only_sound_is_made(pool: TranscoderPool) -> None:
    pictures = video_units(Codec.H264, 4)
    sound = tone_units(Codec.PCMA, 1.0)
    hub = hub_of([*pictures[:2], *sound[:1]])
    variant = Variants(hub, pool).open(H264_AAC)
    reader = variant.hub.subscribe(32, with_group=True)

    feed(hub, [*pictures[2:], *sound[1:]])

    assert variant.delivery == "passed"
    assert [unit for unit in reader.take() if unit.codec.is_video] == pictures
    made = await taken(reader, 8, Codec.AAC)
    assert {after.pts - before.pts for before, after in pairwise(made)} == {5_760}
    assert variant.hub.audio == AudioFormat(Codec.AAC, 16_000, 1)
    variant.close()


@pytest.mark.parametrize("codec", [Codec.PCMA, Codec.PCMU])
async def test_aac_made_of_telephony_is_announced_before_it_comes_and_is_as_announced(
    pool: TranscoderPool, codec: Codec
) -> None:
    hub = hub_of([*video_units(Codec.H264, 2), *tone_units(codec, 0.1)])
    variant = Variants(hub, pool).open(H264_AAC)

    assert variant.hub.audio == AudioFormat(Codec.AAC, 16_000, 1)
    reader = variant.hub.subscribe(64)
    feed(hub, tone_units(codec, 1.0))
    [frame] = await taken(reader, 1, Codec.AAC)
    header = aac.parse_header(frame.data)
    assert (header.sample_rate_hz, header.channels) == (16_000, 1)
    variant.close()


async def test_a_variant_opened_before_the_stream_says_what_it_is_decides_when_it_does(
    pool: TranscoderPool,
) -> None:
    hub = Hub(time.monotonic)
    variant = Variants(hub, pool).open(H264_AAC)
    reader = variant.hub.subscribe(64, with_group=True)
    assert variant.delivery == "passed"

    units = video_units(Codec.H265, 4)
    feed(hub, units[:1])
    made = await taken(reader, 1, Codec.H264)
    assert made[0].is_key
    feed(hub, units[1:])
    await taken(reader, 3, Codec.H264)
    assert variant.delivery == "transcoded"

    feed(hub, passed := video_units(Codec.H264, 2))
    assert await taken(reader, 2, Codec.H264) == passed
    assert variant.delivery == "passed"
    assert pool.in_use == 0
    hub.close()
    assert variant.hub.closed


async def test_when_no_place_is_free_it_is_said_how_many_run(pool: TranscoderPool) -> None:
    running = Variants(hub_of(video_units(Codec.H265, 1)), pool).open(Wanted())
    refused = Variants(hub_of(video_units(Codec.H265, 1)), pool)
    undecided_hub = Hub(time.monotonic)
    undecided = Variants(undecided_hub, pool).open(Wanted())

    with pytest.raises(MediaError, match="1 of 1 picture transcodes are running") as raised:
        refused.open(Wanted())
    feed(undecided_hub, video_units(Codec.H265, 1))

    assert raised.value.code == MediaError.TOO_MANY
    assert undecided.hub.closed
    assert undecided.delivery == "no_transcoder"
    running.close()
    refused.open(Wanted()).close()


async def test_a_transcoder_killed_with_minus_nine_comes_back_at_the_next_key_picture(
    pool: TranscoderPool,
) -> None:
    asked: list[str] = []
    units = video_units(Codec.H265, 20, group=5)
    hub = hub_of(units[:5])
    variants = Variants(hub, pool, lambda: asked.append("camera"))
    variant = variants.open(Wanted())
    reader = variant.hub.subscribe(64)
    await taken(reader, 1, Codec.H264)
    (pid,) = pool.picture_pids()

    os.kill(pid, signal.SIGKILL)
    await until(lambda: pool.crashes == 1)
    feed(hub, units[7:])

    # The new process starts: what came meanwhile is past, but for the last.
    made = await taken(reader, 1, Codec.H264)
    assert made[0].is_key
    assert made[0].pts == units[19].pts
    assert asked == ["camera"]
    assert variants.failures == {"damaged": 0, "dropped": 3, "restarts": 1}
    assert pool.picture_pids() != [pid]
    variant.close()


async def test_a_process_that_hangs_is_killed_and_its_work_goes_on(
    pool: TranscoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.transcoding.pool.HANG_LIMIT_S", 0.3)
    monkeypatch.setattr("media.transcoding.pool.WATCH_S", 0.05)
    units = video_units(Codec.H265, 6, group=2)
    hub = hub_of(units[:2])
    variant = Variants(hub, pool).open(Wanted())
    reader = variant.hub.subscribe(64)
    await taken(reader, 1, Codec.H264)
    (pid,) = pool.picture_pids()

    os.kill(pid, signal.SIGSTOP)
    feed(hub, units[2:3])
    await until(lambda: pool.crashes >= 1)
    await until(lambda: pool.picture_pids() not in ([], [pid]))
    feed(hub, units[4:])

    assert (await taken(reader, 1, Codec.H264))[0].pts == units[5].pts
    variant.close()


async def test_key_pictures_alone_need_no_place_and_nothing_else_is_made(
    pool: TranscoderPool,
) -> None:
    units = video_units(Codec.H265, 15, group=5)
    hub = hub_of(units[:3])
    variants = Variants(hub, pool)
    full = variants.open(Wanted())
    keys = variants.open(Wanted(key_pictures_only=True))
    passed = variants.open(Wanted((Codec.H265,), key_pictures_only=True))
    readers = [variant.hub.subscribe(32, with_group=True) for variant in (keys, passed)]

    made = await taken(readers[0], 1, Codec.H264)
    feed(hub, units[3:])

    assert keys.delivery == passed.delivery == "key_pictures"
    assert readers[1].take() == [units[0], units[5], units[10]]
    made += await taken(readers[0], 2, Codec.H264)
    assert [(unit.pts, unit.is_key) for unit in made] == [
        (units[number].pts, True) for number in (0, 5, 10)
    ]
    for variant in (full, keys, passed):
        variant.close()
