"""Which road leads to which device, and which roads are known ones."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal

from sip.message import Address, Flow
from vms.gb28181.ids import DeviceId
from vms.inventory.model import Device

FlowTo = Callable[[Literal["UDP", "TCP"], str, int], Flow]
"""`Endpoint.flow`."""


class Flows:
    """The flow of each device's last authenticated REGISTER, and the reverse.

    The binding on file says the address; a TCP connection only this process knows, so a device
    registered over TCP is reached again when it comes back.
    """

    def __init__(self) -> None:
        self._of_device: dict[DeviceId, Flow] = {}
        # Nearly always one: a set for each would be the largest thing a device has here.
        self._devices: dict[Address | int, DeviceId | set[DeviceId]] = {}
        self._of_host: Counter[str] = Counter()

    def restore(self, devices: Iterable[Device], flow_to: FlowTo) -> None:
        """After a restart: devices bound over UDP are where they were."""
        for device in devices:
            binding = device.binding
            if binding is not None and binding.transport == "UDP":
                self.bind(device.device_id, flow_to("UDP", binding.host, binding.port))

    def bind(self, device_id: DeviceId, flow: Flow) -> None:
        """The device is reached along `flow` from now on."""
        if self._of_device.get(device_id) == flow:
            return  # nearly always
        self.release(device_id)
        self._of_device[device_id] = flow
        road = _road(flow)
        others = self._devices.get(road)
        if others is None:
            self._devices[road] = device_id
        elif isinstance(others, set):
            others.add(device_id)
        else:
            self._devices[road] = {others, device_id}
        self._of_host[flow.remote.host] += 1

    def release(self, device_id: DeviceId) -> None:
        """No road leads there any more."""
        flow = self._of_device.pop(device_id, None)
        if flow is None:
            return
        road = _road(flow)
        others = self._devices[road]
        if isinstance(others, set) and len(others) > 1:
            others.discard(device_id)
        else:
            del self._devices[road]
        host = flow.remote.host
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]

    def of(self, device_id: DeviceId) -> Flow | None:
        """The road to a device."""
        return self._of_device.get(device_id)

    def is_known(self, flow: Flow) -> bool:
        """Whether a registered device is at the other end."""
        return _road(flow) in self._devices

    def registered_at(self, host: str) -> int:
        """How many devices are reached at that host, by whatever port."""
        return self._of_host[host]

    def devices_on(self, flow: Flow) -> list[DeviceId]:
        """Those at the other end: several behind one connection or one NAT port are possible."""
        found = self._devices.get(_road(flow), ())
        return [found] if isinstance(found, DeviceId) else list(found)


def _road(flow: Flow) -> Address | int:
    return flow.connection if flow.transport == "TCP" else flow.remote
