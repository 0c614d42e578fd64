"""What devices cost the whole server: REGISTER, keepalive, catalogue item, memory.

    .venv/bin/python -m benchmarks.bench_signalling [--devices 2000] [--rate 1000] ...

The server runs in a process of its own, on uvloop, on SQLite with synchronous=FULL; devices are
raw UDP sockets in this one. They retransmit nothing, so a lost answer is seen, and fails.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from itertools import cycle, islice

from benchmarks.fleet import Device, Fleet
from benchmarks.server_process import PASSWORD
from benchmarks.support import (
    Child,
    LostError,
    Span,
    Table,
    check_equal,
    measured,
    resident_bytes,
    run_benchmark,
)

SERVER = "benchmarks.server_process"
BURST_S = 0.8
"""The server asks a newcomer who it is a second after its REGISTER: bursts end before that."""

WARM_UP = 100
FILES_TO_SPARE = 200
JOB_LIMIT_S = 300.0
IDLE_S = 3.0
WINDOWS = (64, 512)
CHANNELS_APART = 100_000


class Bench:
    """One server and its fleet; every method measures one thing and prints its row."""

    def __init__(self, server: Child, fleet: Fleet, table: Table, idle_bytes: int) -> None:
        self._server = server
        self._fleet = fleet
        self._table = table
        self._idle_bytes = idle_bytes

    def arrivals(self, rate: int) -> None:
        """All devices register for the first time, and are asked who they are."""
        fleet = self._fleet
        newcomers, burst = fleet.devices[WARM_UP:], max(1, int(rate * BURST_S))
        registering, greeting = Span(), Span()
        self._arrive(fleet.devices[:WARM_UP], rate)
        for first in range(0, len(newcomers), burst):
            spans = self._arrive(newcomers[first : first + burst], rate)
            registering, greeting = registering + spans[0], greeting + spans[1]
        fleet.until("SUBSCRIBE", len(fleet.devices))  # which comes some seconds later
        count = len(newcomers)
        self._row("REGISTER of a newcomer", registering, count, f"{count} devices, {rate}/s")
        self._row(
            "asking it who it is and for one channel", greeting, count, "32 devices at a time"
        )

    def _arrive(self, devices: Sequence[Device], rate: int) -> tuple[Span, Span]:
        fleet = self._fleet
        with self._measured() as registering:
            fleet.at_rate(fleet.register, devices, rate)
        with self._measured() as greeting:
            fleet.until("info", fleet.answers["proof", 200])
            fleet.until("catalogue", fleet.answers["proof", 200])
        return registering, greeting

    def idle(self) -> None:
        """Nobody says anything."""
        with self._measured() as span:
            time.sleep(IDLE_S)
        figure = f"{span.server_ms_per_s():.1f} ms/s"
        self._table.row("idle", figure, "", f"{len(self._fleet.devices)} devices on file")

    def refreshes(self, rate: int) -> None:
        """Every device registers again: challenge, digest, stored."""
        fleet = self._fleet
        with self._measured() as span:
            fleet.at_rate(fleet.register, fleet.devices, rate)
        count = len(fleet.devices)
        self._row("REGISTER again", span, count, f"{count} devices, {rate}/s")

    def keepalives_at_rate(self, count: int, rate: int) -> None:
        """However quickly they are answered."""
        senders = self._senders(count)
        with self._measured() as span:
            self._fleet.at_rate(self._fleet.keepalive, senders, rate)
        self._row("keepalive", span, count, f"{count}, {rate}/s")

    def keepalives_in_window(self, count: int, window: int) -> None:
        """As quickly as they are answered."""
        senders = self._senders(count)
        with self._measured() as span:
            self._fleet.in_window(self._fleet.keepalive, senders, window)
        conditions = f"{count}, {window} unanswered, {count / span.wall_s:.0f}/s came of it"
        self._row("keepalive", span, count, conditions)

    def catalogue(self, device: Device, channels: int, items_a_message: int, name: str) -> None:
        """One device answers for all its channels."""
        device.channels, device.items_a_message = channels, items_a_message
        # No two devices have the same: that would be odd, and is looked for and told.
        device.first_channel = (device.number + 1) * CHANNELS_APART
        messages = -(-channels // items_a_message)
        with self._measured() as span:
            answered = self._fleet.answers["catalogue", 200]
            asked = self._server.ask("ask_catalog", device_id=device.device_id.decode())
            self._fleet.until("catalogue", answered + messages)
            self._until_done(asked.text("job_id"), channels)
        self._row(name, span, channels, f"{channels} items, {items_a_message} a MESSAGE")

    def _until_done(self, job_id: str, channels: int) -> None:
        give_up_at = time.perf_counter() + JOB_LIMIT_S
        while time.perf_counter() < give_up_at:
            job = self._server.ask("catalog", job_id=job_id)
            if job.number("finished"):
                check_equal(f"catalogue {job.text('error')}", job.number("received"), channels)
                return
            time.sleep(0.05)
        raise LostError(f"the catalogue was not done after {JOB_LIMIT_S:.0f} s")

    def memory(self) -> None:
        """What devices occupy after all that."""
        grown = resident_bytes(self._server.pid) - self._idle_bytes
        self._memory_row("memory of a device, as it grew", grown, self._idle_bytes)

    def restarted(self, server: Child) -> None:
        """What they occupy in a server that found them on file."""
        grown = resident_bytes(server.pid) - self._idle_bytes
        self._memory_row("memory of a device, after a restart", grown, self._idle_bytes)
        check_equal("devices", server.ask("figures").number("devices"), len(self._fleet.devices))

    def _memory_row(self, name: str, grown: int, idle: int) -> None:
        count = len(self._fleet.devices)
        conditions = f"{count} devices with a channel each; {idle / 2**20:.0f} MiB without any"
        self._table.row(name, f"{grown / count / 1024:.1f} KiB", "", conditions)

    def check(self, keepalives: int) -> None:
        """Nothing was lost on either side."""
        figures, answers = self._server.ask("figures"), self._fleet.answers
        count = len(self._fleet.devices)
        check_equal("devices on file", figures.number("devices"), count)
        check_equal("registrations accepted", figures.number("accepted"), 2 * count)
        check_equal("challenges", answers["REGISTER", 401], 2 * count)
        check_equal("keepalives counted", figures.number("keepalives"), keepalives)
        for name in ("refused", "socket_drops", "repeats", "strangers_ignored"):
            check_equal(name, figures.number(name), 0)
        strange = [kind for kind in answers if kind[1] != 200 and kind != ("REGISTER", 401)]
        check_equal("other answers", len(strange), 0)

    def _senders(self, count: int) -> list[Device]:
        return list(islice(cycle(self._fleet.devices), count))

    def _measured(self) -> AbstractContextManager[Span]:
        return measured([self._server.pid], [os.getpid()])

    def _row(self, name: str, span: Span, count: int, conditions: str) -> None:
        figure = f"{span.server_us_each(count):.1f} µs"
        self._table.row(name, figure, span.generator_share, conditions)


def bench(options: argparse.Namespace) -> None:
    """Every measurement, on one server, and its restart."""
    rate, keepalives, channels = options.rate, options.keepalives, options.channels
    _allow_files(options.devices + FILES_TO_SPARE)
    table = Table(f"Signalling: {options.devices} devices")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with Child(SERVER, folder) as server:
            idle_bytes = resident_bytes(server.pid)
            said = server.greeting
            fleet = Fleet(
                options.devices,
                said.number("port"),
                said.text("server_id"),
                said.text("domain"),
                PASSWORD,
            )
            with closing(fleet):
                bench = Bench(server, fleet, table, idle_bytes)
                bench.arrivals(rate)
                bench.memory()
                bench.idle()
                bench.refreshes(rate)
                for some in options.keepalive_rates:
                    bench.keepalives_at_rate(keepalives, some)
                for window in WINDOWS:
                    bench.keepalives_in_window(keepalives, window)
                many, few = fleet.devices[:2]
                bench.catalogue(many, channels, 4, "catalogue item, new")
                bench.catalogue(many, channels, 4, "catalogue item, unchanged")
                bench.catalogue(few, channels, 1, "catalogue item, new")
                bench.check(keepalives * (len(options.keepalive_rates) + len(WINDOWS)))
        with Child(SERVER, folder) as server:
            bench.restarted(server)


def _allow_files(wanted: int) -> None:
    """Every device is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SystemExit(f"{wanted} open files are needed, {hard} allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2_000)
    parser.add_argument("--rate", type=int, default=1_000, help="registrations a second")
    parser.add_argument("--keepalives", type=int, default=20_000, help="in each measurement")
    parser.add_argument(
        "--keepalive-rates", type=int, nargs="+", default=[1_000, 5_000], help="a second"
    )
    parser.add_argument("--channels", type=int, default=4_000, help="in one device's catalogue")
    options = parser.parse_args()
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
