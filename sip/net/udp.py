"""The UDP socket: drained many datagrams at a wake-up, its losses counted."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Final

from sip.message import Address
from sip.parser import MAX_DATAGRAM_BYTES

DATAGRAMS_PER_WAKE: Final = 64
"""After so many, others on the event loop get their turn."""

# Linux numbers, absent from the `socket` module (asm-generic/socket.h).
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("9I")
_MEMINFO_DROPS: Final = 8


def ask_for_receive_buffer(sock: socket.socket, size_bytes: int) -> int:
    """Ask for a receive buffer and return what the kernel granted, in bytes.

    A burst of registrations after a power cut has to fit. Beyond net.core.rmem_max only
    CAP_NET_ADMIN gets it.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size_bytes)
    except OSError:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)
    # Linux doubles the number for its own book-keeping and reports the double.
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


class UdpTransport:
    """Owns a bound, non-blocking socket; hands each datagram and its source on."""

    __slots__ = ("_loop", "_on_datagram", "_socket", "granted_receive_buffer_bytes", "send_errors")

    def __init__(
        self,
        sock: socket.socket,
        on_datagram: Callable[[bytes, Address], None],
        receive_buffer_bytes: int,
    ) -> None:
        self._socket = sock
        self._on_datagram = on_datagram
        self.granted_receive_buffer_bytes = ask_for_receive_buffer(sock, receive_buffer_bytes)
        self.send_errors = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._drain)

    def _drain(self) -> None:
        receive = self._socket.recvfrom
        on_datagram = self._on_datagram
        for _ in range(DATAGRAMS_PER_WAKE):
            try:
                data, source = receive(MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # An ICMP complaint about an earlier datagram; the socket itself is well.
                continue
            on_datagram(data, Address(source[0], source[1]))
            if self._socket.fileno() < 0:
                return

    def send(self, data: bytes, remote: Address) -> bool:
        """Send at once or not at all; what gets lost, timers repeat. False when lost here."""
        try:
            self._socket.sendto(data, remote)
        except OSError:
            self.send_errors += 1
            return False
        return True

    def kernel_drops(self) -> int:
        """Datagrams the kernel dropped because the receive buffer was full; 0 where unknown."""
        try:
            information = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        except OSError:
            return 0
        if len(information) < _MEMINFO.size:
            return 0
        drops: int = _MEMINFO.unpack(information)[_MEMINFO_DROPS]
        return drops

    def close(self) -> None:
        """Closing twice is fine."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
