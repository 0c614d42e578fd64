"""Stores of the figures in memory, over `InMemoryDeviceStore`."""

from array import array
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from tests.support.stores import InMemoryDeviceStore
from vms.errors import ConflictError
from vms.figures.exclusion_model import Exclusion, ExclusionStatus
from vms.figures.model import Window
from vms.figures.store import (
    CAUSES,
    FOREVER_S,
    STATES,
    ArchivePart,
    Intervals,
    Spans,
    StoredDay,
)
from vms.inventory.model import Interval, SubjectKind
from vms.inventory.placement import Place

Row = tuple[int, int, int | None, int]


def spans_of(rows: Iterable[Row]) -> Spans:
    """Rows of key, start, end, value as columns."""
    ordered = sorted(rows, key=lambda row: (row[0], row[1]))
    return Spans(
        array("q", [row[0] for row in ordered]),
        array("q", [row[1] for row in ordered]),
        array("q", [FOREVER_S if row[2] is None else row[2] for row in ordered]),
        array("q", [row[3] for row in ordered]),
    )


class InMemoryFigureStore:
    """`FigureStore`; nothing is put away, the ledger stays where it is."""

    def __init__(self, devices: InMemoryDeviceStore) -> None:
        self._devices = devices
        self.stored: dict[int, StoredDay] = {}
        self.reads = 0

    async def states(
        self, start_s: int, end_s: int, channel_keys: Sequence[int] | None = None
    ) -> AsyncIterator[Spans]:
        self.reads += 1
        rows = await self._intervals(SubjectKind.CHANNEL, start_s, end_s)
        spans = spans_of(
            (row.subject.key, row.start_s, row.end_s, STATES.index(row.state))
            for row in rows
            if channel_keys is None or row.subject.key in channel_keys
        )
        if spans.channel_keys:
            yield spans

    async def placements(self, start_s: int, end_s: int, first_key: int, last_key: int) -> Spans:
        return spans_of(
            (row.channel_key, row.start_s, row.end_s, row.place_key)
            for row in await self._devices.placements_of_all(start_s, end_s)
            if first_key <= row.channel_key <= last_key
        )

    async def places(self, above_key: int) -> Mapping[int, Place]:
        return {
            row.place_key: row.place
            for row in await self._devices.placements_of_all(-FOREVER_S, FOREVER_S)
            if row.place_key > above_key
        }

    async def rolled_days(self, start_s: int, end_s: int) -> Sequence[tuple[int, int]]:
        return [
            (day.day_start_s, day.day_end_s)
            for _, day in sorted(self.stored.items())
            if start_s <= day.day_start_s and day.day_end_s <= end_s
        ]

    async def days(self, starts_s: Sequence[int], *, with_hours: bool) -> AsyncIterator[StoredDay]:
        _ = with_hours
        for start_s in sorted(starts_s):
            if start_s in self.stored:
                yield self.stored[start_s]

    async def save_day(self, day: StoredDay) -> None:
        self.stored[day.day_start_s] = day

    async def drop_days(self, start_s: int, end_s: int) -> None:
        for day in list(self.stored.values()):
            if day.day_start_s < end_s and day.day_end_s > start_s:
                del self.stored[day.day_start_s]

    async def earliest_s(self) -> int | None:
        rows = await self._intervals(SubjectKind.CHANNEL, -FOREVER_S, FOREVER_S)
        return min((row.start_s for row in rows), default=None)

    async def archived_until(self, kind: SubjectKind) -> int | None:
        _ = kind
        return None

    async def ended(
        self, kind: SubjectKind, start_s: int, end_s: int, after_key: int
    ) -> Intervals | None:
        rows = [
            row
            for row in await self._intervals(kind, start_s, end_s)
            if row.end_s is not None and row.end_s <= end_s and row.subject.key > after_key
        ]
        if not rows:
            return None
        return Intervals(
            array("q", [row.subject.key for row in rows]),
            array("q", [row.start_s for row in rows]),
            array("q", [row.end_s or 0 for row in rows]),
            array("q", [STATES.index(row.state) for row in rows]),
            array("q", [CAUSES.index(row.cause) for row in rows]),
        )

    async def put_away(self, part: ArchivePart) -> None:
        raise ConflictError(f"in memory nothing is put away: {part.month_start_s}")

    async def _intervals(self, kind: SubjectKind, start_s: int, end_s: int) -> Sequence[Interval]:
        return await self._devices.intervals_of_all(kind, start_s, end_s)


class InMemoryExclusionStore:
    """`ExclusionStore`."""

    def __init__(self, figures: InMemoryFigureStore) -> None:
        self._figures = figures
        self._rows: dict[str, Exclusion] = {}
        self._channels: dict[str, tuple[int, ...]] = {}

    async def add_exclusion(self, exclusion: Exclusion, channel_keys: Sequence[int]) -> None:
        self._rows[exclusion.exclusion_id] = exclusion
        self._channels[exclusion.exclusion_id] = tuple(sorted(channel_keys))

    async def exclusion(self, exclusion_id: str) -> Exclusion | None:
        return self._rows.get(exclusion_id)

    async def exclusions(
        self,
        status: ExclusionStatus | None,
        overlapping: Window | None,
        before_id: str | None,
        limit: int,
    ) -> Sequence[Exclusion]:
        rows = [
            row
            for _, row in sorted(self._rows.items(), reverse=True)
            if (status is None or row.status is status)
            and (before_id is None or row.exclusion_id < before_id)
            and (overlapping is None or _overlaps(row, overlapping))
        ]
        return rows[:limit]

    async def excluded_channels(self, exclusion_id: str) -> Sequence[int]:
        return self._channels.get(exclusion_id, ())

    async def decide(
        self, decided: Exclusion, was: ExclusionStatus, stale: Sequence[Window]
    ) -> None:
        if self._rows[decided.exclusion_id].status is not was:
            raise ConflictError(f"exclusion {decided.exclusion_id} was decided meanwhile")
        self._rows[decided.exclusion_id] = decided
        for window in stale:
            await self._figures.drop_days(window.start_s, window.end_s)

    async def approved(self, window: Window) -> Sequence[tuple[Exclusion, Sequence[int]]]:
        return [
            (row, self._channels[row.exclusion_id])
            for row in self._rows.values()
            if row.status is ExclusionStatus.APPROVED and _overlaps(row, window)
        ]

    async def approved_of(
        self, channel_keys: Sequence[int], window: Window
    ) -> Sequence[tuple[Exclusion, Sequence[int]]]:
        found = [
            (row, [key for key in keys if key in channel_keys])
            for row, keys in await self.approved(window)
        ]
        return [(row, keys) for row, keys in found if keys]


def _overlaps(exclusion: Exclusion, window: Window) -> bool:
    return exclusion.start_s < window.end_s and exclusion.end_s > window.start_s
