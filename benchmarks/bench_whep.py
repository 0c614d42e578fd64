"""What a viewer costs: one 4 Mbit/s stream to many browsers, encrypted for each.

    .venv/bin/python -m benchmarks.bench_whep [--viewers 1 20 50 100] [--seconds 10]

Relay, camera and viewers run in processes of their own, the viewers in two; they decrypt every
packet. The first picture counts from the answer to its last packet decrypted: checks, handshake,
key picture. Fails when a packet that was sent was not decrypted, or one is missing in between.
"""

import argparse
import time

from benchmarks.bench_ingest import (
    CAMERAS,
    FILM_TO_SPARE_S,
    RELAY,
    SETTLE_S,
    START_S,
    check_streams,
    open_streams,
)
from benchmarks.support import Child, Table, check_equal, run_benchmark
from benchmarks.viewer_costs import JOIN_S, Crowd, measure, read_options
from media.door import Transport

VIEWERS = "benchmarks.viewers"
AIM_MS_PER_S = 3.0
JOIN_LIMIT_S = 100


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
    steps = len(options.viewers) + 1
    film_s = int(START_S + steps * (options.seconds + JOIN_S)) + FILM_TO_SPARE_S + JOIN_LIMIT_S
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

        def come(number: int) -> float:
            house = houses[number % len(houses)]
            return join(relay, house, stream_id, f"viewer {number}")

        crowd = Crowd(relay, [camera, *houses], come, aim_ms_per_s=AIM_MS_PER_S)
        viewers = measure(table, crowd, options)
        sent = camera.ask("stop")
        time.sleep(SETTLE_S)
        check_streams(relay, streams, sent.numbers("sent"))
        check_viewers(relay, houses, stream_id, viewers)


def main() -> None:
    """Read the command line and measure."""
    options = read_options(__doc__, seconds=10.0)
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
