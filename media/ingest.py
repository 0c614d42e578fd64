"""The receiver of one stream: its sockets, and the `Intake` behind them."""

import socket
from collections.abc import Callable

from media.door import OnMediaEvent, StreamFigures, StreamId, Transport, ViewerFigures
from media.hub import Hub
from media.intake import Intake
from media.rtp.latch import Address
from media.rtp.ports import NoPortError, PortLender
from media.rtp.sockets import (
    TcpConnection,
    UdpPair,
    drain_of_running_loop,
    is_taken,
    listen,
    read_datagrams,
)

CONNECTION_LIMIT_S = 10.0
"""A connection that has not brought the stream's packets by then is closed."""

_PORT_ATTEMPTS = 64
_CONNECTIONS = 4


class _UdpSockets:
    """The stream's pair of ports."""

    def __init__(self, host: str, port: int, intake: Intake) -> None:
        self._pair = UdpPair(host, port)
        self._intake = intake
        self._drain = drain_of_running_loop()
        self._drain.add(self._pair.rtp, self._read_rtp)
        self._drain.add(self._pair.rtcp, self._read_rtcp)

    @property
    def receive_buffer_bytes(self) -> int | None:
        return self._pair.receive_buffer_bytes

    @property
    def connection_count(self) -> int:
        return 0

    def tick(self) -> None:
        report = self._intake.report()
        if report is not None:
            self._pair.send_rtcp(*report)

    def expect(self) -> None:
        """Datagrams are judged one by one."""

    def close(self) -> None:
        self._drain.remove(self._pair.rtp)
        self._drain.remove(self._pair.rtcp)
        self._pair.close()

    def _read_rtp(self) -> None:
        read_datagrams(self._pair.rtp, self._intake.receive)

    def _read_rtcp(self) -> None:
        read_datagrams(self._pair.rtcp, self._intake.receive_rtcp)


class _TcpSockets:
    """The stream's listening port and what connects to it.

    Connections of other hosts are closed at once, those that bring nothing of the stream after
    `CONNECTION_LIMIT_S`. A connection that is held goes when another has taken its place.
    """

    def __init__(self, host: str, port: int, intake: Intake, now: Callable[[], float]) -> None:
        self._intake = intake
        self._now = now
        self._connections: dict[Address, TcpConnection] = {}
        self._listener = listen(host, port)
        self._drain = drain_of_running_loop()
        self._drain.add(self._listener, self._accept)

    @property
    def receive_buffer_bytes(self) -> int | None:
        return None

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def tick(self) -> None:
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

    def expect(self) -> None:
        """The device's host is known: others who connected before are refused."""
        for connection in tuple(self._connections.values()):
            if not self._intake.admits_host(connection.remote[0]):
                self._refuse(connection)

    def close(self) -> None:
        for connection in tuple(self._connections.values()):
            self._drop(connection)
        self._drain.remove(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        for _ in range(_CONNECTIONS):
            try:
                sock, address = self._listener.accept()
            except OSError:
                return
            self._admit(sock, (address[0], address[1]))

    def _admit(self, sock: socket.socket, remote: Address) -> None:
        connection = TcpConnection(sock, remote, self._now())
        if not self._intake.admits_host(remote[0]) or len(self._connections) >= _CONNECTIONS:
            connection.close()
            self._intake.refuse_connection()
            return
        self._intake.connections += 1
        self._connections[remote] = connection
        self._drain.add(sock, lambda: self._read(connection))

    def _read(self, connection: TcpConnection) -> None:
        remote = connection.remote
        intake = self._intake
        resyncs = connection.deframer.resyncs
        is_alive = connection.read(lambda packet: intake.receive(packet, remote))
        if connection.deframer.resyncs > resyncs:
            intake.tolerate("connection-out-of-step", connection.deframer.resyncs - resyncs)
        if not is_alive and remote in self._connections:
            self._drop(connection)
            if intake.holds(remote):
                intake.end()
            elif connection.bytes_read and not connection.packets_read:
                intake.refuse_connection(remote)

    def _refuse(self, connection: TcpConnection) -> None:
        self._drop(connection)
        self._intake.refuse_connection()

    def _drop(self, connection: TcpConnection) -> None:
        self._connections.pop(connection.remote, None)
        self._drain.remove(connection.sock)
        connection.close()


class Receiver:
    """One stream's port on one host; made by `open_receiver`, closed by its owner."""

    def __init__(
        self,
        port: int,
        intake: Intake,
        sockets: _UdpSockets | _TcpSockets,
        ports: PortLender,
    ) -> None:
        self.port = port
        self.intake = intake
        self._sockets = sockets
        self._ports = ports
        self._is_open = True
        self._drain = drain_of_running_loop()
        self._drain.add_chore(self._tick)

    @property
    def receive_buffer_bytes(self) -> int | None:
        """What the kernel granted the UDP socket; None for TCP."""
        return self._sockets.receive_buffer_bytes

    @property
    def connection_count(self) -> int:
        """Connections that are open; 0 for UDP."""
        return self._sockets.connection_count

    def expect(self, ssrc: int, remote_host: str | None) -> None:
        """The device answered: its SSRC, and the only host whose packets count from now on.

        None: the first host that sends this SSRC. Call it for every answer: before it no other SSRC
        than the one of `open_receiver` is learnt.
        """
        self.intake.expect(ssrc, remote_host)
        self._sockets.expect()

    def figures(
        self, viewers: tuple[ViewerFigures, ...] = (), transcoding: str | None = None
    ) -> StreamFigures:
        """How the stream stands; what concerns viewers is the caller's to add."""
        return self.intake.figures(viewers, transcoding)

    async def close(self) -> None:
        """Close the sockets and give back the port. Idempotent; the hub stays open."""
        if not self._is_open:
            return
        self._is_open = False
        self._drain.remove_chore(self._tick)
        self._sockets.close()
        self._ports.give_back(self.port)

    def _tick(self) -> None:
        self.intake.tick()
        self._sockets.tick()


async def open_receiver(
    stream_id: StreamId,
    transport: Transport,
    ssrc: int,
    host: str,
    ports: PortLender,
    hub: Hub,
    on_event: OnMediaEvent,
    now: Callable[[], float],
) -> Receiver:
    """A receiver on a lent port of `host`, awaiting `ssrc`.

    Ports another process has are left to it. `NoPortError` when none is to be had, `OSError` when
    `host` is no address of this machine.
    """
    intake = Intake(stream_id, transport, ssrc, hub, on_event, now)
    for _ in range(_PORT_ATTEMPTS):
        port = ports.lend()
        try:
            sockets = (
                _UdpSockets(host, port, intake)
                if transport is Transport.UDP
                else _TcpSockets(host, port, intake, now)
            )
        except OSError as error:
            ports.give_back(port)
            if not is_taken(error):
                raise
        else:
            return Receiver(port, intake, sockets, ports)
    raise NoPortError(f"{_PORT_ATTEMPTS} ports of {host} are taken by others")
