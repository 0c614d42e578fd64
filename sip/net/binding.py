"""Which addresses: a port free on both transports, and how others see this host."""

import errno
import socket
from collections.abc import Callable
from typing import Final

from sip.message import Address

ANY_HOST: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to

_PORT_ATTEMPTS: Final = 64
_MAX_KNOWN_HOSTS: Final = 4_096
_DISCARD_PORT: Final = 9


def bind_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket bound to one port number; port 0 picks one. OSError when taken."""
    attempts = _PORT_ATTEMPTS if port == 0 else 1
    while True:
        attempts -= 1
        try:
            return _bind_both(host, port)
        except OSError as error:
            if attempts == 0 or error.errno != errno.EADDRINUSE:
                raise


def _bind_both(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    tcp = socket.socket(family, socket.SOCK_STREAM)
    try:
        udp.setblocking(False)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        udp.bind((host, port))
        tcp.bind((host, udp.getsockname()[1]))
    except OSError:
        udp.close()
        tcp.close()
        raise
    return udp, tcp


class LocalAddress:
    """Our address as a given remote host should see it; asked of the kernel once per host."""

    __slots__ = ("_advertised", "_bound", "_known")

    def __init__(self, bound: Address, advertised: Callable[[str], str | None] | None) -> None:
        self._bound = bound
        self._advertised = advertised
        self._known: dict[str, Address] = {}

    def towards(self, remote_host: str) -> Address:
        """What Via, Contact and SDP should say to that host."""
        address = self._known.get(remote_host)
        if address is None:
            host = self._advertised(remote_host) if self._advertised is not None else None
            if host is None:
                host = source_host(self._bound.host, remote_host)
            address = Address(host, self._bound.port)
            if len(self._known) >= _MAX_KNOWN_HOSTS:
                self._known.clear()
            self._known[remote_host] = address
        return address


def source_host(bound: str, remote_host: str) -> str:
    """The host that a socket bound to `bound` sends from towards `remote_host`.

    The kernel is asked where `bound` stands for every address; no packet leaves for it. `bound`
    itself where there is no way to `remote_host`.
    """
    if bound not in ANY_HOST:
        return bound
    family = socket.AF_INET6 if ":" in remote_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote_host, _DISCARD_PORT))
        except OSError:
            return bound
        host: str = probe.getsockname()[0]
        return host
