"""Business groups and virtual organisations as devices report them (4.5.2)."""

from tests.vms.inventory.site import CAMERA, GATE, SECOND, YARD, Site
from vms.gb28181.ids import ChannelId
from vms.inventory.catalog import channels_of, nodes_of
from vms.inventory.model import ReportedChannel
from vms.inventory.tree import GroupNode

GROUP = ChannelId("34020000002150000001")
ORG = ChannelId("34020000002160000001")
SUB_ORG = ChannelId("34020000002160000002")
ITEMS = [
    ReportedChannel(GROUP, name="Group", parent_ids=("34020000002000000001",)),
    ReportedChannel(ORG, name="Org", business_group_id=GROUP),
    ReportedChannel(SUB_ORG, name="Sub org", parent_ids=(ORG,), business_group_id=GROUP),
    ReportedChannel(CAMERA, parent_ids=(SUB_ORG, ORG)),
    ReportedChannel(SECOND, business_group_id=GROUP, is_on=False),
]


async def reported() -> Site:
    site = await Site().open()
    await site.register()
    channels = channels_of(GATE, ITEMS)
    await site.inventory.replace_channels(
        GATE, channels, complete=True, nodes=nodes_of(ITEMS, channels)
    )
    return site


async def test_channels_count_once_in_each_group_above_them() -> None:
    site = await reported()

    sub_org = GroupNode(SUB_ORG, "Sub org", 1, 1)
    org = GroupNode(ORG, "Org", 1, 1, [sub_org])
    assert await site.inventory.groups() == [GroupNode(GROUP, "Group", 2, 1, [org])]


async def test_the_tree_outlives_us_and_the_next_catalogue_replaces_it() -> None:
    site = await reported()
    before = await site.inventory.groups()
    await site.restart(1)
    site.inventory.keepalive(GATE, "127.0.0.9", 5060)
    assert await site.inventory.groups() == before

    channels = channels_of(GATE, ITEMS[3:])
    await site.inventory.replace_channels(GATE, channels, complete=True)

    assert [(group.group_id, group.name) for group in await site.inventory.groups()] == [
        (GROUP, ""),
        (ORG, ""),
        (SUB_ORG, ""),
    ]


async def test_organisations_that_hang_in_each_other_are_shown_all_the_same() -> None:
    site = await Site().open()
    await site.register(YARD)
    circle = [
        ReportedChannel(ORG, name="Org", parent_ids=(SUB_ORG,)),
        ReportedChannel(SUB_ORG, name="Sub org", parent_ids=(ORG,)),
    ]

    await site.inventory.replace_channels(YARD, [], complete=True, nodes=circle)

    [root] = await site.inventory.groups()
    assert (root.group_id, [child.group_id for child in root.children]) == (ORG, [SUB_ORG])
