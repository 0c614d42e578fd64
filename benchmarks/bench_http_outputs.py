"""What a viewer by HTTP costs: one 4 Mbit/s stream as FLV and as fMP4 by WebSocket to many.

    .venv/bin/python -m benchmarks.bench_http_outputs [--viewers 1 20 50 100] [--seconds 8]

The output and the viewers run in processes of their own; pictures are published at their pace. What
viewers did not get is an error: bytes sent and received are compared. Receivers that are woken are
billed to the sender on loopback, so they look at their sockets every 2 ms.
"""

import argparse
import time
from itertools import pairwise
from statistics import median

from benchmarks.support import Child, Table, check_equal, measured, run_benchmark

SERVER = "benchmarks.http_process"
VIEWERS = "benchmarks.http_viewers"
FORMS = {"FLV": (".flv", False), "fMP4 by WebSocket": (".mp4", True)}
START_S = 1.0
JOIN_S = 2.5
"""Late viewers have caught up by then."""

SETTLE_S = 0.5


def bench(options: argparse.Namespace) -> None:
    """More and more viewers, in each form."""
    steps: list[int] = sorted({0, *options.viewers})
    for name, (path, is_websocket) in FORMS.items():
        with Child(SERVER) as server, Child(VIEWERS) as house:
            rate = server.greeting.number("kbit_per_s") / 1_000
            table = Table(f"{name}: one stream, 1080p25 H.264, {rate:.2f} Mbit/s")
            time.sleep(START_S)
            viewers = 0
            waited_ms: list[float] = []
            costs: dict[int, float] = {}
            for wanted in steps:
                for _ in range(wanted - viewers):
                    port = server.greeting.number("port")
                    joined = house.ask("join", port=port, form=path, is_websocket=int(is_websocket))
                    waited_ms.append(joined.real("first_ms"))
                viewers = wanted
                time.sleep(JOIN_S)
                with measured([server.pid], [house.pid]) as span:
                    time.sleep(options.seconds)
                cost = costs[wanted] = span.server_ms_per_s()
                each = f"{(cost - costs[0]) / wanted:.2f} ms/s each" if wanted else ""
                share = span.generator_share
                table.row(f"stream with {wanted} viewers", f"{cost:.1f} ms/s", share, each)
            for fewer, more in pairwise(steps[1:]):
                marginal = (costs[more] - costs[fewer]) / (more - fewer)
                table.row("one more viewer", f"{marginal:.2f} ms/s", "", f"from {fewer} to {more}")
            middle, last = median(waited_ms), max(waited_ms)
            table.row("first 64 KiB", f"{middle:.1f} ms", "", f"median; {last:.0f} ms at most")
            check(server, house, viewers)


def check(server: Child, house: Child, viewers: int) -> None:
    """What was sent to each is what it got; the heads of answers are not counted as sent."""
    server.ask("stop")
    time.sleep(SETTLE_S)
    figures = server.ask("figures")
    got = sorted(house.ask("figures").numbers("bytes"))
    sent = sorted(figures.numbers("sent"))
    check_equal("viewers", len(got), viewers)
    check_equal("pictures dropped", sum(figures.numbers("dropped")), 0)
    heads = {more - fewer for more, fewer in zip(got, sent, strict=True)}
    check_equal("heads of different size", len(heads), min(viewers, 1))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 20, 50, 100])
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    options = parser.parse_args()
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
