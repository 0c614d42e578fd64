"""Faults that devices tell with their keepalives (GB/T 28181-2022, 9.6): facts, no alarms."""

from vms.clock import Clock
from vms.events import EventBus, FaultReported
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import Keepalive, Result
from vms.inventory.inventory import Inventory
from vms.signalling.buckets import Buckets

QUIET_S = 10.0
"""Between two events of one device: what flickers is told with a later keepalive."""

_WELL: tuple[bool, tuple[str, ...]] = (True, ())


class Faults:
    """Notes what keepalives tell, and tells it on when it changed.

    The list stands in `Device.faulty`; whether the device says that it works, here: in memory only,
    its next keepalive after a restart says it again.
    """

    def __init__(self, inventory: Inventory, events: EventBus, clock: Clock) -> None:
        self._inventory = inventory
        self._events = events
        self._clock = clock
        self._unwell: dict[str, tuple[bool, tuple[str, ...]]] = {}
        """Of devices that are not well, or whose recovery has not been told yet."""
        self._told: dict[DeviceId, tuple[bool, tuple[str, ...]]] = {}
        """What the last event said of them."""
        self._buckets = Buckets(1 / QUIET_S, 1)

    def works(self, device_id: str) -> bool:
        """Whether its last keepalive said so (`Status`)."""
        return self._unwell.get(device_id, _WELL)[0]

    def is_waiting_for(self, device_id: str) -> bool:
        """Whether a keepalive that tells of no fault would be news."""
        return device_id in self._unwell

    def noted(self, device_id: DeviceId, keepalive: Keepalive) -> None:
        """A keepalive came from where the device is. Others' channels are left out (S-10)."""
        works = keepalive.status is Result.OK
        if works and not keepalive.faulty and device_id not in self._unwell:
            return
        faulty = tuple(
            sorted(
                {each for each in keepalive.faulty if self._inventory.has_channel(device_id, each)}
            )
        )
        now = self._unwell[device_id] = (works, faulty)
        self._inventory.note_faulty(device_id, faulty)
        told = self._told.get(device_id, _WELL)
        if now != told and self._buckets.spend(device_id, self._clock.monotonic()):
            return  # a later keepalive tells it
        self._told[device_id] = now
        if now == _WELL:
            self.forget(device_id)
        if now == told:
            return
        self._events.publish(FaultReported(device_id, self._clock.wall(), works, faulty))

    def forget(self, device_id: DeviceId) -> None:
        """The device was taken off file."""
        self._unwell.pop(device_id, None)
        self._told.pop(device_id, None)
