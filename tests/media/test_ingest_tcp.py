"""Devices that listen, and are connected to (`a=setup:passive` in their answer)."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from media.door import MediaEnded, StreamId, Transport
from media.ingest_tcp import CONNECT_AGAIN_S, CONNECT_LIMIT_S
from media.rtp.framing import frame
from tests.media.lines import HOST, LIMIT_S, SSRC, line, packets
from tests.media.ps.streams import KEY, SLICE
from tests.support.waiting import until

ENDED = MediaEnded(StreamId("stream"))


@dataclass
class Device:
    """A device that listens."""

    port: int
    writers: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])
    readers: list[asyncio.StreamReader] = field(default_factory=list[asyncio.StreamReader])

    async def connected(self, times: int) -> asyncio.StreamWriter:
        await until(lambda: len(self.writers) >= times)
        return self.writers[times - 1]


@asynccontextmanager
async def device() -> AsyncGenerator[Device]:
    found = Device(0)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.readers.append(reader)
        found.writers.append(writer)

    server = await asyncio.start_server(accept, HOST, 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found
        for writer in found.writers:
            writer.close()


async def test_a_device_that_listens_is_connected_to_and_gets_reports() -> None:
    seconds = [0.0]
    async with device() as it, line(Transport.TCP_ACTIVE, now=lambda: seconds[0]) as ours:
        assert (ours.receiver.port, ours.ports.lent) == (9, 0)
        ours.receiver.expect(SSRC, HOST, it.port)
        writer = await it.connected(1)
        writer.write(b"".join(map(frame, packets(payload_limit=60_000))))

        assert await ours.pictures(3) == [KEY, SLICE, SLICE]
        seconds[0] = 5.0
        async with asyncio.timeout(LIMIT_S):
            length = int.from_bytes(await it.readers[0].readexactly(2))
            report = await it.readers[0].readexactly(length)
        assert report[:2] == b"\x81\xc9"
        assert ours.receiver.figures().remote_address == f"{HOST}:{it.port}"
        assert ours.receiver.connection_count == 1
        writer.close()
        assert await ours.pictures(1) == [SLICE]
        await until(lambda: ENDED in ours.events)


async def test_a_device_that_does_not_listen_yet_is_tried_again() -> None:
    seconds = [0.0]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as late:
        late.bind((HOST, 0))
        port = late.getsockname()[1]
        async with line(Transport.TCP_ACTIVE, now=lambda: seconds[0]) as ours:
            ours.receiver.expect(SSRC, HOST, port)
            late.listen()

            def passing() -> bool:
                seconds[0] += CONNECT_AGAIN_S / 10
                return ours.receiver.connection_count == 1

            await until(passing)
            assert ENDED not in ours.events


async def test_a_device_that_cannot_be_reached_ends_the_media_once() -> None:
    seconds = [0.0]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as closed:
        closed.bind((HOST, 0))
        async with line(Transport.TCP_ACTIVE, now=lambda: seconds[0]) as ours:
            ours.receiver.expect(SSRC, HOST, closed.getsockname()[1])

            def passing() -> bool:
                seconds[0] += CONNECT_AGAIN_S / 10
                return ENDED in ours.events

            await until(passing)
            seconds[0] += CONNECT_LIMIT_S
            assert ours.events == [ENDED]


async def test_a_device_whose_network_swallows_everything_is_given_up() -> None:
    seconds = [0.0]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as full:
        full.bind((HOST, 0))
        full.listen(0)
        port = full.getsockname()[1]
        # Who is not accepted fills the queue; Linux leaves the next ones without an answer.
        waiting = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex((HOST, port))
        async with line(Transport.TCP_ACTIVE, now=lambda: seconds[0]) as ours:
            ours.receiver.expect(SSRC, HOST, port)

            def passing() -> bool:
                seconds[0] += CONNECT_LIMIT_S / 10
                return ENDED in ours.events

            await until(passing)
            assert ours.receiver.connection_count == 0
        for each in waiting:
            each.close()


async def test_an_answer_that_names_no_place_ends_the_media() -> None:
    async with line(Transport.TCP_ACTIVE) as ours:
        ours.receiver.expect(SSRC, HOST, None)
        ours.receiver.expect(SSRC, "camera.invalid", 15_060)

        assert ours.events == [ENDED, ENDED]


async def test_a_later_answer_connects_to_the_new_place_and_readers_stay() -> None:
    async with device() as old, device() as new, line(Transport.TCP_ACTIVE) as ours:
        ours.receiver.expect(SSRC, HOST, old.port)
        (await old.connected(1)).write(b"".join(map(frame, packets(payload_limit=60_000))))
        await ours.pictures(3)

        ours.receiver.expect(SSRC + 1, HOST, new.port)
        writer = await new.connected(1)
        writer.write(b"".join(map(frame, packets(payload_limit=60_000, ssrc=SSRC + 1))))

        # The last picture of the old connection is whole; the next begins with a key picture.
        assert await ours.pictures(4) == [SLICE, KEY, SLICE, SLICE]
        async with asyncio.timeout(LIMIT_S):
            assert await old.readers[0].read() == b""
        assert ENDED not in ours.events
