"""Every command of the standard, in its printed bytes, before a simulated device."""

import pytest

from tests.support.sip_peer import Message
from tests.support.waiting import until
from tests.vms.simulator.peer_platform import (
    ALARM_INPUT,
    DEVICE,
    WirePlatform,
    one_device,
)
from vms.gb28181.version import Edition
from vms.simulator.simulation import running

SESSION = "6f1d2c3b4a5968778695a4b3c2d1e0f1"
BOX = (
    "<Length>1280</Length><Width>720</Width><MidPointX>{x}</MidPointX><MidPointY>360</MidPointY>"
    "<LengthX>320</LengthX><LengthY>180</LengthY>"
)


async def pose(platform: WirePlatform) -> tuple[float, float, float]:
    told = await platform.query("PTZPosition")
    pan, tilt, zoom = (float(told.element(name)) for name in ("Pan", "Tilt", "Zoom"))
    return pan, tilt, zoom


async def until_at(platform: WirePlatform, pan: float, tilt: float, zoom: float) -> None:
    wanted = pytest.approx((pan, tilt, zoom), abs=0.02)
    while await pose(platform) != wanted:
        pass


async def test_a_device_tells_what_it_is_and_how_it_does() -> None:
    async with one_device() as (platform, _):
        info = await platform.query("DeviceInfo", target=DEVICE)
        status = await platform.query("DeviceStatus", target=DEVICE)

    assert [info.element(name) for name in ("Result", "Manufacturer", "Channel")] == [
        "OK",
        "Simulated",
        "1",
    ]
    assert [
        status.element(name) for name in ("Result", "Online", "Status", "Encode", "Record")
    ] == [
        "OK",
        "ONLINE",
        "OK",
        "OFF",
        "OFF",
    ]
    assert status.element("DutyStatus") == "OFFDUTY"


async def test_a_head_moves_by_a_word_until_the_word_that_stops_it() -> None:
    async with one_device() as (platform, _):
        await platform.ptz("A50F000180000035")
        first = await pose(platform)
        await platform.ptz("A50F0000000000B4")
        stopped = await pose(platform)

        assert 0 <= first[0] < stopped[0]
        assert await pose(platform) == stopped


async def test_up_is_a_smaller_tilt_and_zoom_in_a_larger_zoom() -> None:
    async with one_device() as (platform, _):
        await platform.ptz("A50F00080080003C")
        await until_tilt_below_zero(platform)
        await platform.ptz("A50F001000008044")
        while (await pose(platform))[2] <= 1:
            pass


async def until_tilt_below_zero(platform: WirePlatform) -> None:
    while (await pose(platform))[1] >= 0:
        pass


async def test_a_word_with_a_wrong_check_sum_moves_nothing() -> None:
    async with one_device() as (platform, _):
        await platform.ptz("A50F000180000034")

        assert await pose(platform) == await pose(platform) == (0, 0, 1)


async def test_presets_are_set_by_name_listed_called_and_deleted() -> None:
    async with one_device() as (platform, _):
        await platform.control("<PTZPreciseCtrl><Pan>3.00</Pan><Tilt>-1.50</Tilt></PTZPreciseCtrl>")
        await until_at(platform, 3, -1.5, 1)
        named = "<PTZCmdParams><PresetName>Gate</PresetName></PTZCmdParams>"
        await platform.ptz("A50F008100010036", named)
        presets = await platform.query("PresetQuery")
        await platform.control("<PTZPreciseCtrl><Pan>0.00</Pan><Tilt>0</Tilt></PTZPreciseCtrl>")
        await until_at(platform, 0, 0, 1)
        await platform.ptz("A50F008200010037")
        await until_at(platform, 3, -1.5, 1)
        await platform.ptz("A50F008300010038")
        none = await platform.query("PresetQuery")

    assert [presets.element(name) for name in ("SumNum", "PresetID", "PresetName")] == [
        "1",
        "1",
        "Gate",
    ]
    assert none.element("SumNum") == "0"


async def test_a_cruise_is_made_of_presets_and_runs() -> None:
    async with one_device() as (platform, simulation):
        await platform.control("<PTZPreciseCtrl><Pan>1</Pan></PTZPreciseCtrl>")
        await until_at(platform, 1, 0, 1)
        # Preset 3 there, into cruise 1, which gets 30 s of dwell.
        await platform.ptz("A50F008100030038")
        named = "<PTZCmdParams><CruiseTrackName>Round</CruiseTrackName></PTZCmdParams>"
        await platform.ptz("A50F00840103003C", named)
        await platform.ptz("A50F0087011E005A")
        tracks = await platform.query("CruiseTrackListQuery")
        track = await platform.query("CruiseTrackQuery", "<Number>1</Number>")
        await platform.control("<PTZPreciseCtrl><Pan>0</Pan></PTZPreciseCtrl>")
        await until_at(platform, 0, 0, 1)
        await platform.ptz("A50F00880100003D")
        await until_at(platform, 1, 0, 1)
        await platform.ptz("A50F00850100003A")
        none = await platform.query("CruiseTrackListQuery")

    assert (tracks.element("Number"), tracks.element("Name")) == ("1", "Round")
    assert [track.element(name) for name in ("PresetIndex", "StayTime", "Speed")] == [
        "3",
        "30",
        "8",
    ]
    assert none.element("SumNum") == "0"
    assert simulation.summary.commands_received["DeviceControl/PTZCmd"] == 5


async def test_the_wiper_runs_until_it_is_switched_off() -> None:
    async with one_device() as (platform, simulation):
        head = simulation.cameras[0].unit.head(DEVICE, now=0)
        assert head is not None
        await platform.ptz("A50F008C01000041")
        await until(lambda: head.switches == {1})
        await platform.ptz("A50F008D01000042")
        await until(lambda: head.switches == set())


async def test_a_scan_turns_until_a_stop() -> None:
    async with one_device() as (platform, _):
        await platform.ptz("A50F008A0130006F")
        await platform.ptz("A50F00890100003E")
        first = await pose(platform)
        while await pose(platform) == first:
            pass
        await platform.ptz("A50F0000000000B4")
        assert await pose(platform) == await pose(platform)


async def test_a_box_dragged_in_the_window_turns_and_zooms() -> None:
    async with one_device() as (platform, _):
        await platform.control(f"<DragZoomIn>{BOX.format(x=960)}</DragZoomIn>")
        await until_at(platform, 15, 0, 4)
        await platform.control(f"<DragZoomOut>{BOX.format(x=640)}</DragZoomOut>")
        await until_at(platform, 15, 0, 1)


async def test_a_home_position_is_set_and_told() -> None:
    async with one_device() as (platform, _):
        home = "<Enabled>1</Enabled><ResetTime>30</ResetTime><PresetIndex>1</PresetIndex>"
        sn = await platform.control(f"<HomePosition>{home}</HomePosition>")
        done = await platform.answer("DeviceControl", sn)
        told = await platform.query("HomePositionQuery")

    assert done.element("Result") == "OK"
    assert [told.element(name) for name in ("Enabled", "ResetTime", "PresetIndex")] == [
        "1",
        "30",
        "1",
    ]


async def test_a_target_is_tracked_until_a_stop() -> None:
    async with one_device() as (platform, simulation):
        head = simulation.cameras[0].unit.head(DEVICE, now=0)
        assert head is not None
        area = f"<TargetArea>{BOX.format(x=640)}</TargetArea>"
        await platform.control(f"<TargetTrack>Manual</TargetTrack>{area}")
        await until(lambda: head.is_tracking)
        await platform.control("<TargetTrack>Stop</TargetTrack>")
        await until(lambda: not head.is_tracking)


async def test_recording_is_started_and_stopped_by_command() -> None:
    async with one_device() as (platform, _):
        sn = await platform.control("<RecordCmd>Record</RecordCmd><StreamNumber>0</StreamNumber>")
        started = await platform.answer("DeviceControl", sn)
        while_recording = await platform.query("DeviceStatus")
        sn = await platform.control("<RecordCmd>StopRecord</RecordCmd>")
        await platform.answer("DeviceControl", sn)
        afterwards = await platform.query("DeviceStatus")
        sn = await platform.control("<RecordCmd>Record</RecordCmd><StreamNumber>99</StreamNumber>")
        refused = await platform.answer("DeviceControl", sn)

    assert started.element("Result") == "OK"
    assert (while_recording.element("Record"), afterwards.element("Record")) == ("ON", "OFF")
    assert refused.element("Result") == "ERROR"


async def test_a_device_alarm_is_raised_once_until_it_is_reset() -> None:
    async with one_device() as (platform, simulation):
        camera = simulation.cameras[0]
        sn = await platform.control("<GuardCmd>SetGuard</GuardCmd>", ALARM_INPUT)
        await platform.answer("DeviceControl", sn)
        armed = await platform.query("DeviceStatus", target=DEVICE)
        assert await camera.raise_alarm(source_id=ALARM_INPUT, method=2, alarm_type=None)
        alarming = await platform.query("DeviceStatus", target=DEVICE)
        assert not await camera.raise_alarm(source_id=ALARM_INPUT, method=2, alarm_type=None)
        reset = "<AlarmCmd>ResetAlarm</AlarmCmd><Info><AlarmMethod>2</AlarmMethod></Info>"
        sn = await platform.control(reset, ALARM_INPUT)
        assert (await platform.answer("DeviceControl", sn)).element("Result") == "OK"
        assert await camera.raise_alarm(source_id=ALARM_INPUT, method=2, alarm_type=None)

    duties = [one.element("DutyStatus") for one in (armed, alarming)]
    assert duties == ["ONDUTY", "ALARM"]
    assert simulation.summary.alarms_withheld == 1


async def test_a_card_is_formatted_with_progress() -> None:
    async with one_device() as (platform, _):
        before = await platform.query("SDCardStatus", target=DEVICE)
        await platform.control("<FormatSDCard>1</FormatSDCard>", DEVICE)
        during = await platform.query("SDCardStatus", target=DEVICE)

    assert (before.element("SumNum"), before.element("Status")) == ("2", "ok")
    assert during.element("Status") == "formatting"
    assert 0 <= int(during.element("FormatProgress")) < 100


async def test_recordings_come_in_parts_that_name_the_same_total() -> None:
    async with one_device() as (platform, simulation):
        wall = simulation.cameras[0].link.wall()
        asked = (
            f"<StartTime>{wall:%Y}-01-01T00:00:00</StartTime>"
            f"<EndTime>{wall:%Y}-12-31T23:59:59</EndTime><Secrecy>0</Secrecy><Type>alarm</Type>"
        )
        first = await platform.query("RecordInfo", asked)
        total, sn = int(first.element("SumNum")), int(first.element("SN"))
        items = items_in(first)
        while len(items) < total:
            part = await platform.answer("RecordInfo", sn)
            assert int(part.element("SumNum")) == total
            items += items_in(part)

    assert total > 10
    assert len(set(items)) == total
    assert all("<Type>alarm</Type>" in item and "<FileSize>" in item for item in items)


def items_in(message: Message) -> list[str]:
    """The Items of a body, as text."""
    text = message.body.decode("gb18030")
    return [part.partition("</Item>")[0] for part in text.split("<Item>")[1:]]


async def test_nothing_recorded_is_a_total_of_none_and_no_list() -> None:
    async with one_device() as (platform, _):
        asked = "<StartTime>2001-01-01T00:00:00</StartTime><EndTime>2001-01-02T00:00:00</EndTime>"
        answer = await platform.query("RecordInfo", asked)

    assert answer.element("SumNum") == "0"
    assert b"RecordList" not in answer.body


async def test_an_upgrade_is_accepted_and_told_after_the_restart() -> None:
    async with one_device() as (platform, simulation):
        upgrade = (
            "<DeviceUpgrade><Firmware>V5.7.3</Firmware><FileURL>http://127.0.0.1/fw.bin</FileURL>"
            f"<Manufacturer>Simulated</Manufacturer><SessionID>{SESSION}</SessionID></DeviceUpgrade>"
        )
        sn = await platform.control(upgrade, DEVICE)
        accepted = await platform.answer("DeviceControl", sn)
        result = await platform.peer.asked("MESSAGE", "DeviceUpgradeResult")
        info = await platform.query("DeviceInfo", target=DEVICE)

        assert len(platform.registers) == 2
    assert accepted.element("Result") == "OK"
    assert [result.element(name) for name in ("SessionID", "UpgradeResult", "Firmware")] == [
        SESSION,
        "OK",
        "V5.7.3",
    ]
    assert info.element("Firmware") == "V5.7.3"
    assert simulation.summary.registrations == 2


async def test_another_makers_firmware_is_refused_after_the_restart() -> None:
    async with one_device() as (platform, _):
        upgrade = (
            "<DeviceUpgrade><Firmware>V9</Firmware><FileURL>http://127.0.0.1/fw.bin</FileURL>"
            f"<Manufacturer>Acme</Manufacturer><SessionID>{SESSION}</SessionID></DeviceUpgrade>"
        )
        await platform.control(upgrade, DEVICE)
        result = await platform.peer.asked("MESSAGE", "DeviceUpgradeResult")

    told = [result.element(name) for name in ("UpgradeResult", "Firmware", "UpgradeFailedReason")]
    assert told == ["ERROR", "1.0", "02"]


async def test_a_reboot_is_a_silence_and_a_new_registration() -> None:
    async with one_device() as (platform, _):
        await platform.control("<TeleBoot>Boot</TeleBoot>", DEVICE)
        await until(lambda: len(platform.registers) == 2)


async def test_a_key_picture_is_asked_for_in_the_words_of_the_edition() -> None:
    async with one_device() as (platform, simulation):
        await platform.control("<IFrameCmd>Send</IFrameCmd>")
        await until(lambda: simulation.summary.key_pictures_asked == 1)
        await platform.control("<IFameCmd>Send</IFameCmd>")
        await until(lambda: simulation.summary.commands_unknown == 1)
    async with one_device(edition=Edition.E2016) as (platform, simulation):
        await platform.control("<IFameCmd>Send</IFameCmd>")
        await until(lambda: simulation.summary.key_pictures_asked == 1)


@pytest.mark.parametrize(
    ("edition", "query"),
    [
        (Edition.E2011, "ConfigDownload"),
        (Edition.E2011, "PresetQuery"),
        (Edition.E2016, "HomePositionQuery"),
        (Edition.E2016, "CruiseTrackListQuery"),
        (Edition.E2016, "PTZPosition"),
        (Edition.E2016, "SDCardStatus"),
        (Edition.E2022, "TimeSync"),
    ],
)
async def test_what_an_edition_does_not_know_gets_200_and_no_answer(
    edition: Edition, query: str
) -> None:
    async with one_device(edition=edition) as (platform, simulation):
        more = "<ConfigType>BasicParam</ConfigType>"
        await platform.say(f"<Query>\r\n<CmdType>{query}</CmdType>\r\n{more}</Query>\r\n")
        # The device works through its messages in order: this answer would come after another.
        await platform.query("DeviceStatus", target=DEVICE)
        assert [one for one in platform.peer.requests if one.method == "MESSAGE"] == []
    assert simulation.summary.commands_unknown == 1


async def test_only_the_2022_edition_names_itself_and_writes_gb18030() -> None:
    async with one_device(edition=Edition.E2016) as (platform, _):
        info = await platform.query("DeviceInfo", target=DEVICE)
        assert "X-GB-Ver" not in platform.registers[0]
        assert b'encoding="GB2312"' in info.body
    async with one_device() as (platform, _):
        info = await platform.query("DeviceInfo", target=DEVICE)
        assert platform.registers[0]["X-GB-Ver"] == "3.0"
        assert b'encoding="GB18030"' in info.body


async def test_a_device_sets_its_clock_by_the_answer_to_its_registration() -> None:
    async with WirePlatform.open() as platform:
        platform.register_headers = [("Date", "2024-05-01T16:00:00.000")]
        async with running(platform.options()) as simulation:
            await until(lambda: simulation.cameras[0].is_registered)
            status = await platform.query("DeviceStatus", target=DEVICE)
    assert status.element("DeviceTime").startswith("2024-05-01T16:00:")
