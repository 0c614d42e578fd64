"""Cameras move for whoever holds them, and stop for everybody (9.3, annex A.3)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api.on_air import CAMERA, WHOLE, OnAir, on_air
from tests.support.waiting import until
from tests.vms.signalling.stage import CHANNEL, DEVICE
from vms.accounts.model import Role

STOP = "A50F0000000000B4"
SUBJECT = f"{DEVICE}/{CHANNEL}"


async def next_word(air: OnAir) -> str:
    return (await air.camera.asked("MESSAGE", "DeviceControl")).element("PTZCmd")


WORDS: list[tuple[dict[str, int], str]] = [
    ({"pan": 100}, "A50F0001FF0000B4"),
    ({"pan": -100}, "A50F0002FF0000B5"),
    ({"tilt": 50}, "A50F00080080003C"),
    ({"tilt": -50}, "A50F000400800038"),
    ({"zoom": 100}, "A50F00100000F0B4"),
    ({"zoom": -1}, "A50F0020000010E4"),
    ({"pan": 10, "tilt": 10, "zoom": 40}, "A50F00191A1A6061"),
    ({"focus": 50}, "A50F004180000075"),
    ({"focus": -50}, "A50F004280000076"),
    ({"iris": 50}, "A50F004400800078"),
    ({"iris": -50}, "A50F00480080007C"),
]


async def test_percents_become_the_eight_bytes(tmp_path: Path) -> None:
    async with on_air(tmp_path, transport="TCP") as air:
        for wanted, word in WORDS:
            assert (await air.admin.post(f"{CAMERA}/ptz", json=wanted)).status_code == 200

            assert await next_word(air) == word, wanted
            assert (await air.admin.delete(f"{CAMERA}/ptz")).status_code == 200
            air.camera.requests.clear()


async def test_a_movement_is_held_shown_renewed_and_stopped_and_noted_once(
    tmp_path: Path,
) -> None:
    async with on_air(tmp_path) as air, air.another(Role.VIEWER, "wang") as viewer:
        # when it is begun and renewed
        begun = (await air.admin.post(f"{CAMERA}/ptz", json={"pan": 50, "hold_s": 10})).json()
        renewed = (await air.admin.post(f"{CAMERA}/ptz", json={"pan": 50, "hold_s": 10})).json()

        # then it says who has the camera, to everybody
        assert (begun["is_moving"], begun["holder"], begun["is_yours"]) == (True, "admin", True)
        assert renewed["until"] >= begun["until"]
        seen = (await viewer.get(f"{CAMERA}/ptz")).json()
        assert (seen["is_moving"], seen["holder"], seen["is_yours"]) == (True, "admin", False)
        assert (await viewer.post(f"{CAMERA}/ptz", json={"pan": 1})).status_code == 403

        # and zeros stop it
        assert (await air.admin.post(f"{CAMERA}/ptz", json={})).json()["is_moving"] is False
        assert (await viewer.get(f"{CAMERA}/ptz")).json()["holder"] is None
        assert (await air.audit())[:2] == [("stop camera", SUBJECT), ("move camera", SUBJECT)]


async def test_a_movement_that_nobody_renews_stops_by_itself(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air:
        await air.admin.post(f"{CAMERA}/ptz", json={"tilt": 100, "hold_s": 0.3})

        assert (await next_word(air), await next_word(air)) == ("A50F000800FF00BB", STOP)
        await until(lambda: air.server.commands.steering.moving(DEVICE, CHANNEL) is None)


async def test_a_camera_in_hand_is_refused_by_name_and_yields_to_an_administrator(
    tmp_path: Path,
) -> None:
    async with (
        on_air(tmp_path) as air,
        air.another(name="li") as li,
        air.another(name="wang") as wang,
    ):
        # given that an operator moves it
        moved = await li.post(f"{CAMERA}/ptz", json={"pan": 50, "hold_s": 10})
        assert moved.status_code == 200

        # when an equal wants it, or wants it to stop
        refused = await wang.post(f"{CAMERA}/ptz", json={"pan": -50})
        unstopped = await wang.delete(f"{CAMERA}/ptz")
        uncalled = await wang.post(f"{CAMERA}/presets", json={"action": "call", "preset": 1})

        # then they learn who has it, and only an administrator takes it over
        for answer in (refused, unstopped, uncalled):
            assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
            assert answer.json()["facts"]["holder"] == "li"
        taken = await air.admin.post(f"{CAMERA}/ptz", json={"pan": -50})
        assert (taken.status_code, taken.json()["holder"]) == (200, "admin")


async def test_a_camera_stops_when_its_holder_signs_out(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air, air.another() as li:
        await li.post(f"{CAMERA}/ptz", json={"pan": 50, "hold_s": 10})
        await next_word(air)

        assert (await li.post("/api/v1/auth/logout")).status_code == 204

        assert await next_word(air) == STOP
        assert (await air.admin.get(f"{CAMERA}/ptz")).json()["is_moving"] is False


async def test_a_stop_that_nobody_confirms_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.stops.STOP_LIMIT_S", 0.2)
    async with on_air(tmp_path) as air:
        del air.camera.answers["MESSAGE"]

        answer = await air.admin.delete(f"{CAMERA}/ptz")

        assert (answer.status_code, answer.json()["code"]) == (504, "no_answer")
        metrics = (await air.admin.get("/metrics")).text
        assert "vms_unconfirmed_stops_total 1.0" in metrics


REMEMBERED: list[tuple[str, dict[str, Any], str]] = [
    ("presets", {"action": "set", "preset": 1, "name": "Gate"}, "A50F008100010036"),
    ("presets", {"action": "call", "preset": 255}, "A50F008200FF0035"),
    ("presets", {"action": "delete", "preset": 1}, "A50F008300010038"),
    ("cruises", {"action": "add_point", "cruise": 1, "preset": 2}, "A50F00840102003B"),
    ("cruises", {"action": "delete_point", "cruise": 1, "preset": 2}, "A50F00850102003C"),
    ("cruises", {"action": "delete", "cruise": 1}, "A50F00850100003A"),
    ("cruises", {"action": "set_speed", "cruise": 1, "speed": 0x123}, "A50F00860123106E"),
    ("cruises", {"action": "set_dwell", "cruise": 1, "dwell_s": 10}, "A50F0087010A0046"),
    ("cruises", {"action": "start", "cruise": 1}, "A50F00880100003D"),
    ("cruises", {"action": "stop"}, STOP),
    ("scan", {"action": "start", "scan": 1}, "A50F00890100003E"),
    ("scan", {"action": "set_left_border", "scan": 1}, "A50F00890101003F"),
    ("scan", {"action": "set_right_border", "scan": 1}, "A50F008901020040"),
    ("scan", {"action": "set_speed", "scan": 1, "speed": 0xFFF}, "A50F008A01FFF02E"),
    ("scan", {"action": "stop"}, STOP),
    ("auxiliary", {"is_on": True}, "A50F008C01000041"),
    ("auxiliary", {"switch": 1, "is_on": False}, "A50F008D01000042"),
]


async def test_what_a_camera_remembers_is_ordered_in_the_standards_bytes(tmp_path: Path) -> None:
    async with on_air(tmp_path, transport="TCP") as air:
        for path, body, word in REMEMBERED:
            answer = await air.admin.post(f"{CAMERA}/{path}", json=body)

            assert (answer.status_code, answer.json()["is_confirmed"]) == (200, True), answer.text
            order = await air.camera.asked("MESSAGE", "DeviceControl")
            assert order.element("PTZCmd") == word, body
            assert order.element("PresetName") == body.get("name", "")
            assert (await air.audit())[0][1] == SUBJECT
            air.camera.requests.clear()


NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("ptz", {"pan": 101}),
    ("ptz", {"tilt": -101}),
    ("ptz", {"pan": 1, "focus": 1}),
    ("ptz", {"pan": 1, "hold_s": 11}),
    ("ptz", {"pan": 1, "hold_s": 0}),
    ("ptz", {"speed": 1}),
    ("ptz", {"pan": 0.5}),
    ("presets", {"action": "call", "preset": 0}),
    ("presets", {"action": "call", "preset": 256}),
    ("presets", {"action": "call"}),
    ("presets", {"action": "forget", "preset": 1}),
    ("presets", {"action": "set", "preset": 1, "name": "a\nb"}),
    ("presets", {"action": "set", "preset": 1, "name": "一二三四五六七八九十一二三四五六七"}),
    ("cruises", {"action": "start", "cruise": 256}),
    ("cruises", {"action": "add_point", "cruise": 1}),
    ("cruises", {"action": "set_speed", "cruise": 1, "speed": 4096}),
    ("cruises", {"action": "set_dwell", "cruise": 1, "speed": 1}),
    ("scan", {"action": "set_speed"}),
    ("scan", {"action": "start", "scan": -1}),
    ("auxiliary", {"switch": 256, "is_on": True}),
    ("auxiliary", {}),
    ("home-position", {"is_enabled": True, "preset": 256}),
    ("home-position", {}),
    ("drag-zoom", {"direction": "up"}),
    ("control/precise", {}),
    ("control/precise", {"pan_deg": 361}),
    ("control/track", {"mode": "Manual"}),
]


async def test_what_the_eight_bytes_cannot_say_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air:
        for path, body in NONSENSE:
            answer = await air.admin.post(f"{CAMERA}/{path}", json=body)

            assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), (path, body)
        assert [each for each in air.camera.requests if each.element("PTZCmd")] == []


BOX = {
    "window_width_px": 1920,
    "window_height_px": 1080,
    "middle_x_px": 960,
    "middle_y_px": 540,
    "box_width_px": 200,
    "box_height_px": 100,
}


AIMS: list[tuple[str, dict[str, Any], str, bool]] = [
    ("control/precise", {"pan_deg": 120.5, "tilt_deg": -10, "zoom": 4}, "Pan", False),
    ("control/track", {"mode": "Manual", "area": BOX}, "TargetTrack", False),
    ("drag-zoom", {"direction": "in", "box": BOX}, "MidPointX", False),
    ("drag-zoom", {"direction": "out", "box": BOX}, "MidPointX", False),
    (
        "home-position",
        {"is_enabled": True, "reset_time_s": 60, "preset": 3},
        "PresetIndex",
        True,
    ),
]


async def test_a_camera_is_aimed(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air:
        for path, body, element, is_answered in AIMS:
            asked = asyncio.ensure_future(air.admin.post(f"{CAMERA}/{path}", json=body))
            if is_answered:
                order = await air.answer("DeviceControl")
            else:
                order = await air.camera.asked("MESSAGE", "DeviceControl")

            assert order.element(element), path
            assert (await asked).json()["is_confirmed"] is True


async def test_a_camera_that_is_not_on_file_is_not_found_and_leaves_no_row(
    tmp_path: Path,
) -> None:
    async with on_air(tmp_path) as air:
        before = await air.audit()
        for path in (f"{WHOLE}/channels/1/ptz", f"/api/v1/devices/1/channels/{CHANNEL}/ptz"):
            assert (await air.admin.post(path, json={"pan": 1})).status_code == 404
            assert (await air.admin.get(path)).status_code == 404

        assert await air.audit() == before
