"""The vocabulary of the relay's door: plain data, so that the relay may live in another process.

Hubs, sockets and readers never pass this door; identifiers, addresses, text and numbers do.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType, Protocol

StreamId = NewType("StreamId", str)
ViewerId = NewType("ViewerId", str)


class Transport(StrEnum):
    """How RTP travels from the device; the values are those of the API."""

    UDP = "udp"
    """To a port of its own."""
    UDP_SHARED = "udp_shared"
    """To one port for many streams, told apart by SSRC and sender."""
    TCP_PASSIVE = "tcp_passive"
    """The device connects to us."""
    TCP_ACTIVE = "tcp_active"
    """We connect to the device."""

    @property
    def is_udp(self) -> bool:
        """Datagrams, on either kind of port."""
        return self in {Transport.UDP, Transport.UDP_SHARED}


class Form(StrEnum):
    """In what form viewers get a stream; the values are those of the API."""

    WHEP = "whep"
    FMP4 = "fmp4"
    """Fragmented MP4 over a WebSocket."""
    FLV = "flv"
    """FLV as one endless HTTP answer."""
    WS_FLV = "ws_flv"
    HLS = "hls"
    RTSP = "rtsp"


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where the device shall send: told to it in the SDP. `worker`: the process it lives in.

    With `Transport.TCP_ACTIVE` nothing listens there: the port is the discard port, 9 (RFC 4145).
    """

    stream_id: StreamId
    host: str
    port: int
    worker: int = 0


@dataclass(frozen=True, slots=True)
class WorkerPorts:
    """Where one process of the media plane serves viewers."""

    worker: int
    webrtc: int
    http: int
    rtsp: int
    is_tls: bool = False
    is_rtsp_tls: bool = False
    public_url: str = ""
    """Where a proxy passes its HTTP port on, no slash at the end; empty: viewers come straight."""

    def http_base(self, host: str, *, is_websocket: bool = False) -> str:
        """What a URL of its HTTP forms begins with, for viewers that know us by `host`."""
        scheme = "https" if self.is_tls else "http"
        base = self.public_url or f"{scheme}://{host}:{self.http}"
        return base.replace("http", "ws", 1) if is_websocket else base


@dataclass(frozen=True, slots=True)
class Admission:
    """Who holds a media URL's token may watch this stream as this viewer.

    `place`: the worker the stream lives in, when it is another one than that which asked: the
    viewer is sent there, with `token`, which is good for that.
    """

    stream_id: StreamId
    viewer_id: ViewerId
    place: WorkerPorts | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class ViewerFigures:
    """One viewer as it stands."""

    viewer_id: ViewerId
    protocol: str
    remote_address: str
    connected_s: float
    packets_sent: int
    bytes_sent: int
    lost_percent: float
    pictures_dropped: int
    bitrate_bps: int = 0
    """Over the last seconds."""
    delivery: str = "passed"
    """`passed` as it came, `transcoded`, or `key_pictures` only."""
    resent: int = 0
    """Packets sent again because the viewer lacked them."""
    jitter_ms: float = 0.0
    """Of the pictures' packets, as the viewer reports it (RFC 3550, 6.4.1)."""


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What came to the stream's port from one sender with one SSRC; `is_taken`: its packets play.

    `payload_type` is RTP's number; None where nothing of it was recognised.
    """

    remote_address: str
    ssrc: int
    payload_type: int | None
    packets: int
    bytes: int
    is_taken: bool


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """One incoming stream as it stands; counts since it was opened, rates over the last seconds.

    `sources` are the first few senders, `connections` those accepted over TCP, `malformed` what is
    no RTP. `unsupported` names codecs the device announces and nobody here understands; `tolerated`
    counts by name what was put up with.
    """

    stream_id: StreamId
    transport: Transport
    remote_address: str | None
    ssrc: int | None
    container: str | None
    video_codec: str | None
    width: int | None
    height: int | None
    audio_codec: str | None
    packets: int
    lost: int
    reordered: int
    duplicates: int
    foreign: int
    jitter_ms: float
    bitrate_bps: int
    frames_per_s: float
    key_pictures: int
    damaged_units: int
    last_packet_age_s: float | None
    transcoding: str | None
    viewers: tuple[ViewerFigures, ...]
    bytes: int = 0
    malformed: int = 0
    connections: int = 0
    sources: tuple[SourceFigures, ...] = ()
    unsupported: tuple[str, ...] = ()
    tolerated: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FirstPacket:
    """The first byte reached the stream's port, whoever sent it; stage five of a play trace."""

    stream_id: StreamId
    remote_address: str


@dataclass(frozen=True, slots=True)
class SsrcMatched:
    """A packet with the expected (or, after learning, the accepted) SSRC; stage six."""

    stream_id: StreamId
    ssrc: int
    was_expected: bool


@dataclass(frozen=True, slots=True)
class ContainerParsed:
    """Stage seven, the payload recognised: `ps`, `ts`, `h264` or `h265`."""

    stream_id: StreamId
    container: str


@dataclass(frozen=True, slots=True)
class FirstPicture:
    """The first complete key picture; stage eight."""

    stream_id: StreamId
    codec: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class MediaSilent:
    """A stream that had sent stopped for `silent_s` seconds; told once a silence."""

    stream_id: StreamId
    silent_s: float


@dataclass(frozen=True, slots=True)
class MediaResumed:
    """Packets flow again after `MediaSilent` or `MediaEnded`."""

    stream_id: StreamId


@dataclass(frozen=True, slots=True)
class MediaEnded:
    """The media connection is closed (TCP): by the device, or it could not be made."""

    stream_id: StreamId


@dataclass(frozen=True, slots=True)
class StreamLost:
    """The process the stream lived in is gone, with its port and its viewers."""

    stream_id: StreamId


@dataclass(frozen=True, slots=True)
class KeyPictureWanted:
    """A viewer cannot go on without a key picture (PLI, FIR) and the cached one does not serve."""

    stream_id: StreamId


@dataclass(frozen=True, slots=True)
class ViewerJoined:
    """A viewer's transport is up: pictures flow to it."""

    stream_id: StreamId
    viewer_id: ViewerId
    remote_address: str


@dataclass(frozen=True, slots=True)
class ViewerLeft:
    """A viewer is gone: it left, its consent expired, or its transport failed."""

    stream_id: StreamId
    viewer_id: ViewerId
    reason: str


MediaEvent = (
    FirstPacket
    | SsrcMatched
    | ContainerParsed
    | FirstPicture
    | MediaSilent
    | MediaResumed
    | MediaEnded
    | StreamLost
    | KeyPictureWanted
    | ViewerJoined
    | ViewerLeft
)


class MediaError(Exception):
    """The relay cannot do what was asked; `code` is one of the constants below."""

    NO_PORT = "no_port"
    NO_STREAM = "no_stream"
    NO_PICTURE = "no_picture"
    BAD_OFFER = "bad_offer"
    TOO_MANY = "too_many"
    NO_WORKER = "no_worker"
    """The process asked is gone or does not answer; another one may serve."""
    FAILED = "failed"
    """By a mistake of ours, which its log tells."""
    NOT_ADMITTED = "not_admitted"
    """The token of a media URL is unknown, used up, or for something else."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RelayDoor(Protocol):
    """What sessions ask of the media plane: plain data only, and every call may cross a process.

    Raises `MediaError` and nothing else. `close` and `leave` are idempotent.
    """

    def place(self) -> int:
        """The worker that has the least to do; a new stream goes there."""
        ...

    def ports(self, worker: int) -> WorkerPorts:
        """Where that worker serves viewers; `MediaError` with `NO_WORKER` while it is gone."""
        ...

    async def open(
        self, transport: Transport, ssrc: int, host: str, worker: int = 0
    ) -> StreamAddress:
        """Lend a port on `host` in that worker and await RTP with `ssrc` there."""
        ...

    async def expect(
        self,
        stream_id: StreamId,
        ssrc: int,
        remote_host: str | None,
        remote_port: int | None = None,
    ) -> None:
        """The device answered: its SSRC, and the one host whose packets count (None: the first).

        With `Transport.TCP_ACTIVE` both are needed: `remote_host` is connected to. Called again for
        a later INVITE of the same stream it begins anew, and viewers stay.
        """
        ...

    async def answer(self, stream_id: StreamId, viewer_id: ViewerId, offer: str) -> str:
        """A WHEP viewer's SDP offer -> our SDP answer."""
        ...

    async def patch(self, viewer_id: ViewerId, fragment: str) -> str:
        """A WHEP viewer's trickle or ICE restart (RFC 8840 fragment) -> ours; "" when none."""
        ...

    async def leave(self, viewer_id: ViewerId) -> None:
        """A viewer ends, whatever its form."""
        ...

    async def snapshot(self, stream_id: StreamId) -> bytes:
        """The last key picture as JPEG."""
        ...

    async def figures(self, stream_id: StreamId) -> StreamFigures:
        """How the stream stands."""
        ...

    async def figures_of(self, stream_ids: Sequence[StreamId]) -> Sequence[StreamFigures]:
        """How many streams stand, each worker asked as few times as can be; those that are gone,
        or whose worker is, are left out."""
        ...

    async def close(self, stream_id: StreamId) -> None:
        """Give back port, receiver, hub and viewers."""
        ...


OnMediaEvent = Callable[[MediaEvent], None]
"""How the relay tells its owner; never blocks, never raises."""

Admit = Callable[[str, Form], Awaitable[Admission]]
"""How a worker asks its owner about the token of a media URL.

It may take as long as a first picture takes. Raises `MediaError`: `NOT_ADMITTED`, `TOO_MANY` or
`NO_PICTURE`.
"""
