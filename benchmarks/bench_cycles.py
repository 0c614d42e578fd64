"""Ten thousand times begin and end: `.venv/bin/python -m benchmarks.bench_cycles [--cycles 10000]`.

A worker process, and in each cycle a stream is opened, sends its first picture, gets a viewer by
FLV who takes some of it and leaves, and is closed; UDP on a port of its own, UDP on the shared port
and TCP by turns. Fails when the worker ends with more descriptors or threads than after the first
cycles, or when its memory has grown by more than a twentieth since then.
"""

import argparse
import asyncio
import contextlib
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from benchmarks.support import Table, check_equal, resident_bytes, run_benchmark
from media.door import (
    Admission,
    FirstPicture,
    Form,
    MediaError,
    MediaEvent,
    StreamId,
    Transport,
    ViewerId,
    ViewerLeft,
)
from media.farm import Farm
from media.ffmpeg import encode
from media.plan import Place, RelayPlan
from media.ps.mux import PsMuxer
from media.unit import Codec

HOST = "127.0.0.1"
ANY = Place(HOST, 0)
PLAN = RelayPlan((20_000, 59_999), ANY, (HOST,), http=ANY, rtsp=ANY)
"""Ports rest for half a minute, so a quick run needs many."""

TRANSPORTS = (Transport.UDP, Transport.UDP_SHARED, Transport.TCP_PASSIVE)
AT_ONCE = 20
"""An FLV begins when sound has not come for a quarter of a second: so many wait at a time."""

GROWTH_LIMIT = 0.05
STEP_LIMIT_S = 10.0
SSRCS = 10_000
FLV_BYTES = 64


@dataclass(frozen=True, slots=True)
class Size:
    """What a process holds."""

    resident: int
    descriptors: int
    threads: int


def size_of(pid: int) -> Size:
    """What it holds now."""
    folder = Path(f"/proc/{pid}")
    return Size(
        resident_bytes(pid),
        len(list((folder / "fd").iterdir())),
        len(list((folder / "task").iterdir())),
    )


def first_packets() -> list[bytes]:
    """The payloads of a small key picture in a program stream, a delta picture behind it."""
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 176, "yuv420p"
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    muxer = PsMuxer(Codec.H264)
    payloads: list[bytes] = []
    for number in range(2):
        frame = VideoFrame(320, 176, "yuv420p")
        frame.pts = number
        for packet in encode(encoder, frame):
            pack = muxer.picture(packet.data, number * 3_600, is_key=number == 0)
            payloads += [pack[at : at + 1_400] for at in range(0, len(pack), 1_400)]
    return payloads


def rtp(payloads: list[bytes], ssrc: int) -> list[bytes]:
    """Packets; the last of each stretch of bytes is not marked, the PS says where pictures end."""
    head = b"\x80\x60"
    return [
        head + number.to_bytes(2) + bytes(4) + ssrc.to_bytes(4) + payload
        for number, payload in enumerate(payloads)
    ]


class Stage:
    """A farm of one worker, who is let in, and what was told."""

    def __init__(self) -> None:
        self.farm = Farm(
            PLAN,
            1,
            now=time.monotonic,
            token=lambda: secrets.token_hex(16),
            on_event=self._on_event,
            admit=self._admit,
        )
        self.admissions: dict[str, Admission] = {}
        self._awaited: dict[tuple[type, str], asyncio.Future[None]] = {}

    async def _admit(self, token: str, _form: Form, _worker: int) -> Admission:
        try:
            return self.admissions.pop(token)
        except KeyError:
            raise MediaError(MediaError.NOT_ADMITTED, "no such token") from None

    def _on_event(self, event: MediaEvent) -> None:
        future = self._awaited.get((type(event), event.stream_id))
        if future is not None and not future.done():
            future.set_result(None)

    def awaits(self, kind: type, stream_id: StreamId) -> asyncio.Future[None]:
        """Done when such an event of the stream is told."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited[kind, stream_id] = future
        future.add_done_callback(lambda _: self._awaited.pop((kind, stream_id), None))
        return future

    async def cycle(self, number: int, payloads: list[bytes]) -> None:
        """One stream from its beginning to its end."""
        transport = TRANSPORTS[number % len(TRANSPORTS)]
        ssrc = 1 + number % SSRCS
        address = await self.farm.open(transport, ssrc, HOST)
        stream_id = address.stream_id
        pictured = self.awaits(FirstPicture, stream_id)
        left = self.awaits(ViewerLeft, stream_id)
        await self.farm.expect(stream_id, ssrc, HOST)
        kind = socket.SOCK_DGRAM if transport.is_udp else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as camera:
            camera.connect((HOST, address.port))
            for packet in rtp(payloads, ssrc):
                camera.send(packet if transport.is_udp else len(packet).to_bytes(2) + packet)
            async with asyncio.timeout(STEP_LIMIT_S):
                await pictured
                await self._watch(stream_id, number)
                await self.farm.figures(stream_id)
                await left
        await self.farm.close(stream_id)

    async def _watch(self, stream_id: StreamId, number: int) -> None:
        token = f"token-{number}"
        self.admissions[token] = Admission(stream_id, ViewerId(f"viewer-{number}"))
        reader, writer = await asyncio.open_connection(HOST, self.farm.ports(0).http)
        writer.write(f"GET /live/1/2.flv?token={token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        check_equal("status", head[9:12], b"200")
        await reader.readexactly(FLV_BYTES)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def run(cycles: int, table: Table) -> None:
    """All cycles on one worker, a row each tenth of them."""
    stage, payloads = Stage(), first_packets()
    await stage.farm.start()
    pid = stage.farm.workers()[0].pid
    if pid is None:
        raise RuntimeError("no worker")
    before: Size | None = None
    began_s = time.monotonic()
    step = max(AT_ONCE, cycles // 10)
    for done in range(0, cycles, AT_ONCE):
        numbers = range(done, min(done + AT_ONCE, cycles))
        await asyncio.gather(*(stage.cycle(number, payloads) for number in numbers))
        if numbers.stop // step > done // step:
            now = size_of(pid)
            before = before or now
            table.row(
                f"after {numbers.stop} cycles",
                f"{now.resident / 2**20:.1f} MiB",
                "none",
                f"{now.descriptors} descriptors, {now.threads} threads, "
                f"{time.monotonic() - began_s:.0f} s",
            )
    if before is None:
        raise ValueError("too few cycles")
    check_equal("worker", stage.farm.workers()[0].pid, pid)
    after = size_of(pid)
    check_equal("more descriptors", max(0, after.descriptors - before.descriptors), 0)
    check_equal("more threads", max(0, after.threads - before.threads), 0)
    grown = after.resident / before.resident - 1
    check_equal("memory grew too much", grown > GROWTH_LIMIT, False)
    await stage.farm.stop()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=10_000)
    cycles = parser.parse_args().cycles

    def measure() -> None:
        uvloop.run(run(cycles, Table(f"Begin and end: {cycles} streams, each with a viewer")))

    run_benchmark(measure)


if __name__ == "__main__":
    main()
