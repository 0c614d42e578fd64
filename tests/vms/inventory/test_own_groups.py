"""Our own tree: made, moved, emptied, and who hangs in it."""

import asyncio
from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.databases import sqlite_url
from tests.vms.inventory.site import CAMERA, GATE, SECOND, Site, camera
from vms.errors import ConflictError, InvalidError, NotFoundError, VmsError
from vms.events import EventBus
from vms.gb28181.ids import ChannelId
from vms.inventory.inventory import Inventory
from vms.inventory.model import ChannelPatch, NewDevice, State
from vms.inventory.own_groups import DEEPEST, OwnGroup, OwnGroups
from vms.inventory.policy import InventoryPolicy
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore


async def opened() -> Site:
    site = await Site().open()
    await site.register()
    await site.report(camera(), camera(SECOND, is_on=False))
    return site


async def test_a_node_counts_what_hangs_in_it_and_below() -> None:
    site = await opened()
    inventory = site.inventory
    town = await inventory.add_own_group("Town")
    square = await inventory.add_own_group("Square", town.group_id)
    assert await inventory.assign_to_own_group(town.group_id, [(GATE, SECOND)]) == [None]
    assert await inventory.assign_to_own_group(square.group_id, [(GATE, CAMERA)]) == [None]

    [root] = inventory.own_groups()
    [child] = root.children
    assert (root.name, root.own_channels, root.channels, root.online_channels) == ("Town", 1, 2, 1)
    assert (child.name, child.own_channels, child.channels, child.online_channels) == (
        "Square",
        1,
        1,
        1,
    )
    assert inventory.own_group_path(square.group_id) == ("Town", "Square")

    await site.restart(5)
    assert site.inventory.own_groups()[0].channels == 2
    assert site.inventory.channel(GATE, CAMERA).own_group_id == square.group_id


async def test_a_channel_hangs_in_one_node_and_may_hang_in_none() -> None:
    site = await opened()
    inventory = site.inventory
    first = await inventory.add_own_group("First")
    second = await inventory.add_own_group("Second")
    for group_id in (first.group_id, second.group_id):
        await inventory.assign_to_own_group(group_id, [(GATE, CAMERA)])
    assert [node.channels for node in inventory.own_groups()] == [0, 1]

    await inventory.assign_to_own_group(None, [(GATE, CAMERA)])
    assert [node.channels for node in inventory.own_groups()] == [0, 0]

    with pytest.raises(InvalidError, match="no such group"):
        await inventory.patch_channel(GATE, CAMERA, {"overrides": {"own_group_id": "nowhere"}})
    with pytest.raises(NotFoundError):
        await inventory.assign_to_own_group("nowhere", [(GATE, CAMERA)])


async def test_one_channel_that_is_not_there_keeps_no_other_one_back() -> None:
    site = await opened()
    group = await site.inventory.add_own_group("Town")
    missing = ChannelId("34020000001320000009")

    outcomes = await site.inventory.assign_to_own_group(
        group.group_id, [(GATE, missing), (GATE, CAMERA)]
    )

    assert isinstance(outcomes[0], NotFoundError)
    assert outcomes[1] is None
    assert site.inventory.channel(GATE, CAMERA).own_group_id == group.group_id
    assert not site.inventory.has_channel(GATE, missing)


async def test_a_node_goes_only_when_nothing_hangs_in_it() -> None:
    site = await opened()
    inventory = site.inventory
    town = await inventory.add_own_group("Town")
    square = await inventory.add_own_group("Square", town.group_id)
    await inventory.assign_to_own_group(square.group_id, [(GATE, CAMERA)])

    for group_id, why in ((town.group_id, "1 groups below"), (square.group_id, "1 channels")):
        with pytest.raises(ConflictError, match=why):
            await inventory.remove_own_group(group_id)

    await inventory.assign_to_own_group(None, [(GATE, CAMERA)])
    await inventory.remove_own_group(square.group_id)
    await inventory.remove_own_group(town.group_id)
    assert inventory.own_groups() == []
    await site.restart(1)
    assert site.inventory.own_groups() == []


@pytest.mark.parametrize("many", [False, True])
async def test_no_node_goes_while_somebody_hangs_a_channel_into_it(
    tmp_path: Path, *, many: bool
) -> None:
    async with Database.open(sqlite_url(tmp_path)) as database:
        inventory = Inventory(SqlDeviceStore(database), FakeClock(), EventBus(), InventoryPolicy())
        await inventory.start()
        await inventory.add_device(NewDevice(GATE))
        await inventory.add_channel(GATE, CAMERA, ChannelPatch())
        town = (await inventory.add_own_group("Town")).group_id
        patch = ChannelPatch(overrides={"own_group_id": town})
        hanging = (
            inventory.change_channels([(GATE, CAMERA)], patch)
            if many
            else inventory.patch_channel(GATE, CAMERA, patch)
        )

        await asyncio.gather(hanging, inventory.remove_own_group(town), return_exceptions=True)

        is_there = [group.group_id for group in inventory.own_group_list()] == [town]
        assert is_there is (inventory.channel(GATE, CAMERA).own_group_id == town)
        await inventory.stop()


async def test_nothing_hangs_below_itself_or_twice_by_one_name() -> None:
    site = await opened()
    inventory = site.inventory
    town = await inventory.add_own_group("Town")
    square = await inventory.add_own_group("Square", town.group_id)

    refused: list[VmsError] = []
    for change in (
        inventory.change_own_group(town.group_id, parent_id=square.group_id),
        inventory.change_own_group(town.group_id, parent_id=town.group_id),
        inventory.add_own_group("Square", town.group_id),
        inventory.change_own_group(square.group_id, parent_id="nowhere"),
        inventory.add_own_group("  "),
    ):
        with pytest.raises(VmsError) as told:
            await change
        refused.append(told.value)

    assert [error.code for error in refused] == [
        "conflict",
        "conflict",
        "conflict",
        "invalid",
        "invalid",
    ]
    moved = await inventory.change_own_group(square.group_id, name="Market", parent_id="")
    assert (moved.name, moved.parent_id, moved.position) == ("Market", "", 1)
    assert [node.name for node in inventory.own_groups()] == ["Town", "Market"]


async def test_nothing_changes_when_the_database_is_away() -> None:
    site = await opened()
    town = await site.inventory.add_own_group("Town")
    site.store.is_down = True

    for change in (
        site.inventory.add_own_group("Other"),
        site.inventory.change_own_group(town.group_id, name="Other"),
        site.inventory.remove_own_group(town.group_id),
        site.inventory.assign_to_own_group(town.group_id, [(GATE, CAMERA)]),
        site.inventory.name_divisions({"34020201": "Street"}),
    ):
        with pytest.raises(VmsError):
            await change

    assert [(node.name, node.channels) for node in site.inventory.own_groups()] == [("Town", 0)]
    assert site.inventory.division_names() == {}


def test_the_tree_is_so_deep_and_no_deeper() -> None:
    groups = OwnGroups()
    for level in range(DEEPEST):
        groups.put(groups.added(str(level), "Level", str(level - 1) if level else ""))

    with pytest.raises(InvalidError, match="levels"):
        groups.added("deeper", "Level", str(DEEPEST - 1))
    groups.put(groups.added("pair", "Pair"))
    groups.put(groups.added("below", "Below", "pair"))
    with pytest.raises(InvalidError, match="levels"):
        groups.changed("pair", parent_id=str(DEEPEST - 2))
    assert groups.within("pair") == {"pair", "below"}


def test_nodes_whose_parent_is_gone_are_shown_at_the_top() -> None:
    groups = OwnGroups(
        [OwnGroup("child", "Child", "gone"), OwnGroup("grandchild", "Grandchild", "child")]
    )

    [root] = groups.tree({("grandchild", True): 3, ("nowhere", True): 1})

    assert (root.group_id, root.parent_id, root.channels) == ("child", "", 3)


async def test_a_channel_filed_beforehand_is_not_commissioned_until_its_device_names_it() -> None:
    site = await opened()
    planned = ChannelId("34020000001320000007")
    inventory = site.inventory

    added = await inventory.add_channel(GATE, planned, {"overrides": {"maintainer": "Acme"}})

    assert added.state is State.NOT_COMMISSIONED
    with pytest.raises(ConflictError):
        await inventory.add_channel(GATE, planned, {})
    await site.report(camera(), camera(SECOND), camera(planned))
    came = inventory.channel(GATE, planned)
    assert (came.key, came.state, came.maintainer) == (
        added.key,
        State.ONLINE_SIGNALLED,
        "Acme",
    )
    with pytest.raises(ConflictError, match="reports"):
        await inventory.remove_channel(GATE, planned)


async def test_a_channel_filed_by_mistake_is_taken_off_file_again() -> None:
    site = await opened()
    planned = ChannelId("34020000001320000007")
    await site.inventory.add_channel(GATE, planned, {})

    await site.inventory.remove_channel(GATE, planned)

    assert not site.inventory.has_channel(GATE, planned)
    assert site.inventory.summary().channels[State.NOT_COMMISSIONED] == 0
