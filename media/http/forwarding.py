"""Whom a reverse proxy speaks for: `X-Forwarded-For`, believed from those that are named."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


class TrustedProxies:
    """Addresses and networks of proxies; `ValueError` for what is neither."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = tuple(ip_network(network) for network in networks)

    def visitor(self, peer_host: str, forwarded: str) -> str | None:
        """The address that a trusted `peer_host` speaks for; None when it is to be taken itself.

        Each proxy appends to `forwarded` whom it heard, so that the last one who is no proxy of
        ours counts: what stands before was said by a stranger.
        """
        peer = _address(peer_host)
        if peer is None or not self._has(peer):
            return None
        for claim in reversed(forwarded.split(",")):
            address = _address(claim.strip())
            if address is None:
                return None
            if not self._has(address):
                return str(address)
        return None

    def _has(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
