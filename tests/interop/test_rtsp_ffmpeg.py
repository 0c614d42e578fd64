"""FFmpeg takes pictures and sound by RTSP, between the requests and by datagrams."""

import asyncio
import math
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import imageio_ffmpeg  # type: ignore[import-untyped]  # it has no types
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from media.unit import AccessUnit, Codec
from tests.media.rtsp.site import STREAM, Site, open_site
from tests.support.tools import missing_ffmpeg
from tests.support.units import number_of, publish_in_real_time, tone_units, video_units
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(missing_ffmpeg() is not None, reason=str(missing_ffmpeg()))

SECONDS = 1.0
LIMIT_S = 30


def film(pictures: Codec, sound: Codec | None) -> list[AccessUnit]:
    return [*video_units(pictures, 200), *(tone_units(sound, 8.0) if sound else ())]


async def record(site: Site, transport: str, into: Path) -> None:
    """FFmpeg copies what it gets into a file."""
    process = await asyncio.create_subprocess_exec(
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y"),
        *("-rtsp_transport", transport, "-i", site.url(), "-t", str(SECONDS), "-c", "copy", into),
    )
    async with asyncio.timeout(LIMIT_S):
        assert await process.wait() == 0


def decoded(file: Path) -> tuple[list[int], float | None]:
    """The numbers of the pictures, and how loud the sound is."""
    with av.open(file) as container:
        # PyAV's types tell only pictures here.
        frames = cast("list[VideoFrame | AudioFrame]", list(container.decode(*container.streams)))
    numbers = [number_of(frame) for frame in frames if isinstance(frame, VideoFrame)]
    heard = [loudness(frame) for frame in frames if isinstance(frame, AudioFrame)]
    return numbers, float(np.median(heard)) if heard else None


def loudness(frame: AudioFrame) -> float:
    """Root mean square, 1 being full scale."""
    samples = frame.to_ndarray().astype(np.float64)
    scale = 32_768 if frame.format.name.startswith("s16") else 1
    return float(np.sqrt(np.mean((samples / scale) ** 2)))


@pytest.mark.parametrize("pictures", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("sound", [None, Codec.PCMA, Codec.AAC])
async def test_pictures_and_sound_decode_by_either_transport(
    pictures: Codec, sound: Codec | None, tmp_path: Path
) -> None:
    files = {transport: tmp_path / f"{transport}.mkv" for transport in ("tcp", "udp")}
    async with open_site() as site:
        if sound is not None:
            site.know_sound(sound)
        playing = asyncio.create_task(
            publish_in_real_time(site.hub, film(pictures, sound), site.clock)
        )
        await until(lambda: len(site.hub.group) > 5)
        await asyncio.gather(*(record(site, *each) for each in files.items()))
        playing.cancel()
        await until(lambda: site.left == ["left", "left"])

    for file in files.values():
        numbers, heard = await asyncio.to_thread(decoded, file)
        assert len(numbers) >= 20
        assert numbers[0] % 25 == 0
        assert {after - before for before, after in pairwise(numbers)} == {1}
        assert (heard is None) == (sound is None)
        assert heard is None or abs(heard - 0.5 / math.sqrt(2)) < 0.05


async def test_a_client_of_another_make_watches_until_it_is_disconnected() -> None:
    seen: list[int] = []

    def watch(url: str) -> None:
        with av.open(url, options={"rtsp_transport": "tcp"}, timeout=10.0) as container:
            seen.extend(number_of(frame) for frame in container.decode(video=0))

    async with open_site() as site:
        playing = asyncio.create_task(
            publish_in_real_time(site.hub, film(Codec.H264, None), site.clock)
        )
        await until(lambda: site.hub.key_picture is not None)
        watching = asyncio.create_task(asyncio.to_thread(watch, site.url()))
        await until(lambda: len(seen) > 10)
        (viewer,) = site.output.figures(STREAM)
        site.output.leave(viewer.viewer_id, "disconnected")
        async with asyncio.timeout(LIMIT_S):
            await watching
        playing.cancel()

    assert viewer.protocol == "rtsp"
    assert viewer.delivery == "passed"
    assert viewer.packets_sent > 10
    assert site.left == ["disconnected"]
