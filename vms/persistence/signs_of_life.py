"""When devices were last heard: two times a device, 120 devices to a row.

52,000 devices with a keepalive a minute are 4,300 changes in the five seconds between two writes.
In the rows of the devices these lay in nearly every page of a table that says much more; here they
are 434 short rows, written in order.

A time here stands beside the one in the device's own row, which is written when more of the device
changes: the later of the two counts.
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from vms.frozen import altered
from vms.inventory.model import Device
from vms.inventory.store import LastHeard
from vms.persistence.columns import EPOCH
from vms.persistence.rows import Row

DEVICES_A_ROW = 120
"""Two such rows fill a page of SQLite, and PostgreSQL keeps one of them in its own page."""

_TIMES = struct.Struct("<qq")
"""Last keepalive, last heard: microseconds since 1970, UTC; 0 where there was none."""
_HEARD = struct.Struct("<q")

_EMPTY = bytes(_TIMES.size * DEVICES_A_ROW)
_NEVER = (0, 0)


class SignsOfLife:
    """The table, kept in memory so that its rows can be written whole."""

    __slots__ = ("_rows",)

    def __init__(self, stored: Iterable[tuple[int, bytes]]) -> None:
        self._rows = {number: bytearray(times) for number, times in stored}

    def note(self, heard: Sequence[LastHeard]) -> list[Row]:
        """The rows to be written, in the order in which their devices are given."""
        changed: dict[int, bytearray] = {}
        for key, keepalive_us, heard_us in heard:
            number, place = divmod(key, DEVICES_A_ROW)
            times = changed.get(number)
            if times is None:
                times = changed[number] = self._rows.setdefault(number, bytearray(_EMPTY))
            at = place * _TIMES.size
            if keepalive_us is None:
                _HEARD.pack_into(times, at + _HEARD.size, heard_us)
            else:
                _TIMES.pack_into(times, at, keepalive_us, heard_us)
        return [{"number": number, "times": bytes(times)} for number, times in changed.items()]

    def laid_over(self, device: Device) -> Device:
        """A device as its row has it, with the later times."""
        number, place = divmod(device.key, DEVICES_A_ROW)
        times = self._rows.get(number)
        keepalive_us, heard_us = (
            _NEVER if times is None else _TIMES.unpack_from(times, place * _TIMES.size)
        )
        if not heard_us:
            return device
        return altered(
            device,
            last_keepalive_at=_later(device.last_keepalive_at, keepalive_us),
            last_heard_at=_later(device.last_heard_at, heard_us),
        )


def _later(stored: datetime | None, noted_us: int) -> datetime | None:
    if not noted_us:
        return stored
    noted = EPOCH + timedelta(microseconds=noted_us)
    return noted if stored is None else max(stored, noted)
