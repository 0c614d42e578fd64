"""Catalogue answers in parts, and which of their items are channels."""

import pytest

from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.messages import CatalogItem, CatalogResponse
from vms.inventory.catalog import CatalogAssembly, Complete, Incomplete, channels_of

RECORDER = DeviceId("34020000001110000001")


def camera(number: int, name: str = "") -> CatalogItem:
    return CatalogItem(ChannelId(f"3402000000132{number:07d}"), name=name)


def part(total: int, *items: CatalogItem, sn: int = 7, damaged: int = 0) -> CatalogResponse:
    return CatalogResponse(sn, RECORDER, total, items, damaged)


def test_an_answer_is_complete_when_as_many_distinct_items_came_as_announced() -> None:
    assembly = CatalogAssembly(sn=7, now=0)

    assert assembly.add(part(3, camera(1), camera(2)), now=1) is None
    assert assembly.received == 2
    assert assembly.add(part(3, camera(3)), now=2) == Complete((camera(1), camera(2), camera(3)))
    assert assembly.deadline is None


def test_an_item_sent_twice_counts_once_and_its_later_copy_stands() -> None:
    assembly = CatalogAssembly(sn=7, now=0)

    assert assembly.add(part(2, camera(1, "old"), camera(1, "new")), now=1) is None
    assert assembly.add(part(2, camera(2)), now=2) == Complete((camera(1, "new"), camera(2)))


def test_an_answer_to_another_question_is_none_of_ours() -> None:
    assembly = CatalogAssembly(sn=7, now=0)

    assert assembly.add(part(1, camera(1), sn=8), now=1) is None
    assert assembly.received == 0


def test_the_latest_announcement_counts() -> None:
    assembly = CatalogAssembly(sn=7, now=0)
    assembly.add(part(5, camera(1)), now=1)

    assert assembly.add(part(2, camera(2)), now=2) == Complete((camera(1), camera(2)))


def test_nothing_found_is_a_complete_answer() -> None:
    assert CatalogAssembly(sn=7, now=0).add(part(0), now=1) == Complete(())


def test_parts_that_stay_away_leave_the_answer_incomplete() -> None:
    assembly = CatalogAssembly(sn=7, now=0)
    assembly.add(part(3, camera(1)), now=100)

    assert assembly.tick(now=109) is None
    outcome = assembly.tick(now=110)

    assert outcome == Incomplete((camera(1),), announced=3)
    assert isinstance(outcome, Incomplete)
    assert outcome.received == 1
    assert assembly.tick(now=999) is None


def test_the_first_part_may_take_two_minutes() -> None:
    assembly = CatalogAssembly(sn=7, now=0)

    assert assembly.tick(now=119) is None
    assert assembly.tick(now=120) == Incomplete((), announced=0)


def test_an_item_that_cannot_be_read_ends_the_wait_but_not_as_complete() -> None:
    assembly = CatalogAssembly(sn=7, now=0)

    assert assembly.add(part(2, camera(1), damaged=1), now=1) == Incomplete((camera(1),), 2)


def test_after_its_end_an_answer_takes_nothing_more() -> None:
    assembly = CatalogAssembly(sn=7, now=0)
    assembly.add(part(1, camera(1)), now=1)

    assert assembly.add(part(1, camera(2)), now=2) is None


@pytest.mark.parametrize(
    "identifier",
    ["34", "340200", "34020000002000000001", "34020000002150000001", "34020000002160000001"],
    ids=["province", "district", "system", "business group", "virtual organisation"],
)
def test_what_builds_the_tree_is_no_channel(identifier: str) -> None:
    node = CatalogItem(ChannelId(identifier))

    found = channels_of(RECORDER, [node, camera(1)])

    assert [channel.channel_id for channel in found] == [camera(1).channel_id]


def test_a_recorder_below_is_no_channel_while_cameras_hang_on_it() -> None:
    below = CatalogItem(ChannelId("34020000001180000005"))
    hanging = CatalogItem(camera(1).channel_id, parent_ids=(below.channel_id,))

    assert len(channels_of(RECORDER, [below, hanging])) == 1
    assert len(channels_of(RECORDER, [below])) == 1


def test_a_device_that_lists_itself_among_others_is_no_channel() -> None:
    itself = CatalogItem(ChannelId(RECORDER))

    assert [c.channel_id for c in channels_of(RECORDER, [itself, camera(1)])] == [
        camera(1).channel_id
    ]


def test_a_camera_that_reports_nothing_but_itself_is_its_own_channel() -> None:
    itself = CatalogItem(ChannelId(RECORDER), name="Gate")

    [channel] = channels_of(RECORDER, [itself])

    assert (channel.channel_id, channel.name) == (itself.channel_id, "Gate")


def test_an_item_keeps_everything_it_said() -> None:
    item = CatalogItem(camera(1).channel_id, name="Gate", is_on=False, extra={"PointType": "1"})

    [channel] = channels_of(RECORDER, [item])

    assert (channel.name, channel.is_on, channel.extra) == ("Gate", False, {"PointType": "1"})
