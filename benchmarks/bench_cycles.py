"""Ten thousand times begin and end: `.venv/bin/python -m benchmarks.bench_cycles [--cycles 10000]`

A worker process. In each cycle a stream is opened, sends its first picture, gets a viewer by FLV
who takes some of it and leaves, and is closed; UDP on a port of its own, UDP on the shared port and
TCP by turns. Then `--viewers` of one running stream come, get something and go: FLV, fMP4, HLS,
RTSP and WHEP by turns.

Fails when the worker ends with more descriptors or threads than after the first tenth of each, when
its memory has grown by more than a twentieth since then, or when its owner still counts a stream or
a viewer. The first tenth is no part of it: by then every kind of thing has been made as many times
at once as there will ever be, and what is kept for later is full or nearly so (codes of the parser,
the times of rest of ports, 4,096 addresses of senders).
"""

import argparse
import asyncio
import random
import secrets
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import uvloop
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from benchmarks.passing_viewers import Passers
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
from media.rtp.packet import packetise
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
SETTLE_S = 0.5
"""By then the worker has closed what the last viewers hung up."""

SSRCS = 10_000
PICTURES_PER_S = 25
PICTURE_TICKS = 90_000 // PICTURES_PER_S
FIRST_PICTURES = 2
"""Of a stream that is closed again: where the first ends is known with the second."""


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


class Film:
    """A second of pictures, the first a key picture, again and again as one stream.

    They are small and full of noise: 20 to 50 KiB each, so that one that is kept is seen.
    """

    def __init__(self) -> None:
        encoder = VideoCodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = 320, 176, "yuv420p"
        encoder.gop_size = PICTURES_PER_S
        encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
        dice = random.Random(1)  # noqa: S311  repeatable
        self._pictures: list[bytes] = []
        for number in range(PICTURES_PER_S):
            frame = VideoFrame(320, 176, "yuv420p")
            frame.pts = number
            frame.planes[0].update(dice.randbytes(frame.planes[0].buffer_size))
            self._pictures += [packet.data for packet in encode(encoder, frame)]

    def packets(self, ssrc: int) -> Iterator[list[bytes]]:
        """Those of one picture after the other, without end."""
        muxer, sequence = PsMuxer(Codec.H264), 0
        for number in count():
            at = number % len(self._pictures)
            pack = muxer.picture(self._pictures[at], number * PICTURE_TICKS, is_key=at == 0)
            packets = packetise(
                pack,
                payload_type=96,
                sequence=sequence,
                timestamp=number * PICTURE_TICKS,
                ssrc=ssrc,
            )
            yield (picture := list(packets))
            sequence += len(picture)


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
        self._film = Film()
        self._passers = Passers(self.farm, self.admit_once)
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

    def admit_once(self, token: str, stream_id: StreamId, viewer_id: ViewerId) -> None:
        """A token that counts."""
        self.admissions[token] = Admission(stream_id, viewer_id)

    async def cycle(self, number: int) -> None:
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
            for packets in islice(self._film.packets(ssrc), FIRST_PICTURES):
                for packet in packets:
                    camera.send(packet if transport.is_udp else len(packet).to_bytes(2) + packet)
            async with asyncio.timeout(STEP_LIMIT_S):
                await pictured
                await self._passers.by_flv(stream_id, ViewerId(f"viewer-of-{number}"))
                await self.farm.figures(stream_id)
                await left
        await self.farm.close(stream_id)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[StreamId]:
        """A stream that goes on, at 25 pictures a second."""
        address = await self.farm.open(Transport.UDP, SSRCS, HOST)
        pictured = self.awaits(FirstPicture, address.stream_id)
        await self.farm.expect(address.stream_id, SSRCS, HOST)
        playing = asyncio.create_task(self._play(address.port))
        try:
            async with asyncio.timeout(STEP_LIMIT_S):
                await pictured
            yield address.stream_id
        finally:
            playing.cancel()
            await asyncio.wait([playing])
        await self.farm.close(address.stream_id)

    async def _play(self, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
            camera.connect((HOST, port))
            for packets in self._film.packets(SSRCS):
                for packet in packets:
                    camera.send(packet)
                await asyncio.sleep(1 / PICTURES_PER_S)

    async def pass_by(self, stream_id: StreamId, number: int) -> None:
        """One viewer of a running stream."""
        async with asyncio.timeout(STEP_LIMIT_S):
            await self._passers.pass_by(stream_id, number)


async def repeat(
    stage: Stage, table: Table, what: str, times: int, do: Callable[[int], Awaitable[None]]
) -> None:
    """`do` it so many times, a row each tenth of them; then the worker must be as it was."""
    pid = stage.farm.workers()[0].pid
    if pid is None:
        raise RuntimeError("no worker")
    before: Size | None = None
    began_s = time.monotonic()
    step = max(AT_ONCE, times // 10)
    for done in range(0, times, AT_ONCE):
        numbers = range(done, min(done + AT_ONCE, times))
        await asyncio.gather(*(do(number) for number in numbers))
        if numbers.stop // step > done // step:
            await asyncio.sleep(SETTLE_S)
            now = size_of(pid)
            before = before or now
            table.row(
                f"after {numbers.stop} {what}",
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


async def run(cycles: int, viewers: int, table: Table) -> None:
    """Streams, and then viewers, on one worker."""
    stage = Stage()
    await stage.farm.start()
    await repeat(stage, table, "streams", cycles, stage.cycle)
    async with stage.running() as stream_id:
        await repeat(
            stage, table, "viewers", viewers, lambda number: stage.pass_by(stream_id, number)
        )
    [status] = stage.farm.workers()
    check_equal("streams and viewers left", (status.streams, status.viewers), (0, 0))
    await stage.farm.stop()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--viewers", type=int, default=2_500)
    asked = parser.parse_args()
    cycles, viewers = asked.cycles, asked.viewers

    def measure() -> None:
        title = f"Begin and end: {cycles} streams, each with a viewer; {viewers} viewers of one"
        uvloop.run(run(cycles, viewers, Table(title)))

    run_benchmark(measure)


if __name__ == "__main__":
    main()
