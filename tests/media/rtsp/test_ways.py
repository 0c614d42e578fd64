"""Datagrams of an RTSP viewer: paced, in order, each track to its own port."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator

import pytest
import pytest_asyncio

from media.rtsp.ways import BURST_PACKETS, Address, UdpPair, UdpQueue
from tests.support.waiting import until

HOST = "127.0.0.1"
LIMIT_S = 5.0


@pytest_asyncio.fixture
async def pair() -> AsyncGenerator[UdpPair]:
    heard: list[tuple[bytes, Address]] = []
    made = UdpPair(HOST, lambda data, address: heard.append((data, address)))
    yield made
    made.close()


@pytest.fixture
def viewer() -> Generator[list[socket.socket]]:
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for each in made:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**21)
        each.bind((HOST, 0))
        each.setblocking(False)
    yield made
    for each in made:
        each.close()


async def received(by: socket.socket, count: int) -> list[bytes]:
    async with asyncio.timeout(LIMIT_S):
        loop = asyncio.get_running_loop()
        return [await loop.sock_recv(by, 2_048) for _ in range(count)]


def packets(count: int, size: int) -> list[bytes]:
    return [number.to_bytes(2) * (size // 2) for number in range(count)]


async def test_a_large_picture_goes_a_burst_at_a_time_and_what_follows_stays_behind_it(
    pair: UdpPair, viewer: list[socket.socket]
) -> None:
    pictures, sound = viewer
    queue = UdpQueue(pair)
    large, small = packets(150, 1_400), packets(1, 160)

    queue.put(large, pictures.getsockname())
    assert BURST_PACKETS == 64
    assert queue.waiting_bytes == (150 - 64) * 1_400
    queue.put(small, sound.getsockname())
    queue.put(large, pictures.getsockname())
    assert queue.waiting_bytes == (150 - 64 + 150) * 1_400 + 160

    assert await received(pictures, 300) == large + large
    assert await received(sound, 1) == small
    await until(lambda: queue.waiting_bytes == 0)


async def test_what_waits_of_a_viewer_that_leaves_is_not_sent(
    pair: UdpPair, viewer: list[socket.socket]
) -> None:
    pictures, _ = viewer
    leaving, staying = UdpQueue(pair), UdpQueue(pair)

    leaving.put(packets(100, 1_000), pictures.getsockname())
    leaving.close()
    staying.put([b"behind"], pictures.getsockname())

    assert await received(pictures, 65) == [*packets(64, 1_000), b"behind"]
