"""Clocks, faults, flapping and double IDs: what is noticed about devices in passing."""

import pytest
import pytest_asyncio

from tests.vms.inventory.site import CAMERA, GATE, HOST, YARD, Site
from vms.errors import NotFoundError
from vms.events import DeviceFlaps, DeviceWaits, DeviceWentOffline, DuplicateDevice
from vms.inventory.model import WaitingVerdict

DAY_S = 86_400


@pytest_asyncio.fixture
async def site() -> Site:
    site = await Site().open()
    await site.register()
    return site


class TestClock:
    async def test_the_offset_is_the_median_of_the_last_five(self, site: Site) -> None:
        assert site.inventory.device(GATE).clock_offset_s is None
        for offset_s in (900, 900, 28_800, 28_801, 28_802, 28_800, float("nan")):
            site.inventory.note_clock_offset(GATE, offset_s)

        assert site.inventory.device(GATE).clock_offset_s == 28_800

    async def test_it_outlives_us(self, site: Site) -> None:
        site.inventory.note_clock_offset(GATE, -3.5)
        await site.pass_time(6)

        await site.restart(10)

        assert site.inventory.device(GATE).clock_offset_s == -3.5

    async def test_a_stranger_has_no_clock(self, site: Site) -> None:
        site.inventory.note_clock_offset(YARD, 1)
        assert not site.inventory.note_faulty(YARD, [CAMERA])


async def test_faults_are_known_until_the_device_says_otherwise(site: Site) -> None:
    assert site.inventory.note_faulty(GATE, [CAMERA])
    assert not site.inventory.note_faulty(GATE, [CAMERA, CAMERA])
    assert site.inventory.device(GATE).faulty == (CAMERA,)

    assert site.inventory.note_faulty(GATE, [])
    assert site.inventory.device(GATE).faulty == ()


async def test_a_device_that_flaps_is_told_once_and_again_when_it_has_settled(site: Site) -> None:
    # given three silences within an hour
    for _ in range(3):
        await site.pass_time(200, step_s=5)
        site.inventory.keepalive(GATE, HOST, 5060)
        await site.pass_time(1)
        site.inventory.keepalive(GATE, HOST, 5060)
    assert site.inventory.device(GATE).is_flapping

    # when it is quiet for more than an hour
    await site.keep_alive(2 * 3600)

    # then that it flapped was one event, and its end another; the ledger has every silence
    told = await site.told()
    flaps = [event.is_over for event in told if isinstance(event, DeviceFlaps)]
    assert flaps == [False, True]
    falls = [event.is_flapping for event in told if isinstance(event, DeviceWentOffline)]
    assert falls == [False, False, True]
    assert not site.inventory.device(GATE).is_flapping


class TestDoubleIds:
    async def knock(self, site: Site, host: str = "127.0.0.66") -> None:
        await site.inventory.note_waiting(
            GATE,
            host,
            5070,
            transport="UDP",
            user_agent="Double",
            verdict=WaitingVerdict.RIGHT,
        )

    async def test_a_second_unit_is_told_once_with_both_addresses(self, site: Site) -> None:
        for _ in range(3):
            await self.knock(site)

        [event] = [each for each in await site.told() if isinstance(each, DuplicateDevice)]
        assert (event.bound_address, event.refused_address) == (f"{HOST}:5060", "127.0.0.66:5070")
        assert not any(isinstance(each, DeviceWaits) for each in await site.told())
        [double] = site.inventory.duplicates()
        assert [row.attempts for row in double.refused] == [3]
        assert site.inventory.waiting() == []
        assert site.inventory.summary().waiting == 0

    async def test_it_is_forgotten_when_it_asks_no_more_for_a_day(self, site: Site) -> None:
        await self.knock(site)
        await site.pass_time(DAY_S + 60, step_s=600)

        assert site.inventory.duplicates() == []
        assert (await site.store.load_all()).waiting == ()

    async def test_it_is_no_double_any_more_when_it_holds_the_id(self, site: Site) -> None:
        await self.knock(site)
        await site.register(host="127.0.0.66")
        await site.pass_time(6)

        assert site.inventory.duplicates() == []

    async def test_a_person_clears_it_and_it_comes_back_when_it_asks_again(
        self, site: Site
    ) -> None:
        await self.knock(site)
        await site.inventory.clear_duplicates(GATE)
        assert site.inventory.duplicates() == []
        with pytest.raises(NotFoundError):
            await site.inventory.clear_duplicates(GATE)

        await self.knock(site)

        assert len(site.inventory.duplicates()) == 1
