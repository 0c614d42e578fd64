"""Datagrams by the batch: whose they are, in which order, however many and however large."""

import socket
from collections.abc import Iterator, Sequence

import pytest

from media.rtp.receiving import BATCH, DatagramReader

HOST = "127.0.0.1"
LARGEST = 65_507

Run = tuple[tuple[str, int], list[bytes]]


@pytest.fixture
def here() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        yield sock


@pytest.fixture
def senders(here: socket.socket) -> Iterator[list[socket.socket]]:
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for sock in made:
        sock.connect(here.getsockname())
    yield made
    for sock in made:
        sock.close()


def read(here: socket.socket, *, by_sender: bool = False) -> list[Run]:
    runs: list[Run] = []

    def keep(packets: Sequence[memoryview], source: tuple[str, int]) -> None:
        runs.append((source, [bytes(packet) for packet in packets]))

    DatagramReader(here.family).read(here, keep, by_sender=by_sender)
    return runs


def test_an_empty_datagram_and_the_largest_one_come_as_they_are(
    here: socket.socket, senders: list[socket.socket]
) -> None:
    largest = b"\x80" * LARGEST
    for data in (b"before", b"", largest, b"after"):
        senders[0].send(data)

    assert read(here) == [(senders[0].getsockname(), [b"before", b"", largest, b"after"])]


def test_what_others_send_between_keeps_its_place(
    here: socket.socket, senders: list[socket.socket]
) -> None:
    one, two = senders
    for sock, data in ((one, b"1"), (one, b"2"), (two, b"3"), (one, b"4")):
        sock.send(data)

    assert read(here) == [
        (one.getsockname(), [b"1", b"2"]),
        (two.getsockname(), [b"3"]),
        (one.getsockname(), [b"4"]),
    ]


def test_by_sender_each_has_its_own_in_order(
    here: socket.socket, senders: list[socket.socket]
) -> None:
    one, two = senders
    for sock, data in ((one, b"1"), (two, b"2"), (one, b"3"), (two, b"4")):
        sock.send(data)

    assert read(here, by_sender=True) == [
        (one.getsockname(), [b"1", b"3"]),
        (two.getsockname(), [b"2", b"4"]),
    ]


def test_more_than_a_batch_comes_at_one_look(
    here: socket.socket, senders: list[socket.socket]
) -> None:
    sent = [number.to_bytes(2) for number in range(2 * BATCH + 3)]
    for data in sent:
        senders[0].send(data)

    assert [data for _, run in read(here) for data in run] == sent


def test_nothing_that_waits_is_nothing(here: socket.socket) -> None:
    assert read(here) == []


def test_senders_of_ipv6_are_told_by_host_and_port() -> None:
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as there,
    ):
        here.bind(("::1", 0))
        there.connect(here.getsockname())
        there.send(b"packet")

        assert read(here) == [(there.getsockname()[:2], [b"packet"])]
