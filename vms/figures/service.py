"""Every figure that is asked for: rates, heat, the worst, who is under the line, and the intervals
behind them. Nothing here changes anything."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from vms.errors import InvalidError, NotFoundError
from vms.figures.borders import windows
from vms.figures.cutting import Lasting, stretches
from vms.figures.dimensions import OF_THE_CHANNEL, Dimension
from vms.figures.exclusion_model import ExclusionStore
from vms.figures.folding import Fold, Table, tables_by_hour
from vms.figures.grouping import (
    MOST_DIMENSIONS,
    NOWHERE,
    Keys,
    Sum,
    check_rows,
    filtered,
    summed,
)
from vms.figures.heat import HeatMap
from vms.figures.model import (
    CutInterval,
    DivisionNow,
    Every,
    HeatBy,
    HeatCell,
    RateQuery,
    RateRow,
    Selection,
    Targets,
    UnderTheLine,
    Verdict,
    Window,
    WorstBy,
)
from vms.figures.naming import RowNames
from vms.figures.pieces import Pieces
from vms.figures.store import STATES, FigureStore
from vms.inventory.inventory import Inventory

MOST_DIVISIONS = 500

ROW_BATCH = 5_000
"""Rows that are named before others have their turn."""


class Figures:
    """Answers from stored days, and from the ledger for what no stored day covers."""

    def __init__(
        self,
        store: FigureStore,
        exclusions: ExclusionStore,
        inventory: Inventory,
        zone: ZoneInfo,
        targets: Targets,
    ) -> None:
        self.targets = targets
        self.zone = zone
        self._store = store
        self._exclusions = exclusions
        self._inventory = inventory
        self._pieces = Pieces(store, exclusions, zone)
        self._channels: dict[int, tuple[str, str]] = {}

    async def online_rate(self, query: RateQuery) -> list[RateRow]:
        """Rows by key, then by interval; the window ends now at the latest.

        Raises `InvalidError` for a window that is empty, or that makes too many rows.
        """
        if not 1 <= len(query.group_by) <= MOST_DIMENSIONS:
            raise InvalidError(f"figures are grouped by one dimension or {MOST_DIMENSIONS}")
        window = await self._window(query)
        keys = await self._keys({*query.group_by, *query.filters})
        sums: list[Sum] = []
        async for table in self._tables(window, query.every, self._only(query)):
            sums += await asyncio.to_thread(_rows_of, table, keys, query)
            check_rows(len(sums))
        await asyncio.to_thread(sums.sort, key=_keys_of)
        return await self._named(sums, query.group_by)

    async def worst(
        self, query: Selection, group_by: tuple[Dimension, ...], by: WorstBy, limit: int
    ) -> list[RateRow]:
        """The worst of the whole window, worst first; whoever has nothing of it is not among
        them."""
        rows = await self.online_rate(
            RateQuery(query.start, query.end, query.filters, group_by, Every.WHOLE)
        )
        return await asyncio.to_thread(_worst_of, rows, by, limit)

    async def under_the_line(
        self, query: RateQuery, target: float | None = None, least_periods: int = 1
    ) -> list[UnderTheLine]:
        """Who missed the target in the latest interval that could be judged, and in how many in a
        row; those for longest first."""
        line = self.targets if target is None else Targets(target, self.targets.coverage)
        rows = await self.online_rate(query)
        return await asyncio.to_thread(_under, rows, line, least_periods)

    async def heat(self, query: Selection, by: HeatBy) -> list[HeatCell]:
        """Seconds by hour of the day, and by weekday or day; by line, then hour."""
        window = await self._window(query)
        keys = await self._keys(set(query.filters))
        heat = HeatMap(by, self.zone)
        async for piece in self._pieces.of(window, with_hours=True, only=self._only(query)):
            await asyncio.to_thread(heat.take, piece, keys, query.filters)
        return await asyncio.to_thread(heat.cells)

    def rates_now(self, levels: int = 2) -> list[DivisionNow]:
        """The top levels of the tree of divisions as they are now, from memory; the largest
        `MOST_DIVISIONS`, because civil codes are what devices say."""
        found: list[DivisionNow] = []
        level = self._inventory.divisions()
        for _ in range(levels):
            found += [
                DivisionNow(node.code, node.name, node.channels, node.online_channels)
                for node in level
            ]
            level = [child for node in level for child in node.children]
        found.sort(key=lambda each: -each.channels)
        return sorted(found[:MOST_DIVISIONS], key=lambda each: each.code)

    async def intervals(
        self, device_id: str, channel_id: str, start: datetime, end: datetime
    ) -> list[CutInterval]:
        """A channel's past as it was counted, in order of time; raises `NotFoundError`.

        Seconds before it was on file and after it was removed are left out.
        """
        window = await self._window(Selection(start, end))
        wanted = (device_id, channel_id)
        channels = await self._identities()
        own = sorted(key for key, known in channels.items() if known == wanted)
        if not own:
            raise NotFoundError(f"no channel {channel_id} on device {device_id}")
        found: list[CutInterval] = []
        for key in own:
            found += await self._intervals_of(key, window)
        return sorted(found, key=lambda each: each.start_s)

    async def _intervals_of(self, key: int, window: Window) -> list[CutInterval]:
        states: list[Lasting[int]] = []
        async for spans in self._store.states(window.start_s, window.end_s, [key]):
            columns = (spans.starts_s, spans.ends_s, spans.values)
            states += [Lasting(*row) for row in zip(*columns, strict=True)]
        if not states:
            return []
        span = Window(
            max(window.start_s, states[0].start_s),
            min(window.end_s, states[-1].end_s or window.end_s),
        )
        placed = await self._store.placements(span.start_s, span.end_s, key, key)
        columns = (placed.starts_s, placed.ends_s, placed.values)
        places = [Lasting(*row) for row in zip(*columns, strict=True)] or [Lasting(0, None, 0)]
        approved = await self._exclusions.approved_of([key], span)
        excluded = [each for exclusion, _ in approved for each in exclusion.windows(self.zone)]
        known = await self._pieces.know_places(max(each.what for each in places))
        ledger = [Lasting(start_s, end_s, STATES[code]) for start_s, end_s, code in states]
        return [
            CutInterval(each.start_s, each.end_s, each.state, known.get(each.place, NOWHERE))
            for each in stretches(ledger, places, excluded, span)
        ]

    async def _window(self, query: Selection) -> Window:
        start_s = int(query.start.timestamp())
        end_s = min(int(query.end.timestamp()), await self._inventory.observed_until())
        if end_s <= start_s:
            raise InvalidError("the window is empty, or has not begun")
        return Window(start_s, end_s)

    async def _tables(
        self, window: Window, every: Every, only: Sequence[int] | None
    ) -> AsyncIterator[Table]:
        """A table an interval, in order of time."""
        cuts = windows(window, every, self.zone)
        pieces = self._pieces.of(window, with_hours=every is Every.HOUR, only=only)
        if every is Every.HOUR:
            async for piece in pieces:
                for table in await asyncio.to_thread(tables_by_hour, piece):
                    yield table
            return
        number, fold = 0, Fold(cuts[0], self.zone)
        async for piece in pieces:
            while piece.window.start_s >= cuts[number].end_s:
                yield await asyncio.to_thread(fold.table)
                number += 1
                fold = Fold(cuts[number], self.zone)
            await asyncio.to_thread(fold.take, piece)
        yield await asyncio.to_thread(fold.table)

    async def _keys(self, dimensions: set[Dimension]) -> Keys:
        if dimensions & OF_THE_CHANNEL:
            await self._identities()
        return Keys(self._pieces.places, self._channels)

    async def _identities(self) -> Mapping[int, tuple[str, str]]:
        """Device ID and channel ID by channel key, of all that ever were on file."""
        on_file = self._inventory.channels_on_file()
        self._channels.update(
            (channel.key, (channel.device_id, channel.channel_id)) for channel in on_file
        )
        for channel in await self._inventory.removed_channels():
            self._channels[channel.key] = channel.device_id, channel.channel_id
        return self._channels

    def _only(self, query: Selection) -> list[int] | None:
        """The channel keys that a filter by device or channel leaves; None: there is no such."""
        device_id = query.filters.get(Dimension.DEVICE)
        channel = query.filters.get(Dimension.CHANNEL)
        if device_id is None and channel is None:
            return None
        return sorted(
            key
            for key, (own, channel_id) in self._channels.items()
            if (device_id is None or own == device_id)
            and (channel is None or f"{own}/{channel_id}" == channel)
        )

    async def _named(self, sums: Sequence[Sum], group_by: Sequence[Dimension]) -> list[RateRow]:
        names = RowNames(self._inventory)
        known: dict[tuple[int, str], str] = {}
        rows: list[RateRow] = []
        for number, each in enumerate(sums):
            if number % ROW_BATCH == ROW_BATCH - 1:
                await asyncio.sleep(0)
            called: list[str] = []
            for place, (dimension, key) in enumerate(zip(group_by, each.keys, strict=True)):
                name = known.get((place, key))
                if name is None:
                    name = known[place, key] = names.name(dimension, key)
                called.append(name)
            is_crossed = len(called) > 1
            rows.append(
                RateRow(
                    each.keys[0],
                    called[0],
                    each.window,
                    each.channels,
                    each.seconds,
                    self.targets,
                    each.outages,
                    each.samples,
                    each.keys[1] if is_crossed else None,
                    called[1] if is_crossed else None,
                )
            )
        return rows


def _rows_of(table: Table, keys: Keys, query: RateQuery) -> list[Sum]:
    return summed(filtered(table, keys, query.filters), keys, query.group_by, query.method)


def _keys_of(row: Sum) -> tuple[str, ...]:
    return row.keys


def _worst_of(rows: Sequence[RateRow], by: WorstBy, limit: int) -> list[RateRow]:
    found = [(_badness(row, by), row) for row in rows]
    found.sort(key=lambda pair: (-pair[0], pair[1].key, pair[1].key2 or ""))
    return [row for badness, row in found[:limit] if badness > 0]


def _under(rows: Sequence[RateRow], line: Targets, least_periods: int) -> list[UnderTheLine]:
    by_key: dict[tuple[str, str | None], list[RateRow]] = {}
    for row in rows:
        if row.seconds.verdict(line) is not Verdict.INSUFFICIENT_EVIDENCE:
            by_key.setdefault((row.key, row.key2), []).append(row)
    found: list[UnderTheLine] = []
    for judged in by_key.values():
        periods = 0
        for row in reversed(judged):
            if row.seconds.verdict(line) is Verdict.MET:
                break
            periods += 1
        if periods >= max(least_periods, 1):
            found.append(UnderTheLine(judged[-1], periods))
    found.sort(key=lambda each: (-each.periods, each.latest.online_rate or 0, each.latest.key))
    return found


def _badness(row: RateRow, by: WorstBy) -> int:
    outages = row.outage_figures
    match by:
        case WorstBy.OFFLINE:
            return row.seconds.offline_s
        case WorstBy.OUTAGES:
            return 0 if outages is None else outages.outages
        case WorstBy.LONGEST:
            return 0 if outages is None else outages.longest_s
