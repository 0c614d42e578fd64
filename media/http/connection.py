"""One connection of a viewer: requests, then perhaps an endless answer or a WebSocket."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol, cast

from media.http.request import BadRequestError, Headers, Request, RequestReader, head_of
from media.http.websocket import PING, WebSocket, handshake

REQUEST_LIMIT_S = 10.0
"""From the first byte of a request, or the beginning of the connection, to its end."""

KEEP_ALIVE_S = 30.0
"""Between two requests."""

STUCK_LIMIT_S = 15.0
"""A viewer for whom bytes wait and who takes none for so long is dropped."""

PING_INTERVAL_S = 20.0
"""So that nothing on the way takes a silent stream for a dead one."""

PONG_LIMIT_BYTES = 64 * 1024
"""Whoever asks and does not read is not answered beyond this."""


class Handler(Protocol):
    """What becomes of requests."""

    def connected(self, connection: "Connection") -> None:
        """A connection is there; it may be aborted at once."""
        ...

    def request(self, connection: "Connection", request: Request) -> None:
        """To be answered now or later by `answer`, `begin_stream` or `begin_websocket`."""
        ...

    def lost(self, connection: "Connection", reason: str) -> None:
        """It is over; told once."""
        ...


class _State(Enum):
    READING = auto()
    ANSWERING = auto()
    STREAM = auto()
    WEBSOCKET = auto()
    CLOSING = auto()


class Connection(asyncio.Protocol):
    """Made for each accepted connection; `headers` go with every answer.

    `remote_host`, `remote_address` and `transport` are there once it is connected; the handler may
    put somebody else's address, for whom a proxy speaks. Nothing here waits.
    """

    transport: asyncio.Transport

    def __init__(self, handler: Handler, now: Callable[[], float], headers: Headers) -> None:
        self.remote_host = self.remote_address = ""
        self.is_over = False
        self._handler = handler
        self._now = now
        self._headers = headers
        self._reader = RequestReader()
        self._websocket: WebSocket | None = None
        self._state = _State.READING
        self._is_full = False
        self._reason = "left"
        self._written = 0
        self._taken = 0
        self._known_written = 0
        self._taken_s = self._since_s = self._quiet_s = now()
        self._limit_s = REQUEST_LIMIT_S

    # -- by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected, and encrypted where that is so."""
        # uvloop's transports do not inherit from asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self.remote_host, self.remote_address = _peer(transport.get_extra_info("peername"))
        self._handler.connected(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the viewer, cut anyhow."""
        try:
            match self._state:
                case _State.WEBSOCKET:
                    self._hear(data)
                case _State.READING | _State.ANSWERING:
                    if not self._reader.is_partial and self._state is _State.READING:
                        self._await_request(REQUEST_LIMIT_S)
                    self._reader.feed(data)
                    self._read()
                case _State.STREAM | _State.CLOSING:
                    pass
        except BadRequestError as error:
            self._refuse(error)

    def pause_writing(self) -> None:
        """Much waits: no more requests until it is gone."""
        self._is_full = True

    def resume_writing(self) -> None:
        """What waited is gone."""
        self._is_full = False
        try:
            self._read()
        except BadRequestError as error:
            self._refuse(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Over, whoever ended it."""
        _ = exc
        self._state = _State.CLOSING
        self.is_over = True
        if self._websocket is not None:
            self._websocket.end()
        self._handler.lost(self, self._reason)

    # -- for the handler

    def answer(
        self, status: int, headers: Headers = (), body: bytes = b"", *, is_last: bool = False
    ) -> None:
        """The whole answer to the request; the next one is read then. After the end, nothing."""
        if self._state is not _State.ANSWERING:
            return
        self.write(self._reader.answer(status, [*headers, *self._headers], body, is_last=is_last))
        if not self._reader.keeps_open:
            self.close("left")
            return
        self._state = _State.READING
        self._await_request(KEEP_ALIVE_S)
        asyncio.get_running_loop().call_soon(self._go_on)

    def begin_stream(self, content_type: str) -> None:
        """Answer with bytes that only the end of the connection ends."""
        self._state = _State.STREAM
        self.write(head_of(200, [("Content-Type", content_type), *self._headers]))

    def begin_websocket(self, request: Request) -> None:
        """Accept. `BadRequestError` when the request is no proper handshake."""
        answer = handshake(request)
        self._websocket = WebSocket()
        self._state = _State.WEBSOCKET
        self.write(answer)
        if self._reader.rest:
            self._hear(self._reader.rest)

    def write(self, data: bytes) -> None:
        """Bytes as they go; behind a farewell none do."""
        if self._state is _State.CLOSING:
            return
        self._written += len(data)
        self.transport.write(data)

    def waiting_bytes(self) -> int:
        """What has been written and not been taken over by the kernel."""
        return self.transport.get_write_buffer_size()

    def close(self, reason: str, code: int = 1000, text: str = "") -> None:
        """End it behind what waits; a WebSocket is told `code` and `text`. Idempotent."""
        if self._state is _State.CLOSING:
            return
        if self._websocket is not None:
            self.write(self._websocket.close(code, text))
        self._end(reason)

    def abort(self, reason: str) -> None:
        """End it now."""
        self._reason = reason
        self._state = _State.CLOSING
        self.transport.abort()

    def tick(self, now_s: float) -> None:
        """Time passes: who is slow with a request or takes nothing is dropped."""
        waiting = self.waiting_bytes()
        taken = self._written - waiting
        if waiting == 0 or taken != self._taken:
            self._taken, self._taken_s = taken, now_s
        elif now_s - self._taken_s > STUCK_LIMIT_S:
            self.abort("too_slow")
            return
        if self._state is _State.READING and now_s - self._since_s > self._limit_s:
            if self._reader.is_partial:
                self._refuse(BadRequestError(408, "too-slow"))
            else:
                self.close("left")
        elif self._written != self._known_written:
            self._known_written, self._quiet_s = self._written, now_s
        elif self._state is _State.WEBSOCKET and now_s - self._quiet_s > PING_INTERVAL_S:
            self.write(PING)

    # -- inside

    def _await_request(self, limit_s: float) -> None:
        self._since_s, self._limit_s = self._now(), limit_s

    def _go_on(self) -> None:
        try:
            self._read()
        except BadRequestError as error:
            self._refuse(error)

    def _read(self) -> None:
        if self._state is not _State.READING or self._is_full:
            return
        request = self._reader.next()
        if request is not None:
            self._state = _State.ANSWERING
            self._handler.request(self, request)

    def _hear(self, data: bytes) -> None:
        if self._websocket is None:
            return
        answer = self._websocket.feed(data)
        if answer and self.waiting_bytes() <= PONG_LIMIT_BYTES:
            self.write(answer)
        if self._websocket.is_over:
            self._end("left")

    def _refuse(self, error: BadRequestError) -> None:
        """Say why and end: what comes next on this connection cannot be trusted."""
        if self._state in {_State.READING, _State.ANSWERING}:
            body = f"{error.reason}\n".encode()
            told = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
            if error.status == 405:
                told.append(("Allow", "GET, HEAD, OPTIONS"))
            self.write(head_of(error.status, [*told, *self._headers]) + body)
        self._end("left")

    def _end(self, reason: str) -> None:
        self._reason = reason
        self._state = _State.CLOSING
        self.transport.close()


def _peer(address: object) -> tuple[str, str]:
    """The host, and host and port as one text; empty for what has no address."""
    if not isinstance(address, tuple):
        return "", ""
    host, port = cast("tuple[str, int]", address)[:2]
    return host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
