"""Planned absences: who asked for them, who decided, what they lie over. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from vms.figures.model import Window

DAY_S = 86_400


class Reason(StrEnum):
    """What a camera may be excused by."""

    POWER_CUT = "power_cut"
    CONSTRUCTION = "construction"
    MOVE = "move"
    PLANNED_SLEEP = "planned_sleep"
    MAINTENANCE = "maintenance"


class ExclusionStatus(StrEnum):
    """Only `approved` ones count."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Scope:
    """What was asked for; it was resolved to channels then, and stays so.

    Of the fields that are not empty a channel has to be in one: channels are written
    `device_id/channel_id`, a division takes in those below it.
    """

    device_ids: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    divisions: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    own_group_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A planned absence of channels from `start_s` up to `end_s` (ledger seconds).

    Where it repeats daily it holds between two times of the site's day, given in seconds; one that
    ends at or before it starts reaches into the next day. `decided_by` is who approved or refused,
    and after that who withdrew.
    """

    exclusion_id: str
    reason: Reason
    order_number: str
    note: str
    start_s: int
    end_s: int
    daily_start_s: int | None
    daily_end_s: int | None
    scope: Scope
    channels: int
    status: ExclusionStatus
    requested_by: str
    requested_at: datetime
    decided_by: str = ""
    decided_at: datetime | None = None
    decision_note: str = ""

    def windows(self, zone: ZoneInfo) -> Iterator[Window]:
        """Every stretch of time it holds, in order."""
        if self.daily_start_s is None or self.daily_end_s is None:
            yield Window(self.start_s, self.end_s)
            return
        day = datetime.fromtimestamp(self.start_s, zone).date() - timedelta(days=1)
        last = datetime.fromtimestamp(self.end_s, zone).date()
        while day <= last:
            until = day + timedelta(days=self.daily_end_s <= self.daily_start_s)
            starts_s = _at(datetime.combine(day, time(), zone), self.daily_start_s)
            ends_s = _at(datetime.combine(until, time(), zone), self.daily_end_s)
            start_s, end_s = max(starts_s, self.start_s), min(ends_s, self.end_s)
            if start_s < end_s:
                yield Window(start_s, end_s)
            day += timedelta(days=1)


def _at(midnight: datetime, of_day_s: int) -> int:
    """The second at which the site's clock shows so many seconds of the day."""
    hour, rest = divmod(of_day_s, 3600)
    if hour == 24:
        return int((midnight + timedelta(days=1)).timestamp())
    return int(midnight.replace(hour=hour, minute=rest // 60, second=rest % 60).timestamp())


class ExclusionStore(Protocol):
    """Rows of exclusions; `vms.persistence` provides it. Writes return after the commit.

    Raises `UnavailableError` when the database cannot serve.
    """

    async def add_exclusion(self, exclusion: Exclusion, channel_keys: Sequence[int]) -> None:
        """A new request with the channels it lies over."""
        ...

    async def exclusion(self, exclusion_id: str) -> Exclusion | None:
        """By its ID."""
        ...

    async def exclusions(
        self,
        status: ExclusionStatus | None,
        overlapping: Window | None,
        before_id: str | None,
        limit: int,
    ) -> Sequence[Exclusion]:
        """Newest first."""
        ...

    async def excluded_channels(self, exclusion_id: str) -> Sequence[int]:
        """The channel keys it lies over, ascending."""
        ...

    async def decide(
        self, decided: Exclusion, was: ExclusionStatus, stale: Sequence[Window]
    ) -> None:
        """Store a decision, and drop the stored days that overlap `stale`, in one transaction.

        Raises `ConflictError`, and changes nothing, where its status is no longer `was`.
        """
        ...

    async def approved(self, window: Window) -> Sequence[tuple[Exclusion, Sequence[int]]]:
        """What counts in the window, with the channel keys, ascending."""
        ...

    async def approved_of(
        self, channel_keys: Sequence[int], window: Window
    ) -> Sequence[tuple[Exclusion, Sequence[int]]]:
        """The same of these channels alone."""
        ...
