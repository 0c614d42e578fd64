"""Many devices on one port, told apart by SSRC and sender."""

import asyncio
import socket
import time
from collections.abc import Sequence

import pytest

from media.door import FirstPacket, StreamId, Transport
from media.rtp.latch import GRACE_S, SILENCE_S
from media.rtp.ports import PortLender
from tests.media.lines import HOST, PORTS, SSRC, Line, line, packets
from tests.media.ps.streams import KEY, SLICE
from tests.support.waiting import until

OTHER_HOST = "127.0.0.9"
FEW = 3


def camera(host: str = HOST) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    return sock


def send(sock: socket.socket, to: Line, sent: Sequence[bytes]) -> None:
    for packet in sent:
        sock.sendto(packet, (HOST, to.receiver.port))


async def arrived(of: Line, count: int) -> None:
    """`count` packets that are not the stream's own have been seen."""
    await until(lambda: sum(each.packets for each in of.receiver.figures().sources) >= count)


async def test_streams_share_a_port_and_nothing_of_one_reaches_another() -> None:
    ports = PortLender(*PORTS, time.monotonic)
    async with (
        line(Transport.UDP_SHARED, ports=ports) as one,
        line(Transport.UDP_SHARED, ports=ports, ssrc=SSRC + 1) as two,
    ):
        one.receiver.expect(SSRC, HOST)
        two.receiver.expect(SSRC + 1, OTHER_HOST)
        other_key = KEY + bytes(8)[:7] + b"\x01"
        with camera() as first, camera(OTHER_HOST) as second:
            assert one.receiver.port == two.receiver.port
            assert ports.lent == 1
            for mine, others in zip(packets(), packets(ssrc=SSRC + 1, key=other_key), strict=False):
                send(first, one, [mine])
                send(second, two, [others])

            assert await one.pictures(FEW) == [KEY, SLICE, SLICE]
            assert (await two.pictures(1))[0] == other_key
            # A stranger with the right SSRC, and one of the two hosts with the other's.
            stray = packets(ssrc=SSRC)
            with camera("127.0.0.66") as stranger:
                send(stranger, one, stray)
                send(second, one, stray)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await one.pictures(2)
        assert one.receiver.figures().packets <= len(packets())
        assert (one.receiver.receive_buffer_bytes or 0) > 0


async def test_another_ssrc_is_learnt_by_the_only_stream_that_awaits_this_host() -> None:
    seconds = [0.0]
    ports = PortLender(*PORTS, time.monotonic)
    async with (
        line(Transport.UDP_SHARED, ports=ports, now=lambda: seconds[0]) as one,
        line(Transport.UDP_SHARED, ports=ports, ssrc=SSRC + 1, now=lambda: seconds[0]) as two,
    ):
        one.receiver.expect(SSRC, HOST)
        two.receiver.expect(SSRC + 1, HOST)
        with camera() as right, camera() as wrong:
            odd = packets(ssrc=7)
            send(wrong, one, odd[:2])
            # Two streams await this host: it is shown to both, and nobody's.
            await arrived(one, 2)
            await arrived(two, 2)
            assert {type(event) for event in one.events + two.events} == {FirstPacket}

            send(right, one, packets())
            await one.pictures(FEW)
            send(wrong, one, odd[:-1])
            await arrived(two, 2 + len(odd) - 1)
            seconds[0] += GRACE_S
            send(wrong, one, odd[-1:])

            assert await two.pictures(FEW) == [KEY, SLICE, SLICE]
        figures = two.receiver.figures()
        assert (figures.ssrc, dict(figures.tolerated)["other-ssrc"]) == (7, 1)


async def test_what_a_closed_stream_goes_on_sending_is_not_learnt_by_the_next() -> None:
    seconds = [0.0]
    ports = PortLender(*PORTS, time.monotonic)
    async with line(Transport.UDP_SHARED, ports=ports, now=lambda: seconds[0]) as stays:
        with camera() as device:
            async with line(
                Transport.UDP_SHARED, ports=ports, ssrc=SSRC + 1, now=lambda: seconds[0]
            ) as closed:
                closed.receiver.expect(SSRC + 1, HOST)
                send(device, closed, packets(ssrc=SSRC + 1))
                await closed.pictures(FEW)
            stays.receiver.expect(SSRC, HOST)
            send(device, stays, packets(ssrc=SSRC + 1))
            seconds[0] += GRACE_S
            send(device, stays, packets(ssrc=SSRC + 1))
            send(device, stays, packets())

            await stays.pictures(FEW)
        assert stays.receiver.figures().foreign == 0
        assert stays.receiver.figures().ssrc == SSRC


async def test_a_device_whose_port_changed_is_followed_after_a_silence() -> None:
    seconds = [0.0]
    async with line(Transport.UDP_SHARED, now=lambda: seconds[0]) as it:
        it.receiver.expect(SSRC, HOST)
        sent = packets(8)
        with camera() as before, camera() as after:
            send(before, it, sent[: len(sent) // 2])
            await it.pictures(FEW)
            seconds[0] += SILENCE_S
            send(after, it, sent[len(sent) // 2 :])

            await it.pictures(FEW)
            assert it.receiver.figures().remote_address == f"{HOST}:{after.getsockname()[1]}"


async def test_the_last_stream_that_leaves_gives_the_port_back() -> None:
    ports = PortLender(*PORTS, time.monotonic)
    async with line(Transport.UDP_SHARED, ports=ports) as one:
        async with line(Transport.UDP_SHARED, ports=ports, ssrc=SSRC + 1):
            pass
        assert ports.lent == 1
        again = one.receiver.port
    assert ports.lent == 0
    async with line(Transport.UDP_SHARED, ports=ports) as another:
        assert another.receiver.port != again
        assert another.events == []


async def test_of_two_streams_with_the_same_ssrc_each_keeps_its_sender() -> None:
    ports = PortLender(*PORTS, time.monotonic)
    async with (
        line(Transport.UDP_SHARED, ports=ports) as one,
        line(Transport.UDP_SHARED, ports=ports) as two,
    ):
        one.receiver.expect(0, HOST)
        with camera() as first, camera() as second:
            send(first, one, packets(ssrc=0))
            await one.pictures(FEW)
            two.receiver.expect(0, HOST)
            send(second, one, packets(ssrc=0))

            assert await two.pictures(FEW) == [KEY, SLICE, SLICE]
            assert one.receiver.figures().foreign == 0
        assert [type(event) for event in two.events][:1] == [FirstPacket]
        assert two.events[0] == FirstPacket(
            StreamId("stream"), two.receiver.figures().remote_address or ""
        )
