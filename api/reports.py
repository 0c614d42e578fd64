"""Circulars: made, frozen, proved again, had as workbook and as PDF."""

from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Reader, Reporter, TheServer
from api.orders import LOCATION
from api.pagination import Cursor, Limit, PageOf, decode_cursor, encode_cursor, link_next
from api.schemas import PROBLEMS
from vms.errors import InvalidError
from vms.reports.composing import STAGES
from vms.reports.periods import Period
from vms.reports.service import FileKind, Progress, Verification
from vms.reports.store import Report
from vms.site import Language

router = APIRouter(tags=["reports"])

_TYPES = {
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileKind.PDF: "application/pdf",
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The same bytes each time.",
        "content": {name: {"schema": {"format": "binary"}} for name in _TYPES.values()},
    }
}


class ReportOrder(BaseModel):
    """A month, or the days of a period."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"month": "2026-10"}, {"from": "2026-10-01", "to": "2026-10-08"}]
        },
    )

    month: str | None = Field(
        default=None,
        pattern=r"^[0-9]{4}-[0-9]{2}$",
        description="It ends on its cut-off day (`reports.cut_off_day`).",
    )
    first: date | None = Field(default=None, alias="from", description="The first day.")
    after: date | None = Field(default=None, alias="to", description="Not included.")
    level: int | None = Field(
        default=None, description="2, 4, 6 or 8 digits of a civil code make a region."
    )

    def period(self, zone: ZoneInfo) -> Period:
        """The chosen days; raises `InvalidError` where they are not both there, or not in order."""
        if self.first is None or self.after is None:
            raise InvalidError("name a month, or the days from and to", field="month")
        return Period(self.first, self.after, zone)


class ReportProgress(BaseModel):
    """How far a report is."""

    model_config = ConfigDict(from_attributes=True)

    stage: str = Field(
        description=f"What is being done: {', '.join(STAGES)}; empty while it waits for its turn."
    )
    done: int
    of: int


class ReportOut(BaseModel):
    """A report on file."""

    report_id: str
    title: str
    month: str | None = Field(description="Null for a period that somebody chose.")
    start: datetime
    end: datetime
    level: int
    status: str = Field(description="`running`, `frozen` or `failed`.")
    problem: str = Field(description="Why it failed; empty else.")
    requested_by: str
    requested_at: datetime
    frozen_at: datetime | None
    inputs_sha256: str = Field(description="Over what the figures were made from.")
    figures_sha256: str = Field(description="Over the figures.")
    progress: ReportProgress | None = Field(description="While it is made.")


class VerificationOut(BaseModel):
    """What came of making it again from what is on file now."""

    is_same: bool
    inputs_sha256: str
    figures_sha256: str
    frozen_inputs_sha256: str
    frozen_figures_sha256: str


def _shown(report: Report, progress: Progress | None) -> ReportOut:
    return ReportOut(
        report_id=report.report_id,
        title=report.title,
        month=report.month or None,
        start=datetime.fromtimestamp(report.start_s, UTC),
        end=datetime.fromtimestamp(report.end_s, UTC),
        level=report.level,
        status=report.status.value,
        problem=report.problem,
        requested_by=report.requested_by,
        requested_at=report.requested_at,
        frozen_at=report.frozen_at,
        inputs_sha256=report.inputs_sha256,
        figures_sha256=report.figures_sha256,
        progress=None if progress is None else ReportProgress.model_validate(progress),
    )


@router.post(
    "/reports",
    operation_id="makeReport",
    summary="Make and freeze a report",
    status_code=202,
    responses={**PROBLEMS, 202: LOCATION},
)
async def make_report(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reporter,
    body: ReportOrder,
) -> ReportOut:
    """Of a month, once; or of any whole days that are over. Figures do not change once they are
    frozen, whatever is approved or corrected afterwards."""
    reports, by = server.reports, caller.actor.name
    subject = body.month or f"{body.first} - {body.after}"
    await server.accounts.record(caller.actor, "make report", subject)
    if body.month is not None and body.first is None and body.after is None:
        report = await reports.make_month(body.month, body.level, by)
    elif body.month is None:
        report = await reports.make(body.period(reports.zone), body.level, by)
    else:
        raise InvalidError("name a month or days, not both", field="month")
    response.headers["Location"] = f"{request.url.path}/{report.report_id}"
    return _shown(report, reports.progress(report.report_id))


@router.get("/reports", operation_id="listReports", summary="Reports", responses=PROBLEMS)
async def list_reports(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[ReportOut]:
    """Newest first."""
    _ = caller
    found = await server.reports.reports(decode_cursor(cursor), limit + 1)
    shown = found[:limit]
    next_cursor = encode_cursor(shown[-1].report_id) if len(found) > limit else None
    link_next(request, response, next_cursor)
    items = [_shown(report, server.reports.progress(report.report_id)) for report in shown]
    return PageOf(items=items, next_cursor=next_cursor)


@router.get(
    "/reports/{report_id}", operation_id="getReport", summary="One report", responses=PROBLEMS
)
async def get_report(report_id: str, server: TheServer, caller: Reader) -> ReportOut:
    """How it stands."""
    _ = caller
    report = await server.reports.report(report_id)
    return _shown(report, server.reports.progress(report_id))


@router.get(
    "/reports/{report_id}/file",
    operation_id="getReportFile",
    summary="A report as a file",
    response_class=Response,
    responses={**PROBLEMS, **_FILE},
)
async def get_report_file(
    report_id: str,
    server: TheServer,
    caller: Reader,
    kind: Annotated[FileKind, Query(alias="format")] = FileKind.XLSX,
    language: Annotated[Language, Query(description="Of the words in it.")] = "zh",
) -> Response:
    """A workbook with every camera and charts of its own, or a PDF to print."""
    report = await server.reports.report(report_id)
    detail = {"format": kind.value}
    await server.accounts.record(caller.actor, "export report", report_id, detail=detail)
    content = await server.reports.file(report_id, kind, language)
    name = f"{report.title.replace(' ', '')}-{language}.{kind}"
    return Response(
        content,
        media_type=_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post(
    "/reports/{report_id}/verify",
    operation_id="verifyReport",
    summary="Make a frozen report again and compare",
    responses=PROBLEMS,
)
async def verify_report(report_id: str, server: TheServer, caller: Reporter) -> VerificationOut:
    """From what is on file now; changes nothing. A difference means that something was approved,
    withdrawn or corrected after it was frozen."""
    await server.accounts.record(caller.actor, "verify report", report_id)
    return _compared(await server.reports.verify(report_id))


def _compared(found: Verification) -> VerificationOut:
    return VerificationOut(
        is_same=found.is_same,
        inputs_sha256=found.inputs_sha256,
        figures_sha256=found.figures_sha256,
        frozen_inputs_sha256=found.report.inputs_sha256,
        frozen_figures_sha256=found.report.figures_sha256,
    )
