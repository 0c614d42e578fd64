"""WebRTC viewers (WHEP): an offer in, an answer out, pictures until one side ends it.

No `RTCPeerConnection`: ICE-lite on one port for everybody (`webrtc_ice`), DTLS and SRTP by aiortc's
transport (`webrtc_dtls`), our own packets (`webrtc_stream`).
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from media.door import (
    MediaError,
    OnMediaEvent,
    StreamId,
    ViewerFigures,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from media.errors import ProtocolError
from media.hub import Hub
from media.outputs.output import Streams
from media.outputs.webrtc_dtls import Certificate, SecureLink, SecurityError
from media.outputs.webrtc_ice import IceLink, IcePort
from media.outputs.webrtc_leaf import PayloadTypes
from media.outputs.webrtc_offer import (
    IceCredentials,
    Offer,
    OfferedCodec,
    parse_fragment,
    parse_offer,
)
from media.outputs.webrtc_sdp import (
    Choice,
    H265Profile,
    LocalDescription,
    build_answer,
    build_fragment,
    choose,
    read_h265_profile,
)
from media.outputs.webrtc_stream import WebRtcStream
from media.outputs.webrtc_tcp import IceTcp
from media.outputs.webrtc_viewer import Viewer
from media.unit import Codec

TICK_S = 0.5
CONSENT_LIMIT_S = 30.0
"""No check for so long and the viewer is gone (RFC 7675, 5.1)."""

CONNECT_LIMIT_S = 30.0
"""From the answer to pictures; then the viewer is given up."""

SLOW_FRACTION = 0.5
SLOW_LIMIT_S = 15.0
"""A viewer that loses half of what it is sent for so long is dropped: it sees nothing anyway."""

CERTIFICATE_AGE_S = 86_400.0

PORT_ATTEMPTS = 16
"""Any free number has to be free for UDP and TCP."""


@dataclass(slots=True)
class _Connection:
    """One viewer with its path, its keys and the task that makes its handshake."""

    viewer: Viewer
    stream: WebRtcStream
    link: IceLink
    secure: SecureLink
    answered_s: float
    theirs: IceCredentials
    local: LocalDescription
    section: tuple[str, str]
    """Identification and kind of the one that carries the transport."""
    handshake: asyncio.Task[None] | None = None
    slow_since_s: float | None = None


class WebRtcOutput:
    """All WebRTC viewers of a process; `start` it, `answer` offers, `stop` it.

    `token` gives 32 or more random hexadecimal digits: credentials, SSRCs and first numbers are
    made of them. `advertised_hosts` are IP addresses, at least one, the preferred one first;
    anything else is a `ValueError`.
    """

    def __init__(
        self,
        *,
        streams: Streams,
        host: str,
        port: int,
        advertised_hosts: Sequence[str],
        viewer_limit: int,
        now: Callable[[], float],
        token: Callable[[], str],
        on_event: OnMediaEvent,
    ) -> None:
        self._sources = streams
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
        self._tcp: IceTcp | None = None
        self._certificate = Certificate()
        self._certificate_s = now()
        self._streams: dict[StreamId, WebRtcStream] = {}
        self._connections: dict[ViewerId, _Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port in use, UDP and TCP."""
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
        attempts = 1 if self._wanted_port else PORT_ATTEMPTS
        while True:
            attempts -= 1
            port = IcePort(self._host, self._wanted_port, self._now)
            tcp = IceTcp(port.receive, port.is_known, port.forget_path)
            try:
                await tcp.start(self._host, port.port)
            except OSError:
                port.close()
                if not attempts:
                    raise
            else:
                break
        self._port, self._tcp = port, tcp
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
        if self._tcp is not None:
            self._tcp.stop()
        if self._port is not None:
            self._port.close()

    def answer(self, stream_id: StreamId, viewer_id: ViewerId, text: str) -> str:
        """The answer to a viewer's offer; pictures flow when its transport is up.

        `MediaError` with `NO_STREAM`, `BAD_OFFER`, or `TOO_MANY`: viewers, or pictures that would
        have to be made.
        """
        port = self._open_port()
        source = self._sources.variants(stream_id).source
        if viewer_id in self._connections:
            raise MediaError(MediaError.BAD_OFFER, f"viewer {viewer_id} has been answered already")
        if len(self._connections) >= self._viewer_limit:
            raise MediaError(MediaError.TOO_MANY, f"{self._viewer_limit} viewers are here already")
        try:
            offer = parse_offer(text)
            choice = choose(
                offer,
                h264_profile=source.video.profile if source.video else "",
                h265_profile=_h265_profile(source),
            )
        except ProtocolError as error:
            raise MediaError(MediaError.BAD_OFFER, str(error)) from error
        stream = self._stream(stream_id)
        ours = self._credentials()
        link = port.add(ours.ufrag, ours.pwd, lambda data: self._receive(connection, data))
        viewer = self._viewer(
            viewer_id, stream, choice, link, will_do_with_keys=offer.will_do_with_keys
        )
        try:
            stream.reserve(viewer)
        except MediaError:
            link.close()
            self._tidy(stream)
            raise
        certificate = self._fresh_certificate()
        secure = SecureLink(
            certificate,
            offer.fingerprints,
            lambda data: link.send([data]),
            lambda: self.leave(viewer_id, "left"),
        )
        names = stream.names
        local = LocalDescription(
            session_id=int(self._token()[:15], 16),
            ice_ufrag=ours.ufrag,
            ice_pwd=ours.pwd,
            fingerprint=certificate.fingerprint,
            candidates=[(host, port.port) for host in self._advertised_hosts],
            video_ssrc=names.video_ssrc,
            rtx_ssrc=names.rtx_ssrc,
            audio_ssrc=names.audio_ssrc,
            stream_name=names.name,
        )
        connection = _Connection(
            viewer, stream, link, secure, self._now(), offer.ice, local, _carrier(offer, choice)
        )
        self._connections[viewer_id] = connection
        connection.handshake = self._spawn(self._connect(connection))
        return build_answer(offer, choice, local)

    def patch(self, viewer_id: ViewerId, text: str) -> str:
        """A viewer's fragment (RFC 9725, 4.3): "" for a trickle, new credentials for a restart.

        `MediaError` with `NO_STREAM` when the viewer is not here, or `BAD_OFFER`.
        """
        connection = self._connections.get(viewer_id)
        if connection is None:
            raise MediaError(MediaError.NO_STREAM, f"no viewer {viewer_id}")
        try:
            theirs = parse_fragment(text)
        except ProtocolError as error:
            raise MediaError(MediaError.BAD_OFFER, str(error)) from error
        if theirs == connection.theirs:
            # It will check us: where from, its checks will tell.
            return ""
        ours = self._credentials()
        connection.theirs = theirs
        connection.local = replace(connection.local, ice_ufrag=ours.ufrag, ice_pwd=ours.pwd)
        connection.link.restart(ours.ufrag, ours.pwd)
        return build_fragment(*connection.section, connection.local)

    def figures(self, stream_id: StreamId) -> tuple[ViewerFigures, ...]:
        """The stream's viewers whose transport is up, as they stand."""
        stream = self._streams.get(stream_id)
        return stream.figures() if stream is not None else ()

    def leave(self, viewer_id: ViewerId, reason: str) -> None:
        """End one viewer: pictures stop at once, the farewell is said behind us. Idempotent."""
        connection = self._connections.pop(viewer_id, None)
        if connection is None:
            return
        stream = connection.stream
        stream.remove(connection.viewer)
        self._tidy(stream)
        if connection.handshake is not None:
            connection.handshake.cancel()
        _ = self._spawn(self._say_farewell(connection), name=_FAREWELL)
        self._on_event(ViewerLeft(stream.stream_id, viewer_id, reason))

    def leave_all(self, stream_id: StreamId, reason: str) -> None:
        """End every viewer of one stream."""
        for viewer_id, connection in tuple(self._connections.items()):
            if connection.stream.stream_id == stream_id:
                self.leave(viewer_id, reason)

    def _stream(self, stream_id: StreamId) -> WebRtcStream:
        stream = self._streams.get(stream_id)
        if stream is None:
            stream = self._streams[stream_id] = WebRtcStream(
                stream_id,
                self._sources.variants(stream_id),
                now=self._now,
                dice=self._dice,
                on_no_place=lambda viewer: self.leave(viewer.viewer_id, "no_transcoder"),
            )
        return stream

    def _tidy(self, stream: WebRtcStream) -> None:
        """What nobody watches is not kept."""
        if not stream.is_watched:
            _ = self._streams.pop(stream.stream_id, None)

    def _viewer(
        self,
        viewer_id: ViewerId,
        stream: WebRtcStream,
        choice: Choice,
        link: IceLink,
        *,
        will_do_with_keys: bool,
    ) -> Viewer:
        offered: Mapping[Codec, OfferedCodec] = choice.video.codecs if choice.video else {}
        return Viewer(
            viewer_id,
            stream.names,
            video={
                codec: PayloadTypes(one.payload_type, one.rtx_payload_type)
                for codec, one in offered.items()
            },
            audio_payload_types=choice.audio.payload_types if choice.audio is not None else {},
            first_sound=self._dice() & 0x7FFF,
            connected_s=self._now(),
            remote=lambda: link.remote,
            will_do_with_keys=will_do_with_keys,
        )

    def _dice(self) -> int:
        return int(self._token()[:8], 16)

    def _credentials(self) -> IceCredentials:
        return IceCredentials(self._token()[:32], self._token()[:32])

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
        # Told first: it may turn out at once that its coding cannot be made.
        self._on_event(ViewerJoined(connection.stream.stream_id, viewer.viewer_id, link.remote))
        connection.stream.add(viewer)

    async def _say_farewell(self, connection: _Connection) -> None:
        try:
            handshake, connection.handshake = connection.handshake, None
            if handshake is not None:
                await asyncio.wait([handshake])
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
            self._let_time_pass()

    def _let_time_pass(self) -> None:
        """Apart from what sleeps, lest its names keep the last viewer and stream alive."""
        now_s = self._now()
        for viewer_id, connection in tuple(self._connections.items()):
            reason = self._why_gone(connection, now_s)
            if reason is not None:
                self.leave(viewer_id, reason)
        for stream in tuple(self._streams.values()):
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


def _h265_profile(source: Hub) -> H265Profile | None:
    key = source.key_picture
    return read_h265_profile(key.data) if key is not None and key.codec is Codec.H265 else None


def _carrier(offer: Offer, choice: Choice) -> tuple[str, str]:
    """The first section taken up: its transport is that of all."""
    index = min(one.index for one in (choice.video, choice.audio) if one is not None)
    return offer.media[index].mid, offer.media[index].kind


_FAREWELL = "webrtc farewell"
