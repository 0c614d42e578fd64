"""When it goes wrong: seconds by hour of the site's clock, and by weekday or day."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from vms.figures.columns import Ints, Piece
from vms.figures.dimensions import Dimension
from vms.figures.folding import Table
from vms.figures.grouping import Keys, passing
from vms.figures.model import HeatBy, HeatCell, Seconds
from vms.figures.store import STATES


def _nothing() -> Ints:
    return np.zeros(len(STATES), np.int64)


class HeatMap:
    """Takes pieces with their hours, in any order."""

    def __init__(self, by: HeatBy, zone: ZoneInfo) -> None:
        self._by = by
        self._zone = zone
        self._sums: defaultdict[tuple[str, int], Ints] = defaultdict(_nothing)

    def take(self, piece: Piece, keys: Keys, filters: Mapping[Dimension, str]) -> None:
        """One more piece, of what passes the filters."""
        if piece.hours is None:
            raise ValueError("this piece was made without its hours")
        table = Table(
            piece.window,
            piece.cell_channels,
            piece.cell_places,
            piece.seconds,
            piece.samples,
            None,
            None,
            None,
        )
        kept = passing(table, keys, filters)
        seconds = piece.hours.seconds if kept is None else piece.hours.seconds[:, :, kept]
        by_hour = seconds.sum(axis=2, dtype=np.int64)
        for number, slot in enumerate(piece.hours.slots):
            begins = datetime.fromtimestamp(slot.start_s, self._zone)
            weekday, day = str(begins.weekday()), begins.date().isoformat()
            line = weekday if self._by is HeatBy.WEEKDAY else day
            self._sums[line, begins.hour] += by_hour[:, number]

    def cells(self) -> list[HeatCell]:
        """By line, then hour; hours without a second are left out."""
        return [
            HeatCell(line, hour, Seconds(*map(int, sums)))
            for (line, hour), sums in sorted(self._sums.items())
            if sums.any()
        ]
