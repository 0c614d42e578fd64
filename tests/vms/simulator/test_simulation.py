"""Simulated devices on the wire, seen from a platform."""

import asyncio
import json
import resource
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from media.ffmpeg import decode_picture, open_video_decoder
from media.ps.demux import PsDemuxer
from media.ps.mux import crc32_mpeg
from media.rtp.packet import RtpPacket
from media.unit import AccessUnit, Codec
from sip.net.endpoint import InviteRefusedError
from tests.support.block_digits import luma_of, read_test_card
from tests.support.little_platform import (
    DOMAIN,
    HOST,
    PASSWORD,
    SERVER_ID,
    LittlePlatform,
    RtpCatcher,
)
from tests.support.waiting import until
from vms.errors import InvalidError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import (
    AlarmNotify,
    CatalogQuery,
    CatalogResponse,
    DeviceInfoQuery,
    DeviceInfoResponse,
    DeviceStatusQuery,
    DeviceStatusResponse,
    Keepalive,
    KeyFrameControl,
    Message,
)
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.gb28181.sdp import Setup, parse_answer
from vms.gb28181.version import Edition
from vms.simulator.faults import Fault
from vms.simulator.plan import Platform, SimulatorOptions
from vms.simulator.simulation import Simulation, running

DEVICE = DeviceId("34020000001180000001")
CHANNEL = "34020000001320000001"
SSRC = 200_000_001


def options(platform: LittlePlatform, *faults: str) -> SimulatorOptions:
    host, port = platform.endpoint.address
    return SimulatorOptions(
        Platform(SERVER_ID, DOMAIN, host, port),
        password=PASSWORD,
        keepalive_s=0.05,
        retry_s=0.05,
        faults=tuple(Fault.parse(fault) for fault in faults),
    )


@asynccontextmanager
async def one_device(
    *faults: str,
) -> AsyncGenerator[tuple[LittlePlatform, Simulation]]:
    async with (
        LittlePlatform.open() as platform,
        running(options(platform, *faults)) as simulation,
    ):
        await until(lambda: simulation.cameras[0].is_registered)
        yield platform, simulation


def messages(platform: LittlePlatform, kind: type[Message]) -> list[Message]:
    return [one.message for one in platform.seen.messages if isinstance(one.message, kind)]


def frames_in(packets: list[RtpPacket]) -> list[tuple[Codec, bytes]]:
    demuxer = PsDemuxer()
    frames = [
        frame
        for packet in packets
        for frame in demuxer.feed(packet.payload, packet.timestamp, packet.marker, 0)
    ]
    return [(frame.codec, frame.data) for frame in frames]


async def test_a_device_registers_by_digest_and_keeps_alive() -> None:
    async with one_device() as (platform, simulation):
        await until(lambda: simulation.summary.keepalives_answered >= 3)

        first, second = platform.seen.registers[:2]
        assert "Authorization" not in first.headers
        assert "Authorization" in second.headers
        assert first.call_id == second.call_id
        assert second.cseq.number == first.cseq.number + 1
        assert "X-GB-Ver" not in second.headers
        assert second.expires == 3600
        sns = [one.sn for one in messages(platform, Keepalive)]
        assert sns == list(range(1, len(sns) + 1))
    assert simulation.summary.registered == 1


async def test_a_registration_is_refreshed_before_it_expires() -> None:
    async with LittlePlatform.open() as platform:
        platform.expires_granted = 1
        async with running(options(platform)) as simulation:
            await until(lambda: simulation.summary.registrations >= 2)
            assert simulation.summary.registered == 1


async def test_a_device_the_server_no_longer_knows_registers_again() -> None:
    async with one_device() as (platform, simulation):
        platform.refuses_messages = True
        await until(lambda: simulation.summary.registrations >= 2)


async def test_a_wrong_password_is_refused_and_tried_again() -> None:
    async with LittlePlatform.open() as platform:
        async with running(options(platform, "wrong-password")) as simulation:
            await until(lambda: simulation.summary.refused >= 2)
        assert simulation.summary.registered == 0


async def test_a_silent_device_stops_its_keepalives() -> None:
    async with one_device("silent=0") as (platform, simulation):
        assert await platform.tell(DEVICE, DeviceInfoQuery(1, DEVICE), DEVICE) == 200
        await until(lambda: messages(platform, DeviceInfoResponse) != [])
    assert simulation.summary.keepalives_sent == 0


async def test_a_flapping_device_leaves_and_comes_back() -> None:
    async with one_device("flapping=0.1") as (platform, simulation):
        await until(lambda: simulation.summary.unregistered >= 2)
        assert "0" in {one.headers.get("Expires") for one in platform.seen.registers}
    assert simulation.summary.registrations >= 2


async def test_a_device_tells_what_it_is_and_how_it_does() -> None:
    async with one_device() as (platform, _):
        assert await platform.tell(DEVICE, DeviceInfoQuery(7, DEVICE), DEVICE) == 200
        assert await platform.tell(DEVICE, DeviceStatusQuery(8, DEVICE), DEVICE) == 200
        await until(lambda: messages(platform, DeviceStatusResponse) != [])
        await until(lambda: messages(platform, DeviceInfoResponse) != [])

        (info,) = messages(platform, DeviceInfoResponse)
        (status,) = messages(platform, DeviceStatusResponse)
    assert isinstance(info, DeviceInfoResponse)
    assert (info.sn, info.manufacturer, info.channel_count) == (7, "Simulated", 1)
    assert isinstance(status, DeviceStatusResponse)
    assert (status.sn, status.is_online, status.is_encoding) == (8, True, False)


async def test_a_catalogue_comes_in_parts_of_one_to_four_items() -> None:
    async with LittlePlatform.open() as platform:
        many = replace(options(platform), channels=12)
        async with running(many) as simulation:
            await until(lambda: simulation.cameras[0].is_registered)
            await platform.tell(DEVICE, CatalogQuery(5, DEVICE), DEVICE)
            await until(lambda: simulation.summary.catalog_parts == 6)

            parts = [
                part
                for part in messages(platform, CatalogResponse)
                if isinstance(part, CatalogResponse)
            ]
    assert [len(part.items) for part in parts] == [1, 2, 3, 4, 1, 1]
    assert {(part.sn, part.total, part.device_id) for part in parts} == {(5, 12, DEVICE)}
    listed = tuple(item.channel_id for part in parts for item in part.items)
    assert listed == simulation.cameras[0].plan.channel_ids


async def test_a_careless_device_sends_catalogues_that_are_no_xml() -> None:
    async with one_device("bad-xml") as (platform, simulation):
        await platform.tell(DEVICE, CatalogQuery(5, DEVICE), DEVICE)
        await until(lambda: simulation.summary.catalog_parts == 1)

        (decoded,) = [
            one for one in platform.seen.messages if isinstance(one.message, CatalogResponse)
        ]
    assert Tolerance.SALVAGED in decoded.tolerances
    assert isinstance(decoded.message, CatalogResponse)
    assert [item.channel_id for item in decoded.message.items] == [CHANNEL]


async def test_an_alarm_is_raised_by_hand() -> None:
    async with one_device() as (platform, simulation):
        assert await simulation.cameras[0].raise_alarm(description="门开了")

        (alarm,) = messages(platform, AlarmNotify)
    assert isinstance(alarm, AlarmNotify)
    assert (alarm.device_id, alarm.method, alarm.alarm_type) == (CHANNEL, 5, 2)
    assert alarm.description == "门开了"
    assert alarm.occurred_at is not None
    assert simulation.summary.alarms_answered == 1


async def test_a_call_over_udp_brings_the_test_card_and_the_tone() -> None:
    async with one_device() as (platform, simulation), RtpCatcher.open("UDP") as catcher:
        leg = await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        assert leg.answer is not None
        answer = parse_answer(leg.answer.body)
        assert (answer.host, answer.ssrc, answer.payload_types) == (HOST, SSRC, (96,))
        await until(lambda: simulation.summary.pictures_sent >= 10)
        await leg.bye()
        await until(lambda: simulation.summary.byes_received == 1)

    packets = catcher.packets
    assert {packet.ssrc for packet in packets} == {SSRC}
    assert [packet.sequence for packet in packets] == list(range(len(packets)))
    pictures = [packet for packet in packets if packet.marker]
    assert [packet.timestamp for packet in pictures[:3]] == [0, 3600, 7200]
    frames = frames_in(packets)
    assert frames[0][0] is Codec.H264
    decoder = open_video_decoder(Codec.H264)
    (shown,) = decode_picture(decoder, AccessUnit(Codec.H264, 0, frames[0][1], True, 0))
    assert read_test_card(luma_of(shown)).identifier == CHANNEL
    assert {codec for codec, _ in frames} == {Codec.H264, Codec.PCMA}


async def test_a_call_over_tcp_is_connected_by_the_device() -> None:
    async with one_device() as (platform, simulation), RtpCatcher.open("TCP") as catcher:
        leg = await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC, Setup.PASSIVE))
        assert leg.answer is not None
        answer = parse_answer(leg.answer.body)
        assert answer.setup is Setup.ACTIVE
        await until(lambda: simulation.summary.pictures_sent >= 5)
        await until(lambda: len(frames_in(catcher.packets)) >= 5)
        await leg.bye()
        await until(lambda: catcher.connections == 0)


@pytest.mark.parametrize("edition", [Edition.E2011, Edition.E2022])
async def test_h265_with_aac_is_sent_in_every_edition(edition: Edition) -> None:
    async with LittlePlatform.open() as platform, RtpCatcher.open("UDP") as catcher:
        modern = replace(options(platform), codec=Codec.H265, audio=Codec.AAC, edition=edition)
        async with running(modern) as simulation:
            await until(lambda: simulation.cameras[0].is_registered)
            await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
            await until(
                lambda: (
                    {codec for codec, _ in frames_in(catcher.packets)} == {Codec.H265, Codec.AAC}
                )
            )


async def test_a_device_of_2011_knows_no_tcp() -> None:
    async with (
        LittlePlatform.open() as platform,
        RtpCatcher.open("TCP") as catcher,
        running(replace(options(platform), edition=Edition.E2011)) as simulation,
    ):
        await until(lambda: simulation.cameras[0].is_registered)
        with pytest.raises(InviteRefusedError) as refused:
            await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC, Setup.PASSIVE))
    assert refused.value.status == 488


async def test_a_channel_that_is_not_there_cannot_be_called() -> None:
    async with one_device() as (platform, simulation), RtpCatcher.open("UDP") as catcher:
        with pytest.raises(InviteRefusedError) as nobody:
            await platform.invite("34020000001320009999", DEVICE, catcher.offer(SSRC))
        with pytest.raises(InviteRefusedError) as no_channel:
            await platform.invite(DEVICE, DEVICE, catcher.offer(SSRC))
        with pytest.raises(InviteRefusedError) as nonsense:
            await platform.invite(CHANNEL, DEVICE, b"v=0")
    assert [one.value.status for one in (nobody, no_channel, nonsense)] == [404, 404, 400]
    assert (simulation.summary.invites, simulation.summary.invites_refused) == (2, 2)


async def test_a_key_picture_comes_when_it_is_asked_for() -> None:
    async with one_device() as (platform, simulation), RtpCatcher.open("UDP") as catcher:
        await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        await until(lambda: simulation.summary.pictures_sent >= 3)
        control = KeyFrameControl(9, DeviceId(CHANNEL))
        assert await platform.tell(CHANNEL, control, DEVICE) == 200
        await until(lambda: key_pictures(catcher.packets) >= 2)
        assert simulation.summary.pictures_sent < 50


def key_pictures(packets: list[RtpPacket]) -> int:
    """Counted by their program stream maps."""
    return b"".join(packet.payload for packet in packets).count(b"\x00\x00\x01\xbc")


async def test_a_device_hangs_up_by_itself() -> None:
    async with one_device() as (platform, simulation), RtpCatcher.open("UDP") as catcher:
        leg = await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        ended: list[str] = []
        leg.on_ended = ended.append
        await until(lambda: simulation.summary.pictures_sent >= 2)
        await simulation.cameras[0].calls.hang_up()
        assert ended == ["bye"]
        assert simulation.summary.byes_sent == 1


async def test_a_device_without_media_accepts_and_sends_nothing() -> None:
    async with one_device("no-media") as (platform, simulation), RtpCatcher.open("UDP") as catcher:
        leg = await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        await leg.bye()
        await until(lambda: simulation.summary.byes_received == 1)
    assert catcher.packets == []
    assert simulation.summary.streams == 0


async def test_a_wrong_ssrc_is_answered_right_and_sent_wrong() -> None:
    async with (
        one_device("wrong-ssrc") as (platform, _),
        RtpCatcher.open("UDP") as catcher,
    ):
        leg = await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        assert leg.answer is not None
        assert parse_answer(leg.answer.body).ssrc == SSRC
        await until(lambda: catcher.packets != [])
    assert SSRC not in {packet.ssrc for packet in catcher.packets}


async def test_a_stream_may_lack_its_map() -> None:
    async with one_device("no-psm") as (platform, _), RtpCatcher.open("UDP") as catcher:
        await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        await until(lambda: len(frames_in(catcher.packets)) >= 3)
    assert key_pictures(catcher.packets) == 0


async def test_a_stream_maps_check_sum_may_be_wrong() -> None:
    async with one_device("wrong-psm-crc") as (platform, _), RtpCatcher.open("UDP") as catcher:
        await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        await until(lambda: len(frames_in(catcher.packets)) >= 3)
    sent = b"".join(packet.payload for packet in catcher.packets)
    start = sent.index(b"\x00\x00\x01\xbc")
    length = int.from_bytes(sent[start + 4 : start + 6], "big")
    stream_map = sent[start : start + 6 + length]
    assert crc32_mpeg(stream_map[:-4]) != int.from_bytes(stream_map[-4:], "big")


async def test_a_private_stream_may_lie_beside_the_pictures() -> None:
    async with one_device("private-stream") as (platform, _), RtpCatcher.open("UDP") as catcher:
        await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        await until(lambda: len(frames_in(catcher.packets)) >= 3)
    assert b"\x00\x00\x01\xbd" in b"".join(packet.payload for packet in catcher.packets)


async def test_bare_pictures_may_come_under_the_type_of_program_streams() -> None:
    async with one_device("not-ps") as (platform, _), RtpCatcher.open("UDP") as catcher:
        await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        await until(lambda: len(catcher.packets) >= 5)
    assert catcher.packets[0].payload.startswith((b"\x00\x00\x00\x01\x67", b"\x00\x00\x01\x67"))
    assert frames_in(catcher.packets) == []


async def test_one_device_may_send_h265_among_others() -> None:
    async with one_device("h265@1") as (platform, _), RtpCatcher.open("UDP") as catcher:
        await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        await until(lambda: Codec.H265 in {codec for codec, _ in frames_in(catcher.packets)})


async def test_lost_packets_leave_holes_in_the_sequence() -> None:
    async with one_device("loss=50") as (platform, simulation), RtpCatcher.open("UDP") as catcher:
        await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
        await until(lambda: simulation.summary.packets_lost >= 5 and len(catcher.packets) >= 5)
    sequences = [packet.sequence for packet in catcher.packets]
    assert len(sequences) < sequences[-1] + 1 - sequences[0]


async def test_a_slow_device_says_100_to_an_invite_at_once() -> None:
    async with (
        one_device("slow-answer=0.3") as (platform, _),
        RtpCatcher.open("UDP") as catcher,
    ):
        call = platform.call(CHANNEL, DEVICE, catcher.offer(SSRC))
        seen: list[int] = []
        call.on_provisional = lambda response: seen.append(response.status)
        await call.final()
    assert seen == [100]


async def test_a_slow_device_that_is_cancelled_does_not_send() -> None:
    async with (
        one_device("slow-answer=0.3") as (platform, simulation),
        RtpCatcher.open("UDP") as catcher,
    ):
        call = platform.call(CHANNEL, DEVICE, catcher.offer(SSRC))
        await call.cancel()
        with pytest.raises(InviteRefusedError) as refused:
            await call.final()
        await until(lambda: simulation.summary.invites == 1)
    assert refused.value.status == 487
    assert simulation.summary.streams == 0


async def test_a_media_port_nobody_listens_on_is_told() -> None:
    async with one_device() as (platform, simulation):
        async with RtpCatcher.open("TCP") as catcher:
            offer = catcher.offer(SSRC, Setup.PASSIVE)
        await platform.invite(CHANNEL, DEVICE, offer)
        await until(lambda: simulation.summary.errors != [])
        assert "no media connection" in simulation.summary.errors[0]


async def test_a_device_invited_again_within_a_call_sends_to_the_new_address() -> None:
    async with (
        one_device() as (platform, simulation),
        RtpCatcher.open("UDP") as first,
        RtpCatcher.open("UDP") as second,
    ):
        leg = await platform.invite(CHANNEL, DEVICE, first.offer(SSRC))
        await until(lambda: first.packets != [])
        body = second.offer(SSRC + 1)
        again = asyncio.create_task(
            leg.request("INVITE", body=body, content_type="application/sdp")
        )
        await until(lambda: second.packets != [])
        # Our endpoint, as a caller, takes no answer to an INVITE within a call.
        again.cancel()
        assert len(simulation.cameras[0].calls) == 1
    assert {packet.ssrc for packet in second.packets} == {SSRC + 1}


async def test_behind_a_restless_nat_every_keepalive_has_another_port() -> None:
    async with one_device("nat-rebinding") as (platform, simulation):
        await until(lambda: simulation.summary.keepalives_answered >= 3)
        assert len(set(platform.seen.sources)) >= 3
        last = platform.seen.sources[-1]
        assert last != platform.seen.flows[DEVICE].remote


async def test_over_tcp_a_lost_connection_is_opened_again() -> None:
    async with (
        LittlePlatform.open() as platform,
        running(replace(options(platform), transport="TCP", devices=2)) as simulation,
    ):
        await until(lambda: all(one.is_registered for one in simulation.cameras))
        flow = platform.seen.flows[DEVICE]
        assert flow.transport == "TCP"
        assert len({one.connection for one in platform.seen.flows.values()}) == 2
        platform.endpoint.disconnect(flow)
        await until(lambda: platform.seen.flows[DEVICE].connection != flow.connection)
        await until(lambda: simulation.cameras[0].is_registered)


async def test_more_devices_than_sockets_are_told_apart() -> None:
    async with LittlePlatform.open() as platform:
        crowd = replace(options(platform), devices=300, keepalive_s=60, rate_per_s=5000)
        async with running(crowd) as simulation, RtpCatcher.open("UDP") as catcher:
            await until(lambda: simulation.summary.registered == 300, limit_s=30)
            last = simulation.cameras[-1].plan
            assert len({flow.remote for flow in platform.seen.flows.values()}) == 200
            await platform.invite(last.channel_ids[0], last.device_id, catcher.offer(SSRC))
            await until(lambda: len(simulation.cameras[-1].calls) == 1)


async def test_a_simulation_ends_with_what_it_saw() -> None:
    async with LittlePlatform.open() as platform, running(options(platform)) as simulation:
        await until(lambda: simulation.summary.keepalives_answered > 0)
    facts = json.loads(simulation.summary.as_json())
    assert facts["devices"] == facts["channels"] == facts["registered"] == 1
    assert facts["keepalives_sent"] >= 1
    assert facts["unregistered"] == 1
    assert facts["register_latency"]["count"] == 4
    assert 0 < facts["keepalive_latency"]["p50_ms"] <= facts["keepalive_latency"]["max_ms"]
    assert facts["commands_received"] == facts["commands_answered"] == {}
    assert facts["errors"] == []


async def test_a_call_is_ended_with_a_bye_when_the_simulation_stops() -> None:
    async with LittlePlatform.open() as platform, RtpCatcher.open("UDP") as catcher:
        async with running(options(platform)) as simulation:
            await until(lambda: simulation.cameras[0].is_registered)
            leg = await platform.invite(CHANNEL, DEVICE, catcher.offer(SSRC))
            ended: list[str] = []
            leg.on_ended = ended.append
        assert ended == ["bye"]
    assert (simulation.summary.byes_sent, simulation.summary.unregistered) == (1, 1)


async def test_hundreds_of_devices_share_one_socket_and_are_idle_cheaply() -> None:
    async with LittlePlatform.open() as platform:
        crowd = replace(
            options(platform),
            devices=500,
            devices_per_socket=500,
            keepalive_s=0.5,
            rate_per_s=5000,
        )
        async with running(crowd) as simulation:
            await until(lambda: simulation.summary.keepalives_answered >= 1000, limit_s=30)
            assert len({flow.remote for flow in platform.seen.flows.values()}) == 1
            # A device that keeps alive has no task of its own.
            assert len(asyncio.all_tasks()) < 400


async def test_more_sockets_than_the_process_may_open_are_refused_before_the_start() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_000, hard))
    try:
        async with LittlePlatform.open() as platform:
            too_many = replace(options(platform), devices=1_000, devices_per_socket=1)
            with pytest.raises(InvalidError, match="open files"):
                async with running(too_many):
                    pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
