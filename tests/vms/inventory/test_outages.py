"""A district that loses its power is one piece of news."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress

import pytest

from tests.support.waiting import until, until_async
from tests.vms.inventory.site import Site
from vms.events import DevicesWentOffline, DeviceWentOffline
from vms.gb28181.ids import DeviceId
from vms.inventory import outages
from vms.inventory.model import Cause
from vms.inventory.outages import OutageWatch

DISTRICT = "340203"


@pytest.fixture(autouse=True)
def soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "QUIET_S", 0.05)


@asynccontextmanager
async def watched(hosts: Iterable[str]) -> AsyncGenerator[tuple[Site, list[DeviceId]]]:
    """A watch over one device at each host."""
    place = await Site().open()
    device_ids: list[DeviceId] = []
    for number, host in enumerate(hosts):
        device_ids.append(DeviceId(f"{DISTRICT}{number % 10:02d}00132{number:07d}"))
        await place.register(device_ids[-1], host)
    before = place.bus.last_number
    watch = asyncio.create_task(
        OutageWatch(place.inventory, place.bus, place.clock).run(), name="watch"
    )
    await asyncio.sleep(0)
    try:
        yield place, device_ids
    finally:
        assert place.bus.last_number > before
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


def lose(place: Site, device_ids: Iterable[DeviceId], cause: Cause = Cause.SILENT) -> None:
    for device_id in device_ids:
        place.bus.publish(DeviceWentOffline(device_id, place.clock.wall(), cause, 180.0))


async def outages_told(place: Site) -> list[DevicesWentOffline]:
    return [event for event in await place.told() if isinstance(event, DevicesWentOffline)]


@pytest.mark.parametrize(
    ("hosts", "common"),
    [
        ([f"10.20.30.{last}" for last in range(1, 31)], "10.20.30.0/24"),
        ([f"10.20.{third}.1" for third in range(1, 31)], "10.20.0.0/16"),
        ([f"10.{second}.0.1" for second in range(1, 31)], "10.0.0.0/8"),
        ([f"{first}.0.0.1" for first in range(1, 31)], DISTRICT),
        ([f"2001:db8:7::{last:x}" for last in range(1, 31)], "2001:db8:7::/64"),
        (["10.0.0.1", *(f"2001:db8:7::{last:x}" for last in range(1, 30))], DISTRICT),
    ],
    ids=["subnet", "district network", "carrier", "division", "IPv6 subnet", "both"],
)
async def test_devices_that_go_at_once_are_told_as_one_with_what_they_share(
    hosts: list[str], common: str
) -> None:
    async with watched(hosts) as (place, device_ids):
        last = place.bus.last_number
        lose(place, device_ids)
        await until(lambda: place.bus.last_number > last + len(device_ids))

        [outage] = await outages_told(place)
        assert (outage.count, outage.common) == (30, common)


async def test_a_few_devices_and_those_that_say_goodbye_are_no_outage() -> None:
    async with watched([f"10.0.0.{last}" for last in range(1, 41)]) as (place, device_ids):
        lose(place, device_ids[:19])
        lose(place, device_ids[19:], Cause.UNREGISTERED)
        loop = asyncio.get_running_loop()
        over_at = loop.time() + 4 * outages.QUIET_S
        await until(lambda: loop.time() > over_at)
        lose(place, device_ids[:20])

        told = await until_async(lambda: outages_told(place), bool)
        assert [outage.count for outage in told] == [20]
