"""Where requests arrive while the server is still being put together."""

from typing import TYPE_CHECKING

from sip.net.endpoint import IncomingRequest
from vms.gb28181.ids import DeviceId

if TYPE_CHECKING:
    from vms.signalling.inbound import Inbound


class Entrance:
    """The endpoint's `on_request`. Until `inbound` stands behind it, requests are ignored: devices
    repeat them, and nothing is acknowledged that nobody could keep."""

    def __init__(self) -> None:
        self.inbound: Inbound | None = None

    def handle(self, incoming: IncomingRequest) -> None:
        """One request."""
        if self.inbound is None:
            incoming.ignore()
        else:
            self.inbound.handle(incoming)

    def notified(self, device_id: DeviceId, incoming: IncomingRequest) -> None:
        """A NOTIFY of a subscription that we hold at a device."""
        if self.inbound is None:
            incoming.ignore()
        else:
            self.inbound.notified(device_id, incoming)
