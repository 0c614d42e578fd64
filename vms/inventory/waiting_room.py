"""Devices that ask to be let in: one row per ID and source host, at most `CAPACITY`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from vms.gb28181.ids import DeviceId
from vms.inventory.model import Waiting, WaitingVerdict

CAPACITY = 1000
"""When full, the row that was quiet longest gives way; refused ones last of all."""


class WaitingRoom:
    """The rows, the latest seen last. Only `Inventory` changes it."""

    def __init__(self, rows: Iterable[Waiting] = ()) -> None:
        self._rows: dict[tuple[str, str], Waiting] = {}
        for row in sorted(rows, key=lambda row: row.last_seen_at):
            self.put(row)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> list[Waiting]:
        """All of them, the latest first."""
        return list(reversed(self._rows.values()))

    def of(self, device_id: str) -> list[Waiting]:
        """The rows of one ID, from different sources."""
        return [row for row in self._rows.values() if row.device_id == device_id]

    def row_for(self, asked: Waiting) -> tuple[Waiting, bool]:
        """The row as it stands after `asked` came, and whether that is news.

        More of the same only counts; a new source, or another verdict, is news.
        """
        known = self._rows.get((asked.device_id, asked.source_host))
        if known is None:
            return asked, True
        merged = replace(
            asked,
            first_seen_at=known.first_seen_at,
            attempts=known.attempts + 1,
            refused=known.refused,
        )
        return merged, known.verdict is not asked.verdict

    def surplus(self, row: Waiting) -> Sequence[Waiting]:
        """Who gives way so that `row` finds room."""
        if (row.device_id, row.source_host) in self._rows or len(self._rows) < CAPACITY:
            return ()
        oldest = next((held for held in self._rows.values() if not held.refused), None)
        return (oldest or next(iter(self._rows.values())),)

    def put(self, row: Waiting, evicted: Sequence[Waiting] = ()) -> None:
        """A row as it is from now on."""
        for gone in evicted:
            self._rows.pop((gone.device_id, gone.source_host), None)
        key = (row.device_id, row.source_host)
        self._rows.pop(key, None)
        self._rows[key] = row

    def take_out(self, row: Waiting) -> None:
        """One row."""
        self._rows.pop((row.device_id, row.source_host), None)

    def drop(self, device_id: str) -> None:
        """All rows of one ID."""
        for row in self.of(device_id):
            del self._rows[row.device_id, row.source_host]


def asking(
    device_id: DeviceId,
    host: str,
    port: int,
    *,
    transport: str,
    user_agent: str,
    verdict: WaitingVerdict,
    at: datetime,
) -> Waiting:
    """A first attempt."""
    return Waiting(
        device_id=device_id,
        source_host=host,
        source_port=port,
        transport=transport,
        user_agent=user_agent,
        verdict=verdict,
        first_seen_at=at,
        last_seen_at=at,
        attempts=1,
    )
