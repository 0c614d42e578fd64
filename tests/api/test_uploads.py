"""Pictures that devices upload: only under a token of ours, and only pictures (9.14)."""

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.api.house import client_of
from tests.api.on_air import CAMERA, WHOLE, OnAir, on_air
from tests.support.served import served
from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE
from tests.support.waiting import until_async
from vms.accounts.model import Role

PICTURE = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08\x04\x38\x07\x80\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00\xff\xd9"
)
"""The least that calls itself 1920 by 1080."""
FILE_ID = "34020000001320000001022024050116000512301"
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="session"\r\n\r\n1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + FILE_ID.encode() + b'.jpg"'
    b"\r\nContent-Type: image/jpeg\r\n\r\n" + PICTURE + b"\r\n--x--\r\n"
)
IN_A_FORM = {"content-type": "multipart/form-data; boundary=x"}


async def ordered(air: OnAir, count: int = 4) -> str:
    """The path that the device is told to upload to."""
    begun = await air.admin.post(f"{CAMERA}/control/snapshot-config", json={"count": count})
    assert begun.status_code == 202, begun.text
    order = await air.answer("DeviceConfig")
    found = re.search(r"/upload/snapshots/[\w-]+", order.element("UploadURL"))
    assert found is not None
    return found[0]


async def uploaded(air: OnAir) -> dict[str, Any]:
    """The latest order, and what came of it."""
    listed = (await air.admin.get(f"{CAMERA}/snapshots/uploaded")).json()
    latest: dict[str, Any] = listed["items"][0]
    return latest


async def test_a_simulated_camera_takes_pictures_and_uploads_them(tmp_path: Path) -> None:
    there = f"/devices/{FIRST_DEVICE}/channels/{FIRST_CHANNEL}"
    async with served(tmp_path) as place, place.cameras("--edition", "2022"):
        await place.until_online(FIRST_DEVICE)
        begun = await place.api.post(f"{there}/control/snapshot-config", json={"count": 2})
        assert begun.status_code == 202
        location = begun.headers["location"].removeprefix("/api/v1")

        async def latest() -> dict[str, Any]:
            shown: dict[str, Any] = (await place.api.get(location)).json()["items"][0]
            return shown

        job = await until_async(latest, lambda shown: shown["state"] != "running", 60.0)

        assert (job["state"], job["wanted"], job["sentence"]) == ("complete", 2, "")
        for picture in job["pictures"]:
            answer = await place.api.get(f"/snapshots/uploaded/{picture['picture_id']}")
            assert answer.headers["content-type"] == "image/jpeg"
            assert len(answer.content) == picture["size_bytes"]


async def test_bare_or_in_a_form_by_put_or_post_with_or_without_a_name(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air, client_of(air.app) as device:
        path = await ordered(air)

        answers = [
            await device.post(path, content=PICTURE),
            await device.put(f"{path}/{FILE_ID}.jpg", content=PICTURE),
            await device.post(path, content=FORM, headers=IN_A_FORM),
            await device.put(f"{path}/a/b/{FILE_ID}", content=FORM, headers=IN_A_FORM),
        ]

        assert [answer.status_code for answer in answers] == [204] * 4
        job = await uploaded(air)
        assert [each["file_id"] for each in job["pictures"]] == ["", FILE_ID, FILE_ID, FILE_ID]
        assert {(each["width"], each["height"]) for each in job["pictures"]} == {(1920, 1080)}


async def test_a_stranger_learns_nothing_and_his_bytes_are_not_read(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air, client_of(air.app) as stranger:
        read: list[int] = []

        async def endless() -> AsyncGenerator[bytes]:
            for part in range(1_000):
                read.append(part)
                yield b"x" * 65_536

        for path in ("/upload/snapshots/guess", "/upload/snapshots/guess/name.jpg"):
            for method in ("POST", "PUT"):
                answer = await stranger.request(method, path, content=endless())
                assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert read == []


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", {}, 422),
        (b"<html>", {}, 422),
        (PICTURE[:-2], {}, 422),
        (PICTURE, IN_A_FORM, 422),
        (FORM, {"content-type": "multipart/form-data"}, 422),
        (b"--x\r\n\r\n\r\n", IN_A_FORM, 422),
        (b"--x" * 100_000, IN_A_FORM, 422),
        (PICTURE[:20] + bytes(10 * 2**20) + PICTURE[-2:], {}, 413),
    ],
)
async def test_what_is_no_picture_is_refused_and_not_kept(
    tmp_path: Path, content: bytes, headers: dict[str, str], status: int
) -> None:
    async with on_air(tmp_path) as air, client_of(air.app) as device:
        path = await ordered(air, 1)

        answer = await device.post(path, content=content, headers=headers)

        assert answer.status_code == status
        assert (await uploaded(air))["pictures"] == []
        assert (await device.post(path, content=PICTURE)).status_code == 204


async def test_too_many_at_once_are_asked_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.uploads.UPLOADS_AT_ONCE", 1)
    async with on_air(tmp_path) as air, client_of(air.app) as device:
        path = await ordered(air)
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncGenerator[bytes]:
            begun.set()
            await go_on.wait()
            yield PICTURE

        first = asyncio.ensure_future(device.post(path, content=slow()))
        await begun.wait()
        second = await device.post(path, content=PICTURE)
        go_on.set()

        assert (second.status_code, second.json()["facts"]["what"]) == (503, "uploads")
        assert (await first).status_code == 204


async def test_a_picture_that_comes_too_slowly_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.uploads.UPLOAD_LIMIT_S", 0.1)
    async with on_air(tmp_path) as air, client_of(air.app) as device:

        async def never() -> AsyncGenerator[bytes]:
            yield PICTURE[:9]
            await asyncio.Event().wait()

        answer = await device.post(await ordered(air), content=never())

        assert answer.status_code == 408


async def test_pictures_are_for_those_who_may_watch_and_the_token_is_not_logged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with (
        on_air(tmp_path) as air,
        client_of(air.app) as device,
        air.another(Role.AUDITOR) as auditor,
    ):
        path = await ordered(air, 1)
        await device.post(path, content=PICTURE)
        [picture] = (await uploaded(air))["pictures"]

        own = f"/api/v1/snapshots/uploaded/{picture['picture_id']}"
        assert (await air.admin.get(own)).content == PICTURE
        assert (await auditor.get(own)).status_code == 403
        assert (await auditor.get(f"{CAMERA}/snapshots/uploaded")).status_code == 403
        assert (await device.get(own)).status_code == 401
        assert (await air.admin.get(f"{own}0")).status_code == 404
        assert (await air.admin.get("/api/v1/snapshots/uploaded/none")).status_code == 404
        assert (await air.audit())[0][0] == "view device snapshot"
        await asyncio.to_thread(shutil.rmtree, tmp_path / "media" / "snapshots")
        assert (await air.admin.get(own)).status_code == 404
    told = capfd.readouterr()
    assert path.rpartition("/")[2] not in told.out + told.err


async def test_an_order_that_makes_no_sense_or_has_no_way_back_is_refused(tmp_path: Path) -> None:
    async with on_air(tmp_path) as air:
        for nonsense in ({"count": 0}, {"count": 11}, {"interval_s": 0}, {"url": "http://x/"}):
            answer = await air.admin.post(f"{CAMERA}/control/snapshot-config", json=nonsense)
            assert answer.status_code == 422, nonsense
        whole = await air.admin.post(f"{WHOLE}/control/snapshot-config", json={})
        assert whole.json()["channel_id"] == FIRST_DEVICE
    async with on_air(tmp_path, version="2.0") as air:
        answer = await air.admin.post(f"{CAMERA}/control/snapshot-config", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "unsupported")
