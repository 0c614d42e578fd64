"""ICE-lite on one UDP port for all viewers (RFC 8445, 2.5): we answer checks and never send any.

A viewer is found by our half of the USERNAME; what is not STUN belongs to the viewer whose checks
came from the same address.
"""

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Sequence

from media.errors import ProtocolError
from media.outputs.webrtc_stun import binding_response, is_stun, parse_binding_request

DATAGRAM_LIMIT_BYTES = 2_048
SOCKET_BUFFER_BYTES = 4 * 2**20
DATAGRAMS_PER_WAKE = 256
ADDRESSES_PER_LINK = 8
"""Checked pairs remembered a viewer: interfaces times address families, and some to spare."""

UDP_SEGMENT = 103
"""Linux's socket option of that name; Python does not name it."""

RUN_DATAGRAMS = 48
RUN_BYTES = 60_000
"""What one call may carry: the kernel takes 64 datagrams and 64 KiB."""

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class IceLink:
    """One viewer's path. `heard_s` is the last good check: our consent to send (RFC 7675)."""

    def __init__(
        self,
        port: "IcePort",
        ufrag: str,
        password: str,
        on_datagram: Callable[[bytes], None],
        now_s: float,
    ) -> None:
        self.ufrag = ufrag
        self.password = password
        self.heard_s = now_s
        self.is_nominated = False
        self.address: SocketAddress | None = None
        self.addresses: dict[SocketAddress, None] = {}
        self.on_datagram = on_datagram
        self._port = port

    @property
    def remote(self) -> str:
        """Where pictures go, as `host:port`; empty before the first check."""
        if self.address is None:
            return ""
        host, port = self.address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send(self, datagrams: Sequence[bytes]) -> int:
        """Send to the viewer; how many went before the socket was full."""
        if self.address is None:
            return len(datagrams)
        return self._port.send(datagrams, self.address)

    def close(self) -> None:
        """Forget this viewer; its checks are unknown from now on."""
        self._port.forget(self)


class IcePort:
    """The one UDP socket: open it, `add` a link per viewer, `close`."""

    def __init__(self, host: str, port: int, now: Callable[[], float]) -> None:
        self._now = now
        self._links: dict[str, IceLink] = {}
        self._by_address: dict[SocketAddress, IceLink] = {}
        self.refused = 0
        """Datagrams of no viewer, malformed checks and checks with a wrong password."""
        self.unsent = 0
        """Datagrams that the network refused: no route, a firewall, an interface that is down."""
        self._has_segmentation = True
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                self._socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
            self._socket.bind((host, port))
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._socket.fileno(), self._drain)
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]

    @property
    def link_count(self) -> int:
        """How many viewers have a path here."""
        return len(self._links)

    def add(self, ufrag: str, password: str, on_datagram: Callable[[bytes], None]) -> IceLink:
        """A path for a new viewer, known by its credentials until a check tells its address."""
        link = IceLink(self, ufrag, password, on_datagram, self._now())
        self._links[ufrag] = link
        return link

    def forget(self, link: IceLink) -> None:
        """`IceLink.close` calls this. Idempotent."""
        if self._links.get(link.ufrag) is link:
            del self._links[link.ufrag]
        for address in link.addresses:
            if self._by_address.get(address) is link:
                del self._by_address[address]
        link.addresses.clear()
        link.address = None

    def send(self, datagrams: Sequence[bytes], address: SocketAddress) -> int:
        """Send in order; how many went before the socket was full. Other failures are lost packets.

        Datagrams of one size, and a shorter one behind them, go in one call where the kernel cuts
        them up itself (UDP_SEGMENT, Linux 4.18): a picture then costs one or two calls.
        """
        at, total = 0, len(datagrams)
        try:
            while at < total:
                end = _run_end(datagrams, at) if self._has_segmentation else at + 1
                if end == at + 1:
                    self._send_one(datagrams[at], address)
                elif not self._send_run(datagrams[at:end], address):
                    continue
                at = end
        except BlockingIOError:
            return at
        return total

    def _send_one(self, datagram: bytes, address: SocketAddress) -> None:
        try:
            self._socket.sendto(datagram, address)
        except BlockingIOError:
            raise
        except OSError:
            self.unsent += 1

    def _send_run(self, run: Sequence[bytes], address: SocketAddress) -> bool:
        """False when this kernel or this interface cannot: from now on each goes on its own."""
        size = struct.pack("=H", len(run[0]))
        try:
            self._socket.sendmsg(run, [(socket.SOL_UDP, UDP_SEGMENT, size)], 0, address)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno in {errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP}:
                self._has_segmentation = False
                return False
            self.unsent += len(run)
        return True

    def close(self) -> None:
        """Give back the port. Idempotent."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        self._links.clear()
        self._by_address.clear()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(DATAGRAMS_PER_WAKE):
                if self._socket.fileno() < 0:
                    return
                data, address = self._socket.recvfrom(DATAGRAM_LIMIT_BYTES)
                self._receive(data, address)

    def _receive(self, data: bytes, address: SocketAddress) -> None:
        if is_stun(data):
            try:
                self._check(data, address)
            except ProtocolError:
                self.refused += 1
            return
        link = self._by_address.get(address)
        if link is None or not data:
            self.refused += 1
        else:
            link.on_datagram(data)

    def _check(self, data: bytes, address: SocketAddress) -> None:
        """Answer a connectivity check; a wrong password gets no answer at all."""
        request = parse_binding_request(data)
        link = self._links.get(request.our_ufrag)
        if link is None or not request.is_sealed_by(link.password):
            raise ProtocolError("check of nobody we know")
        link.heard_s = self._now()
        self._remember(link, address)
        if request.use_candidate or not link.is_nominated:
            # A full agent sends USE-CANDIDATE on the pair it uses, and on the new one when it
            # moves; before the first nomination the checked address will do.
            link.address = address
            link.is_nominated = link.is_nominated or request.use_candidate
        host, port = address[:2]
        self.send([binding_response(request.transaction_id, link.password, host, port)], address)

    def _remember(self, link: IceLink, address: SocketAddress) -> None:
        if self._by_address.get(address) is link:
            return
        former = self._by_address.get(address)
        if former is not None:
            former.addresses.pop(address, None)
        self._by_address[address] = link
        link.addresses[address] = None
        if len(link.addresses) > ADDRESSES_PER_LINK:
            oldest = next(known for known in link.addresses if known != link.address)
            del link.addresses[oldest]
            del self._by_address[oldest]


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
