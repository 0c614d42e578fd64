"""Rows that were refused: kept on disk as they came, and told so that they can be mended."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO, TypedDict, cast

from vms.site import Language
from vms.spreadsheets.cells import as_meant, for_mending, text_of
from vms.spreadsheets.columns import COLUMNS, ERROR, Kind
from vms.spreadsheets.reading import Layout
from vms.spreadsheets.rows import Entry, Problem
from vms.spreadsheets.texts import sentence
from vms.spreadsheets.unpacking import Cell
from vms.spreadsheets.writing import FileFormat, Heading, write_csv, write_xlsx

_WIDTH = 20
_BETWEEN = " | "


class _Said(TypedDict):
    code: str
    column: str | None
    value: str
    facts: dict[str, str | int]


class _Line(TypedDict):
    row: int
    cells: list[Cell]
    problems: list[_Said]


@dataclass(frozen=True, slots=True)
class Refused:
    """A row of the file, and why it was refused."""

    row: int
    cells: Sequence[Cell]
    problems: Sequence[Problem]


class Refusals:
    """A file of its own, written while the import runs. Deleted with its job: rows may hold
    passwords."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self._path = path
        self._kind = kind
        self._stream: TextIO | None = None
        self._layout: Layout | None = None
        self._is_csv = False

    def begin(self, layout: Layout, *, is_csv: bool) -> None:
        """The file that is read looks so."""
        self._layout, self._is_csv = layout, is_csv

    def __enter__(self) -> Self:
        self._stream = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def add(self, entries: Sequence[Entry]) -> None:
        """Those that have problems; blocks for a moment."""
        for entry in entries:
            if entry.problems and self._stream is not None:
                line = _Line(
                    row=entry.row.number,
                    cells=[as_meant(cell, from_csv=self._is_csv) for cell in entry.row.cells],
                    problems=[_said(problem) for problem in entry.problems],
                )
                self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")

    def discard(self) -> None:
        """Nobody asks for them any more."""
        self._path.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Refused]:
        columns = {column.name: column for column in COLUMNS[self._kind]}
        with self._path.open(encoding="utf-8") as lines:
            for text in lines:
                line = cast("_Line", json.loads(text))
                problems = [
                    Problem(
                        each["code"],
                        None if each["column"] is None else columns[each["column"]],
                        each["value"],
                        each["facts"],
                    )
                    for each in line["problems"]
                ]
                yield Refused(line["row"], line["cells"], problems)

    def write(self, path: Path, file_format: FileFormat, language: Language) -> None:
        """The refused rows under the headings that they came with, and what is wrong with each."""
        layout = self._layout
        names = [] if layout is None else list(layout.headings)
        at = len(names) if layout is None or layout.error_at is None else layout.error_at
        titles = [Heading(name, _WIDTH) for name in names]
        titles[at : at + 1] = [Heading(ERROR.heading(language), ERROR.width)]
        rows = (_mendable(refused, at, language) for refused in self)
        if file_format is FileFormat.CSV:
            write_csv(path, titles, rows, cell=for_mending)
        else:
            write_xlsx(path, self._kind.value, titles, rows)


def _mendable(refused: Refused, at: int, language: Language) -> list[str | int | float | None]:
    row: list[str | int | float | None] = [
        text_of(cell) if isinstance(cell, bool) else cell for cell in refused.cells
    ]
    row += [None] * (at - len(row))
    what = _BETWEEN.join(problem.sentence(language) for problem in refused.problems)
    row[at : at + 1] = [sentence("row", language, {"row": refused.row, "what": what})]
    return row


def _said(problem: Problem) -> _Said:
    return _Said(
        code=problem.code,
        column=None if problem.column is None else problem.column.name,
        value=problem.value,
        facts=dict(problem.facts),
    )
