"""Datagrams to a viewer, as many in one call as the kernel takes."""

import errno
import socket
import struct
from collections.abc import Sequence

UDP_SEGMENT = 103
"""Linux's socket option of that name; Python does not name it."""

RUN_DATAGRAMS = 48
RUN_BYTES = 60_000
"""What one call may carry: the kernel takes 64 datagrams and 64 KiB."""

_FULL = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS}
_CANNOT_SEGMENT = {errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP}

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class DatagramSender:
    """Sends by a socket that does not block and is somebody else's to close.

    `unsent` counts datagrams that the network refused: no route, a firewall, an interface that is
    down. `has_segmentation` becomes False when this kernel or an interface cannot cut runs up.
    """

    def __init__(self, by: socket.socket, *, has_segmentation: bool = True) -> None:
        self.unsent = 0
        self.has_segmentation = has_segmentation
        self._socket = by

    def send(self, datagrams: Sequence[bytes], address: SocketAddress) -> int:
        """Send in order; how many went before the socket was full. Other failures are lost packets.

        Datagrams of one size, and a shorter one behind them, go in one call where the kernel cuts
        them up itself (UDP_SEGMENT, Linux 4.18): a picture then costs one or two calls.
        """
        at, total = 0, len(datagrams)
        while at < total:
            end = _run_end(datagrams, at) if self.has_segmentation else at + 1
            try:
                if end == at + 1:
                    self._socket.sendto(datagrams[at], address)
                else:
                    size = struct.pack("=H", len(datagrams[at]))
                    segment = (socket.SOL_UDP, UDP_SEGMENT, size)
                    self._socket.sendmsg(datagrams[at:end], [segment], 0, address)
            except OSError as error:
                if error.errno in _FULL:
                    return at
                if end > at + 1 and error.errno in _CANNOT_SEGMENT:
                    # From now on each goes on its own.
                    self.has_segmentation = False
                    continue
                self.unsent += end - at
            at = end
        return total


def _run_end(datagrams: Sequence[bytes], start: int) -> int:
    """Behind the last datagram that can go in one call with the one at `start`."""
    size = len(datagrams[start])
    limit = min(len(datagrams), start + RUN_DATAGRAMS, start + max(1, RUN_BYTES // size))
    end = start + 1
    while end < limit and len(datagrams[end]) == size:
        end += 1
    if end < limit and len(datagrams[end]) < size:
        end += 1
    return end
