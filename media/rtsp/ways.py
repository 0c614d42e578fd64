"""How packets reach one viewer: between the requests of its connection, or as datagrams."""

import asyncio
import contextlib
import errno
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from media.rtp.sending import DatagramSender
from media.rtsp.tracks import Packets

BURST_PACKETS = 64
PACE_S = 0.005
"""So many datagrams at a stretch, and the next after so long: what sockets of viewers hold."""

SOCKET_BUFFER_BYTES = 4 * 2**20
PAIR_TRIES = 64
DATAGRAM_LIMIT_BYTES = 2_048
DRAIN_DATAGRAMS = 64

Address = tuple[str, int]


class Way(Protocol):
    """One track's way to one viewer."""

    def send(self, packets: Packets, shared: dict[int, bytes]) -> None:
        """Packets of one unit. `shared` is what viewers of the same unit have in common."""
        ...

    def send_control(self, data: bytes) -> None:
        """RTCP."""
        ...


class InterleavedWay:
    """Frames of RFC 2326, 10.12: all of a unit in one write."""

    def __init__(self, rtp: int, rtcp: int, write: Callable[[bytes], None]) -> None:
        self._rtp = rtp
        self._rtcp = rtcp
        self._write = write

    def send(self, packets: Packets, shared: dict[int, bytes]) -> None:
        """See `Way`."""
        data = shared.get(self._rtp)
        if data is None:
            head = bytes((0x24, self._rtp))
            data = shared[self._rtp] = b"".join(
                part
                for packet in packets.packets
                for part in (head, len(packet).to_bytes(2), packet)
            )
        self._write(data)

    def send_control(self, data: bytes) -> None:
        """See `Way`."""
        self._write(bytes((0x24, self._rtcp)) + len(data).to_bytes(2) + data)


class UdpQueue:
    """Datagrams of one viewer, sent at a pace; the viewer's gate bounds what waits."""

    def __init__(self, pair: "UdpPair") -> None:
        self.waiting_bytes = 0
        self._pair = pair
        self._queue: deque[tuple[Sequence[bytes], Address]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, packets: Sequence[bytes], address: Address) -> None:
        """Send now, or behind what waits."""
        self._queue.append((packets, address))
        self.waiting_bytes += sum(map(len, packets))
        if self._timer is None:
            self._pump()

    def close(self) -> None:
        """What waits is not sent. Idempotent."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pump(self) -> None:
        self._timer = None
        room = BURST_PACKETS
        while self._queue and room:
            packets, address = self._queue.popleft()
            part = packets[:room]
            sent = self._pair.send(part, address)
            self.waiting_bytes -= sum(map(len, packets[:sent]))
            if sent < len(packets):
                self._queue.appendleft((packets[sent:], address))
            if sent < len(part):
                break
            room -= sent
        if self._queue:
            self._timer = asyncio.get_running_loop().call_later(PACE_S, self._pump)


class UdpWay:
    """Datagrams to two ports of the viewer's host."""

    def __init__(self, pair: "UdpPair", queue: UdpQueue, rtp: Address, rtcp: Address) -> None:
        self.rtcp = rtcp
        self._pair = pair
        self._queue = queue
        self._rtp = rtp

    def send(self, packets: Packets, shared: dict[int, bytes]) -> None:
        """See `Way`."""
        del shared
        self._queue.put(packets.packets, self._rtp)

    def send_control(self, data: bytes) -> None:
        """See `Way`."""
        self._pair.send_control(data, self.rtcp)


class UdpPair:
    """The two sockets that all viewers' datagrams leave by, and their RTCP comes to."""

    def __init__(self, host: str, on_control: Callable[[bytes, Address], None]) -> None:
        self._rtp, self._rtcp = _bound_pair(host)
        self._sender = DatagramSender(self._rtp)
        self._on_control = on_control
        loop = asyncio.get_running_loop()
        loop.add_reader(self._rtp, _drain, self._rtp, _ignore)
        loop.add_reader(self._rtcp, _drain, self._rtcp, on_control)

    @property
    def ports(self) -> tuple[int, int]:
        """An even one and the next."""
        return self._rtp.getsockname()[1], self._rtcp.getsockname()[1]

    def send(self, packets: Sequence[bytes], address: Address) -> int:
        """RTP; how many went before the socket was full."""
        return self._sender.send(packets, address)

    def send_control(self, data: bytes, address: Address) -> None:
        """RTCP, which may get lost."""
        with contextlib.suppress(OSError):
            self._rtcp.sendto(data, address)

    def close(self) -> None:
        """Give the ports back."""
        loop = asyncio.get_running_loop()
        for each in (self._rtp, self._rtcp):
            loop.remove_reader(each)
            each.close()


def _drain(source: socket.socket, take: Callable[[bytes, Address], None]) -> None:
    for _ in range(DRAIN_DATAGRAMS):
        try:
            data, address = source.recvfrom(DATAGRAM_LIMIT_BYTES)
        except OSError:
            return
        take(data, (address[0], address[1]))


def _ignore(data: bytes, address: Address) -> None:
    """Viewers send something to open their firewalls; it says nothing."""
    del data, address


def _bound_pair(host: str) -> tuple[socket.socket, socket.socket]:
    for _ in range(PAIR_TRIES):
        first = _bound(host, 0)
        port = first.getsockname()[1]
        if port % 2 == 0:
            try:
                return first, _bound(host, port + 1)
            except OSError:
                pass
        first.close()
    raise OSError(errno.EADDRINUSE, "no pair of ports is free")


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made
