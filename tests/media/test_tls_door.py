"""Handshakes that nobody finishes keep nobody out, and cost a bounded number of places."""

import asyncio
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest
import uvloop

from media.tls_door import TlsDoor, source_of
from tests.support.waiting import until
from vms.certificates import self_signed

HOST = "127.0.0.1"


class Greeter(asyncio.Protocol):
    """Says one line to whoever is through, and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        through = cast("asyncio.Transport", transport)
        through.write(b"hello\n")
        through.close()


def server_tls(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*self_signed(folder, [HOST]))
    return context


def client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def greeting(port: int) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port, ssl=client_tls())
    try:
        return await reader.readline()
    finally:
        writer.close()


async def silent_ones(folder: Path) -> tuple[int, bytes, int]:
    """How many handshakes a hundred silent connections hold; what one later is told, before any of
    them is gone and after."""
    listening = socket.create_server((HOST, 0))
    listening.setblocking(False)
    port = listening.getsockname()[1]
    door = TlsDoor(listening, server_tls(folder), Greeter)
    try:
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(socket.create_connection((HOST, port)))
            await until(lambda: door.handshakes >= 8)
            with pytest.raises(OSError):  # noqa: PT011  reset or closed, as it meets it
                await greeting(port)
            held = door.handshakes
        await until(lambda: door.handshakes == 0)
        return held, await greeting(port), door.handshakes
    finally:
        door.close()


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_silent_connections_hold_a_bounded_number_of_handshakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop_factory: type
) -> None:
    monkeypatch.setattr("media.tls_door.HANDSHAKES_PER_SOURCE", 8)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        held, told, left = runner.run(silent_ones(tmp_path))

    assert (held, told, left) == (8, b"hello\n", 0)


async def test_whoever_says_nothing_is_hung_up_on_after_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.tls_door.HANDSHAKE_LIMIT_S", 0.2)
    listening = socket.create_server((HOST, 0))
    listening.setblocking(False)
    door = TlsDoor(listening, server_tls(tmp_path), Greeter)
    reader, writer = await asyncio.open_connection(HOST, listening.getsockname()[1])

    assert await reader.read() == b""
    await until(lambda: door.handshakes == 0)
    writer.close()
    door.close()


def test_one_who_has_many_addresses_counts_once() -> None:
    assert source_of("192.0.2.7") == source_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert source_of("2001:db8:0:1::1") == source_of("2001:db8:0:1:ffff::9") == "2001:db8:0:1::/64"
    assert source_of("2001:db8:0:2::1") == "2001:db8:0:2::/64"
    assert source_of("fe80::1%eth0") == "fe80::/64"
