"""A listening socket that speaks TLS: handshakes that are never finished are bounded."""

import asyncio
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import Callable

HANDSHAKE_LIMIT_S = 10.0

HANDSHAKES_AT_ONCE = 512
HANDSHAKES_PER_SOURCE = 64
"""A wall of fifty tiles opens all its connections at one moment, each for a few milliseconds."""

PAUSE_S = 0.5
"""When no connection can be had, as without file descriptors."""


class TlsDoor:
    """What `asyncio.Server` is with TLS, but that handshakes count before they are over.

    Beyond so many of one source (an IPv4 address, or 64 bits of an IPv6 one) or in all, whoever
    comes is hung up on; `make` is called for each that is through. It owns `listening`.
    """

    def __init__(
        self, listening: socket.socket, tls: ssl.SSLContext, make: Callable[[], asyncio.Protocol]
    ) -> None:
        self._listening = listening
        self._tls = tls
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._of_source: Counter[str] = Counter()
        self._shaking: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept())

    @property
    def handshakes(self) -> int:
        """Those that are not over."""
        return len(self._shaking)

    def close(self) -> None:
        """Nobody comes any more; who is through stays. Idempotent."""
        self._accepting.cancel()
        for shaking in self._shaking:
            shaking.cancel()

    async def _accept(self) -> None:
        with self._listening:
            while True:
                try:
                    accepted, address = await self._loop.sock_accept(self._listening)
                except OSError:
                    await asyncio.sleep(PAUSE_S)
                    continue
                source = source_of(address[0])
                is_full = len(self._shaking) >= HANDSHAKES_AT_ONCE
                if is_full or self._of_source[source] >= HANDSHAKES_PER_SOURCE:
                    accepted.close()
                    continue
                self._of_source[source] += 1
                shaking = asyncio.create_task(self._shake_hands(accepted, source))
                self._shaking.add(shaking)
                shaking.add_done_callback(self._shaking.discard)

    async def _shake_hands(self, accepted: socket.socket, source: str) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._make, accepted, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_LIMIT_S
            )
        except OSError:  # it is closed then; who it was says nothing
            pass
        finally:
            self._of_source[source] -= 1
            if not self._of_source[source]:
                del self._of_source[source]


def source_of(host: str) -> str:
    """Who counts as one: whoever has one IPv6 address has 2^64 of them."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
