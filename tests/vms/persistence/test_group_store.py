"""Own groups and names of divisions, alike in every store."""

from vms.inventory.own_groups import OwnGroup
from vms.inventory.store import DeviceStore


async def test_nodes_are_kept_changed_and_deleted(store: DeviceStore) -> None:
    town, square = OwnGroup("1", "Town"), OwnGroup("2", "Square", "1", 3)
    for group in (town, square, OwnGroup("1", "City", "", 1)):
        await store.save_own_group(group)
    await store.delete_own_group("2")
    await store.delete_own_group("never there")

    assert list(await store.own_groups()) == [OwnGroup("1", "City", "", 1)]


async def test_names_are_kept_changed_and_deleted_many_at_once(store: DeviceStore) -> None:
    await store.save_division_names({f"{number:09d}": "Village" for number in range(6000)})
    await store.save_division_names({"000000001": "Riverside", "34": "Here"})
    await store.save_division_names({})
    await store.delete_division_name("000000000")

    names = await store.division_names()
    assert len(names) == 6000
    assert (names["000000001"], names["000000002"], names["34"]) == ("Riverside", "Village", "Here")
