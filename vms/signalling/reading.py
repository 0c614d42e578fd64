"""How long the bodies of one device may take to be read.

A body is read in one go, and XML can be made expensive: of sixteen mebibytes that are no XML it
takes seconds, in which nobody else is heard. Whoever sends such things one after the other has used
his time up soon, and is told to come back; what others send is read meanwhile.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import thread_time
from typing import Final

from vms.gb28181.manscdp.codec import Decoded, decode

BURST_S: Final = 5.0
"""Catalogues of fifty thousand channels in the largest messages there may be."""

SHARE: Final = 0.05
"""Of the processor, for each such device after that."""

NOTICED_S: Final = 0.005
"""What is read more quickly than this is not counted: nearly everything."""

CAPACITY: Final = 10_000
"""Devices kept; the one that spent nothing for longest gives way."""


class ReadingTime:
    """By device. `now` is monotonic seconds, `spent` processor seconds."""

    def __init__(self, now: Callable[[], float], spent: Callable[[], float] = thread_time) -> None:
        self._now = now
        self._spent = spent
        # device -> (seconds left, as of when)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, device_id: str) -> float:
        """0.0 where a body of that device may be read, else the seconds until it may."""
        if not self._left:
            return 0.0  # nearly always
        left_s = self._left_s(device_id)
        return 0.0 if left_s > 0 else (SHARE - left_s) / SHARE

    def decode(self, device_id: str, body: bytes) -> Decoded:
        """Read a body at that device's expense; raises `ProtocolError`."""
        began = self._spent()
        try:
            return decode(body)
        finally:
            took_s = self._spent() - began
            if took_s >= NOTICED_S:
                self._left[device_id] = (self._left_s(device_id) - took_s, self._now())
                self._left.move_to_end(device_id)
                if len(self._left) > CAPACITY:
                    self._left.popitem(last=False)

    def _left_s(self, device_id: str) -> float:
        now = self._now()
        left_s, since = self._left.get(device_id, (BURST_S, now))
        return min(BURST_S, left_s + max(0.0, now - since) * SHARE)
