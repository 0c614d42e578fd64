"""What a viewer costs: one 4 Mbit/s stream to many browsers, encrypted for each.

    .venv/bin/python -m benchmarks.bench_whep [--viewers 1 20 50 100] [--seconds 10]

Relay, camera and viewers run in processes of their own; viewers decrypt every packet. The marginal
viewer is what one more costs between two numbers of them. The first picture counts from the answer
to its last packet decrypted: checks, handshake, key picture. Fails when a packet that was sent was
not decrypted, or one is missing in between.
"""

import argparse
import time
from itertools import pairwise
from statistics import median

from benchmarks.bench_ingest import (
    CAMERAS,
    FILM_TO_SPARE_S,
    RELAY,
    SETTLE_S,
    START_S,
    check_streams,
    open_streams,
)
from benchmarks.support import Child, Table, check_equal, measured, run_benchmark
from media.door import Transport

VIEWERS = "benchmarks.viewers"
PROCESSES = 2
"""That the viewers are shared out to."""

JOIN_S = 2.0
"""Late viewers have caught up by then."""

JOIN_LIMIT_S = 40


def join(relay: Child, house: Child, stream_id: str, name: str) -> float:
    """One viewer, as a browser does by WHEP; milliseconds to its first picture."""
    offer = house.ask("offer").text("sdp")
    answer = relay.ask("answer", stream_id=stream_id, viewer_id=name, offer=offer)
    return house.ask("connect", sdp=answer.text("sdp")).real("first_picture_ms")


def check_viewers(relay: Child, houses: list[Child], stream_id: str, count: int) -> None:
    """What was sent to each is what it decrypted."""
    sent = relay.ask("figures", stream_id=stream_id)
    got = [house.ask("figures") for house in houses]
    check_equal("viewers", len(sent.texts("viewers")), count)
    check_equal("pictures dropped", sum(sent.numbers("dropped")), 0)
    check_equal("gaps", sum(each.number("gaps") for each in got), 0)
    decrypted = sorted(packets for each in got for packets in each.numbers("packets"))
    check_equal("packets", decrypted, sorted(sent.numbers("sent")))


def bench(options: argparse.Namespace) -> None:
    """More and more viewers of one stream."""
    steps: list[int] = sorted({0, *options.viewers})
    film_s = int(START_S + len(steps) * (options.seconds + JOIN_S)) + FILM_TO_SPARE_S + JOIN_LIMIT_S
    with (
        Child(CAMERAS, str(film_s)) as camera,
        Child(RELAY) as relay,
        Child(VIEWERS) as first,
        Child(VIEWERS) as second,
    ):
        houses = [first, second]
        rate = camera.greeting
        table = Table(
            f"WHEP: one stream, 1080p25 H.264, {rate.number('kbit_per_s') / 1000:.2f} Mbit/s"
        )
        streams = open_streams(relay, camera, Transport.UDP, 1)
        [stream_id] = streams.ids
        camera.ask("start", transport=Transport.UDP, ports=streams.ports, ssrcs=streams.ssrcs)
        time.sleep(START_S)
        costs: dict[int, float] = {}
        first_ms: list[float] = []
        for wanted in steps:
            for number in range(len(first_ms), wanted):
                house = houses[number % PROCESSES]
                first_ms.append(join(relay, house, stream_id, f"viewer {number}"))
            time.sleep(JOIN_S)
            with measured([relay.pid], [camera.pid, *(house.pid for house in houses)]) as span:
                time.sleep(options.seconds)
            costs[wanted] = span.server_ms_per_s()
            table.row(
                f"stream with {wanted} viewers",
                f"{costs[wanted]:.1f} ms/s",
                span.generator_share,
                f"in {PROCESSES} processes",
            )
        for fewer, more in pairwise(steps):
            each = (costs[more] - costs[fewer]) / (more - fewer)
            table.row("one more viewer", f"{each:.2f} ms/s", "", f"from {fewer} to {more}")
        table.row(
            "first picture on a running stream",
            f"{median(first_ms):.0f} ms, at most {max(first_ms):.0f} ms",
            "",
            f"{len(first_ms)} viewers, one after the other",
        )
        sent = camera.ask("stop")
        time.sleep(SETTLE_S)
        check_streams(relay, streams, sent.numbers("sent"))
        check_viewers(relay, houses, stream_id, steps[-1])


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 20, 50, 100])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    options = parser.parse_args()
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
