"""INVITE, ACK, BYE and what comes between them, byte for byte on the wire."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.sip_peer import Message, SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import (
    CHANNEL,
    DEVICE,
    OTHER_DEVICE,
    catalogue,
    channel_id,
    registered,
    stage,
)
from vms.errors import RejectedError
from vms.inventory.queries import ChannelQuery
from vms.server import Server
from vms.sessions.session import Session

UDP = "udp"
CONNECT_LIMIT_S = 10.0


@asynccontextmanager
async def ready(folder: Path) -> AsyncGenerator[tuple[Server, SipPeer]]:
    """A device with one channel, both known."""
    async with stage(folder) as server, registered(server) as camera:
        await camera.tell(catalogue(1, 1, CHANNEL))
        await until(lambda: len(server.inventory.channels(ChannelQuery()).items) == 1)
        yield server, camera


async def begun(server: Server, transport: str | None = UDP) -> Session:
    """A session whose INVITE is on its way."""
    view = await server.viewing.live(DEVICE, CHANNEL, transport=transport)
    return server.broker.session(view.session_id)


def stages(session: Session) -> list[str]:
    return [entry.stage for entry in session.trace]


async def acknowledged(server: Server, camera: SipPeer) -> tuple[Session, Message]:
    """A call in progress, and the INVITE with the tag that the device gave it."""
    session = await begun(server)
    invite = await camera.asked("INVITE")
    camera.accept(invite)
    await until(lambda: session.state == "awaiting_media" and bool(camera.acknowledged))
    return session, invite


def line(invite: Message, start: str) -> str:
    [found] = [each for each in invite.body.decode().split("\r\n") if each.startswith(start)]
    return found


async def test_an_invite_is_what_the_standard_prints(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session, invite = await acknowledged(server, camera)

        our = f"127.0.0.1:{server.endpoint.address.port}"
        assert invite.start == f"INVITE sip:{CHANNEL}@127.0.0.1:{camera.port} SIP/2.0"
        assert re.fullmatch(rf"SIP/2\.0/UDP {our};rport;branch=z9hG4bK\w+", invite["Via"])
        assert invite["From"].startswith("<sip:34020000002000000001@3402000000>;tag=")
        assert invite["To"] == f"<sip:{CHANNEL}@3402000000>"
        assert invite["Contact"] == f"<sip:34020000002000000001@{our}>"
        ssrc = line(invite, "y=")[2:]
        assert re.fullmatch(r"020000\d{4}", ssrc)
        assert re.fullmatch(
            rf"{CHANNEL}:{ssrc},34020000002000000001:\d+",
            invite["Subject"],
        )
        assert session.address is not None
        assert line(invite, "o=") == "o=34020000002000000001 0 0 IN IP4 127.0.0.1"
        assert line(invite, "s=") == "s=Play"
        assert line(invite, "m=").startswith(f"m=video {session.address.port} RTP/AVP 96 ")
        assert line(invite, "a=rtpmap:96") == "a=rtpmap:96 PS/90000"

        [ack] = camera.acknowledged
        assert ack.start == f"ACK sip:{DEVICE}@127.0.0.1:{camera.port} SIP/2.0"
        assert ack["To"] == f"<sip:{CHANNEL}@3402000000>;tag=32128"
        assert ack["From"] == invite["From"]
        assert ack["CSeq"] == invite["CSeq"].replace("INVITE", "ACK")
        assert ack.body == b""


async def test_an_invite_is_offered_as_the_devices_maker_wants_it(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        await server.inventory.patch_device(
            DEVICE, {"profile": "dahua", "profile_fields": {"sdp_offer": "extended"}}
        )

        await server.viewing.live(DEVICE, CHANNEL, stream="sub", transport=UDP)

        invite = await camera.asked("INVITE")
        assert line(invite, "a=streamprofile") == "a=streamprofile:1"
        assert line(invite, "m=").endswith(" RTP/AVP 96 126 125 99 34 98 97")


def listens(camera: SipPeer, invite: Message, host: str, port: int) -> None:
    """200 of a device that shall be connected to, there as it says."""
    body = (
        f"v=0\r\no={DEVICE} 0 0 IN IP4 {host}\r\ns=Play\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=video {port} TCP/RTP/AVP 96\r\na=sendonly\r\na=setup:passive\r\n"
    )
    headers = [("Contact", camera.contact), ("Content-Type", "application/sdp")]
    camera.respond(invite, 200, headers=headers, body=body.encode())


async def test_who_shall_listen_is_connected_to_where_it_registered_from_and_nowhere_else(
    tmp_path: Path,
) -> None:
    own = socket.create_server(("127.0.0.1", 0))
    port = own.getsockname()[1]
    other = socket.create_server(("127.0.0.9", port))
    with own, other:
        own.settimeout(CONNECT_LIMIT_S)
        other.setblocking(False)
        async with ready(tmp_path) as (server, camera):
            session = await begun(server, "tcp_active")
            invite = await camera.asked("INVITE")
            assert line(invite, "m=").startswith("m=video 9 TCP/RTP/AVP 96 ")
            assert line(invite, "a=setup") == "a=setup:active"
            assert line(invite, "a=connection") == "a=connection:new"

            listens(camera, invite, "127.0.0.9", port)
            connection, _ = await asyncio.to_thread(own.accept)

            connection.close()
            with pytest.raises(BlockingIOError):
                other.accept()
            await server.viewing.end(session.session_id)


async def test_who_shall_listen_and_names_no_port_is_refused(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session = await begun(server, "tcp_active")

        listens(camera, await camera.asked("INVITE"), "127.0.0.1", 9)

        await until(lambda: session.state == "closed")
        assert session.sip_status == 488
        assert "names no port" in str(session.error)


async def test_ending_a_session_is_a_bye_in_its_dialogue(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session, invite = await acknowledged(server, camera)

        await server.viewing.end(session.session_id)

        bye = await camera.asked("BYE")
        assert bye["Call-ID"] == invite["Call-ID"]
        assert bye["To"] == f"<sip:{CHANNEL}@3402000000>;tag=32128"
        assert int(bye["CSeq"].split()[0]) > int(invite["CSeq"].split()[0])
        await until(lambda: session.state == "closed")
        assert server.endpoint.stats.dialogs == 0
        assert server.media.workers()[0].streams == 0


async def test_a_repeated_200_is_acknowledged_again(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        _, invite = await acknowledged(server, camera)

        camera.accept(invite)

        await until(lambda: len(camera.acknowledged) == 2)
        assert camera.acknowledged[0].raw == camera.acknowledged[1].raw
        assert len(server.broker.sessions()) == 1


async def test_a_device_that_knows_no_tcp_is_asked_again_over_udp(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session = await begun(server, transport=None)
        first = await camera.asked("INVITE")
        assert line(first, "m=").split()[2] == "TCP/RTP/AVP"
        assert line(first, "a=setup") == "a=setup:passive"

        camera.respond(first, 488, "Not Acceptable Here")

        second = await camera.asked("INVITE")
        assert line(second, "m=").split()[2] == "RTP/AVP"
        assert second["Call-ID"] != first["Call-ID"]
        assert line(second, "y=") == line(first, "y=")
        assert second["Subject"] != first["Subject"]
        camera.accept(second)
        await until(lambda: session.state == "awaiting_media")
        assert stages(session) == ["invite_sent", "invite_sent", "answered", "acknowledged"]


@pytest.mark.parametrize("status", [403, 404, 480, 486, 603])
async def test_a_refusal_is_told_with_its_status(tmp_path: Path, status: int) -> None:
    async with ready(tmp_path) as (server, camera):
        session = await begun(server)

        camera.respond(await camera.asked("INVITE"), status, "No")

        await until(lambda: session.state == "closed")
        assert isinstance(session.error, RejectedError)
        assert f"{DEVICE} answered {status} No to INVITE" in str(session.error)
        assert server.media.workers()[0].streams == 0


async def test_an_ssrc_of_the_devices_own_is_expected_from_then_on(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session = await begun(server)
        invite = await camera.asked("INVITE")
        own = 703004512
        camera.accept(invite, ssrc=f"{own:010d}")
        await until(lambda: session.state == "awaiting_media")
        assert session.address is not None

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
            media.bind(("127.0.0.1", 0))
            for number in range(4):
                packet = struct.pack("!BBHII", 0x80, 96, number, 0, own) + b"\0\0\1\xba"
                media.sendto(packet, ("127.0.0.1", session.address.port))
            await until(lambda: "ssrc_matched" in stages(session))

        [matched] = [entry for entry in session.trace if entry.stage == "ssrc_matched"]
        assert matched.detail == f"{own:010d} as agreed"


async def test_pictures_of_another_host_than_the_device_named_are_not_mixed_in(
    tmp_path: Path,
) -> None:
    async with ready(tmp_path) as (server, camera):
        session, invite = await acknowledged(server, camera)
        address, ssrc = session.address, int(line(invite, "y=")[2:])
        assert address is not None

        def send(host: str) -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
                media.bind((host, 0))
                for number in range(4):
                    packet = struct.pack("!BBHII", 0x80, 96, number, 0, ssrc) + b"\0\0\1\xba"
                    media.sendto(packet, ("127.0.0.1", address.port))

        send("127.0.0.9")
        await until(lambda: "first_packet" in stages(session))
        send("127.0.0.1")
        await until(lambda: "ssrc_matched" in stages(session))

        sources = (await server.relay.figures(address.stream_id)).sources
        taken = {source.remote_address.partition(":")[0]: source.is_taken for source in sources}
        assert taken == {"127.0.0.9": False, "127.0.0.1": True}


async def test_an_answer_that_cannot_be_read_is_acknowledged_and_ended(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session = await begun(server)

        camera.respond(await camera.asked("INVITE"), 200)

        await camera.asked("BYE")
        await until(lambda: session.state == "closed")
        assert len(camera.acknowledged) == 1
        assert "SDP that cannot be read" in str(session.error)


async def test_a_200_that_crosses_our_cancel_is_acknowledged_and_ended(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session = await begun(server)
        invite = await camera.asked("INVITE")
        camera.respond(invite, 100, "Trying")
        await until(lambda: "trying" in stages(session))
        server.broker.stop(session, "stopped")
        cancel = await camera.asked("CANCEL")
        assert cancel["Via"] == invite["Via"]
        assert cancel["CSeq"] == invite["CSeq"].replace("INVITE", "CANCEL")

        camera.accept(invite)

        bye = await camera.asked("BYE")
        assert bye["Call-ID"] == invite["Call-ID"]
        assert len(camera.acknowledged) == 1
        await until(lambda: session.state == "closed" and server.endpoint.stats.dialogs == 0)


async def test_a_cancelled_invite_may_be_answered_487(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session = await begun(server)
        invite = await camera.asked("INVITE")
        camera.respond(invite, 100, "Trying")
        await until(lambda: "trying" in stages(session))
        server.broker.stop(session, "stopped")
        await camera.asked("CANCEL")

        camera.respond(invite, 487, "Request Terminated")

        await until(lambda: bool(camera.acknowledged))
        assert camera.acknowledged[0]["Via"] == invite["Via"]
        await until(lambda: session.state == "closed")


# What the device says inside the call


def media_status(notify_type: int) -> bytes:
    return (
        "<Notify><CmdType>MediaStatus</CmdType><SN>8</SN>"
        f"<DeviceID>{CHANNEL}</DeviceID><NotifyType>{notify_type}</NotifyType></Notify>"
    ).encode()


async def test_a_device_may_hang_up(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session, invite = await acknowledged(server, camera)

        assert (await camera.ask(camera.inside(invite, "BYE"))).status == 200

        await until(lambda: session.state == "closed")
        assert "ended the call (bye)" in str(session.error)
        assert server.endpoint.stats.dialogs == 0
        again = camera.inside(invite, "BYE")
        assert (await camera.ask(again)).status == 481


async def test_a_device_that_hangs_up_with_its_answer_ends_the_session(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session = await begun(server)
        invite = await camera.asked("INVITE")

        camera.accept(invite)
        camera.send(camera.inside(invite, "BYE"))

        await until(lambda: session.state == "closed")
        assert "ended the call (bye)" in str(session.error)


@pytest.mark.parametrize(
    "from_id", [CHANNEL, DEVICE, OTHER_DEVICE], ids=["channel", "device", "somebody else"]
)
async def test_media_at_its_end_ends_the_session_whoever_says_it(
    tmp_path: Path, from_id: str
) -> None:
    async with ready(tmp_path) as (server, camera):
        session, invite = await acknowledged(server, camera)

        status = camera.inside(invite, "MESSAGE", body=media_status(121), from_id=from_id)

        assert (await camera.ask(status)).status == 200
        await camera.asked("BYE")
        await until(lambda: session.state == "closed")
        assert "ended the call (media status)" in str(session.error)


async def test_a_media_status_of_no_meaning_changes_nothing(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session, invite = await acknowledged(server, camera)

        status = camera.inside(invite, "MESSAGE", body=media_status(122))

        assert (await camera.ask(status)).status == 200
        assert (await camera.tell(catalogue(2, 1, channel_id(2)))).status == 200
        assert session.state == "awaiting_media"


async def test_a_device_that_registers_anew_keeps_its_call(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session, _ = await acknowledged(server, camera)

        await camera.register()
        await server.viewing.end(session.session_id)

        await camera.asked("BYE")


async def test_a_device_that_leaves_takes_its_calls_along(tmp_path: Path) -> None:
    async with ready(tmp_path) as (server, camera):
        session, _ = await acknowledged(server, camera)

        await camera.register(expires=0)

        await until(lambda: session.state == "closed")
        assert "went offline" in str(session.error)
