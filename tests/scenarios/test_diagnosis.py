"""Twelve causes and loss: each produced by a real peer before a real server, and told apart."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from media.unit import Codec
from tests.interop import ps_builder
from tests.support.sip_peer import Message, SipPeer
from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, town
from tests.support.waiting import until, until_async
from tests.vms.signalling.stage import (
    CHANNEL,
    DEVICE,
    OTHER_HOST,
    catalogue,
    device,
    keepalive,
    registered,
    stage,
)
from vms.diagnosis.causes import Cause, Diagnosis
from vms.diagnosis.explainer import ExplainedPlay
from vms.errors import VmsError
from vms.inventory.model import NewDevice
from vms.inventory.queries import ChannelQuery
from vms.server import Server
from vms.sessions.broker import BrokerPolicy
from vms.sessions.machine import State

QUICK = BrokerPolicy(first_byte_limit_s=1.0, first_picture_limit_s=3.0)
WAIT_S = 15.0
UNFINISHED = frozenset(State) - {State.CLOSED}
SVAC = 0x80
TS_PACKET = b"\x47\x40\x00\x10" + b"\xff" * 184
LOSS_SHOWS_S = 60.0
"""A hundred packets have to come before a percentage is told."""


def cause_of(server: Server, device_id: str = DEVICE) -> Cause:
    return server.explainer.device(device_id).cause


# Registration


async def test_a_device_that_never_asked(tmp_path: Path) -> None:
    async with stage(tmp_path) as server:
        diagnosis = server.explainer.device(DEVICE)

        assert diagnosis.cause is Cause.NO_REGISTER
        assert str(server.endpoint.address.port) in diagnosis.next_step_zh


async def test_a_device_that_is_well(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server):
        assert cause_of(server) is Cause.NONE


async def test_a_second_device_with_the_id_of_one_that_is_alive(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        registered(server),
        device(server, host=OTHER_HOST) as other,
    ):
        assert (await other.register()).status == 403

        diagnosis = server.explainer.device(DEVICE)
        assert diagnosis.cause is Cause.OTHER_ADDRESS
        assert f"{OTHER_HOST}:{other.port}" in diagnosis.sentence_en


async def test_a_device_that_never_answers_the_challenge(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        for _ in range(3):
            await camera.challenge()

        assert cause_of(server) is Cause.CHALLENGE_UNANSWERED


async def test_a_device_with_a_wrong_password(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server, password="wrong") as camera:
        assert (await camera.register()).status == 403

        assert cause_of(server) is Cause.WRONG_PASSWORD


async def test_a_device_with_a_wrong_password_in_the_waiting_room(tmp_path: Path) -> None:
    async with (
        stage(tmp_path, sip__admission="approve") as server,
        device(server, password="wrong") as camera,
    ):
        assert (await camera.register()).status == 403

        assert cause_of(server) is Cause.WRONG_PASSWORD


@pytest.mark.parametrize("device_id", [DEVICE, "340200000011800001"])
async def test_a_device_that_is_not_allowed(tmp_path: Path, device_id: str) -> None:
    async with (
        stage(tmp_path, sip__admission="listed") as server,
        device(server, device_id) as camera,
    ):
        assert (await camera.ask(camera.register_request())).status == 403

        assert cause_of(server, device_id) is Cause.ID_NOT_ALLOWED


async def test_a_device_whose_clock_is_off(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        asking = asyncio.create_task(server.link.query_status(DEVICE))
        asked = await camera.asked("MESSAGE", "DeviceStatus")
        late = datetime.now(UTC) + timedelta(hours=8) - timedelta(minutes=10)
        body = (
            '<?xml version="1.0"?><Response><CmdType>DeviceStatus</CmdType>'
            f"<SN>{asked.element('SN')}</SN><DeviceID>{DEVICE}</DeviceID><Result>OK</Result>"
            "<Online>ONLINE</Online><Status>OK</Status>"
            f"<DeviceTime>{late:%Y-%m-%dT%H:%M:%S}</DeviceTime></Response>"
        )
        assert (await camera.tell(body)).status == 200
        await asking

        diagnosis = server.explainer.device(DEVICE)
        assert diagnosis.cause is Cause.CLOCK_OFF
        assert re.search(r"is (599|600|601) s behind ours", diagnosis.sentence_en)


async def test_a_device_whose_keepalives_stopped(tmp_path: Path) -> None:
    async with stage(tmp_path) as server:
        wanted = NewDevice(DEVICE, keepalive_interval_s=1.0, keepalive_misses=1)
        await server.inventory.add_device(wanted)
        async with registered(server) as camera:
            assert (await camera.tell(keepalive())).status == 200

            await until(lambda: cause_of(server) is Cause.KEEPALIVES_STOPPED, WAIT_S)


# Plays


@asynccontextmanager
async def camera_of(
    folder: Path, limits: BrokerPolicy = QUICK
) -> AsyncGenerator[tuple[Server, SipPeer]]:
    """A device with one channel, both known."""
    async with stage(folder, limits=limits) as server, registered(server) as camera:
        await camera.tell(catalogue(1, 1, CHANNEL))
        await until(lambda: len(server.inventory.channels(ChannelQuery()).items) == 1)
        yield server, camera


async def played(server: Server, transport: str = "udp") -> ExplainedPlay:
    """A play to its end, or to its picture."""
    try:
        await server.viewing.live(DEVICE, CHANNEL, transport=transport, wait_s=WAIT_S)
    except VmsError:
        session = server.broker.last_of(DEVICE, CHANNEL)
        await session.wait_past(UNFINISHED, WAIT_S)
    return await server.explainer.last_play(DEVICE, CHANNEL)


async def test_an_invite_that_nobody_answers(tmp_path: Path) -> None:
    async with camera_of(tmp_path) as (server, _camera):
        play = await played(server)

        assert play.diagnosis.cause is Cause.INVITE_UNANSWERED
        assert play.diagnosis.stage == "invite_sent"


@pytest.mark.parametrize("status", [404, 486])
async def test_an_invite_that_is_refused(tmp_path: Path, status: int) -> None:
    async with camera_of(tmp_path) as (server, camera):
        playing = asyncio.create_task(played(server))
        camera.respond(await camera.asked("INVITE"), status, "No")

        play = await playing

        assert play.diagnosis.cause is Cause.INVITE_REFUSED
        assert (play.view.sip_status, play.diagnosis.stage) == (status, "invite_sent")
        assert str(status) in play.diagnosis.sentence_zh


async def accepted(camera: SipPeer, media_port: int = 15060) -> Message:
    """The INVITE, answered with 200."""
    invite = await camera.asked("INVITE")
    camera.accept(invite, media_port=media_port)
    return invite


async def test_a_call_without_a_packet(tmp_path: Path) -> None:
    async with camera_of(tmp_path) as (server, camera):
        playing = asyncio.create_task(played(server))
        await accepted(camera)

        play = await playing

        assert play.diagnosis.cause is Cause.NO_RTP
        assert play.diagnosis.stage == "acknowledged"
        assert str(play.view.told_address) in play.diagnosis.sentence_en


async def test_a_call_over_tcp_without_a_connection(tmp_path: Path) -> None:
    async with camera_of(tmp_path) as (server, camera):
        playing = asyncio.create_task(played(server, "tcp_passive"))
        invite = await camera.asked("INVITE")
        camera.accept(invite, media="TCP/RTP/AVP")

        diagnosis = (await playing).diagnosis

        assert diagnosis.cause is Cause.NO_RTP
        assert "did not connect" in diagnosis.sentence_en


def rtp(payload: bytes, sequence: int, timestamp: int, ssrc: int, *, is_last: bool) -> bytes:
    kind = 96 | (is_last << 7)
    return struct.pack(">BBHII", 0x80, kind, sequence & 0xFFFF, timestamp, ssrc) + payload


async def sending(
    camera: SipPeer, payloads: Sequence[bytes], ssrcs: Callable[[int], Sequence[int]]
) -> None:
    """Accepts the next call and sends these payloads, one every 20 ms, until the BYE."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((camera.host, 0))
        invite = await accepted(camera, sock.getsockname()[1])
        offer = invite.body.decode()
        [port] = re.findall(r"m=video (\d+)", offer)
        [ssrc] = re.findall(r"y=(\d+)", offer)
        sequence = 0
        while not any(request.method == "BYE" for request in camera.requests):
            for each in ssrcs(int(ssrc)):
                payload = payloads[sequence % len(payloads)]
                packet = rtp(payload, sequence, sequence * 3600, each, is_last=True)
                sock.sendto(packet, ("127.0.0.1", int(port)))
            sequence += 1
            await asyncio.sleep(0.02)


async def diagnosed(server: Server, sender: asyncio.Task[None]) -> Diagnosis:
    play = await played(server)
    await sender
    return play.diagnosis


async def test_rtp_with_other_ssrcs_than_agreed(tmp_path: Path) -> None:
    """One other SSRC alone is learnt; of two nobody knows which is the picture."""
    async with camera_of(tmp_path) as (server, camera):
        sender = asyncio.create_task(
            sending(camera, [b"x" * 100], lambda ssrc: (ssrc ^ 0xFF, ssrc ^ 0xFFFF))
        )

        diagnosis = await diagnosed(server, sender)

        assert diagnosis.cause is Cause.RTP_UNUSABLE
        assert diagnosis.stage == "first_packet"
        assert "SSRC" in diagnosis.sentence_en


async def test_rtp_with_a_transport_stream(tmp_path: Path) -> None:
    async with camera_of(tmp_path) as (server, camera):
        sender = asyncio.create_task(sending(camera, [TS_PACKET * 7], lambda ssrc: (ssrc,)))

        diagnosis = await diagnosed(server, sender)

        assert diagnosis.cause is Cause.RTP_UNUSABLE
        assert "transport stream (TS)" in diagnosis.sentence_en


async def test_rtp_that_is_no_program_stream(tmp_path: Path) -> None:
    async with camera_of(tmp_path) as (server, camera):
        sender = asyncio.create_task(sending(camera, [b"\x5a" * 500], lambda ssrc: (ssrc,)))

        diagnosis = await diagnosed(server, sender)

        assert (diagnosis.cause, diagnosis.stage) == (Cause.RTP_UNUSABLE, "ssrc_matched")


async def test_a_program_stream_of_a_codec_that_nobody_shows(tmp_path: Path) -> None:
    pictures = [(b"\x00\x00\x00\x01\x65" + b"\x21" * 200, True)] * 5
    packs = ps_builder.program_stream(pictures, [], video=SVAC, audio=ps_builder.G711A)
    async with camera_of(tmp_path) as (server, camera):
        sender = asyncio.create_task(sending(camera, packs, lambda ssrc: (ssrc,)))

        diagnosis = await diagnosed(server, sender)

        assert (diagnosis.cause, diagnosis.stage) == (Cause.CODEC_NOT_SHOWN, "container_parsed")
        assert "SVAC" in diagnosis.sentence_en


async def test_a_picture_that_this_browser_cannot_show(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras(codec=Codec.H265):
        await place.until_ready()
        explainer = place.server.explainer
        view = await place.server.viewing.live(FIRST_DEVICE, FIRST_CHANNEL, wait_s=WAIT_S)

        shown = await explainer.play(view.session_id, frozenset({"h264", "h265"}))
        not_shown = await explainer.play(view.session_id, frozenset({"h264"}))

        assert shown.diagnosis.cause is Cause.NONE
        assert not_shown.diagnosis.cause is Cause.CODEC_NOT_SHOWN
        assert not_shown.diagnosis.next_step_zh.startswith("三种办法")


async def test_a_play_that_loses_packets(tmp_path: Path) -> None:
    async with (
        town(tmp_path, media__idle_s="60") as place,
        place.cameras(faults=("loss=6",)),
    ):
        await place.until_ready()
        explainer = place.server.explainer
        view = await place.server.viewing.live(
            FIRST_DEVICE, FIRST_CHANNEL, transport="udp", wait_s=WAIT_S
        )

        async def cause() -> Cause:
            return (await explainer.play(view.session_id)).diagnosis.cause

        await until_async(cause, lambda found: found is Cause.LOSS, LOSS_SHOWS_S)
