"""A window's table into rows: by one dimension or two, with filters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vms.errors import InvalidError
from vms.figures.columns import UNPLACED, Flags, Ints, distinct
from vms.figures.dimensions import KEY_OF, OF_THE_CHANNEL, Dimension, fits
from vms.figures.folding import Table
from vms.figures.model import SAMPLE_S, Method, OutageFigures, Seconds, Window
from vms.figures.store import STATES
from vms.inventory.placement import Place

MOST_ROWS = 500_000
"""Groups times windows; each takes some 500 bytes."""

MOST_DIMENSIONS = 2

NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Sum:
    """What channels of one key, or of two crossed, come to in one window."""

    keys: tuple[str, ...]
    window: Window
    channels: int
    seconds: Seconds
    samples: int | None
    outages: OutageFigures | None


@dataclass(frozen=True, slots=True)
class Keys:
    """What place keys and channel keys stand for: of channels, device ID and channel ID."""

    places: Mapping[int, Place]
    channels: Mapping[int, tuple[str, str]]

    def of(self, dimension: Dimension, table: Table) -> tuple[Ints, list[str]]:
        """For each line of a table the number of its key, and the keys."""
        if dimension in OF_THE_CHANNEL:
            return _numbered(table.channels, self._of_channel(dimension))
        key_of = KEY_OF[dimension]
        return _numbered(table.places, lambda key: key_of(self._place(key)))

    def _place(self, key: int) -> Place:
        return NOWHERE if key == UNPLACED else self.places.get(key, NOWHERE)

    def _of_channel(self, dimension: Dimension) -> Callable[[int], str]:
        unknown = ("", "")
        if dimension is Dimension.DEVICE:
            return lambda key: self.channels.get(key, unknown)[0]
        return lambda key: "/".join(self.channels.get(key, unknown))


def _numbered(keys: Ints, label_of: Callable[[int], str]) -> tuple[Ints, list[str]]:
    known, number = np.unique(keys, return_inverse=True)
    labels: dict[str, int] = {}
    label = [labels.setdefault(label_of(int(key)), len(labels)) for key in known]
    return np.array(label, dtype=np.int64)[number], list(labels)


def filtered(table: Table, keys: Keys, filters: Mapping[Dimension, str]) -> Table:
    """The lines that pass every filter."""
    kept = passing(table, keys, filters)
    return table if kept is None else table.only(kept)


def passing(table: Table, keys: Keys, filters: Mapping[Dimension, str]) -> Flags | None:
    """Which lines pass every filter; None where there is none."""
    kept: Flags | None = None
    for dimension, wanted in filters.items():
        number, labels = keys.of(dimension, table)
        passes = np.array([fits(dimension, label, wanted) for label in labels], dtype=np.bool_)
        own = passes[number] if labels else np.zeros(0, np.bool_)
        kept = own if kept is None else kept & own
    return kept


def summed(
    table: Table, keys: Keys, dimensions: Sequence[Dimension], method: Method = Method.INTEGRAL
) -> list[Sum]:
    """A row for each key, or pair of keys, that has any line.

    Raises `InvalidError` where that makes more than `MOST_ROWS`.
    """
    if not len(table.channels):
        return []
    group = np.zeros(len(table.channels), np.int64)
    labels: list[list[str]] = []
    for dimension in dimensions:
        number, own = keys.of(dimension, table)
        group = group * len(own) + number
        labels.append(own)
    packed, group = np.unique(group, return_inverse=True)
    count = len(packed)
    check_rows(count)
    counted = table.seconds if method is Method.INTEGRAL else table.samples
    sums = np.stack(
        [np.bincount(group, weights=counted[code], minlength=count) for code in range(len(STATES))]
    ).astype(np.int64)
    # Lines are in order of channel, so a channel's lines in one group are told by their pairs.
    pairs = distinct(group * (int(table.channels.max()) + 1) + table.channels)
    channels = np.bincount(pairs // (int(table.channels.max()) + 1), minlength=count)
    outages = _outages(table, group, count)
    rows: list[Sum] = []
    for index in range(count):
        rest = int(packed[index])
        keys_of_row: list[str] = []
        for own in reversed(labels):
            rest, label = divmod(rest, len(own))
            keys_of_row.insert(0, own[label])
        by_state = sums[:, index].tolist()
        samples = None
        if method is Method.SAMPLED:
            samples = sum(by_state)
            by_state = [number * SAMPLE_S for number in by_state]
        rows.append(
            Sum(
                tuple(keys_of_row),
                table.window,
                int(channels[index]),
                Seconds(*by_state),
                samples,
                outages[index] if outages else None,
            )
        )
    return rows


def check_rows(count: int) -> None:
    """Raises `InvalidError` for more than `MOST_ROWS`."""
    if count > MOST_ROWS:
        raise InvalidError(f"that makes more than {MOST_ROWS} rows; ask for less at a time")


def _outages(table: Table, group: Ints, count: int) -> list[OutageFigures]:
    if table.outages is None or table.ended is None or table.longest_s is None:
        return []
    begun = np.bincount(group, weights=table.outages, minlength=count).astype(np.int64)
    ended = np.bincount(group, weights=table.ended, minlength=count).astype(np.int64)
    longest_s = np.zeros(count, np.int64)
    np.maximum.at(longest_s, group, table.longest_s)
    return [
        OutageFigures(*row)
        for row in zip(begun.tolist(), ended.tolist(), longest_s.tolist(), strict=True)
    ]
