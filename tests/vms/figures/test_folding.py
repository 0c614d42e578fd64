"""However a window is cut into pieces, together they say what the reference says of the whole."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.vms.figures.histories import (
    History,
    city,
    columns_of,
    hours_of,
    overlapping,
    parts_of,
)
from vms.figures.columns import Columns, Piece, cut
from vms.figures.cutting import cut_channel
from vms.figures.folding import Fold, Table, tables_by_hour
from vms.figures.model import Window
from vms.figures.store import STATES

UNTIL_S = 40_000
UTC = ZoneInfo("UTC")
WHOLE = Window(0, UNTIL_S)


def piece_of(histories: Mapping[int, History], window: Window) -> Piece:
    states, places, excluded = map(Columns.of, columns_of(overlapping(histories, window)))
    slots = hours_of(window)
    samples_s = [slot.start_s for slot in slots if slot.start_s % 3600 == 0]
    return cut(states, places, excluded, window, slots, samples_s, with_hours=True)


def folded(histories: Mapping[int, History], parts: list[Window]) -> Table:
    fold = Fold(WHOLE, UTC)
    for part in parts:
        fold.take(piece_of(histories, part))
    return fold.table()


@given(
    histories=city(UNTIL_S),
    lengths=st.lists(st.integers(1000, UNTIL_S), min_size=1, max_size=8),
)
def test_pieces_say_together_what_the_reference_says_of_the_whole(
    histories: Mapping[int, History], lengths: list[int]
) -> None:
    table = folded(histories, parts_of(WHOLE, lengths))

    hours = list(range(0, UNTIL_S, 3600))
    there = overlapping(histories, WHOLE)
    assert set(table.channels.tolist()) == set(there)
    assert table.outages is not None
    assert table.ended is not None
    assert table.longest_s is not None
    for key, past in there.items():
        expected = cut_channel(past.states, past.places, past.excluded, WHOLE, hours)
        for cell in np.flatnonzero(table.channels == key):
            place = int(table.places[cell])
            seconds = expected.seconds.get(place, {})
            samples = expected.samples.get(place, {})
            assert table.seconds[:, cell].tolist() == [seconds.get(each, 0) for each in STATES]
            assert table.samples[:, cell].tolist() == [samples.get(each, 0) for each in STATES]
            assert table.outages[cell] == expected.outages.get(place, 0)
            assert table.ended[cell] == expected.ended.get(place, 0)
            assert table.longest_s[cell] == expected.longest_s
    assert table.seconds.sum() == len(there) * UNTIL_S


@given(histories=city(UNTIL_S), lengths=st.lists(st.integers(5000, UNTIL_S), min_size=1))
def test_hours_add_up_to_every_second_of_whoever_is_there(
    histories: Mapping[int, History], lengths: list[int]
) -> None:
    for part in parts_of(WHOLE, lengths):
        piece = piece_of(histories, part)
        for table in tables_by_hour(piece):
            assert table.seconds.sum() == len(piece.channels) * table.window.length_s
            assert (table.outages, table.longest_s) == (None, None)
