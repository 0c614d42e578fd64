"""What the benchmarks share: surroundings, child processes, their CPU and memory, the table.

Linux only: the CPU clock of another process and /proc are read.
"""

import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, Self, cast

from vms.console import run
from vms.logs import set_up_logs

END_LIMIT_S = 30.0
"""A child that was told to end has this long."""

LINE_LIMIT_BYTES = 2**26


class LostError(Exception):
    """An answer, a packet or a row did not come: the benchmark failed."""


def check_equal(what: str, found: object, expected: object) -> None:
    """Nothing lost, or `LostError`."""
    if found != expected:
        raise LostError(f"{what}: {found}, expected {expected}")


def surroundings() -> str:
    """Commit, machine, moment: what a figure is worth without."""
    return ", ".join(
        (
            f"commit {_commit()}",
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            f"{_processor()}, {os.cpu_count()} cores",
            f"Linux {platform.release()}",
            f"Python {platform.python_version()}",
            f"load {os.getloadavg()[0]:.1f}",
        )
    )


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"

    def said(*words: str) -> str:
        asked = subprocess.run([git, *words], capture_output=True, text=True, check=False)
        return asked.stdout.strip()

    commit = said("rev-parse", "--short", "HEAD") or "unknown"
    changed = said("status", "--porcelain", "--", "vms", "sip", "media", "config", "benchmarks")
    return f"{commit} with uncommitted changes" if changed else commit


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


class Table:
    """A markdown table, printed row by row as figures come."""

    def __init__(self, title: str) -> None:
        print(f"\n### {title}\n\n{surroundings()}\n", flush=True)
        print("| measured | figure | load generator | conditions |", flush=True)
        print("|---|---|---|---|", flush=True)

    def row(self, measured: str, figure: str, generator: str, conditions: str) -> None:
        """One figure."""
        print(f"| {measured} | {figure} | {generator} | {conditions} |", flush=True)


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, all its threads (clock_getcpuclockid(3), to the nanosecond)."""
    return time.clock_gettime(~pid << 3 | 2)


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM (proc(5), statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """A process and its children that live now."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


@dataclass(slots=True)
class Span:
    """What a stretch of time cost the measured processes and those that made the load."""

    wall_s: float = 0.0
    server_s: float = 0.0
    generator_s: float = 0.0

    @property
    def generator_share(self) -> str:
        """As text: percent of one core."""
        return f"{100 * self.generator_s / self.wall_s:.0f} % of a core"

    def server_us_each(self, count: int) -> float:
        """CPU-microseconds of the server for each of `count`."""
        return self.server_s / count * 1e6

    def server_ms_per_s(self) -> float:
        """CPU-milliseconds of the server for each second."""
        return self.server_s / self.wall_s * 1e3

    def __add__(self, other: "Span") -> "Span":
        return Span(
            self.wall_s + other.wall_s,
            self.server_s + other.server_s,
            self.generator_s + other.generator_s,
        )


@contextmanager
def measured(servers: Sequence[int], generators: Sequence[int]) -> Generator[Span]:
    """The CPU that processes (by pid) use inside the block; the span is filled at its end."""
    span = Span()
    began = time.perf_counter(), sum(map(cpu_s, servers)), sum(map(cpu_s, generators))
    yield span
    span.wall_s = time.perf_counter() - began[0]
    span.server_s = sum(map(cpu_s, servers)) - began[1]
    span.generator_s = sum(map(cpu_s, generators)) - began[2]


class Answer:
    """What a child said to a command."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def number(self, name: str) -> int:
        """An integer."""
        return int(cast("int", self._values[name]))

    def real(self, name: str) -> float:
        """A float."""
        return float(cast("float", self._values[name]))

    def text(self, name: str) -> str:
        """A string."""
        return str(self._values[name])

    def numbers(self, name: str) -> list[int]:
        """A list of integers."""
        return list(cast("list[int]", self._values[name]))

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        return list(cast("list[str]", self._values[name]))


class Child:
    """A benchmark's other process: `python -m module`, obeying commands as `obey` does."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.greeting = self._read()

    def ask(self, command: str, **values: object) -> Answer:
        """Give a command and wait for its answer."""
        if self._process.stdin is None:
            raise RuntimeError("opened with a pipe")
        self._process.stdin.write(json.dumps({"command": command, **values}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Answer:
        if self._process.stdout is None:
            raise RuntimeError("opened with a pipe")
        line = self._process.stdout.readline()
        if not line:
            raise LostError(f"{self._module} ended early, status {self._process.wait()}")
        return Answer(json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()


Command = Callable[[Answer], Awaitable[Mapping[str, object]]]


async def obey(greeting: Mapping[str, object], commands: Mapping[str, Command]) -> None:
    """A child's main work: say `greeting`, then answer commands until standard input ends."""
    reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(greeting)
    while line := await reader.readline():
        values: dict[str, object] = json.loads(line)
        _say(await commands[str(values["command"])](Answer(values)))


def _say(values: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def run_child(work: Coroutine[None, None, None]) -> None:
    """As `vms serve` runs: its loop, its collector of garbage, its logs."""
    set_up_logs("warning")
    run(work)


class Audience(Protocol):
    """All viewers of a child that brings some."""

    async def join(self, asked: Answer) -> Mapping[str, object]:
        """One more viewer, by what `asked` names; what is told of its beginning."""
        ...

    async def figures(self, asked: Answer, /) -> Mapping[str, object]:
        """What each got."""
        ...

    async def close(self) -> None:
        """All go."""
        ...


def run_audience(gathered: Callable[[], Audience]) -> None:
    """A child that lets viewers `join` and tells their `figures`; `gathered` on its event loop."""

    async def work() -> None:
        audience = gathered()
        try:
            await obey({}, {"join": audience.join, "figures": audience.figures})
        finally:
            await audience.close()

    run_child(work())


def run_benchmark(work: Callable[[], None]) -> None:
    """Ends the program with status 1 when something was lost."""
    try:
        work()
    except LostError as error:
        sys.exit(f"LOST: {error}")
