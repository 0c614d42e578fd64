"""FLV, fMP4 and HLS by HTTP and WebSocket: one port for all viewers of this process."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence

from media.door import (
    Admission,
    Admit,
    Form,
    MediaError,
    OnMediaEvent,
    StreamId,
    ViewerFigures,
    ViewerId,
    ViewerLeft,
)
from media.http.connection import Connection
from media.http.forwarding import TrustedProxies
from media.http.request import BadRequestError, Headers, Request
from media.http.routes import HlsFile, moved, route, wanted_of
from media.http.websocket import text_frame
from media.outputs.flv import CONTENT_TYPE as FLV_TYPE
from media.outputs.fmp4 import CONTENT_TYPE as MP4_TYPE
from media.outputs.hls_audience import PLAYLIST_TYPE, HlsAudience
from media.outputs.live_audience import LiveAudience
from media.outputs.output import Streams
from media.tls_door import TlsDoor

TICK_S = 1.0
BACKLOG = 256
SEND_BUFFER_BYTES = 128 * 1024
"""Small: what the kernel holds for a slow viewer cannot be taken back."""

ADMISSION_LIMIT_S = 60.0
STOP_LIMIT_S = 2.0

CONNECTIONS_PER_VIEWER = 4
SPARE_CONNECTIONS = 64
"""Players of HLS open several; beyond this nobody gets in."""

EVERYWHERE: Headers = (
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)
"""The token is the right to watch, wherever the page comes from."""

PREFLIGHT: Headers = (
    ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
    ("Access-Control-Allow-Headers", "*"),
    ("Access-Control-Max-Age", "86400"),
)

RETRY_AFTER_S = 5
PLAIN: Headers = (("Content-Type", "text/plain"),)

_STATUS = {
    MediaError.NOT_ADMITTED: 403,
    MediaError.NO_STREAM: 404,
    MediaError.TOO_MANY: 503,
    MediaError.NO_WORKER: 503,
    MediaError.NO_PICTURE: 504,
}
_TYPES = {Form.FLV: FLV_TYPE, Form.WS_FLV: FLV_TYPE, Form.FMP4: MP4_TYPE, Form.HLS: PLAYLIST_TYPE}

WEBSOCKET_REFUSAL = 4_000
"""Browsers do not show the status of a refused handshake, so it is accepted and closed with this
plus the status."""


class HttpOutput:
    """An `Output`: bound to `host` and `port`, by TLS where `tls` is given.

    Paths and limits are told in docs/outputs.md. `admit` judges the tokens; a viewer that it let in
    and that could not begin is told of by `ViewerLeft` all the same.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        streams: Streams,
        admit: Admit,
        now: Callable[[], float],
        on_event: OnMediaEvent,
        viewer_limit: int,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        self._host = host
        self._asked_port = port
        self._tls = tls
        self._admit = admit
        self._now = now
        self._on_event = on_event
        self._viewer_limit = viewer_limit
        self._proxies = TrustedProxies(trusted_proxies)
        self._live = LiveAudience(streams, now, on_event)
        self._hls = HlsAudience(streams, now, on_event)
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending = 0
        self._server: asyncio.Server | TlsDoor | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port bound; known once started."""
        return self._port

    @property
    def viewer_count(self) -> int:
        """Viewers that are here."""
        return self._live.viewer_count + self._hls.viewer_count

    def figures(self, stream_id: StreamId) -> tuple[ViewerFigures, ...]:
        """The stream's viewers as they stand."""
        return (*self._live.figures(stream_id), *self._hls.figures(stream_id))

    def leave(self, viewer_id: ViewerId, reason: str) -> None:
        """End one viewer; one that is not here changes nothing."""
        self._live.leave(viewer_id, reason)
        self._hls.leave(viewer_id, reason)

    def leave_all(self, stream_id: StreamId, reason: str) -> None:
        """End every viewer of a stream."""
        self._live.leave_all(stream_id, reason)
        self._hls.leave_all(stream_id, reason)

    async def start(self) -> None:
        """Bind the port. `OSError` when it is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listening = socket.create_server(
            (self._host, self._asked_port), family=family, backlog=BACKLOG
        )
        listening.setblocking(False)
        # Connections that are accepted inherit it.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._port = listening.getsockname()[1]
        if self._tls is None:
            self._server = await asyncio.get_running_loop().create_server(
                self._connection, sock=listening
            )
        else:
            self._server = TlsDoor(listening, self._tls, self._connection)
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """End every viewer and give back the port. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        if self._ticker is not None:
            self._ticker.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        self._live.stop()
        self._hls.stop()
        for connection in tuple(self._connections):
            connection.close("stopped")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_LIMIT_S):
                while self._connections:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        for connection in tuple(self._connections):
            connection.abort("stopped")
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connection(self) -> Connection:
        return Connection(self, self._now, EVERYWHERE)

    # -- as the handler of connections

    def connected(self, connection: Connection) -> None:
        """A connection is there."""
        self._connections.add(connection)
        most = self._viewer_limit * CONNECTIONS_PER_VIEWER + SPARE_CONNECTIONS
        if len(self._connections) > most:
            connection.abort("too_many")

    def lost(self, connection: Connection, reason: str) -> None:
        """A connection is over."""
        self._connections.discard(connection)
        self._live.lost(connection, reason)

    def request(self, connection: Connection, request: Request) -> None:
        """Answer it now or later."""
        forwarded = request.headers.get("x-forwarded-for", "")
        visitor = self._proxies.visitor(connection.remote_host, forwarded)
        if visitor is not None:
            connection.remote_address = visitor
        if request.method == "OPTIONS":
            connection.answer(204, PREFLIGHT)
            return
        asked = route(request)
        if asked is None:
            _refuse(connection, request, 404, "there is nothing here")
        elif isinstance(asked, HlsFile):
            self._spawn(connection, self._serve_file(connection, request, asked))
        elif asked.form is None:
            connection.answer(426, (("Upgrade", "websocket"), *PLAIN), b"by WebSocket only\n")
        elif request.method == "HEAD":
            connection.answer(200, (("Content-Type", _TYPES[asked.form]),))
        else:
            self._let_in(connection, request, asked.form)

    def _let_in(self, connection: Connection, request: Request, form: Form) -> None:
        token = request.query.get("token", "")
        if not token:
            _refuse(connection, request, 403, "a token is needed: ?token=")
        elif self.viewer_count + self._pending >= self._viewer_limit:
            _refuse(connection, request, 503, f"{self._viewer_limit} viewers are here already")
        else:
            self._pending += 1
            self._spawn(connection, self._admitted(connection, request, form, token))

    async def _admitted(
        self, connection: Connection, request: Request, form: Form, token: str
    ) -> None:
        try:
            async with asyncio.timeout(ADMISSION_LIMIT_S):
                admission = await self._admit(token, form)
        except MediaError as error:
            _refuse(connection, request, _STATUS.get(error.code, 502), error.code)
            return
        except TimeoutError:
            _refuse(connection, request, 504, MediaError.NO_PICTURE)
            return
        finally:
            self._pending -= 1
        if admission.place is not None:
            own_host = connection.transport.get_extra_info("sockname")[0]
            _send_elsewhere(
                connection, request, moved(request, admission.place, admission.token, own_host)
            )
            return
        self._begin(connection, request, form, admission)

    def _begin(
        self, connection: Connection, request: Request, form: Form, admission: Admission
    ) -> None:
        """Let the viewer begin, or tell that it did not, whatever happens."""
        if self._is_here(admission.viewer_id):
            _refuse(connection, request, 403, MediaError.NOT_ADMITTED)
            return
        reason = MediaError.FAILED
        try:
            reason = self._why_not_begun(connection, request, form, admission)
        finally:
            if reason and self._is_here(admission.viewer_id):
                self.leave(admission.viewer_id, reason)
            elif reason:
                self._on_event(ViewerLeft(admission.stream_id, admission.viewer_id, reason))

    def _is_here(self, viewer_id: ViewerId) -> bool:
        return self._live.has(viewer_id) or self._hls.has(viewer_id)

    def _why_not_begun(
        self, connection: Connection, request: Request, form: Form, admission: Admission
    ) -> str:
        """Begin; empty where the viewer has begun."""
        try:
            if connection.is_over:
                return "left"
            if form is Form.HLS:
                location = self._hls.add(admission, wanted_of(request))
                connection.answer(307, (("Location", location),))
            else:
                self._live.add(connection, request, form, admission, wanted_of(request))
        except MediaError as error:
            _refuse(connection, request, _STATUS.get(error.code, 502), error.code)
            return error.code
        except BadRequestError as error:
            connection.answer(error.status, PLAIN, f"{error.reason}\n".encode(), is_last=True)
            return "left"
        return ""

    async def _serve_file(self, connection: Connection, request: Request, asked: HlsFile) -> None:
        reply = await self._hls.get(
            asked.secret, asked.name, dict(request.query), connection.remote_address
        )
        if reply.status == 200:
            connection.answer(200, (("Content-Type", reply.content_type),), reply.body)
        else:
            _refuse(connection, request, reply.status, "not here, or no longer")

    def _spawn(self, connection: Connection, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def finish(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                connection.abort("failed")
                task.get_loop().call_exception_handler(
                    {"message": "answering a viewer failed", "exception": error, "task": task}
                )

        task.add_done_callback(finish)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._let_time_pass()

    def _let_time_pass(self) -> None:
        """Apart from what sleeps, lest its names keep the last connection alive."""
        now_s = self._now()
        for connection in tuple(self._connections):
            connection.tick(now_s)
        self._live.tick()
        self._hls.tick()


def _refuse(connection: Connection, request: Request, status: int, text: str) -> None:
    """Say why not."""
    if request.wants_websocket:
        _tell_websocket(connection, request, status, text)
        return
    headers: Headers = (*PLAIN, ("Retry-After", str(RETRY_AFTER_S))) if status == 503 else PLAIN
    connection.answer(status, headers, f"{text}\n".encode())


def _send_elsewhere(connection: Connection, request: Request, location: str) -> None:
    """Browsers follow no redirection of a WebSocket: they are told the place in a message."""
    if request.wants_websocket:
        told = text_frame(json.dumps({"location": location}))
        _tell_websocket(connection, request, 307, "elsewhere", told)
    else:
        connection.answer(307, (("Location", location),))


def _tell_websocket(
    connection: Connection, request: Request, status: int, text: str, message: bytes = b""
) -> None:
    try:
        connection.begin_websocket(request)
    except BadRequestError as error:
        connection.answer(error.status, PLAIN, f"{error.reason}\n".encode(), is_last=True)
        return
    connection.write(message)
    connection.close("left", WEBSOCKET_REFUSAL + status, text)
