"""What is noticed about devices in passing; in memory at once, stored with their signs of life."""

from collections.abc import Iterable
from itertools import islice
from math import isfinite
from statistics import median_low

from vms.events import ClockDrifted
from vms.inventory.base import InventoryBase
from vms.inventory.roster import Record

OFFSETS_KEPT = 5
"""A device's clock offset is the median of so many: one delayed message says nothing."""

MOST_FAULTY = 1000

DRIFT_TOLD_S = 30.0
"""A clock that is further off than this is news: searches in its recordings are shifted."""


class Measurements(InventoryBase):
    """Notes of a device that nobody waits for; one that is not on file is left alone."""

    def note_clock_offset(self, device_id: str, offset_s: float) -> None:
        """The device's clock was seen `offset_s` ahead of ours (behind: negative)."""
        record = self._roster.records.get(device_id)
        if record is None or not isfinite(offset_s):
            return
        record.clock_offsets = (*record.clock_offsets, offset_s)[-OFFSETS_KEPT:]
        was_off = _is_off(record.clock_offset_s)
        record.clock_offset_s = found_s = median_low(record.clock_offsets)
        self._noted(record)
        if _is_off(found_s) is not was_off:
            at = self._ledger_clock.moment()
            self._events.publish(ClockDrifted(device_id, at, found_s, is_over=was_off))

    def note_faulty(self, device_id: str, channel_ids: Iterable[str]) -> bool:
        """The sub-devices that a keepalive calls out of order (9.6); true when they changed."""
        record = self._roster.records.get(device_id)
        faulty = tuple(sorted(set(islice(channel_ids, MOST_FAULTY))))
        if record is None or record.faulty == faulty:
            return False
        record.faulty = faulty
        self._noted(record)
        return True

    def _noted(self, record: Record) -> None:
        record.forget_seen()
        self._touched.add(record)


def _is_off(offset_s: float | None) -> bool:
    return offset_s is not None and abs(offset_s) > DRIFT_TOLD_S
