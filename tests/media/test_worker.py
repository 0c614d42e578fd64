"""`python -m media.worker`, started by hand as a stranger's host would start it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from media import wire
from media.door import MediaError, MediaEvent, StreamAddress, Transport
from media.errors import ProtocolError
from media.plan import Place, RelayPlan, StartReport, WorkerPlan, read_report, write_plan
from media.wire import Call, DoorAddress, Link, Reply
from tests.media.lines import HOST, SSRC
from tests.support.tools import ROOT
from tests.support.waiting import until

TOKEN = "a-token-that-is-never-logged"  # noqa: S105
PLAN = WorkerPlan(
    RelayPlan((45_000, 45_099), Place(HOST, 0), (HOST,), worker=3),
    DoorAddress(host=HOST, port=0),
    TOKEN,
)
LIMIT_S = 40.0
STRANGE = ("sqlalchemy", "fastapi", "pydantic", "uvicorn", "vms", "api", "sip", "config")


@dataclass
class Running:
    """A worker that serves at `report.door`."""

    process: asyncio.subprocess.Process
    report: StartReport
    closed: list[str] = field(default_factory=list[str])

    async def greet(self, token: str = TOKEN) -> Link:
        assert self.report.door is not None
        link, ports = await wire.connect(
            self.report.door,
            token,
            _serve_nothing,
            _hear,
            lambda _link, why: self.closed.append(why),
        )
        assert ports.worker == 3
        return link

    async def end(self) -> tuple[int, list[dict[str, object]]]:
        """Its status and the lines of its log, after its owner closed the pipe."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(LIMIT_S):
            _, log = await self.process.communicate()
        return self.process.returncode or 0, [json.loads(line) for line in log.splitlines()]


async def _serve_nothing(_call: Call) -> Reply:
    raise ProtocolError("not served here")


def _hear(_event: MediaEvent) -> None:
    pass


@asynccontextmanager
async def worker(plan: bytes) -> AsyncGenerator[Running]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "media.worker"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(plan)
        async with asyncio.timeout(LIMIT_S):
            line = await process.stdout.readline()
        yield Running(process, read_report(line) if line else StartReport())
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_it_serves_who_knows_the_token_and_ends_with_its_owners_pipe() -> None:
    async with worker(write_plan(PLAN)) as it:
        for wrong in ("wrong", "x" * 5_000):
            with pytest.raises(MediaError):
                await it.greet(wrong)
        link = await it.greet()
        address = await link.ask(wire.Open(Transport.UDP, SSRC, HOST), StreamAddress)
        assert address.worker == 3

        second = await it.greet()
        await until(lambda: not link.is_open)
        load = await second.ask(wire.Ping(), wire.Load)
        assert (load.streams, load.viewers) == (1, 0)
        assert load.memory_bytes > 1_000_000

        status, log = await it.end()
        assert status == 0
        assert sorted(str(line["event"]) for line in log) == [
            *["a stranger at the door was sent away"] * 2,
            "media worker ends",
            "media worker is up",
            "the owner's link ended",
        ]
        assert {line["worker"] for line in log} == {3}
        assert TOKEN not in str(log)


@pytest.mark.parametrize("plan", [b'{"relay": 5}\n', b"x" * 100_000 + b"\n"])
async def test_a_plan_that_is_none_ends_it(plan: bytes) -> None:
    async with worker(plan) as it:
        status, log = await it.end()

    assert it.report == StartReport()
    assert status == 2
    assert log[0]["event"] == "the plan cannot be read"


async def test_a_door_that_is_taken_is_told() -> None:
    taken = await asyncio.start_server(lambda _r, writer: writer.close(), HOST, 0)
    port = taken.sockets[0].getsockname()[1]
    plan = WorkerPlan(PLAN.relay, DoorAddress(host=HOST, port=port), TOKEN)
    async with taken, worker(write_plan(plan)) as it:
        assert (it.report.taken, it.report.port, it.report.door) == ("door", port, None)
        assert "in use" in it.report.error
        assert await it.process.wait() == 1


def _imported(names: Sequence[str]) -> list[str]:
    program = (
        "import sys, media.worker\n"
        f"print([name for name in sys.modules if name.partition('.')[0] in {tuple(names)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return list(json.loads(done.stdout.replace("'", '"')))


def test_it_knows_neither_database_nor_http_nor_the_application() -> None:
    assert _imported(STRANGE) == []
