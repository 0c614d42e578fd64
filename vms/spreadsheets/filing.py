"""What the import of each kind has in common: a batch of rows becomes writes of the inventory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from vms.errors import InvalidError, VmsError
from vms.inventory.bulk_filing import Filed
from vms.spreadsheets.columns import COLUMNS, Column, Kind
from vms.spreadsheets.rows import Entry, Given

Verdict = Filed | None
"""What became of a row; None: it is refused, and its problems say why."""

Check = Callable[[Mapping[Column, Given]], object]
"""Raises `InvalidError` for values that make no sense."""


class Filer(Protocol):
    """Carries out the rows of one kind."""

    @property
    def rows_at_once(self) -> int:
        """In one batch; each is committed before the next is read."""
        ...

    async def file(self, entries: Sequence[Entry], *, is_trial: bool) -> Sequence[Verdict]:
        """One verdict for each; with `is_trial` nothing changes.

        Raises `UnavailableError` when the database cannot serve.
        """
        ...


def column_of(kind: Kind, name: str) -> Column:
    """One that there is."""
    return next(column for column in COLUMNS[kind] if column.name == name)


def blame(entry: Entry, news: Mapping[Column, Given], error: VmsError, check: Check) -> None:
    """Tell which columns are to blame: those that make no sense by themselves."""
    found = False
    for column, given in news.items():
        try:
            check({column: given})
        except InvalidError:
            entry.refuse("wrong_value", column)
            found = True
    if not found:
        entry.refuse("refused", why=error.message)
