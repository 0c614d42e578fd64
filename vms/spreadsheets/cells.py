"""What a cell says, and what Excel did to it; and how a text goes out so that it stays a text."""

import re
from datetime import date
from typing import Final

from vms.spreadsheets.columns import Column, Form
from vms.spreadsheets.unpacking import Cell

RESET: Final = "-"
"""Stands for: back to the report, or to the default."""

Value = str | int | float | None
"""What goes into a cell."""

_DIGITS_KEPT = 15
_MOST_EXACT = 10**_DIGITS_KEPT
_LONGEST_ID = 20
_ZEROS = "0" * 5
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
_QUOTE = "'"
_HYPHEN = _QUOTE + RESET
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
_AS_FORMULA = re.compile(r'="([0-9]+)"')
_DIGITS = re.compile(r"[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,20})?")
_DAY = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?: 00:00(?::00)?)?")
_BETWEEN_WORDS = re.compile(r"[,，;；、]")


class CellError(Exception):
    """A cell that cannot be taken; `code` is one of `vms.spreadsheets.texts.SENTENCES`."""

    def __init__(self, code: str, value: str) -> None:
        super().__init__(code)
        self.code = code
        self.value = value


def text_of(cell: Cell) -> str:
    """As a person would write it; numbers without a needless `.0`."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _MOST_EXACT:
        return str(int(cell))
    text = str(cell)
    return f"{cell:.12f}" if isinstance(cell, float) and "e-" in text else text


def said(cell: Cell, *, from_csv: bool) -> str:
    """The text of a cell as its writer meant it, without blanks around it."""
    text = text_of(cell)
    if from_csv and text.startswith(_QUOTE) and text[1:2] in (*_DANGEROUS, _QUOTE):
        text = text[1:]
    return text.strip()


def as_meant(cell: Cell, *, from_csv: bool) -> Cell:
    """The same cell without the signs that a csv needs; what keeps a hyphen a text is kept."""
    if not from_csv or not isinstance(cell, str) or cell.strip() == _HYPHEN:
        return cell
    return said(cell, from_csv=True)


def read_id(cell: Cell, text: str) -> str:
    """An identifier; raises `CellError` where Excel has made a number of it."""
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= _MOST_EXACT:
        raise CellError("id_number", f"{cell:.0f}")
    text = text.lstrip(_QUOTE)
    as_formula = _AS_FORMULA.fullmatch(text)
    text = as_formula[1] if as_formula else text
    if _SCIENTIFIC.fullmatch(text):
        raise CellError("id_scientific", text)
    if not _DIGITS.fullmatch(text):
        raise CellError("wrong_value", text)
    return text


def looks_cut(identifier: str) -> bool:
    """Whether it ends as Excel leaves what had more than 15 digits."""
    return len(identifier) == _LONGEST_ID and identifier[_DIGITS_KEPT:] == _ZEROS


def read_value(column: Column, cell: Cell, text: str) -> str | float | list[str]:
    """What stands in a cell that is neither empty nor `RESET`; raises `CellError`."""
    match column.form:
        case Form.ID:
            return read_id(cell, text)
        case Form.NUMBER:
            if not _NUMBER.fullmatch(text) or isinstance(cell, bool):
                raise CellError("wrong_value", text)
            return float(text)
        case Form.DAY:
            return _day(text)
        case Form.WORDS:
            words = [word.strip() for word in _BETWEEN_WORDS.split(text)]
            return [word for word in words if word]
        case Form.TEXT:
            return text


def _day(text: str) -> str:
    found = _DAY.fullmatch(text)
    try:
        if found is not None:
            return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        pass
    raise CellError("wrong_value", text)


def for_csv(value: Value) -> str:
    """A cell that no program takes for a formula, and Excel not for a number.

    A text that begins as a formula does gets an apostrophe, which an import takes off again; digits
    that are no number end in a TAB, which every reader of blanks drops.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return text_of(value)
    if value.startswith((*_DANGEROUS, _QUOTE)):
        return _QUOTE + value
    if value.isascii() and value.isdigit() and (len(value) > 11 or value.startswith("0")):
        return value + "\t"
    return value


def for_mending(value: Value) -> str:
    """The same for cells that somebody sent: a lone hyphen asks for something, and still does."""
    if isinstance(value, str) and value.strip() in (RESET, _HYPHEN):
        return value
    return for_csv(value)
