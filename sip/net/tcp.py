"""One TCP connection: cut into messages, watched for peers that are slow or gone."""

import asyncio
import contextlib
import socket
from collections import deque
from typing import Final, Protocol, cast

from sip.errors import ProtocolError
from sip.message import Address, Flow
from sip.stream import StreamFramer

# A camera whose power was pulled sends no FIN: ask after 15 s of silence, thrice, 5 s apart.
_PROBE_IDLE_S: Final = 15
_PROBE_INTERVAL_S: Final = 5
_PROBES: Final = 3

FRAMES_PER_WAKE: Final = 64
"""Messages of one connection that are handled before others get their turn."""

PATIENCE_S: Final = 0.5
"""How long more is awaited of a body that is as long as declared and does not close its root."""


class ConnectionOwner(Protocol):
    """What a connection tells its endpoint."""

    def connection_opened(self, connection: "TcpConnection", remote: Address) -> Flow: ...
    def stream_limit_bytes(self, flow: Flow) -> int: ...
    def frame_received(self, frame: bytes, flow: Flow) -> None: ...
    def stream_broken(self, error: ProtocolError, flow: Flow) -> None: ...
    def connection_closed(self, connection: "TcpConnection") -> None: ...
    def now(self) -> float: ...


class TcpConnection(asyncio.Protocol):
    """Accepted or opened by us. `flow` is set as soon as it stands."""

    def __init__(self, owner: ConnectionOwner, *, is_outgoing: bool) -> None:
        self._owner = owner
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self._patience: asyncio.TimerHandle | None = None
        self.is_outgoing = is_outgoing
        self.flow: Flow | None = None
        self.heard_at = owner.now()
        self.partial_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The event loop's call."""
        # uvloop's transports are none by inheritance.
        self._transport = transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if not peer:
            transport.abort()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            _watch_for_death(sock)
        self.flow = self._owner.connection_opened(self, Address(str(peer[0]), int(peer[1])))

    def data_received(self, data: bytes) -> None:
        """The event loop's call."""
        flow = self.flow
        if flow is None:
            return
        framer = self._framer
        framer.limit_bytes = self._owner.stream_limit_bytes(flow)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        try:
            frames = framer.feed(data)
        except ProtocolError as error:
            self._broken(error, flow)
            return
        if framer.pending_bytes and framer.is_whole_as_declared:
            self._patience = self._loop.call_later(PATIENCE_S, self._patience_over)
        self._handle(frames, flow)

    def _patience_over(self) -> None:
        """Nothing followed: what is there was all, and its sender waits for an answer."""
        self._patience = None
        flow = self.flow
        if flow is None or self._transport is None:
            return
        try:
            frames = self._framer.take_as_declared()
        except ProtocolError as error:
            self._broken(error, flow)
            return
        self._handle(frames, flow)

    def _broken(self, error: ProtocolError, flow: Flow) -> None:
        self.abort()
        self._owner.stream_broken(error, flow)

    def _handle(self, frames: list[bytes], flow: Flow) -> None:
        owner = self._owner
        framer = self._framer
        now = owner.now()
        if frames:
            self.heard_at = now
            self.partial_since = None
        if not framer.pending_bytes:
            self.partial_since = None
        elif self.partial_since is None:
            self.partial_since = now
        if self._waiting or len(frames) > FRAMES_PER_WAKE:
            self._queue(frames)
            return
        for frame in frames:
            owner.frame_received(frame, flow)

    def _queue(self, frames: list[bytes]) -> None:
        """More than is done in one go: the rest comes later, and nothing is read before it."""
        is_first = not self._waiting
        self._waiting.extend(frames)
        if is_first:
            if self._transport is not None:
                self._transport.pause_reading()
            self._take_some()

    def _take_some(self) -> None:
        flow, waiting = self.flow, self._waiting
        for _ in range(min(FRAMES_PER_WAKE, len(waiting))):
            if flow is not None and self._transport is not None:
                self._owner.frame_received(waiting[0], flow)
            waiting.popleft()
        if waiting:
            self._loop.call_soon(self._take_some)
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The event loop's call."""
        self._transport = None
        if self._patience is not None:
            self._patience.cancel()
        if self.flow is not None:
            self._owner.connection_closed(self)

    def send(self, data: bytes) -> bool:
        """Queue the bytes; False when the connection is gone."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        transport.write(data)
        return True

    @property
    def unsent_bytes(self) -> int:
        """How much waits for a peer that does not read."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """Close without waiting for a peer that may not read."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Send what is queued, then close."""
        if self._transport is not None:
            self._transport.close()


def _watch_for_death(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_IDLE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_INTERVAL_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
