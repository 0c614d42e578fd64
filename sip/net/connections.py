"""The table of TCP connections: accepted, opened, watched, closed."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from sip.errors import ProtocolError, TransportError
from sip.message import Address, Flow
from sip.net.binding import ANY_HOST
from sip.net.stats import EndpointStats
from sip.net.tcp import TcpConnection
from sip.stream import TRUSTED_LIMIT_BYTES, UNTRUSTED_LIMIT_BYTES

CONNECT_LIMIT_S: Final = 10.0
MAX_STRANGER_CONNECTIONS: Final = 1_024
MAX_ACCEPTED_UNWATCHED: Final = 3 * MAX_STRANGER_CONNECTIONS
"""After so many new ones nobody waits for the next watch: open files are finite."""
MAX_UNSENT_BYTES: Final = 1024 * 1024
MAX_STRANGERS_PER_HOST: Final = 128
"""Connections of one host that has no registered device; each device there adds one."""
_BACKLOG: Final = 1_024
_ACCEPTS_PER_WAKE: Final = 32
_SWEEP_S: Final = 5.0
_CLOSE_LIMIT_S: Final = 2.0


class Connections:
    """Every TCP connection of one endpoint.

    Cut off are: a peer that leaves a message unfinished for `silence_limit_s`, a stranger that
    is silent for as long, a peer that lets a mebibyte of answers pile up. Of strangers at most
    1,024 stay, and 4,096 at any moment; the oldest make room.
    """

    def __init__(
        self,
        local: Address,
        *,
        now: Callable[[], float],
        is_trusted: Callable[[Flow], bool],
        on_frame: Callable[[bytes, Flow], None],
        on_lost: Callable[[Flow], None],
        registered_at: Callable[[str], int],
        bars: Callable[[Flow], bool],
        on_broken: Callable[[Flow, str], None],
        stats: EndpointStats,
        silence_limit_s: float,
    ) -> None:
        self._local = local
        self.now = now
        self._is_trusted = is_trusted
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._registered_at = registered_at
        self._bars = bars
        self._on_broken = on_broken
        self._stats = stats
        self._pause_s = min(_SWEEP_S, silence_limit_s / 4)
        # Looked at once in a while, a peer has to go before its time rather than after it.
        self._silence_limit_s = silence_limit_s - self._pause_s
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._open: dict[int, TcpConnection] = {}
        self._by_remote: dict[Address, int] = {}
        # Of each host the connections that were strangers' when last looked at, the oldest first.
        self._strangers: dict[str, dict[int, None]] = {}
        self._opening: dict[Address, asyncio.Task[Flow]] = {}
        self._count = 0
        self._watched_count = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Event | None = None
        self._is_closed = False

    async def listen(self, sock: socket.socket) -> None:
        """Accept on a bound socket, and keep watch."""
        self._server = await self._loop.create_server(
            lambda: TcpConnection(self, is_outgoing=False), sock=sock, backlog=_ACCEPTS_PER_WAKE
        )
        # The loop takes the backlog for how many it accepts in one go: that was meant to be few.
        sock.listen(_BACKLOG)
        self._sweep()

    def __len__(self) -> int:
        return len(self._open)

    def number_of(self, remote: Address) -> int:
        """The newest open connection with that address; 0 when there is none."""
        return self._by_remote.get(remote, 0)

    def is_open(self, flow: Flow) -> bool:
        """Whether its connection stands."""
        return flow.connection in self._open

    def send(self, data: bytes, flow: Flow) -> bool:
        """False when the connection is gone, or has to go because its peer does not read."""
        connection = self._open.get(flow.connection)
        if connection is None:
            return False
        if connection.unsent_bytes > MAX_UNSENT_BYTES:
            self._cut(connection, "unread answers")
            return False
        return connection.send(data)

    async def ready(self, flow: Flow) -> Flow:
        """The flow itself, or with connection 0 one with that address, opened when needed."""
        if flow.connection in self._open:
            return flow
        if flow.connection:
            raise TransportError(f"the connection of {flow.remote} is gone")
        known = self._by_remote.get(flow.remote)
        if known is not None:
            return flow._replace(connection=known)
        opening = self._opening.get(flow.remote)
        if opening is None:
            opening = self._loop.create_task(self.connect(flow.remote.host, flow.remote.port))
            self._opening[flow.remote] = opening
            opening.add_done_callback(lambda _: self._opening.pop(flow.remote, None))
        return await asyncio.shield(opening)

    async def connect(self, host: str, port: int) -> Flow:
        """Open one more connection. TransportError when that fails or takes too long."""
        if self._is_closed:
            raise TransportError("the endpoint is closed")
        local = None if self._local.host in ANY_HOST else (self._local.host, 0)
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                _, connection = await self._loop.create_connection(
                    lambda: TcpConnection(self, is_outgoing=True), host, port, local_addr=local
                )
        except (OSError, TimeoutError) as error:
            raise TransportError(f"no TCP connection to {host}:{port}: {error}") from error
        if connection.flow is None:
            raise TransportError(f"the connection to {host}:{port} broke at once")
        return connection.flow

    def cut(self, flow: Flow, cause: str) -> None:
        """Close a connection at once; nothing happens when it is gone."""
        connection = self._open.get(flow.connection)
        if connection is not None:
            self._cut(connection, cause)

    def disconnect(self, flow: Flow) -> None:
        """Close a connection after what is queued; nothing happens when it is gone."""
        connection = self._open.get(flow.connection)
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        """Stop listening and close them all."""
        self._is_closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        opening = list(self._opening.values())
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        self._emptied = asyncio.Event()
        for connection in list(self._open.values()):
            connection.close()
        if self._open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_LIMIT_S):
                    await self._emptied.wait()
        for connection in list(self._open.values()):
            connection.abort()
        if self._server is not None:
            await self._server.wait_closed()

    # What a connection tells (sip.net.tcp.ConnectionOwner)

    def connection_opened(self, connection: TcpConnection, remote: Address) -> Flow:
        """A connection stands."""
        self._count += 1
        flow = Flow("TCP", self._local, remote, self._count)
        if not connection.is_outgoing and self._bars(flow):
            self._stats.connections_barred += 1
            connection.abort()
            return flow
        self._open[self._count] = connection
        self._by_remote[remote] = self._count
        if not connection.is_outgoing:
            self._crowd(flow)
        if self._count - self._watched_count > MAX_ACCEPTED_UNWATCHED:
            self._cut_off()
        return flow

    def _crowd(self, flow: Flow) -> None:
        """One more of that host; when there are too many, its oldest stranger goes."""
        host = flow.remote.host
        strangers = self._strangers.setdefault(host, {})
        strangers[flow.connection] = None
        if len(strangers) <= MAX_STRANGERS_PER_HOST:
            return
        limit = MAX_STRANGERS_PER_HOST + self._registered_at(host)
        while len(strangers) > limit:
            number = next(iter(strangers))
            del strangers[number]
            connection = self._open.get(number)
            if connection is None or connection.flow is None or self._is_trusted(connection.flow):
                continue
            self._cut(connection, "too many of one host")

    def stream_limit_bytes(self, flow: Flow) -> int:
        """How large a message may be."""
        return TRUSTED_LIMIT_BYTES if self._is_trusted(flow) else UNTRUSTED_LIMIT_BYTES

    def frame_received(self, frame: bytes, flow: Flow) -> None:
        """One message out of a stream."""
        self._on_frame(frame, flow)

    def stream_broken(self, error: ProtocolError, flow: Flow) -> None:
        """The peer sent no SIP, or too much of it; its connection is closed."""
        if not self._is_trusted(flow):
            self._on_broken(flow, error.reason)
        self._stats.count_error(error.reason)
        self._stats.count_closed("no SIP")

    def connection_closed(self, connection: TcpConnection) -> None:
        """A connection is gone."""
        flow = connection.flow
        if flow is None or self._open.pop(flow.connection, None) is None:
            return
        if self._by_remote.get(flow.remote) == flow.connection:
            del self._by_remote[flow.remote]
        strangers = self._strangers.get(flow.remote.host)
        if strangers is not None:
            strangers.pop(flow.connection, None)
            if not strangers:
                del self._strangers[flow.remote.host]
        if not self._open and self._emptied is not None:
            self._emptied.set()
        self._on_lost(flow)

    def _sweep(self) -> None:
        self._cut_off()
        self._sweeper = self._loop.call_later(self._pause_s, self._sweep)

    def _cut_off(self) -> None:
        self._watched_count = self._count
        oldest_s = self.now() - self._silence_limit_s
        strangers: list[TcpConnection] = []
        for connection in list(self._open.values()):
            if connection.partial_since is not None and connection.partial_since <= oldest_s:
                self._cut(connection, "unfinished message")
            elif connection.flow is None or self._may_be_silent(connection, connection.flow):
                continue
            elif connection.heard_at <= oldest_s:
                self._cut(connection, "silent stranger")
            else:
                strangers.append(connection)
        for connection in strangers[: max(0, len(strangers) - MAX_STRANGER_CONNECTIONS)]:
            self._cut(connection, "too many strangers")

    def _may_be_silent(self, connection: TcpConnection, flow: Flow) -> bool:
        return connection.is_outgoing or self._is_trusted(flow)

    def _cut(self, connection: TcpConnection, cause: str) -> None:
        self._stats.count_closed(cause)
        connection.abort()
