"""The UDP socket: nothing is lost between waking for datagrams and looking for them on a tick."""

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest

from sip.message import Address
from sip.net.udp import (
    BUSY_WAKES,
    DATAGRAMS_PER_WAKE,
    HASTE_TICK_S,
    TICK_S,
    UdpTransport,
)
from tests.support.waiting import LIMIT_S, until


class Ear:
    """What came. It puts aside what begins with REGISTER."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def __call__(self, data: bytes, _source: Address) -> bool:
        self.heard.append(data)
        return data.startswith(b"REGISTER")


def noting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the event loop is asked for from now on, in seconds."""
    loop, pauses = asyncio.get_running_loop(), list[float]()
    later = loop.call_later

    def later_noted(delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        pauses.append(delay)
        return later(delay, callback)

    monkeypatch.setattr(loop, "call_later", later_noted)
    return pauses


async def noted(pauses: list[float], count: int) -> None:
    """Until there are so many."""
    async with asyncio.timeout(LIMIT_S):
        while len(pauses) < count:  # noqa: ASYNC110  a timer of ours would be noted as well
            await asyncio.sleep(0)


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


async def test_while_somebody_waits_for_a_picture_a_busy_socket_is_looked_at_more_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ear = Ear()
    with line(ear) as (transport, mouth):
        transport.hurry()
        await chatter(transport, mouth, ear)
        pauses = noting(monkeypatch)
        await noted(pauses, 1)

    assert pauses == [HASTE_TICK_S]


async def test_whoever_begins_to_wait_does_not_wait_for_the_next_look_at_a_busy_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ear = Ear()
    with line(ear) as (transport, mouth):
        await chatter(transport, mouth, ear)
        pauses = noting(monkeypatch)

        transport.hurry()
        transport.hurry()

    assert pauses == [HASTE_TICK_S]


@pytest.mark.parametrize(
    ("said", "pause_s"), [(b"MESSAGE", HASTE_TICK_S), (b"REGISTER", TICK_S)], ids=["part", "aside"]
)
async def test_who_takes_turns_with_us_is_not_kept_waiting_by_a_busy_socket(
    monkeypatch: pytest.MonkeyPatch, said: bytes, pause_s: float
) -> None:
    """A recorder that sends the next part of its catalogue when it has our answer to the last; what
    is put aside has no hurry."""
    ear = Ear()
    with line(ear) as (transport, mouth):
        await chatter(transport, mouth, ear)
        pauses = noting(monkeypatch)
        for number in range(2):
            mouth.send(said)
            await noted(pauses, number + 1)

    assert pauses == [pause_s, pause_s]


async def test_those_that_say_something_once_a_minute_are_looked_for_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ear = Ear()
    with line(ear) as (transport, mouth):
        await chatter(transport, mouth, ear)
        pauses = noting(monkeypatch)
        for number in range(3):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another:
                another.connect(mouth.getpeername())
                another.send(b"here")
                await noted(pauses, number + 1)

    assert pauses == [TICK_S] * 3
