"""RTSP: one port for all viewers of this process (RFC 2326)."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Coroutine

from media.door import (
    Admission,
    Admit,
    Form,
    MediaError,
    OnMediaEvent,
    StreamId,
    ViewerFigures,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from media.errors import ProtocolError
from media.outputs.output import Streams
from media.outputs.webrtc_rtcp import Report, parse_feedback
from media.rtsp.connection import Connection
from media.rtsp.request import VERSION, Request
from media.rtsp.session import Session
from media.rtsp.stream import WANTED, RtspStream
from media.rtsp.urls import base_of, elsewhere, is_live, path_and_token
from media.rtsp.ways import Address, UdpPair
from media.tls_door import TlsDoor

TICK_S = 1.0
BACKLOG = 256
KEEPALIVE_S = 30
SEND_BUFFER_BYTES = 128 * 1024
"""Small: what the kernel holds for a slow viewer cannot be taken back."""

ADMISSION_LIMIT_S = 60.0
DESCRIBE_LIMIT_S = 15.0
STOP_LIMIT_S = 2.0

CONNECTIONS_PER_VIEWER = 2
SPARE_CONNECTIONS = 64
"""Beyond this nobody gets in: whoever only connects must not keep out who watches."""

METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"

_STATUS = {
    MediaError.NOT_ADMITTED: 403,
    MediaError.NO_STREAM: 404,
    MediaError.TOO_MANY: 503,
    MediaError.NO_WORKER: 503,
    MediaError.NO_PICTURE: 504,
}


class RtspOutput:
    """An `Output`: bound to `host` and `port`, by TLS where `tls` is given; then without UDP.

    `admit` judges the tokens at DESCRIBE. A viewer that it let in is told of by `ViewerLeft` even
    if it never played. `token` gives random hexadecimal digits, `wall` seconds since 1970.
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
        token: Callable[[], str],
        on_event: OnMediaEvent,
        viewer_limit: int,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._host = host
        self._asked_port = port
        self._tls = tls
        self._streams = streams
        self._admit = admit
        self._now = now
        self._token = token
        self._on_event = on_event
        self._viewer_limit = viewer_limit
        self._wall_ahead_s = wall() - now()
        self._port = 0
        self._server: asyncio.Server | TlsDoor | None = None
        self._udp: UdpPair | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending = 0
        self._connections: set[Connection] = set()
        self._sessions: dict[Connection, Session] = {}
        self._by_viewer: dict[ViewerId, Session] = {}
        self._by_control: dict[Address, Session] = {}
        self._packed: dict[StreamId, RtspStream] = {}

    @property
    def port(self) -> int:
        """The port bound; known once started."""
        return self._port

    @property
    def viewer_count(self) -> int:
        """Viewers that were admitted."""
        return len(self._sessions)

    def figures(self, stream_id: StreamId) -> tuple[ViewerFigures, ...]:
        """The stream's viewers as they stand."""
        stream = self._packed.get(stream_id)
        return () if stream is None else tuple(stream.figures())

    def leave(self, viewer_id: ViewerId, reason: str) -> None:
        """End one viewer; one that is not here changes nothing."""
        session = self._by_viewer.get(viewer_id)
        if session is not None:
            self._end(session, reason)
            session.connection.close(reason)

    def leave_all(self, stream_id: StreamId, reason: str) -> None:
        """End every viewer of a stream."""
        for session in tuple(self._sessions.values()):
            if session.admission.stream_id == stream_id:
                self.leave(session.viewer.viewer_id, reason)

    async def start(self) -> None:
        """Bind the port. `OSError` when it is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listening = socket.create_server(
            (self._host, self._asked_port), family=family, backlog=BACKLOG
        )
        listening.setblocking(False)
        # Connections that are accepted inherit it.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        # A viewer that is gone while its stream is silent is noticed by nothing else.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
        self._port = listening.getsockname()[1]
        if self._tls is None:
            self._server = await asyncio.get_running_loop().create_server(
                self._connection, sock=listening
            )
        else:
            self._server = TlsDoor(listening, self._tls, self._connection)
        if self._tls is None:
            self._udp = UdpPair(self._host, self._on_control)
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
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in tuple(self._sessions.values()):
            self._end(session, "stopped")
        for connection in tuple(self._connections):
            connection.close("stopped")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_LIMIT_S):
                while self._connections:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        for connection in tuple(self._connections):
            connection.abort("stopped")
        if self._udp is not None:
            self._udp.close()

    def _connection(self) -> Connection:
        return Connection(self, self._now)

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
        session = self._sessions.get(connection)
        if session is not None:
            self._end(session, reason)

    def interleaved(self, connection: Connection, channel: int, data: bytes) -> None:
        """RTCP of a viewer; what else it sends says nothing."""
        del channel
        session = self._sessions.get(connection)
        if session is not None:
            _hear(session, data)

    def request(self, connection: Connection, request: Request) -> None:
        """Answer it now or later."""
        session = self._sessions.get(connection)
        if not request.cseq:
            connection.answer(400)
            connection.close("bad_request")
        elif request.version != VERSION:
            connection.answer(505)
            connection.close("bad_request")
        elif "require" in request.headers:
            connection.answer(551, [("Unsupported", request.headers["require"])])
        elif session is not None and not session.knows(request):
            connection.answer(454)
        else:
            self._do(connection, request, session)

    def _do(self, connection: Connection, request: Request, session: Session | None) -> None:
        match request.method, session:
            case "OPTIONS", _:
                connection.answer(200, [("Public", METHODS)])
            case "DESCRIBE", _:
                self._describe(connection, request, session)
            case "SETUP" | "PLAY" | "PAUSE" | "TEARDOWN", None:
                connection.answer(454 if "session" in request.headers else 455)
            case "SETUP", Session():
                reply = session.set_up(request)
                self._by_control |= {way.rtcp: session for way in session.udp_ways}
                connection.answer(reply.status, reply.headers)
            case "PLAY", Session():
                self._play(session, request)
            case "PAUSE", Session():
                reply = session.pause()
                connection.answer(reply.status, reply.headers)
            case "TEARDOWN", Session():
                connection.answer(200)
                self._end(session, "left")
                connection.has_session = connection.is_kept = False
            case "GET_PARAMETER" | "SET_PARAMETER", _:
                # Without a body both only say that somebody is there (10.8).
                headers = () if session is None else session.headers()
                connection.answer(451 if request.body.strip() else 200, headers)
            case "ANNOUNCE" | "RECORD" | "REDIRECT", _:
                connection.answer(405, [("Allow", METHODS)])
            case _:
                connection.answer(501, [("Public", METHODS)])

    def _describe(self, connection: Connection, request: Request, session: Session | None) -> None:
        path, token = path_and_token(request.url)
        if not is_live(path):
            connection.answer(404)
        elif not token:
            connection.answer(403)
        elif session is not None:
            if token == session.token:
                self._spawn(connection, self._tell(session, request))
            else:
                connection.answer(455)
        elif self.viewer_count + self._pending >= self._viewer_limit:
            connection.answer(503)
        else:
            self._pending += 1
            self._spawn(connection, self._let_in(connection, request, token))

    async def _let_in(self, connection: Connection, request: Request, token: str) -> None:
        try:
            async with asyncio.timeout(ADMISSION_LIMIT_S):
                admission = await self._admit(token, Form.RTSP)
        except MediaError as error:
            connection.answer(_STATUS.get(error.code, 502))
            return
        except TimeoutError:
            connection.answer(504)
            return
        finally:
            self._pending -= 1
        if admission.place is not None:
            place = elsewhere(request.url, admission.place, admission.token, connection.own_host)
            connection.answer(302, [("Location", place)])
            return
        if admission.viewer_id in self._by_viewer:
            connection.answer(403)
            return
        reason = MediaError.FAILED
        try:
            session = self._begin(connection, admission, token)
            reason = ""
        except MediaError as error:
            reason = error.code
            connection.answer(_STATUS.get(error.code, 502))
            return
        finally:
            if reason:
                self._on_event(ViewerLeft(admission.stream_id, admission.viewer_id, reason))
        if connection.is_over:
            self._end(session, "left")
            return
        await self._tell(session, request)

    def _begin(self, connection: Connection, admission: Admission, token: str) -> Session:
        stream = self._stream(admission.stream_id)
        stream.users += 1
        try:
            session = Session(
                connection,
                admission,
                token,
                stream,
                session_id=self._token()[:32],
                udp=self._udp,
                now=self._now,
                wall_ahead_s=self._wall_ahead_s,
            )
        except BaseException:
            self._let_go(stream)
            raise
        self._sessions[connection] = session
        self._by_viewer[admission.viewer_id] = session
        return session

    async def _tell(self, session: Session, request: Request) -> None:
        connection = session.connection
        try:
            async with asyncio.timeout(DESCRIBE_LIMIT_S):
                body = await session.stream.describe(connection.own_host)
        except (TimeoutError, ProtocolError):
            connection.answer(504)
            self._end(session, MediaError.NO_PICTURE)
            return
        connection.answer(
            200, [("Content-Base", f"{base_of(request.url)}/")], body, "application/sdp"
        )

    def _play(self, session: Session, request: Request) -> None:
        session.play(request)
        if session.viewer.is_playing and not session.has_joined:
            session.has_joined = True
            self._on_event(
                ViewerJoined(
                    session.admission.stream_id,
                    session.viewer.viewer_id,
                    session.viewer.remote_address,
                )
            )

    def _stream(self, stream_id: StreamId) -> RtspStream:
        stream = self._packed.get(stream_id)
        if stream is None:
            variants = self._streams.variants(stream_id)
            variant = variants.open(WANTED)
            stream = self._packed[stream_id] = RtspStream(
                stream_id,
                variant,
                variants.source,
                now=self._now,
                dice=lambda: int(self._token()[:8], 16),
                on_over=self._on_over,
            )
            stream.begin()
            if stream_id not in self._packed:
                raise MediaError(MediaError.NO_STREAM, "the stream has ended")
        return stream

    def _on_over(self, stream: RtspStream, reason: str) -> None:
        if self._packed.get(stream.stream_id) is stream:
            del self._packed[stream.stream_id]
        for session in tuple(self._sessions.values()):
            if session.stream is stream:
                self.leave(session.viewer.viewer_id, reason)
        stream.close()

    def _end(self, session: Session, reason: str) -> None:
        """A viewer is over. Idempotent."""
        if self._sessions.pop(session.connection, None) is None:
            return
        del self._by_viewer[session.viewer.viewer_id]
        for way in session.udp_ways:
            self._by_control.pop(way.rtcp, None)
        session.close()
        self._let_go(session.stream)
        self._on_event(ViewerLeft(session.admission.stream_id, session.viewer.viewer_id, reason))

    def _let_go(self, stream: RtspStream) -> None:
        stream.users -= 1
        if not stream.users:
            if self._packed.get(stream.stream_id) is stream:
                del self._packed[stream.stream_id]
            stream.close()

    def _on_control(self, data: bytes, address: Address) -> None:
        session = self._by_control.get(address)
        if session is not None:
            session.connection.heard()
            _hear(session, data)

    def _spawn(self, connection: Connection, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def finish(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                connection.close("stopped")
            elif (error := task.exception()) is not None:
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
        """Apart from what sleeps, lest its names keep the last connection and stream alive."""
        now_s = self._now()
        for connection in tuple(self._connections):
            connection.tick(now_s)
        for stream in self._packed.values():
            stream.tick()


def _hear(session: Session, data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        for feedback in parse_feedback(data):
            if isinstance(feedback, Report):
                session.viewer.hear(feedback.ssrc, feedback.fraction)
