"""All WebRTC viewers of a process, with real peers: paths, ciphers, restarts, losses."""
# What is lent out is counted inside.
# pyright: reportPrivateUsage=false

import asyncio
import random
import secrets
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import aioice.ice
import pytest
import pytest_asyncio
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.h264 import h264_depayload
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtpPacket
from av.video.frame import VideoFrame

from media.codecs import annexb
from media.door import MediaError, MediaEvent, StreamId, ViewerFigures, ViewerId, ViewerLeft
from media.ffmpeg import decode_picture, open_video_decoder
from media.hub import Hub
from media.outputs.webrtc import WebRtcOutput
from media.outputs.webrtc_tcp import UNCHECKED_PER_HOST
from media.unit import AccessUnit, Codec
from media.variants import Variants
from tests.support.impairment import Impairment, Network, impaired
from tests.support.units import number_of, video_units
from tests.support.waiting import until
from tests.support.webrtc_peer import WebRtcPeer

STREAM, VIEWER = StreamId("stream"), ViewerId("viewer")
HOST = "127.0.0.1"


class House:
    """One stream, and everybody's way to it."""

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        self.hub = Hub(time.monotonic)
        self._variants = Variants(self.hub)
        self.output = WebRtcOutput(
            streams=self,
            host=HOST,
            port=0,
            advertised_hosts=[HOST],
            viewer_limit=10,
            now=time.monotonic,
            token=lambda: secrets.token_hex(16),
            on_event=self.events.append,
        )

    def variants(self, stream_id: StreamId) -> Variants:
        if stream_id != STREAM:
            raise MediaError(MediaError.NO_STREAM, "no such stream")
        return self._variants

    async def answer(self, offer: str) -> str:
        return self.output.answer(STREAM, VIEWER, offer)

    async def patch(self, fragment: str) -> str:
        return self.output.patch(VIEWER, fragment)

    async def watch(self, peer: WebRtcPeer) -> WebRtcPeer:
        """A viewer whose pictures flow."""
        await peer.connect(self.answer)
        await until(lambda: bool(self.output.figures(STREAM)))
        return peer

    def publish(self, *units: AccessUnit) -> None:
        for unit in units:
            self.hub.video = annexb.video_format(unit.codec, unit.data) or self.hub.video
            unit.received_s = time.monotonic()
            self.hub.publish(unit)

    def figures(self) -> ViewerFigures:
        [figures] = self.output.figures(STREAM)
        return figures


@pytest_asyncio.fixture
async def house() -> AsyncGenerator[House]:
    house = House()
    await house.output.start()
    yield house
    await house.output.stop()
    assert house.output.task_count == house.output.viewer_count == 0
    assert house.hub.reader_count == 0


def numbers(peer: WebRtcPeer) -> list[int]:
    """What a decoder shows of the H.264 that a peer got."""
    decoder = open_video_decoder(Codec.H264)
    shown: list[int] = []
    picture = b""
    for packet in map(RtpPacket.parse, peer.rtp):
        picture += h264_depayload(packet.payload)
        if packet.marker:
            unit = AccessUnit(Codec.H264, packet.timestamp, picture, False, 0.0)
            shown += [number_of(frame) for frame in decode_picture(decoder, unit)]
            picture = b""
    return shown + [number_of(frame) for frame in decode_picture(decoder, None)]


@pytest.mark.parametrize(
    ("gcm", "cipher"), [(True, "SRTP_AEAD_AES_256_GCM"), (False, "SRTP_AES128_CM_SHA1_80")]
)
@pytest.mark.parametrize("tcp", [False, True])
async def test_pictures_arrive_by_either_cipher_over_udp_and_tcp(
    house: House, gcm: bool, cipher: str, tcp: bool
) -> None:
    peer = await house.watch(WebRtcPeer(gcm=gcm, tcp=tcp))

    house.publish(*video_units(Codec.H264, 10))
    await until(lambda: len([1 for data in peer.rtp if data[1] & 0x80]) == 10)

    assert peer.cipher == cipher
    assert numbers(peer) == list(range(10))
    host, port = peer.address
    assert house.figures().remote_address == f"{host}:{port}"
    await peer.close()
    await until(lambda: ViewerLeft(STREAM, VIEWER, "left") in house.events)


async def test_a_viewer_that_moves_is_followed_by_its_pictures(house: House) -> None:
    peer = await house.watch(WebRtcPeer())
    units = video_units(Codec.H264, 20, group=20)
    house.publish(*units[:10])
    await until(lambda: len(peer.rtp) >= 10)

    peer.move()
    await peer.check()
    house.publish(*units[10:])
    await until(lambda: len([1 for data in peer.rtp if data[1] & 0x80]) == 20)

    assert numbers(peer) == list(range(20))
    assert house.figures().remote_address == f"127.0.0.1:{peer.address[1]}"
    peer.vanish()


async def test_pictures_go_on_over_a_restart_and_old_credentials_are_nobodys(house: House) -> None:
    peer = await house.watch(WebRtcPeer())
    port = house.output._open_port()
    units = video_units(Codec.H264, 20, group=20)
    house.publish(*units[:10])

    peer.move()
    await peer.restart(house.patch)
    house.publish(*units[10:])
    await until(lambda: bool(peer.rtp) and bool(peer.rtp[-1][1] & 0x80))

    assert port.link_count == len(port._links) == 1
    assert house.figures().packets_sent >= 20
    peer.vanish()


async def test_a_trickle_is_taken_and_nothing_answered(house: House) -> None:
    peer = WebRtcPeer()
    offer = peer.offer
    house.output.answer(STREAM, VIEWER, offer)
    ours = [line for line in offer.splitlines() if line.startswith("a=ice-")]

    fragment = [*ours, "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:v", "a=end-of-candidates", ""]
    assert house.output.patch(VIEWER, "\r\n".join(fragment)) == ""

    for viewer_id, text, code in (
        (ViewerId("nobody"), "\r\n".join(fragment), MediaError.NO_STREAM),
        (VIEWER, "hello", MediaError.BAD_OFFER),
    ):
        with pytest.raises(MediaError) as caught:
            house.output.patch(viewer_id, text)
        assert caught.value.code == code
    peer.vanish()


async def test_connections_of_strangers_are_few_and_short(house: House) -> None:
    tcp = house.output._tcp
    assert tcp is not None
    loop = asyncio.get_running_loop()
    silent = [socket.create_connection((HOST, house.output.port)) for _ in range(20)]
    await until(lambda: tcp.refused == 20 - UNCHECKED_PER_HOST)
    assert tcp.unchecked_count == UNCHECKED_PER_HOST
    for one in silent[: UNCHECKED_PER_HOST - 1]:
        one.close()
    await until(lambda: tcp.unchecked_count == 1)

    for junk in (b"\x00\x05hello", b"\xff\xff" + bytes(100), b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection((HOST, house.output.port)) as stranger:
            stranger.setblocking(False)
            await loop.sock_sendall(stranger, junk)
            async with asyncio.timeout(5):
                try:
                    assert await loop.sock_recv(stranger, 100) == b""
                except ConnectionResetError:
                    continue
    for one in silent:
        one.close()


async def test_junk_from_strangers_is_not_answered_and_disturbs_nobody(house: House) -> None:
    peer = await house.watch(WebRtcPeer())
    dice = random.Random(1)  # noqa: S311  repeatable, not secret
    stun = bytes.fromhex("000100002112a442")
    units = video_units(Codec.H264, 20, group=20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        stranger.bind((HOST, 0))
        for number, unit in enumerate(units):
            for first in range(16):
                junk = bytes((number * 16 + first & 0xFF,)) + dice.randbytes(dice.randrange(60))
                stranger.sendto(stun + junk if first % 2 else junk, (HOST, house.output.port))
            house.publish(unit)
            await asyncio.sleep(0)
        await until(lambda: len([1 for data in peer.rtp if data[1] & 0x80]) == 20)
        await until(lambda: house.output._open_port().refused == 320)

        with pytest.raises(BlockingIOError):
            stranger.recv(2_048)
    assert numbers(peer) == list(range(20))
    await peer.close()


class Watcher:
    """aiortc's whole connection: its own ICE, its jitter buffer, its NACKs."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection()
        self.connection.addTransceiver("video", direction="recvonly")
        self.shown: list[int] = []
        self._tasks: list[asyncio.Task[None]] = []

        @self.connection.on("track")
        def watch(track: MediaStreamTrack) -> None:  # pyright: ignore[reportUnusedFunction]
            self._tasks.append(asyncio.get_running_loop().create_task(self._look(track)))

    async def connect(self, house: House, network: Network, *, rtx: bool) -> None:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        offer = self.connection.localDescription.sdp
        answer = await house.answer(offer if rtx else offer.replace("rtx/90000", "old/90000"))
        port = f" {house.output.port} typ"
        lines = [
            line.replace(port, f" {network.address[1]} typ")
            for line in answer.split("\r\n")
            if " tcp " not in line
        ]
        await self.connection.setRemoteDescription(
            RTCSessionDescription("\r\n".join(lines), "answer")
        )
        await until(lambda: bool(house.output.figures(STREAM)))

    async def _look(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                # aiortc leaves the kind of packets open, which do not come here.
                frame = cast("object", await track.recv())  # pyright: ignore[reportUnknownMemberType]
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame):
                self.shown.append(number_of(frame))

    async def close(self) -> None:
        await self.connection.close()
        await asyncio.gather(*self._tasks)


@asynccontextmanager
async def bad_network(house: House, loss: float) -> AsyncGenerator[Network]:
    """Between the viewers and the port; only what is sent to them is lost."""
    target = HOST, house.output.port
    async with impaired(target, Impairment(), Impairment(loss=loss), seed=2) as network:
        yield network


@pytest.fixture
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves loopback out where it looks for its own addresses."""

    def addresses(*, use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return [HOST] if use_ipv4 or use_ipv6 else []

    monkeypatch.setattr(aioice.ice, "get_host_addresses", addresses)


@pytest.mark.usefixtures("on_loopback")
@pytest.mark.parametrize(("loss", "rtx"), [(0.01, True), (0.05, True), (0.05, False)])
async def test_aiortc_gets_lost_packets_again_and_the_figures_tell_how_many_were_lost(
    house: House, loss: float, rtx: bool
) -> None:
    units = video_units(Codec.H264, 300, width=240, height=136, group=300, noise=True)
    watcher = Watcher()
    async with bad_network(house, loss) as network:
        await watcher.connect(house, network, rtx=rtx)
        for unit in units:
            house.publish(unit)
            await asyncio.sleep(0.01)
        # There is one key picture: a packet that stayed lost would have ended it all.
        await until(lambda: len(watcher.shown) >= 290)

        way = network.back
        lost_percent = 100 * way.lost / (way.lost + way.passed)
        await until(lambda: abs(house.figures().lost_percent - lost_percent) <= 0.5)
        assert house.figures().resent >= way.lost // 2
        assert watcher.shown[-1] >= 290
    await watcher.close()
