"""Datagrams leave whole and in order, whatever the kernel cuts up, takes or refuses."""

import asyncio
import errno
import socket
from collections.abc import Generator
from typing import Any

import pytest

from media.rtp.sending import DatagramSender

LIMIT_S = 5.0
SO_NO_CHECK = 11
"""Linux's option of that name: no checksums, with which it cuts nothing up."""


@pytest.fixture
def receiver() -> Generator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        yield made


@pytest.fixture
def by() -> Generator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setblocking(False)
        yield made


async def received(receiver: socket.socket, count: int) -> list[bytes]:
    async with asyncio.timeout(LIMIT_S):
        loop = asyncio.get_running_loop()
        return [await loop.sock_recv(receiver, 2_048) for _ in range(count)]


@pytest.mark.parametrize("has_segmentation", [True, False])
async def test_datagrams_arrive_one_by_one_whole_and_in_order(
    by: socket.socket, receiver: socket.socket, has_segmentation: bool
) -> None:
    sizes = [40, *[1_200] * 70, 300, 1_200, 1_200, 1_201, 9, 9, 8]
    datagrams = [bytes((number,)) * size for number, size in enumerate(sizes)]
    sender = DatagramSender(by, has_segmentation=has_segmentation)

    assert sender.send(datagrams, receiver.getsockname()) == 78

    assert await received(receiver, 78) == datagrams
    assert sender.has_segmentation is has_segmentation
    assert sender.unsent == 0


async def test_where_the_kernel_cuts_nothing_up_each_goes_on_its_own(
    by: socket.socket, receiver: socket.socket
) -> None:
    by.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    datagrams = [bytes((number,)) * 1_200 for number in range(20)]
    sender = DatagramSender(by)

    assert sender.send(datagrams, receiver.getsockname()) == 20

    assert await received(receiver, 20) == datagrams
    assert not sender.has_segmentation
    assert sender.unsent == 0


async def test_what_the_network_refuses_is_counted_and_costs_the_next_nothing(
    by: socket.socket, receiver: socket.socket
) -> None:
    sender = DatagramSender(by)

    # Broadcasting is not allowed to a socket that did not ask for it.
    assert sender.send([b"one", b"two", b"longer"], ("255.255.255.255", 9)) == 3
    assert sender.unsent == 3

    assert sender.send([b"three"], receiver.getsockname()) == 1
    assert await received(receiver, 1) == [b"three"]
    assert sender.unsent == 3


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.ENOBUFS])
async def test_a_full_socket_says_how_many_went(error: int, receiver: socket.socket) -> None:
    class Small(socket.socket):
        """Loopback hands datagrams over at once, so no real one ever fills."""

        room = 2

        def sendto(self, *arguments: Any) -> int:
            if self.room == 0:
                raise OSError(error, "full")
            self.room -= 1
            return int(super().sendto(*arguments))

    with Small(socket.AF_INET, socket.SOCK_DGRAM) as by:
        sender = DatagramSender(by, has_segmentation=False)

        assert sender.send([b"one", b"two", b"three"], receiver.getsockname()) == 2

    assert await received(receiver, 2) == [b"one", b"two"]
    assert sender.unsent == 0
