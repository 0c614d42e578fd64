"""Planned absences are asked for by one and approved by another; only approved ones count.

They lie over the ledger and never change it: a withdrawn approval leaves the facts as they were.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from vms.clock import Clock
from vms.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from vms.figures.borders import day_of, month_of, windows
from vms.figures.exclusion_model import (
    DAY_S,
    Exclusion,
    ExclusionStatus,
    ExclusionStore,
    Reason,
    Scope,
)
from vms.figures.freshness import Freshness
from vms.figures.model import Every, Window
from vms.inventory.inventory import Inventory
from vms.inventory.model import Channel

MOST_CHANNELS = 200_000
MOST_NAMED = 10_000
"""Devices, channels, divisions and groups that one request may name."""

AHEAD_DAYS = 3_653
"""So long before it begins one may be asked for: ten years."""

LONGEST_NOTE = 2000
LONGEST_ORDER = 128


@dataclass(frozen=True, slots=True)
class ExclusionLimits:
    """How long one may be, how late it may be asked for, and how many days of a calendar month a
    channel may be excused altogether."""

    longest_days: int = 30
    latest_hours: int = 72
    days_a_month: int = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for; see `Exclusion`."""

    reason: Reason
    order_number: str
    note: str
    window: Window
    scope: Scope
    daily: tuple[int, int] | None = None


class Exclusions:
    """Every method that writes returns after the commit. Who may ask and who may decide is the
    caller's affair, but for this: nobody decides on their own request, unless they are the only
    administrator."""

    def __init__(
        self,
        store: ExclusionStore,
        inventory: Inventory,
        clock: Clock,
        zone: ZoneInfo,
        freshness: Freshness,
        limits: ExclusionLimits,
        new_id: Callable[[], str],
    ) -> None:
        self.limits = limits
        self._store = store
        self._inventory = inventory
        self._clock = clock
        self._zone = zone
        self._freshness = freshness
        self._new_id = new_id

    async def request(self, asked: Asked, requested_by: str) -> Exclusion:
        """Ask for one; the channels are those of its scope now.

        Raises `InvalidError` for one beyond the limits, or of nobody.
        """
        self._check(asked)
        keys = await self._resolved(asked.scope)
        if not keys:
            raise InvalidError("no channel on file is in this scope", field="scope")
        if len(keys) > MOST_CHANNELS:
            raise InvalidError(f"that is more than {MOST_CHANNELS} channels", field="scope")
        start_s, end_s = asked.daily or (None, None)
        exclusion = Exclusion(
            exclusion_id=self._new_id(),
            reason=asked.reason,
            order_number=asked.order_number.strip(),
            note=asked.note.strip(),
            start_s=asked.window.start_s,
            end_s=asked.window.end_s,
            daily_start_s=start_s,
            daily_end_s=end_s,
            scope=asked.scope,
            channels=len(keys),
            status=ExclusionStatus.REQUESTED,
            requested_by=requested_by,
            requested_at=self._clock.wall(),
        )
        await self._store.add_exclusion(exclusion, keys)
        return exclusion

    async def approve(
        self, exclusion_id: str, decided_by: str, note: str, *, is_only_admin: bool
    ) -> Exclusion:
        """From now on it counts; stored days that it touches are made anew.

        Raises `NotFoundError`, `ConflictError` where it is decided already, `ForbiddenError` for
        one's own request, `InvalidError` where a channel would be excused for too long.
        """
        asked = await self._decidable(exclusion_id, ExclusionStatus.REQUESTED)
        self._not_ones_own(asked, decided_by, is_only_admin=is_only_admin)
        async with self._freshness.deciding():
            await self._check_allowance(asked)
            return await self._decide(asked, ExclusionStatus.APPROVED, decided_by, note)

    async def refuse(
        self, exclusion_id: str, decided_by: str, note: str, *, is_only_admin: bool
    ) -> Exclusion:
        """It will not count. Raises as `approve`, but for the allowance."""
        asked = await self._decidable(exclusion_id, ExclusionStatus.REQUESTED)
        self._not_ones_own(asked, decided_by, is_only_admin=is_only_admin)
        return await self._decide(asked, ExclusionStatus.REFUSED, decided_by, note)

    async def withdraw(
        self, exclusion_id: str, decided_by: str, note: str, *, may_decide: bool
    ) -> Exclusion:
        """Whoever asked takes the request back, or somebody who `may_decide` an approval.

        Raises `NotFoundError`, `ConflictError` where there is nothing to withdraw,
        `ForbiddenError`.
        """
        found = await self.get(exclusion_id)
        if found.status not in (ExclusionStatus.REQUESTED, ExclusionStatus.APPROVED):
            raise ConflictError(f"exclusion {exclusion_id} is {found.status}")
        is_own_request = (
            found.status is ExclusionStatus.REQUESTED and found.requested_by == decided_by
        )
        if not may_decide and not is_own_request:
            raise ForbiddenError("only whoever asked may take a request back")
        async with self._freshness.deciding():
            return await self._decide(found, ExclusionStatus.WITHDRAWN, decided_by, note)

    async def get(self, exclusion_id: str) -> Exclusion:
        """One; raises `NotFoundError`."""
        found = await self._store.exclusion(exclusion_id)
        if found is None:
            raise NotFoundError(f"no exclusion {exclusion_id[:64]}")
        return found

    async def list(
        self,
        status: ExclusionStatus | None = None,
        overlapping: Window | None = None,
        before_id: str | None = None,
        limit: int = 100,
    ) -> Sequence[Exclusion]:
        """Newest first."""
        return await self._store.exclusions(status, overlapping, before_id, limit)

    async def channels(self, exclusion_id: str) -> Sequence[int]:
        """The channel keys that one lies over; raises `NotFoundError`."""
        await self.get(exclusion_id)
        return await self._store.excluded_channels(exclusion_id)

    def _check(self, asked: Asked) -> None:
        window, limits = asked.window, self.limits
        if window.end_s <= window.start_s:
            raise InvalidError("it ends before it begins", field="end")
        if window.length_s > limits.longest_days * DAY_S:
            raise InvalidError(f"at most {limits.longest_days} days at a time", field="end")
        now_s = int(self._clock.wall().timestamp())
        if now_s - window.end_s > limits.latest_hours * 3600:
            raise InvalidError(
                f"it has to be asked for within {limits.latest_hours} h of its end", field="end"
            )
        if window.start_s - now_s > AHEAD_DAYS * DAY_S:
            raise InvalidError(f"at most {AHEAD_DAYS} days ahead", field="start")
        if not 1 <= len(asked.order_number.strip()) <= LONGEST_ORDER:
            raise InvalidError("it needs the number of its order", field="order_number")
        if len(asked.note) > LONGEST_NOTE:
            raise InvalidError(f"a note has {LONGEST_NOTE} characters at most", field="note")
        if asked.daily is not None and not (
            0 <= asked.daily[0] < DAY_S
            and 0 <= asked.daily[1] <= DAY_S
            and asked.daily[0] != asked.daily[1]
        ):
            raise InvalidError("a time of day lies between 00:00 and 24:00", field="daily_start")
        if sum(len(names) for names in _named(asked.scope)) > MOST_NAMED:
            raise InvalidError(f"a scope names {MOST_NAMED} at most", field="scope")

    async def _resolved(self, scope: Scope) -> Sequence[int]:
        """In a thread: ten thousand names are looked for among all channels."""
        own_groups = self._inventory.own_groups_within(*scope.own_group_ids)
        wanted = _Wanted(
            frozenset(scope.device_ids),
            frozenset(scope.channels),
            frozenset(scope.divisions),
            frozenset(map(len, scope.divisions)),
            frozenset(scope.group_ids),
            own_groups,
        )
        on_file = list(self._inventory.channels_on_file())
        return await asyncio.to_thread(_keys_of, on_file, wanted)

    async def _decidable(self, exclusion_id: str, status: ExclusionStatus) -> Exclusion:
        found = await self.get(exclusion_id)
        if found.status is not status:
            raise ConflictError(f"exclusion {exclusion_id} is {found.status}")
        return found

    def _not_ones_own(self, asked: Exclusion, by: str, *, is_only_admin: bool) -> None:
        if asked.requested_by == by and not is_only_admin:
            raise ForbiddenError("nobody decides on their own request")

    async def _decide(
        self, was: Exclusion, status: ExclusionStatus, by: str, note: str
    ) -> Exclusion:
        if len(note) > LONGEST_NOTE:
            raise InvalidError(f"a note has {LONGEST_NOTE} characters at most", field="note")
        decided = replace(
            was,
            status=status,
            decided_by=by,
            decided_at=self._clock.wall(),
            decision_note=note.strip(),
        )
        counts = ExclusionStatus.APPROVED in (was.status, status)
        stale = list(_days_of(was.windows(self._zone), self._zone)) if counts else []
        await self._store.decide(decided, was.status, stale)
        return decided

    async def _check_allowance(self, asked: Exclusion) -> None:
        """No channel is excused for more than the days of a month that the limit allows.

        Seconds that two exclusions have in common count once.
        """
        keys = await self._store.excluded_channels(asked.exclusion_id)
        span = Window(
            month_of(asked.start_s, self._zone).start_s, month_of(asked.end_s, self._zone).end_s
        )
        others = await self._store.approved_of(keys, span)
        days = self.limits.days_a_month
        beyond = await asyncio.to_thread(_beyond, asked, keys, others, span, self._zone, days)
        if beyond:
            raise InvalidError(
                f"{beyond} channels would be excused for more than {days} days of a month",
                channels=beyond,
            )


def _keys_of(channels: Iterable[Channel], wanted: "_Wanted") -> list[int]:
    return sorted(channel.key for channel in channels if wanted.has(channel))


def _beyond(
    asked: Exclusion,
    keys: Iterable[int],
    others: Sequence[tuple[Exclusion, Sequence[int]]],
    span: Window,
    zone: ZoneInfo,
    days: int,
) -> int:
    """How many channels that are alike would be excused for more days of a month than these, beside
    what is approved; of the first such month, 0 where there is none."""
    belongs: dict[int, list[int]] = {}
    for number, (_, channel_keys) in enumerate(others):
        for key in channel_keys:
            belongs.setdefault(key, []).append(number)
    alike = Counter(tuple(belongs.get(key, ())) for key in keys)
    for month in windows(span, Every.MONTH, zone):
        own = list(_within(asked.windows(zone), month))
        for numbers, channels in alike.items():
            spans = [
                *own,
                *(
                    each
                    for number in numbers
                    for each in _within(others[number][0].windows(zone), month)
                ),
            ]
            if _covered_s(spans) > days * DAY_S:
                return channels
    return 0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A scope, ready for asking."""

    device_ids: frozenset[str]
    channels: frozenset[str]
    divisions: frozenset[str]
    division_digits: frozenset[int]
    group_ids: frozenset[str]
    own_group_ids: frozenset[str]

    def has(self, channel: Channel) -> bool:
        reported = channel.reported
        return (
            channel.device_id in self.device_ids
            or f"{channel.device_id}/{channel.channel_id}" in self.channels
            or any(channel.division[:digits] in self.divisions for digits in self.division_digits)
            or (bool(self.group_ids) and not self.group_ids.isdisjoint(_groups(channel)))
            or channel.own_group_id in self.own_group_ids
            or reported.business_group_id in self.group_ids
        )


def _groups(channel: Channel) -> Iterable[str]:
    return channel.reported.parent_ids


def _named(scope: Scope) -> Iterable[Collection[str]]:
    return (
        scope.device_ids,
        scope.channels,
        scope.divisions,
        scope.group_ids,
        scope.own_group_ids,
    )


def _within(spans: Iterable[Window], month: Window) -> Iterator[Window]:
    for span in spans:
        start_s, end_s = max(span.start_s, month.start_s), min(span.end_s, month.end_s)
        if start_s < end_s:
            yield Window(start_s, end_s)


def _covered_s(spans: Iterable[Window]) -> int:
    """Seconds that lie in any of them."""
    covered_s, reached_s = 0, -1
    for span in sorted(spans, key=lambda each: each.start_s):
        start_s = max(span.start_s, reached_s)
        if span.end_s > start_s:
            covered_s += span.end_s - start_s
            reached_s = span.end_s
    return covered_s


def _days_of(spans: Iterable[Window], zone: ZoneInfo) -> Iterator[Window]:
    """The days of the site's calendar that any of them touches, joined where they meet."""
    last: Window | None = None
    for span in spans:
        starts_s, ends_s = day_of(span.start_s, zone).start_s, day_of(span.end_s - 1, zone).end_s
        if last is not None and starts_s <= last.end_s:
            last = Window(last.start_s, max(last.end_s, ends_s))
            continue
        if last is not None:
            yield last
        last = Window(starts_s, ends_s)
    if last is not None:
        yield last
