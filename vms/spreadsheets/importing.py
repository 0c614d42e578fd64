"""One import: a file read in batches, each carried out and committed before the next."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from vms.errors import UnavailableError
from vms.inventory.bulk_filing import Filed
from vms.inventory.inventory import Inventory
from vms.signalling.jobs import JobState
from vms.site import Language
from vms.spreadsheets.channels import ChannelFiler
from vms.spreadsheets.columns import Kind
from vms.spreadsheets.devices import DeviceFiler
from vms.spreadsheets.filing import Filer, Verdict
from vms.spreadsheets.groups import DivisionFiler, GroupFiler
from vms.spreadsheets.reading import Layout, Row, Sheet
from vms.spreadsheets.refusals import Refusals, Refused
from vms.spreadsheets.rows import Entry, Reader
from vms.spreadsheets.texts import sentence

TRIES, TRY_AGAIN_S = 5, 1.0

SHOWN_REFUSALS = 100
"""Refused rows that are told with the job; all of them are in its file."""


@dataclass(slots=True)
class ImportJob:
    """An import as it stands. Counts are of rows below the heading.

    `applied` is what was added, changed, or was so already; in a trial, what would be.
    `failure` is empty, or a code of `vms.spreadsheets.texts.SENTENCES` for the whole file.
    """

    job_id: str
    kind: Kind
    file_name: str
    is_trial: bool
    started_at: datetime
    state: JobState = JobState.RUNNING
    finished_at: datetime | None = None
    sheet: str = ""
    encoding: str = ""
    total: int | None = None
    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    told_columns: Sequence[str] = ()
    unknown_columns: Sequence[str] = ()
    refusals: list[Refused] = field(default_factory=list[Refused])
    failure: str = ""
    facts: dict[str, str | int] = field(default_factory=dict[str, "str | int"])

    @property
    def applied(self) -> int:
        """Rows that are as they should be."""
        return self.added + self.changed + self.unchanged

    def counts(self) -> dict[str, int]:
        """Rows, by what became of them."""
        return {
            "read": self.read,
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "refused": self.refused,
        }

    def fail(self, code: str, **facts: str | int) -> None:
        """It ends before the end of its file."""
        self.state, self.failure, self.facts = JobState.FAILED, code, facts

    def sentence(self, language: Language) -> str:
        """Why it failed; empty where it did not."""
        return sentence(self.failure, language, self.facts) if self.failure else ""

    def count(self, entries: Sequence[Entry], verdicts: Sequence[Verdict]) -> None:
        """What became of some rows."""
        for entry, verdict in zip(entries, verdicts, strict=True):
            self.read += 1
            match verdict:
                case Filed.ADDED:
                    self.added += 1
                case Filed.CHANGED:
                    self.changed += 1
                case Filed.UNCHANGED:
                    self.unchanged += 1
                case None:
                    self.refused += 1
                    if len(self.refusals) < SHOWN_REFUSALS:
                        self.refusals.append(Refused(entry.row.number, (), entry.problems))


def filer_of(kind: Kind, inventory: Inventory) -> Filer:
    """Who carries out the rows of a kind."""
    match kind:
        case Kind.DEVICES:
            return DeviceFiler(inventory)
        case Kind.CHANNELS:
            return ChannelFiler(inventory)
        case Kind.GROUPS:
            return GroupFiler(inventory)
        case Kind.DIVISIONS:
            return DivisionFiler(inventory)


async def carry_out(
    job: ImportJob,
    sheet: Sheet,
    layout: Layout,
    filer: Filer,
    refusals: Refusals,
    tell: Callable[[], None],
) -> None:
    """Every row; those that are refused keep no other from being applied. `tell` after each batch.

    Raises `UnavailableError` when the database cannot serve: batches before it stay.
    """
    job.sheet, job.encoding = sheet.name, sheet.encoding
    job.told_columns, job.unknown_columns = layout.told, layout.unknown
    job.total = layout.row_count
    reader = Reader(layout, is_csv=sheet.is_csv)
    rows = (row for row in sheet.rows() if row.number > layout.heading_row)
    while batch := await asyncio.to_thread(_next, rows, filer.rows_at_once, reader):
        verdicts = await _filed(filer, batch, is_trial=job.is_trial)
        await asyncio.to_thread(refusals.add, batch)
        job.count(batch, verdicts)
        tell()


async def _filed(filer: Filer, batch: Sequence[Entry], *, is_trial: bool) -> Sequence[Verdict]:
    """Again when the database could not serve: it may only be busy, and a row that is stored
    already is none the worse for it."""
    for _ in range(TRIES - 1):
        try:
            return await filer.file(batch, is_trial=is_trial)
        except UnavailableError:
            await asyncio.sleep(TRY_AGAIN_S)
    return await filer.file(batch, is_trial=is_trial)


def _next(rows: Iterator[Row], count: int, reader: Reader) -> list[Entry]:
    return reader.read(list(islice(rows, count)))
