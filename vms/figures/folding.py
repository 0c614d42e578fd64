"""Pieces of a window, one after the other, made into one table of channels at places."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from vms.figures.borders import full_hours
from vms.figures.columns import NOT_COMMISSIONED_CODE, Flags, Ints, Piece
from vms.figures.model import Window
from vms.figures.store import STATES


@dataclass(frozen=True, slots=True)
class Table:
    """A window, counted: a line a cell, which is a channel at a place.

    `longest_s` is the channel's longest outage, wherever it was. Without outages (hours keep none)
    the three columns of them are None.
    """

    window: Window
    channels: Ints
    places: Ints
    seconds: Ints
    samples: Ints
    outages: Ints | None
    ended: Ints | None
    longest_s: Ints | None

    def only(self, kept: Flags) -> "Table":
        """Those lines."""
        return Table(
            self.window,
            self.channels[kept],
            self.places[kept],
            self.seconds[:, kept],
            self.samples[:, kept],
            None if self.outages is None else self.outages[kept],
            None if self.ended is None else self.ended[kept],
            None if self.longest_s is None else self.longest_s[kept],
        )


class Fold:
    """Takes the pieces of a window in order of time.

    Channels are told by a number each, given as they come; all columns of channels grow with it.
    """

    def __init__(self, window: Window, zone: ZoneInfo) -> None:
        self._window = window
        self._zone = zone
        self._keys = np.empty(0, np.int64)
        self._since = np.empty(0, np.int64)
        self._until = np.empty(0, np.int64)
        self._first_places = np.empty(0, np.int64)
        self._last_places = np.empty(0, np.int64)
        self._tail_s = np.empty(0, np.int64)
        self._longest_s = np.empty(0, np.int64)
        self._cells = _Cells()

    def take(self, piece: Piece) -> None:
        """The next piece; it begins where the one before ended, or later."""
        at = self._known(piece)
        joint = self._tail_s[at] + piece.head_s
        goes_on = (self._tail_s[at] > 0) & (piece.head_s > 0)
        has_ended = (self._tail_s[at] > 0) & (piece.head_s == 0) & piece.was_online
        self._longest_s[at] = np.maximum(
            np.maximum(self._longest_s[at], piece.longest_s), np.where(goes_on, joint, 0)
        )
        self._tail_s[at] = np.where(piece.was_online, piece.tail_s, joint)
        was_absent = self._until[at] < piece.window.start_s
        if was_absent.any():
            self._absent(at[was_absent], piece.window.start_s)
        self._until[at] = piece.window.end_s
        self._cells.add(piece)
        # An outage that goes on over the border was counted on both sides.
        self._cells.mend(piece.channels[goes_on], piece.offline_places[goes_on], begun=-1)
        self._cells.mend(piece.channels[has_ended], piece.online_places[has_ended], ended=1)
        self._last_places[at] = piece.last_places

    def table(self) -> Table:
        """All of it: every channel that was on file at any second, for the whole window."""
        before = self._since > self._window.start_s
        self._missing(
            self._keys[before],
            self._first_places[before],
            np.full(int(before.sum()), self._window.start_s),
            self._since[before],
        )
        self._absent(np.flatnonzero(self._until < self._window.end_s), self._window.end_s)
        cells = self._cells
        where = np.argsort(self._keys)
        longest_s = self._longest_s[where][np.searchsorted(self._keys[where], cells.channels)]
        return Table(
            self._window,
            cells.channels,
            cells.places,
            cells.seconds,
            cells.samples,
            cells.outages,
            cells.ended,
            longest_s,
        )

    def _known(self, piece: Piece) -> Ints:
        """The numbers of a piece's channels; new ones get theirs."""
        if len(piece.channels) == len(self._keys) and np.array_equal(piece.channels, self._keys):
            return np.arange(len(self._keys))
        is_new = ~np.isin(piece.channels, self._keys, assume_unique=True)
        new = int(is_new.sum())
        if new:
            none = np.zeros(new, np.int64)
            start = np.full(new, piece.window.start_s, np.int64)
            self._keys = np.concatenate([self._keys, piece.channels[is_new]])
            self._since = np.concatenate([self._since, start])
            self._until = np.concatenate([self._until, start])
            first_places = piece.first_places[is_new]
            self._first_places = np.concatenate([self._first_places, first_places])
            self._last_places = np.concatenate([self._last_places, first_places])
            self._tail_s = np.concatenate([self._tail_s, none])
            self._longest_s = np.concatenate([self._longest_s, none])
        order = np.argsort(self._keys, kind="stable")
        return order[np.searchsorted(self._keys, piece.channels, sorter=order)]

    def _absent(self, at: Ints, until_s: int) -> None:
        """These were on file, and are no more, from where they were last seen on."""
        ends = np.full(len(at), until_s)
        self._missing(self._keys[at], self._last_places[at], self._until[at], ends)

    def _missing(self, channels: Ints, places: Ints, starts_s: Ints, ends_s: Ints) -> None:
        if not len(channels):
            return
        seconds = np.zeros((len(STATES), len(channels)), np.int64)
        seconds[NOT_COMMISSIONED_CODE] = ends_s - starts_s
        hours = np.array(full_hours(self._window, self._zone), dtype=np.int64)
        samples = np.zeros_like(seconds)
        samples[NOT_COMMISSIONED_CODE] = np.searchsorted(hours, ends_s) - np.searchsorted(
            hours, starts_s
        )
        self._cells.merge(channels, places, seconds, samples)


class _Cells:
    """Sums by channel and place, in order of both."""

    def __init__(self) -> None:
        self.channels = np.empty(0, np.int64)
        self.places = np.empty(0, np.int64)
        self.seconds = np.zeros((len(STATES), 0), np.int64)
        self.samples = np.zeros((len(STATES), 0), np.int64)
        self.outages = np.zeros(0, np.int64)
        self.ended = np.zeros(0, np.int64)

    def add(self, piece: Piece) -> None:
        """The cells of a piece."""
        at = self._at(piece.cell_channels, piece.cell_places)
        self.seconds[:, at] += piece.seconds
        self.samples[:, at] += piece.samples
        self.outages[at] += piece.outages
        self.ended[at] += piece.ended

    def merge(self, channels: Ints, places: Ints, seconds: Ints, samples: Ints) -> None:
        """Seconds and samples of cells, a channel once."""
        at = self._at(channels, places)
        self.seconds[:, at] += seconds
        self.samples[:, at] += samples

    def mend(self, channels: Ints, places: Ints, *, begun: int = 0, ended: int = 0) -> None:
        """What the pieces for themselves could not know; a channel once."""
        if len(channels):
            at = self._at(channels, places)
            self.outages[at] += begun
            self.ended[at] += ended

    def _at(self, channels: Ints, places: Ints) -> Ints | slice:
        """Where these pairs, each once, stand; new ones are put in."""
        if np.array_equal(channels, self.channels) and np.array_equal(places, self.places):
            return slice(None)
        both = np.concatenate(
            [np.stack([self.channels, self.places]), np.stack([channels, places])], axis=1
        )
        order = np.lexsort((both[1], both[0]))
        ordered = both[:, order]
        is_new = np.ones(ordered.shape[1], np.bool_)
        is_new[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
        number = np.empty(len(order), np.int64)
        number[order] = np.cumsum(is_new) - 1
        old, at = number[: len(self.channels)], number[len(self.channels) :]
        pairs = ordered[:, is_new]
        if pairs.shape[1] > len(self.channels):
            self._spread(old, pairs.shape[1])
            self.channels, self.places = pairs[0], pairs[1]
        return at

    def _spread(self, old: Ints, cells: int) -> None:
        for name in ("outages", "ended"):
            wider = np.zeros(cells, np.int64)
            wider[old] = getattr(self, name)
            setattr(self, name, wider)
        for name in ("seconds", "samples"):
            wider = np.zeros((len(STATES), cells), np.int64)
            wider[:, old] = getattr(self, name)
            setattr(self, name, wider)


def tables_by_hour(piece: Piece) -> list[Table]:
    """A table an hour; of outages nothing is known."""
    if piece.hours is None:
        raise ValueError("this piece was made without its hours")
    tables: list[Table] = []
    samples_at = {slot: number for number, slot in enumerate(piece.hours.sample_slots)}
    for number, slot in enumerate(piece.hours.slots):
        samples = np.zeros_like(piece.seconds)
        sample = samples_at.get(number)
        if sample is not None:
            marks = piece.hours.marks[sample]
            for code in range(len(STATES)):
                samples[code] = marks == code
        seconds = piece.hours.seconds[:, number, :].astype(np.int64)
        was_there = seconds.any(axis=0)
        tables.append(
            Table(
                slot,
                piece.cell_channels[was_there],
                piece.cell_places[was_there],
                seconds[:, was_there],
                samples[:, was_there],
                None,
                None,
                None,
            )
        )
    return tables
