"""How far the clocks of devices are ahead of ours (GB/T 28181-2022, 9.10)."""

from datetime import datetime, timedelta

from vms.gb28181.ids import DeviceId
from vms.inventory.inventory import Inventory

TRUNCATED_S = 0.5
"""Times on the wire are cut to the second: half of one is lost on average."""

SURE_S = 5.0
"""A notification that is so much further ahead than the clock is known to be tells news."""

SMALLEST_S = 1.0
"""Times on the wire are whole seconds: a smaller offset is none."""

LARGEST_S = 30 * 365 * 86_400.0
"""Beyond it a time is no reading of a clock."""


class ClockOffsets:
    """Measures offsets and reports them to the inventory. Positive: the device is ahead."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def known(self, device_id: DeviceId) -> float | None:
        """Seconds, none below `SMALLEST_S`; None where it was never measured."""
        device = self._inventory.find_device(device_id)
        if device is None or device.clock_offset_s is None:
            return None
        return device.clock_offset_s if abs(device.clock_offset_s) >= SMALLEST_S else 0.0

    def measured(
        self,
        device_id: DeviceId,
        device_time: datetime | None,
        asked_at: datetime,
        answered_at: datetime,
    ) -> None:
        """A device told its time (DeviceTime) between these two moments of ours."""
        if device_time is None:
            return
        middle = asked_at + (answered_at - asked_at) / 2
        self._note(device_id, (_whole(device_time) - middle).total_seconds())

    def at_least(
        self, device_id: DeviceId, device_time: datetime | None, received_at: datetime
    ) -> None:
        """A device put this time on something that happened before it was received.

        How long before, nobody knows: it proves that a clock is ahead, never that it is behind.
        """
        if device_time is None:
            return
        offset_s = (_whole(device_time) - received_at).total_seconds()
        if offset_s > (self.known(device_id) or 0.0) + SURE_S:
            self._note(device_id, offset_s)

    def _note(self, device_id: DeviceId, offset_s: float) -> None:
        if abs(offset_s) <= LARGEST_S:
            self._inventory.note_clock_offset(device_id, offset_s)


def _whole(at: datetime) -> datetime:
    return at if at.microsecond else at + timedelta(seconds=TRUNCATED_S)
