"""What one bad row costs the others: nothing."""

from collections.abc import Sequence

import pytest

from vms.errors import ConflictError, UnavailableError, VmsError
from vms.inventory.salvage import store_in_parts


class Shelf:
    """Takes no batch with a `bad` one in it, and nothing any more once `room` are there."""

    def __init__(self, bad: set[int], room: int = 1_000) -> None:
        self.stored: list[int] = []
        self.spoilt: list[int] = []
        self.attempts = 0
        self._bad = bad
        self._room = room

    async def store(self, items: Sequence[int]) -> None:
        self.attempts += 1
        if not self._bad.isdisjoint(items):
            raise ConflictError("one of them does not fit")
        if len(self.stored) + len(items) > self._room:
            raise UnavailableError("the disk is full")
        self.stored += items

    async def spoil(self, item: int, error: VmsError) -> None:
        assert isinstance(error, ConflictError)
        self.spoilt.append(item)


@pytest.mark.parametrize("bad", [set[int](), {0}, {99}, {40, 41}, {3, 50, 97}, set(range(100))])
async def test_all_but_the_bad_ones_are_stored_in_order(bad: set[int]) -> None:
    shelf, items = Shelf(bad), list(range(100))

    await store_in_parts(items, shelf.store, shelf.spoil, most=50)

    assert items == []
    assert shelf.spoilt == sorted(bad)
    assert shelf.stored == [number for number in range(100) if number not in bad]


async def test_one_bad_one_among_five_hundred_is_found_in_few_attempts() -> None:
    shelf = Shelf({123})

    await store_in_parts(list(range(500)), shelf.store, shelf.spoil, most=500)

    assert shelf.attempts < 40


async def test_what_a_database_that_cannot_serve_did_not_take_is_left() -> None:
    shelf, items = Shelf({7}, room=20), list(range(40))

    with pytest.raises(UnavailableError):
        await store_in_parts(items, shelf.store, shelf.spoil, most=10)

    assert shelf.spoilt == [7]
    assert shelf.stored == [*range(7), *range(8, items[0])]
    assert items == list(range(items[0], 40))
