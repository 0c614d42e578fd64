"""From INVITE to the first picture, over real sockets, with cameras that misbehave."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from media.door import Form, ViewerId
from media.unit import Codec
from tests.support.town import ADMIN_PASSWORD, FIRST_CHANNEL, FIRST_DEVICE, Town, town
from tests.support.waiting import until, until_async
from vms.diagnosis.causes import Cause
from vms.errors import DeviceOfflineError, NoMediaError
from vms.sessions.machine import State
from vms.sessions.session import Viewer
from vms.sessions.viewing import SessionView
from vms.simulator.packing import Container

JPEG_START = b"\xff\xd8\xff"


async def live(place: Town, transport: str | None = None) -> SessionView:
    return await place.server.viewing.live(
        FIRST_DEVICE, FIRST_CHANNEL, transport=transport, wait_s=15.0
    )


def watching(name: str) -> Viewer:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    return Viewer(ViewerId(name), "user", Form.FLV, since, 0.0, joined=True)


async def everything_given_back(place: Town) -> None:
    await until(lambda: not place.server.broker.sessions())
    assert place.server.media.workers()[0].streams == 0
    assert place.server.endpoint.stats.dialogs == 0


@pytest.mark.parametrize(
    ("codec", "transport"),
    [
        (Codec.H264, "udp"),
        (Codec.H265, "tcp_passive"),
        (Codec.H264, "tcp_active"),
        (Codec.H264, "udp_shared"),
    ],
)
async def test_a_camera_plays(tmp_path: Path, codec: Codec, transport: str) -> None:
    async with town(tmp_path) as place, place.cameras(codec=codec) as cameras:
        await place.until_ready()

        view = await live(place, transport)

        assert (view.state, view.codec, view.transport) == ("streaming", codec.value, transport)
        assert (view.width, view.height) == (640, 360)
        assert [entry.stage for entry in view.trace] == [
            "invite_sent",
            *(entry.stage for entry in view.trace if entry.stage == "trying"),
            "answered",
            "acknowledged",
            "first_packet",
            "ssrc_matched",
            "container_parsed",
            "first_picture",
        ]
        await place.server.viewing.end(view.session_id)
        await everything_given_back(place)
        assert cameras.summary.byes_received == 1


@pytest.mark.parametrize("container", [Container.TS, Container.ES])
async def test_a_camera_plays_that_sends_no_program_stream(
    tmp_path: Path, container: Container
) -> None:
    async with town(tmp_path) as place, place.cameras(container=container, codec=Codec.H265):
        await place.until_ready()

        view = await live(place, "udp")

        expected = "h265" if container is Container.ES else "ts"
        assert view.figures is not None
        assert (view.codec, view.figures.container) == ("h265", expected)


async def test_the_sub_stream_is_another_and_smaller_one(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras(codec=Codec.H265):
        await place.until_ready()

        sub = await place.server.viewing.live(
            FIRST_DEVICE, FIRST_CHANNEL, stream="sub", wait_s=15.0
        )

        assert (sub.codec, sub.width, sub.height) == ("h264", 320, 180)


@pytest.mark.parametrize("transport", ["udp", "tcp_passive"])
async def test_a_camera_that_reboots_is_asked_again_and_viewers_stay(
    tmp_path: Path, transport: str
) -> None:
    async with town(tmp_path) as place, place.cameras(faults=("reboot=1",), reboot_s=1.0):
        await place.until_ready()
        view = await live(place, transport)
        session = place.server.broker.session(view.session_id)
        place.server.broker.add_viewer(session, watching("anna"))
        address = session.address

        await until(lambda: session.recoveries == 1, 40)

        assert (session.state, session.address) == (State.STREAMING, address)
        assert list(session.viewers) == ["anna"]
        explained = await place.server.explainer.play(view.session_id)
        assert (explained.view.codec, explained.diagnosis.cause) == ("h264", Cause.NONE)


async def test_a_snapshot_is_a_picture_of_now(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras():
        await place.until_ready()
        assert await place.server.viewing.held_snapshot(FIRST_DEVICE, FIRST_CHANNEL) is None

        jpeg = await place.server.viewing.snapshot(FIRST_DEVICE, FIRST_CHANNEL)

        assert jpeg.startswith(JPEG_START)
        assert await place.server.viewing.held_snapshot(FIRST_DEVICE, FIRST_CHANNEL) is not None


async def flv_viewer(
    place: Town, port: int, credential: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """One that opened the media URL and got the beginning of its answer."""
    resource = (FIRST_DEVICE, FIRST_CHANNEL, "main")
    token = place.server.media_tokens.lend(credential, Form.FLV.value, resource)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = f"/live/{FIRST_DEVICE}/{FIRST_CHANNEL}.flv?token={token}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: vms.test\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return reader, writer


async def test_fifty_viewers_of_one_camera_make_one_invite_and_one_of_them_can_be_sent_away(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as place, place.cameras() as cameras:
        await place.until_ready()
        viewing = place.server.viewing
        admin = await place.server.accounts.login("admin", ADMIN_PASSWORD, "127.0.0.1")
        views = await asyncio.gather(*(live(place) for _ in range(50)))
        session_id = views[0].session_id
        ports = viewing.ports(session_id)
        assert ports is not None

        viewers = await asyncio.gather(
            *(flv_viewer(place, ports.http, admin.access_token) for _ in range(50))
        )

        watching = (await viewing.session(session_id)).watching
        assert {view.session_id for view in views} == {session_id}
        assert cameras.summary.invites == 1
        assert {(one.user, one.protocol) for one in watching} == {("admin", "flv")}
        assert len({one.viewer_id for one in watching}) == 50

        await viewing.disconnect(session_id, watching[0].viewer_id)
        ends = [asyncio.ensure_future(reader.read(-1)) for reader, _ in viewers]
        await until(lambda: any(end.done() for end in ends))
        assert len((await viewing.session(session_id)).watching) == 49
        await viewing.end(session_id)
        await asyncio.gather(*ends)
        for _, writer in viewers:
            writer.close()


async def test_a_camera_that_sends_nothing_is_named_as_such(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras(faults=("no-media",)):
        await place.until_ready()

        with pytest.raises(NoMediaError, match="sent nothing to 127"):
            await live(place)

        await everything_given_back(place)


@pytest.mark.parametrize("fault", ["wrong-ssrc", "no-psm", "slow-answer=1"])
async def test_a_camera_plays_in_spite_of(tmp_path: Path, fault: str) -> None:
    async with town(tmp_path) as place, place.cameras(faults=(fault,)):
        await place.until_ready()

        assert (await live(place)).state == "streaming"


async def test_lost_packets_are_counted(tmp_path: Path) -> None:
    async with (
        town(tmp_path, media__idle_s="60") as place,
        place.cameras(faults=("loss=5",)) as cameras,
    ):
        await place.until_ready()
        view = await live(place, "udp")
        await until(lambda: cameras.summary.packets_lost >= 5, 60)

        async def lost() -> int:
            figures = (await place.server.viewing.session(view.session_id)).figures
            return figures.lost if figures is not None else 0

        await until_async(lost, lambda lost: lost >= 5)


async def test_a_session_ends_when_nobody_watches(tmp_path: Path) -> None:
    async with town(tmp_path, media__idle_s="1") as place, place.cameras() as cameras:
        await place.until_ready()
        view = await live(place)

        await everything_given_back(place)

        assert (await place.server.viewing.session(view.session_id)).reason == "idle"
        assert cameras.summary.byes_received == 1


async def test_a_camera_that_goes_offline_takes_its_sessions_with_it(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras() as cameras:
        await place.until_ready()
        await live(place)

        await cameras.cameras[0].unregister()

        await everything_given_back(place)
        with pytest.raises(DeviceOfflineError):
            await live(place)


async def test_a_picture_proves_its_channel(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras():
        await place.until_ready()
        await live(place)

        inventory = place.server.inventory
        await until(
            lambda: inventory.channel(FIRST_DEVICE, FIRST_CHANNEL).state.value == "online_proven"
        )
