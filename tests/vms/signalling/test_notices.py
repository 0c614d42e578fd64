"""Notifications on the wire: stored before they are answered, once, and in their device's name."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import pytest

from tests.support.sip_peer import SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import (
    CHANNEL,
    DEVICE,
    OTHER_DEVICE,
    alarm,
    catalogue,
    keepalive,
    registered,
    stage,
)
from vms.events import FaultReported
from vms.inventory.reported import Notice
from vms.server import Server

Kind = TypeVar("Kind")

SESSION = "6f1d2c3b4a5968778695a4b3c2d1e0f1"

POSITION_2016 = (
    "<Notify><CmdType>MobilePosition</CmdType><SN>7</SN>"
    "<DeviceID>34020000001320000001</DeviceID><Time>2024-05-01T16:00:05</Time>"
    "<Longitude>118.376451</Longitude><Latitude>31.326319</Latitude><Speed>32.5</Speed>"
    "<Direction>90.0</Direction><Altitude>15.0</Altitude></Notify>"
)
POSITION_2022 = (
    "<Notify><CmdType>MobilePosition</CmdType><SN>8</SN>"
    "<DeviceID>34020000001180000001</DeviceID><Time>2024-05-01T16:00:10</Time>"
    '<SumNum>1</SumNum><DeviceList Num="1"><Item><DeviceID>34020000001320000001</DeviceID>'
    "<CaptureTime>2024-05-01T16:00:09</CaptureTime><Longitude>118.376451</Longitude>"
    "<Latitude>31.326319</Latitude><Speed>32.5</Speed><Direction>90.0</Direction>"
    "<Altitude>15.0</Altitude><Height>2.0</Height></Item></DeviceList></Notify>"
)
SNAPSHOT = (
    "<Notify><CmdType>UploadSnapShotFinished</CmdType><SN>61</SN>"
    f"<DeviceID>34020000001320000001</DeviceID><SessionID>{SESSION}</SessionID>"
    "<SnapShotList><SnapShotFileID>34020000001320000001022024050116000512301</SnapShotFileID>"
    "</SnapShotList></Notify>"
)
VIDEO_UPLOAD = (
    "<Notify><CmdType>VideoUploadNotify</CmdType><SN>62</SN>"
    "<DeviceID>34020000001320000001</DeviceID><Time>2024-05-01T16:00:05</Time>"
    "<Longitude>118.376451</Longitude><Latitude>31.326319</Latitude></Notify>"
)
UPGRADE = (
    "<Notify><CmdType>DeviceUpgradeResult</CmdType><SN>63</SN>"
    f"<DeviceID>34020000001180000001</DeviceID><SessionID>{SESSION}</SessionID>"
    "<UpgradeResult>ERROR</UpgradeResult><Firmware>V5.7.2</Firmware>"
    "<UpgradeFailedReason>02</UpgradeFailedReason></Notify>"
)
PTZ_POSITION = (
    "<Notify><CmdType>PTZPosition</CmdType><SN>64</SN>"
    "<DeviceID>34020000001320000001</DeviceID><Pan>12.5</Pan><Tilt>-3.0</Tilt>"
    "<Zoom>4.0</Zoom></Notify>"
)
MEDIA_STATUS = (
    "<Notify><CmdType>MediaStatus</CmdType><SN>8</SN>"
    "<DeviceID>34020000001320000001</DeviceID><NotifyType>121</NotifyType></Notify>"
)
TIME_SYNC = (
    "<Notify><CmdType>TimeSync</CmdType><SN>1</SN>"
    "<DeviceID>34020000001180000001</DeviceID><Zone>8</Zone></Notify>"
)


@asynccontextmanager
async def recorder(
    server: Server, transport: Literal["UDP", "TCP"] = "UDP"
) -> AsyncGenerator[SipPeer]:
    """A device with one channel."""
    async with registered(server, transport=transport) as peer:
        assert (await peer.tell(catalogue(1, 1, CHANNEL))).status == 200
        yield peer


async def notices(server: Server) -> Sequence[Notice]:
    return await server.inventory.notices(DEVICE)


async def events(server: Server, kind: type[Kind]) -> list[Kind]:
    """What was published so far."""
    with server.events.subscribe(1000, after=0) as past:
        so_far = [(await past.next()).event for _ in range(server.events.last_number)]
    return [event for event in so_far if isinstance(event, kind)]


# Keepalives


def faulty(*channel_ids: str, status: str = "OK") -> str:
    listed = "".join(f"<DeviceID>{each}</DeviceID>\n" for each in channel_ids)
    return keepalive().replace(
        "<Status>OK</Status>\n", f"<Status>{status}</Status>\n<Info>\n{listed}</Info>\n"
    )


async def test_faulty_sub_devices_of_a_keepalive_are_shown_and_told_on_change(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, recorder(server) as camera:
        for _ in range(3):
            assert (await camera.tell(faulty(CHANNEL, "34020000001329999999"))).status == 200

        assert server.inventory.device(DEVICE).faulty == (CHANNEL,)
        assert server.notifications.faults.works(DEVICE)
        [told] = await events(server, FaultReported)
        assert (told.device_id, told.works, told.faulty) == (DEVICE, True, (CHANNEL,))


async def test_a_device_that_says_it_does_not_work_is_there_all_the_same(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder(server) as camera:
        error = keepalive().replace("<Status>OK</Status>", "<Status>ERROR</Status>")
        assert (await camera.tell(error)).status == 200

        assert not server.notifications.faults.works(DEVICE)

        assert (await camera.tell(keepalive())).status == 200
        assert server.notifications.faults.works(DEVICE)


# Alarms


async def test_an_alarm_that_comes_by_message_and_by_notify_is_one(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder(server) as camera:
        assert (await camera.tell(alarm(sn=1))).status == 200
        assert (await camera.notify(alarm(sn=9))).status == 200
        assert (await camera.notify(alarm(sn=10))).status == 200
        assert (await camera.tell(alarm(sn=2))).status == 200

        assert [each.sn for each in await server.inventory.alarms(DEVICE)] == [10, 1]


async def test_two_alarms_of_one_second_are_two(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder(server) as camera:
        for sn in (1, 2, 2):
            assert (await camera.tell(alarm(sn=sn))).status == 200

        assert [each.sn for each in await server.inventory.alarms(DEVICE)] == [2, 1]


async def test_an_alarm_by_notify_gets_its_200_and_no_response(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder(server) as camera:
        assert (await camera.notify(alarm())).status == 200
        assert (await camera.tell(alarm(sn=2).replace("T16:23:32", "T17:00:00"))).status == 200

        assert (await camera.asked("MESSAGE", "Alarm")).element("SN") == "2"


async def test_an_alarm_of_method_4_is_a_position_too(tmp_path: Path) -> None:
    gps = alarm().replace(
        "<AlarmMethod>5</AlarmMethod>",
        "<AlarmMethod>4</AlarmMethod><Longitude>118.3</Longitude><Latitude>31.3</Latitude>",
    )
    async with stage(tmp_path) as server, recorder(server) as camera:
        assert (await camera.tell(gps)).status == 200

        position = server.inventory.position(DEVICE, CHANNEL)
        assert position is not None
        assert (position.longitude, position.latitude) == (118.3, 31.3)


async def test_a_source_that_waits_for_its_reset_is_known(tmp_path: Path) -> None:
    by_device = alarm().replace("<AlarmMethod>5<", "<AlarmMethod>2<")
    async with stage(tmp_path) as server, recorder(server) as camera:
        await camera.tell(by_device)
        alarms = server.notifications.alarms

        assert alarms.awaiting_reset(DEVICE) == {CHANNEL}
        resetting = asyncio.create_task(server.commands.controls.reset_alarm(DEVICE, CHANNEL))
        order = await camera.asked("MESSAGE", "DeviceControl")
        assert order.element("AlarmCmd") == "ResetAlarm"
        done = f"<SN>{order.element('SN')}</SN><DeviceID>{CHANNEL}</DeviceID><Result>OK</Result>"
        await camera.tell(f"<Response><CmdType>DeviceControl</CmdType>{done}</Response>")
        await resetting

        assert alarms.awaiting_reset(DEVICE) == frozenset()


# Positions


@pytest.mark.parametrize("body", [POSITION_2016, POSITION_2022], ids=["2016", "2022"])
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("method", ["MESSAGE", "NOTIFY"])
async def test_where_a_camera_is_comes_in_two_forms_and_by_two_ways(
    tmp_path: Path, body: str, transport: Literal["UDP", "TCP"], method: str
) -> None:
    async with stage(tmp_path) as server, recorder(server, transport) as camera:
        answer = await (camera.tell(body) if method == "MESSAGE" else camera.notify(body))

        assert answer.status == 200
        position = server.inventory.position(DEVICE, CHANNEL)
        assert position is not None
        assert (position.longitude, position.latitude) == (118.376451, 31.326319)
        assert (position.speed_kmh, position.direction_deg) == (32.5, 90.0)


async def test_positions_of_others_cameras_are_left_out_and_counted(tmp_path: Path) -> None:
    foreign = POSITION_2022.replace("<Item><DeviceID>34020000001320000001", "<Item><DeviceID>1")
    async with stage(tmp_path) as server, recorder(server) as camera:
        assert (await camera.notify(foreign)).status == 200

        assert server.inventory.position(DEVICE, "1") is None
        assert server.inventory.device(DEVICE).tolerances["foreign_position"] == 1


# The rest


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize(
    ("body", "cmd_type", "facts"),
    [
        (
            SNAPSHOT,
            "UploadSnapShotFinished",
            {
                "session_id": SESSION,
                "file_ids": ["34020000001320000001022024050116000512301"],
            },
        ),
        (
            VIDEO_UPLOAD,
            "VideoUploadNotify",
            {"longitude": 118.376451, "latitude": 31.326319, "at": "2024-05-01T16:00:05+08:00"},
        ),
        (
            UPGRADE,
            "DeviceUpgradeResult",
            {
                "session_id": SESSION,
                "result": "ERROR",
                "firmware": "V5.7.2",
                "failed_reason": "02",
            },
        ),
        (PTZ_POSITION, "PTZPosition", {"pan_deg": 12.5, "tilt_deg": -3.0, "zoom": 4.0}),
        (MEDIA_STATUS, "MediaStatus", {"notify_type": 121}),
        (TIME_SYNC, "TimeSync", {}),
    ],
    ids=["snapshot", "video upload", "upgrade", "ptz position", "media status", "unknown"],
)
async def test_what_a_device_tells_is_stored_before_it_is_answered(
    tmp_path: Path,
    transport: Literal["UDP", "TCP"],
    body: str,
    cmd_type: str,
    facts: dict[str, object],
) -> None:
    async with stage(tmp_path) as server, recorder(server, transport) as camera:
        assert (await camera.tell(body)).status == 200

        [notice] = await notices(server)
        assert notice.cmd_type == cmd_type
        assert {name: notice.facts[name] for name in facts} == facts
        assert notice.raw == body.encode()


async def test_a_notice_that_is_repeated_is_stored_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder(server) as camera:
        raw = camera.message(SNAPSHOT)
        for _ in range(3):
            assert (await camera.ask(raw)).status == 200

        assert len(await notices(server)) == 1


@pytest.mark.parametrize("body", [SNAPSHOT, PTZ_POSITION, UPGRADE, POSITION_2016, TIME_SYNC])
async def test_nobody_tells_anything_of_what_is_not_its_own(tmp_path: Path, body: str) -> None:
    foreign = body.replace("34020000001320000001<", f"{OTHER_DEVICE}<").replace(
        "34020000001180000001<", f"{OTHER_DEVICE}<"
    )
    async with stage(tmp_path) as server, recorder(server) as camera:
        assert (await camera.tell(foreign)).status == 403
        assert (await camera.notify(foreign)).status == 403

        assert await notices(server) == []
        assert server.notifications.notices.refused == {"foreign_body_id": 2}


@pytest.mark.parametrize("body", ["no XML at all", "<Notify><CmdType>Alarm</CmdType>"])
async def test_a_notify_that_cannot_be_read_is_a_bad_request(tmp_path: Path, body: str) -> None:
    async with stage(tmp_path) as server, recorder(server) as camera:
        assert (await camera.notify(body)).status == 400


async def test_a_keepalive_that_comes_by_notify_is_answered(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder(server) as camera:
        assert (await camera.notify(keepalive())).status == 200
        assert (await camera.notify(keepalive(OTHER_DEVICE))).status == 403


async def test_the_time_of_a_video_upload_is_the_device_s(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, recorder(server) as camera:
        await camera.tell(VIDEO_UPLOAD)

        [notice] = await notices(server)
        assert notice.occurred_at == datetime(2024, 5, 1, 8, 0, 5, tzinfo=UTC)
        await until(lambda: server.inbound.is_idle)
