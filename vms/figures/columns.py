"""The same as `vms.figures.cutting`, for many channels at once, in columns of numpy.

The window of every channel is laid end to end on one line: second t of channel i stands at
i x length + t. Whatever begins or ends cuts the line; each stretch between two cuts has one state
at one place, and is counted where it belongs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vms.figures.model import Window
from vms.figures.store import STATES, Spans
from vms.inventory.model import State

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[np.uint8]
Shorts: TypeAlias = NDArray[np.uint16]

ONLINE_CODES = (STATES.index(State.ONLINE_PROVEN), STATES.index(State.ONLINE_SIGNALLED))
OFFLINE_CODE = STATES.index(State.OFFLINE)
EXCLUDED_CODE = STATES.index(State.EXCLUDED)
NOT_COMMISSIONED_CODE = STATES.index(State.NOT_COMMISSIONED)

UNPLACED = 0
"""The place key of a channel of which no placement is known; real ones begin at 1."""

NO_SAMPLE = 255
"""In `Hours.marks`: at that hour the channel was elsewhere."""


@dataclass(frozen=True, slots=True)
class Columns:
    """`vms.figures.store.Spans` in numpy."""

    keys: Ints
    starts_s: Ints
    ends_s: Ints
    values: Ints

    @classmethod
    def of(cls, spans: Spans) -> "Columns":
        """The same memory, seen by numpy."""
        return cls(
            *(
                np.frombuffer(column, dtype=np.int64) if len(column) else np.empty(0, np.int64)
                for column in (spans.channel_keys, spans.starts_s, spans.ends_s, spans.values)
            )
        )


@dataclass(frozen=True, slots=True)
class Hours:
    """A piece by hours of the site's clock, the first and the last possibly cut.

    `seconds` by state, hour and cell; `marks` by sample and cell: the state then, or `NO_SAMPLE`.
    Samples stand at the beginning of those `slots` that are not cut in front.
    """

    slots: tuple[Window, ...]
    sample_slots: tuple[int, ...]
    seconds: Shorts
    marks: Codes


@dataclass(frozen=True, slots=True)
class Piece:
    """A window of at most a day, counted. A cell is a channel at a place; both are in order.

    By cell: `seconds` and `samples` by state, `outages`, `ended`. By channel: where it was first
    and last; `head_s`, offline before it was first online (all of it where it never was),
    `tail_s` behind its last online second, `longest_s` in one go, and where the first offline and
    the first online second were: by these, outages are told across pieces.
    """

    window: Window
    cell_channels: Ints
    cell_places: Ints
    seconds: Ints
    samples: Ints
    outages: Ints
    ended: Ints
    channels: Ints
    first_places: Ints
    last_places: Ints
    head_s: Ints
    longest_s: Ints
    tail_s: Ints
    was_online: Flags
    offline_places: Ints
    online_places: Ints
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """The windows of all channels end to end, cut into stretches."""

    starts: Ints
    lengths: Ints
    channels: Ints
    states: Ints
    cells: Ints
    places: Ints


def cut(
    states: Columns,
    places: Columns,
    excluded: Columns,
    window: Window,
    slots: Sequence[Window],
    samples_s: Sequence[int],
    *,
    with_hours: bool,
) -> Piece:
    """Count every channel that has a state in the window.

    `states` and `places` by channel, then start, without overlap; `excluded` in any order, its
    values mean nothing. `slots` are the hours that the window consists of, `samples_s` the
    beginnings of those that begin in it. See `vms.figures.cutting.cut_channel` for the rules.
    """
    length = window.length_s
    channels = distinct(states.keys)
    state_at, state_to, state = _on_line(states, channels, window)
    place_at, place, place_of = _placed(places, channels, window)
    excluded_at, excluded_to, _ = _on_line(excluded, channels, window)
    excluded_at, excluded_to = np.sort(excluded_at), np.sort(excluded_to)
    slot_starts = np.array([slot.start_s - window.start_s for slot in slots], dtype=np.int64)
    begins = np.arange(len(channels), dtype=np.int64) * length
    grid = (begins[:, None] + slot_starts[None, :]).ravel() if with_hours else begins
    cuts = distinct(np.concatenate([state_at, state_to, place_at, excluded_at, excluded_to, grid]))
    cuts = cuts[cuts < len(channels) * length]

    index = np.searchsorted(state_at, cuts, "right") - 1
    if len(state):
        holds = (index >= 0) & (cuts < state_to[index])
        found = np.where(holds, state[index], NOT_COMMISSIONED_CODE)
    else:
        found = np.full(len(cuts), NOT_COMMISSIONED_CODE, dtype=np.int64)
    lies_over = np.searchsorted(excluded_at, cuts, "right") > np.searchsorted(
        excluded_to, cuts, "right"
    )
    found[lies_over & (found != NOT_COMMISSIONED_CODE)] = EXCLUDED_CODE
    placed = np.searchsorted(place_at, cuts, "right") - 1

    # Places by their rank, so that a cell's number stays small whatever the keys are.
    known, rank = np.unique(place, return_inverse=True)
    pairs, cell_of = np.unique(place_of * max(len(known), 1) + rank, return_inverse=True)
    line = _Line(
        starts=cuts,
        lengths=np.diff(np.append(cuts, len(channels) * length)),
        channels=cuts // length,
        states=found,
        cells=cell_of[placed],
        places=place[placed],
    )
    cells = len(pairs)
    samples, marks = _sampled(line, begins, samples_s, window, cells)
    hours = None
    if with_hours:
        starts = [slot.start_s for slot in slots]
        hours = Hours(
            tuple(slots),
            tuple(starts.index(at_s) for at_s in samples_s),
            _by_hour(line, begins, slot_starts, cells),
            marks,
        )
    firsts = np.searchsorted(place_of, np.arange(len(channels)), "left")
    lasts = np.searchsorted(place_of, np.arange(len(channels)), "right") - 1
    return _with_outages(
        line,
        Piece(
            window=window,
            cell_channels=channels[pairs // max(len(known), 1)],
            cell_places=known[pairs % max(len(known), 1)],
            seconds=_counted(line.states * cells + line.cells, line.lengths, len(STATES), cells),
            samples=samples,
            outages=np.zeros(cells, np.int64),
            ended=np.zeros(cells, np.int64),
            channels=channels,
            first_places=place[firsts],
            last_places=place[lasts],
            head_s=np.zeros(len(channels), np.int64),
            longest_s=np.zeros(len(channels), np.int64),
            tail_s=np.zeros(len(channels), np.int64),
            was_online=np.zeros(len(channels), np.bool_),
            offline_places=place[firsts],
            online_places=place[firsts],
            hours=hours,
        ),
    )


def distinct(values: Ints) -> Ints:
    """Each once, in order. Meant for runs that are in order already, one behind the other: merging
    these takes a fraction of the time of `numpy.unique`."""
    ordered = np.sort(values, kind="stable")
    is_new = np.ones(len(ordered), np.bool_)
    is_new[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_new]


def _on_line(columns: Columns, channels: Ints, window: Window) -> tuple[Ints, Ints, Ints]:
    """Where spans of these channels begin and end on the line, and their values."""
    at = np.searchsorted(channels, columns.keys)
    at = np.minimum(at, max(len(channels) - 1, 0))
    is_ours = channels[at] == columns.keys if len(channels) else np.zeros(len(at), np.bool_)
    starts = np.clip(columns.starts_s - window.start_s, 0, window.length_s)
    ends = np.clip(columns.ends_s - window.start_s, 0, window.length_s)
    kept = is_ours & (ends > starts)
    begins = at[kept] * window.length_s
    return begins + starts[kept], begins + ends[kept], columns.values[kept]


def _placed(places: Columns, channels: Ints, window: Window) -> tuple[Ints, Ints, Ints]:
    """Where each place of a channel begins on the line, its key, and the channel's number.

    The first place of a channel begins with its window; one without any is `UNPLACED`.
    """
    at, _, place = _on_line(places, channels, window)
    place_of = at // window.length_s
    nowhere = np.setdiff1d(np.arange(len(channels), dtype=np.int64), place_of)
    at = np.concatenate([at, nowhere * window.length_s])
    place = np.concatenate([place, np.full(len(nowhere), UNPLACED, np.int64)])
    order = np.argsort(at, kind="stable")
    at, place = at[order], place[order]
    place_of = at // window.length_s
    is_first = np.ones(len(at), np.bool_)
    is_first[1:] = place_of[1:] != place_of[:-1]
    at = np.where(is_first, place_of * window.length_s, at)
    return at, place, place_of


def _counted(where: Ints, lengths: Ints, lines: int, cells: int) -> Ints:
    """Sums of lengths; as floats on the way, exact below 2 to the 53rd."""
    sums = np.bincount(where, weights=lengths, minlength=lines * cells)
    return sums.astype(np.int64).reshape(lines, cells)


def _sampled(
    line: _Line, begins: Ints, samples_s: Sequence[int], window: Window, cells: int
) -> tuple[Ints, Codes]:
    """Samples by state and cell; and the state at each by cell."""
    marks = np.full((len(samples_s), cells), NO_SAMPLE, np.uint8)
    counts = np.zeros(len(STATES) * cells, np.int64)
    for number, at_s in enumerate(samples_s):
        stretch = np.searchsorted(line.starts, begins + (at_s - window.start_s), "right") - 1
        marks[number, line.cells[stretch]] = line.states[stretch]
        where = line.states[stretch] * cells + line.cells[stretch]
        counts += np.bincount(where, minlength=len(counts))
    return counts.reshape(len(STATES), cells), marks


def _by_hour(line: _Line, begins: Ints, slot_starts: Ints, cells: int) -> Shorts:
    slot = np.searchsorted(slot_starts, line.starts - begins[line.channels], "right") - 1
    where = (line.states * len(slot_starts) + slot) * cells + line.cells
    sums = _counted(where, line.lengths, len(STATES) * len(slot_starts), cells)
    return sums.astype(np.uint16).reshape(len(STATES), len(slot_starts), cells)


def _with_outages(line: _Line, piece: Piece) -> Piece:
    """Fill in what follows from the order in which a channel was seen online and offline."""
    observed = np.flatnonzero(line.states <= OFFLINE_CODE)
    if not len(observed):
        return piece
    channel, cell = line.channels[observed], line.cells[observed]
    is_offline = line.states[observed] == OFFLINE_CODE
    is_first = np.ones(len(observed), np.bool_)
    is_first[1:] = channel[1:] != channel[:-1]
    is_last = np.append(is_first[1:], True)
    was_offline = np.zeros(len(observed), np.bool_)
    was_offline[1:] = is_offline[:-1]
    was_offline &= ~is_first
    begins = is_offline & ~was_offline
    cells = len(piece.outages)
    piece.outages[:] = np.bincount(cell[begins], minlength=cells)
    piece.ended[:] = np.bincount(cell[~is_offline & was_offline], minlength=cells)
    runs = int(begins.sum())
    run = np.cumsum(begins) - 1
    lasted = np.bincount(
        run[is_offline], weights=line.lengths[observed][is_offline], minlength=runs
    ).astype(np.int64)
    np.maximum.at(piece.longest_s, channel[begins], lasted)
    heads = begins & is_first
    piece.head_s[channel[heads]] = lasted[run[heads]]
    piece.offline_places[channel[heads]] = line.places[observed][heads]
    tails = is_offline & is_last
    piece.tail_s[channel[tails]] = lasted[run[tails]]
    there, first = np.unique(channel[~is_offline], return_index=True)
    piece.was_online[there] = True
    piece.online_places[there] = line.places[observed][~is_offline][first]
    return piece


def joined(pieces: Sequence[Piece]) -> Piece:
    """Pieces of one window, of channels that follow each other."""
    if len(pieces) == 1:
        return pieces[0]
    hours = [piece.hours for piece in pieces if piece.hours is not None]
    first = pieces[0]
    return Piece(
        first.window,
        np.concatenate([piece.cell_channels for piece in pieces]),
        np.concatenate([piece.cell_places for piece in pieces]),
        np.concatenate([piece.seconds for piece in pieces], axis=1),
        np.concatenate([piece.samples for piece in pieces], axis=1),
        np.concatenate([piece.outages for piece in pieces]),
        np.concatenate([piece.ended for piece in pieces]),
        np.concatenate([piece.channels for piece in pieces]),
        np.concatenate([piece.first_places for piece in pieces]),
        np.concatenate([piece.last_places for piece in pieces]),
        np.concatenate([piece.head_s for piece in pieces]),
        np.concatenate([piece.longest_s for piece in pieces]),
        np.concatenate([piece.tail_s for piece in pieces]),
        np.concatenate([piece.was_online for piece in pieces]),
        np.concatenate([piece.offline_places for piece in pieces]),
        np.concatenate([piece.online_places for piece in pieces]),
        Hours(
            hours[0].slots,
            hours[0].sample_slots,
            np.concatenate([each.seconds for each in hours], axis=2),
            np.concatenate([each.marks for each in hours], axis=1),
        )
        if hours
        else None,
    )
