"""The two moments at which requests come and nobody can keep them: the start and the end."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sip.net.endpoint import Endpoint
from tests.sip.endpoints import opened
from tests.support.town import town
from tests.support.waiting import until
from vms.signalling.entrance import Entrance


def keepalive(number: int) -> bytes:
    device = "sip:34020000001180000001@3402000000"
    return (
        "MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK{number}\r\n"
        f"From: <{device}>;tag=1\r\nTo: <{device}>\r\n"
        f"Call-ID: {number}\r\nCSeq: 1 MESSAGE\r\nUser-Agent: {'x' * 200}\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


@contextmanager
def stranger(endpoint: Endpoint) -> Generator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(endpoint.address)
        sock.setblocking(False)
        yield sock


def answers(sock: socket.socket) -> int:
    count = 0
    while True:
        try:
            sock.recv(65_536)
        except BlockingIOError:
            return count
        count += 1


async def test_what_came_too_early_is_delivered_when_it_is_repeated() -> None:
    entrance = Entrance()
    async with opened(entrance.handle) as endpoint:
        with stranger(endpoint) as sock:
            sock.send(keepalive(1))
            sock.send(keepalive(1))
            await until(lambda: endpoint.stats.received == 2)

            assert endpoint.stats.repeats_absorbed == 0
            assert endpoint.stats.transactions == 0


async def test_what_comes_during_the_end_keeps_nothing_waiting(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        endpoint = place.server.endpoint
        with stranger(endpoint) as sock:
            await place.server.inbound.close()

            sock.send(keepalive(1))
            await until(lambda: endpoint.stats.received == 1)

            assert answers(sock) == 0
            assert endpoint.stats.transactions == 0
