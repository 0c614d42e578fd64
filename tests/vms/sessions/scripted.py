"""A camera and a media plane that do what a test says: they stand for whole subsystems."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from media.door import (
    ContainerParsed,
    FirstPacket,
    FirstPicture,
    MediaError,
    OnMediaEvent,
    SsrcMatched,
    StreamAddress,
    StreamFigures,
    StreamId,
    StreamLost,
    Transport,
    ViewerFigures,
    ViewerId,
    ViewerLeft,
    WorkerPorts,
)
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.ssrc import Ssrc
from vms.sessions.calling import CallAnswer, Invitation, OnStage, Stage

if TYPE_CHECKING:
    from vms.errors import VmsError


class ScriptedCall:
    """A call whose end the test decides."""

    def __init__(self, answer: CallAnswer) -> None:
        self.answer = answer
        self.byes = 0
        self.end: Callable[[str], None] = lambda _reason: None

    def when_ended(self, ended: Callable[[str], None]) -> None:
        self.end = ended

    async def bye(self) -> None:
        self.byes += 1


class ScriptedCamera:
    """Answers INVITEs as told; `refusals` are used up first, then it accepts."""

    def __init__(self) -> None:
        self.invitations: list[Invitation] = []
        self.calls: list[ScriptedCall] = []
        self.refusals: list[VmsError] = []
        self.answers_with: Transport | None = None
        self.tolerances: tuple[str, ...] = ()
        self.hold: asyncio.Event | None = None
        self.withdrawn = 0
        self.key_pictures = 0
        self.on_answer: Callable[[Invitation], None] = lambda _invitation: None

    async def invite(self, invitation: Invitation, on_stage: OnStage) -> ScriptedCall:
        self.invitations.append(invitation)
        on_stage(Stage.INVITE_SENT, "")
        if self.hold is not None:
            try:
                await self.hold.wait()
            except asyncio.CancelledError:
                self.withdrawn += 1
                raise
        if self.refusals:
            raise self.refusals.pop(0)
        on_stage(Stage.ANSWERED, "200")
        transport = self.answers_with or invitation.transport
        call = ScriptedCall(
            CallAnswer(Ssrc(invitation.ssrc), "127.0.0.1", transport, self.tolerances)
        )
        self.calls.append(call)
        self.on_answer(invitation)
        return call

    async def request_key_picture(self, device_id: DeviceId, channel_id: ChannelId) -> None:
        self.key_pictures += 1

    def media_host(self, device_id: DeviceId) -> str:
        return "127.0.0.1"


class ScriptedRelay:
    """Lends numbered streams; `play` lets one deliver its first picture."""

    def __init__(self) -> None:
        self.on_event: OnMediaEvent = lambda _event: None
        self.open_streams: dict[StreamId, StreamAddress] = {}
        self.viewers: dict[ViewerId, StreamId] = {}
        self.expected: dict[StreamId, int] = {}
        self.opened = 0
        self.asked_for_figures = 0
        self.is_full = False
        self.worker = 0
        self.gone: list[ViewerId] = []
        self.viewer_figures: tuple[ViewerFigures, ...] = ()
        self.viewers_of: dict[StreamId, tuple[ViewerFigures, ...]] = {}
        self.pictures: Counter[StreamId] = Counter()
        self.tolerated: tuple[tuple[str, int], ...] = ()
        self.last_packet_age_s: float | None = 0.0

    def place(self) -> int:
        return self.worker

    def ports(self, worker: int) -> WorkerPorts:
        return WorkerPorts(worker, webrtc=8189, http=8090, rtsp=8554)

    async def open(
        self, transport: Transport, ssrc: int, host: str, worker: int = 0
    ) -> StreamAddress:
        if self.is_full:
            raise MediaError(MediaError.NO_PORT, "no port left")
        self.opened += 1
        address = StreamAddress(
            StreamId(f"stream-{self.opened}"), host, 30_000 + self.opened, worker
        )
        self.open_streams[address.stream_id] = address
        return address

    async def expect(
        self,
        stream_id: StreamId,
        ssrc: int,
        remote_host: str | None,
        remote_port: int | None = None,
    ) -> None:
        self.expected[stream_id] = ssrc

    async def answer(self, stream_id: StreamId, viewer_id: ViewerId, offer: str) -> str:
        self.viewers[viewer_id] = stream_id
        return "answer"

    async def patch(self, viewer_id: ViewerId, fragment: str) -> str:
        return ""

    async def leave(self, viewer_id: ViewerId) -> None:
        self.viewers.pop(viewer_id, None)
        self.gone.append(viewer_id)

    async def snapshot(self, stream_id: StreamId) -> bytes:
        return b"\xff\xd8"

    async def figures(self, stream_id: StreamId) -> StreamFigures:
        """Hardly any."""
        if stream_id not in self.open_streams:
            raise MediaError(MediaError.NO_STREAM, f"no stream {stream_id}")
        return StreamFigures(
            stream_id=stream_id,
            transport=Transport.UDP,
            remote_address=None,
            ssrc=None,
            container=None,
            video_codec=None,
            width=None,
            height=None,
            audio_codec=None,
            packets=0,
            lost=0,
            reordered=0,
            duplicates=0,
            foreign=0,
            jitter_ms=0.0,
            bitrate_bps=0,
            frames_per_s=0.0,
            key_pictures=self.pictures[stream_id],
            damaged_units=0,
            last_packet_age_s=self.last_packet_age_s,
            transcoding=None,
            viewers=self.viewers_of.get(stream_id, self.viewer_figures),
            tolerated=self.tolerated,
        )

    async def figures_of(self, stream_ids: Sequence[StreamId]) -> Sequence[StreamFigures]:
        self.asked_for_figures += 1
        return [await self.figures(each) for each in stream_ids if each in self.open_streams]

    async def close(self, stream_id: StreamId) -> None:
        self.open_streams.pop(stream_id, None)

    def play(self, stream_id: StreamId) -> None:
        self.on_event(FirstPacket(stream_id, "127.0.0.1:15060"))
        self.on_event(SsrcMatched(stream_id, self.expected.get(stream_id, 0), was_expected=True))
        self.on_event(ContainerParsed(stream_id, "ps"))
        self.on_event(FirstPicture(stream_id, "h264", 640, 360))
        self.pictures[stream_id] += 1

    def lose_worker(self) -> None:
        """The process all streams live in ends."""
        lost, self.open_streams = self.open_streams, {}
        self.worker += 1
        for viewer_id, stream_id in list(self.viewers.items()):
            self.on_event(ViewerLeft(stream_id, viewer_id, "worker_lost"))
        for stream_id in lost:
            self.on_event(StreamLost(stream_id))


class Proofs:
    """Remembers whose picture was proven."""

    def __init__(self) -> None:
        self.proven: list[tuple[str, str]] = []
        self.tolerated: list[tuple[str, str]] = []

    async def picture_proven(self, device_id: str, channel_id: str) -> None:
        self.proven.append((device_id, channel_id))

    def count_tolerance(self, device_id: str, name: str) -> None:
        self.tolerated.append((device_id, name))
