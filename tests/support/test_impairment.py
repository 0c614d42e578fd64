"""The bad network does what it is told to, the same for the same seed."""

import asyncio
import socket

from tests.support.impairment import Impairment, Network, impaired
from tests.support.waiting import until

HOST = "127.0.0.1"
COUNT = 400


async def sent_through(what: Impairment, seed: int = 1) -> tuple[list[int], Network]:
    """Numbers sent through the relay, as they came out."""
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        for each in (near, far):
            each.bind((HOST, 0))
            each.setblocking(False)
        # The kernel counts 768 bytes for the smallest datagram.
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        async with impaired(far.getsockname(), what, seed=seed) as network:
            for number in range(COUNT):
                await loop.sock_sendto(near, number.to_bytes(2), network.address)
                await asyncio.sleep(0)
            await until(lambda: network.there.passed + network.there.lost == COUNT)
            out: list[int] = []
            while len(out) < network.there.passed + network.there.duplicated:
                async with asyncio.timeout(10):
                    out.append(int.from_bytes(await loop.sock_recv(far, 100)))
            return out, network


async def test_nothing_is_changed_unless_asked_for() -> None:
    assert (await sent_through(Impairment()))[0] == list(range(COUNT))


async def test_loss_disorder_and_repetition_are_counted_and_repeatable() -> None:
    what = Impairment(loss=0.1, reorder=0.05, depth=5, duplicate=0.02)

    out, network = await sent_through(what, seed=7)
    again, _ = await sent_through(what, seed=7)

    there = network.there
    assert (len(set(out)), len(out)) == (COUNT - there.lost, COUNT - there.lost + there.duplicated)
    assert 0.05 * COUNT < there.lost < 0.15 * COUNT
    assert there.duplicated > 0
    assert out != sorted(out)
    assert sorted(out) == sorted(again)


async def test_answers_come_back_and_a_dead_network_carries_nothing() -> None:
    loop = asyncio.get_running_loop()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        for each in (near, far):
            each.bind((HOST, 0))
            each.setblocking(False)
        async with (
            asyncio.timeout(10),
            impaired(far.getsockname(), Impairment(delay_s=0.01), seed=1) as network,
        ):
            await loop.sock_sendto(near, b"there", network.address)
            data, peer = await loop.sock_recvfrom(far, 100)
            await loop.sock_sendto(far, b"back", peer)
            assert (data, await loop.sock_recv(near, 100)) == (b"there", b"back")

            network.is_dead = True
            await loop.sock_sendto(near, b"unheard", network.address)
            await until(lambda: network.swallowed == 1)
            network.is_dead = False
            await loop.sock_sendto(near, b"heard", network.address)
            assert await loop.sock_recv(far, 100) == b"heard"
