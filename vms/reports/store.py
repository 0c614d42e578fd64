"""What is kept of circulars; `vms.persistence` provides it on SQLite and PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Status(StrEnum):
    """How a circular stands."""

    RUNNING = "running"
    FROZEN = "frozen"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """A circular on file. `month` is `2026-11`, empty for a period somebody chose.

    `inputs_sha256` is over what the figures were made from, `figures_sha256` over the figures; both
    are empty until it is frozen. `problem` says why it failed.
    """

    report_id: str
    title: str
    month: str
    start_s: int
    end_s: int
    level: int
    status: Status
    requested_by: str
    requested_at: datetime
    frozen_at: datetime | None = None
    inputs_sha256: str = ""
    figures_sha256: str = ""
    problem: str = ""


class CircularStore(Protocol):
    """Rows of circulars. Writes return after the commit. Raises `UnavailableError` when the
    database cannot serve."""

    async def save(self, report: Report, frozen: bytes | None = None) -> None:
        """Insert or update; what is frozen stays unless new bytes are given."""
        ...

    async def report(self, report_id: str) -> Report | None:
        """One of them."""
        ...

    async def reports(self, before_id: str | None, limit: int) -> Sequence[Report]:
        """Newest first."""
        ...

    async def frozen_month(self, month: str) -> Report | None:
        """The circular of a month that is frozen."""
        ...

    async def running(self) -> Sequence[Report]:
        """Those that were under way, at start: whoever made them is gone."""
        ...

    async def frozen(self, report_id: str) -> bytes | None:
        """What `vms.reports.model.freeze` made."""
        ...
