"""What a viewer by RTSP costs: one 4 Mbit/s stream, interleaved and by datagrams, to many.

    .venv/bin/python -m benchmarks.bench_rtsp [--viewers 1 20 50] [--seconds 8]

The output and the viewers run in processes of their own; pictures are published at their pace. What
viewers did not get is an error: packets sent and received are compared. Viewers look at their
sockets every 2 ms, for on loopback their being woken is billed to the sender.
"""

import argparse
import time

from benchmarks.support import Child, Table, check_equal, measured, run_benchmark

SERVER = "benchmarks.rtsp_process"
VIEWERS = "benchmarks.rtsp_viewers"
TRANSPORTS = {"interleaved": False, "by datagrams": True}
START_S = 1.0
JOIN_S = 2.5
"""Late viewers have caught up by then."""

SETTLE_S = 0.5


def bench(options: argparse.Namespace) -> None:
    """More and more viewers, by each transport."""
    steps: list[int] = sorted({0, *options.viewers})
    for name, by_udp in TRANSPORTS.items():
        with Child(SERVER) as server, Child(VIEWERS) as house:
            rate = server.greeting.number("kbit_per_s") / 1_000
            table = Table(f"RTSP {name}: one stream, 1080p25 H.264, {rate:.2f} Mbit/s")
            time.sleep(START_S)
            viewers = 0
            alone = 0.0
            for wanted in steps:
                for _ in range(wanted - viewers):
                    house.ask("join", port=server.greeting.number("port"), by_udp=int(by_udp))
                viewers = wanted
                time.sleep(JOIN_S)
                with measured([server.pid], [house.pid]) as span:
                    time.sleep(options.seconds)
                cost = span.server_ms_per_s()
                alone = cost if not wanted else alone
                each = f"{(cost - alone) / wanted:.2f} ms/s each" if wanted else ""
                share = span.generator_share
                table.row(f"stream with {wanted} viewers", f"{cost:.1f} ms/s", share, each)
            check(server, house, viewers)


def check(server: Child, house: Child, viewers: int) -> None:
    """What was sent to each is what it got."""
    server.ask("stop")
    time.sleep(SETTLE_S)
    figures = server.ask("figures")
    got = sorted(house.ask("figures").numbers("packets"))
    check_equal("viewers", len(got), viewers)
    check_equal("pictures dropped", sum(figures.numbers("dropped")), 0)
    check_equal("packets", got, sorted(figures.numbers("packets")))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 20, 50])
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    options = parser.parse_args()
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
