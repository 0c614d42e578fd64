"""`ExclusionStore` in SQL: planned absences, and the channels they lie over."""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Select,
    Text,
    bindparam,
    cast,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.errors import ConflictError
from vms.figures.exclusion_model import Exclusion, ExclusionStatus, Reason, Scope
from vms.figures.model import Window
from vms.persistence.database import Database
from vms.persistence.figure_store import forget_days
from vms.persistence.figure_tables import exclusion_channels, exclusions
from vms.persistence.rows import Fetched, Row, fetched

KEYS_AT_ONCE = 500


class SqlExclusionStore:
    """See `vms.figures.exclusion_model.ExclusionStore`.

    Raises `ConflictError` for an ID that is there already.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_exclusion(self, exclusion: Exclusion, channel_keys: Sequence[int]) -> None:
        """A new request with the channels it lies over."""
        keys = list(channel_keys)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(exclusions), [_row_of(exclusion)])
            await _lay_over(connection, exclusion.exclusion_id, keys)

        await self._database.transact(work)

    async def exclusion(self, exclusion_id: str) -> Exclusion | None:
        """By its ID."""
        query = _exclusions().where(exclusions.c.exclusion_id == exclusion_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _exclusion_of(row)

    async def exclusions(
        self,
        status: ExclusionStatus | None,
        overlapping: Window | None,
        before_id: str | None,
        limit: int,
    ) -> Sequence[Exclusion]:
        """Newest first."""
        query = _exclusions().order_by(exclusions.c.exclusion_id.desc()).limit(limit)
        if status is not None:
            query = query.where(exclusions.c.status == status.value)
        if overlapping is not None:
            query = _in_window(query, overlapping)
        if before_id is not None:
            query = query.where(exclusions.c.exclusion_id < before_id)
        async with self._database.reading() as connection:
            return await fetched(connection, query, _exclusion_of)

    async def excluded_channels(self, exclusion_id: str) -> Sequence[int]:
        """The channel keys it lies over, ascending."""
        async with self._database.reading() as connection:
            return await _channel_keys(connection, exclusion_id)

    async def decide(
        self, decided: Exclusion, was: ExclusionStatus, stale: Sequence[Window]
    ) -> None:
        """Store a decision, and drop the stored days that overlap `stale`."""
        row = _row_of(decided)
        change = (
            update(exclusions)
            .where(exclusions.c.exclusion_id == decided.exclusion_id)
            .where(exclusions.c.status == was.value)
            .values({name: row[name] for name in _DECISION})
        )

        async def work(connection: AsyncConnection) -> None:
            if (await connection.execute(change)).rowcount != 1:
                raise ConflictError(f"exclusion {decided.exclusion_id} is not {was.value} any more")
            for window in stale:
                await forget_days(connection, window.start_s, window.end_s)

        await self._database.transact(work)

    async def approved(self, window: Window) -> Sequence[tuple[Exclusion, Sequence[int]]]:
        """What counts in the window, with the channel keys, ascending."""
        async with self._database.reading(one_moment=True) as connection:
            return [
                (exclusion, await _channel_keys(connection, exclusion.exclusion_id))
                for exclusion in await _approved(connection, window)
            ]

    async def approved_of(
        self, channel_keys: Sequence[int], window: Window
    ) -> Sequence[tuple[Exclusion, Sequence[int]]]:
        """The same of these channels alone."""
        found: dict[str, list[int]] = {}
        own = (
            select(exclusion_channels.c.exclusion_id, exclusion_channels.c.channel_key)
            .join_from(exclusion_channels, exclusions)
            .where(exclusions.c.status == ExclusionStatus.APPROVED.value)
        )
        own = _in_window(own, window)
        async with self._database.reading(one_moment=True) as connection:
            approved = await _approved(connection, window)
            keys = sorted(channel_keys) if approved else []
            for first in range(0, len(keys), KEYS_AT_ONCE):
                some = exclusion_channels.c.channel_key.in_(keys[first : first + KEYS_AT_ONCE])
                query = own.where(some).order_by(exclusion_channels.c.channel_key)
                for exclusion_id, key in await connection.execute(query):
                    found.setdefault(exclusion_id, []).append(key)
        return [(each, found[each.exclusion_id]) for each in approved if each.exclusion_id in found]


async def _lay_over(connection: AsyncConnection, exclusion_id: str, keys: list[int]) -> None:
    """One statement for a whole city: devices that register wait for the same writer."""
    listed = bindparam("keys", type_=Text)
    if connection.dialect.name == "postgresql":
        each = func.json_array_elements_text(cast(listed, JSON)).table_valued("value")
    else:
        each = func.json_each(listed).table_valued("value")
    rows = select(literal(exclusion_id, Text), cast(each.c.value, BigInteger))
    names = [exclusion_channels.c.exclusion_id, exclusion_channels.c.channel_key]
    lying = insert(exclusion_channels).from_select(names, rows)
    await connection.execute(lying, {"keys": json.dumps(keys)})


_DECISION = ("status", "decided_by", "decided_at", "decision_note")


async def _approved(connection: AsyncConnection, window: Window) -> Sequence[Exclusion]:
    query = _in_window(_exclusions(), window).order_by(exclusions.c.exclusion_id)
    counting = query.where(exclusions.c.status == ExclusionStatus.APPROVED.value)
    return await fetched(connection, counting, _exclusion_of)


async def _channel_keys(connection: AsyncConnection, exclusion_id: str) -> list[int]:
    query = (
        select(exclusion_channels.c.channel_key)
        .where(exclusion_channels.c.exclusion_id == exclusion_id)
        .order_by(exclusion_channels.c.channel_key)
    )
    return await fetched(connection, query, _key_of)


def _key_of(row: Fetched) -> int:
    return int(row.channel_key)


def _in_window(query: Select[*tuple[Any, ...]], window: Window) -> Select[*tuple[Any, ...]]:
    return query.where(exclusions.c.start_s < window.end_s, exclusions.c.end_s > window.start_s)


def _exclusions() -> Select[*tuple[Any, ...]]:
    lying_over = (
        select(func.count())
        .select_from(exclusion_channels)
        .where(exclusion_channels.c.exclusion_id == exclusions.c.exclusion_id)
    )
    return select(exclusions, lying_over.scalar_subquery().label("channels"))


def _row_of(exclusion: Exclusion) -> Row:
    """Every column of `exclusions`."""
    return {
        "exclusion_id": exclusion.exclusion_id,
        "reason": exclusion.reason.value,
        "order_number": exclusion.order_number,
        "note": exclusion.note,
        "start_s": exclusion.start_s,
        "end_s": exclusion.end_s,
        "daily_start_s": exclusion.daily_start_s,
        "daily_end_s": exclusion.daily_end_s,
        "status": exclusion.status.value,
        "requested_by": exclusion.requested_by,
        "requested_at": exclusion.requested_at,
        "decided_by": exclusion.decided_by,
        "decided_at": exclusion.decided_at,
        "decision_note": exclusion.decision_note,
        "scope": {each.name: list(getattr(exclusion.scope, each.name)) for each in fields(Scope)},
    }


def _exclusion_of(row: Fetched) -> Exclusion:
    return Exclusion(
        exclusion_id=row.exclusion_id,
        reason=Reason(row.reason),
        order_number=row.order_number,
        note=row.note,
        start_s=row.start_s,
        end_s=row.end_s,
        daily_start_s=row.daily_start_s,
        daily_end_s=row.daily_end_s,
        scope=Scope(**{each.name: tuple(row.scope.get(each.name, ())) for each in fields(Scope)}),
        channels=row.channels,
        status=ExclusionStatus(row.status),
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        decision_note=row.decision_note,
    )
