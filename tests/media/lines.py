"""A receiver on real sockets, and what a device sends to it."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from media.door import MediaEvent, StreamId, Transport
from media.hub import Hub, Reader
from media.ingest import Receiver, open_receiver
from media.ps.mux import PsMuxer
from media.rtp.packet import packetise
from media.rtp.ports import PortLender
from media.unit import Codec
from tests.media.ps.streams import KEY, SLICE

SSRC = 200_000_001
HOST = "127.0.0.1"
PORTS = (42_000, 42_999)
LIMIT_S = 10


@dataclass
class Line:
    """An open receiver, and what came of it."""

    receiver: Receiver
    hub: Hub
    reader: Reader
    events: list[MediaEvent]
    ports: PortLender

    async def pictures(self, count: int) -> list[bytes]:
        taken: list[bytes] = []
        async with asyncio.timeout(LIMIT_S):
            while len(taken) < count:
                unit = await self.reader.next()
                if unit.codec.is_video:
                    taken.append(unit.data)
        return taken


@asynccontextmanager
async def line(
    transport: Transport,
    *,
    now: Callable[[], float] = time.monotonic,
    ssrc: int = SSRC,
    ports: PortLender | None = None,
) -> AsyncGenerator[Line]:
    """`ports`: those of another line of the same worker."""
    hub = Hub(now)
    events: list[MediaEvent] = []
    if ports is None:
        ports = PortLender(*PORTS, now)
    receiver = await open_receiver(
        StreamId("stream"), transport, ssrc, HOST, ports, hub, events.append, now
    )
    try:
        yield Line(receiver, hub, hub.subscribe(2000), events, ports)
    finally:
        await receiver.close()
        hub.close()


def packets(
    count: int = 4,
    *,
    payload_limit: int = 60,
    ssrc: int = SSRC,
    key: bytes = KEY,
    group: int = 1 << 30,
) -> list[bytes]:
    """Pictures nobody has to decode, the first of each group a key picture."""
    firsts = [number % group == 0 for number in range(count)]
    pictures = [(key if is_key else SLICE, is_key) for is_key in firsts]
    return packed(Codec.H264, pictures, payload_limit=payload_limit, ssrc=ssrc)


def packed(
    codec: Codec, pictures: Iterable[tuple[bytes, bool]], *, payload_limit: int, ssrc: int = SSRC
) -> list[bytes]:
    """A program stream at 25 pictures a second; of each whether it is a key picture."""
    muxer = PsMuxer(codec)
    out: list[bytes] = []
    for number, (data, is_key) in enumerate(pictures):
        out += packetise(
            muxer.picture(data, number * 3600, is_key=is_key),
            payload_type=96,
            sequence=len(out),
            timestamp=number * 3600,
            ssrc=ssrc,
            payload_limit=payload_limit,
        )
    return out


def bind_pair(rtp: socket.socket, rtcp: socket.socket) -> int:
    """Two ports, one above the other, that nobody has."""
    for port in range(43_000, 44_000, 2):
        try:
            rtp.bind((HOST, port))
        except OSError:
            continue
        rtcp.bind((HOST, port + 1))
        return port
    raise AssertionError("no two free ports")
