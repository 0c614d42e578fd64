"""The UDP socket: nothing is lost between waking for datagrams and looking for them on a tick."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from sip.message import Address
from sip.net.udp import BUSY_WAKES, DATAGRAMS_PER_WAKE, UdpTransport
from tests.support.waiting import LIMIT_S, until


class Ear:
    """What came, and from whom."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def __call__(self, data: bytes, _source: Address) -> bool:
        self.heard.append(data)
        return False


@contextmanager
def line(ear: Ear) -> Generator[tuple[UdpTransport, socket.socket]]:
    """A transport, and a socket that speaks to it."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind(("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.connect(bound.getsockname())
        transport = UdpTransport(bound, ear, 2**20)
        try:
            yield transport, mouth
        finally:
            transport.close()


async def chatter(transport: UdpTransport, mouth: socket.socket, ear: Ear) -> int:
    """One datagram after the other, each heard before the next, until the socket is busy."""
    sent = 0
    async with asyncio.timeout(LIMIT_S):
        while not transport.is_busy:
            mouth.send(b"%d" % sent)
            sent += 1
            while len(ear.heard) < sent:  # noqa: ASYNC110  as quickly as it can be
                await asyncio.sleep(0)
    return sent


async def test_a_socket_that_gets_busy_and_quiet_again_hears_everything() -> None:
    ear = Ear()
    with line(ear) as (transport, mouth):
        for _ in range(2):
            ear.heard.clear()
            sent = await chatter(transport, mouth, ear)
            assert sent > BUSY_WAKES
            mouth.send(b"last")
            await until(lambda: not transport.is_busy)

            assert ear.heard == [*(b"%d" % number for number in range(sent)), b"last"]


@pytest.mark.parametrize("is_busy", [False, True])
async def test_a_rush_is_heard_in_order_and_whole(is_busy: bool) -> None:
    ear = Ear()
    count = 5 * DATAGRAMS_PER_WAKE
    with line(ear) as (transport, mouth):
        if is_busy:
            await chatter(transport, mouth, ear)
            ear.heard.clear()
        for number in range(count):
            mouth.send(b"%d" % number)
        await until(lambda: len(ear.heard) == count)

        assert ear.heard == [b"%d" % number for number in range(count)]


async def test_a_busy_socket_that_is_closed_hears_nothing_more() -> None:
    ear = Ear()
    with line(ear) as (transport, mouth):
        sent = await chatter(transport, mouth, ear)
        mouth.send(b"too late")

        transport.close()
        transport.close()
        await asyncio.sleep(0)

        assert not transport.is_busy
        assert len(ear.heard) == sent
