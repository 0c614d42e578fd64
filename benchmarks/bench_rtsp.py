"""What a viewer by RTSP costs: one 4 Mbit/s stream, interleaved and by datagrams, to many.

    .venv/bin/python -m benchmarks.bench_rtsp [--viewers 1 20 50 100] [--seconds 8]

The output and the viewers run in processes of their own; pictures are published at their pace. What
viewers did not get is an error: packets sent and received are compared. Viewers look at their
sockets every 2 ms, for on loopback their being woken is billed to the sender.
"""

import argparse
import time
from functools import partial

from benchmarks.support import Child, Table, check_equal, run_benchmark
from benchmarks.viewer_costs import SETTLE_S, Crowd, check_sent, measure, read_options

SERVER = "benchmarks.rtsp_process"
VIEWERS = "benchmarks.rtsp_viewers"
TRANSPORTS = {"interleaved": False, "by datagrams": True}
START_S = 2.5
"""The last group is whole by then."""


def join(house: Child, port: int, by_udp: bool, _: int) -> float:
    """One more viewer; milliseconds to its first picture."""
    return house.ask("join", port=port, by_udp=int(by_udp)).real("first_ms")


def bench(options: argparse.Namespace) -> None:
    """By each transport."""
    for name, by_udp in TRANSPORTS.items():
        with Child(SERVER) as server, Child(VIEWERS) as house:
            rate = server.greeting.number("kbit_per_s") / 1_000
            table = Table(f"RTSP {name}: one stream, 1080p25 H.264, {rate:.2f} Mbit/s")
            time.sleep(START_S)
            come = partial(join, house, server.greeting.number("port"), by_udp)
            viewers = measure(table, Crowd(server, [house], come), options)
            server.ask("stop")
            time.sleep(SETTLE_S)
            more = check_sent(server, house.ask("figures").numbers("packets"), viewers)
            check_equal("packets more than sent", more, {0})


def main() -> None:
    """Read the command line and measure."""
    options = read_options(__doc__)
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
