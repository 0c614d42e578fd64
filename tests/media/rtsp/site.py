"""An `RtspOutput` with one stream, as a worker has it, and a client of bytes."""

import asyncio
import secrets
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from media.codecs import annexb, g711
from media.door import (
    Admission,
    Form,
    MediaError,
    MediaEvent,
    StreamId,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from media.hub import Hub
from media.rtsp.server import RtspOutput
from media.unit import AccessUnit, AudioFormat, Codec
from media.variants import Variants

STREAM = StreamId("stream")
PATH = "/live/34020000001320000001/34020000001310000001"
GOOD = "good"


@dataclass
class Site:
    """The output, its hub, and what the owner of the worker is told."""

    clock: Callable[[], float] = time.monotonic
    tls: ssl.SSLContext | None = None
    hub: Hub = field(default_factory=lambda: Hub(time.monotonic))
    events: list[MediaEvent] = field(default_factory=list[MediaEvent])
    admissions: dict[str, Admission | MediaError] = field(
        default_factory=dict[str, Admission | MediaError]
    )
    output: RtspOutput = field(init=False)
    _variants: Variants = field(init=False)
    _number: int = 0

    def __post_init__(self) -> None:
        self._variants = Variants(self.hub)
        self.output = RtspOutput(
            host="127.0.0.1",
            port=0,
            tls=self.tls,
            streams=self,
            admit=self.admit,
            now=self.clock,
            token=lambda: secrets.token_hex(16),
            on_event=self.events.append,
            viewer_limit=100,
        )

    def variants(self, stream_id: StreamId) -> Variants:
        """As `media.outputs.output.Streams`."""
        if stream_id != STREAM:
            raise MediaError(MediaError.NO_STREAM, stream_id)
        return self._variants

    async def admit(self, token: str, form: Form) -> Admission:
        """As `media.door.Admit`."""
        if form is not Form.RTSP:
            raise AssertionError(form)
        found = self.admissions.get(token)
        if isinstance(found, Admission):
            return found
        if found is not None or token != GOOD:
            raise found or MediaError(MediaError.NOT_ADMITTED, "no such token")
        self._number += 1
        return Admission(STREAM, ViewerId(f"viewer-{self._number}"))

    def url(self, path: str = f"{PATH}?token={GOOD}") -> str:
        """Of the stream."""
        scheme = "rtsp" if self.tls is None else "rtsps"
        return f"{scheme}://127.0.0.1:{self.output.port}{path}"

    @property
    def joined(self) -> list[ViewerJoined]:
        """Viewers that came."""
        return [event for event in self.events if isinstance(event, ViewerJoined)]

    @property
    def left(self) -> list[str]:
        """Why viewers went."""
        return [event.reason for event in self.events if isinstance(event, ViewerLeft)]

    def know_sound(self, codec: Codec) -> None:
        """What the camera announces."""
        is_aac = codec is Codec.AAC
        self.hub.audio = AudioFormat(codec, 16_000, 1) if is_aac else g711.audio_format(codec)

    def show(self, units: Sequence[AccessUnit]) -> None:
        """Publish what came just now."""
        for unit in units:
            if unit.codec.is_video and unit.is_key:
                self.hub.video = annexb.video_format(unit.codec, unit.data) or self.hub.video
            unit.received_s = time.monotonic()
            self.hub.publish(unit)


@asynccontextmanager
async def open_site(
    clock: Callable[[], float] = time.monotonic, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Site]:
    """Started, and stopped at the end."""
    site = Site(clock, tls)
    await site.output.start()
    try:
        yield site
    finally:
        await site.output.stop()


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: dict[str, str]
    body: str


class Client:
    """A connection of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._cseq = 0
        self.session = ""

    def send(self, method: str, url: str, *lines: str, body: str = "") -> None:
        """A request."""
        self._cseq += 1
        own = [f"CSeq: {self._cseq}", *lines]
        if self.session:
            own.append(f"Session: {self.session}")
        if body:
            own.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join((f"{method} {url} RTSP/1.0", *own, "", body)).encode())

    async def ask(self, method: str, url: str, *lines: str, body: str = "") -> Answer:
        """A request and its answer."""
        self.send(method, url, *lines, body=body)
        return await self.answer()

    async def answer(self) -> Answer:
        """The next response; frames before it are passed over."""
        async with asyncio.timeout(10):
            while (first := await self.reader.readexactly(1)) == b"$":
                await self._frame()
            head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
            line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            headers = {
                name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
            }
            size = int(headers.get("content-length", "0"))
            body = (await self.reader.readexactly(size)).decode()
        if "session" in headers:
            self.session = headers["session"].partition(";")[0]
        return Answer(int(line.split(" ")[1]), headers, body)

    async def frame(self) -> tuple[int, bytes]:
        """The next interleaved frame: channel and packet."""
        async with asyncio.timeout(10):
            if await self.reader.readexactly(1) != b"$":
                raise AssertionError("a response where a frame should be")
            return await self._frame()

    async def set_up(self, site: Site, transport: str) -> None:
        """DESCRIBE and SETUP of the pictures."""
        assert (await self.ask("DESCRIBE", site.url())).status == 200
        url = site.url(f"{PATH}/trackID=0")
        assert (await self.ask("SETUP", url, f"Transport: {transport}")).status == 200

    async def _frame(self) -> tuple[int, bytes]:
        channel, *size = await self.reader.readexactly(3)
        return channel, await self.reader.readexactly(int.from_bytes(bytes(size)))


@asynccontextmanager
async def connect(site: Site) -> AsyncGenerator[Client]:
    """A connection to the site."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.output.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
