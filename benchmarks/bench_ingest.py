"""What a camera's stream costs: 4 Mbit/s of PS over RTP into the relay, by every transport.

    .venv/bin/python -m benchmarks.bench_ingest [--streams 1 20 100] [--seconds 10]

The relay and the cameras run in processes of their own. The whole way is measured: sockets, order,
PS, pictures into the hub, packets for viewers to come. Fails when a packet did not arrive.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.support import Child, Table, check_equal, measured, resident_bytes, run_benchmark
from media.door import Transport

RELAY = "benchmarks.relay_process"
BARE = "benchmarks.bare_receiver"
CAMERAS = "benchmarks.cameras"
FIRST_SSRC = 1_000
START_S = 4.0
"""Until every camera sends and its first group is in."""

SETTLE_S = 0.5
SETTLE_LIMIT_S = 8.0
"""A starved relay has a buffer to read yet; its reports tell every 5 s what did not fit there."""

FILM_TO_SPARE_S = 5


@dataclass(frozen=True, slots=True)
class Streams:
    """What was opened, in order."""

    ids: Sequence[str]
    ports: Sequence[int]
    ssrcs: Sequence[int]


def open_streams(relay: Child, cameras: Child, transport: Transport, count: int) -> Streams:
    """As many ports with an SSRC awaited on each; cameras that are connected to listen first."""
    ssrcs = [FIRST_SSRC + number for number in range(count)]
    remote = [0] * count
    if transport is Transport.TCP_ACTIVE:
        remote = cameras.ask("listen", count=count).numbers("ports")
    opened = [
        relay.ask("open", transport=transport, ssrc=ssrc, remote_port=port)
        for ssrc, port in zip(ssrcs, remote, strict=True)
    ]
    ids = [each.text("stream_id") for each in opened]
    return Streams(ids, [each.number("port") for each in opened], ssrcs)


def check_streams(relay: Child, streams: Streams, sent: Sequence[int]) -> None:
    """What the cameras sent is what the relay took, once it has read what still waited."""
    limit = time.monotonic() + SETTLE_LIMIT_S
    for stream_id, packets in zip(streams.ids, sent, strict=True):
        figures = relay.ask("figures", stream_id=stream_id)
        while figures.number("packets") < packets and time.monotonic() < limit:
            time.sleep(SETTLE_S)
            figures = relay.ask("figures", stream_id=stream_id)
        if figures.number("packets") < packets:
            print(f"tolerated by {stream_id}: {figures.texts('tolerated')}", file=sys.stderr)
        check_equal("packets", figures.number("packets"), packets)
        for name in ("lost", "damaged", "foreign"):
            check_equal(name, figures.number(name), 0)


def measure(cameras: Child, transport: Transport, count: int, seconds: float, table: Table) -> None:
    """One row."""
    with Child(RELAY) as relay:
        idle_bytes = resident_bytes(relay.pid)
        streams = open_streams(relay, cameras, transport, count)
        cameras.ask("start", transport=transport, ports=streams.ports, ssrcs=streams.ssrcs)
        time.sleep(START_S)
        with measured([relay.pid], [cameras.pid]) as span:
            time.sleep(seconds)
        grown = resident_bytes(relay.pid) - idle_bytes
        stopped = cameras.ask("stop")
        time.sleep(SETTLE_S)
        check_streams(relay, streams, stopped.numbers("sent"))
        table.row(
            f"stream in, {transport.value}",
            f"{span.server_ms_per_s() / count:.2f} ms/s",
            span.generator_share,
            f"{count} streams, {grown / count / 2**20:.1f} MiB each, "
            f"latest picture sent {stopped.real('latest_ms'):.0f} ms late",
        )


def measure_least(cameras: Child, count: int, seconds: float, table: Table) -> None:
    """The row to hold the others against: what Python needs at the least on this machine."""
    with Child(BARE) as bare:
        ports = [bare.greeting.number("port")] * count
        ssrcs = [FIRST_SSRC + number for number in range(count)]
        cameras.ask("start", transport=Transport.UDP_SHARED, ports=ports, ssrcs=ssrcs)
        time.sleep(START_S)
        with measured([bare.pid], [cameras.pid]) as span:
            time.sleep(seconds)
        stopped = cameras.ask("stop")
        time.sleep(SETTLE_S)
        check_equal("packets", bare.ask("figures").number("packets"), sum(stopped.numbers("sent")))
        table.row(
            "the least, one socket",
            f"{span.server_ms_per_s() / count:.2f} ms/s",
            span.generator_share,
            f"{count} streams cut up and thrown away, nothing judged",
        )


def bench(options: argparse.Namespace) -> None:
    """Every number of streams over every transport."""
    film_s = int(options.seconds + START_S) + FILM_TO_SPARE_S
    with Child(CAMERAS, str(film_s)) as cameras:
        rate = cameras.greeting
        table = Table(
            f"Ingest: 1080p25 H.264 in PS, {rate.number('kbit_per_s') / 1000:.2f} Mbit/s, "
            f"{rate.number('packets_per_s')} packets/s a stream"
        )
        for count in options.streams:
            measure_least(cameras, count, options.seconds, table)
        for transport in Transport:
            for count in options.streams:
                measure(cameras, transport, count, options.seconds, table)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    options = parser.parse_args()
    run_benchmark(lambda: bench(options))


if __name__ == "__main__":
    main()
