"""What was acknowledged is there after kill -9, of ours and of PostgreSQL's processes."""

import asyncio
import os
import random
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text

from tests.support.tools import ROOT
from vms.inventory.model import SubjectKind
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator

LINE_LIMIT_S = 30.0
ROUNDS = 3


@asynccontextmanager
async def writing(url: str, first_key: int) -> "AsyncGenerator[Process]":
    """A process that writes until it is killed, at the latest when the block is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.vms.persistence.acknowledging_writer",
        url,
        str(first_key),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def next_line(process: "Process") -> bytes:
    """What was said next; empty at the end."""
    assert process.stdout is not None
    async with asyncio.timeout(LINE_LIMIT_S):
        return await process.stdout.readline()


async def lines_until_killed(process: "Process", count: int) -> set[str]:
    """Everything it said, killed with -9 after so many lines."""
    said: set[str] = set()
    while line := await next_line(process):
        said.add(line.decode().strip())
        if len(said) == count:
            process.kill()
    assert process.stdout is not None
    return said


async def found(url: str) -> tuple[set[str], set[int]]:
    """What is stored, as the writer would say it, and the devices with an open interval."""
    async with Database.open(url) as database:
        store = SqlDeviceStore(database)
        stored = await store.load_all()
        alarms = await store.alarms(None, None, 1_000_000)
        intervals = await store.intervals_of_all(SubjectKind.DEVICE, 0, 1000)
    there = {f"device {device.key}" for device in stored.devices}
    there |= {f"alarm {alarm.device_key}" for alarm in alarms}
    return there, {interval.subject.key for interval in intervals}


async def test_all_that_was_acknowledged_before_kill_9_is_stored(database_url: str) -> None:
    seeded = random.Random(28181)  # noqa: S311  moments, not secrets
    acknowledged: set[str] = set()
    for round_number in range(ROUNDS):
        async with writing(database_url, 1 + round_number * 1_000_000) as process:
            acknowledged |= await lines_until_killed(process, seeded.randint(50, 800))

    stored, with_ledger = await found(database_url)

    # On a disk that stalls for seconds some are refused, and those are not stored.
    acknowledged = {line for line in acknowledged if not line.startswith("refused")}
    assert len(acknowledged) > 150
    assert acknowledged <= stored
    assert {f"device {key}" for key in with_ledger} == {s for s in stored if s.startswith("dev")}


async def test_all_that_was_acknowledged_before_postgresql_crashed_is_stored(
    postgresql_url: str,
) -> None:
    async with writing(postgresql_url, 1) as process:
        said = {(await next_line(process)).decode().strip() for _ in range(100)}
        # The death of one makes PostgreSQL drop all its processes and recover from its log.
        os.kill(await backend_of_the_writer(postgresql_url), signal.SIGKILL)
        while not any(line.startswith("refused") for line in said):
            said.add((await next_line(process)).decode().strip())
        before = len(said)
        while sum(not line.startswith("refused") for line in said) < before + 100:
            said.add((await next_line(process)).decode().strip())
        said |= await lines_until_killed(process, 1)

    stored, _ = await found(postgresql_url)

    assert {line for line in said if not line.startswith("refused")} <= stored


async def backend_of_the_writer(url: str) -> int:
    """The server's process for the other client, which was here first."""
    async with Database.open(url) as database, database.reading() as connection:
        oldest = await connection.execute(
            text(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() ORDER BY backend_start LIMIT 1"
            )
        )
        pid: int = oldest.scalar_one()
        return pid
