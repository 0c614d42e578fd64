"""Where pieces come from: a stored day where there is one, else the ledger itself."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from vms.figures.borders import day_of, full_hours, windows
from vms.figures.columns import Columns, Ints, Piece, cut, joined
from vms.figures.exclusion_model import Exclusion, ExclusionStore
from vms.figures.model import Every, Window
from vms.figures.packing import DamagedError
from vms.figures.rollup import unpacked
from vms.figures.store import FigureStore, StoredDay
from vms.inventory.placement import Place

log = structlog.get_logger(__name__)


class Pieces:
    """Counts windows of at most a day; `places` knows every place that they name."""

    def __init__(self, store: FigureStore, exclusions: ExclusionStore, zone: ZoneInfo) -> None:
        self._store = store
        self._exclusions = exclusions
        self._zone = zone
        self._places: dict[int, Place] = {}
        self._began_s: int | None = None

    @property
    def places(self) -> Mapping[int, Place]:
        """Those that the pieces so far name."""
        return self._places

    async def know_places(self, highest_key: int) -> Mapping[int, Place]:
        """All there are, up to this key at least; they never change, so only new ones are read."""
        known = max(self._places, default=0)
        if highest_key > known:
            self._places.update(await self._store.places(known))
        return self._places

    async def began_s(self) -> int | None:
        """When the ledger of channels begins; None: it has not. Found once, because nothing is
        written before it later."""
        if self._began_s is None:
            self._began_s = await self._store.earliest_s()
        return self._began_s

    async def of(
        self, window: Window, *, with_hours: bool, only: Sequence[int] | None = None
    ) -> AsyncIterator[Piece]:
        """The window in pieces, cut at the midnights of the site, in order of time; none of days
        before the ledger begins, when nobody was on file.

        `only`: these channels alone, by key, from the ledger: a few channels are read faster than
        the stored days of a city.
        """
        async for piece in self._pieces(window, with_hours=with_hours, only=only):
            await self.know_places(int(piece.cell_places.max(initial=0)))
            yield piece

    async def _pieces(
        self, window: Window, *, with_hours: bool, only: Sequence[int] | None
    ) -> AsyncIterator[Piece]:
        began_s = await self.began_s()
        if began_s is None or began_s >= window.end_s:
            return
        start_s = max(window.start_s, day_of(began_s, self._zone).start_s)
        parts = windows(Window(start_s, window.end_s), Every.DAY, self._zone)
        stored: set[tuple[int, int]] = set()
        if only is None:
            stored = set(await self._store.rolled_days(start_s, window.end_s))
        starts_s = [part.start_s for part in parts if (part.start_s, part.end_s) in stored]
        days = self._store.days(starts_s, with_hours=with_hours)
        day = await anext(days, None)
        for part in parts:
            piece: Piece | None = None
            # One that went meanwhile is passed over: the ledger has it.
            if day is not None and day.day_start_s == part.start_s:
                piece = await self._read(day, with_hours=with_hours)
                day = await anext(days, None)
            yield piece or await self.counted(part, with_hours=with_hours, only=only)

    async def _read(self, day: StoredDay, *, with_hours: bool) -> Piece | None:
        """A stored day; None where it cannot be read."""
        try:
            return await asyncio.to_thread(unpacked, day, with_hours=with_hours)
        except DamagedError as error:
            log.warning("a stored day is left aside", day_start_s=day.day_start_s, why=str(error))
            return None

    async def counted(
        self, window: Window, *, with_hours: bool, only: Sequence[int] | None = None
    ) -> Piece:
        """A window of at most a day from the ledger itself, a part of the channels at a time."""
        approved = (
            await self._exclusions.approved(window)
            if only is None
            else await self._exclusions.approved_of(only, window)
        )
        slots = windows(window, Every.HOUR, self._zone)
        samples_s = full_hours(window, self._zone)

        def count(states: Columns, places: Columns) -> Piece:
            first, last = (
                (int(states.keys[0]), int(states.keys[-1])) if len(states.keys) else (0, 0)
            )
            excluded = laid_over(approved, window, self._zone, first, last)
            return cut(states, places, excluded, window, slots, samples_s, with_hours=with_hours)

        pieces: list[Piece] = []
        async for spans in self._store.states(window.start_s, window.end_s, only):
            states = Columns.of(spans)
            places = await self._store.placements(
                window.start_s, window.end_s, int(states.keys[0]), int(states.keys[-1])
            )
            pieces.append(await asyncio.to_thread(count, states, Columns.of(places)))
        if not pieces:
            return count(NOTHING, NOTHING)
        return await asyncio.to_thread(joined, pieces)


NOTHING = Columns(*(np.empty(0, np.int64) for _ in range(4)))


def laid_over(
    approved: Sequence[tuple[Exclusion, Sequence[int]]],
    window: Window,
    zone: ZoneInfo,
    first_key: int,
    last_key: int,
) -> Columns:
    """What is excluded of channels from `first_key` to `last_key`, a line a channel and stretch."""
    keys: list[Ints] = []
    starts: list[Ints] = []
    ends: list[Ints] = []
    for exclusion, channel_keys in approved:
        own = np.array(channel_keys, dtype=np.int64)
        own = own[(own >= first_key) & (own <= last_key)]
        for stretch in exclusion.windows(zone):
            if len(own) and stretch.start_s < window.end_s and stretch.end_s > window.start_s:
                keys.append(own)
                starts.append(np.full(len(own), stretch.start_s))
                ends.append(np.full(len(own), stretch.end_s))
    if not keys:
        return NOTHING
    column = np.concatenate(keys)
    return Columns(column, np.concatenate(starts), np.concatenate(ends), np.zeros_like(column))
