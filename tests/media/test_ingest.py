"""A device on real sockets: UDP and connections, on loopback."""

import asyncio
import socket
import time
from contextlib import suppress

import pytest

from media.door import (
    FirstPacket,
    MediaEnded,
    MediaResumed,
    MediaSilent,
    StreamId,
    Transport,
)
from media.hub import Hub
from media.ingest import open_receiver
from media.intake import SILENT_AFTER_S
from media.rtp.framing import frame
from media.rtp.ports import NoPortError, PortLender
from tests.media.lines import HOST, LIMIT_S, PORTS, SSRC, bind_pair, line, packets
from tests.media.ps.streams import KEY, SLICE
from tests.support.faults import told_to_loop
from tests.support.waiting import until


async def test_pictures_arrive_by_udp() -> None:
    async with line(Transport.UDP) as it:
        it.receiver.expect(SSRC, HOST)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            for packet in packets():
                device.sendto(packet, (HOST, it.receiver.port))

            assert await it.pictures(4) == [KEY, SLICE, SLICE, SLICE]
        assert it.receiver.port % 2 == 0
        assert (it.receiver.receive_buffer_bytes or 0) > 0


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_pictures_arrive_by_connection_however_its_bytes_are_cut(size: int) -> None:
    async with line(Transport.TCP_PASSIVE) as it:
        it.receiver.expect(SSRC, HOST)
        stream = b"".join(map(frame, packets(payload_limit=60_000)))
        reader, writer = await asyncio.open_connection(HOST, it.receiver.port)
        for start in range(0, len(stream), size):
            writer.write(stream[start : start + size])
            await writer.drain()

        assert await it.pictures(3) == [KEY, SLICE, SLICE]
        writer.close()
        assert await it.pictures(1) == [SLICE]
        await until(lambda: MediaEnded(StreamId("stream")) in it.events)
        assert await reader.read() == b""


async def test_a_connection_from_another_host_is_closed_and_counted() -> None:
    async with line(Transport.TCP_PASSIVE) as it:
        it.receiver.expect(SSRC, "127.0.0.9")
        reader, writer = await asyncio.open_connection(HOST, it.receiver.port)

        async with asyncio.timeout(LIMIT_S):
            assert await reader.read() == b""
        writer.close()
        assert it.receiver.figures().foreign == 1


async def test_a_connection_made_before_the_answer_is_kept_if_it_is_the_devices() -> None:
    async with line(Transport.TCP_PASSIVE) as it:
        stranger, stranger_writer = await asyncio.open_connection(
            HOST, it.receiver.port, local_addr=("127.0.0.9", 0)
        )
        _, writer = await asyncio.open_connection(HOST, it.receiver.port)
        writer.write(b"".join(map(frame, packets())))
        await it.pictures(3)

        it.receiver.expect(SSRC, HOST)

        async with asyncio.timeout(LIMIT_S):
            assert await stranger.read() == b""
        stranger_writer.close()
        writer.write(b"".join(map(frame, packets())))
        await it.pictures(1)
        writer.close()


async def test_a_connection_that_brings_nothing_is_closed_after_a_while() -> None:
    seconds = [0.0]
    async with line(Transport.TCP_PASSIVE, now=lambda: seconds[0]) as it:
        reader, writer = await asyncio.open_connection(HOST, it.receiver.port)
        await until(lambda: it.receiver.connection_count == 1)
        seconds[0] = 10.0

        async with asyncio.timeout(LIMIT_S):
            assert await reader.read() == b""
        writer.close()


async def test_a_connection_that_died_without_a_word_goes_when_the_device_is_asked_again() -> None:
    seconds = [0.0]
    async with line(Transport.TCP_PASSIVE, now=lambda: seconds[0]) as it:
        it.receiver.expect(SSRC, HOST)
        dead, dead_writer = await asyncio.open_connection(HOST, it.receiver.port)
        dead_writer.write(b"".join(map(frame, packets(payload_limit=60_000))))
        await it.pictures(3)
        seconds[0] += SILENT_AFTER_S
        await until(lambda: isinstance(it.events[-1], MediaSilent))

        # The device connects before its answer is here, as some do.
        _, writer = await asyncio.open_connection(HOST, it.receiver.port)
        await until(lambda: it.receiver.connection_count == 2)
        it.receiver.expect(SSRC + 1, HOST)
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionError):
                while await dead.read(2048):
                    pass
        writer.write(b"".join(map(frame, packets(payload_limit=60_000, ssrc=SSRC + 1))))

        assert (await it.pictures(4))[1:] == [KEY, SLICE, SLICE]
        await until(lambda: isinstance(it.events[-1], MediaResumed))
        assert it.receiver.connection_count == 1
        writer.close()
        dead_writer.close()


async def test_a_connection_without_rtp_is_closed() -> None:
    async with line(Transport.TCP_PASSIVE) as it:
        reader, writer = await asyncio.open_connection(HOST, it.receiver.port)
        with suppress(ConnectionError):
            for _ in range(40):
                writer.write(b"\x01" * 10_000)
                await writer.drain()
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        await until(lambda: it.receiver.connection_count == 0)
        figures = it.receiver.figures()
        assert (figures.connections, figures.malformed, figures.packets) == (1, 1, 0)
        assert [type(event) for event in it.events] == [FirstPacket]


async def test_a_connection_that_lost_its_step_goes_on_and_is_named() -> None:
    async with line(Transport.TCP_PASSIVE) as it:
        it.receiver.expect(SSRC, HOST)
        sent = packets(payload_limit=60_000)
        _, writer = await asyncio.open_connection(HOST, it.receiver.port)
        writer.write(frame(sent[0]) + b"\x07" * 5 + b"".join(map(frame, sent[1:])))
        await writer.drain()

        assert await it.pictures(3) == [KEY, SLICE, SLICE]
        assert dict(it.receiver.figures().tolerated)["connection-out-of-step"] == 1
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.UDP_SHARED, Transport.TCP_PASSIVE])
async def test_receiver_reports_reach_the_device(transport: Transport) -> None:
    seconds = [0.0]
    async with line(transport, now=lambda: seconds[0]) as it:
        it.receiver.expect(SSRC, HOST)
        loop = asyncio.get_running_loop()
        if transport.is_udp:
            with (
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp,
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp,
            ):
                rtp_port = bind_pair(rtp, rtcp)
                rtcp.setblocking(False)
                for packet in packets():
                    rtp.sendto(packet, (HOST, it.receiver.port))
                await it.pictures(3)
                seconds[0] = 5.0
                async with asyncio.timeout(LIMIT_S):
                    report = await loop.sock_recv(rtcp, 2048)
                assert it.receiver.figures().remote_address == f"{HOST}:{rtp_port}"
        else:
            reader, writer = await asyncio.open_connection(HOST, it.receiver.port)
            writer.write(b"".join(map(frame, packets())))
            await it.pictures(3)
            seconds[0] = 5.0
            async with asyncio.timeout(LIMIT_S):
                length = int.from_bytes(await reader.readexactly(2), "big")
                report = await reader.readexactly(length)
            writer.close()
        assert report[:2] == b"\x81\xc9"
        assert report[8:12] == SSRC.to_bytes(4, "big")


async def test_a_port_another_process_has_is_left_to_it() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as spare,
    ):
        taken = bind_pair(spare, other)
        ports = PortLender(taken, taken + 1, time.monotonic)

        with pytest.raises(NoPortError):
            await open_receiver(
                StreamId("stream"),
                Transport.UDP,
                SSRC,
                HOST,
                ports,
                Hub(time.monotonic),
                lambda _: None,
                time.monotonic,
            )
        assert ports.lent == 0


async def test_a_host_that_is_not_ours_is_refused() -> None:
    ports = PortLender(*PORTS, time.monotonic)

    with pytest.raises(OSError, match=r"[Aa]ssign"):
        await open_receiver(
            StreamId("stream"),
            Transport.TCP_PASSIVE,
            SSRC,
            "192.0.2.1",
            ports,
            Hub(time.monotonic),
            lambda _: None,
            time.monotonic,
        )
    assert ports.lent == 0


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.UDP_SHARED, Transport.TCP_PASSIVE])
async def test_a_closed_receiver_gives_back_its_port(transport: Transport) -> None:
    async with line(transport) as it:
        assert it.ports.lent == 1

        await it.receiver.close()
        await it.receiver.close()

        assert it.ports.lent == 0
        again = PortLender(it.receiver.port, it.receiver.port + 1, time.monotonic)
        other = await open_receiver(
            StreamId("other"),
            transport,
            SSRC,
            HOST,
            again,
            Hub(time.monotonic),
            lambda _: None,
            time.monotonic,
        )
        await other.close()


async def test_a_mistake_in_one_receiver_does_not_stop_the_others() -> None:
    failures = told_to_loop()
    is_wrong = [True]

    def fail() -> None:
        if is_wrong:
            raise RuntimeError("a mistake of ours")

    async with line(Transport.UDP) as broken, line(Transport.UDP) as it:
        broken.reader.close()
        broken.hub.subscribe(1, fail)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            for packet in packets():
                device.sendto(packet, (HOST, broken.receiver.port))
                device.sendto(packet, (HOST, it.receiver.port))

            assert len(await it.pictures(4)) == 4
        assert failures
        is_wrong.clear()
