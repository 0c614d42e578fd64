"""ICE over TCP where UDP does not pass: passive candidates (RFC 6544), frames of RFC 4571.

Viewers connect to the same number as the UDP port. A connection that has not proved itself by a
check costs a buffer of a frame, and not for long.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import cast

from media.errors import ProtocolError

CHECK_LIMIT_S = 5.0
"""From the connection to its first good check."""

UNCHECKED_LIMIT = 256
UNCHECKED_PER_HOST = 16
"""Connections that have not proved themselves yet, of all and of one address."""

FRAME_LIMIT_BYTES = 2_048
WRITE_LIMIT_BYTES = 256 * 1_024
"""What may wait for a viewer: half a second of 4 Mbit/s; beyond that its pictures wait outside."""

BACKLOG = 128
_SIZE_BYTES = 2


class Frames:
    """Cuts a connection into frames: two bytes of length before each (RFC 4571, 2)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole now. `ProtocolError` when one is longer than any may be."""
        data = self._rest + data
        frames: list[bytes] = []
        at = 0
        while len(data) - at >= _SIZE_BYTES:
            size = int.from_bytes(data[at : at + _SIZE_BYTES])
            if size > FRAME_LIMIT_BYTES:
                raise ProtocolError(f"frame of {size} bytes")
            end = at + _SIZE_BYTES + size
            if end > len(data):
                break
            frames.append(data[at + _SIZE_BYTES : end])
            at = end
        self._rest = data[at:]
        return frames


class TcpPath(asyncio.Protocol):
    """One viewer's connection."""

    def __init__(
        self,
        on_open: "Callable[[TcpPath], None]",
        on_frame: "Callable[[bytes, TcpPath], None]",
        on_closed: "Callable[[TcpPath], None]",
    ) -> None:
        self.host = ""
        self.port = 0
        self._on_open = on_open
        self._on_frame = on_frame
        self._on_closed = on_closed
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self.host, self.port = cast("tuple[str, int]", transport.get_extra_info("peername")[:2])
        self._on_open(self)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop: cut into frames; one that is too long ends the connection."""
        try:
            frames = self._frames.feed(data)
        except ProtocolError:
            self.abort()
            return
        for frame in frames:
            if self._transport is None:
                return
            self._on_frame(frame, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        del exc
        self._transport = None
        self._on_closed(self)

    def send(self, datagrams: Sequence[bytes]) -> int:
        """All of them, or none while too much waits."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return len(datagrams)
        if transport.get_write_buffer_size() > WRITE_LIMIT_BYTES:
            return 0
        parts: list[bytes] = []
        for datagram in datagrams:
            parts += [len(datagram).to_bytes(_SIZE_BYTES), datagram]
        transport.write(b"".join(parts))
        return len(datagrams)

    def abort(self) -> None:
        """End at once. Idempotent."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()


class IceTcp:
    """Accepts connections: `on_frame` gets what comes, `is_known` tells who has proved itself.

    `on_closed` is called for every connection that ends. `start` it, `stop` it.
    """

    def __init__(
        self,
        on_frame: Callable[[bytes, TcpPath], None],
        is_known: Callable[[TcpPath], bool],
        on_closed: Callable[[TcpPath], None],
    ) -> None:
        self._on_frame = on_frame
        self._is_known = is_known
        self._tell_closed = on_closed
        self._server: asyncio.Server | None = None
        self._unchecked: dict[TcpPath, asyncio.TimerHandle] = {}
        self.refused = 0
        """Connections ended before they had proved themselves."""

    @property
    def unchecked_count(self) -> int:
        """Connections that have not proved themselves yet."""
        return len(self._unchecked)

    async def start(self, host: str, port: int) -> None:
        """Listen. `OSError` when the port is taken."""
        is_v6 = ":" in host
        listener = socket.create_server(
            (host, port),
            family=socket.AF_INET6 if is_v6 else socket.AF_INET,
            backlog=BACKLOG,
            # As the UDP socket does: `::` takes IPv4 too, which asyncio would turn off.
            dualstack_ipv6=is_v6,
        )
        self._server = await asyncio.get_running_loop().create_server(
            lambda: TcpPath(self._on_open, self._take_frame, self._on_closed), sock=listener
        )

    def stop(self) -> None:
        """Accept no more; connections of viewers end with them. Idempotent."""
        for path in tuple(self._unchecked):
            self._refuse(path)
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _on_open(self, path: TcpPath) -> None:
        loop = asyncio.get_running_loop()
        if sum(other.host == path.host for other in self._unchecked) >= UNCHECKED_PER_HOST:
            self.refused += 1
            path.abort()
            return
        if len(self._unchecked) >= UNCHECKED_LIMIT:
            self._refuse(next(iter(self._unchecked)))
        self._unchecked[path] = loop.call_later(CHECK_LIMIT_S, self._refuse, path)

    def _take_frame(self, frame: bytes, path: TcpPath) -> None:
        self._on_frame(frame, path)
        timer = self._unchecked.get(path)
        if timer is None:
            return
        if self._is_known(path):
            timer.cancel()
            del self._unchecked[path]
        else:
            # Whoever is a viewer begins with a check that is right.
            self._refuse(path)

    def _refuse(self, path: TcpPath) -> None:
        timer = self._unchecked.pop(path, None)
        if timer is not None:
            timer.cancel()
            self.refused += 1
        path.abort()

    def _on_closed(self, path: TcpPath) -> None:
        timer = self._unchecked.pop(path, None)
        if timer is not None:
            timer.cancel()
        self._tell_closed(path)
