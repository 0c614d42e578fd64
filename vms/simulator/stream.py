"""A simulated camera's media: pictures and sound in RTP, in real time."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, Self, cast

from media.rtp.framing import frame
from media.unit import PTS_HZ
from vms.clock import Clock
from vms.simulator.footage import CodedPicture, Footage
from vms.simulator.packing import Packer
from vms.simulator.summary import Summary

LATE_LIMIT_S = 1.0
"""A stream further behind than this goes on from where it is instead of hurrying."""

SEND_BUFFER_LIMIT_BYTES = 4 * 2**20
"""What may wait on a connection the server does not read; then packets are lost."""

CONNECT_LIMIT_S = 5.0
CONNECT_ATTEMPTS = 3
ACCEPT_LIMIT_S = 10.0
RECONNECT_S = 1.0
"""Annex D: a refused connection is tried again, three times at least, a second apart."""


class Road(Protocol):
    """How packets travel."""

    def send(self, packet: bytes) -> bool:
        """Send one RTP packet; False when it is lost. Raises `OSError` when the road is gone."""
        ...

    def close(self) -> None:
        """Give the socket back."""
        ...


class UdpRoad:
    """Packets from a port of our own; open before the answer, which has to name the port."""

    def __init__(self, local_host: str) -> None:
        family = socket.AF_INET6 if ":" in local_host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((local_host, 0))
        self._remote = ("", 0)

    @property
    def port(self) -> int:
        """Where packets come from."""
        port: int = self._socket.getsockname()[1]
        return port

    def aim(self, host: str, port: int) -> None:
        """Where packets go."""
        self._remote = (host, port)

    def send(self, packet: bytes) -> bool:
        """Lost where the kernel has no room for it."""
        try:
            self._socket.sendto(packet, self._remote)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


def listener_at(local_host: str) -> socket.socket:
    """Where the server shall connect to; it has to be named in the answer."""
    family = socket.AF_INET6 if ":" in local_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setblocking(False)
    listener.bind((local_host, 0))
    listener.listen(1)
    return listener


class TcpRoad(asyncio.Protocol):
    """Packets framed by RFC 4571 on a connection we open; what comes back (RTCP) is not read."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._is_lost = False

    @classmethod
    async def connect(cls, local_host: str, host: str, port: int) -> Self:
        """Connect, with the standard's attempts; raises `OSError` when none succeeds."""
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            try:
                async with asyncio.timeout(CONNECT_LIMIT_S):
                    _, road = await asyncio.get_running_loop().create_connection(
                        cls, host, port, local_addr=(local_host, 0)
                    )
            except OSError:
                if attempt == CONNECT_ATTEMPTS:
                    raise
                await asyncio.sleep(RECONNECT_S)
            else:
                return road
        raise AssertionError("the last attempt raises")

    @classmethod
    async def accept(cls, listener: socket.socket) -> Self:
        """The server's connection; raises `OSError` when none comes."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(ACCEPT_LIMIT_S):
            connection, _ = await loop.sock_accept(listener)
        _, road = await loop.create_connection(cls, sock=connection)
        return road

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._is_lost = True

    def send(self, packet: bytes) -> bool:
        """Lost where the server does not read."""
        if self._transport is None or self._is_lost:
            raise ConnectionResetError("the server closed the media connection")
        if self._transport.get_write_buffer_size() > SEND_BUFFER_LIMIT_BYTES:
            return False
        self._transport.write(frame(packet))
        return True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@dataclass(frozen=True, slots=True)
class Pace:
    """What all streams share: the loop's helper threads, the clock, the counts."""

    executor: Executor
    clock: Clock
    summary: Summary


class MediaStream:
    """One stream: footage and tone, packed, sent when they are due."""

    def __init__(
        self,
        pace: Pace,
        footage: Footage,
        packer: Packer,
        *,
        is_lost: Callable[[], bool],
        is_mute: Callable[[], bool],
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """`prepare` is called in the loop before each picture, which may be coded in a thread.

        While it `is_mute` nothing is made nor sent; it goes on with a key picture.
        """
        self._pace = pace
        self._footage = footage
        self._packer = packer
        self._is_lost = is_lost
        self._is_mute = is_mute
        self._prepare = prepare
        self._key_wanted = False

    def want_key_picture(self) -> None:
        """The next picture shall be a key picture."""
        self._key_wanted = True

    async def run(self, road: Road) -> None:
        """Send until cancelled; ends by itself when the road is gone."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        number = 0
        try:
            while True:
                wait = started + number / self._footage.pictures_per_s - loop.time()
                if wait < -LATE_LIMIT_S:
                    started -= wait
                await asyncio.sleep(max(wait, 0))
                if self._is_mute():
                    self._key_wanted = True
                    number += 1
                    continue
                picture = await self._next_picture()
                self._send(road, picture, int(number * PTS_HZ / self._footage.pictures_per_s))
                number += 1
        except OSError as error:
            self._pace.summary.note_error(f"media: {error}")
        finally:
            road.close()

    async def _next_picture(self) -> CodedPicture:
        key_wanted, self._key_wanted = self._key_wanted, False
        at = self._pace.clock.wall()
        if self._prepare is not None:
            self._prepare()
        if not self._footage.takes_time:
            return self._footage.next_picture(at, key_wanted=key_wanted)
        return await asyncio.get_running_loop().run_in_executor(
            self._pace.executor,
            lambda: self._footage.next_picture(at, key_wanted=key_wanted),
        )

    def _send(self, road: Road, picture: CodedPicture, pts: int) -> None:
        summary = self._pace.summary
        for packet in self._packer.packets(picture, pts):
            if self._is_lost() or not road.send(packet):
                summary.packets_lost += 1
                continue
            summary.packets_sent += 1
            summary.bytes_sent += len(packet)
        summary.pictures_sent += 1
