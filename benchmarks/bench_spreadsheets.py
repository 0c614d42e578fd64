"""Spreadsheets of a city: channels imported and exported, on SQLite, with the time others waited.

.venv/bin/python -m benchmarks.bench_spreadsheets [--channels 52000] [--devices 1300]
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from benchmarks.support import Table, check_equal, run_benchmark
from vms.clock import SystemClock
from vms.events import EventBus
from vms.gb28181.ids import DeviceId
from vms.inventory.bulk_filing import DeviceWish
from vms.inventory.identifiers import Identifiers
from vms.inventory.inventory import Inventory
from vms.inventory.policy import InventoryPolicy
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.spreadsheets.columns import Kind
from vms.spreadsheets.importing import ImportJob
from vms.spreadsheets.service import Spreadsheets
from vms.spreadsheets.writing import FileFormat, Heading, write_csv, write_xlsx

COLUMNS = (
    *("device_id", "channel_id", "name", "division", "class", "site_type", "department"),
    *("builder", "project", "maintainer", "installed_on", "retention_days"),
    *("longitude", "latitude", "coordinate_system", "tags", "address"),
)
HEARTBEAT_S = 0.005


def device_id(number: int) -> DeviceId:
    """Of a recorder."""
    return DeviceId(f"3402000000118{number:07d}")


def row(number: int, devices: int) -> list[str | float]:
    """A camera with all that a city knows of it."""
    return [
        *(device_id(number % devices), f"3402000000132{number:07d}", f"路口 {number} 东向"),
        *("340203", "1", "017", f"分局 {number % 20}", f"建设单位 {number % 7}", "二期"),
        *(f"维护单位 {number % 9}", "2024-03-01", 30, 117.2 + number / 1e6, 31.8, "gcj02"),
        *("学校,路口", f"人民路 {number} 号"),
    ]


async def bench(channels: int, devices: int) -> None:
    """Every measurement on one fresh database."""
    table = Table(f"Spreadsheets, {channels} channels of {devices} devices, SQLite")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _desk(folder) as (inventory, spreadsheets):
            wishes = [DeviceWish(device_id(number), {}) for number in range(devices)]
            await inventory.file_devices(wishes)
            titles = [Heading(column, 12) for column in COLUMNS]
            rows = [row(number, devices) for number in range(1, channels + 1)]
            write_csv(folder / "sent.csv", titles, rows)
            write_xlsx(folder / "sent.xlsx", "channels", titles, rows)

            async def sent(file: Path) -> ImportJob:
                async with spreadsheets.file() as copy:
                    shutil.copyfile(file, copy)
                    job = spreadsheets.begin(
                        Kind.CHANNELS, copy, file.name, is_trial=False, at_its_end=_nothing
                    )
                await spreadsheets.until_over()
                return job

            async def first() -> str:
                job = await sent(folder / "sent.xlsx")
                check_equal("channels added", job.added, channels)
                return "xlsx, all new"

            async def again() -> str:
                job = await sent(folder / "sent.csv")
                check_equal("channels unchanged", job.unchanged, channels)
                return "csv, nothing new"

            async def out(file_format: FileFormat) -> str:
                path = folder / f"out.{file_format}"
                count = await spreadsheets.export(Kind.CHANNELS, None, path, file_format, "zh")
                check_equal("rows exported", count, channels)
                return f"{file_format}, {path.stat().st_size / 2**20:.1f} MiB"

            await _measure(table, "imported", channels, first)
            await _measure(table, "imported again", channels, again)
            await _measure(table, "exported", channels, lambda: out(FileFormat.XLSX))
            await _measure(table, "exported", channels, lambda: out(FileFormat.CSV))


@asynccontextmanager
async def _desk(folder: Path) -> AsyncGenerator[tuple[Inventory, Spreadsheets]]:
    clock, events, identifiers = SystemClock(), EventBus(), Identifiers()
    async with Database.open(f"sqlite+aiosqlite:///{folder / 'bench.db'}") as database:
        inventory = Inventory(SqlDeviceStore(database), clock, events, InventoryPolicy())
        await inventory.start()
        spreadsheets = Spreadsheets(
            inventory,
            events,
            clock,
            lambda: identifiers.next(clock.wall()),
            folder / "spreadsheets",
        )
        await spreadsheets.start()
        yield inventory, spreadsheets
        await spreadsheets.close()
        await inventory.stop()


async def _nothing(_job: ImportJob) -> None:
    """Nobody has to be told."""


async def _measure(table: Table, what: str, count: int, work: Callable[[], Awaitable[str]]) -> None:
    waits: list[float] = []
    beating = asyncio.create_task(_beat(waits))
    began, used_s = time.perf_counter(), _cpu_s()
    said = await work()
    wall_s, used_s = time.perf_counter() - began, _cpu_s() - used_s
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
    waits.sort()
    others = f"others waited {waits[len(waits) * 99 // 100] * 1e3:.0f} ms (p99)"
    figure = f"{wall_s:.1f} s, CPU {used_s:.1f} s, {count / wall_s:.0f} rows/s"
    table.row(
        f"{count} {what}", figure, "none", f"{said}; {others}, {waits[-1] * 1e3:.0f} ms (max)"
    )


async def _beat(waits: list[float]) -> None:
    """How much later than asked the loop comes round."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(HEARTBEAT_S)
        waits.append(time.perf_counter() - began - HEARTBEAT_S)


def _cpu_s() -> float:
    """Of this process and of those that it started and that have ended."""
    spent = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=52_000)
    parser.add_argument("--devices", type=int, default=1_300)
    options = parser.parse_args()
    run_benchmark(lambda: asyncio.run(bench(options.channels, options.devices)))


if __name__ == "__main__":
    main()
