"""What every `ReportStore` keeps of notices, positions and trees."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from tests.vms.persistence.rows_of_every_kind import NOW, device, node, notice, position, waiting
from vms.gb28181.ids import DeviceId
from vms.inventory.model import DeviceKey
from vms.inventory.store import DeviceStore

FIRST = DeviceKey(1)
SOURCE = "34020000001320000001"
FOREVER = NOW - timedelta(days=1), NOW + timedelta(days=1)


async def test_a_notice_comes_back_as_it_was_and_is_stored_once(store: DeviceStore) -> None:
    await store.save_device(device(1))

    assert await store.add_notice(notice(1))
    assert not await store.add_notice(replace(notice(2), fingerprint="fingerprint-1"))
    assert await store.add_notice(notice(2))

    assert await store.notices(None, None, None, 10) == [notice(2), notice(1)]


async def test_a_notice_that_arrives_many_times_at_once_is_stored_once(store: DeviceStore) -> None:
    await store.save_device(device(1))

    stored = await asyncio.gather(
        *(
            store.add_notice(replace(notice(number), fingerprint="same"), keep=5)
            for number in range(20)
        )
    )

    assert sum(stored) == 1
    assert len(await store.notices(None, None, None, 100)) == 1


async def test_notices_are_read_in_pages_by_device_and_kind(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_device(device(2))
    for number in range(1, 6):
        await store.add_notice(notice(number, is_known=number != 3))
    await store.add_notice(notice(6, device_key=2))
    first = DeviceId("34020000001110000001")

    page = await store.notices(first, "MediaStatus", None, 2)
    rest = await store.notices(first, "MediaStatus", page[-1].notice_id, 10)

    assert [row.sn for row in (*page, *rest)] == [5, 4, 2, 1]
    assert [row.sn for row in await store.notices(None, "TimeSync", None, 10)] == [3]


async def test_the_oldest_of_its_kind_give_way(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_device(device(2))
    await store.add_notice(notice(1))
    await store.add_notice(notice(2, device_key=2, is_known=False))
    for number in range(3, 8):
        await store.add_notice(notice(number, is_known=False))

    await store.add_notice(notice(8, is_known=False), keep=2)

    assert [row.sn for row in await store.notices(None, None, None, 10)] == [8, 7, 6, 2, 1]


async def test_a_position_is_stored_once_and_read_in_order_of_time(store: DeviceStore) -> None:
    await store.save_device(device(1))
    track = [position(2), position(0), position(1)]

    assert await store.add_positions(track, [position(2)]) == 3
    assert await store.add_positions([position(1), position(3)], [position(3)]) == 1
    assert await store.add_positions([position(9, source_id="another")], []) == 1
    assert await store.add_positions([], []) == 0

    found = await store.positions(FIRST, SOURCE, *FOREVER, 10)
    assert found == [position(0), position(1), position(2), position(3)]
    window = NOW + timedelta(seconds=1), NOW + timedelta(seconds=3)
    assert await store.positions(FIRST, SOURCE, *window, 10) == [position(1), position(2)]
    assert await store.positions(FIRST, SOURCE, *window, 1) == [position(1)]
    assert await store.latest_positions(10) == [position(3)]


async def test_the_oldest_positions_give_way(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_device(device(2))
    await store.add_positions([position(0, device_key=2)], [])
    await store.add_positions([position(second) for second in range(5)], [])

    await store.add_positions([position(5)], [position(5)], keep=2)

    kept = await store.positions(FIRST, SOURCE, *FOREVER, 10)
    assert kept == [position(3), position(4), position(5)]
    assert await store.positions(DeviceKey(2), SOURCE, *FOREVER, 10) == [position(0, device_key=2)]


async def test_the_latest_places_of_removed_devices_are_nobodys(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.add_positions([position(1)], [position(1)])
    await store.save_nodes(FIRST, [node(1)], replaces=False)

    await store.remove_device(FIRST, [], [])

    assert await store.latest_positions(10) == []
    assert (await store.load_all()).nodes == ()


async def test_a_tree_grows_or_is_replaced(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_device(device(2))
    await store.save_nodes(DeviceKey(2), [node(1, device_key=2)], replaces=True)
    await store.save_nodes(FIRST, [node(1), node(2)], replaces=False)
    await store.save_nodes(FIRST, [node(2, name="Renamed")], replaces=False)
    assert set((await store.load_all()).nodes) == {
        node(1, device_key=2),
        node(1),
        node(2, name="Renamed"),
    }

    await store.save_nodes(FIRST, [node(3)], replaces=True)

    assert set((await store.load_all()).nodes) == {node(1, device_key=2), node(3)}


async def test_rows_of_the_waiting_room_go_one_by_one(store: DeviceStore) -> None:
    rows = [waiting(source=f"127.0.0.{number}") for number in (1, 2, 3)]
    for row in rows:
        await store.save_waiting(row)

    await store.drop_waiting(rows[:2])

    assert (await store.load_all()).waiting == (rows[2],)
