"""A program: any spreadsheet becomes lines of JSON, in a process that may die of it.

    python -m vms.spreadsheets.unpacking FILE INTO

Files come from anywhere. A workbook of a few kilobytes can claim a table of seventeen thousand
million cells, so it is opened where memory and processor time are bounded and where nothing else
lives. The first line of INTO says what was read, or why it was not; every further one is
`[row number, [cells]]`, cells being text, numbers, true, false or null. Rows without any cell are
left out. Imports as little as possible: it starts for each file.
"""

import csv
import io
import json
import resource
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TextIO

MOST_FILE_BYTES = 64 * 2**20
MOST_ROWS = 200_000
MOST_COLUMNS = 200
LONGEST_CELL = 4_096
"""Characters; nothing that is imported is nearly as long."""

MOST_UNPACKED_BYTES = 512 * 2**20
MOST_PARTS = 2_000
"""Files inside a workbook, which is a zip."""

MOST_MEMORY_BYTES = 2**31
MOST_CPU_S = 120
MOST_WRITTEN_BYTES = 2**30

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",;\t"
_LINES_BEFORE = 2
"""Ahead of the rows: a heading, and perhaps a title."""

Cell = str | int | float | bool | None
Rows = Iterator[tuple[int, list[Cell]]]


class UnpackError(Exception):
    """The file cannot be taken; `code` is one of `vms.spreadsheets.texts.SENTENCES`."""

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


def unpack(file: Path, into: TextIO) -> None:
    """Write the rows of `file`; raises `UnpackError`."""
    with file.open("rb") as stream:
        start = stream.read(len(_OLE))
    if not start:
        raise UnpackError("file_empty")
    if start.startswith(_ZIP):
        _check_zip(file)
        about, rows = _workbook(file)
    elif start == _OLE:
        about, rows = _workbook(file)
    else:
        about, rows = _csv(file.read_bytes())
    _say(into, about)
    count = 0
    for number, cells in rows:
        while cells and cells[-1] in (None, ""):
            cells.pop()
        if not cells:
            continue
        count += 1
        if count > MOST_ROWS + _LINES_BEFORE:
            raise UnpackError("too_many_rows", limit=MOST_ROWS)
        if len(cells) > MOST_COLUMNS:
            raise UnpackError("too_many_columns", limit=MOST_COLUMNS)
        _say(into, [number, cells])


def _say(into: TextIO, what: object) -> None:
    into.write(json.dumps(what, ensure_ascii=False))
    into.write("\n")


def _check_zip(file: Path) -> None:
    """What a bomb claims of itself; what it does not claim, the limits of this process stop."""
    try:
        with zipfile.ZipFile(file) as parts:
            infos = parts.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise UnpackError("workbook_damaged") from error
    if len(infos) > MOST_PARTS or sum(info.file_size for info in infos) > MOST_UNPACKED_BYTES:
        raise UnpackError("unpacks_too_large", limit_mib=MOST_UNPACKED_BYTES // 2**20)


def _workbook(file: Path) -> tuple[dict[str, str], Rows]:
    from python_calamine import (  # noqa: PLC0415  a csv needs none of it
        CalamineError,
        CalamineWorkbook,
        PasswordError,
        SheetTypeEnum,
        SheetVisibleEnum,
    )

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(file.read_bytes()))
        for sheet in book.sheets_metadata:
            is_shown = sheet.visible is SheetVisibleEnum.Visible
            if not is_shown or sheet.typ is not SheetTypeEnum.WorkSheet:
                continue
            found = book.get_sheet_by_name(sheet.name)
            if found.start is not None:
                _, first_column = found.start
                if first_column + found.width > MOST_COLUMNS:
                    raise UnpackError("too_many_columns", limit=MOST_COLUMNS)
                # Empty rows ahead of the first cell are among them, empty columns are not.
                rows = enumerate(found.iter_rows(), 1)
                about = {"format": "workbook", "sheet": sheet.name}
                return about, _cells(rows, first_column)
    except PasswordError as error:
        raise UnpackError("workbook_locked") from error
    except (CalamineError, OSError, ValueError) as error:
        raise UnpackError("workbook_damaged") from error
    raise UnpackError("file_empty")


def _cells(rows: Iterable[tuple[int, Sequence[object]]], gap: int) -> Rows:
    before: list[Cell] = [None] * gap
    for number, values in rows:
        yield number, [*before, *map(_cell, values)]


def _cell(value: object) -> Cell:
    if isinstance(value, str):
        return value[:LONGEST_CELL]
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        day_only = value.time() == time()
        return value.date().isoformat() if day_only else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else None


def _csv(data: bytes) -> tuple[dict[str, str], Rows]:
    text, encoding = _decoded(data)
    delimiter = _delimiter(text)
    csv.field_size_limit(LONGEST_CELL * 16)
    return {"format": "csv", "encoding": encoding}, _lines(text, delimiter)


def _lines(text: str, delimiter: str) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    number = 1
    try:
        for cells in reader:
            yield number, [cell[:LONGEST_CELL] for cell in cells]
            number += 1
    except csv.Error as error:
        raise UnpackError("csv_damaged", row=number) from error


def _decoded(data: bytes) -> tuple[str, str]:
    """By the bytes alone: people do not know what their program wrote."""
    if data.startswith(_UTF16):
        encodings = ["utf-16"]
    elif data.startswith(_BOM):
        encodings = ["utf-8-sig"]
    else:
        encodings = ["utf-8", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, encoding
    raise UnpackError("format_unknown")


def _delimiter(text: str) -> str:
    """The one that the first lines have most of; a comma where there is but one column."""
    head = text[:8_192].splitlines()[:10]
    return max(_DELIMITERS, key=lambda mark: sum(line.count(mark) for line in head))


def main() -> None:
    """Limits first, then the file."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN_BYTES, MOST_WRITTEN_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    file, into = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        with into.open("w", encoding="utf-8") as lines:
            unpack(file, lines)
    except UnpackError as error:
        into.write_text(json.dumps({"code": error.code, "facts": error.facts}) + "\n")


if __name__ == "__main__":
    main()
