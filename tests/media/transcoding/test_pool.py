"""Processes that transcode: sound shares one, they end with the worker, and work begins again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from media.transcoding.pool import QUEUE_UNITS, TranscoderPool
from media.unit import AccessUnit, Codec
from tests.support.tools import ROOT
from tests.support.units import tone_units, video_units
from tests.support.waiting import until


@pytest_asyncio.fixture
async def pool() -> AsyncGenerator[TranscoderPool]:
    pool = TranscoderPool(video_limit=1)
    yield pool
    await pool.close()


async def test_sound_shares_a_process_and_all_of_it_goes_on_when_that_dies(
    pool: TranscoderPool,
) -> None:
    made: dict[str, list[AccessUnit]] = {"first": [], "second": []}
    jobs = [pool.open_sound(Codec.PCMA, Codec.AAC, units.append) for units in made.values()]
    sound = tone_units(Codec.PCMA, 2.0)
    for job in jobs:
        job.feed(sound[0])
    await until(lambda: jobs[0].pid is not None)
    pid = jobs[0].pid
    assert pid is not None
    assert jobs[1].pid == pid
    assert pool.process_count == 1

    os.kill(pid, signal.SIGKILL)
    await until(lambda: pool.crashes == 1)
    for unit in sound[1 : 1 + QUEUE_UNITS // 2]:
        for job in jobs:
            job.feed(unit)

    await until(lambda: min(map(len, made.values())) > 5)
    assert [job.restarts for job in jobs] == [1, 1]
    for job in jobs:
        job.close()
    assert pool.in_use == 0


async def test_who_cannot_keep_up_loses_units_and_not_memory(pool: TranscoderPool) -> None:
    job = pool.open_sound(Codec.PCMA, Codec.AAC, lambda _: None)
    await until(lambda: job.pid is not None)
    pid = job.pid
    assert pid is not None

    os.kill(pid, signal.SIGSTOP)
    for unit in tone_units(Codec.PCMA, 4.0):
        job.feed(unit)

    assert job.dropped == 100 - QUEUE_UNITS


async def test_of_the_pictures_that_come_while_a_process_starts_only_the_last_is_shown(
    pool: TranscoderPool,
) -> None:
    made: list[AccessUnit] = []
    pictures = video_units(Codec.H265, QUEUE_UNITS + 13, group=40)
    job = pool.open_pictures(Codec.H265, 720, made.append, lambda: None)

    for unit in pictures:
        job.feed(unit)

    await until(lambda: bool(made))
    assert [(unit.pts, unit.is_key) for unit in made] == [(pictures[-1].pts, True)]
    assert job.dropped == 0
    job.close()


async def test_what_is_kept_for_a_process_that_starts_is_bounded(
    pool: TranscoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.group.GROUP_LIMIT_UNITS", 3)
    asked: list[str] = []
    made: list[AccessUnit] = []
    pictures = video_units(Codec.H265, 7, group=5)
    job = pool.open_pictures(Codec.H265, 720, made.append, lambda: asked.append("key"))

    for unit in pictures[:5]:
        job.feed(unit)

    # The fourth was one too many, the fifth builds on what was given up.
    assert (job.dropped, asked) == (5, ["key"])
    for unit in pictures[5:]:
        job.feed(unit)
    await until(lambda: bool(made))
    assert [unit.pts for unit in made] == [pictures[6].pts]
    job.close()


ABANDON = """
import asyncio, os, sys
from media.transcoding.pool import TranscoderPool
from media.unit import Codec

async def main():
    pool = TranscoderPool(1)
    job = pool.open_sound(Codec.PCMA, Codec.AAC, print)
    while job.pid is None:
        await asyncio.sleep(0.01)
    print(job.pid, flush=True)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


async def test_a_worker_that_is_killed_leaves_no_transcoder_behind() -> None:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ABANDON), stdout=subprocess.PIPE, cwd=ROOT
    )
    assert worker.stdout is not None
    pid = int(await worker.stdout.readline())
    await worker.wait()

    await until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    """False for one that is gone or only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
