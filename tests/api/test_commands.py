"""Every query and control over HTTP, to a device of a few lines and to simulated cameras."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.on_air import CAMERA, WHOLE, on_air
from tests.support.served import Served, served
from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE
from tests.support.waiting import until, until_async
from tests.vms.signalling.stage import CHANNEL, DEVICE, alarm
from vms.gb28181.manscdp.registry import COMMANDS

HERE = f"/devices/{FIRST_DEVICE}"
THERE = f"{HERE}/channels/{FIRST_CHANNEL}"
ALARM_INPUT = "34020000001340000001"
BOX = {
    "window_width_px": 1920,
    "window_height_px": 1080,
    "middle_x_px": 960,
    "middle_y_px": 540,
    "box_width_px": 200,
    "box_height_px": 100,
}

QUERIES: list[tuple[str, dict[str, Any]]] = [
    (f"{HERE}/query/info", {}),
    (f"{HERE}/query/status", {}),
    (f"{HERE}/query/sd-cards", {}),
    (f"{HERE}/query/config", {"config_type": "BasicParam"}),
    (f"{THERE}/query/status", {}),
    (f"{THERE}/query/presets", {}),
    (f"{THERE}/query/home-position", {}),
    (f"{THERE}/query/cruises", {}),
    (f"{THERE}/query/cruises/0", {}),
    (f"{THERE}/query/ptz-position", {}),
    (f"{THERE}/query/sd-cards", {}),
    (f"{THERE}/query/config", {"config_type": "OSDConfig"}),
    (f"{THERE}/query/config", {"config_type": "PictureMask"}),
]

CONTROLS: list[tuple[str, dict[str, Any]]] = [
    (f"{HERE}/control/guard", {"is_set": True}),
    (f"{HERE}/control/reset-alarm", {}),
    (f"{THERE}/control/record", {"is_start": True}),
    (f"{THERE}/control/record", {"is_start": False, "stream_number": 1}),
    (f"{THERE}/control/guard", {"is_set": False}),
    (f"{THERE}/control/reset-alarm", {"methods": [2]}),
    (f"{THERE}/control/key-picture", {}),
    (f"{THERE}/control/precise", {"pan_deg": 90, "tilt_deg": -5, "zoom": 2}),
    (f"{THERE}/control/track", {"mode": "Auto"}),
    (f"{THERE}/control/track", {"mode": "Stop"}),
    (f"{THERE}/drag-zoom", {"direction": "in", "box": BOX}),
    (f"{THERE}/home-position", {"is_enabled": True, "reset_time_s": 60, "preset": 1}),
    (f"{THERE}/presets", {"action": "set", "preset": 1, "name": "Gate"}),
    (f"{THERE}/cruises", {"action": "add_point", "cruise": 0, "preset": 1}),
    (f"{THERE}/auxiliary", {"is_on": True}),
    (f"{THERE}/control/format-sd", {"card": 1}),
]


async def post(place: Served, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """Without a body where there is nothing to say."""
    return await place.api.post(path, json=body or None)


async def test_a_camera_of_2022_answers_every_query_and_obeys_every_control(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as place, place.cameras("--edition", "2022") as summary:
        await place.until_online(FIRST_DEVICE)

        # when it is ordered and asked everything
        for path, body in (*CONTROLS, *QUERIES):
            answer = await post(place, path, body)
            assert answer.status_code == 200, (path, answer.text)

        # then what was set is there
        presets = (await post(place, f"{THERE}/query/presets")).json()
        assert {"preset_id": 1, "name": "Gate"} in presets["items"]
        assert presets["next_cursor"] is None
        home = (await post(place, f"{THERE}/query/home-position")).json()["home"]
        assert (home["is_enabled"], home["preset_index"], home["reset_time_s"]) == (True, 1, 60)
        position = (await post(place, f"{THERE}/query/ptz-position")).json()
        assert position["pan_deg"] is not None

        # and a reboot makes it come again
        registered_at = (await place.api.get(HERE)).json()["registered_at"]
        assert (await post(place, f"{HERE}/control/reboot")).status_code == 200

        async def came_again() -> bool:
            shown = (await place.api.get(HERE)).json()
            return bool(shown["registered_at"] != registered_at and shown["status"] == "online")

        await until_async(came_again, bool, 60.0)

    received = summary["commands_received"]
    for name in ("PresetQuery", "HomePositionQuery", "CruiseTrackListQuery", "PTZPosition"):
        assert received[name] >= 1, received
    assert summary["commands_unknown"] == 0


async def test_configurations_are_read_written_and_read_back(tmp_path: Path) -> None:
    blocks: list[dict[str, Any]] = [
        {"config_type": "FrameMirror", "mode": 2},
        {
            "config_type": "OSDConfig",
            "window_width_px": 1920,
            "window_height_px": 1080,
            "time_x_px": 10,
            "time_y_px": 20,
            "texts": [{"text": "North gate", "x_px": 30, "y_px": 40}],
        },
        {
            "config_type": "VideoRecordPlan",
            "is_enabled": True,
            "days": [
                {
                    "week_day": 1,
                    "segments": [
                        {"start_hour": 8, "start_minute": 0, "stop_hour": 18, "stop_minute": 30}
                    ],
                }
            ],
        },
        {
            "config_type": "PictureMask",
            "is_on": True,
            "regions": [
                {"seq": 1, "box": {"left_px": 1, "top_px": 2, "right_px": 3, "bottom_px": 4}}
            ],
        },
        {
            "config_type": "VideoParamAttribute",
            "streams": [{"stream_number": 0, "video_format": "5", "resolution": "6"}],
        },
        {"config_type": "AlarmReport", "is_motion_reported": True, "is_intrusion_reported": False},
        {"config_type": "VideoAlarmRecord", "is_enabled": True, "record_time_s": 30},
    ]
    async with served(tmp_path) as place, place.cameras("--edition", "2022"):
        await place.until_online(FIRST_DEVICE)

        written = await post(place, f"{THERE}/control/config", {"blocks": blocks})
        whole = await post(
            place,
            f"{HERE}/control/config",
            {"blocks": [{"config_type": "BasicParam", "heartbeat_count": 5}]},
        )

        assert (written.status_code, whole.status_code) == (200, 200), written.text
        body = written.json()
        assert (body["is_accepted"], body["differing"]) == (True, []), body
        assert {"FrameMirror.mode", "OSDConfig.texts", "PictureMask.regions"} <= set(
            body["confirmed"]
        )
        assert whole.json()["confirmed"] == ["BasicParam.heartbeat_count"]
        read = (await post(place, f"{THERE}/query/config", {"config_type": "FrameMirror"})).json()
        assert (read["config_type"], read["block"]) == ("FrameMirror", {"mode": 2})


async def test_the_table_of_commands_says_what_the_edition_lacks(tmp_path: Path) -> None:
    async with on_air(tmp_path, version="2.0") as air:
        table = (await air.admin.get(f"{WHOLE}/commands")).json()

        assert table["edition"] == "2016"
        assert len(table["items"]) == len(COMMANDS)
        found = {(each["root"], each["name"]): each for each in table["items"]}
        assert found["Control", "IFrameCmd"]["is_supported"] is True
        assert found["Query", "SDCardStatus"]["is_supported"] is False
        assert found["Query", "SDCardStatus"]["editions"] == ["2022"]
        types = {each["config_type"]: each for each in table["config_types"]}
        assert types["VideoParamOpt"]["is_writable"] is False
        assert types["OSDConfig"]["is_supported"] is False
        assert (await air.admin.get("/api/v1/devices/1/commands")).status_code == 404


async def test_what_an_edition_lacks_is_refused_in_words_and_sent_when_insisted_on(
    tmp_path: Path,
) -> None:
    async with on_air(tmp_path, version="2.0") as air:
        # when a device of 2016 is to look exactly there
        refused = await air.admin.post(f"{CAMERA}/control/precise", json={"pan_deg": 90})

        # then nothing was sent, and the words say why
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (409, "unsupported")
        assert problem["facts"]["command"] == "PTZPreciseCtrl"
        assert problem["facts"]["edition"] == "2016"
        assert "2022" in problem["detail"]

        # and with `force` it is
        forced = await air.admin.post(
            f"{CAMERA}/control/precise", json={"pan_deg": 90, "force": True}
        )
        assert forced.status_code == 200
        order = await air.camera.asked("MESSAGE", "DeviceControl")
        assert float(order.element("Pan")) == 90.0


async def test_silence_is_504_a_refusal_502_with_its_sip_status_and_absence_409(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.messenger.ANSWER_LIMIT_S", 0.3)
    monkeypatch.setattr("vms.signalling.commanding.RESULT_LIMIT_S", 0.3)
    async with on_air(tmp_path) as air:
        # a 200, and no answer
        silent = await air.admin.post(f"{CAMERA}/query/presets")
        assert (silent.status_code, silent.json()["code"]) == (504, "no_answer")

        # a 200, and no word of what became of an order
        order = (await air.admin.post(f"{CAMERA}/control/guard", json={"is_set": True})).json()
        assert order["is_confirmed"] is False
        assert "did not tell" in order["sentence"]

        # ERROR
        asked = asyncio.ensure_future(
            air.admin.post(f"{CAMERA}/control/record", json={"is_start": True})
        )
        await until(lambda: any(each.element("RecordCmd") for each in air.camera.requests))
        air.camera.requests[:] = [each for each in air.camera.requests if each.element("RecordCmd")]
        await air.answer("DeviceControl", "<Result>ERROR</Result>")
        refused = await asked
        assert (refused.status_code, refused.json()["code"]) == (502, "rejected")
        assert refused.json()["facts"]["sip_status"] == 200

        # a SIP status
        air.camera.answers["MESSAGE"] = 488
        refused = await air.admin.post(f"{CAMERA}/query/presets")
        assert (refused.status_code, refused.json()["facts"]["sip_status"]) == (502, 488)

        # and a device that never came
        await air.admin.post("/api/v1/devices", json={"device_id": "34020000001180000009"})
        absent = await air.admin.post("/api/v1/devices/34020000001180000009/control/reboot")
        assert (absent.status_code, absent.json()["code"]) == (409, "device_offline")


async def test_past_alarms_and_positions_are_asked_of_those_who_know_how(tmp_path: Path) -> None:
    async with on_air(tmp_path, version="2.0") as air:
        for path in (f"{WHOLE}/query/alarms", f"{CAMERA}/query/alarms"):
            asked = asyncio.ensure_future(
                air.admin.post(path, json={"first_priority": 1, "last_priority": 4})
            )
            order = await air.answer("Alarm")
            assert order.element("StartAlarmPriority") == "1"
            assert (await asked).json()["is_confirmed"] is True
        for path in (f"{WHOLE}/query/position", f"{CAMERA}/query/position"):
            answer = await air.admin.post(path, json={"interval_s": 10})
            assert answer.status_code == 200
            assert (await air.camera.asked("MESSAGE", "MobilePosition")).element("Interval") == "10"
        presets = asyncio.ensure_future(air.admin.post(f"{WHOLE}/query/presets"))
        await air.answer("PresetQuery", '<PresetList Num="0"></PresetList>')
        assert (await presets).json()["items"] == []


async def test_every_order_leaves_a_row_before_it_is_sent(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air:
        await air.admin.post(f"{WHOLE}/control/reboot")
        await air.admin.post(f"{CAMERA}/control/format-sd", json={"card": 1})
        await air.admin.post(f"{WHOLE}/control/format-sd", json={"card": 0})
        await air.admin.post(f"{CAMERA}/control/key-picture")

        assert (await air.audit())[:4] == [
            ("ask key picture", f"{DEVICE}/{CHANNEL}"),
            ("format SD card", f"{DEVICE}/{DEVICE}"),
            ("format SD card", f"{DEVICE}/{CHANNEL}"),
            ("reboot device", DEVICE),
        ]


async def test_a_device_shows_whose_alarms_wait_for_their_reset_until_it_is_sent(
    tmp_path: Path,
) -> None:
    async with on_air(tmp_path) as air:

        async def raise_by_device(source_id: str, sn: int) -> None:
            by_device = alarm(source_id, sn).replace("<AlarmMethod>5<", "<AlarmMethod>2<")
            assert (await air.camera.tell(by_device)).status == 200

        async def awaiting() -> Any:
            return (await air.admin.get(WHOLE)).json()["alarms_awaiting_reset"]

        async def reset(path: str) -> None:
            asked = asyncio.ensure_future(air.admin.post(f"{path}/control/reset-alarm"))
            order = await air.answer("DeviceControl")
            assert order.element("AlarmCmd") == "ResetAlarm"
            assert (await asked).json()["is_confirmed"] is True

        # an alarm of another method silences nobody
        assert (await air.camera.tell(alarm())).status == 200
        assert await awaiting() == []

        # one by the device does: its channel, and an input that is in no catalogue
        await raise_by_device(ALARM_INPUT, 2)
        await raise_by_device(CHANNEL, 3)
        assert await awaiting() == [CHANNEL, ALARM_INPUT]
        changed = await air.admin.patch(WHOLE, json={"name": "Gate"})
        assert changed.json()["alarms_awaiting_reset"] == [CHANNEL, ALARM_INPUT]
        (listed,) = (await air.admin.get("/api/v1/devices")).json()["items"]
        assert "alarms_awaiting_reset" not in listed

        # until they are reset: one by one, in the catalogue or not, or all with their device
        await reset(f"{WHOLE}/channels/{ALARM_INPUT}")
        assert await awaiting() == [CHANNEL]
        again = await air.admin.post(f"{WHOLE}/channels/{ALARM_INPUT}/control/reset-alarm")
        assert again.status_code == 404
        await raise_by_device(ALARM_INPUT, 4)
        await reset(CAMERA)
        assert await awaiting() == [ALARM_INPUT]
        await reset(WHOLE)
        assert await awaiting() == []


async def test_a_part_of_a_catalogue_is_asked_for_by_division_and_by_time(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air:
        wish = {
            "target": "340203",
            "start": "2026-03-01T00:00:00+08:00",
            "end": "2026-03-02T00:00:00+08:00",
        }
        await until(
            lambda: any(each.element("CmdType") == "Catalog" for each in air.camera.requests)
        )
        air.camera.requests.clear()

        answer = await air.admin.post(f"{WHOLE}/catalog", json=wish)
        backwards = wish | {"start": wish["end"], "end": wish["start"]}
        refused = await air.admin.post(f"{WHOLE}/catalog", json=backwards)

        assert answer.status_code == 202
        order = await air.camera.asked("MESSAGE", "Catalog")
        assert order.element("DeviceID") == "340203"
        assert order.element("StartTime").startswith("2026-03-01T00:00:00")
        assert refused.status_code == 422
