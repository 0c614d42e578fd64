"""Devices and channels: on file, waiting, asked, listed; secrets only where they belong."""

import httpx
import pytest
from fastapi import FastAPI

from tests.api.house import CAMERA, GATE, SECOND, SECRET, YARD, House, client_of
from vms.accounts.model import Role
from vms.gb28181.ids import DeviceId
from vms.inventory.model import NewDevice, WaitingVerdict

NEW = DeviceId("34020000001110000009")


async def test_a_device_is_shown_as_it_stands(viewer: httpx.AsyncClient) -> None:
    shown = (await viewer.get(f"/api/v1/devices/{GATE}")).json()

    assert shown["status"] == "online"
    assert shown["state"] == "online_signalled"
    assert shown["edition"] == "2016"
    assert (shown["transport"], shown["remote_address"]) == ("UDP", "127.0.0.9:5060")
    assert (shown["channel_count"], shown["online_channel_count"]) == (2, 1)
    assert shown["registered_at"].endswith("Z")
    assert shown["sip_username"] == GATE
    assert shown["has_own_secret"] is True
    silent = (await viewer.get(f"/api/v1/devices/{YARD}")).json()
    assert (silent["status"], silent["remote_address"]) == ("not_commissioned", None)


async def test_a_list_goes_on_where_its_page_ended(viewer: httpx.AsyncClient) -> None:
    first = await viewer.get("/api/v1/devices?limit=1&total=true")
    second = await viewer.get(first.links["next"]["url"])

    assert [device["device_id"] for device in first.json()["items"]] == [GATE]
    assert first.json()["total"] == 2
    assert [device["device_id"] for device in second.json()["items"]] == [YARD]
    assert second.json()["next_cursor"] is None
    assert "total" not in (await viewer.get("/api/v1/devices")).json()
    assert "link" not in second.headers


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=online", [GATE]),
        ("status=not_commissioned", [YARD]),
        ("status=waiting", []),
        ("q=0000002", [YARD]),
        ("manufacturer=nobody", []),
        ("q=%27%20OR%201%3D1%20--", []),
    ],
)
async def test_devices_are_found_by_what_is_known_of_them(
    viewer: httpx.AsyncClient, query: str, found: list[str]
) -> None:
    answer = await viewer.get(f"/api/v1/devices?{query}")

    assert [device["device_id"] for device in answer.json()["items"]] == found


async def test_a_secret_is_shown_when_a_device_is_added_and_to_administrators_alone(
    admin: httpx.AsyncClient, app: FastAPI, house: House
) -> None:
    # when a device is put on file
    made = await admin.post("/api/v1/devices", json={"device_id": NEW, "name": "Depot"})

    # then its secret is told once, and later to whoever administers
    assert made.status_code == 201
    assert made.json()["secret"] == f"derived-{NEW}"
    assert made.headers["location"] == f"/api/v1/devices/{NEW}"
    assert (await admin.get(f"/api/v1/devices/{GATE}/secret")).json() == {
        "device_id": GATE,
        "sip_username": GATE,
        "secret": SECRET,
    }
    async with client_of(app, await house.sign_in(Role.OPERATOR)) as operator:
        assert (await operator.get(f"/api/v1/devices/{GATE}/secret")).status_code == 403
    for path in ("/api/v1/devices", f"/api/v1/devices/{GATE}", "/api/v1/audit", "/metrics"):
        assert SECRET not in (await admin.get(path)).text


async def test_a_device_cannot_be_put_on_file_twice(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/api/v1/devices", json={"device_id": GATE})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_an_identifier_has_digits_that_every_device_can_write(
    admin: httpx.AsyncClient,
) -> None:
    for wrong in ("٣٤٠٢", "", "1" * 21, "34-02", "1\n"):
        answer = await admin.post("/api/v1/devices", json={"device_id": wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_what_is_left_out_of_a_change_stays_and_null_is_the_default_again(
    admin: httpx.AsyncClient,
) -> None:
    path = f"/api/v1/devices/{GATE}"

    named = (await admin.patch(path, json={"name": "North recorder"})).json()
    assert (named["name"], named["has_own_secret"]) == ("North recorder", True)

    slower = (await admin.patch(path, json={"keepalive_interval_s": 30, "secret": None})).json()
    assert (slower["name"], slower["keepalive_interval_s"]) == ("North recorder", 30)
    assert slower["has_own_secret"] is False

    assert (await admin.patch(path, json={"name": None})).json()["name"] == slower["reported_name"]
    assert (await admin.patch(path, json={"keepalive_misses": 0})).status_code == 422
    assert (await admin.patch(path, json={"keepalive_misses": None})).status_code == 422


async def test_a_removed_device_is_gone_with_its_channels(admin: httpx.AsyncClient) -> None:
    assert (await admin.delete(f"/api/v1/devices/{GATE}")).status_code == 204

    assert (await admin.get(f"/api/v1/devices/{GATE}")).status_code == 404
    assert (await admin.get("/api/v1/channels")).json()["items"] == []
    assert (await admin.delete(f"/api/v1/devices/{GATE}")).status_code == 404


async def test_a_waiting_device_is_let_in_or_kept_out(
    admin: httpx.AsyncClient, house: House
) -> None:
    # given two that ask
    other = DeviceId("34020000001110000010")
    for device_id in (NEW, other):
        await house.inventory.note_waiting(
            device_id,
            "192.0.2.7",
            5060,
            transport="UDP",
            user_agent="NVR",
            verdict=WaitingVerdict.WRONG,
        )
    rows = (await admin.get("/api/v1/devices/waiting")).json()["items"]
    assert [(row["device_id"], row["verdict"]) for row in rows] == [
        (NEW, "wrong"),
        (other, "wrong"),
    ]

    # when one is let in with a secret and the other is refused
    path = "/api/v1/devices/waiting"
    trusted = await admin.post(f"{path}/{NEW}/approve", json={"trust": True})
    approved = await admin.post(f"{path}/{NEW}/approve", json={"secret": "its own"})
    refused = await admin.post(f"{path}/{other}/refuse")

    # then one is on file, the other stays out, and nobody is trusted who proved nothing
    assert trusted.status_code == 409
    assert (approved.status_code, approved.json()["secret"]) == (201, "its own")
    assert (await admin.get(f"/api/v1/devices/{NEW}")).json()["status"] == "not_commissioned"
    assert refused.status_code == 204
    rows = (await admin.get(path)).json()["items"]
    assert [(row["device_id"], row["refused"]) for row in rows] == [(other, True)]
    assert (await admin.post(f"{path}/{YARD}/approve", json={})).status_code == 404


async def test_a_catalogue_query_is_a_job_that_tells_how_far_it_is(
    admin: httpx.AsyncClient,
) -> None:
    started = await admin.post(f"/api/v1/devices/{GATE}/catalog")
    job = await admin.get(started.headers["location"])

    assert started.status_code == 202
    assert job.json() == started.json()
    assert {key: job.json()[key] for key in ("kind", "state", "received", "announced")} == {
        "kind": "catalog",
        "state": "running",
        "received": 2,
        "announced": 4,
    }


async def test_a_device_tells_what_it_is_and_how_it_does(admin: httpx.AsyncClient) -> None:
    info = (await admin.post(f"/api/v1/devices/{GATE}/query/info")).json()
    status = (await admin.post(f"/api/v1/devices/{GATE}/query/status")).json()

    assert (info["manufacturer"], info["model"], info["result"]) == ("Example", "NVR-8", "OK")
    assert (status["is_online"], status["is_recording"], status["is_working"]) == (
        True,
        False,
        None,
    )
    assert (await admin.post("/api/v1/devices/1/query/info")).status_code == 404


async def test_channels_are_listed_with_what_is_reported_and_what_is_set(
    admin: httpx.AsyncClient,
) -> None:
    path = f"/api/v1/devices/{GATE}/channels/{CAMERA}"

    changed = (await admin.patch(path, json={"name": "Gate 1", "division": "340204"})).json()

    assert (changed["name"], changed["reported_name"]) == ("Gate 1", "North gate")
    assert (changed["division"], changed["civil_code"]) == ("340204", "340203")
    assert (await admin.get(path)).json() == changed
    back = (await admin.patch(path, json={"division": None})).json()
    assert (back["name"], back["division"]) == ("Gate 1", "340203")
    assert (await admin.patch(path, json={"division": "34x"})).status_code == 422


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [CAMERA, SECOND]),
        ("status=offline", [SECOND]),
        ("division=3402", [CAMERA, SECOND]),
        ("division=340203", [CAMERA]),
        ("manufacturer=Other", [SECOND]),
        ("q=north", [CAMERA]),
        ("class=2", []),
        ("group=34020000002150000001", []),
    ],
)
async def test_channels_are_found_by_what_is_known_of_them(
    viewer: httpx.AsyncClient, query: str, found: list[str]
) -> None:
    of_all = (await viewer.get(f"/api/v1/channels?{query}")).json()
    of_device = (await viewer.get(f"/api/v1/devices/{GATE}/channels?{query}")).json()

    assert [channel["channel_id"] for channel in of_all["items"]] == found
    assert of_device == of_all


async def test_channels_come_page_by_page(viewer: httpx.AsyncClient) -> None:
    first = await viewer.get("/api/v1/channels?limit=1&q=gate")
    second = await viewer.get(first.links["next"]["url"])

    assert [page.json()["items"][0]["channel_id"] for page in (first, second)] == [CAMERA, SECOND]


async def test_the_channels_of_a_device_that_is_not_there_are_no_empty_list(
    viewer: httpx.AsyncClient,
) -> None:
    assert (await viewer.get("/api/v1/devices/1/channels")).status_code == 404


async def test_divisions_form_a_tree_with_live_counts(viewer: httpx.AsyncClient) -> None:
    province = (await viewer.get("/api/v1/divisions")).json()["items"][0]

    assert (province["code"], province["channels"], province["online_channels"]) == ("34", 2, 1)
    assert [child["code"] for child in province["children"][0]["children"]] == ["340200", "340203"]


async def test_a_name_that_is_a_script_comes_back_as_the_text_it_is(
    admin: httpx.AsyncClient, house: House
) -> None:
    name = '<img src=x onerror="alert(1)">'
    await house.inventory.add_device(NewDevice(NEW, name=name))

    answer = await admin.get(f"/api/v1/devices/{NEW}")

    assert answer.json()["name"] == name
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
