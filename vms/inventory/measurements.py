"""What is noticed about devices in passing; in memory at once, stored with their signs of life."""

from collections.abc import Iterable
from itertools import islice
from math import isfinite
from statistics import median_low

from vms.inventory.base import InventoryBase
from vms.inventory.roster import Record

OFFSETS_KEPT = 5
"""A device's clock offset is the median of so many: one delayed message says nothing."""

MOST_FAULTY = 1000


class Measurements(InventoryBase):
    """Notes of a device that nobody waits for; one that is not on file is left alone."""

    def note_clock_offset(self, device_id: str, offset_s: float) -> None:
        """The device's clock was seen `offset_s` ahead of ours (behind: negative)."""
        record = self._roster.records.get(device_id)
        if record is None or not isfinite(offset_s):
            return
        record.clock_offsets = (*record.clock_offsets, offset_s)[-OFFSETS_KEPT:]
        record.clock_offset_s = median_low(record.clock_offsets)
        self._noted(record)

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
