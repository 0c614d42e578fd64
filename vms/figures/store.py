"""What the figures need of storage; `vms.persistence` provides it on SQLite and PostgreSQL.

Plain columns, no rows as objects: a day of a city has some 300,000 intervals. Whatever comes in
parts comes in order of channel key, whole channels at a time, so that nobody holds more than a part
in memory. Reading goes over raw rows and archive alike; who asks need not know which is which.
Writes return after the commit. Raises `UnavailableError` when the database cannot serve.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vms.inventory.model import Cause, State, SubjectKind
from vms.inventory.placement import Place

if TYPE_CHECKING:
    from array import array

STATES = tuple(State)
"""A state's number in `Spans.values` is its place here; also what packed columns hold."""

CAUSES = tuple(Cause)
"""The same for causes. Both may grow at their end only: archives keep the numbers."""

FOREVER_S = 1 << 40
"""The end of what lasts."""

SPANS_AT_ONCE = 200_000
"""So many spans make a part; a single subject with more is a part of its own."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Half-open spans of channels, by channel key, then start. The columns are equally long.

    Every column is an `array("q")`. `values` are numbers of `STATES`, or place keys.
    """

    channel_keys: "array[int]"
    starts_s: "array[int]"
    ends_s: "array[int]"
    values: "array[int]"


@dataclass(frozen=True, slots=True)
class StoredDay:
    """A finished day of the site's calendar as `vms.figures.rollup` packs it.

    `rows` are its cells, a channel at a place each; `sha256` (hex) is over summary and hours.
    `hours` is empty where it was not asked for.
    """

    day_start_s: int
    day_end_s: int
    rows: int
    summary: bytes
    hours: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Intervals:
    """Closed ledger intervals of one kind of subject with all they say, by subject, then start.

    Every column is an `array("q")`; states and causes are numbers of `STATES` and `CAUSES`.
    """

    subject_keys: "array[int]"
    starts_s: "array[int]"
    ends_s: "array[int]"
    states: "array[int]"
    causes: "array[int]"


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """Intervals that ended in (`month_start_s`, `month_end_s`], as `vms.figures.archive` packs
    them: of all subjects from `first_key` to `last_key`. `earliest_s` is where the first began.
    """

    kind: SubjectKind
    month_start_s: int
    part: int
    month_end_s: int
    first_key: int
    last_key: int
    earliest_s: int
    rows: int
    columns: bytes
    sha256: str


class FigureStore(Protocol):
    """Ledger and placements to read, finished days and archive to keep."""

    def states(
        self, start_s: int, end_s: int, channel_keys: Sequence[int] | None = None
    ) -> AsyncIterator[Spans]:
        """The ledger intervals of channels, removed ones included, that overlap the window; those
        that last end at `FOREVER_S`. In parts of about `SPANS_AT_ONCE`. Costs what overlaps, not
        what was ever written. `channel_keys`, ascending, narrows it."""
        ...

    async def placements(self, start_s: int, end_s: int, first_key: int, last_key: int) -> Spans:
        """Where channels of these keys (both included) belonged while the window lasted."""
        ...

    async def places(self, above_key: int) -> Mapping[int, Place]:
        """What places say, of those with a higher key; they never change."""
        ...

    async def rolled_days(self, start_s: int, end_s: int) -> Sequence[tuple[int, int]]:
        """Start and end of the stored days that lie in the window, in order."""
        ...

    def days(self, starts_s: Sequence[int], *, with_hours: bool) -> AsyncIterator[StoredDay]:
        """Stored days by their starts, in order of time; those that are not there are left out.
        One at a time, a few read ahead at most."""
        ...

    async def save_day(self, day: StoredDay) -> None:
        """Insert or replace."""
        ...

    async def drop_days(self, start_s: int, end_s: int) -> None:
        """Forget every stored day that overlaps the window."""
        ...

    async def earliest_s(self) -> int | None:
        """When the first ledger interval of a channel began; None: there is none."""
        ...

    async def archived_until(self, kind: SubjectKind) -> int | None:
        """The end of the last month of which anything is in the archive."""
        ...

    async def ended(
        self, kind: SubjectKind, start_s: int, end_s: int, after_key: int
    ) -> Intervals | None:
        """Raw intervals that ended in (start, end], of subjects with keys above `after_key`: the
        next part, whole subjects, so few that they are put away at once; None: no more."""
        ...

    async def put_away(self, part: ArchivePart) -> None:
        """Store the part and delete the raw rows that are in it, in one transaction.

        Raises `ConflictError`, and changes nothing, where it would not delete exactly `rows`.
        """
        ...
