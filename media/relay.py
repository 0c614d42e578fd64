"""The front door of the media plane: owns receivers, hubs and viewers, gives everything back."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media.door import (
    Admission,
    Admit,
    Form,
    KeyPictureWanted,
    MediaError,
    OnMediaEvent,
    StreamAddress,
    StreamFigures,
    StreamId,
    Transport,
    ViewerId,
    WorkerPorts,
)
from media.doorman import Doorman
from media.errors import PortTakenError, ProtocolError
from media.http.server import HttpOutput
from media.hub import Hub
from media.ingest import Receiver, open_receiver
from media.outputs.snapshot import jpeg_of
from media.outputs.webrtc import WebRtcOutput
from media.plan import Place, RelayPlan
from media.rtp.ports import NoPortError, PortLender
from media.rtsp.server import RtspOutput
from media.seal import Seal
from media.transcoding.pool import TranscoderPool
from media.unit import AccessUnit
from media.variants import Variants

if TYPE_CHECKING:
    from media.outputs.output import Output

SNAPSHOTS_AT_ONCE = 2
"""Pictures decoded for snapshots at a time; the others wait their turn."""


@dataclass(slots=True)
class _Stream:
    hub: Hub
    receiver: Receiver
    variants: Variants
    jpeg_of: AccessUnit | None = None
    jpeg: bytes = b""


async def _admit_nobody(_token: str, _form: Form) -> Admission:
    raise MediaError(MediaError.NOT_ADMITTED, "nobody is here to judge a token")


class Relay:
    """`media.door.RelayDoor` in this process. `start` it before use and `stop` it after.

    `now` gives monotonic seconds, `token` 32 or more random hexadecimal digits, `admit` judges the
    tokens of media URLs.
    """

    def __init__(
        self,
        plan: RelayPlan,
        *,
        now: Callable[[], float],
        token: Callable[[], str],
        on_event: OnMediaEvent,
        admit: Admit = _admit_nobody,
    ) -> None:
        """`OSError` when the plan names files of a certificate that are none."""
        self._plan = plan
        self._ports = PortLender(*plan.rtp_ports, now)
        self._now = now
        self._token = token
        self._on_event = on_event
        self._pool = TranscoderPool(plan.limits.transcodes)
        self._streams: dict[StreamId, _Stream] = {}
        self._snapshots = asyncio.Semaphore(SNAPSHOTS_AT_ONCE)
        self._webrtc = WebRtcOutput(
            streams=self,
            host=plan.webrtc.host,
            port=plan.webrtc.port,
            advertised_hosts=plan.advertised_hosts,
            viewer_limit=plan.limits.viewers,
            now=now,
            token=token,
            on_event=on_event,
        )
        seal = Seal(plan.seal) if plan.seal else None
        self._doorman = Doorman(admit, seal, now=now, on_event=on_event)
        self._outputs: list[tuple[str, Place, Output]] = [("webrtc", plan.webrtc, self._webrtc)]
        self._http: HttpOutput | None = None
        if plan.http is not None:
            self._http = HttpOutput(
                host=plan.http.host,
                port=plan.http.port,
                tls=plan.http.tls(),
                streams=self,
                admit=self._doorman.admit,
                now=now,
                on_event=on_event,
                viewer_limit=plan.limits.viewers,
                trusted_proxies=plan.trusted_proxies,
            )
            self._outputs.append(("http", plan.http, self._http))
        self._rtsp: RtspOutput | None = None
        if plan.rtsp is not None:
            self._rtsp = RtspOutput(
                host=plan.rtsp.host,
                port=plan.rtsp.port,
                tls=plan.rtsp.tls(),
                streams=self,
                admit=self._doorman.admit,
                now=now,
                token=token,
                on_event=on_event,
                viewer_limit=plan.limits.viewers,
            )
            self._outputs.append(("rtsp", plan.rtsp, self._rtsp))

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
        return sum(output.viewer_count for _, _, output in self._outputs)

    @property
    def transcoder_count(self) -> int:
        """Transcoders that run, pictures and sound."""
        return self._pool.in_use

    @property
    def refused_tokens(self) -> int:
        """Tokens of media URLs that were refused since the start."""
        return self._doorman.refusals

    async def start(self) -> None:
        """Bind the viewers' ports. `PortTakenError` when one cannot be had; then none is held."""
        for number, (what, place, output) in enumerate(self._outputs):
            try:
                await output.start()
            except OSError as error:
                for _, _, started in self._outputs[:number]:
                    await started.stop()
                raise PortTakenError(what, place.port, error) from error

    async def stop(self) -> None:
        """Close every stream and give back every port and thread. Idempotent."""
        for stream_id in tuple(self._streams):
            await self.close(stream_id)
        for _, _, output in self._outputs:
            await output.stop()
        await self._doorman.close()
        await self._pool.close()

    def place(self) -> int:
        """This process is the only one."""
        return self._plan.worker

    def ports(self, worker: int) -> WorkerPorts:
        """Where it serves viewers."""
        place, http, rtsp = self._plan.http, self._http, self._rtsp
        return WorkerPorts(
            worker,
            webrtc=self.webrtc_port,
            http=0 if http is None else http.port,
            rtsp=0 if rtsp is None else rtsp.port,
            is_tls=place is not None and place.is_tls,
            is_rtsp_tls=self._plan.rtsp is not None and self._plan.rtsp.is_tls,
            public_url=self._plan.public_url and f"{self._plan.public_url}/{self._plan.worker}",
        )

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
        _ = worker
        if len(self._streams) >= self._plan.limits.streams:
            raise MediaError(MediaError.TOO_MANY, f"{len(self._streams)} streams are open")
        stream_id = StreamId(f"{self._plan.worker}.{self._token()}")
        hub = Hub(self._now)
        try:
            receiver = await open_receiver(
                stream_id,
                transport,
                ssrc,
                self._plan.media_host or host,
                self._ports,
                hub,
                self._on_event,
                self._now,
            )
        except (NoPortError, OSError) as error:
            raise MediaError(MediaError.NO_PORT, str(error)) from error
        variants = Variants(hub, self._pool, lambda: self._on_event(KeyPictureWanted(stream_id)))
        self._streams[stream_id] = _Stream(hub, receiver, variants)
        return StreamAddress(stream_id, host, receiver.port, self._plan.worker)

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
        return self._webrtc.answer(stream_id, viewer_id, offer)

    async def patch(self, viewer_id: ViewerId, fragment: str) -> str:
        """A WHEP viewer's trickle or ICE restart (RFC 8840 fragment) -> ours; "" when none."""
        return self._webrtc.patch(viewer_id, fragment)

    async def leave(self, viewer_id: ViewerId) -> None:
        """A viewer ends. Idempotent."""
        for _, _, output in self._outputs:
            output.leave(viewer_id, "left")

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
        return self._figures(stream_id, self._stream(stream_id))

    async def figures_of(self, stream_ids: Sequence[StreamId]) -> Sequence[StreamFigures]:
        """How many streams stand; those that are gone are left out."""
        return [
            self._figures(stream_id, self._streams[stream_id])
            for stream_id in stream_ids
            if stream_id in self._streams
        ]

    def _figures(self, stream_id: StreamId, stream: _Stream) -> StreamFigures:
        viewers = [viewer for _, _, output in self._outputs for viewer in output.figures(stream_id)]
        return stream.receiver.figures(tuple(viewers), stream.variants.transcoding)

    async def close(self, stream_id: StreamId) -> None:
        """Give back port, receiver, hub and viewers. Idempotent."""
        stream = self._streams.pop(stream_id, None)
        if stream is None:
            return
        for _, _, output in self._outputs:
            output.leave_all(stream_id, "stream_closed")
        await stream.receiver.close()
        stream.hub.close()

    def _stream(self, stream_id: StreamId) -> _Stream:
        try:
            return self._streams[stream_id]
        except KeyError:
            raise MediaError(MediaError.NO_STREAM, f"no stream {stream_id}") from None
