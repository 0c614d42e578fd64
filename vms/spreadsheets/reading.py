"""A spreadsheet read: unpacked by a process of its own, then taken row by row."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

from vms.errors import UnavailableError
from vms.spreadsheets.columns import COLUMNS, ERROR, Column, Kind, by_heading, folded
from vms.spreadsheets.unpacking import Cell, UnpackError

UNPACK_LIMIT_S = 180.0
"""Beside the limit of processor time: a machine may be busy."""

HEADING_WITHIN = 10
"""Rows: titles and notes may stand above the headings."""

_KEPT_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
"""Settings may hold passwords; whoever reads strange files needs none of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands in the file; `number` is the one that Excel shows."""

    number: int
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands where: columns by their place in a row.

    `unknown` are headings that mean nothing to us, `told` those of columns that are never taken.
    """

    heading_row: int
    row_count: int
    """Below the heading."""
    headings: Sequence[str]
    keys: Sequence[Column]
    taken: Sequence[tuple[int, Column]]
    told: Sequence[str]
    unknown: Sequence[str]
    error_at: int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that was unpacked into lines of JSON."""

    lines: Path
    is_csv: bool
    name: str
    """Of the worksheet; empty for a csv."""
    encoding: str
    row_count: int
    """The heading and what is above it included."""

    def rows(self) -> Iterator[Row]:
        """In order; whoever iterates reads the file."""
        with self.lines.open(encoding="utf-8") as lines:
            next(lines)
            for line in lines:
                number, cells = cast("tuple[int, list[Cell]]", json.loads(line))
                yield Row(number, cells)


async def unpacked(file: Path, into: Path) -> Sheet:
    """Any supported file as lines in `into`.

    Raises `UnpackError` for one that cannot be read, `UnavailableError` where no process starts.
    """
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "vms.spreadsheets.unpacking", str(file), str(into)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:
        raise UnavailableError(f"no process can be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(UNPACK_LIMIT_S):
            status = await process.wait()
    except TimeoutError:
        raise UnpackError("unreadable") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status != 0:
        raise UnpackError("unreadable")
    return await asyncio.to_thread(_opened, into)


def _opened(lines: Path) -> Sheet:
    """Its first line tells what was read, or the last one why it was not."""
    with lines.open("rb") as stream:
        about = cast("dict[str, str]", json.loads(stream.readline()))
        count = sum(1 for _ in stream)
    if "code" in about:
        raise UnpackError(about["code"], **cast("dict[str, str | int]", about["facts"]))
    is_csv = about["format"] == "csv"
    return Sheet(lines, is_csv, about.get("sheet", ""), about.get("encoding", ""), count)


def layout_of(kind: Kind, sheet: Sheet) -> Layout:
    """Where the headings stand, and what is under each; raises `UnpackError`."""
    known = by_heading(kind)
    keys = [column for column in COLUMNS[kind] if column.is_key]
    for place, row in enumerate(islice(sheet.rows(), HEADING_WITHIN), 1):
        headings = [str(cell or "").strip() for cell in row.cells]
        columns = [known.get(folded(heading)) for heading in headings]
        if all(key in columns for key in keys):
            return _layout(row.number, sheet.row_count - place, headings, keys, columns)
    raise UnpackError(
        "no_heading",
        rows=HEADING_WITHIN,
        columns=", ".join(f"{key.name} ({key.zh})" for key in keys),
    )


def _layout(
    number: int,
    row_count: int,
    headings: list[str],
    keys: list[Column],
    columns: list[Column | None],
) -> Layout:
    found = [column for column in columns if column is not None]
    for column in found:
        if found.count(column) > 1:
            raise UnpackError("heading_twice", column=f"{column.name} ({column.zh})")
    pairs = list(zip(headings, columns, strict=True))
    return Layout(
        heading_row=number,
        row_count=row_count,
        headings=headings,
        keys=keys,
        taken=[
            (place, column)
            for place, column in enumerate(columns)
            if column is not None and column.is_taken
        ],
        told=[
            heading
            for heading, column in pairs
            if column is not None and not column.is_taken and column is not ERROR
        ],
        unknown=[heading for heading, column in pairs if column is None and heading],
        error_at=columns.index(ERROR) if ERROR in columns else None,
    )
