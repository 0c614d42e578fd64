"""From REGISTER to a device with channels, over real sockets."""

from pathlib import Path
from typing import Literal

import pytest

from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, PASSWORD, town
from tests.support.waiting import until
from vms.gb28181.version import Edition
from vms.inventory.model import NewDevice, State, Status, WaitingVerdict


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("edition", [Edition.E2011, Edition.E2016, Edition.E2022])
async def test_a_camera_registers_and_its_channels_appear(
    tmp_path: Path, transport: Literal["UDP", "TCP"], edition: Edition
) -> None:
    async with (
        town(tmp_path) as place,
        place.cameras(channels=7, transport=transport, edition=edition),
    ):
        await place.until_ready(channels=7)
        inventory = place.server.inventory
        await until(lambda: inventory.device(FIRST_DEVICE).manufacturer == "Simulated")

        device = inventory.device(FIRST_DEVICE)
        assert device.binding is not None
        assert device.binding.transport == transport
        # Only the edition of 2022 has the header that tells.
        told = Edition.E2022 if edition is Edition.E2022 else Edition.UNKNOWN
        assert device.edition is told
        assert inventory.channel(FIRST_DEVICE, FIRST_CHANNEL).state is State.ONLINE_SIGNALLED


async def test_a_wrong_password_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras(password="not the one") as cameras:
        await until(lambda: cameras.summary.refused >= 1)

        assert place.devices() == ()
        assert place.server.registrar.results["wrong_password"] >= 1


async def test_an_unknown_device_waits_until_it_is_approved(tmp_path: Path) -> None:
    async with town(tmp_path, sip__admission="approve") as place:
        inventory = place.server.inventory
        async with place.cameras():
            await until(lambda: bool(inventory.waiting()))
            row = inventory.waiting()[0]
            assert (row.device_id, row.verdict) == (FIRST_DEVICE, WaitingVerdict.RIGHT)
            assert place.devices() == ()

            await inventory.approve(FIRST_DEVICE, None, trust=True)

            await place.until_ready()
            assert inventory.waiting() == []


async def test_a_device_with_a_secret_of_its_own_gets_in_by_it_alone(tmp_path: Path) -> None:
    async with town(tmp_path, sip__admission="listed") as place:
        await place.server.inventory.add_device(NewDevice(FIRST_DEVICE, secret="its own secret"))
        async with place.cameras(password=PASSWORD) as cameras:
            await until(lambda: cameras.summary.refused >= 1)
        async with place.cameras(password="its own secret"):
            await place.until_ready()


async def test_a_device_that_unregisters_is_offline_at_once(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras() as cameras:
        await place.until_ready()

        assert await cameras.cameras[0].unregister()

        device = place.server.inventory.device(FIRST_DEVICE)
        assert place.server.inventory.status(device) is Status.OFFLINE


async def test_a_device_that_falls_silent_goes_offline_and_comes_back(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        inventory = place.server.inventory
        async with place.cameras(keepalive_s=1):
            await place.until_ready()
            await inventory.patch_device(
                FIRST_DEVICE, {"keepalive_interval_s": 1.0, "keepalive_misses": 2}
            )
        await until(lambda: place.online() == 0)
        async with place.cameras(keepalive_s=1):
            await place.until_ready()


async def test_a_catalogue_in_broken_xml_is_salvaged_and_takes_nothing_away(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as place:
        async with place.cameras(channels=3):
            await place.until_ready(channels=3)
        async with place.cameras(channels=3, faults=("bad-xml",)):
            await until(lambda: place.server.registrar.results["accepted"] >= 2)
            link = place.server.link
            job = await link.query_catalog(FIRST_DEVICE)
            await until(lambda: link.catalog_job(job.job_id).finished)

            assert place.channels() == 3
            assert "bare_markup" in place.server.inventory.device(FIRST_DEVICE).tolerances


async def test_an_alarm_is_stored_once_before_it_is_answered(tmp_path: Path) -> None:
    async with town(tmp_path) as place, place.cameras() as cameras:
        await place.until_ready()

        assert await cameras.cameras[0].raise_alarm(description="gate")

        stored = await place.server.inventory.alarms(FIRST_DEVICE)
        assert [alarm.description for alarm in stored] == ["gate"]
        assert stored[0].source_id == FIRST_CHANNEL
