"""Spreadsheets that come in: an import is a job, and what it refuses can be had back to mend."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.authentication import Caller, Configurer, TheServer
from api.files import TemporaryFile
from api.language import language_of
from api.multipart import is_form
from api.orders import LOCATION
from api.ports import Server
from api.schemas import PROBLEMS
from vms.errors import InvalidError
from vms.site import Language
from vms.spreadsheets.columns import Kind
from vms.spreadsheets.importing import ImportJob
from vms.spreadsheets.refusals import Refused
from vms.spreadsheets.writing import FileFormat

UPLOAD_LIMIT_S = 600.0
WRITTEN_AT_ONCE = 2**20
LONGEST_NAME = 200

router = APIRouter(tags=["spreadsheets"])

JobId = Annotated[str, Path(max_length=64)]
AcceptLanguage = Annotated[str, Header(max_length=200, description="`zh` or `en`.")]

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


class RefusedRow(BaseModel):
    """Something that is wrong with a row; a row may have several."""

    row: int = Field(description="As Excel counts.")
    column: str | None = Field(description="Name of the column; null where it is the whole row.")
    value: str = Field(description="What stands there; never a secret.")
    code: str = Field(description="Stable; for programs.")
    sentence: str = Field(description="For people, by `Accept-Language`.")


class ImportOut(BaseModel):
    """An import as it stands. Rows that are right are applied though others are refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "job_id": "0199c1a0-0000-7000-8000-000000000001",
                    "kind": "channels",
                    "file_name": "cameras.xlsx",
                    "dry_run": False,
                    "state": "incomplete",
                    "started_at": "2026-03-01T08:00:00+00:00",
                    "finished_at": "2026-03-01T08:00:04+00:00",
                    "sheet": "channels",
                    "encoding": "",
                    "total": 5000,
                    "read": 5000,
                    "applied": 4993,
                    "added": 4993,
                    "changed": 0,
                    "unchanged": 0,
                    "refused": 7,
                    "ignored_columns": ["Status"],
                    "unknown_columns": ["Remarks"],
                    "refusals": [
                        {
                            "row": 17,
                            "column": "class",
                            "value": "7",
                            "code": "wrong_value",
                            "sentence": "7 does not fit the column Class: it takes 1, 2, 3 or 9.",
                        }
                    ],
                    "sentence": "",
                }
            ]
        }
    )

    job_id: str
    kind: Kind
    file_name: str
    dry_run: bool = Field(description="Nothing is changed; counts are what would become.")
    state: str = Field(
        description="`running`; `complete`; `incomplete`: some rows were refused; `failed`: it "
        "ended before the end of the file, `sentence` says why."
    )
    started_at: datetime
    finished_at: datetime | None
    sheet: str = Field(description="The worksheet that was read; empty for a csv.")
    encoding: str = Field(description="Of a csv, as found; empty for a workbook.")
    total: int | None = Field(description="Rows below the heading; null while not known.")
    read: int
    applied: int = Field(description="Added, changed and unchanged.")
    added: int
    changed: int
    unchanged: int = Field(description="They say nothing new.")
    refused: int
    ignored_columns: list[str] = Field(description="Columns that an export tells and nobody sets.")
    unknown_columns: list[str] = Field(description="Headings that mean nothing here.")
    refusals: list[RefusedRow] = Field(description="The first of them; all are in the file.")
    sentence: str = Field(description="Why it failed, empty else; by `Accept-Language`.")


@router.post(
    "/imports/{kind}",
    operation_id="startImport",
    summary="Import a spreadsheet",
    status_code=202,
    openapi_extra=_BODY,
    responses={**PROBLEMS, 202: LOCATION},
)
async def start_import(
    request: Request,
    response: Response,
    kind: Kind,
    server: TheServer,
    caller: Configurer,
    dry_run: Annotated[bool, Query(description="Only see what would come of it.")] = False,
    file_name: Annotated[
        str, Query(max_length=LONGEST_NAME, description="Of a bare body; for people.")
    ] = "",
    accept_language: AcceptLanguage = "",
) -> ImportOut:
    """xlsx, xls, ods, or csv in UTF-8 or GB18030, at most 64 MiB and 200,000 rows; bare, or as the
    file of a form. One import at a time: 409 while another runs."""
    async with server.spreadsheets.file() as path:
        name = await _received(request, path) or file_name
        if not await asyncio.to_thread(path.exists):
            raise InvalidError("a form without a file", field="file")
        detail = {"file": name, "dry_run": str(dry_run).lower()}
        await server.accounts.record(caller.actor, f"import {kind}", outcome="begun", detail=detail)

        async def note_the_end(job: ImportJob) -> None:
            await _note_the_end(server, caller, job)

        job = server.spreadsheets.begin(kind, path, name, is_trial=dry_run, at_its_end=note_the_end)
    response.headers["Location"] = request.url_for("get_import", job_id=job.job_id).path
    return _shown(job, language_of(accept_language))


@router.get(
    "/imports/{job_id}",
    operation_id="getImport",
    summary="How far an import is",
    responses=PROBLEMS,
)
async def get_import(
    job_id: JobId, server: TheServer, caller: Configurer, accept_language: AcceptLanguage = ""
) -> ImportOut:
    """A running one, or one of the last since the server started; what one has applied stays."""
    _ = caller
    return _shown(server.spreadsheets.job(job_id), language_of(accept_language))


@router.get(
    "/imports/{job_id}/errors.{file_format}",
    operation_id="downloadImportErrors",
    summary="The refused rows, to mend and to import again",
    response_class=Response,
    responses=PROBLEMS,
)
async def download_import_errors(
    job_id: JobId,
    file_format: FileFormat,
    server: TheServer,
    caller: Configurer,
    accept_language: AcceptLanguage = "",
) -> Response:
    """Under the headings they came with, and a column that says what is wrong with each; it may
    stay when the file is sent again. 409 while the import runs."""
    server.spreadsheets.job(job_id)
    # Rows come as they were sent, perhaps with passwords.
    detail = {"format": file_format.value}
    await server.accounts.record(caller.actor, "export import errors", job_id, detail=detail)
    file = TemporaryFile(server.spreadsheets.file())
    async with file.writing() as path:
        language = language_of(accept_language)
        await server.spreadsheets.write_refusals(job_id, path, file_format, language)
    return file.response(f"errors.{file_format}", file_format.content_type)


async def _note_the_end(server: Server, caller: Caller, job: ImportJob) -> None:
    counts = {
        "file": job.file_name,
        "dry_run": str(job.is_trial).lower(),
        **{name: str(value) for name, value in job.counts().items()},
    }
    outcome = "failed" if job.failure else "done"
    await server.accounts.record(
        caller.actor, f"import {job.kind}", job.job_id, outcome=outcome, detail=counts
    )


def _shown(job: ImportJob, language: Language) -> ImportOut:
    return ImportOut(
        job_id=job.job_id,
        kind=job.kind,
        file_name=job.file_name,
        dry_run=job.is_trial,
        state=job.state.value,
        started_at=job.started_at,
        finished_at=job.finished_at,
        sheet=job.sheet,
        encoding=job.encoding,
        total=job.total,
        read=job.read,
        applied=job.applied,
        added=job.added,
        changed=job.changed,
        unchanged=job.unchanged,
        refused=job.refused,
        ignored_columns=list(job.told_columns),
        unknown_columns=list(job.unknown_columns),
        refusals=[each for refused in job.refusals for each in _refusals(refused, language)],
        sentence=job.sentence(language),
    )


def _refusals(refused: Refused, language: Language) -> list[RefusedRow]:
    return [
        RefusedRow(
            row=refused.row,
            column=None if problem.column is None else problem.column.name,
            value=problem.value,
            code=problem.code,
            sentence=problem.sentence(language),
        )
        for problem in refused.problems
    ]


# What comes in goes to disk as it comes


async def _received(request: Request, path: FilePath) -> str:
    """The file of a form, or the bare body, at `path`; the name that came with it."""
    try:
        async with asyncio.timeout(UPLOAD_LIMIT_S):
            if is_form(request.headers.get("content-type", "")):
                return await _from_form(request, path)
            await _write(request.stream(), path)
            return ""
    except TimeoutError as error:
        raise HTTPException(408, "the file came too slowly") from error
    except ClientDisconnect as error:
        raise InvalidError("the file broke off", field="file") from error


async def _from_form(request: Request, path: FilePath) -> str:
    async with request.form(max_files=1, max_fields=4) as form:
        for part in form.values():
            if not isinstance(part, str):
                with path.open("wb") as to:
                    await asyncio.to_thread(shutil.copyfileobj, part.file, to)
                return unquote(part.filename or "")
    return ""


async def _write(chunks: AsyncIterator[bytes], path: FilePath) -> None:
    with path.open("wb") as to:
        waiting = bytearray()
        async for chunk in chunks:
            waiting += chunk
            if len(waiting) >= WRITTEN_AT_ONCE:
                await asyncio.to_thread(to.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(to.write, bytes(waiting))
