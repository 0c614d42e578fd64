"""What transcoding costs: pictures in a process each, sound of many streams in one.

    .venv/bin/python -m benchmarks.bench_transcode [--seconds 6]

"load generator" is the process that feeds them, as a worker does; its figure has the feeding, the
pipe and the taking in it. Fails when a picture did not come back.
"""

import argparse
import asyncio
import os
import time
from fractions import Fraction

from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from benchmarks.cameras import GROUP, PICTURES_PER_S, coded_pictures
from benchmarks.support import Table, check_equal, measured, run_benchmark
from media.ffmpeg import decode_picture, encode, open_video_decoder
from media.transcoding.pool import Job, TranscoderPool
from media.unit import PTS_HZ, AccessUnit, Codec
from tests.support.units import tone_units

START_S = 1.5
DRAIN_S = 3.0
SOUND_STREAMS = 20
HEIGHTS = (1_080, 720, 360)
BITRATE_BPS = 4_000_000


def h265_film() -> list[bytes]:
    """The film of the other benchmarks, as H.265 of the same rate."""
    decoder = open_video_decoder(Codec.H264)
    encoder = VideoCodecContext.create("libx265", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 1_920, 1_080, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, PTS_HZ), Fraction(PICTURES_PER_S)
    encoder.bit_rate = BITRATE_BPS
    form = f"keyint={GROUP}:min-keyint={GROUP}:scenecut=0:log-level=none"
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x265-params": form}
    units = [
        AccessUnit(Codec.H264, number * PTS_HZ // PICTURES_PER_S, data, number == 0, 0.0)
        for number, data in enumerate(coded_pictures())
    ]
    frames = [frame for unit in (*units, None) for frame in decode_picture(decoder, unit)]
    made: list[bytes] = []
    for number, frame in enumerate(frames):
        picture = frame.reformat(format="yuv420p")
        picture.pts, picture.time_base = number * PTS_HZ // PICTURES_PER_S, Fraction(1, PTS_HZ)
        picture.pict_type = PictureType.NONE
        made += [packet.data for packet in encode(encoder, picture)]
    return made + [packet.data for packet in encode(encoder, None)]


async def pictures(table: Table, film: list[bytes], height: int, seconds: float) -> None:
    """One stream made smaller, at its pace."""
    pool = TranscoderPool(1)
    made: list[AccessUnit] = []
    job = pool.open_pictures(Codec.H265, height, made.append, lambda: None)
    fed = 0

    async def feed(for_s: float) -> None:
        nonlocal fed
        until_s = time.monotonic() + for_s
        began_s, first = time.monotonic(), fed
        while (now_s := time.monotonic()) < until_s:
            pts = fed * PTS_HZ // PICTURES_PER_S
            place = fed % len(film)
            job.feed(AccessUnit(Codec.H265, pts, film[place], place == 0, now_s))
            fed += 1
            due_s = began_s + (fed - first) / PICTURES_PER_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    await feed(START_S)
    # Of what comes while the process starts only the last picture is made.
    skipped = fed
    with measured([pid_of(job)], [os.getpid()]) as span:
        await feed(seconds)
    await asyncio.sleep(DRAIN_S)
    first_pts = skipped * PTS_HZ // PICTURES_PER_S
    check_equal("pictures", sum(unit.pts >= first_pts for unit in made), fed - skipped)
    table.row(
        f"H.265 1080p25 to H.264, {height} lines",
        f"{span.server_ms_per_s():.0f} ms/s",
        span.generator_share,
        f"{sum(len(unit.data) for unit in made) * 8 * PICTURES_PER_S // len(made) // 1_000} kbit/s",
    )
    await pool.close()


async def sound(table: Table, source: Codec, target: Codec, seconds: float) -> None:
    """Many streams of a tone, at their pace, in one process."""
    pool = TranscoderPool(1)
    made: list[AccessUnit] = []
    jobs = [pool.open_sound(source, target, made.append) for _ in range(SOUND_STREAMS)]
    units = tone_units(source, START_S + seconds)
    began_s = time.monotonic()

    async def feed(part: list[AccessUnit]) -> None:
        for unit in part:
            for job in jobs:
                job.feed(unit)
            await asyncio.sleep(max(0.0, began_s + unit.pts / PTS_HZ - time.monotonic()))

    start = next(number for number, unit in enumerate(units) if unit.pts > START_S * PTS_HZ)
    await feed(units[:start])
    with measured([pid_of(jobs[0])], [os.getpid()]) as span:
        await feed(units[start:])
    await asyncio.sleep(DRAIN_S)
    check_equal("dropped", sum(job.dropped + job.damaged for job in jobs), 0)
    each = span.server_ms_per_s() / SOUND_STREAMS
    conditions = f"{SOUND_STREAMS} streams in one process"
    table.row(f"{source} to {target}", f"{each:.1f} ms/s each", span.generator_share, conditions)
    await pool.close()


def pid_of(job: Job) -> int:
    """The process, which has started by now."""
    if job.pid is None:
        raise RuntimeError("the transcoder has not started")
    return job.pid


async def work(seconds: float) -> None:
    """All of them, one after the other."""
    film = await asyncio.to_thread(h265_film)
    table = Table("Transcoding")
    for height in HEIGHTS:
        await pictures(table, film, height, seconds)
    for source, target in (
        (Codec.PCMA, Codec.AAC),
        (Codec.PCMA, Codec.OPUS),
        (Codec.AAC, Codec.OPUS),
    ):
        await sound(table, source, target, seconds)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement")
    options = parser.parse_args()
    run_benchmark(lambda: asyncio.run(work(options.seconds)))


if __name__ == "__main__":
    main()
