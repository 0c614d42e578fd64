"""ICE-lite on one port for all viewers (RFC 8445, 2.5): we answer checks and never send any.

UDP here, connections in `webrtc_tcp`. A viewer is found by our half of the USERNAME; what is not
STUN belongs to the viewer whose checks came by the same path.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from media.errors import ProtocolError
from media.outputs.webrtc_stun import binding_response, is_stun, parse_binding_request
from media.outputs.webrtc_tcp import TcpPath
from media.rtp.sending import DatagramSender, SocketAddress

DATAGRAM_LIMIT_BYTES = 2_048
SOCKET_BUFFER_BYTES = 4 * 2**20
DATAGRAMS_PER_WAKE = 256
ADDRESSES_PER_LINK = 8
"""Checked pairs remembered a viewer: interfaces times address families, and some to spare."""

CHECKS_REMEMBERED = 32
"""Of one viewer, so that a check somebody copied does not draw its pictures elsewhere."""

Path = SocketAddress | TcpPath
"""By what a viewer is reached: datagrams to an address, or a connection it made."""


class IceLink:
    """One viewer's paths. `heard_s` is the last good check: our consent to send (RFC 7675)."""

    def __init__(self, port: "IcePort", on_datagram: Callable[[bytes], None], now_s: float) -> None:
        self.heard_s = now_s
        self.is_nominated = False
        self.address: Path | None = None
        self.addresses: dict[Path, None] = {}
        self.on_datagram = on_datagram
        self.passwords: dict[str, str] = {}
        """By user name fragment; two while a restart is under way."""
        self._checks: dict[bytes, Path] = {}
        self._port = port

    @property
    def remote(self) -> str:
        """Where pictures go, as `host:port`; empty before the first check."""
        if self.address is None:
            return ""
        host, port = place_of(self.address)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send(self, datagrams: Sequence[bytes]) -> int:
        """Send to the viewer; how many went before the socket was full."""
        path = self.address
        if path is None:
            return len(datagrams)
        if isinstance(path, TcpPath):
            return path.send(datagrams)
        return self._port.sender.send(datagrams, path)

    def restart(self, ufrag: str, password: str) -> None:
        """New credentials; those before are good until the first check with these (RFC 8445, 9)."""
        for former in tuple(self.passwords)[1:]:
            self._port.forget_ufrag(self, former)
        self._port.know_ufrag(self, ufrag, password)

    def hear(self, transaction_id: bytes, ufrag: str, path: Path, now_s: float) -> None:
        """A good check. `ProtocolError` when it came before by another path: a copy."""
        if self._checks.setdefault(transaction_id, path) != path:
            raise ProtocolError("check that was made elsewhere")
        if len(self._checks) > CHECKS_REMEMBERED:
            del self._checks[next(iter(self._checks))]
        self.heard_s = now_s
        if len(self.passwords) > 1 and ufrag == next(reversed(self.passwords)):
            for former in tuple(self.passwords)[:-1]:
                self._port.forget_ufrag(self, former)

    def close(self) -> None:
        """Forget this viewer; its checks are unknown from now on."""
        self._port.forget(self)
        self.on_datagram = _unheard


def _unheard(_data: bytes) -> None:
    """Who listened holds the link: let go of, both are gone at once."""


def place_of(path: Path) -> tuple[str, int]:
    """Host and port of the other end."""
    return (path.host, path.port) if isinstance(path, TcpPath) else path[:2]


class IcePort:
    """The one UDP socket: open it, `add` a link per viewer, `close`."""

    def __init__(self, host: str, port: int, now: Callable[[], float]) -> None:
        self._now = now
        self._links: dict[str, IceLink] = {}
        self._by_path: dict[Path, IceLink] = {}
        self.refused = 0
        """Datagrams of no viewer, malformed checks and checks with a wrong password."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self.sender = DatagramSender(self._socket)
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
        return len({id(link) for link in self._links.values()})

    def add(self, ufrag: str, password: str, on_datagram: Callable[[bytes], None]) -> IceLink:
        """A link for a new viewer, known by its credentials until a check tells its path."""
        link = IceLink(self, on_datagram, self._now())
        self.know_ufrag(link, ufrag, password)
        return link

    def know_ufrag(self, link: IceLink, ufrag: str, password: str) -> None:
        """Checks with these credentials are this viewer's."""
        self._links[ufrag] = link
        link.passwords[ufrag] = password

    def forget_ufrag(self, link: IceLink, ufrag: str) -> None:
        """Checks with these credentials are nobody's any more."""
        del self._links[ufrag]
        del link.passwords[ufrag]

    def forget(self, link: IceLink) -> None:
        """`IceLink.close` calls this. Idempotent."""
        for ufrag in tuple(link.passwords):
            self.forget_ufrag(link, ufrag)
        for path in tuple(link.addresses):
            self.forget_path(path)
        link.address = None

    def forget_path(self, path: Path) -> None:
        """Nothing comes or goes by this path any more. Idempotent."""
        link = self._by_path.pop(path, None)
        if link is not None:
            link.addresses.pop(path, None)
            if link.address == path:
                link.address, link.is_nominated = None, False
        if isinstance(path, TcpPath):
            path.abort()

    def close(self) -> None:
        """Give back the port. Idempotent."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        self._links.clear()
        self._by_path.clear()

    def receive(self, data: bytes, path: Path) -> None:
        """A datagram, or a frame of a connection."""
        if is_stun(data):
            try:
                self._check(data, path)
            except ProtocolError:
                self.refused += 1
            return
        link = self._by_path.get(path)
        if link is None or not data:
            self.refused += 1
        else:
            link.on_datagram(data)

    def is_known(self, path: Path) -> bool:
        """True when a viewer has proved itself by this path."""
        return path in self._by_path

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(DATAGRAMS_PER_WAKE):
                if self._socket.fileno() < 0:
                    return
                data, address = self._socket.recvfrom(DATAGRAM_LIMIT_BYTES)
                self.receive(data, address)

    def _check(self, data: bytes, path: Path) -> None:
        """Answer a connectivity check; a wrong password gets no answer at all."""
        request = parse_binding_request(data)
        ufrag = request.our_ufrag
        link = self._links.get(ufrag)
        if link is None or not request.is_sealed_by(password := link.passwords[ufrag]):
            raise ProtocolError("check of nobody we know")
        link.hear(request.transaction_id, ufrag, path, self._now())
        self._remember(link, path)
        if request.use_candidate or not link.is_nominated:
            # A full agent sends USE-CANDIDATE on the pair it uses, and on the new one when it
            # moves; before the first nomination the checked path will do.
            link.address = path
            link.is_nominated = link.is_nominated or request.use_candidate
        answer = [binding_response(request.transaction_id, password, *place_of(path))]
        if isinstance(path, TcpPath):
            path.send(answer)
        else:
            self.sender.send(answer, path)

    def _remember(self, link: IceLink, path: Path) -> None:
        if self._by_path.get(path) is link:
            return
        former = self._by_path.get(path)
        if former is not None:
            former.addresses.pop(path, None)
        self._by_path[path] = link
        link.addresses[path] = None
        if len(link.addresses) > ADDRESSES_PER_LINK:
            self.forget_path(next(known for known in link.addresses if known != link.address))
