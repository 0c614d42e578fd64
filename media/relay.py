"""The front door of the media plane: owns receivers, hubs and viewers, gives everything back."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from media.door import (
    MediaError,
    OnMediaEvent,
    StreamAddress,
    StreamFigures,
    StreamId,
    Transport,
    ViewerId,
    WorkerPorts,
)
from media.errors import ProtocolError
from media.hub import Hub
from media.ingest import Receiver, open_receiver
from media.outputs.snapshot import jpeg_of
from media.outputs.webrtc import WebRtcOutput
from media.outputs.webrtc_stream import WebRtcStream
from media.rtp.ports import NoPortError, PortLender
from media.transcode import TranscoderPool
from media.unit import AccessUnit
from media.variants import Variants

SNAPSHOTS_AT_ONCE = 2
"""Pictures decoded for snapshots at a time; the others wait their turn."""


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """How much one node takes on."""

    streams: int = 1_000
    viewers: int = 2_000
    transcodes: int = 2
    """Pictures only; sound costs too little to be counted."""


@dataclass(slots=True)
class _Stream:
    hub: Hub
    receiver: Receiver
    webrtc: WebRtcStream
    variants: Variants
    jpeg_of: AccessUnit | None = None
    jpeg: bytes = b""


class Relay:
    """`media.door.RelayDoor` in this process. `start` it before use and `stop` it after.

    `now` gives monotonic seconds, `token` 32 or more random hexadecimal digits. `rtp_ports` are the
    first and last port lent to devices, bound on `media_host` (None: on the host each is told);
    `advertised_hosts` the addresses told to viewers.
    """

    def __init__(
        self,
        *,
        media_host: str | None = None,
        rtp_ports: tuple[int, int],
        webrtc_host: str,
        webrtc_port: int,
        advertised_hosts: Sequence[str],
        limits: RelayLimits,
        now: Callable[[], float],
        token: Callable[[], str],
        on_event: OnMediaEvent,
    ) -> None:
        self._media_host = media_host
        self._ports = PortLender(*rtp_ports, now)
        self._limits = limits
        self._now = now
        self._token = token
        self._on_event = on_event
        self._pool = TranscoderPool(limits.transcodes)
        self._streams: dict[StreamId, _Stream] = {}
        self._snapshots = asyncio.Semaphore(SNAPSHOTS_AT_ONCE)
        self._webrtc = WebRtcOutput(
            host=webrtc_host,
            port=webrtc_port,
            advertised_hosts=advertised_hosts,
            viewer_limit=limits.viewers,
            now=now,
            token=token,
            on_event=on_event,
        )

    @property
    def webrtc_port(self) -> int:
        """The UDP port all WebRTC viewers use; known once started."""
        return self._webrtc.port

    @property
    def stream_count(self) -> int:
        """Streams open."""
        return len(self._streams)

    @property
    def viewer_count(self) -> int:
        """Viewers of all streams."""
        return self._webrtc.viewer_count

    @property
    def transcoder_count(self) -> int:
        """Transcoders that run, pictures and sound."""
        return self._pool.in_use

    async def start(self) -> None:
        """Bind the viewers' port. `OSError` when it is taken."""
        await self._webrtc.start()

    async def stop(self) -> None:
        """Close every stream and give back every port and thread. Idempotent."""
        for stream_id in tuple(self._streams):
            await self.close(stream_id)
        await self._webrtc.stop()
        await self._pool.close()

    def place(self) -> int:
        """This process is the only one."""
        return 0

    def ports(self, worker: int) -> WorkerPorts:
        """Where it serves viewers."""
        return WorkerPorts(worker, webrtc=self.webrtc_port, http=0, rtsp=0)

    def hub(self, stream_id: StreamId) -> Hub:
        """The stream's hub, for outputs inside `media`: it does not pass the door."""
        return self._stream(stream_id).hub

    def variants(self, stream_id: StreamId) -> Variants:
        """The stream as it came and as it can be had, for outputs."""
        return self._stream(stream_id).variants

    async def open(
        self, transport: Transport, ssrc: int, host: str, worker: int = 0
    ) -> StreamAddress:
        """Lend a port on `host` and await RTP with `ssrc` there."""
        if len(self._streams) >= self._limits.streams:
            raise MediaError(MediaError.TOO_MANY, f"{len(self._streams)} streams are open")
        stream_id = StreamId(self._token())
        hub = Hub(self._now)
        try:
            receiver = await open_receiver(
                stream_id,
                transport,
                ssrc,
                self._media_host or host,
                self._ports,
                hub,
                self._on_event,
                self._now,
            )
        except (NoPortError, OSError) as error:
            raise MediaError(MediaError.NO_PORT, str(error)) from error
        webrtc = WebRtcStream(
            stream_id,
            hub,
            pool=self._pool,
            now=self._now,
            dice=lambda: int(self._token()[:8], 16),
            on_event=self._on_event,
            on_quota=lambda: self._webrtc.leave_all(webrtc, "no_transcoder"),
        )
        self._streams[stream_id] = _Stream(hub, receiver, webrtc, Variants(hub))
        return StreamAddress(stream_id, host, receiver.port, worker)

    async def expect(
        self,
        stream_id: StreamId,
        ssrc: int,
        remote_host: str | None,
        remote_port: int | None = None,
    ) -> None:
        """The device answered: its SSRC, the only host whose packets count, where it listens."""
        self._stream(stream_id).receiver.expect(ssrc, remote_host, remote_port)

    async def answer(self, stream_id: StreamId, viewer_id: ViewerId, offer: str) -> str:
        """A WHEP viewer's SDP offer -> our SDP answer."""
        return self._webrtc.answer(self._stream(stream_id).webrtc, viewer_id, offer)

    async def patch(self, viewer_id: ViewerId, fragment: str) -> str:
        """A WHEP viewer's trickle; its candidates are not needed, it is told none."""
        _ = (viewer_id, fragment)
        return ""

    async def leave(self, viewer_id: ViewerId) -> None:
        """A viewer ends. Idempotent."""
        self._webrtc.leave(viewer_id, "left")

    async def snapshot(self, stream_id: StreamId) -> bytes:
        """The last key picture as JPEG; made once a key picture."""
        stream = self._stream(stream_id)
        async with self._snapshots:
            picture = stream.hub.key_picture
            if picture is None:
                raise MediaError(MediaError.NO_PICTURE, f"stream {stream_id} has no picture yet")
            if stream.jpeg_of is not picture:
                try:
                    jpeg = await asyncio.to_thread(jpeg_of, picture)
                except ProtocolError as error:
                    raise MediaError(MediaError.NO_PICTURE, str(error)) from error
                stream.jpeg_of, stream.jpeg = picture, jpeg
            return stream.jpeg

    async def figures(self, stream_id: StreamId) -> StreamFigures:
        """How the stream stands."""
        stream = self._stream(stream_id)
        webrtc = stream.webrtc
        return stream.receiver.figures(webrtc.figures(), webrtc.transcoding)

    async def close(self, stream_id: StreamId) -> None:
        """Give back port, receiver, hub and viewers. Idempotent."""
        stream = self._streams.pop(stream_id, None)
        if stream is None:
            return
        self._webrtc.leave_all(stream.webrtc, "stream_closed")
        stream.webrtc.close()
        await stream.receiver.close()
        stream.hub.close()

    def _stream(self, stream_id: StreamId) -> _Stream:
        try:
            return self._streams[stream_id]
        except KeyError:
            raise MediaError(MediaError.NO_STREAM, f"no stream {stream_id}") from None
