"""What a row says: which one it is about, and what of it shall be how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vms.site import Language
from vms.spreadsheets.cells import RESET, CellError, Value, read_value, said, text_of
from vms.spreadsheets.columns import Column, Form
from vms.spreadsheets.reading import Layout, Row
from vms.spreadsheets.texts import sentence

Given = str | float | list[str] | None
"""What a cell asks for; None: back to the report or the default."""

LONGEST_SHOWN = 80
HIDDEN = "***"
CLOSE = 1e-9
"""Degrees: a tenth of a millimetre."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused: in which column, for which value."""

    code: str
    column: Column | None = None
    value: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict[str, "str | int"])

    def sentence(self, language: Language) -> str:
        """In words, with what to do."""
        facts: dict[str, str | int] = {"value": self.value[:LONGEST_SHOWN], **self.facts}
        if self.column is not None:
            facts["column"] = self.column.heading(language)
            facts["hint"] = self.column.hint(language)
        return sentence(self.code, language, facts)


@dataclass(slots=True)
class Entry:
    """A row that was understood as far as its `problems` let it be."""

    row: Row
    named: dict[Column, str] = field(default_factory=dict[Column, str])
    """What it is about: the cells of the columns that are keys."""
    key: tuple[str, ...] = ()
    """The same, all of them, in their usual order."""
    given: dict[Column, Given] = field(default_factory=dict[Column, Given])
    problems: list[Problem] = field(default_factory=list[Problem])

    def refuse(self, code: str, column: Column | None = None, **facts: str | int) -> None:
        """One more reason against it."""
        value = ""
        if column is not None:
            value = self.shown(column) if column.is_told else HIDDEN
        self.problems.append(Problem(code, column, value, facts))

    def shown(self, column: Column) -> str:
        """What stands in a column, as text."""
        if column.is_key:
            return self.named.get(column, "")
        given = self.given.get(column)
        if isinstance(given, list):
            return ",".join(given)
        return RESET if given is None else text_of(given)


class Reader:
    """Reads the rows of one file, and remembers which it has met."""

    def __init__(self, layout: Layout, *, is_csv: bool) -> None:
        self._layout = layout
        self._is_csv = is_csv
        self._met: dict[tuple[str, ...], int] = {}

    def read(self, rows: Sequence[Row]) -> list[Entry]:
        """In their order."""
        return [self._entry(row) for row in rows]

    def _entry(self, row: Row) -> Entry:
        entry = Entry(row)
        for place, column in self._layout.taken:
            cell = row.cells[place] if place < len(row.cells) else None
            text = said(cell, from_csv=self._is_csv)
            if column.is_key:
                text = text.lstrip("'")
            if not text:
                if column.is_key:
                    entry.problems.append(Problem("key_missing", column))
                continue
            if text_of(cell).strip() == RESET and not column.is_key:
                entry.given[column] = None
                continue
            try:
                value = read_value(column, cell, text)
            except CellError as error:
                value = error.value if column.is_told else HIDDEN
                entry.problems.append(Problem(error.code, column, value))
                continue
            if column.is_key:
                entry.named[column] = str(value)
            else:
                entry.given[column] = value
        keys = self._layout.keys
        if len(entry.named) == len(keys):
            entry.key = tuple(entry.named[column] for column in keys)
            first = self._met.setdefault(entry.key, row.number)
            if first != row.number:
                entry.refuse("named_twice", first=first)
        return entry


def says_the_same(column: Column, given: Given, now: Value) -> bool:
    """Whether a cell asks for what is so already, as an export would tell it."""
    if given is None:
        # A workbook cannot tell the name "-" from the wish to go back to the report.
        return now in (None, "", RESET)
    match column.form:
        case Form.WORDS:
            return given == (str(now).split(",") if now else [])
        case Form.NUMBER:
            # Workbooks keep sixteen digits, and a number may have seventeen.
            return isinstance(given, float) and now is not None and abs(given - float(now)) < CLOSE
        case _:
            return given == ("" if now is None else str(now).strip())


def news(entry: Entry, now: Mapping[str, Value] | None) -> Mapping[Column, Given]:
    """What a row asks for that is not so already; `now` None: it is not on file."""
    if now is None:
        return entry.given
    return {
        column: given
        for column, given in entry.given.items()
        if not (column.is_told and says_the_same(column, given, now.get(column.name)))
    }
