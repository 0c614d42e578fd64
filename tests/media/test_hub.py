"""One stream to many readers: what they begin with, and what gives way when one is slow."""

import asyncio

import pytest

from media.group import GROUP_LIMIT_UNITS
from media.hub import AUDIO_CAPACITY, Hub, HubClosedError
from media.unit import AccessUnit, Codec
from tests.support.faults import told_to_loop

SLICE = b"\x00\x00\x00\x01\x41"
KEY = b"\x00\x00\x00\x01\x65"


def picture(number: int, *, key: bool = False, damaged: bool = False) -> AccessUnit:
    return AccessUnit(Codec.H264, number * 3600, KEY if key else SLICE, key, number / 25, damaged)


def sound(number: int) -> AccessUnit:
    return AccessUnit(Codec.PCMA, number * 3600, bytes(320), False, number / 25)


def hub_at(now_s: float = 0.0) -> Hub:
    return Hub(lambda: now_s)


def test_every_reader_gets_every_picture_in_order() -> None:
    hub = hub_at()
    readers = [hub.subscribe(8), hub.subscribe(8)]
    units = [picture(0, key=True), picture(1), picture(2)]

    for unit in units:
        hub.publish(unit)

    assert [reader.take() for reader in readers] == [units, units]
    assert readers[0].take() == []


async def test_a_reader_that_fails_is_told_of_and_the_others_get_their_pictures() -> None:
    def fail() -> None:
        raise KeyError("a mistake")

    told = told_to_loop()
    hub = hub_at()
    hub.subscribe(8, fail)
    reader = hub.subscribe(8)

    hub.publish(picture(0, key=True))

    assert reader.take() == [picture(0, key=True)]
    assert [type(context["exception"]) for context in told] == [KeyError]


def test_pictures_before_the_first_key_picture_are_withheld() -> None:
    hub = hub_at()
    reader = hub.subscribe(8)

    hub.publish(picture(0))
    hub.publish(picture(1, key=True))

    assert reader.take() == [picture(1, key=True)]
    assert reader.dropped == 1


def test_a_late_reader_that_asks_for_the_group_can_go_on_with_the_next_picture() -> None:
    hub = hub_at()
    units = [picture(number, key=number == 0) for number in range(4)]
    for unit in units[:3]:
        hub.publish(unit)

    reader = hub.subscribe(1, with_group=True)

    assert reader.take() == units[:3]
    hub.publish(units[3])
    assert reader.take() == [units[3]]


def test_a_group_too_long_to_keep_is_not_begun_with_its_middle_missing() -> None:
    hub = hub_at()
    for number in range(GROUP_LIMIT_UNITS + 1):
        hub.publish(picture(number, key=number == 0))

    reader = hub.subscribe(8, with_group=True)

    assert reader.take() == [picture(0, key=True)]
    assert reader.awaits_key


def test_a_late_reader_begins_with_the_last_key_picture_and_goes_on_at_the_next() -> None:
    hub = hub_at()
    for number in range(3):
        hub.publish(picture(number, key=number == 0))

    reader = hub.subscribe(8)

    assert reader.awaits_key
    hub.publish(picture(3))
    assert reader.take() == [picture(0, key=True)]
    hub.publish(picture(4, key=True))
    hub.publish(picture(5))
    assert reader.take() == [picture(4, key=True), picture(5)]
    assert not reader.awaits_key


def test_a_reader_that_comes_right_after_a_key_picture_misses_nothing() -> None:
    hub = hub_at()
    hub.publish(picture(0, key=True))
    hub.publish(sound(0))

    reader = hub.subscribe(8)
    hub.publish(picture(1))

    assert reader.take() == [picture(0, key=True), picture(1)]


def test_a_damaged_key_picture_is_neither_kept_nor_begun_with() -> None:
    hub = hub_at()
    reader = hub.subscribe(8)

    hub.publish(picture(0, key=True, damaged=True))

    assert hub.key_picture is None
    assert reader.take() == []


def test_a_damaged_picture_reaches_a_reader_that_is_under_way() -> None:
    hub = hub_at()
    reader = hub.subscribe(8)
    hub.publish(picture(0, key=True))

    hub.publish(picture(1, damaged=True))

    assert [unit.is_damaged for unit in reader.take()] == [False, True]


def test_a_full_reader_drops_up_to_the_next_key_picture() -> None:
    hub = hub_at()
    reader = hub.subscribe(2)
    for number in range(4):
        hub.publish(picture(number, key=number == 0))

    assert reader.take() == [picture(0, key=True), picture(1)]
    assert reader.dropped == 2
    hub.publish(picture(4))
    assert reader.take() == []
    hub.publish(picture(5, key=True))
    assert reader.take() == [picture(5, key=True)]
    assert reader.dropped == 3


def test_a_key_picture_replaces_what_a_reader_that_is_still_full_left_waiting() -> None:
    hub = hub_at()
    reader = hub.subscribe(2)
    for number in range(3):
        hub.publish(picture(number, key=number == 0))

    hub.publish(picture(3, key=True))

    assert reader.take() == [picture(3, key=True)]
    assert reader.dropped == 3


def test_a_slow_reader_takes_nothing_from_the_others() -> None:
    hub = hub_at()
    slow, quick = hub.subscribe(1), hub.subscribe(1)
    taken: list[AccessUnit] = []

    for number in range(10):
        hub.publish(picture(number, key=number == 0))
        taken += quick.take()

    assert len(taken) == 10
    assert (slow.dropped, quick.dropped) == (9, 0)


def test_sound_has_a_bound_of_its_own_and_its_oldest_gives_way() -> None:
    hub = hub_at()
    reader = hub.subscribe(1)

    for number in range(AUDIO_CAPACITY + 5):
        hub.publish(sound(number))
    hub.publish(picture(500, key=True))

    units = reader.take()
    assert units[0] == sound(5)
    assert units[-1] == picture(500, key=True)
    assert len(units) == AUDIO_CAPACITY + 1
    assert (reader.dropped, reader.audio_dropped) == (0, 5)


def test_a_reader_is_woken_once_until_it_has_taken() -> None:
    hub = hub_at()
    wakes: list[None] = []
    reader = hub.subscribe(8, lambda: wakes.append(None))

    hub.publish(picture(0))
    assert len(wakes) == 0
    hub.publish(picture(1, key=True))
    hub.publish(picture(2))
    assert len(wakes) == 1
    reader.take()
    hub.publish(picture(3))
    assert len(wakes) == 2
    hub.close()
    assert len(wakes) == 3


async def test_waiting_for_the_next_unit_ends_when_one_comes_and_when_the_stream_closes() -> None:
    hub = hub_at()
    reader = hub.subscribe(8)
    async with asyncio.timeout(5):
        waiting = asyncio.ensure_future(reader.next())
        await asyncio.sleep(0)
        hub.publish(picture(0, key=True))
        hub.publish(sound(0))
        assert await waiting == picture(0, key=True)
        hub.close()
        assert await reader.next() == sound(0)
        with pytest.raises(HubClosedError):
            await reader.next()
    assert reader.closed


async def test_a_closed_reader_is_forgotten() -> None:
    hub = hub_at()
    reader = hub.subscribe(8)

    reader.close()
    reader.close()
    hub.publish(picture(0, key=True))

    assert reader.take() == []
    assert hub.reader_count == 0


def test_a_reader_of_a_closed_hub_is_closed_and_nothing_is_published_any_more() -> None:
    hub = hub_at()
    hub.close()

    hub.publish(picture(0, key=True))

    assert hub.subscribe(8).closed
    assert hub.key_picture is None


def test_a_closed_hub_keeps_no_picture_beyond_what_waits_for_its_readers() -> None:
    hub = hub_at()
    reader = hub.subscribe(8)
    hub.publish(picture(0, key=True))
    hub.publish(picture(1))

    hub.close()

    assert (hub.key_picture, hub.group) == (None, [])
    assert [unit.is_key for unit in reader.take()] == [True, False]
    assert hub.subscribe(8, with_group=True).take() == []


def test_the_age_of_the_key_picture_is_known() -> None:
    seconds = [10.0]
    hub = Hub(lambda: seconds[0])
    assert hub.key_picture_age_s is None

    hub.publish(picture(0, key=True))
    seconds[0] = 12.5

    assert hub.key_picture_age_s == 2.5


def test_a_reader_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="needs room"):
        hub_at().subscribe(0)
