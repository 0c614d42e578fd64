"""An `HttpOutput` with one stream, as a worker has it, and a raw client for it."""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from media.codecs import annexb
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
from media.http.server import HttpOutput
from media.hub import Hub
from media.transcoding.pool import TranscoderPool
from media.unit import AccessUnit, AudioFormat, Codec
from media.variants import Variants
from tests.support.units import publish_in_real_time

STREAM = StreamId("stream")
CAMERA = "/live/34020000001320000001/34020000001310000001"
GOOD = "good"
"""The token that `Site.admit` takes, again and again."""


@dataclass
class Site:
    """The output, its hub, and what the owner of the worker is asked and told."""

    hub: Hub = field(default_factory=lambda: Hub(time.monotonic))
    events: list[MediaEvent] = field(default_factory=list[MediaEvent])
    admissions: dict[str, Admission | MediaError] = field(
        default_factory=dict[str, Admission | MediaError]
    )
    asked: list[tuple[str, Form]] = field(default_factory=list[tuple[str, Form]])
    viewer_limit: int = 100
    clock: Callable[[], float] = time.monotonic
    """What the output goes by."""
    tls: ssl.SSLContext | None = None
    pool: TranscoderPool = field(default_factory=lambda: TranscoderPool(1))
    output: HttpOutput = field(init=False)
    _variants: Variants = field(init=False)
    _number: int = 0

    def __post_init__(self) -> None:
        self._variants = Variants(self.hub, self.pool)
        self.output = HttpOutput(
            host="127.0.0.1",
            port=0,
            tls=self.tls,
            streams=self,
            admit=self.admit,
            now=self.clock,
            on_event=self.events.append,
            viewer_limit=self.viewer_limit,
        )

    def variants(self, stream_id: StreamId) -> Variants:
        """As `media.outputs.output.Streams`."""
        if stream_id != STREAM:
            raise MediaError(MediaError.NO_STREAM, stream_id)
        return self._variants

    async def admit(self, token: str, form: Form) -> Admission:
        """As `media.door.Admit`."""
        self.asked.append((token, form))
        found = self.admissions.get(token)
        if isinstance(found, MediaError):
            raise found
        if found is not None:
            return found
        if token != GOOD:
            raise MediaError(MediaError.NOT_ADMITTED, "no such token")
        self._number += 1
        return Admission(STREAM, ViewerId(f"viewer-{self._number}"))

    def target(self, path: str, token: str = GOOD) -> str:
        """The same without scheme and host."""
        return f"{CAMERA}{path}?token={token}"

    def url(self, path: str, token: str = GOOD, scheme: str = "http") -> str:
        """A URL of the stream: `.flv`, `/index.m3u8` and so on."""
        return f"{scheme}://127.0.0.1:{self.output.port}{self.target(path, token)}"

    @property
    def joined(self) -> list[ViewerJoined]:
        """Viewers that came."""
        return [event for event in self.events if isinstance(event, ViewerJoined)]

    @property
    def left(self) -> list[ViewerLeft]:
        """Viewers that went."""
        return [event for event in self.events if isinstance(event, ViewerLeft)]

    def show(self, unit: AccessUnit) -> None:
        """Publish one unit that came just now."""
        if unit.codec.is_video and unit.is_key:
            self.hub.video = annexb.video_format(unit.codec, unit.data) or self.hub.video
        unit.received_s = time.monotonic()
        self.hub.publish(unit)

    def play(self, units: Sequence[AccessUnit]) -> asyncio.Task[None]:
        """Publish at the pace of their `pts`."""
        for codec, rate_hz in ((Codec.AAC, 16_000), (Codec.PCMA, 8_000)):
            if any(unit.codec is codec for unit in units):
                self.hub.audio = AudioFormat(codec, rate_hz, 1)
        return asyncio.create_task(publish_in_real_time(self.hub, units, time.monotonic))


@asynccontextmanager
async def open_site(
    viewer_limit: int = 100,
    clock: Callable[[], float] = time.monotonic,
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[Site]:
    """Started, and stopped at the end."""
    site = Site(viewer_limit=viewer_limit, clock=clock, tls=tls)
    await site.output.start()
    try:
        yield site
    finally:
        await site.output.stop()
        await site.pool.close()


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """A connection of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, target: str, *lines: str, method: str = "GET") -> Answer:
        """One request, one answer with a length; the connection stays."""
        self.send("\r\n".join((f"{method} {target} HTTP/1.1", "Host: x", *lines, "", "")).encode())
        return await self.answer(has_body=method != "HEAD")

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(data)

    async def head(self) -> Answer:
        """The head of an answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return Answer(int(first.split(" ")[1]), headers, b"")

    async def answer(self, *, has_body: bool = True) -> Answer:
        """An answer with its body."""
        head = await self.head()
        size = int(head.headers.get("content-length", "0")) if has_body else 0
        return Answer(head.status, head.headers, await self.reader.readexactly(size))

    async def handshake(self, target: str) -> Answer:
        """Ask for a WebSocket; the head of the answer."""
        key = base64.b64encode(bytes(16)).decode()
        lines = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
        request = (f"GET {target} HTTP/1.1", "Host: x", *lines, f"Sec-WebSocket-Key: {key}", "", "")
        self.send("\r\n".join(request).encode())
        return await self.head()

    async def message(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame, which is whole and unmasked."""
        first, size = await self.reader.readexactly(2)
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
        return first, await self.reader.readexactly(size)

    async def told(self) -> dict[str, str]:
        """The next frame, which is text with JSON in it."""
        first, payload = await self.message()
        if first != 0x81:
            raise AssertionError(f"no text: {first:#x}")
        found: dict[str, str] = json.loads(payload)
        return found

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()


@asynccontextmanager
async def connect(site: Site, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Client]:
    """A connection to the site."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", site.output.port, limit=2**22, ssl=tls
    )
    client = Client(reader, writer)
    try:
        yield client
    finally:
        writer.close()
