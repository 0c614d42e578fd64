"""Which of our addresses a device is told, where the settings say so by network segment."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressBook:
    """`sip.advertised_addresses`: the narrowest segment that holds the peer names our address.

    Without a matching segment the endpoint takes the address the kernel would send from.
    """

    def __init__(self, segments: Sequence[tuple[Network, str]]) -> None:
        self._segments = sorted(segments, key=lambda each: each[0].prefixlen, reverse=True)

    def seen_from(self, peer: str) -> str | None:
        """The address to tell `peer` (an IP address), None where the settings do not say."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return None
        for network, told in self._segments:
            if address in network:
                return told
        return None
