"""The whole server and simulated devices that tell a great deal."""

from pathlib import Path
from typing import Literal

import pytest

from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, PATIENCE_S, town
from tests.support.waiting import until
from vms.gb28181.version import Edition
from vms.signalling import subscriptions


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices are subscribed as soon as they come."""
    monkeypatch.setattr(subscriptions, "AFTER_GREETING_S", 0.0)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_device_that_wants_to_send_pictures_is_noted(
    tmp_path: Path, transport: Literal["UDP", "TCP"]
) -> None:
    async with (
        town(tmp_path) as place,
        place.cameras(edition=Edition.E2022, transport=transport) as cameras,
    ):
        await place.until_ready()

        assert await cameras.cameras[0].offer_upload()

        [notice] = await place.server.inventory.notices(FIRST_DEVICE, "VideoUploadNotify")
        assert notice.source_id == FIRST_CHANNEL
        assert notice.occurred_at is not None


async def test_a_burst_of_positions_is_stored_and_others_register_meanwhile(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as place, place.cameras(faults=("position-burst=200",)):
        await place.until_ready()
        inventory = place.server.inventory
        await inventory.patch_device(FIRST_DEVICE, {"profile_fields": {"subscribe_position": True}})
        notices = place.server.notifications.notices
        await until(lambda: notices.stored >= 50, PATIENCE_S)

        async with place.cameras(5, first_id="34020000001180000100"):
            await place.until_ready(devices=6, channels=6)

        sources = (FIRST_DEVICE, FIRST_CHANNEL)
        assert any(inventory.position(FIRST_DEVICE, source) for source in sources)


async def test_a_flood_of_changes_takes_no_channel_away(tmp_path: Path) -> None:
    async with (
        town(tmp_path) as place,
        place.cameras(channels=4, faults=("catalogue-flood=100",)),
    ):
        await place.until_ready(channels=4)
        notices = place.server.notifications.notices
        await until(lambda: notices.stored >= 100, PATIENCE_S)

        assert place.channels() == 4
        assert place.online() == 1
