"""The fast way counts what the reference counts, and is read back as it was stored."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vms.figures.histories import History, city, columns_of, hours_of, overlapping, spans
from vms.figures.columns import UNPLACED, Columns, Hours, Piece, cut
from vms.figures.cutting import Cut, cut_channel
from vms.figures.model import Window
from vms.figures.packing import DamagedError
from vms.figures.rollup import packed, unpacked
from vms.figures.store import STATES, StoredDay

UNTIL_S = 40_000
NO_SPANS = Columns.of(spans([]))


def windows() -> st.SearchStrategy[Window]:
    border = st.integers(0, UNTIL_S)
    return (
        st.tuples(border, border).filter(lambda pair: pair[0] < pair[1]).map(lambda p: Window(*p))
    )


def counted(histories: Mapping[int, History], window: Window) -> Piece:
    states, places, excluded = map(Columns.of, columns_of(histories))
    slots = hours_of(window)
    samples_s = [slot.start_s for slot in slots if slot.start_s % 3600 == 0]
    return cut(states, places, excluded, window, slots, samples_s, with_hours=True)


def reference(past: History, window: Window) -> Cut[int]:
    hours = [hour for hour in range(0, UNTIL_S, 3600) if window.start_s <= hour < window.end_s]
    return cut_channel(past.states, past.places, past.excluded, window, hours)


@given(histories=city(UNTIL_S), window=windows())
def test_the_fast_way_counts_what_the_reference_counts(
    histories: Mapping[int, History], window: Window
) -> None:
    there = overlapping(histories, window)
    piece = counted(there, window)

    assert piece.channels.tolist() == list(there)
    for index, (key, past) in enumerate(there.items()):
        expected = reference(past, window)
        cells = np.flatnonzero(piece.cell_channels == key)
        assert set(piece.cell_places[cells].tolist()) == set(expected.seconds)
        assert piece.longest_s[index] == expected.longest_s
        for cell in cells:
            place = int(piece.cell_places[cell])
            for code, state in enumerate(STATES):
                assert piece.seconds[code, cell] == expected.seconds[place].get(state, 0)
                samples = expected.samples.get(place, {})
                assert piece.samples[code, cell] == samples.get(state, 0)
            assert piece.outages[cell] == expected.outages.get(place, 0)
            assert piece.ended[cell] == expected.ended.get(place, 0)
    assert (piece.seconds.sum(), len(piece.channels)) == (
        len(there) * window.length_s,
        len(there),
    )


@given(histories=city(UNTIL_S), window=windows())
def test_hours_add_up_to_the_piece_and_each_is_its_own_window(
    histories: Mapping[int, History], window: Window
) -> None:
    there = overlapping(histories, window)
    piece = counted(there, window)
    assert piece.hours is not None

    assert np.array_equal(piece.hours.seconds.sum(axis=1), piece.seconds)
    for hour, slot in enumerate(piece.hours.slots):
        for key, past in there.items():
            expected = reference(past, slot)
            for cell in np.flatnonzero(piece.cell_channels == key):
                place = int(piece.cell_places[cell])
                own = expected.seconds.get(place, {})
                assert piece.hours.seconds[:, hour, cell].tolist() == [
                    own.get(state, 0) for state in STATES
                ]


@given(histories=city(UNTIL_S))
def test_a_stored_day_says_what_was_counted(histories: Mapping[int, History]) -> None:
    window = Window(0, UNTIL_S)
    piece = counted(overlapping(histories, window), window)

    read = unpacked(packed(piece), with_hours=True)

    for field in fields(Piece):
        stored, made = getattr(read, field.name), getattr(piece, field.name)
        if isinstance(made, Hours):
            assert (stored.slots, stored.sample_slots) == (made.slots, made.sample_slots)
            assert np.array_equal(stored.seconds, made.seconds)
            assert np.array_equal(stored.marks, made.marks)
        else:
            assert np.array_equal(stored, made), field.name


def test_a_channel_without_any_placement_is_counted_all_the_same() -> None:
    piece = cut(
        Columns.of(spans([(7, 0, None, 2)])),
        NO_SPANS,
        NO_SPANS,
        Window(0, 10),
        [Window(0, 10)],
        [0],
        with_hours=False,
    )

    assert (piece.cell_places.tolist(), piece.seconds[2].tolist()) == ([UNPLACED], [10])


def test_a_window_without_anybody_is_empty() -> None:
    piece = cut(NO_SPANS, NO_SPANS, NO_SPANS, Window(0, 10), [Window(0, 10)], [0], with_hours=True)

    assert (len(piece.channels), piece.seconds.sum()) == (0, 0)
    assert packed(piece).rows == 0


def test_a_damaged_day_is_known_as_such() -> None:
    day = packed(
        cut(
            Columns.of(spans([(7, 0, None, 2)])),
            NO_SPANS,
            NO_SPANS,
            Window(0, 10),
            [Window(0, 10)],
            [0],
            with_hours=True,
        )
    )
    cropped = StoredDay(0, 10, 1, day.summary[:-9], day.hours, day.sha256)

    with pytest.raises(DamagedError):
        unpacked(cropped, with_hours=True)
    with pytest.raises(DamagedError):
        unpacked(cropped, with_hours=False)
