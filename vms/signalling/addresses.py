"""Which of our addresses a device reaches us by."""

import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Sequence

KNOWN_LIMIT = 65_536

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressBook:
    """Our address as seen from a peer: configured by network segment, else as the kernel routes.

    Asking the kernel costs a socket that sends nothing; answers are remembered.
    """

    def __init__(self, segments: Sequence[tuple[Network, str]], fixed: str | None) -> None:
        self._segments = segments
        self._fixed = fixed
        self._routed: OrderedDict[str, str] = OrderedDict()

    def seen_from(self, peer: str) -> str:
        """The address to tell `peer` (an IP address)."""
        address = ipaddress.ip_address(peer)
        for network, told in self._segments:
            if address in network:
                return told
        if self._fixed is not None:
            return self._fixed
        known = self._routed.get(peer)
        if known is None:
            known = self._routed[peer] = _route(peer, address.version)
            if len(self._routed) > KNOWN_LIMIT:
                self._routed.popitem(last=False)
        return known


def _route(peer: str, version: int) -> str:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((peer, 9))
        return str(probe.getsockname()[0])
