"""Tables written so that Excel leaves them as they are."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xlsxwriter import Workbook

from vms.site import Language
from vms.spreadsheets.cells import Value, for_csv
from vms.spreadsheets.columns import COLUMNS, Column, Kind
from vms.spreadsheets.texts import ABOUT

if TYPE_CHECKING:
    from xlsxwriter import Worksheet

_AS_THEY_ARE: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_TEXT_FORMAT: Final[Mapping[str, str]] = {"num_format": "@"}
_HEAD_FORMAT: Final[Mapping[str, str | bool]] = {
    "bold": True,
    "bg_color": "#DDE6F0",
    "num_format": "@",
}
_EMPTY_ROWS = 2_000
"""Of a template; where they end the format of the column still holds."""


class FileFormat(StrEnum):
    """As what a table is written."""

    XLSX = "xlsx"
    CSV = "csv"

    @property
    def content_type(self) -> str:
        """Of HTTP."""
        if self is FileFormat.XLSX:
            return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return "text/csv"


class Encoding(StrEnum):
    """Of a csv."""

    UTF_8_BOM = "utf-8-sig"
    """The one in which Excel reads Chinese."""
    UTF_8 = "utf-8"
    GB18030 = "gb18030"


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a column, and how wide it is, in characters."""

    text: str
    width: int


def headings(columns: Iterable[Column], language: Language) -> list[Heading]:
    """Of columns as they are."""
    return [Heading(column.heading(language), column.width) for column in columns]


def write_csv(
    path: Path,
    titles: Sequence[Heading],
    rows: Iterable[Sequence[Value]],
    encoding: Encoding = Encoding.UTF_8_BOM,
    cell: Callable[[Value], str] = for_csv,
) -> None:
    """No cell is a formula to anybody, and no ID a number (`vms.spreadsheets.cells.for_csv`)."""
    # What GB18030 cannot write are halves of characters, which are none.
    with path.open("w", encoding=encoding.value, errors="replace", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([title.text for title in titles])
        writer.writerows([cell(value) for value in row] for row in rows)


def write_xlsx(
    path: Path,
    name: str,
    titles: Sequence[Heading],
    rows: Iterable[Sequence[Value]],
) -> None:
    """One sheet: texts are text cells, IDs among them; the head stays, and filters."""
    with Workbook(path, _AS_THEY_ARE) as book:
        sheet = _begun(book, name, titles)
        text = book.add_format(_TEXT_FORMAT)
        count = 0
        for count, row in enumerate(rows, 1):
            for place, value in enumerate(row):
                if isinstance(value, str):
                    if value:
                        sheet.write_string(count, place, value, text)
                elif value is not None:
                    sheet.write_number(count, place, value)
        sheet.autofilter(0, 0, max(count, 1), len(titles) - 1)


def write_template(path: Path, kind: Kind, language: Language) -> None:
    """An empty sheet of a kind, and one that explains each column."""
    columns = [column for column in COLUMNS[kind] if column.is_taken]
    with Workbook(path, {**_AS_THEY_ARE, "constant_memory": False}) as book:
        titles = headings(columns, language)
        sheet = _begun(book, kind.value, titles)
        sheet.autofilter(0, 0, _EMPTY_ROWS, len(titles) - 1)
        _explain(book, kind, language)


def _explain(book: Workbook, kind: Kind, language: Language) -> None:
    def say(key: str) -> str:
        return ABOUT[key].zh if language == "zh" else ABOUT[key].en

    titles = [Heading(say("column"), 24), Heading(say("program"), 24), Heading(say("takes"), 90)]
    sheet = _begun(book, say("sheet"), titles)
    row = 1
    for column in COLUMNS[kind]:
        takes = column.hint(language) if column.is_taken else say("told")
        if column.is_key:
            takes = f"{takes}; {say('key')}"
        for place, text in enumerate((column.heading(language), column.name, takes)):
            sheet.write_string(row, place, text)
        row += 1
    for key in ("rule_ids", "rule_empty", "rule_reset", "rule_headings", "rule_again"):
        row += 1
        sheet.write_string(row, 0, say(key))


def _begun(book: Workbook, name: str, titles: Sequence[Heading]) -> "Worksheet":
    """A sheet whose columns are text from top to bottom, also where nothing stands yet."""
    sheet = book.add_worksheet(name)
    text, head = book.add_format(_TEXT_FORMAT), book.add_format(_HEAD_FORMAT)
    for place, title in enumerate(titles):
        sheet.set_column(place, place, title.width, text)
    for place, title in enumerate(titles):
        sheet.write_string(0, place, title.text, head)
    sheet.freeze_panes(1, 0)
    return sheet
