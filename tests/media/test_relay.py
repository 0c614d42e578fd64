"""The front door: RTP in, pictures out, and every end gives everything back."""
# What is lent out is counted inside.
# pyright: reportPrivateUsage=false

import asyncio
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio
from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket
from aiortc.sdp import SessionDescription

from media.codecs import annexb
from media.door import (
    FirstPicture,
    KeyPictureWanted,
    MediaError,
    MediaEvent,
    RelayDoor,
    StreamAddress,
    StreamId,
    Transport,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from media.outputs.webrtc import CONNECT_LIMIT_S, CONSENT_LIMIT_S, SLOW_LIMIT_S
from media.plan import Place, RelayLimits, RelayPlan
from media.relay import Relay
from media.unit import AccessUnit, Codec
from tests.support.units import video_units
from tests.support.waiting import until
from tests.support.webrtc_peer import WebRtcPeer

PORTS = (42_100, 42_119)
SSRC = 1_234
VIEWER = ViewerId("viewer")


class Bench:
    """A relay whose clock the test moves, and what it told."""

    def __init__(self, **limits: int) -> None:
        self.seconds = 1_000.0
        self.events: list[MediaEvent] = []
        self.relay = Relay(
            RelayPlan(PORTS, Place("127.0.0.1", 0), ("127.0.0.1",), limits=RelayLimits(**limits)),
            now=lambda: self.seconds,
            token=lambda: secrets.token_hex(16),
            on_event=self.events.append,
        )
        self.door: RelayDoor = self.relay

    async def open(self) -> StreamAddress:
        return await self.door.open(Transport.UDP, SSRC, "127.0.0.1")

    def publish(self, stream_id: StreamId, *units: AccessUnit) -> None:
        """As if the camera had sent them."""
        hub = self.relay.hub(stream_id)
        for unit in units:
            hub.video = annexb.video_format(unit.codec, unit.data) or hub.video
            unit.received_s = self.seconds
            hub.publish(unit)

    def told(self, kind: type[MediaEvent]) -> list[MediaEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    async def watch(self, stream_id: StreamId, viewer_id: ViewerId = VIEWER) -> WebRtcPeer:
        """A viewer that is connected."""
        peer = WebRtcPeer()
        await peer.connect(lambda offer: self.door.answer(stream_id, viewer_id, offer))
        await until(lambda: any(e.viewer_id == viewer_id for e in self.joined()))
        return peer

    def joined(self) -> list[ViewerJoined]:
        return [event for event in self.events if isinstance(event, ViewerJoined)]

    def left(self) -> list[ViewerLeft]:
        return [event for event in self.events if isinstance(event, ViewerLeft)]


@pytest_asyncio.fixture
async def bench() -> AsyncGenerator[Bench]:
    bench = Bench(streams=3, viewers=3, transcodes=1)
    await bench.relay.start()
    yield bench
    await bench.relay.stop()
    assert_all_given_back(bench)


def assert_all_given_back(bench: Bench) -> None:
    relay = bench.relay
    assert relay.stream_count == relay.viewer_count == relay.transcoder_count == 0
    assert relay._ports.lent == 0
    assert relay._webrtc.task_count == 0
    assert len(bench.joined()) <= len(bench.left())


@contextmanager
def error(code: str) -> Generator[None]:
    with pytest.raises(MediaError) as caught:
        yield
    assert caught.value.code == code


async def test_rtp_from_the_camera_becomes_a_picture_and_figures(bench: Bench) -> None:
    address = await bench.open()
    await bench.door.expect(address.stream_id, SSRC, "127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
        for packet in rtp_of(video_units(Codec.H264, 30, group=10)):
            camera.sendto(packet, (address.host, address.port))
    await until(lambda: bool(bench.told(FirstPicture)))

    figures = await bench.door.figures(address.stream_id)
    jpeg = await bench.door.snapshot(address.stream_id)

    assert jpeg[:2] == b"\xff\xd8"
    assert (figures.video_codec, figures.width, figures.height) == ("h264", 480, 272)
    assert figures.viewers == ()
    assert figures.transcoding is None


def rtp_of(units: list[AccessUnit]) -> Iterator[bytes]:
    """H.264 by RFC 6184, payload type 98, written here and not by `media`."""
    sequence = 0
    for unit in units:
        nals = annexb.nal_units(unit.data)
        for index, nal in enumerate(nals):
            pieces = [nal]
            if len(nal) > 1_300:
                body = [nal[at : at + 1_300] for at in range(1, len(nal), 1_300)]
                pieces = [
                    bytes(
                        (
                            nal[0] & 0xE0 | 28,
                            nal[0] & 0x1F
                            | (0x80 if at == 0 else 0)
                            | (0x40 if at == len(body) - 1 else 0),
                        )
                    )
                    + piece
                    for at, piece in enumerate(body)
                ]
            for at, piece in enumerate(pieces):
                is_last = index == len(nals) - 1 and at == len(pieces) - 1
                yield (
                    bytes((0x80, 98 | (0x80 if is_last else 0)))
                    + sequence.to_bytes(2)
                    + (unit.pts & 0xFFFFFFFF).to_bytes(4)
                    + SSRC.to_bytes(4)
                    + piece
                )
                sequence += 1


async def test_a_viewer_gets_pictures_and_is_seen_in_the_figures(bench: Bench) -> None:
    stream_id = (await bench.open()).stream_id
    bench.publish(stream_id, *video_units(Codec.H264, 10))

    peer = await bench.watch(stream_id)
    await until(lambda: len(peer.rtp) >= 10)

    (viewer,) = (await bench.door.figures(stream_id)).viewers
    assert viewer.viewer_id == VIEWER
    assert viewer.protocol == "webrtc"
    assert viewer.remote_address.startswith("127.0.0.1:")
    assert viewer.packets_sent >= 10
    await peer.close()


async def test_every_advertised_address_is_a_candidate() -> None:
    relay = Relay(
        RelayPlan(PORTS, Place("127.0.0.1", 0), ("127.0.0.1", "127.0.0.2", "::1")),
        now=lambda: 0.0,
        token=lambda: secrets.token_hex(16),
        on_event=lambda _event: None,
    )
    await relay.start()
    stream_id = (await relay.open(Transport.UDP, SSRC, "127.0.0.1")).stream_id
    peer = WebRtcPeer()

    answer = SessionDescription.parse(await relay.answer(stream_id, VIEWER, peer.offer))

    found = answer.media[0].ice_candidates
    candidates = [(one.ip, one.port) for one in found if one.protocol == "udp"]
    assert [(one.ip, one.port) for one in found if one.protocol == "tcp"] == candidates
    assert candidates == [(host, relay.webrtc_port) for host in ("127.0.0.1", "127.0.0.2", "::1")]
    peer.vanish()
    await relay.stop()


async def test_what_is_not_there_is_said_by_its_code(bench: Bench) -> None:
    nothing = StreamId("nothing")
    stream_id = (await bench.open()).stream_id

    with error(MediaError.NO_STREAM):
        await bench.door.figures(nothing)
    with error(MediaError.NO_STREAM):
        await bench.door.answer(nothing, VIEWER, "v=0")
    with error(MediaError.NO_STREAM):
        await bench.door.expect(nothing, 1, None)
    with error(MediaError.NO_PICTURE):
        await bench.door.snapshot(stream_id)
    with error(MediaError.BAD_OFFER):
        await bench.door.answer(stream_id, VIEWER, "hello")
    await bench.door.close(nothing)
    await bench.door.leave(VIEWER)


async def test_a_key_picture_that_does_not_decode_is_no_picture(bench: Bench) -> None:
    stream_id = (await bench.open()).stream_id
    bench.relay.hub(stream_id).publish(AccessUnit(Codec.H264, 0, b"junk", True, 0.0))

    with error(MediaError.NO_PICTURE):
        await bench.door.snapshot(stream_id)


async def test_many_snapshots_at_once_are_one_picture(bench: Bench) -> None:
    stream_id = (await bench.open()).stream_id
    bench.publish(stream_id, *video_units(Codec.H264, 1))

    pictures = await asyncio.gather(*(bench.door.snapshot(stream_id) for _ in range(20)))

    assert len(set(pictures)) == 1


async def test_streams_viewers_and_transcoders_are_limited(bench: Bench) -> None:
    streams = [(await bench.open()).stream_id for _ in range(3)]
    peers = [WebRtcPeer() for _ in range(4)]
    with error(MediaError.TOO_MANY):
        await bench.open()

    for number, peer in enumerate(peers[:3]):
        await bench.door.answer(streams[0], ViewerId(f"{number}"), peer.offer)
    with error(MediaError.TOO_MANY):
        await bench.door.answer(streams[0], ViewerId("3"), peers[3].offer)
    with error(MediaError.BAD_OFFER):
        await bench.door.leave(ViewerId("2"))
        await bench.door.answer(streams[0], ViewerId("1"), peers[3].offer)
    for peer in peers:
        peer.vanish()


async def test_a_host_that_is_not_ours_is_no_port(bench: Bench) -> None:
    with error(MediaError.NO_PORT):
        await bench.door.open(Transport.UDP, SSRC, "192.0.2.1")


async def test_a_second_h265_stream_finds_no_transcoder(bench: Bench) -> None:
    first, second = [(await bench.open()).stream_id for _ in range(2)]
    units = video_units(Codec.H265, 5)
    early = await bench.watch(second, ViewerId("early"))
    bench.publish(first, *units)
    peer = await bench.watch(first)
    await until(lambda: bool(peer.rtp))
    assert bench.relay.transcoder_count == 1

    bench.publish(second, *units)
    await until(lambda: len(bench.left()) == 1)

    assert bench.left() == [ViewerLeft(second, ViewerId("early"), "no_transcoder")]
    late = WebRtcPeer()
    with error(MediaError.TOO_MANY):
        await bench.door.answer(second, ViewerId("late"), late.offer)
    for one in (early, peer, late):
        one.vanish()


async def test_a_viewer_on_a_running_stream_without_key_picture_asks_for_one(
    bench: Bench,
) -> None:
    stream_id = (await bench.open()).stream_id
    units = video_units(Codec.H264, 10)
    units[0].is_damaged = True
    bench.publish(stream_id, *units)
    peer = await bench.watch(stream_id)

    await until(lambda: KeyPictureWanted(stream_id) in bench.events)
    peer.vanish()


Ending = Callable[[Bench, StreamId, WebRtcPeer], Awaitable[None]]


async def leaves(bench: Bench, _stream_id: StreamId, _peer: WebRtcPeer) -> None:
    await bench.door.leave(VIEWER)


async def closes_its_page(_bench: Bench, _stream_id: StreamId, peer: WebRtcPeer) -> None:
    await peer.close()


async def is_switched_off(bench: Bench, _stream_id: StreamId, peer: WebRtcPeer) -> None:
    peer.vanish()
    bench.seconds += CONSENT_LIMIT_S + 1


async def loses_its_camera(bench: Bench, stream_id: StreamId, _peer: WebRtcPeer) -> None:
    await bench.door.close(stream_id)


async def sees_the_server_stop(bench: Bench, _stream_id: StreamId, _peer: WebRtcPeer) -> None:
    await bench.relay.stop()


async def cannot_follow(bench: Bench, stream_id: StreamId, peer: WebRtcPeer) -> None:
    ssrc = bench.relay._webrtc._streams[stream_id].names.video_ssrc
    report = bytes(RtcpRrPacket(ssrc=1, reports=[RtcpReceiverInfo(ssrc, 200, 1, 1, 0, 0, 0)]))
    while not bench.left():
        await peer.send_rtcp(report)
        await peer.check()
        bench.seconds += SLOW_LIMIT_S / 2
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (leaves, "left"),
        (closes_its_page, "left"),
        (is_switched_off, "consent_expired"),
        (loses_its_camera, "stream_closed"),
        (sees_the_server_stop, "stream_closed"),
        (cannot_follow, "too_slow"),
    ],
)
async def test_however_a_viewer_ends_nothing_of_it_stays(
    bench: Bench, ends: Ending, reason: str
) -> None:
    stream_id = (await bench.open()).stream_id
    bench.publish(stream_id, *video_units(Codec.H265, 10))
    peer = await bench.watch(stream_id)
    await until(lambda: bool(peer.rtp))
    assert bench.relay.transcoder_count == 1

    await ends(bench, stream_id, peer)

    await until(lambda: bench.left() == [ViewerLeft(stream_id, VIEWER, reason)])
    assert bench.relay.viewer_count == bench.relay.transcoder_count == 0
    await until(lambda: bench.relay._webrtc._open_port().link_count == 0)
    peer.vanish()


async def test_a_viewer_that_never_connects_is_given_up(bench: Bench) -> None:
    stream_id = (await bench.open()).stream_id
    peer = WebRtcPeer()
    await bench.door.answer(stream_id, VIEWER, peer.offer)

    bench.seconds += CONNECT_LIMIT_S + 1

    await until(lambda: bench.left() == [ViewerLeft(stream_id, VIEWER, "not_connected")])
    peer.vanish()


async def test_a_viewer_with_another_certificate_is_sent_away(bench: Bench) -> None:
    stream_id = (await bench.open()).stream_id
    peer = WebRtcPeer(promised_fingerprint=":".join(["00"] * 32))

    await peer.connect(lambda offer: bench.door.answer(stream_id, VIEWER, offer))

    await until(lambda: bench.left() == [ViewerLeft(stream_id, VIEWER, "handshake_failed")])
    assert bench.joined() == []
    await peer.close()


async def test_checks_keep_a_viewer_however_long_it_watches(bench: Bench) -> None:
    stream_id = (await bench.open()).stream_id
    peer = await bench.watch(stream_id)
    for _ in range(5):
        bench.seconds += CONSENT_LIMIT_S - 1
        await peer.check()
        await asyncio.sleep(0)
    bench.publish(stream_id, *video_units(Codec.H264, 1))

    await until(lambda: bool(peer.rtp))
    assert bench.left() == []
    await peer.close()


async def test_closing_a_stream_twice_gives_back_its_port_once(bench: Bench) -> None:
    address = await bench.open()

    await bench.door.close(address.stream_id)
    await bench.door.close(address.stream_id)

    assert bench.relay._ports.lent == 0
    with error(MediaError.NO_STREAM):
        await bench.door.figures(address.stream_id)
