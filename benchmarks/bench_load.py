"""A city of cameras before the whole server: at rest, and all of them registering at once.

    .venv/bin/python -m benchmarks.bench_load [--devices 5000] [--only l01] [--seconds 60] ...

The server runs in a process of its own, on SQLite with synchronous=FULL; the cameras are in this
one, on one socket, each with a host of its own. They repeat what is not answered, as RFC 3261 says,
and come back after Retry-After. Every part begins with an empty server.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from benchmarks.city import City, Pace, Window, catalogue_part
from benchmarks.server_process import PASSWORD
from benchmarks.support import (
    Child,
    Span,
    Table,
    check_equal,
    measured,
    resident_bytes,
    run_benchmark,
)

SERVER = "benchmarks.server_process"
KEEPALIVE_S = 60.0
REGISTER_KINDS = ("REGISTER", "proof")

WHOLE = 52_000
"""So many come within the times below; fewer come at the same rate."""

L02_WITHIN_S = 30.0
L02_LIMIT_S = 60.0
L03_WITHIN_S = 5.0
L03_LIMIT_S = 120.0
L05_LIMIT_S = 120.0
PATIENCE = 3.0
"""A part goes on for so many times its limit, so that a miss has a figure too."""

GREETING_LIMIT_S = 900.0
LATE_LIMIT_S = 0.25
"""A generator so far behind its own plan measures itself."""

CATALOGUE_WINDOW = 32
CATALOGUE_SHUFFLED = 64
"""Parts that may change places."""

LOST_SHARE = 0.01
DOUBLED_SHARE = 0.01
LATE_SHARE = 0.1
LATEST_S = 0.05


@dataclass(slots=True)
class Town:
    """One server, its cameras, and where its figures go."""

    server: Child
    city: City
    table: Table
    empty_bytes: int

    @contextmanager
    def measured(self) -> Generator[Span]:
        """The figures of what happens inside the block, and of that only."""
        self.city.forget_figures()
        self.server.ask("figures")  # the longest stall begins anew
        with measured([self.server.pid], [os.getpid()]) as span:
            yield span

    def row(self, name: str, figure: str, conditions: str, span: Span | None = None) -> None:
        """One line of the table."""
        self.table.row(name, figure, "" if span is None else span.generator_share, conditions)

    def row_of_answers(self, name: str, kinds: Sequence[str], span: Span) -> None:
        """How long answers took, from the first copy of a request on."""
        taken = sorted(each for kind in kinds for each in self.city.taken_s[kind])
        if not taken:
            return
        p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        figure = f"p50 {p50 * 1e3:.1f}, p99 {p99 * 1e3:.1f}, max {taken[-1] * 1e3:.0f} ms"
        repeated = sum(self.city.repeated[kind] for kind in kinds)
        unanswered = sum(self.city.unanswered[kind] for kind in kinds)
        told = f"{len(taken)} answers, {repeated} requests repeated, {unanswered} given up"
        self.row(name, figure, told, span)

    def row_of_stalls(self, name: str) -> None:
        """The longest time that the event loop did not turn."""
        stall_s = self.server.ask("figures").real("longest_stall_s")
        self.row(f"longest stall of the server, {name}", f"{stall_s * 1e3:.0f} ms", "")

    def greeted(self, size: int) -> None:
        """Until the server has asked everybody for everything."""
        told = self.city.told
        self.city.live(
            lambda: min(told["info"], told["catalogue"]) >= size,
            GREETING_LIMIT_S,
            "not everybody was asked who it is",
        )

    def check(self, online: int) -> None:
        """Nobody was lost on the way, nobody is there twice, nobody was taken for gone."""
        figures = self.server.ask("figures")
        check_equal("devices on file", figures.number("devices"), online)
        check_equal("devices online", figures.number("online"), online)
        check_equal("devices taken for gone", figures.number("went_offline"), 0)
        if drops := figures.number("socket_drops"):
            self.row("datagrams dropped by the kernel", str(drops), "sent again by the cameras")
        refused = {kind: n for kind, n in self.city.answers.items() if 400 <= kind[1] != 401}
        refused = {kind: n for kind, n in refused.items() if kind[1] != 503}
        check_equal("refusals", refused, {})
        latest_s = max(each.latest_s for each in self.city.paces if isinstance(each, Pace))
        if latest_s > LATE_LIMIT_S:
            self.row("latest request of the generator", f"{latest_s * 1e3:.0f} ms", "")


@contextmanager
def town(folder: str, size: int, table: Table) -> Generator[Town]:
    """A server in `folder` and a city around it."""
    with Child(SERVER, folder) as server:
        said = server.greeting
        city = City(
            size, said.number("port"), said.text("server_id"), said.text("domain"), PASSWORD
        )
        with closing(city):
            yield Town(server, city, table, resident_bytes(server.pid))


@contextmanager
def empty_town(size: int, table: Table) -> Generator[Town]:
    """One that nobody has spoken to."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, town(folder, size, table) as made:
        yield made


def storm(made: Town, name: str, first: int, within_s: float, limit_s: float) -> None:
    """Cameras from number `first` on register within that time; until all are registered."""
    city = made.city
    newcomers = city.cameras[first:]
    began_s = time.perf_counter()
    with made.measured() as span:
        pace = Pace(city.register, newcomers, within_s)
        city.paces.append(pace)
        city.live(
            lambda: pace.is_over and city.registered == len(city.cameras),
            PATIENCE * limit_s,
            "not everybody is registered",
        )
    took_s = time.perf_counter() - began_s
    size = len(newcomers)
    refused = sum(city.answers[kind, 503] for kind in REGISTER_KINDS)
    made.row(
        f"{name}: all registered",
        f"{took_s:.1f} s",
        f"{size} devices within {within_s:.1f} s; {refused} times 503; limit {limit_s:.0f} s",
        span,
    )
    made.row(
        f"{name}: CPU of a registration",
        f"{span.server_us_each(size):.0f} µs",
        f"all that went on meanwhile included; {100 * span.server_s / span.wall_s:.0f} % of a core",
        span,
    )
    made.row_of_answers(f"{name}: answer to a REGISTER", REGISTER_KINDS, span)
    made.row_of_answers(f"{name}: answer to a keepalive", ("keepalive",), span)
    made.row_of_stalls(name)
    figures = made.server.ask("figures")
    accepted = figures.number("accepted")
    made.row(f"{name}: online, stored", f"{figures.number('online')}, {accepted}", "")
    if took_s > limit_s:
        made.row(f"{name}: MISSED", f"{took_s - limit_s:.1f} s too late", "")


def rest(made: Town, options: argparse.Namespace) -> None:
    """L-01: everybody is registered and sends keepalives."""
    city, size = made.city, options.devices
    with made.measured() as span:
        made.greeted(size)
    seconds = f"{span.wall_s:.1f} s, {span.server_s:.1f} s of CPU"
    made.row("L-01: until all have been asked who they are", seconds, "after the storm", span)
    made.row_of_answers("L-01: answer to a keepalive, while asking", ("keepalive",), span)
    made.row_of_stalls("while asking")
    city.live_for(options.settle)
    began_bytes = resident_bytes(made.server.pid)
    with made.measured() as span:
        city.live_for(options.seconds)
        city.live(lambda: not city.awaited["keepalive"], 40, "keepalives are unanswered")
    ended_bytes = resident_bytes(made.server.pid)
    answered = city.answers["keepalive", 200]
    made.row(
        "L-01: CPU",
        f"{100 * span.server_s / span.wall_s:.1f} % of a core",
        f"{size} devices, a keepalive each {KEEPALIVE_S:.0f} s, for {span.wall_s:.0f} s",
        span,
    )
    made.row("L-01: CPU of a keepalive", f"{span.server_us_each(answered):.0f} µs", "all included")
    made.row_of_answers("L-01: answer to a keepalive", ("keepalive",), span)
    made.row_of_stalls("at rest")
    growth = f"{100 * (ended_bytes / began_bytes - 1):.1f} %"
    figure = f"{ended_bytes / 2**20:.0f} MiB"
    made.row("L-01: memory", figure, f"{growth} more than {span.wall_s:.0f} s before")
    each = (ended_bytes - made.empty_bytes) / size / 1024
    made.row("L-01: memory of a device, as it grew", f"{each:.1f} KiB", "with a channel")
    made.check(size)


def l01_and_l02(options: argparse.Namespace, table: Table) -> None:
    """The storm fills the server that then is at rest."""
    size = options.devices
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with town(folder, size, table) as made:
            made.city.paces.append(
                Pace(made.city.keepalive, made.city.cameras, KEEPALIVE_S, again=True)
            )
            storm(made, "L-02", 0, size / WHOLE * L02_WITHIN_S, L02_LIMIT_S)
            if options.only != "l02":
                rest(made, options)
        with Child(SERVER, folder) as server:
            each = (resident_bytes(server.pid) - made.empty_bytes) / size / 1024
            table.row(
                "L-01: memory of a device, after a restart",
                f"{each:.1f} KiB",
                "",
                f"{made.empty_bytes / 2**20:.0f} MiB without any",
            )


def l03(options: argparse.Namespace, table: Table) -> None:
    """Most come within 5 s; some were there before, and go on with their keepalives."""
    size = options.devices
    before = max(1, min(5_000, size // 10))
    with empty_town(size, table) as made:
        city = made.city
        there = city.cameras[:before]
        arriving = Pace(city.register, there, max(5.0, before / 250))
        city.paces.append(arriving)
        city.live(lambda: city.registered == before, L03_LIMIT_S, "those before are not registered")
        made.greeted(before)
        city.paces.append(Pace(city.keepalive, there, KEEPALIVE_S / 4, again=True))
        storm(made, "L-03", before, size / WHOLE * L03_WITHIN_S, L03_LIMIT_S)
        made.check(size)


def l05(options: argparse.Namespace, table: Table) -> None:
    """A recorder with many channels answers over a bad network, beside cameras at rest."""
    channels, beside = options.channels, max(1, min(1_000, options.devices))
    with empty_town(beside + 1, table) as made:
        city = made.city
        arriving = Pace(city.register, city.cameras, max(5.0, beside / 250))
        city.paces.append(arriving)
        recorder = city.cameras[-1]
        city.live(lambda: city.registered == beside + 1, L03_LIMIT_S, "not everybody is there")
        made.greeted(beside + 1)
        city.paces.append(Pace(city.keepalive, city.cameras, KEEPALIVE_S / 6, again=True))
        dice = random.Random(options.seed)  # noqa: S311  repeatable
        window = Window(city, recorder, "catalogue", CATALOGUE_WINDOW)
        city.paces.append(window)
        asked: list[int] = []

        def tell(sn: int) -> None:
            asked.append(sn)
            parts: list[bytes] = []
            numbers = list(range(channels))
            while numbers:
                few = [numbers.pop() for _ in range(min(len(numbers), dice.randint(1, 4)))]
                parts.append(catalogue_part(recorder, sn, channels, few))
            for first in range(0, len(parts), CATALOGUE_SHUFFLED):
                some = parts[first : first + CATALOGUE_SHUFFLED]
                dice.shuffle(some)
                window.bodies.extend(some)

        # A query that is asked while the greeting's own is being stored would join that one.
        city.live_for(options.settle)
        city.on_catalogue[recorder.number] = tell
        city.mischief = bad_network(dice)
        began_s = time.perf_counter()
        with made.measured() as span:
            job_id = made.server.ask("ask_catalog", device_id=recorder.device_id.decode()).text(
                "job_id"
            )
            finished: list[int] = []

            def is_over() -> bool:
                if not window.bodies and not city.awaited["catalogue"] and asked:
                    job = made.server.ask("catalog", job_id=job_id)
                    if job.number("finished"):
                        finished.append(job.number("received"))
                return bool(finished)

            city.live(is_over, PATIENCE * L05_LIMIT_S, "the catalogue is not complete")
        took_s = time.perf_counter() - began_s
        made.row(
            "L-05: catalogue complete",
            f"{took_s:.1f} s",
            f"{channels} channels, 1 to 4 a MESSAGE, asked {len(asked)} times; "
            f"1 % lost, 1 % doubled, out of order; limit {L05_LIMIT_S:.0f} s",
            span,
        )
        made.row("L-05: CPU of an item", f"{span.server_us_each(channels):.0f} µs", "", span)
        made.row_of_answers("L-05: answer to a part of it", ("catalogue",), span)
        made.row_of_answers("L-05: answer to a keepalive", ("keepalive",), span)
        made.row_of_stalls("L-05")
        check_equal("items received", finished, [channels])
        figures = made.server.ask("figures")
        check_equal("channels on file", figures.number("channels"), channels + beside)
        made.check(beside + 1)


def bad_network(dice: random.Random) -> Callable[[str, bytes], Sequence[tuple[float, bytes]]]:
    """Loses, doubles and delays what it is given, as the dice fall."""

    def make(_: str, data: bytes) -> Sequence[tuple[float, bytes]]:
        if dice.random() < LOST_SHARE:
            return ()
        late_s = dice.uniform(0, LATEST_S) if dice.random() < LATE_SHARE else 0.0
        copies = 2 if dice.random() < DOUBLED_SHARE else 1
        return [(late_s, data)] * copies

    return make


PARTS = {"l01": l01_and_l02, "l02": l01_and_l02, "l03": l03, "l05": l05}


def bench(options: argparse.Namespace) -> None:
    """The parts asked for, each with a server of its own."""
    table = Table(f"Load: {options.devices} devices")
    chosen = [PARTS[options.only]] if options.only else [l01_and_l02, l03, l05]
    for part in chosen:
        part(options, table)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=5_000)
    parser.add_argument("--only", choices=sorted(PARTS), help="one part; l01 begins with l02")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they are at rest")
    parser.add_argument("--settle", type=float, default=5.0, help="before measuring, in seconds")
    parser.add_argument("--channels", type=int, default=5_000, help="of the recorder of l05")
    parser.add_argument("--seed", type=int, default=1, help="of the bad network of l05")
    options = parser.parse_args()
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
