"""Looking at all sockets together: what one device makes fail costs nobody else anything."""

import asyncio
import socket
from functools import partial

from media.rtp.sockets import Drain, UdpPair
from tests.media.lines import PORTS
from tests.support.faults import told_to_loop
from tests.support.waiting import until


async def test_a_receiver_that_fails_is_told_of_and_the_others_go_on() -> None:
    told = told_to_loop()
    drain = Drain(asyncio.get_running_loop())
    pairs = [socket.socketpair() for _ in range(3)]
    heard: list[int] = []
    chores: list[int] = []

    def fail() -> None:
        raise KeyError("a mistake")

    # Whichever comes first of those that are readable: one that fails stands on each side.
    drain.add(pairs[0][0], fail)
    drain.add(pairs[1][0], lambda: heard.append(1))
    drain.add(pairs[2][0], fail)
    drain.add_chore(fail)
    drain.add_chore(lambda: chores.append(1))
    for _, there in pairs:
        there.send(b"x")

    await until(lambda: len(heard) > 1 and len(chores) > 1)
    await until(lambda: any("receiving failed" in context["message"] for context in told))

    drain.remove_chore(fail)
    for here, there in pairs:
        drain.remove(here)
        here.close()
        there.close()


async def test_after_a_pause_the_first_datagram_wakes_whoever_reads() -> None:
    drain = Drain(asyncio.get_running_loop())
    here, there = socket.socketpair()
    heard: list[bytes] = []
    chores: list[int] = []
    drain.add(here, lambda: heard.append(here.recv(9)))
    drain.add_chore(lambda: chores.append(len(heard)))

    for number in range(3):
        # Chores go on while nothing comes.
        await until(partial(_is_often, chores, number))
        there.send(b"packet")
        await until(partial(_are_more, heard, number))

    drain.remove(here)
    here.close()
    there.close()


def test_what_the_kernel_had_no_room_for_is_counted() -> None:
    pair = next(
        pair for port in range(PORTS[0], PORTS[1], 2) if (pair := _pair_at(port)) is not None
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        assert pair.overflowed == 0
        pair.rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(50):
            there.sendto(bytes(1400), pair.rtp.getsockname())

        read = 0
        while _is_read(pair.rtp):
            read += 1
        assert read + pair.overflowed == 50
        assert read < 50
    pair.close()


def _is_often(chores: list[int], number: int) -> bool:
    return chores.count(number) > 1


def _are_more(heard: list[bytes], number: int) -> bool:
    return len(heard) > number


def _pair_at(port: int) -> UdpPair | None:
    try:
        return UdpPair("127.0.0.1", port)
    except OSError:
        return None


def _is_read(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(2000))
    except BlockingIOError:
        return False
