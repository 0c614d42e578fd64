"""ICE-lite on one port: who is let in, where pictures go, and that a moving viewer is followed."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager

import pytest
import pytest_asyncio
from aioice import stun

from media.outputs.webrtc_ice import ADDRESSES_PER_LINK, IceLink, IcePort
from tests.support.waiting import until

ICE_KEY = "0123456789abcdef0123456789abcdef"


class Clock:
    """Seconds that a test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def port(clock: Clock) -> AsyncGenerator[IcePort]:
    port = IcePort("127.0.0.1", 0, clock)
    yield port
    port.close()


@contextmanager
def client() -> Generator[socket.socket]:
    """A viewer's UDP socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.bind(("127.0.0.1", 0))
        yield udp


def check(ufrag: str = "ours", key: str = ICE_KEY, *, nominate: bool = True) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{ufrag}:theirs"
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(key.encode())
    message.add_fingerprint()
    return bytes(message)


async def ask(udp: socket.socket, port: IcePort, data: bytes) -> stun.Message:
    """Send a check and read its answer."""
    udp.sendto(data, ("127.0.0.1", port.port))
    async with asyncio.timeout(5):
        return stun.parse_message(await asyncio.get_running_loop().sock_recv(udp, 2_048))


def add(port: IcePort, received: list[bytes], ufrag: str = "ours") -> IceLink:
    return port.add(ufrag, ICE_KEY, received.append)


async def test_a_check_is_answered_with_the_address_it_came_from(port: IcePort) -> None:
    link = add(port, [])
    with client() as udp:
        request = check()
        answer = await ask(udp, port, request)

        # Nobody is answered with more than it sent: a forged source gains nothing.
        assert len(bytes(answer)) <= len(request)
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == udp.getsockname()
        assert answer.check_message_integrity(ICE_KEY.encode())
        assert link.address == udp.getsockname()
        assert link.remote == f"127.0.0.1:{udp.getsockname()[1]}"


async def test_what_is_sent_to_a_viewer_arrives_where_it_nominated(port: IcePort) -> None:
    link = add(port, [])
    with client() as first, client() as second:
        await ask(first, port, check())
        await ask(second, port, check(nominate=False))
        assert link.send([b"picture"]) == 1

        async with asyncio.timeout(5):
            assert await asyncio.get_running_loop().sock_recv(first, 100) == b"picture"


async def test_a_viewer_whose_address_changes_is_followed(port: IcePort) -> None:
    link = add(port, [])
    with client() as first, client() as second:
        await ask(first, port, check())
        await ask(second, port, check())

        assert link.address == second.getsockname()


async def test_datagrams_reach_the_viewer_whose_checks_came_from_there(port: IcePort) -> None:
    one: list[bytes] = []
    other: list[bytes] = []
    add(port, one, "one")
    add(port, other, "other")
    with client() as first, client() as second:
        await ask(first, port, check("one"))
        await ask(second, port, check("other"))
        second.sendto(b"\x80second", ("127.0.0.1", port.port))
        first.sendto(b"\x80first", ("127.0.0.1", port.port))
        await until(lambda: bool(one and other))

    assert one == [b"\x80first"]
    assert other == [b"\x80second"]


@pytest.mark.parametrize(
    "data",
    [check(key="wrong"), check("nobody"), check()[:-4], b"\x80junk", b"", b"\x00\x01"],
    ids=["wrong key", "unknown", "cut short", "junk", "nothing", "two bytes"],
)
async def test_who_does_not_know_the_password_gets_nothing(port: IcePort, data: bytes) -> None:
    received: list[bytes] = []
    link = add(port, received)
    with client() as udp:
        udp.sendto(data, ("127.0.0.1", port.port))
        await until(lambda: port.refused == 1)

        with pytest.raises(BlockingIOError):
            udp.recv(2_048)
    assert link.address is None
    assert received == []


async def test_each_good_check_renews_consent(port: IcePort, clock: Clock) -> None:
    link = add(port, [])
    clock.seconds = 20.0
    with client() as udp:
        await ask(udp, port, check())

    assert link.heard_s == 20.0


async def test_a_closed_link_is_unknown_and_its_addresses_are_forgotten(port: IcePort) -> None:
    received: list[bytes] = []
    link = add(port, received)
    with client() as udp:
        await ask(udp, port, check())
        link.close()
        udp.sendto(check(), ("127.0.0.1", port.port))
        udp.sendto(b"\x80late", ("127.0.0.1", port.port))
        await until(lambda: port.refused == 2)

    assert received == []
    assert port.link_count == 0
    assert link.send([b"into the void"]) == 1


async def test_a_viewer_cannot_fill_the_memory_with_addresses(port: IcePort) -> None:
    link = add(port, [])
    for _ in range(3 * ADDRESSES_PER_LINK):
        with client() as udp:
            await ask(udp, port, check())

    assert len(link.addresses) == ADDRESSES_PER_LINK
    assert link.address in link.addresses


async def test_after_a_restart_both_credentials_are_good_until_the_new_ones_are_used(
    port: IcePort,
) -> None:
    link = add(port, [])
    with client() as udp:
        await ask(udp, port, check())
        link.restart("unused", ICE_KEY)
        link.restart("newer", "new" + ICE_KEY)
        await ask(udp, port, check())
        await ask(udp, port, check("newer", "new" + ICE_KEY))

        for old in ("ours", "unused"):
            udp.sendto(check(old), ("127.0.0.1", port.port))
        await until(lambda: port.refused == 2)

    assert port.link_count == 1
    assert list(link.passwords) == ["newer"]


async def test_a_check_that_somebody_copied_draws_no_pictures(port: IcePort) -> None:
    link = add(port, [])
    with client() as viewer, client() as thief:
        mine = check()
        await ask(viewer, port, mine)
        await ask(viewer, port, mine)
        thief.sendto(mine, ("127.0.0.1", port.port))
        await until(lambda: port.refused == 1)

        assert link.address == viewer.getsockname()


async def test_the_port_is_free_after_close(port: IcePort) -> None:
    port.close()
    port.close()

    again = IcePort("127.0.0.1", port.port, lambda: 0.0)
    again.close()
