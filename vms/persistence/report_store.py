"""`ReportStore` in SQL: notices and positions."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import false, select

from vms.gb28181.ids import DeviceId
from vms.inventory.model import DeviceKey
from vms.inventory.reported import Notice, Position
from vms.persistence.changes import Change, Once, Operation
from vms.persistence.database import Database
from vms.persistence.rows import Fetched, Row, fetched
from vms.persistence.tables import devices, latest_positions, notices, positions


class SqlReportStore:
    """Rows of notices and positions. See `vms.inventory.store.ReportStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_notice(self, notice: Notice, keep: int | None = None) -> bool:
        """Store once; False when (device, fingerprint) is already there."""
        pruned: list[Row] = []
        if keep is not None:
            pruned.append(
                {
                    "b_device_key": notice.device_key,
                    "b_is_known": notice.is_known,
                    "b_keep": keep,
                }
            )
        change = Change(
            [(Operation.PRUNE_NOTICES, pruned)], once=(Once.NOTICE, [_row_of_notice(notice)])
        )
        return await self._database.write(change) > 0

    async def notices(
        self, device_id: DeviceId | None, cmd_type: str | None, before_id: str | None, limit: int
    ) -> Sequence[Notice]:
        """Newest first."""
        query = select(notices).order_by(notices.c.notice_id.desc()).limit(limit)
        if device_id is not None:
            query = query.where(notices.c.device_id == str(device_id))
        if cmd_type is not None:
            query = query.where(notices.c.cmd_type == cmd_type)
        if before_id is not None:
            query = query.where(notices.c.notice_id < before_id)
        async with self._database.reading() as connection:
            return [_notice_of(row) for row in await connection.execute(query)]

    async def add_positions(
        self, positions: Sequence[Position], latest: Sequence[Position], keep: int | None = None
    ) -> int:
        """Store each once and say how many were new."""
        if not positions:
            return 0
        keys = sorted({position.device_key for position in positions})
        pruned: list[Row] = (
            [] if keep is None else [{"b_device_key": key, "b_keep": keep} for key in keys]
        )
        return await self._database.write(
            Change(
                [
                    (Operation.PRUNE_POSITIONS, pruned),
                    (Operation.LATEST_POSITION, [_row_of_position(row) for row in latest]),
                ],
                once=(Once.POSITION, [_row_of_position(row) for row in positions]),
            )
        )

    async def positions(
        self, key: DeviceKey, source_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Position]:
        """Those captured in [start, end), in order of time."""
        query = (
            select(positions)
            .where(positions.c.device_key == key, positions.c.source_id == source_id)
            .where(positions.c.captured_at >= start, positions.c.captured_at < end)
            .order_by(positions.c.captured_at)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [_position_of(row) for row in await connection.execute(query)]

    async def latest_positions(self, limit: int) -> Sequence[Position]:
        """The latest of every source of devices on file, the newest `limit` of them."""
        query = (
            select(latest_positions)
            .join_from(latest_positions, devices, latest_positions.c.device_key == devices.c.key)
            .where(devices.c.removed == false())
            .order_by(latest_positions.c.received_at.desc())
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return await fetched(connection, query, _position_of)


def _row_of_notice(notice: Notice) -> Row:
    return {
        "notice_id": notice.notice_id,
        "device_key": notice.device_key,
        "device_id": str(notice.device_id),
        "source_id": notice.source_id,
        "cmd_type": notice.cmd_type,
        "sn": notice.sn,
        "occurred_at": notice.occurred_at,
        "received_at": notice.received_at,
        "facts": notice.facts,
        "is_known": notice.is_known,
        "fingerprint": notice.fingerprint,
        "raw": notice.raw,
    }


def _notice_of(row: Fetched) -> Notice:
    return Notice(
        notice_id=row.notice_id,
        device_key=DeviceKey(row.device_key),
        device_id=DeviceId(row.device_id),
        source_id=row.source_id,
        cmd_type=row.cmd_type,
        sn=row.sn,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        facts=row.facts,
        is_known=row.is_known,
        fingerprint=row.fingerprint,
        raw=row.raw,
    )


def _row_of_position(position: Position) -> Row:
    return {
        "device_key": position.device_key,
        "device_id": str(position.device_id),
        "source_id": position.source_id,
        "captured_at": position.captured_at,
        "received_at": position.received_at,
        "longitude": position.longitude,
        "latitude": position.latitude,
        "speed_kmh": position.speed_kmh,
        "direction_deg": position.direction_deg,
        "altitude_m": position.altitude_m,
        "height_m": position.height_m,
    }


def _position_of(row: Fetched) -> Position:
    return Position(
        device_key=DeviceKey(row.device_key),
        device_id=DeviceId(row.device_id),
        source_id=row.source_id,
        captured_at=row.captured_at,
        received_at=row.received_at,
        longitude=row.longitude,
        latitude=row.latitude,
        speed_kmh=row.speed_kmh,
        direction_deg=row.direction_deg,
        altitude_m=row.altitude_m,
        height_m=row.height_m,
    )
