"""Viewers that come, get something and go, in every form, within the process of a benchmark."""

import asyncio
import base64
from collections.abc import Awaitable, Callable

from benchmarks.support import LostError, check_equal
from media.door import StreamId, ViewerId
from media.farm import Farm
from tests.support.waiting import until
from tests.support.webrtc_peer import WebRtcPeer

HOST = "127.0.0.1"
PATH = "/live/34020000001320000001/34020000001310000001"
TAKEN_BYTES = 4_096
"""Of what comes behind the head of the answer: more than the head of FLV and fMP4."""


class Passers:
    """All of them, before one worker. `admit` says that a viewer's token shall count once."""

    def __init__(self, farm: Farm, admit: Callable[[str, StreamId, ViewerId], None]) -> None:
        self._farm = farm
        self._admit = admit
        self._forms: tuple[Callable[[StreamId, ViewerId], Awaitable[None]], ...] = (
            self.by_flv,
            self.by_fmp4,
            self.by_hls,
            self.by_rtsp,
            self.by_whep,
        )

    async def pass_by(self, stream_id: StreamId, number: int) -> None:
        """One viewer, by another form than the one before."""
        await self._forms[number % len(self._forms)](stream_id, ViewerId(f"viewer-{number}"))

    async def by_flv(self, stream_id: StreamId, viewer_id: ViewerId) -> None:
        """An endless answer."""
        reader, writer = await self._connect(self._farm.ports(0).http)
        await self._get(reader, writer, f"{PATH}.flv?{self._token(stream_id, viewer_id)}")
        await reader.readexactly(TAKEN_BYTES)
        writer.close()

    async def by_fmp4(self, stream_id: StreamId, viewer_id: ViewerId) -> None:
        """A WebSocket, which it does not take leave of."""
        reader, writer = await self._connect(self._farm.ports(0).http)
        key = base64.b64encode(bytes(16)).decode()
        lines = (
            *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
            f"Sec-WebSocket-Key: {key}",
        )
        target = f"{PATH}.mp4?{self._token(stream_id, viewer_id)}"
        await self._get(reader, writer, target, *lines, status=101)
        await reader.readexactly(TAKEN_BYTES)
        writer.close()

    async def by_hls(self, stream_id: StreamId, viewer_id: ViewerId) -> None:
        """Its first playlist; then it is ended, as a page does that is closed."""
        reader, writer = await self._connect(self._farm.ports(0).http)
        target = f"{PATH}/index.m3u8?{self._token(stream_id, viewer_id)}"
        moved = await self._get(reader, writer, target, status=307)
        head = await self._get(reader, writer, f"{PATH}/{moved['location']}")
        await reader.readexactly(int(head["content-length"]))
        writer.close()
        await self._farm.leave(viewer_id)

    async def by_rtsp(self, stream_id: StreamId, viewer_id: ViewerId) -> None:
        """Packets between the answers, up to a TEARDOWN."""
        port = self._farm.ports(0).rtsp
        reader, writer = await self._connect(port)
        url, session = f"rtsp://{HOST}:{port}{PATH}", ""
        for number, (method, target, line) in enumerate(
            (
                ("DESCRIBE", f"{url}?{self._token(stream_id, viewer_id)}", ""),
                ("SETUP", f"{url}/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"),
                ("PLAY", url, ""),
            )
        ):
            lines = [f"CSeq: {number}", *([line] if line else []), *([session] if session else [])]
            writer.write("\r\n".join((f"{method} {target} RTSP/1.0", *lines, "", "")).encode())
            head = _fields(await reader.readuntil(b"\r\n\r\n"), 200)
            await reader.readexactly(int(head.get("content-length", "0")))
            if "session" in head:
                session = f"Session: {head['session'].partition(';')[0]}"
        await reader.readexactly(TAKEN_BYTES)
        writer.write(f"TEARDOWN {url} RTSP/1.0\r\nCSeq: 9\r\n{session}\r\n\r\n".encode())
        writer.close()

    async def by_whep(self, stream_id: StreamId, viewer_id: ViewerId) -> None:
        """aiortc's DTLS, up to its farewell."""
        peer = WebRtcPeer()
        try:
            await peer.connect(lambda offer: self._farm.answer(stream_id, viewer_id, offer))
            await until(lambda: bool(peer.rtp))
        finally:
            await peer.close()

    def _token(self, stream_id: StreamId, viewer_id: ViewerId) -> str:
        token = f"token-{viewer_id}"
        self._admit(token, stream_id, viewer_id)
        return f"token={token}"

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(HOST, port)

    async def _get(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target: str,
        *lines: str,
        status: int = 200,
    ) -> dict[str, str]:
        request = (f"GET {target} HTTP/1.1", "Host: x", *lines, "", "")
        writer.write("\r\n".join(request).encode())
        return _fields(await reader.readuntil(b"\r\n\r\n"), status)


def _fields(head: bytes, status: int) -> dict[str, str]:
    first, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    check_equal("status", first.split(" ")[1], str(status))
    try:
        pairs = [line.split(": ", 1) for line in lines]
        return {name.lower(): value for name, value in pairs}
    except ValueError:
        raise LostError(f"no header fields: {lines}") from None
