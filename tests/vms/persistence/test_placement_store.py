"""Where channels belonged: what every store keeps of it, and what it refuses."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from tests.vms.persistence.rows_of_every_kind import channel, device, of_channel, step
from vms.errors import ConflictError
from vms.inventory.model import ChannelKey, DeviceKey
from vms.inventory.placement import Place, PlaceStep, Unplaced
from vms.inventory.store import DeviceStore
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.persistence.figure_tables import places

NORTH = Place(division="34020001", builder="Acme", segment="127.0.1.0/24")
SOUTH = replace(NORTH, division="34020002")
FIRST, OTHER = ChannelKey(1), ChannelKey(2)

Spans = list[tuple[int, int | None, Place]]


async def spans(store: DeviceStore, key: ChannelKey = FIRST) -> Spans:
    return [(row.start_s, row.end_s, row.place) for row in await store.placements(key)]


async def begin(store: DeviceStore, key: ChannelKey = FIRST, at_s: int = 100) -> None:
    """A channel comes on file in the north."""
    await store.append((), [PlaceStep(key, at_s, NORTH, is_first=True)])


async def test_a_channel_is_where_it_was_placed_until_it_is_moved(store: DeviceStore) -> None:
    await begin(store)
    await store.append((), [PlaceStep(FIRST, 130, SOUTH)])

    assert await spans(store) == [(100, 130, NORTH), (130, None, SOUTH)]


async def test_a_removal_ends_the_last_place(store: DeviceStore) -> None:
    await begin(store)
    await store.append((), [PlaceStep(FIRST, 170, None)])

    assert await spans(store) == [(100, 170, NORTH)]
    assert (await store.load_all()).open_placements == ()


async def test_of_changes_in_one_second_the_last_one_counts(store: DeviceStore) -> None:
    await begin(store)
    await store.append((), [PlaceStep(FIRST, 100, SOUTH)])
    await store.append((), [PlaceStep(FIRST, 150, NORTH), PlaceStep(FIRST, 150, SOUTH)])
    await store.append((), [PlaceStep(FIRST, 150, NORTH)])

    assert await spans(store) == [(100, 150, SOUTH), (150, None, NORTH)]


async def test_what_came_and_went_within_a_second_was_nowhere(store: DeviceStore) -> None:
    await begin(store)
    await store.append((), [PlaceStep(FIRST, 100, None)])
    await store.append(
        (), [PlaceStep(OTHER, 100, NORTH, is_first=True), PlaceStep(OTHER, 100, None)]
    )

    assert await spans(store) == []
    assert await spans(store, OTHER) == []


async def test_steps_that_are_written_together_follow_each_other(store: DeviceStore) -> None:
    await asyncio.gather(
        begin(store),
        begin(store, OTHER),
        store.append((), [PlaceStep(FIRST, 110, SOUTH), PlaceStep(FIRST, 120, NORTH)]),
        store.append((), [PlaceStep(OTHER, 125, None)]),
    )

    assert await spans(store) == [(100, 110, NORTH), (110, 120, SOUTH), (120, None, NORTH)]
    assert await spans(store, OTHER) == [(100, 125, NORTH)]


async def test_a_step_back_is_refused_with_all_that_came_with_it(store: DeviceStore) -> None:
    await begin(store)
    await begin(store, OTHER)

    with pytest.raises(ConflictError):
        await store.append((), [PlaceStep(OTHER, 120, SOUTH), PlaceStep(FIRST, 99, SOUTH)])

    assert await spans(store) == [(100, None, NORTH)]
    assert await spans(store, OTHER) == [(100, None, NORTH)]


async def test_places_are_written_with_the_change_that_caused_them(store: DeviceStore) -> None:
    first, other = channel(1), channel(2)
    opened = [PlaceStep(FIRST, 100, NORTH, is_first=True)]
    await store.save_device(device(1))
    await store.save_channels(
        [first, other], places=[*opened, opened[0]._replace(channel_key=OTHER)]
    )
    await store.save_device(device(1), places=[PlaceStep(FIRST, 110, SOUTH)])
    await store.remove_device(
        DeviceKey(1), [FIRST, OTHER], (), [PlaceStep(FIRST, 120, None), PlaceStep(OTHER, 120, None)]
    )

    assert await spans(store) == [(100, 110, NORTH), (110, 120, SOUTH)]
    assert await spans(store, OTHER) == [(100, 120, NORTH)]


async def test_a_change_that_is_refused_moves_nobody(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await begin(store)

    with pytest.raises(ConflictError):
        await store.save_channels(
            [channel(1)],
            transitions=[step(of_channel(1), 100, 50)],
            places=[PlaceStep(FIRST, 110, SOUTH)],
        )

    assert await spans(store) == [(100, None, NORTH)]


async def test_of_a_window_comes_what_overlaps_it_by_channel_and_start(store: DeviceStore) -> None:
    await begin(store, OTHER)
    await begin(store)
    await store.append((), [PlaceStep(FIRST, 130, SOUTH), PlaceStep(OTHER, 140, None)])

    async def seen(from_s: int, to_s: int) -> list[tuple[int, int]]:
        rows = await store.placements_of_all(from_s, to_s)
        return [(row.channel_key, row.start_s) for row in rows]

    assert await seen(0, 1000) == [(1, 100), (1, 130), (2, 100)]
    assert await seen(0, 100) == []
    assert await seen(100, 101) == [(1, 100), (2, 100)]
    assert await seen(130, 140) == [(1, 130), (2, 100)]
    assert await seen(140, 141) == [(1, 130)]


async def test_what_lasts_is_loaded_at_start_and_like_places_share_a_key(
    store: DeviceStore,
) -> None:
    await begin(store)
    await begin(store, OTHER)
    await store.append((), [PlaceStep(FIRST, 130, SOUTH)])
    await store.append((), [PlaceStep(FIRST, 160, NORTH)])

    first, other = (await store.load_all()).open_placements
    assert (first.channel_key, first.start_s, first.end_s) == (1, 160, None)
    assert (other.channel_key, other.start_s, other.end_s) == (2, 100, None)
    assert first.place == other.place == NORTH
    assert first.place_key == other.place_key
    assert len({row.place_key for row in await store.placements(FIRST)}) == 2


async def test_words_that_only_look_alike_are_places_of_their_own(store: DeviceStore) -> None:
    alike = [
        Place(builder='a", "b'),
        Place(builder="a", maintainer="b"),
        Place(maintainer="a"),
        Place(builder="市政", department="é"),
        Place(builder="市政é"),
    ]
    keys = [ChannelKey(number) for number in range(1, 6)]
    await store.append(
        (), [PlaceStep(key, 100, place, True) for key, place in zip(keys, alike, strict=True)]
    )

    assert [(await spans(store, key))[0][2] for key in keys] == alike


async def test_channels_that_never_had_a_place_are_found_with_their_first_second(
    store: DeviceStore,
) -> None:
    await store.save_device(device(1))
    await store.save_channels(
        [channel(1), channel(2), channel(3)],
        transitions=[
            step(of_channel(2), 100, None),
            step(of_channel(2), 140, 100),
            step(of_channel(3), 100, None),
        ],
        places=[PlaceStep(ChannelKey(3), 100, NORTH, is_first=True)],
    )
    await store.save_channels(
        [],
        [OTHER],
        [replace(step(of_channel(2), 190, 140), opens=False)],
    )

    assert await store.unplaced_channels() == [
        Unplaced(FIRST, None, None),
        Unplaced(OTHER, 100, 190),
    ]


async def test_a_catalogue_of_one_place_stores_it_once(database: Database) -> None:
    store = SqlDeviceStore(database)
    keys = [ChannelKey(number) for number in range(1, 1202)]

    await store.append((), [PlaceStep(key, 100, NORTH, is_first=True) for key in keys])
    await store.append((), [PlaceStep(key, 130, SOUTH) for key in keys])
    await store.append((), [PlaceStep(key, 160, NORTH) for key in keys])

    assert len(await store.placements_of_all(0, 200)) == 3 * 1201
    async with database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(places)) == 2


async def test_a_town_of_as_many_places_as_channels_comes_back_whole(database: Database) -> None:
    store = SqlDeviceStore(database)
    numbers = range(1, 1202)
    steps = [
        PlaceStep(ChannelKey(number), 100, Place(parent_id=str(number)), is_first=True)
        for number in numbers
    ]

    await store.append((), steps)

    rows = await store.placements_of_all(0, 200)
    assert [(row.channel_key, row.place.parent_id) for row in rows] == [
        (number, str(number)) for number in numbers
    ]
