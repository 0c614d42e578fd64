"""`vms import` and `vms export`: on the database of a server that stands still, or through one that
runs."""

import asyncio
import http.client
import json
import os
import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

import typer

from config.settings import Settings
from vms.accounts.model import Actor
from vms.accounts.service import Accounts
from vms.clock import SystemClock
from vms.console import fail, run
from vms.errors import ConflictError
from vms.events import EventBus
from vms.inventory.identifiers import Identifiers
from vms.inventory.inventory import Inventory
from vms.inventory.policy import InventoryPolicy
from vms.persistence.account_store import SqlAccountStore
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.signalling.jobs import JobState
from vms.site import Language
from vms.spreadsheets.columns import Kind
from vms.spreadsheets.importing import ImportJob
from vms.spreadsheets.service import Spreadsheets
from vms.spreadsheets.writing import FileFormat

KEY_VARIABLE = "VMS_API_KEY"
SOME_REFUSED = 3
"""Exit status: rows were refused, the others are applied."""

LIFE_MARK_S = 2.0
ALIVE_WITHIN_S = 10
"""A server marks every two seconds that it lives; an older mark is of one that is gone."""

SHOWN_S = 0.5
ANSWER_LIMIT_S = 300
_BY_COMMAND = Actor("command line")


@dataclass(frozen=True, slots=True)
class Door:
    """A server that runs, at `url`, and by whose authority its certificate counts."""

    url: str
    authority: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import came to."""

    line: str
    refused: int
    failure: str


def import_sheet(
    settings: Settings,
    kind: Kind,
    file: Path,
    *,
    is_trial: bool,
    language: Language,
    door: Door | None,
) -> None:
    """Import `file`, print what came of it, put refused rows beside it; exits with a status."""
    errors = file.with_name(f"{file.stem}.errors.{_format_of(file)}")
    if door is None:
        outcome = run(_import_here(settings, kind, file, errors, language, is_trial=is_trial))
    else:
        outcome = _Remote(door, language).import_sheet(kind, file, errors, is_trial=is_trial)
    typer.echo(outcome.line)
    if outcome.failure:
        fail(outcome.failure)
    if outcome.refused:
        typer.echo(f"The refused rows, with what is wrong with each: {errors}")
        raise typer.Exit(SOME_REFUSED)


def export_sheet(
    settings: Settings, kind: Kind, file: Path, *, language: Language, door: Door | None
) -> None:
    """Write what is on file; xlsx or csv by the name of `file`."""
    file_format = _format_of(file)
    if door is None:
        count = run(_export_here(settings, kind, file, file_format, language))
        typer.echo(f"{count} rows: {file}")
    else:
        _Remote(door, language).export(kind, file, file_format)
        typer.echo(str(file))


def _format_of(file: Path) -> FileFormat:
    return FileFormat.CSV if file.suffix.lower() in (".csv", ".txt", ".tsv") else FileFormat.XLSX


def _summary(job: Mapping[str, object]) -> str:
    counted = ("added", "changed", "unchanged", "refused")
    parts = ", ".join(f"{job[name]} {name}" for name in counted)
    unknown = cast("list[str]", job["unknown_columns"])
    beside = f"\nColumns that mean nothing here: {', '.join(unknown)}" if unknown else ""
    trial = "Nothing was changed. " if job["dry_run"] else ""
    return f"{trial}{job['read']} rows: {parts}{beside}"


# Here, on the database itself


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[tuple[Spreadsheets, Accounts]]:
    """What is on file, as long as no server runs on the same database.

    Raises `ConflictError` where one does: it would not see what is written behind its back.
    """
    clock, events, identifiers = SystemClock(), EventBus(), Identifiers()
    async with Database.open(settings.database.url) as database:
        store = SqlDeviceStore(database)
        await _refuse_beside_a_server(store, clock)
        policy = InventoryPolicy(time_zone=settings.site.time_zone)
        inventory = Inventory(store, clock, events, policy)
        await inventory.start()
        marking = asyncio.create_task(_mark_life(store, clock))
        folder = Path(tempfile.mkdtemp(prefix="vms-"))
        try:
            spreadsheets = Spreadsheets(
                inventory,
                events,
                clock,
                lambda: identifiers.next(clock.wall()),
                folder / "spreadsheets",
            )
            await spreadsheets.start()
            yield spreadsheets, Accounts(SqlAccountStore(database), clock)
            await spreadsheets.close()
        finally:
            marking.cancel()
            await inventory.stop()
            shutil.rmtree(folder, ignore_errors=True)


async def _refuse_beside_a_server(store: SqlDeviceStore, clock: SystemClock) -> None:
    first = await store.last_life_s()
    if first is None or clock.wall().timestamp() - first > ALIVE_WITHIN_S:
        return
    # It may have stopped just now; one that lives marks it again.
    for _ in range(3):
        await asyncio.sleep(LIFE_MARK_S)
        if await store.last_life_s() != first:
            raise ConflictError(
                "a server runs on this database: go through it, with --server http://HOST:PORT and "
                f"an API key of the role operator in {KEY_VARIABLE} (vms key add)"
            )


async def _mark_life(store: SqlDeviceStore, clock: SystemClock) -> None:
    """So that another of these sees this one; no state is observed, so none is claimed."""
    while True:
        await asyncio.sleep(LIFE_MARK_S)
        await store.life_mark(int(clock.wall().timestamp()))


async def _import_here(
    settings: Settings, kind: Kind, file: Path, errors: Path, language: Language, *, is_trial: bool
) -> Outcome:
    async with _opened(settings) as (spreadsheets, accounts):

        async def note(job: ImportJob) -> None:
            detail = {
                "file": job.file_name,
                "dry_run": str(is_trial).lower(),
                **{name: str(value) for name, value in job.counts().items()},
            }
            outcome = "failed" if job.failure else "done"
            await accounts.record(_BY_COMMAND, f"import {kind}", outcome=outcome, detail=detail)

        async with spreadsheets.file() as copy:
            await asyncio.to_thread(shutil.copyfile, file, copy)
            job = spreadsheets.begin(kind, copy, file.name, is_trial=is_trial, at_its_end=note)
        over = asyncio.create_task(spreadsheets.until_over())
        while not over.done():
            await asyncio.wait([over], timeout=SHOWN_S)
            _show(job.read, job.total, job.refused)
        if job.refused and job.state is not JobState.FAILED:
            async with spreadsheets.file() as path:
                await spreadsheets.write_refusals(job.job_id, path, _format_of(errors), language)
                await asyncio.to_thread(shutil.copyfile, path, errors)
        told = {
            **job.counts(),
            "unknown_columns": list(job.unknown_columns),
            "dry_run": job.is_trial,
        }
        return Outcome(_summary(told), job.refused, job.sentence(language))


async def _export_here(
    settings: Settings, kind: Kind, file: Path, file_format: FileFormat, language: Language
) -> int:
    async with _opened(settings) as (spreadsheets, accounts):
        await accounts.record(_BY_COMMAND, f"export {kind}", detail={"format": file_format.value})
        return await spreadsheets.export(kind, None, file, file_format, language)


def _show(read: int, total: int | None, refused: int) -> None:
    if sys.stderr.isatty():
        of = "" if total is None else f" of {total}"
        typer.echo(f"\r{read}{of} rows, {refused} refused ", err=True, nl=False)


# Through a server that runs


class _Remote:
    """The API of a server, as far as it is needed here."""

    def __init__(self, door: Door, language: Language) -> None:
        key = os.environ.get(KEY_VARIABLE, "")
        if not key:
            fail(f"{KEY_VARIABLE} is empty: it holds the API key (vms key add)")
        parts = urlsplit(door.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            fail(f"--server {door.url}: write it as http://HOST:PORT")
        self._parts = parts
        self._authority = door.authority
        self._headers = {"Authorization": f"Bearer {key}", "Accept-Language": language}

    def import_sheet(self, kind: Kind, file: Path, errors: Path, *, is_trial: bool) -> Outcome:
        asked = urlencode({"dry_run": str(is_trial).lower(), "file_name": file.name[-120:]})
        job = self._ask("POST", f"/imports/{kind}?{asked}", file)
        path = f"/imports/{quote(str(job['job_id']))}"
        while job["state"] == "running":
            time.sleep(SHOWN_S)
            job = self._ask("GET", path)
            _show(int(job["read"]), job["total"], int(job["refused"]))
        if job["refused"] and job["state"] != "failed":
            self._fetch(f"{path}/errors.{_format_of(errors)}", errors)
        return Outcome(_summary(job), int(job["refused"]), str(job["sentence"]))

    def export(self, kind: Kind, file: Path, file_format: FileFormat) -> None:
        self._fetch(f"/exports/{kind}.{file_format}", file)

    def _ask(self, method: str, path: str, body: Path | None = None) -> dict[str, Any]:
        with closing(self._connection()) as connection:
            answer = self._answer(connection, method, path, body)
            return cast("dict[str, Any]", json.loads(answer.read()))

    def _fetch(self, path: str, into: Path) -> None:
        with closing(self._connection()) as connection:
            answer = self._answer(connection, "GET", path)
            with into.open("wb") as to:
                shutil.copyfileobj(answer, to)

    def _answer(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Path | None = None,
    ) -> http.client.HTTPResponse:
        where = f"/api/v1{path}"
        try:
            if body is None:
                connection.request(method, where, headers=self._headers)
            else:
                size = {"Content-Length": str(body.stat().st_size)}
                with body.open("rb") as stream:
                    connection.request(method, where, stream, self._headers | size)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            fail(f"{self._parts.netloc} cannot be reached: {error}")
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            fail(_why(answer))
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=ANSWER_LIMIT_S)
        authority = None if self._authority is None else str(self._authority)
        trusting = ssl.create_default_context(cafile=authority)
        return http.client.HTTPSConnection(host, port, timeout=ANSWER_LIMIT_S, context=trusting)


def _why(answer: http.client.HTTPResponse) -> str:
    try:
        problem = cast("dict[str, object]", json.loads(answer.read()))
        return f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status}"
