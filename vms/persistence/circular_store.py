"""`CircularStore` in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vms.persistence.changes import insert_into
from vms.persistence.database import Database
from vms.persistence.figure_tables import reports
from vms.persistence.rows import Fetched, Row
from vms.reports.store import Report, Status

_LISTED = [column for column in reports.c if column is not reports.c.figures]
_MONTHLY, _CHOSEN = "monthly", "chosen"


class SqlCircularStore:
    """Rows of circulars. See `vms.reports.store.CircularStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, report: Report, frozen: bytes | None = None) -> None:
        """Insert or update; what is frozen stays unless new bytes are given."""
        row = _row_of(report)
        if frozen is not None:
            row["figures"] = frozen

        async def work(connection: AsyncConnection) -> None:
            insert = insert_into(reports, connection.dialect.name).values(row)
            await connection.execute(
                insert.on_conflict_do_update(index_elements=["report_id"], set_=row)
            )

        await self._database.transact(work)

    async def report(self, report_id: str) -> Report | None:
        """One of them."""
        found = await self._read(select(*_LISTED).where(reports.c.report_id == report_id))
        return found[0] if found else None

    async def reports(self, before_id: str | None, limit: int) -> Sequence[Report]:
        """Newest first."""
        query = select(*_LISTED).order_by(reports.c.report_id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(reports.c.report_id < before_id)
        return await self._read(query)

    async def frozen_month(self, month: str) -> Report | None:
        """The circular of a month that is frozen."""
        query = select(*_LISTED).where(
            reports.c.kind == _MONTHLY, reports.c.status == Status.FROZEN.value
        )
        found = await self._read(query.order_by(reports.c.report_id))
        return next((report for report in found if report.month == month), None)

    async def running(self) -> Sequence[Report]:
        """Those that were under way."""
        return await self._read(select(*_LISTED).where(reports.c.status == Status.RUNNING.value))

    async def frozen(self, report_id: str) -> bytes | None:
        """The bytes that are kept."""
        query = select(reports.c.figures).where(reports.c.report_id == report_id)
        async with self._database.reading() as connection:
            kept: bytes | None = await connection.scalar(query)
        return kept

    async def _read(self, query: Select[*tuple[Any, ...]]) -> list[Report]:
        async with self._database.reading() as connection:
            return [_report_of(row) for row in await connection.execute(query)]


def _row_of(report: Report) -> Row:
    return {
        "report_id": report.report_id,
        "kind": _MONTHLY if report.month else _CHOSEN,
        "title": report.title,
        "period_start_s": report.start_s,
        "period_end_s": report.end_s,
        "status": report.status.value,
        "requested_by": report.requested_by,
        "requested_at": report.requested_at,
        "frozen_at": report.frozen_at,
        "inputs_sha256": report.inputs_sha256,
        "detail": {
            "month": report.month,
            "level": report.level,
            "figures_sha256": report.figures_sha256,
            "problem": report.problem,
        },
    }


def _report_of(row: Fetched) -> Report:
    return Report(
        report_id=row.report_id,
        title=row.title,
        month=row.detail["month"],
        start_s=row.period_start_s,
        end_s=row.period_end_s,
        level=row.detail["level"],
        status=Status(row.status),
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        frozen_at=row.frozen_at,
        inputs_sha256=row.inputs_sha256,
        figures_sha256=row.detail["figures_sha256"],
        problem=row.detail["problem"],
    )
