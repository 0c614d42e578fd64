"""What the figures do by themselves: count finished days, put old months away, look whether it all
adds up."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from vms.clock import Clock
from vms.errors import VmsError
from vms.figures import archive, rollup
from vms.figures.borders import day_of, month_of, windows
from vms.figures.columns import Piece
from vms.figures.exclusion_model import DAY_S, ExclusionStore
from vms.figures.freshness import Freshness
from vms.figures.model import Every, SelfCheck, Window
from vms.figures.packing import DamagedError
from vms.figures.pieces import Pieces
from vms.figures.store import FigureStore, StoredDay
from vms.inventory.inventory import Inventory
from vms.inventory.model import SubjectKind

log = structlog.get_logger(__name__)

ROUND_S = 60.0
"""How often it is looked for finished days."""

PAUSE_S = 0.5
"""Between two days: the loop and the database have others to serve."""

CHECK_PERIOD_S = 300.0
CHECKED_S = 3600
"""The latest stretch of the ledger that is added up: wholly once an hour and after anything was
wrong, in between what came since the last time."""

CHECKED_AGAIN_S = 60
"""Of what was added up the last time: so no second is passed over, nor a border between two."""

MOST_DAYS = 4_000
"""So many of the latest are stored: ten years and more. A clock that began in 1970 and was set
right leaves a ledger of twenty thousand."""

MOST_BREACHES = 20
"""So many are told."""

FAILED = "the figures could not be looked after: a fault of this server; see its log"


@dataclass(frozen=True, slots=True)
class UpkeepPolicy:
    """`keep_raw_months`: whole months before the running one whose ledger stays as rows."""

    keep_raw_months: int = 3


class Upkeep:
    """`run` beside everything else; the other methods do each thing once."""

    def __init__(
        self,
        store: FigureStore,
        exclusions: ExclusionStore,
        inventory: Inventory,
        clock: Clock,
        zone: ZoneInfo,
        freshness: Freshness,
        policy: UpkeepPolicy,
    ) -> None:
        self.self_check = SelfCheck()
        self._store = store
        self._inventory = inventory
        self._clock = clock
        self._zone = zone
        self._freshness = freshness
        self._policy = policy
        self._pieces = Pieces(store, exclusions, zone)
        self._looked_at = 0
        self._next_check = 0.0
        self._checked_to_s: int | None = None
        self._checked_wholly_s = 0

    async def run(self) -> None:
        """Until cancelled; what fails is tried again in the next round. Whatever is wrong with the
        figures, cameras are watched on."""
        while True:
            try:
                if self._clock.monotonic() >= self._next_check:
                    self._next_check = self._clock.monotonic() + CHECK_PERIOD_S
                    await self.check()
                await self.make_days(pause_s=PAUSE_S)
                await self.put_away(pause_s=PAUSE_S)
            except VmsError as error:
                log.warning("the upkeep of the figures waits", reason=error.message)
            except Exception:
                log.exception("the upkeep of the figures failed by our own fault")
                self.self_check = SelfCheck(self._clock.wall(), breaches=(FAILED,))
            await asyncio.sleep(ROUND_S)

    async def make_days(self, *, pause_s: float = 0.0) -> int:
        """Count the finished days that are not stored, the latest first; returns how many."""
        made = 0
        for day in reversed(await self._missing()):
            if made:
                await asyncio.sleep(pause_s)
            made += await self.make_day(day)
        return made

    async def make_day(self, day: Window) -> bool:
        """Count a finished day and store it; False where a decision came in between."""
        number = self._freshness.number
        piece = await self._pieces.counted(day, with_hours=True)
        stored = await asyncio.to_thread(rollup.packed, piece)
        async with self._freshness.storing(number) as is_fresh:
            if is_fresh:
                await self._store.save_day(stored)
        return is_fresh

    async def _missing(self) -> list[Window]:
        """Finished days of the site's calendar that are not stored, in order; stored ones of
        another calendar go."""
        earliest_s = await self._pieces.began_s()
        final_s = self._inventory.final_until()
        if earliest_s is None or earliest_s >= final_s:
            return []
        begins = day_of(max(earliest_s, final_s - MOST_DAYS * DAY_S), self._zone)
        ends = day_of(final_s, self._zone)
        days: list[Window] = []
        if ends.start_s > begins.start_s:
            days = windows(Window(begins.start_s, ends.start_s), Every.DAY, self._zone)
        stored = set(await self._store.rolled_days(0, ends.end_s))
        for start_s, end_s in stored:
            if day_of(start_s, self._zone) != Window(start_s, end_s):
                await self._store.drop_days(start_s, end_s)
        return [day for day in days if (day.start_s, day.end_s) not in stored]

    async def put_away(self, *, pause_s: float = 0.0) -> int:
        """Pack the ledger of months that are old enough; returns how many parts were made."""
        months = await self._old_months()
        made = 0
        for kind in SubjectKind:
            done_s = await self._store.archived_until(kind)
            for month in months:
                # The last one is looked at again: it may have been broken off.
                if done_s is None or month.end_s >= done_s:
                    made += await self._put_away_month(kind, month, pause_s)
        return made

    async def _put_away_month(self, kind: SubjectKind, month: Window, pause_s: float) -> int:
        after_key = -1
        for made in count():
            intervals = await self._store.ended(kind, month.start_s, month.end_s, after_key)
            if intervals is None:
                return made
            # Numbered by its first subject: what was broken off goes on with numbers not yet given.
            number = intervals.subject_keys[0]
            part = await asyncio.to_thread(archive.packed, kind, month, number, intervals)
            await self._store.put_away(part)
            after_key = part.last_key
            await asyncio.sleep(pause_s)
        raise AssertionError("counting does not end")

    async def _old_months(self) -> list[Window]:
        earliest_s = await self._pieces.began_s()
        if earliest_s is None:
            return []
        border = month_of(self._inventory.final_until(), self._zone)
        for _ in range(self._policy.keep_raw_months):
            border = month_of(border.start_s - 1, self._zone)
        first = month_of(earliest_s, self._zone)
        if border.start_s <= first.start_s:
            return []
        return windows(Window(first.start_s, border.start_s), Every.MONTH, self._zone)

    async def check(self) -> SelfCheck:
        """Whether the latest ledger is without hole and overlap, whether every second of it is
        counted once, and whether one stored day, each time another, still is what the ledger says;
        a day that is not is dropped, to be made anew."""
        now_s = await self._inventory.observed_until()
        window = self._to_check(now_s)
        breaches = await self._holes(window)
        channels = seconds = 0
        for part in windows(window, Every.DAY, self._zone):
            piece = await self._pieces.counted(part, with_hours=False)
            breaches += _uncounted(piece)
            channels = max(channels, len(piece.channels))
            seconds += int(piece.seconds.sum())
        day = await self._next_day()
        if day is not None:
            wrong, piece = await self._compared(day)
            breaches += wrong
            channels = max(channels, len(piece.channels))
            seconds += int(piece.seconds.sum())
        self._checked_to_s = now_s if not breaches else None
        for breach in breaches[:MOST_BREACHES]:
            log.error("the figures do not add up", breach=breach)
        self.self_check = SelfCheck(
            self._clock.wall(), channels, seconds, tuple(breaches[:MOST_BREACHES])
        )
        return self.self_check

    def _to_check(self, now_s: int) -> Window:
        """The last hour, or what of it came since the last time. What is wrong stays told as long
        as it lies in the last hour."""
        start_s, to_s = now_s - CHECKED_S, self._checked_to_s
        if to_s is None or not to_s <= now_s <= self._checked_wholly_s + CHECKED_S:
            self._checked_wholly_s = now_s
        else:
            start_s = max(start_s, to_s - CHECKED_AGAIN_S)
        return Window(start_s, now_s)

    async def _holes(self, window: Window) -> list[str]:
        found = await self._inventory.check_conservation(
            datetime.fromtimestamp(window.start_s, self._zone),
            datetime.fromtimestamp(window.end_s, self._zone),
        )
        return [
            f"{breach.subject.kind} {breach.subject.key}: {breach.missing_s} s at {breach.at_s}"
            for breach in found
        ]

    async def _next_day(self) -> StoredDay | None:
        """The stored day behind the one looked at before; from the front again at the end."""
        days = await self._store.rolled_days(0, await self._inventory.observed_until())
        later = [start_s for start_s, _ in days if start_s > self._looked_at] or [
            start_s for start_s, _ in days
        ]
        if not later:
            return None
        self._looked_at = later[0]
        return await anext(self._store.days([later[0]], with_hours=True), None)

    async def _compared(self, day: StoredDay) -> tuple[list[str], Piece]:
        """What is wrong with a stored day. Of a month that was put away only what is stored is
        added up: to count it anew, the whole month would have to be unpacked."""
        number = self._freshness.number
        window = Window(day.day_start_s, day.day_end_s)
        stored = await asyncio.to_thread(_read, day)
        archived_s = await self._store.archived_until(SubjectKind.CHANNEL) or 0
        piece, is_true = stored, stored is not None
        if piece is None or window.end_s > archived_s:
            piece = await self._pieces.counted(window, with_hours=True)
            again = await asyncio.to_thread(rollup.packed, piece)
            is_true = is_true and again.sha256 == day.sha256
        wrong = _uncounted(piece)
        if not is_true:
            async with self._freshness.storing(number) as is_fresh:
                if is_fresh:
                    wrong.append(f"the stored day {window.start_s} is not what the ledger says")
                    await self._store.drop_days(window.start_s, window.end_s)
        return wrong, piece


def _read(day: StoredDay) -> Piece | None:
    try:
        return rollup.unpacked(day, with_hours=True)
    except DamagedError:
        return None


def _uncounted(piece: Piece) -> list[str]:
    """Channels whose seconds are not those of the window."""
    counted = np.zeros(len(piece.channels), np.int64)
    where = np.searchsorted(piece.channels, piece.cell_channels)
    np.add.at(counted, where, piece.seconds.sum(axis=0))
    wrong = np.flatnonzero(counted != piece.window.length_s)
    return [
        f"channel {int(piece.channels[at])}: {int(counted[at])} s of {piece.window.length_s} "
        f"from {piece.window.start_s} on"
        for at in wrong
    ]
