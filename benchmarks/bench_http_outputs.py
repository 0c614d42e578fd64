"""What a viewer by HTTP costs: one 4 Mbit/s stream as FLV, as fMP4 by WebSocket and by HLS.

    .venv/bin/python -m benchmarks.bench_http_outputs [--viewers 1 20 50 100] [--seconds 8]

The output and the viewers run in processes of their own; pictures are published at their pace. What
viewers did not get is an error: bytes sent and received are compared. Receivers that are woken are
billed to the sender on loopback, so those of FLV and fMP4 look at their sockets every 2 ms; those
of HLS ask for the playlist with its next part, and for each part.
"""

import argparse
import time
from dataclasses import dataclass
from functools import partial

from benchmarks.support import Child, Table, check_equal, run_benchmark
from benchmarks.viewer_costs import SETTLE_S, Crowd, check_sent, measure, read_options

SERVER = "benchmarks.http_process"
START_S = 2.5
"""The last group is whole by then."""


@dataclass(frozen=True, slots=True)
class Form:
    """`viewers`: who watches; `told`: what each is told besides the port; the rest as `Crowd`."""

    viewers: str
    told: dict[str, str | int]
    first: str
    aim_ms_per_s: float | None
    fill_s: float = 0.0


SOCKETS = "benchmarks.http_viewers"
FORMS = {
    "FLV": Form(SOCKETS, {"form": ".flv", "is_websocket": 0}, "first 64 KiB", 0.35),
    "fMP4 by WebSocket": Form(SOCKETS, {"form": ".mp4", "is_websocket": 1}, "first 64 KiB", 0.35),
    # Twelve segments of two seconds are kept.
    "HLS": Form("benchmarks.hls_viewers", {}, "first part", None, 26.0),
}


def join(house: Child, told: dict[str, str | int], _: int) -> float:
    """One more viewer; milliseconds it waited."""
    return house.ask("join", **told).real("first_ms")


def bench(options: argparse.Namespace) -> None:
    """In each form."""
    for name, form in FORMS.items():
        with Child(SERVER) as server, Child(form.viewers) as house:
            rate = server.greeting.number("kbit_per_s") / 1_000
            table = Table(f"{name}: one stream, 1080p25 H.264, {rate:.2f} Mbit/s")
            told = {"port": server.greeting.number("port"), **form.told}
            time.sleep(START_S)
            come = partial(join, house, told)
            crowd = Crowd(server, [house], come, form.first, form.aim_ms_per_s, form.fill_s)
            viewers = measure(table, crowd, options)
            server.ask("stop")
            time.sleep(SETTLE_S)
            got = house.ask("figures")
            check_equal("gaps", got.number("gaps"), 0)
            # The heads of answers are not counted as sent.
            heads = check_sent(server, got.numbers("bytes"), viewers)
            check_equal("heads of different size", len(heads), min(viewers, 1))


def main() -> None:
    """Read the command line and measure."""
    options = read_options(__doc__)
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
