"""WebRTC viewers (WHEP): an offer in, an answer out, pictures until one side ends it.

No `RTCPeerConnection`: ICE-lite on one port for everybody (`webrtc_ice`), DTLS and SRTP by aiortc's
transport (`webrtc_dtls`), our own packets (`webrtc_stream`).
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from media.door import MediaError, OnMediaEvent, ViewerId, ViewerJoined, ViewerLeft
from media.errors import ProtocolError
from media.outputs.webrtc_dtls import Certificate, SecureLink, SecurityError
from media.outputs.webrtc_ice import IceLink, IcePort
from media.outputs.webrtc_sdp import LocalDescription, build_answer, choose, parse_offer
from media.outputs.webrtc_stream import WebRtcStream
from media.outputs.webrtc_viewer import Viewer

TICK_S = 0.5
CONSENT_LIMIT_S = 30.0
"""No check for so long and the viewer is gone (RFC 7675, 5.1)."""

CONNECT_LIMIT_S = 30.0
"""From the answer to pictures; then the viewer is given up."""

SLOW_FRACTION = 0.5
SLOW_LIMIT_S = 15.0
"""A viewer that loses half of what it is sent for so long is dropped: it sees nothing anyway."""

CERTIFICATE_AGE_S = 86_400.0


@dataclass(slots=True)
class _Connection:
    """One viewer with its path, its keys and the task that makes its handshake."""

    viewer: Viewer
    stream: WebRtcStream
    link: IceLink
    secure: SecureLink
    answered_s: float
    handshake: asyncio.Task[None] | None = None
    slow_since_s: float | None = None


class WebRtcOutput:
    """All WebRTC viewers of a node; `start` it, `answer` offers, `stop` it.

    `token` gives 32 or more random hexadecimal digits: credentials, SSRCs and first numbers are
    made of them. `advertised_hosts` are IP addresses, at least one, the preferred one first;
    anything else is a `ValueError`.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        advertised_hosts: Sequence[str],
        viewer_limit: int,
        now: Callable[[], float],
        token: Callable[[], str],
        on_event: OnMediaEvent,
    ) -> None:
        self._host = host
        self._wanted_port = port
        self._advertised_hosts = [str(ip_address(host)) for host in advertised_hosts]
        if not self._advertised_hosts:
            raise ValueError("no address to tell viewers")
        self._viewer_limit = viewer_limit
        self._now = now
        self._token = token
        self._on_event = on_event
        self._port: IcePort | None = None
        self._certificate = Certificate()
        self._certificate_s = now()
        self._connections: dict[ViewerId, _Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The UDP port in use."""
        return self._open_port().port

    @property
    def viewer_count(self) -> int:
        """Viewers answered and not yet gone."""
        return len(self._connections)

    @property
    def task_count(self) -> int:
        """Tasks that run: the ticker, handshakes, farewells."""
        return len(self._tasks)

    async def start(self) -> None:
        """Bind the port. `OSError` when it is taken."""
        self._port = IcePort(self._host, self._wanted_port, self._now)
        _ = self._spawn(self._run())

    async def stop(self) -> None:
        """End every viewer and give back the port. Idempotent."""
        for viewer_id in tuple(self._connections):
            self.leave(viewer_id, "stopped")
        farewells = [task for task in self._tasks if task.get_name() == _FAREWELL]
        if farewells:
            await asyncio.wait(farewells, timeout=CONNECT_LIMIT_S)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._port is not None:
            self._port.close()

    def answer(self, stream: WebRtcStream, viewer_id: ViewerId, text: str) -> str:
        """The answer to a viewer's offer; pictures flow when its transport is up.

        `MediaError` with `BAD_OFFER` or `TOO_MANY`.
        """
        port = self._open_port()
        if viewer_id in self._connections:
            raise MediaError(MediaError.BAD_OFFER, f"viewer {viewer_id} has been answered already")
        if len(self._connections) >= self._viewer_limit:
            raise MediaError(MediaError.TOO_MANY, f"{self._viewer_limit} viewers are here already")
        if stream.lacks_transcoder:
            raise MediaError(MediaError.TOO_MANY, "every transcoder is taken")
        video_format = stream.hub.video
        try:
            offer = parse_offer(text)
            choice = choose(offer, video_format.profile if video_format else "")
        except ProtocolError as error:
            raise MediaError(MediaError.BAD_OFFER, str(error)) from error
        certificate = self._fresh_certificate()
        ufrag, password = self._token()[:32], self._token()[:32]
        link = port.add(ufrag, password, lambda data: self._receive(connection, data))
        viewer = Viewer(
            viewer_id,
            stream.streams,
            video_payload_type=choice.video.codec.payload_type if choice.video else None,
            rtx_payload_type=choice.video.codec.rtx_payload_type if choice.video else None,
            audio_payload_types=choice.audio.payload_types if choice.audio else {},
            connected_s=self._now(),
            remote=lambda: link.remote,
        )
        secure = SecureLink(
            certificate,
            offer.fingerprints,
            lambda data: link.send([data]),
            lambda: self.leave(viewer_id, "left"),
        )
        connection = _Connection(viewer, stream, link, secure, self._now())
        self._connections[viewer_id] = connection
        connection.handshake = self._spawn(self._connect(connection))
        return build_answer(
            offer,
            choice,
            LocalDescription(
                session_id=int(self._token()[:15], 16),
                ice_ufrag=ufrag,
                ice_pwd=password,
                fingerprint=certificate.fingerprint,
                candidates=[(host, port.port) for host in self._advertised_hosts],
                video_ssrc=stream.streams.video_ssrc,
                rtx_ssrc=stream.streams.rtx_ssrc,
                audio_ssrc=stream.streams.audio_ssrc,
                stream_name=stream.streams.name,
            ),
        )

    def leave(self, viewer_id: ViewerId, reason: str) -> None:
        """End one viewer: pictures stop at once, the farewell is said behind us. Idempotent."""
        connection = self._connections.pop(viewer_id, None)
        if connection is None:
            return
        connection.stream.remove(connection.viewer)
        if connection.handshake is not None:
            connection.handshake.cancel()
        _ = self._spawn(self._say_farewell(connection), name=_FAREWELL)
        self._on_event(ViewerLeft(connection.stream.stream_id, viewer_id, reason))

    def leave_all(self, stream: WebRtcStream, reason: str) -> None:
        """End every viewer of one stream."""
        for viewer_id, connection in tuple(self._connections.items()):
            if connection.stream is stream:
                self.leave(viewer_id, reason)

    def _open_port(self) -> IcePort:
        if self._port is None:
            raise RuntimeError("WebRtcOutput.start was not called")
        return self._port

    def _fresh_certificate(self) -> Certificate:
        if self._now() - self._certificate_s > CERTIFICATE_AGE_S:
            self._certificate, self._certificate_s = Certificate(), self._now()
        return self._certificate

    def _spawn(
        self, work: Coroutine[None, None, None], name: str | None = None
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return task

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler(
                {"message": "a WebRTC task failed", "exception": error, "task": task}
            )

    async def _connect(self, connection: _Connection) -> None:
        viewer, link, secure = connection.viewer, connection.link, connection.secure
        try:
            await secure.connect()
        except SecurityError:
            self.leave(viewer.viewer_id, "handshake_failed")
            return
        if not secure.is_connected:
            return
        viewer.connected_s = self._now()
        viewer.attach(link.send, secure.protect, secure.protect_rtcp)
        connection.stream.add(viewer)
        self._on_event(ViewerJoined(connection.stream.stream_id, viewer.viewer_id, link.remote))

    async def _say_farewell(self, connection: _Connection) -> None:
        try:
            if connection.handshake is not None:
                await asyncio.wait([connection.handshake])
            await connection.secure.close()
        finally:
            connection.link.close()

    def _receive(self, connection: _Connection, data: bytes) -> None:
        with contextlib.suppress(SecurityError, ProtocolError):
            control = connection.secure.receive(data)
            if control is not None:
                connection.stream.receive_feedback(connection.viewer, control)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now_s = self._now()
            for viewer_id, connection in tuple(self._connections.items()):
                reason = self._why_gone(connection, now_s)
                if reason is not None:
                    self.leave(viewer_id, reason)
            for stream in {id(c.stream): c.stream for c in self._connections.values()}.values():
                stream.tick()

    def _why_gone(self, connection: _Connection, now_s: float) -> str | None:
        viewer = connection.viewer
        if not connection.secure.is_connected:
            waited = now_s - connection.answered_s > CONNECT_LIMIT_S
            return "not_connected" if waited else None
        if now_s - connection.link.heard_s > CONSENT_LIMIT_S:
            return "consent_expired"
        if viewer.is_broken:
            return "encryption_failed"
        if viewer.lost_fraction < SLOW_FRACTION:
            connection.slow_since_s = None
        elif connection.slow_since_s is None:
            connection.slow_since_s = now_s
        elif now_s - connection.slow_since_s > SLOW_LIMIT_S:
            return "too_slow"
        return None


_FAREWELL = "webrtc farewell"
