"""An answer that we asked for: who a device is, how it does, a part of its catalogue.

It takes the short way through `sip.plain`, as `quick_keepalive` does. Accepted is what begins as
the standard writes it, bears the SN of an open query of ours at that device, can be read, and came
along the very flow of its last REGISTER, from the address on file. For such a one `Inbound` would
come to the same: a sign of life, its tolerances counted, the answer handed to whoever waits, 200.
Everything else is left to it, untouched.
"""

import re

from sip.message import Flow
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.codec import decode
from vms.gb28181.manscdp.messages import CatalogResponse, DeviceInfoResponse, DeviceStatusResponse
from vms.inventory.inventory import Inventory
from vms.signalling.flows import Flows
from vms.signalling.pending import Pending

_BEGINNING = re.compile(
    rb"(?:<\?xml [\x20-\x3b=\x40-\x7e]{1,60}\?>)?\s*+<Response>\s*+"
    rb"<CmdType>(Catalog|DeviceInfo|DeviceStatus)</CmdType>\s*+<SN>([1-9][0-9]{0,9})</SN>"
)
_ANSWERS = {
    "Catalog": CatalogResponse,
    "DeviceInfo": DeviceInfoResponse,
    "DeviceStatus": DeviceStatusResponse,
}


class QuickAnswers:
    """What `Endpoint` asks about plain MESSAGEs that are no keepalives."""

    def __init__(self, inventory: Inventory, flows: Flows, pending: Pending) -> None:
        self._inventory = inventory
        self._flows = flows
        self._pending = pending

    def take(self, user: str, body: bytes, flow: Flow) -> bool:
        """True where it was such an answer, and whoever waits for it has it."""
        found = _BEGINNING.match(body)
        if found is None:
            return False
        device_id, cmd_type, sn = DeviceId(user), found[1].decode(), int(found[2])
        # Nobody else's bodies are read here: XML can be made expensive.
        if self._flows.of(device_id) != flow or not self._pending.awaits(device_id, cmd_type, sn):
            return False
        known = self._inventory.reported_by(device_id) if cmd_type == "Catalog" else None
        try:
            decoded = decode(body, known)
        except ProtocolError:
            return False
        answer = decoded.message
        if not isinstance(answer, _ANSWERS[cmd_type]) or answer.sn != sn:
            return False
        if not self._inventory.usual_message(user, flow.remote.host, flow.remote.port):
            return False
        for tolerance in decoded.tolerances:
            self._inventory.count_tolerance(device_id, tolerance.value)
        return self._pending.offer(device_id, cmd_type, sn, answer)
