"""Random pasts of channels, as columns for the fast way and as spans for the reference."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from hypothesis import strategies as st

from vms.figures.cutting import Lasting
from vms.figures.model import Window
from vms.figures.store import FOREVER_S, STATES, Spans
from vms.inventory.model import State


@dataclass(frozen=True)
class History:
    """One channel: its ledger, its places, its approved exclusions."""

    states: tuple[Lasting[State], ...]
    places: tuple[Lasting[int], ...]
    excluded: tuple[Window, ...]


@st.composite
def histories(draw: st.DrawFn, until_s: int, most_places: int = 4) -> History:
    """A channel that came on file sometime before `until_s` and may have gone again."""
    borders = st.integers(-until_s // 2, until_s - 1)
    cuts = sorted(draw(st.sets(borders, min_size=1, max_size=12)))
    lasts = draw(st.booleans())
    ends: list[int | None] = [*cuts[1:], None if lasts else cuts[-1] + draw(st.integers(1, 9999))]
    states: list[Lasting[State]] = []
    for start_s, end_s in zip(cuts, ends, strict=True):
        choices = [state for state in STATES if state is not State.EXCLUDED]
        states.append(Lasting(start_s, end_s, draw(st.sampled_from(choices))))
    last_s = ends[-1] if ends[-1] is not None else until_s
    moves = sorted(
        draw(st.sets(st.integers(cuts[0] + 1, max(last_s - 1, cuts[0] + 1)), max_size=4))
    )
    moves = [at_s for at_s in moves if at_s < last_s]
    places = [
        Lasting(start_s, end_s, draw(st.integers(1, most_places)))
        for start_s, end_s in pairwise([cuts[0], *moves, ends[-1]])
        if start_s is not None
    ]
    excluded = [
        Window(start_s, start_s + length_s)
        for start_s, length_s in draw(
            st.lists(st.tuples(borders, st.integers(1, until_s // 2)), max_size=3)
        )
    ]
    return History(tuple(states), tuple(places), tuple(excluded))


def city(until_s: int) -> st.SearchStrategy[Mapping[int, History]]:
    """A few channels, by keys that are not next to each other."""
    return st.dictionaries(st.integers(1, 60), histories(until_s), min_size=1, max_size=5)


def overlapping(histories: Mapping[int, History], window: Window) -> dict[int, History]:
    """What a store would hand over: channels with a state in the window, what overlaps it."""
    kept: dict[int, History] = {}
    for key in sorted(histories):
        past = histories[key]
        states = tuple(span for span in past.states if _overlaps(span, window))
        places = tuple(span for span in past.places if _overlaps(span, window))
        if states:
            kept[key] = History(states, places, past.excluded)
    return kept


def _overlaps(span: Lasting[State] | Lasting[int], window: Window) -> bool:
    return span.start_s < window.end_s and (span.end_s is None or span.end_s > window.start_s)


def spans(rows: Sequence[tuple[int, int, int | None, int]]) -> Spans:
    """Rows of key, start, end, value as columns."""
    return Spans(
        array("q", [row[0] for row in rows]),
        array("q", [row[1] for row in rows]),
        array("q", [FOREVER_S if row[2] is None else row[2] for row in rows]),
        array("q", [row[3] for row in rows]),
    )


def columns_of(histories: Mapping[int, History]) -> tuple[Spans, Spans, Spans]:
    """Ledger, places and exclusions of channels in order of key."""
    ordered = sorted(histories.items())
    return (
        spans(
            [
                (key, span.start_s, span.end_s, STATES.index(span.what))
                for key, past in ordered
                for span in past.states
            ]
        ),
        spans(
            [
                (key, span.start_s, span.end_s, span.what)
                for key, past in ordered
                for span in past.places
            ]
        ),
        spans(
            [(key, span.start_s, span.end_s, 0) for key, past in ordered for span in past.excluded]
        ),
    )


def hours_of(window: Window) -> list[Window]:
    """Hours at full multiples of 3600, the first and the last possibly cut."""
    first_s = (window.start_s // 3600 + 1) * 3600
    cuts = [window.start_s, *range(first_s, window.end_s, 3600), window.end_s]
    return [Window(start_s, end_s) for start_s, end_s in pairwise(cuts)]


def parts_of(window: Window, lengths: Sequence[int]) -> list[Window]:
    """The window, cut into parts of these lengths as far as they go."""
    cuts = [cut for cut in accumulate(lengths, initial=window.start_s) if cut < window.end_s]
    return [Window(start_s, end_s) for start_s, end_s in pairwise([*cuts, window.end_s])]
