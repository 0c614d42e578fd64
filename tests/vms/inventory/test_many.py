"""A network fails: every device falls silent within the same second."""

from tests.vms.inventory.site import Site, camera
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.inventory import RUNG_AT_ONCE
from vms.inventory.model import State

ELSEWHERE = ChannelId("11010000001320000001")
MANY = 2 * RUNG_AT_ONCE + 1


async def test_more_devices_than_are_looked_at_in_one_go_all_go_offline() -> None:
    site = await Site().open()
    for number in range(MANY):
        await site.register(DeviceId(f"3402000000132{number:07d}"))

    await site.pass_time(200, step_s=200)

    assert site.inventory.summary().devices[State.OFFLINE] == MANY
    assert len((await site.store.load_all()).open_intervals) == MANY
    assert {i.state for i in (await site.store.load_all()).open_intervals} == {State.OFFLINE}


async def test_a_division_goes_with_its_last_channel() -> None:
    site = await Site().open()
    await site.register()
    await site.report(camera())

    for _ in range(4):
        await site.report(camera(channel_id=ELSEWHERE))

    assert [node.code for node in site.inventory.divisions()] == ["11"]
