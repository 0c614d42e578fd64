"""Pictures a device takes and uploads, and firmware it fetches (9.13, 9.14)."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.sip_peer import SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import CHANNEL, DEVICE, OTHER_DEVICE, registered, stage
from vms.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    UnavailableError,
    UnsupportedError,
)
from vms.gb28181.manscdp.messages import CatalogItem
from vms.server import Server
from vms.signalling import pictures
from vms.signalling.jobs import JobState
from vms.signalling.pictures import jpeg_size

PICTURE = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08\x04\x38\x07\x80\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00\xff\xd9"
)
"""The least that calls itself 1920 by 1080."""

FILE_ID = "34020000001320000001022024050116000512301"
FIRMWARE_URL = "http://192.0.2.10/fw/v573.bin"


@asynccontextmanager
async def camera_of(server: Server, version: str = "3.0") -> AsyncGenerator[SipPeer]:
    async with registered(server, version=version) as peer:
        await server.inventory.replace_channels(DEVICE, [CatalogItem(CHANNEL)], complete=True)
        server.commands.snapshots.serve_at("http", "127.0.0.1", 8080)
        yield peer


async def accept(camera: SipPeer, cmd_type: str, result: str = "OK") -> str:
    """Takes the order; its body."""
    order = await camera.asked("MESSAGE", cmd_type)
    await camera.tell(
        f"<Response><CmdType>{cmd_type}</CmdType><SN>{order.element('SN')}</SN>"
        f"<DeviceID>{order.element('DeviceID')}</DeviceID><Result>{result}</Result></Response>"
    )
    return order.body.decode("gb18030")


def finished_notice(session_id: str, *file_ids: str) -> str:
    ids = "".join(f"<SnapShotFileID>{each}</SnapShotFileID>" for each in file_ids)
    return (
        "<Notify><CmdType>UploadSnapShotFinished</CmdType><SN>61</SN>"
        f"<DeviceID>{CHANNEL}</DeviceID><SessionID>{session_id}</SessionID>"
        f"<SnapShotList>{ids}</SnapShotList></Notify>"
    )


def token_in(order: str) -> str:
    found = re.search(
        r"<UploadURL>http://127\.0\.0\.1:8080/upload/snapshots/([\w-]{32})</UploadURL>", order
    )
    assert found is not None, order
    return found[1]


async def test_a_picture_is_asked_for_uploaded_kept_and_tied_to_its_name(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        snapshots = server.commands.snapshots
        job = snapshots.take(DEVICE, CHANNEL)
        order = await accept(camera, "DeviceConfig")

        assert "<SnapNum>1</SnapNum>" in order
        assert "<Interval>1</Interval>" in order
        assert f"<SessionID>{job.job_id}</SessionID>" in order
        await snapshots.accept_upload(token_in(order), f"{FILE_ID}.jpg", PICTURE)
        assert (await camera.tell(finished_notice(job.job_id, FILE_ID))).status == 200
        await until(lambda: snapshots.job(job.job_id).announced is not None)

        done = snapshots.job(job.job_id)
        assert (done.state, done.announced) == (JobState.COMPLETE, (FILE_ID,))
        [picture] = done.pictures
        assert (picture.file_id, picture.width, picture.height) == (FILE_ID, 1920, 1080)
        kept = tmp_path / "media" / "snapshots" / DEVICE / job.job_id / "01.jpg"
        assert await snapshots.picture(done, picture) == kept.read_bytes() == PICTURE


async def test_pictures_are_found_again_after_a_restart(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        snapshots = server.commands.snapshots
        complete = snapshots.take(DEVICE, CHANNEL)
        token = token_in(await accept(camera, "DeviceConfig"))
        await snapshots.accept_upload(token, f"{FILE_ID}.jpg", PICTURE)
        await until(lambda: snapshots.job(complete.job_id).finished)
        broken_off = snapshots.take(DEVICE, CHANNEL, count=2)
        token = token_in(await accept(camera, "DeviceConfig"))
        await snapshots.accept_upload(token, "a.jpg", PICTURE)
    folder = tmp_path / "media" / "snapshots" / DEVICE
    (folder / "odd").mkdir()
    (folder / "odd" / "order.json").write_bytes(b"{}")

    async with stage(tmp_path) as server:
        snapshots = server.commands.snapshots
        first, second = snapshots.jobs_of(DEVICE, CHANNEL)

        assert (first.job_id, first.state, first.wanted) == (
            complete.job_id,
            JobState.COMPLETE,
            1,
        )
        assert [each.file_id for each in first.pictures] == [FILE_ID]
        assert await snapshots.picture(first, first.pictures[0]) == PICTURE
        assert (second.job_id, second.state, second.sentence) == (
            broken_off.job_id,
            JobState.INCOMPLETE,
            "the server was stopped",
        )
        (folder / first.job_id / "01.jpg").unlink()
        with pytest.raises(NotFoundError):
            await snapshots.picture(first, first.pictures[0])


async def test_a_token_is_good_for_its_pictures_and_nothing_else(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        snapshots = server.commands.snapshots
        job = snapshots.take(DEVICE, CHANNEL)
        token = token_in(await accept(camera, "DeviceConfig"))

        with pytest.raises(NotFoundError):
            await snapshots.accept_upload(f"{token}x", "a.jpg", PICTURE)
        with pytest.raises(InvalidError):
            await snapshots.accept_upload(token, "a.jpg", b"<html>")
        await snapshots.accept_upload(token, "../../../etc/passwd", PICTURE)
        await until(lambda: snapshots.job(job.job_id).finished)
        with pytest.raises(NotFoundError):
            await snapshots.accept_upload(token, "a.jpg", PICTURE)

    assert [path.name for path in tmp_path.rglob("*.jpg")] == ["01.jpg"]  # noqa: ASYNC240


async def test_fewer_pictures_than_wanted_are_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        snapshots = server.commands.snapshots
        job = snapshots.take(DEVICE, CHANNEL, count=3)
        token = token_in(await accept(camera, "DeviceConfig"))

        await snapshots.accept_upload(token, f"{FILE_ID}.jpg", PICTURE)
        await camera.tell(finished_notice(job.job_id, FILE_ID))
        await until(lambda: snapshots.job(job.job_id).finished)

        done = snapshots.job(job.job_id)
        assert done.state is JobState.INCOMPLETE
        assert done.sentence == "1 of 3 pictures came; the device says that it took 1"


async def test_another_device_cannot_end_a_job(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        camera_of(server) as camera,
        registered(server, OTHER_DEVICE) as other,
    ):
        snapshots = server.commands.snapshots
        job = snapshots.take(DEVICE)
        await accept(camera, "DeviceConfig")

        await other.tell(finished_notice(job.job_id).replace(CHANNEL, OTHER_DEVICE))
        await until(lambda: server.inbound.is_idle)

        assert snapshots.job(job.job_id).announced is None


async def test_a_device_that_refuses_is_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        snapshots = server.commands.snapshots
        job = snapshots.take(DEVICE)
        await accept(camera, "DeviceConfig", "ERROR")
        await until(lambda: snapshots.job(job.job_id).finished)

        done = snapshots.job(job.job_id)
        assert (done.state, done.sentence) == (
            JobState.FAILED,
            f"{DEVICE} answered ERROR to DeviceConfig",
        )


async def test_where_a_device_cannot_upload_to_it_is_not_asked(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server, version="3.0"):
        with pytest.raises(UnavailableError, match="nowhere to upload to"):
            server.commands.snapshots.take(DEVICE)


async def test_older_devices_take_no_pictures(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server, "2.0"):
        with pytest.raises(UnsupportedError, match="SnapShotConfig"):
            server.commands.snapshots.take(DEVICE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PICTURE[:-2],
        PICTURE[:4] + b"\x00\x00" + PICTURE[6:],
        PICTURE.replace(b"\x04\x38\x07\x80", b"\x00\x00\x07\x80"),
        b"\xff\xd8" + b"\xff" * 40 + b"\xff\xd9",
        b"\xff\xd8\xff\xc0\xff\xd9",
    ],
)
def test_what_is_no_whole_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidError):
        jpeg_size(data)


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert jpeg_size(PICTURE) == (1920, 1080)
    monkeypatch.setattr(pictures, "LARGEST_BYTES", len(PICTURE) - 1)
    with pytest.raises(InvalidError, match="at most"):
        jpeg_size(PICTURE)


# Upgrades


def upgrade_notice(session_id: str, result: str, reason: str = "") -> str:
    why = f"<UpgradeFailedReason>{reason}</UpgradeFailedReason>" if reason else ""
    return (
        f"<Notify><CmdType>DeviceUpgradeResult</CmdType><SN>63</SN><DeviceID>{DEVICE}</DeviceID>"
        f"<SessionID>{session_id}</SessionID><UpgradeResult>{result}</UpgradeResult>"
        f"<Firmware>V5.7.2</Firmware>{why}</Notify>"
    )


async def test_an_upgrade_waits_for_the_devices_own_word(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        upgrades = server.commands.upgrades
        job = upgrades.start(DEVICE, firmware="V5.7.3", file_url=FIRMWARE_URL)
        order = await accept(camera, "DeviceControl")
        await until(lambda: upgrades.job(job.job_id).is_accepted)

        assert f"<DeviceID>{DEVICE}</DeviceID>" in order
        assert "<Firmware>V5.7.3</Firmware>" in order
        assert f"<SessionID>{job.job_id}</SessionID>" in order
        assert not upgrades.job(job.job_id).finished
        with pytest.raises(ConflictError):
            upgrades.start(DEVICE, firmware="V5.7.3", file_url=FIRMWARE_URL)
        await camera.tell(upgrade_notice("0" * 32, "OK"))
        await camera.tell(upgrade_notice(job.job_id, "ERROR", "02"))
        await until(lambda: upgrades.job(job.job_id).finished)

        done = upgrades.job(job.job_id)
        assert (done.state, done.running) == (JobState.FAILED, "V5.7.2")
        assert done.sentence == "not upgraded: the package is broken; the device runs V5.7.2"


async def test_an_upgrade_that_went_well_is_complete(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server) as camera:
        upgrades = server.commands.upgrades
        job = upgrades.start(DEVICE, firmware="V5.7.3", file_url=FIRMWARE_URL)
        await accept(camera, "DeviceControl")

        await camera.tell(upgrade_notice(job.job_id, "OK"))
        await until(lambda: upgrades.job(job.job_id).finished)

        assert upgrades.job(job.job_id).state is JobState.COMPLETE


async def test_a_firmware_comes_from_a_decent_address(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, camera_of(server):
        for url in ("file:///etc/passwd", "http://a\r\nb", "http://" + "a" * 600):
            with pytest.raises(InvalidError):
                server.commands.upgrades.start(DEVICE, firmware="V5", file_url=url)
        with pytest.raises(InvalidError):
            server.commands.upgrades.start(DEVICE, firmware="", file_url=FIRMWARE_URL)
