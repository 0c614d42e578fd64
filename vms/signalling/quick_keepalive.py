"""The keepalive that says nothing but "I am here", from where its device is: nearly all there are.

It takes the short way through `sip.plain`. Accepted is what the codec knows as an exact Keepalive
(status OK, no faults, nothing to forgive) whose DeviceID is the From user, along the very flow of
that device's last REGISTER, from the address on file. For such a one `Inbound` would come to the
same: a sign of life, no tolerance counted, 200. Everything else is left to it, untouched.
"""

from sip.message import Flow
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.codec import EXACT_KEEPALIVE
from vms.inventory.inventory import Inventory
from vms.signalling.flows import Flows


class QuickKeepalive:
    """What `Endpoint` asks first about plain MESSAGEs."""

    def __init__(self, inventory: Inventory, flows: Flows) -> None:
        self._inventory = inventory
        self._flows = flows

    def take(self, user: str, body: bytes, flow: Flow) -> bool:
        """True where it was such a keepalive, and its device is now known to be alive."""
        found = EXACT_KEEPALIVE.match(body)
        if found is None or found[2].decode() != user:
            return False
        if self._flows.of(DeviceId(user)) != flow:
            return False
        return self._inventory.usual_keepalive(user, flow.remote.host, flow.remote.port)
