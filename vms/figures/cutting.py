"""What a channel's ledger says of a window, counted: the reference.

Plain integers, one channel at a time, for reading and for testing. `vms.figures.columns` counts
the same for a whole city with numpy, and is held to this by a property test.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from vms.figures.model import Window
from vms.inventory.model import State

_ONLINE = frozenset({State.ONLINE_PROVEN, State.ONLINE_SIGNALLED})

Where = TypeVar("Where")
"""A place, or its key; anything that can be told from others."""


class Lasting(NamedTuple, Generic[Where]):
    """Something that held in [start_s, end_s); `end_s` None while it lasts."""

    start_s: int
    end_s: int | None
    what: Where


@dataclass(frozen=True, slots=True)
class Cut(Generic[Where]):
    """A channel in a window. Over all places, seconds add up to the window, samples to its hours.

    `outages` counts runs of offline by the place of their first second in the window, `ended` those
    that an online second followed, by its place; `longest_s` is of the channel, wherever it was.
    """

    seconds: Mapping[Where, Mapping[State, int]]
    samples: Mapping[Where, Mapping[State, int]]
    outages: Mapping[Where, int]
    ended: Mapping[Where, int]
    longest_s: int


class Stretch(NamedTuple, Generic[Where]):
    """A stretch of the window with one state at one place."""

    start_s: int
    end_s: int
    state: State
    place: Where


def cut_channel(
    states: Sequence[Lasting[State]],
    places: Sequence[Lasting[Where]],
    excluded: Iterable[Window],
    window: Window,
    hours: Sequence[int],
) -> Cut[Where]:
    """Everything about one channel, of which some state lies in the window.

    `states` and `places` are in order, without overlap; `excluded` are approved exclusions, in any
    order; `hours` the seconds at which samples are taken. Where no state holds the channel was not
    on file: `not_commissioned`. Before its first place a channel counts to it, behind its last to
    that one. What is excluded is so whatever the ledger says, but for `not_commissioned`.
    """
    pieces = list(stretches(states, places, list(excluded), window))
    seconds: defaultdict[Where, defaultdict[State, int]] = defaultdict(lambda: defaultdict(int))
    samples: defaultdict[Where, defaultdict[State, int]] = defaultdict(lambda: defaultdict(int))
    for piece in pieces:
        seconds[piece.place][piece.state] += piece.end_s - piece.start_s
        taken = sum(piece.start_s <= hour < piece.end_s for hour in hours)
        if taken:
            samples[piece.place][piece.state] += taken
    outages, ended, longest_s = _outages(pieces)
    return Cut(seconds, samples, outages, ended, longest_s)


def stretches(
    states: Sequence[Lasting[State]],
    places: Sequence[Lasting[Where]],
    excluded: Sequence[Window],
    window: Window,
) -> Iterator[Stretch[Where]]:
    """The window, cut wherever anything begins or ends. As `cut_channel` takes them."""
    cuts = {window.start_s, window.end_s}
    cuts.update(border for span in excluded for border in (span.start_s, span.end_s))
    for spans in (states, places):
        cuts.update(start_s for start_s, _, _ in spans)
        cuts.update(end_s for _, end_s, _ in spans if end_s is not None)
    inside = sorted(cut for cut in cuts if window.start_s <= cut <= window.end_s)
    for start_s, end_s in pairwise(inside):
        state = _at(states, start_s)
        if state is None:
            state = State.NOT_COMMISSIONED
        elif state is not State.NOT_COMMISSIONED and any(
            span.start_s <= start_s < span.end_s for span in excluded
        ):
            state = State.EXCLUDED
        yield Stretch(start_s, end_s, state, _place_at(places, start_s))


def _at(spans: Iterable[Lasting[Where]], at_s: int) -> Where | None:
    for span in spans:
        if span.start_s <= at_s and (span.end_s is None or at_s < span.end_s):
            return span.what
    return None


def _place_at(places: Sequence[Lasting[Where]], at_s: int) -> Where:
    """The last that has begun; before the first, the first."""
    return [place for place in places if place.start_s <= at_s or place is places[0]][-1].what


def _outages(pieces: Iterable[Stretch[Where]]) -> tuple[dict[Where, int], dict[Where, int], int]:
    """Runs of offline; what nobody observed, or what does not count, neither ends nor adds."""
    outages: defaultdict[Where, int] = defaultdict(int)
    ended: defaultdict[Where, int] = defaultdict(int)
    run_s = longest_s = 0
    for piece in pieces:
        if piece.state is State.OFFLINE:
            if run_s == 0:
                outages[piece.place] += 1
            run_s += piece.end_s - piece.start_s
            longest_s = max(longest_s, run_s)
        elif piece.state in _ONLINE:
            if run_s > 0:
                ended[piece.place] += 1
            run_s = 0
    return dict(outages), dict(ended), longest_s
