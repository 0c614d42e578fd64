"""A stream and its viewers are gone as soon as they end: none waits for the garbage collector.

The worker lets the collector look seldom, and at what lives long hardly ever. What lay in a cycle
of references would stay for hours, with the pictures it holds.
"""
# What is watched for is held inside.
# pyright: reportPrivateUsage=false

import asyncio
import gc
import secrets
import socket
import time
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import pytest

from media.door import (
    Admission,
    FirstPicture,
    Form,
    MediaError,
    MediaEvent,
    StreamAddress,
    StreamId,
    Transport,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from media.plan import Place, RelayLimits, RelayPlan
from media.relay import Relay
from media.unit import Codec
from tests.media.farms import stage
from tests.media.lines import HOST, SSRC, packed
from tests.media.rtsp.site import Client as RtspClient
from tests.support.http_site import Client as HttpClient
from tests.support.units import video_units
from tests.support.waiting import until
from tests.support.webrtc_peer import WebRtcPeer

ANY = Place(HOST, 0)
PORTS = (46_000, 46_099)
PATH = "/live/34020000001320000001/34020000001310000001"

OURS = ("media.", "websockets.")
"""Modules; the viewers here have their own of aiortc's and OpenSSL's."""

Ending = Callable[[], Awaitable[None]]
"""How a viewer goes by itself."""


class Bench:
    """A relay, a camera and viewers."""

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        self._admissions: dict[str, Admission] = {}
        self._viewers = 0
        self.relay = Relay(
            RelayPlan(PORTS, ANY, (HOST,), http=ANY, rtsp=ANY, limits=RelayLimits(transcodes=1)),
            now=time.monotonic,
            token=lambda: secrets.token_hex(16),
            on_event=self.events.append,
            admit=self._admit,
        )

    async def _admit(self, token: str, _form: Form) -> Admission:
        try:
            return self._admissions.pop(token)
        except KeyError:
            raise MediaError(MediaError.NOT_ADMITTED, "no such token") from None

    def new_viewer(self) -> ViewerId:
        self._viewers += 1
        return ViewerId(f"viewer-{self._viewers}")

    def token(self, stream_id: StreamId) -> str:
        token = secrets.token_hex(8)
        self._admissions[token] = Admission(stream_id, self.new_viewer())
        return token

    def told(self, kind: type[MediaEvent]) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    async def play(self, transport: Transport, codec: Codec) -> StreamAddress:
        """A stream whose camera sent a group of pictures and hung up."""
        address = await self.relay.open(transport, SSRC, HOST)
        await self.relay.expect(address.stream_id, SSRC, HOST)
        kind = socket.SOCK_DGRAM if transport.is_udp else socket.SOCK_STREAM
        pictures = self.told(FirstPicture)
        with socket.socket(socket.AF_INET, kind) as camera:
            camera.connect((HOST, address.port))
            for packet in PACKETS[codec]:
                camera.sendall(packet if transport.is_udp else len(packet).to_bytes(2) + packet)
            await until(lambda: self.told(FirstPicture) > pictures)
        return address

    async def begin_to_watch(self, form: str, stream_id: StreamId) -> Ending:
        """A viewer that got something."""
        return await VIEWERS[form](self, stream_id)


def packets_of(codec: Codec) -> list[bytes]:
    pictures = [(unit.data, unit.is_key) for unit in video_units(codec, 6, group=6)]
    return packed(codec, pictures, payload_limit=1_300)


PACKETS = {codec: packets_of(codec) for codec in (Codec.H264, Codec.H265)}


@asynccontextmanager
async def http(bench: Bench) -> AsyncGenerator[HttpClient]:
    reader, writer = await asyncio.open_connection(HOST, bench.relay.ports(0).http, limit=2**20)
    yield HttpClient(reader, writer)


def hanging_up(writer: asyncio.StreamWriter) -> Ending:
    async def hang_up() -> None:
        writer.close()

    return hang_up


async def by_flv(bench: Bench, stream_id: StreamId) -> Ending:
    async with http(bench) as client:
        token = bench.token(stream_id)
        client.send(f"GET {PATH}.flv?token={token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await client.head()
        await client.reader.readexactly(256)
        return hanging_up(client.writer)


async def by_fmp4(bench: Bench, stream_id: StreamId) -> Ending:
    async with http(bench) as client:
        await client.handshake(f"{PATH}.mp4?token={bench.token(stream_id)}")
        for _ in range(3):
            await client.message()
        return hanging_up(client.writer)


async def by_hls(bench: Bench, stream_id: StreamId) -> Ending:
    """It asks for its playlist, and goes while it waits for it."""
    async with http(bench) as client:
        moved = await client.ask(f"{PATH}/index.m3u8?token={bench.token(stream_id)}")
        place = moved.headers["location"]
        client.send(f"GET {PATH}/{place} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        joined = bench.told(ViewerJoined)
        await until(lambda: bench.told(ViewerJoined) > joined)
        viewer_id = next(
            event.viewer_id for event in reversed(bench.events) if isinstance(event, ViewerJoined)
        )

        async def stop_asking() -> None:
            client.writer.close()
            await bench.relay.leave(viewer_id)

        return stop_asking


async def by_rtsp(bench: Bench, stream_id: StreamId) -> Ending:
    port = bench.relay.ports(0).rtsp
    reader, writer = await asyncio.open_connection(HOST, port)
    client, url = RtspClient(reader, writer), f"rtsp://{HOST}:{port}{PATH}"
    assert (await client.ask("DESCRIBE", f"{url}?token={bench.token(stream_id)}")).status == 200
    way = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    assert (await client.ask("SETUP", f"{url}/trackID=0", way)).status == 200
    assert (await client.ask("PLAY", url)).status == 200
    return hanging_up(writer)


async def by_whep(bench: Bench, stream_id: StreamId) -> Ending:
    peer, viewer_id = WebRtcPeer(), bench.new_viewer()
    await peer.connect(lambda offer: bench.relay.answer(stream_id, viewer_id, offer))
    await until(lambda: bool(peer.rtp))
    return peer.close


VIEWERS = {"FLV": by_flv, "fMP4": by_fmp4, "HLS": by_hls, "RTSP": by_rtsp, "WHEP": by_whep}


@asynccontextmanager
async def running() -> AsyncGenerator[Bench]:
    bench = Bench()
    await bench.relay.start()
    try:
        yield bench
    finally:
        await bench.relay.stop()


@contextmanager
def no_garbage() -> Generator[None]:
    """Nothing of ours, or made for us, may be in a cycle of references when the block ends."""
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kinds = [cast("type[object]", type(found)) for found in gc.garbage]
        ours = Counter(kind.__qualname__ for kind in kinds if kind.__module__.startswith(OURS))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert ours == Counter()


def parts_of(bench: Bench, stream_id: StreamId) -> list[weakref.ref[object]]:
    stream = bench.relay._streams[stream_id]
    return [weakref.ref(part) for part in (stream.hub, stream.receiver, stream.variants)]


def http_connections(bench: Bench) -> int:
    output = bench.relay._http
    assert output is not None
    return len(output._connections)


async def until_gone(parts: list[weakref.ref[object]]) -> None:
    await until(lambda: all(part() is None for part in parts))


@pytest.mark.parametrize("transport", list(Transport))
async def test_a_stream_that_was_closed_is_gone_at_once(transport: Transport) -> None:
    async with running() as bench:
        with no_garbage():
            if transport is Transport.TCP_ACTIVE:
                address = await bench.relay.open(transport, SSRC, HOST)
                with socket.create_server((HOST, 0)) as device:
                    port = device.getsockname()[1]
                    await bench.relay.expect(address.stream_id, SSRC, HOST, port)
                    accepted, _ = device.accept()
                    accepted.close()
            else:
                address = await bench.play(transport, Codec.H264)
            parts = parts_of(bench, address.stream_id)

            await bench.relay.close(address.stream_id)

            assert [part() for part in parts] == [None, None, None]


@pytest.mark.parametrize("form", list(VIEWERS))
async def test_a_stream_whose_viewers_are_sent_away_is_gone_without_the_garbage_collector(
    form: str,
) -> None:
    async with running() as bench:
        with no_garbage():
            address = await bench.play(Transport.UDP, Codec.H264)
            parts = parts_of(bench, address.stream_id)
            leave = await bench.begin_to_watch(form, address.stream_id)

            await bench.relay.close(address.stream_id)

            await until_gone(parts)
            await leave()
            await until(lambda: not http_connections(bench))


@pytest.mark.parametrize("form", list(VIEWERS))
async def test_a_viewer_that_left_a_running_stream_is_gone_without_the_garbage_collector(
    form: str,
) -> None:
    async with running() as bench:
        address = await bench.play(Transport.UDP, Codec.H264)
        variants = bench.relay.variants(address.stream_id)
        before = len(gc.get_referrers(variants))
        with no_garbage():
            leave = await bench.begin_to_watch(form, address.stream_id)

            await leave()

            await until(lambda: bench.told(ViewerLeft) == 1)
            await until(lambda: len(gc.get_referrers(variants)) == before)
            await until(lambda: not http_connections(bench))


async def test_pictures_that_were_made_and_who_made_them_are_gone_with_their_viewer() -> None:
    async with running() as bench:
        with no_garbage():
            address = await bench.play(Transport.UDP, Codec.H265)
            parts = parts_of(bench, address.stream_id)
            leave = await bench.begin_to_watch("WHEP", address.stream_id)
            assert bench.relay.transcoder_count == 1

            await leave()
            await until(lambda: bench.told(ViewerLeft) == 1)
            await bench.relay.close(address.stream_id)

            await until_gone(parts)


async def test_who_is_refused_leaves_nothing() -> None:
    async with running() as bench:
        with no_garbage():
            address = await bench.play(Transport.UDP, Codec.H264)
            parts = parts_of(bench, address.stream_id)
            forged, viewer_id = (
                WebRtcPeer(promised_fingerprint=":".join(["00"] * 32)),
                ViewerId("x"),
            )
            await forged.connect(
                lambda offer: bench.relay.answer(address.stream_id, viewer_id, offer)
            )
            await until(lambda: bench.told(ViewerLeft) == 1)
            forged.vanish()
            async with http(bench) as client:
                assert (await client.ask(f"{PATH}.flv?token=x")).status == 403
                client.writer.close()

            await bench.relay.close(address.stream_id)

            await until_gone(parts)


async def test_the_owner_of_workers_keeps_nothing_of_a_stream_that_ended() -> None:
    async with stage() as it:
        with no_garbage():
            for _ in range(3):
                address = await it.open(0)
                await it.play(address)
                await it.farm.figures(address.stream_id)
                await it.farm.close(address.stream_id)
            given_up = asyncio.create_task(it.open(0))
            await asyncio.sleep(0)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            del given_up

        [post] = it.farm._posts
        kept = (post.viewers_of, it.farm._post_of, it.farm._stream_of)
        assert kept == ({}, {}, {})
        assert post.weight == 0
