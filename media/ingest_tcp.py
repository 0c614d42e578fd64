"""Connections of devices (GB/T 28181-2022, annex D): they come to us, or we go to them."""

import asyncio
import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address

from media.ingest_udp import bind
from media.intake import Intake
from media.rtp.latch import Address
from media.rtp.ports import PortLender
from media.rtp.sockets import TcpConnection, drain_of_running_loop, listen

CONNECTION_LIMIT_S = 10.0
"""A connection that has not brought the stream's packets by then is closed."""

CONNECT_LIMIT_S = 3.0
"""How long one attempt to reach a device may take."""

CONNECT_ATTEMPTS = 3
CONNECT_AGAIN_S = 1.0
"""Annex D asks for at least three attempts, at least a second apart."""

DISCARD_PORT = 9
"""What an offer names where nothing listens (RFC 4145, 4.1)."""

_CONNECTIONS = 4


class _Connections:
    """What carries the stream's packets, once it is there."""

    def __init__(self, intake: Intake, now: Callable[[], float]) -> None:
        self._intake = intake
        self._now = now
        self._connections: dict[Address, TcpConnection] = {}
        self._drain = drain_of_running_loop()

    @property
    def receive_buffer_bytes(self) -> int | None:
        """A connection loses nothing, however small its buffer."""
        return None

    @property
    def connection_count(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    def tick(self) -> None:
        """Close what brought nothing, and send the report that is due."""
        now = self._now()
        for connection in tuple(self._connections.values()):
            is_held = self._intake.holds(connection.remote)
            if not is_held and now - connection.opened_s >= CONNECTION_LIMIT_S:
                self._refuse(connection)
        report = self._intake.report()
        if report is not None:
            for connection in self._connections.values():
                if self._intake.holds(connection.remote):
                    connection.send_rtcp(report[0])

    def close(self) -> None:
        """End them all."""
        for connection in tuple(self._connections.values()):
            self._drop(connection)

    def _take(self, sock: socket.socket, remote: Address) -> None:
        connection = TcpConnection(sock, remote, self._now())
        self._intake.connections += 1
        self._connections[remote] = connection
        self._drain.add(sock, lambda: self._read(connection))

    def _read(self, connection: TcpConnection) -> None:
        remote = connection.remote
        intake = self._intake
        resyncs = connection.deframer.resyncs
        is_alive = connection.read(lambda packets: intake.receive_all(packets, remote))
        if connection.deframer.resyncs > resyncs:
            intake.tolerate("connection-out-of-step", connection.deframer.resyncs - resyncs)
        if not is_alive and self._connections.get(remote) is connection:
            self._drop(connection)
            if intake.holds(remote):
                intake.end()
            else:
                if connection.bytes_read and not connection.packets_read:
                    intake.refuse_connection(remote)
                self._lost()

    def _lost(self) -> None:
        """A connection that carried nothing of the stream is gone."""

    def _refuse(self, connection: TcpConnection) -> None:
        self._drop(connection)
        self._intake.refuse_connection()

    def _drop(self, connection: TcpConnection) -> None:
        self._connections.pop(connection.remote, None)
        self._drain.remove(connection.sock)
        connection.close()


class ListeningPort(_Connections):
    """The stream's listening port and what connects to it.

    Connections of other hosts are closed at once, those that bring nothing of the stream after
    `CONNECTION_LIMIT_S`. A connection that is held goes when another has taken its place.
    """

    def __init__(
        self, host: str, ports: PortLender, intake: Intake, now: Callable[[], float]
    ) -> None:
        super().__init__(intake, now)
        self.port, self._listener = bind(ports, host, lambda port: listen(host, port))
        self._ports = ports
        self._drain.add(self._listener, self._accept)

    def expect(self, remote: tuple[str | None, int | None], let_go: Address | None) -> None:
        """The device's host is known: others who connected before are refused.

        The connection of an earlier dialog is closed; one that came since stays.
        """
        _ = remote
        for connection in tuple(self._connections.values()):
            if connection.remote == let_go:
                self._drop(connection)
            elif not self._intake.admits_host(connection.remote[0]):
                self._refuse(connection)

    def close(self) -> None:
        """Give the port back."""
        super().close()
        self._drain.remove(self._listener)
        self._listener.close()
        self._ports.give_back(self.port)

    def _accept(self) -> None:
        for _ in range(_CONNECTIONS):
            try:
                sock, address = self._listener.accept()
            except OSError:
                return
            remote = (address[0], address[1])
            is_one_more = len(self._connections) < _CONNECTIONS
            if is_one_more and self._intake.admits_host(remote[0]):
                self._take(sock, remote)
            else:
                sock.close()
                self._intake.refuse_connection()


class ConnectingPort(_Connections):
    """The connection we make to a device that listens.

    An attempt that fails is repeated `CONNECT_ATTEMPTS` times in all; then the media has ended, as
    it has when a connection that brought the stream is closed. It needs no port of ours.
    """

    port = DISCARD_PORT

    def __init__(self, host: str, intake: Intake, now: Callable[[], float]) -> None:
        super().__init__(intake, now)
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._remote: Address | None = None
        self._attempts = 0
        self._again_s: float | None = None
        self._attempt: tuple[socket.socket, float] | None = None

    def expect(self, remote: tuple[str | None, int | None], let_go: Address | None) -> None:
        """Where the device listens; a connection that runs to that very place is kept."""
        place = _place(*remote)
        if place is not None and place == self._remote and self._intake.holds(place):
            return
        _ = let_go
        self.close()
        self._remote = place
        self._attempts = 0
        self._connect()

    def tick(self) -> None:
        """Give up an attempt that takes too long, and make the one that is due."""
        super().tick()
        now = self._now()
        if self._attempt is not None and now - self._attempt[1] >= CONNECT_LIMIT_S:
            self._lost()
        elif self._again_s is not None and now >= self._again_s:
            self._connect()

    def close(self) -> None:
        """End the connection, or the attempt at one."""
        super().close()
        self._again_s = None
        self._abandon()

    def _connect(self) -> None:
        self._again_s = None
        self._attempts += 1
        sock = None if self._remote is None else _connecting(self._host, self._remote)
        if sock is None:
            self._lost()
            return
        self._attempt = sock, self._now()
        self._loop.add_writer(sock, self._connected)

    def _connected(self) -> None:
        if self._attempt is None or self._remote is None:
            return
        sock, _ = self._attempt
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._lost()
            return
        self._loop.remove_writer(sock)
        self._attempt = None
        self._take(sock, self._remote)

    def _abandon(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self._loop.remove_writer(attempt[0])
            attempt[0].close()

    def _lost(self) -> None:
        self._abandon()
        if self._remote is not None and self._attempts < CONNECT_ATTEMPTS:
            self._again_s = self._now() + CONNECT_AGAIN_S
        else:
            self._intake.end()

    def _refuse(self, connection: TcpConnection) -> None:
        super()._refuse(connection)
        self._lost()


def _place(host: str | None, port: int | None) -> Address | None:
    """Only literal addresses: a name would have to be looked up, which takes its time."""
    if host is None or port is None or not 0 < port < 65_536:
        return None
    try:
        ip_address(host)
    except ValueError:
        return None
    return host, port


def _connecting(host: str, remote: Address) -> socket.socket | None:
    """A socket on its way from `host` to a device; None where there is no way."""
    family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind((host, 0))
        state = sock.connect_ex(remote)
    except OSError:
        state = errno.EADDRNOTAVAIL
    if state not in {0, errno.EINPROGRESS}:
        sock.close()
        return None
    return sock
