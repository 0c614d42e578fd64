"""`OutageStore` in SQL: outages and their members."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    bindparam,
    case,
    delete,
    exists,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.inventory.outage_records import (
    WITH_ITS_DEVICE,
    Judgement,
    Outage,
    OutageCause,
    OutageKind,
    OutageMember,
    OutageQuery,
    OutageWrite,
)
from vms.persistence.database import Database
from vms.persistence.figure_tables import outage_members, outages
from vms.persistence.rows import Fetched, Row, fetched


class SqlOutageStore:
    """Rows of outages. See `vms.inventory.outage_records.OutageStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, change: OutageWrite) -> None:
        """Insert or update."""

        async def work(connection: AsyncConnection) -> None:
            outage_id = change.outage.outage_id
            await _upsert(connection, outages, ("outage_id",), [_row_of(change.outage)])
            for merged in change.merged:
                await _merge(connection, merged, outage_id)
            rows = [_row_of_member(outage_id, member) for member in change.members]
            if rows:
                identity = ("outage_id", "kind", "subject_key")
                await _upsert(connection, outage_members, identity, rows, keep=("since_s",))
            followers: Row = {"b_outage_id": outage_id, "b_way": WITH_ITS_DEVICE}
            returned: list[Row] = [
                {**followers, "b_device_id": device_id, "b_until_s": until_s}
                for device_id, until_s in change.returned_devices
            ]
            returned += [
                {**followers, "b_device_id": device_id, "b_until_s": None}
                for device_id in change.left_again
            ]
            if returned:
                await connection.execute(_FOLLOW, returned)

        await self._database.transact(work)

    async def open_outages(self) -> Sequence[tuple[Outage, Sequence[OutageMember]]]:
        """Those that last, without the channels that only went along with their device."""
        lasting = (outages.c.ended_s.is_(None), outages.c.kind != OutageKind.MERGED.value)
        of_those = (
            select(outage_members)
            .join_from(outage_members, outages)
            .where(*lasting, outage_members.c.way != WITH_ITS_DEVICE)
        )
        async with self._database.reading() as connection:
            found = await fetched(connection, select(outages).where(*lasting), _outage_of)
            rows = await fetched(connection, of_those, lambda row: (row.outage_id, _member_of(row)))
        members: dict[str, list[OutageMember]] = {outage.outage_id: [] for outage in found}
        for outage_id, member in rows:
            members.setdefault(outage_id, []).append(member)
        return [(outage, members[outage.outage_id]) for outage in found]

    async def outages(self, query: OutageQuery) -> Sequence[Outage]:
        """Newest first; merged ones are left out."""
        statement = (
            select(outages)
            .where(*_conditions(query))
            .order_by(outages.c.outage_id.desc())
            .limit(query.limit)
        )
        async with self._database.reading() as connection:
            return await fetched(connection, statement, _outage_of)

    async def outage(self, outage_id: str) -> Outage | None:
        """One, merged ones included."""
        statement = select(outages).where(outages.c.outage_id == outage_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else _outage_of(row)

    async def members(
        self, outage_id: str, after: tuple[str, str] | None, limit: int
    ) -> Sequence[OutageMember]:
        """In order of device and channel ID, behind `after`."""
        place = tuple_(outage_members.c.device_id, outage_members.c.channel_id)
        statement = (
            select(outage_members)
            .where(outage_members.c.outage_id == outage_id)
            .order_by(outage_members.c.device_id, outage_members.c.channel_id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(place > after)
        async with self._database.reading() as connection:
            return await fetched(connection, statement, _member_of)


_UNTIL: BindParameter[int | None] = bindparam("b_until_s", type_=BigInteger())
_FOLLOW = (
    update(outage_members)
    .where(
        outage_members.c.outage_id == bindparam("b_outage_id"),
        outage_members.c.device_id == bindparam("b_device_id"),
        outage_members.c.way == bindparam("b_way"),
    )
    .values(
        until_s=case(
            (outage_members.c.since_s > _UNTIL, outage_members.c.since_s),
            else_=_UNTIL,
        )
    )
)


async def _merge(connection: AsyncConnection, merged: str, into: str) -> None:
    """The members go over; whoever is there already stays as it is."""
    there = outage_members.alias()
    await connection.execute(
        update(outage_members)
        .where(
            outage_members.c.outage_id == merged,
            ~exists().where(
                there.c.outage_id == into,
                there.c.kind == outage_members.c.kind,
                there.c.subject_key == outage_members.c.subject_key,
            ),
        )
        .values(outage_id=into)
    )
    await connection.execute(delete(outage_members).where(outage_members.c.outage_id == merged))
    await connection.execute(
        update(outages)
        .where(outages.c.outage_id == merged)
        .values(
            kind=OutageKind.MERGED.value,
            ended_s=case(
                (outages.c.ended_s.is_(None), outages.c.started_s), else_=outages.c.ended_s
            ),
            evidence={"merged_into": into},
        )
    )


async def _upsert(
    connection: AsyncConnection,
    table: Any,
    identity: Sequence[str],
    rows: Sequence[Row],
    keep: Sequence[str] = (),
) -> None:
    """`keep` are columns that stay as they were first written."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    settled = {*identity, *keep}
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(identity),
            set_={name: statement.excluded[name] for name in rows[0] if name not in settled},
        ),
        list(rows),
    )


def _conditions(query: OutageQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [outages.c.kind != OutageKind.MERGED.value]
    if query.is_open is not None:
        is_open = outages.c.ended_s.is_(None)
        found.append(is_open if query.is_open else ~is_open)
    if query.start_s is not None:
        lasts = outages.c.ended_s.is_(None)
        found.append(or_(lasts, outages.c.ended_s > query.start_s))
    if query.end_s is not None:
        found.append(outages.c.started_s < query.end_s)
    if query.cause is not None:
        found.append(outages.c.cause == query.cause.value)
    if query.before_id is not None:
        found.append(outages.c.outage_id < query.before_id)
    member = outage_members.c
    if query.device_id is not None:
        found.append(_has_member(member.device_id == query.device_id))
    if query.division is not None:
        found.append(_has_member(member.device_id.startswith(query.division, autoescape=True)))
    return found


def _has_member(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(outage_members.c.outage_id == outages.c.outage_id, condition)


def _row_of(outage: Outage) -> Row:
    return {
        "outage_id": outage.outage_id,
        "kind": outage.kind.value,
        "cause": outage.cause.value,
        "started_s": outage.started_s,
        "ended_s": outage.ended_s,
        "scope": dict(outage.scope),
        "evidence": {
            "facts": dict(outage.evidence),
            "away": outage.away,
            "falls": outage.falls,
            "judgements": [[each.at_s, each.cause.value] for each in outage.judgements],
        },
        "device_count": outage.devices,
        "channel_count": outage.channels,
    }


def _outage_of(row: Fetched) -> Outage:
    detail: Mapping[str, Any] = row.evidence
    return Outage(
        outage_id=row.outage_id,
        kind=OutageKind(row.kind),
        cause=OutageCause(row.cause),
        started_s=row.started_s,
        ended_s=row.ended_s,
        scope=row.scope,
        evidence=detail.get("facts", {}),
        devices=row.device_count,
        channels=row.channel_count,
        away=detail.get("away", 0),
        falls=detail.get("falls", 0),
        judgements=tuple(
            Judgement(at_s, OutageCause(cause)) for at_s, cause in detail.get("judgements", [])
        ),
        merged_into=detail.get("merged_into", ""),
    )


def _row_of_member(outage_id: str, member: OutageMember) -> Row:
    return {
        "outage_id": outage_id,
        "kind": "channel" if member.channel_id else "device",
        "subject_key": member.key,
        "device_id": member.device_id,
        "channel_id": member.channel_id,
        "since_s": member.since_s,
        "until_s": member.until_s,
        "way": member.way,
        "heard_s": member.heard_s,
        "falls": member.falls,
    }


def _member_of(row: Fetched) -> OutageMember:
    return OutageMember(
        device_id=row.device_id,
        channel_id=row.channel_id,
        key=row.subject_key,
        since_s=row.since_s,
        until_s=row.until_s,
        way=row.way,
        heard_s=row.heard_s,
        falls=row.falls,
    )
