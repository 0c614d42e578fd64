"""The receiver of one stream: its sockets, and the `Intake` behind them."""

from collections.abc import Callable
from typing import Protocol

from media.door import OnMediaEvent, StreamFigures, StreamId, Transport, ViewerFigures
from media.hub import Hub
from media.ingest_tcp import ConnectingPort, ListeningPort
from media.ingest_udp import OwnPort, SharedPlace
from media.intake import Intake
from media.rtp.latch import Address
from media.rtp.ports import PortLender
from media.rtp.sockets import drain_of_running_loop


class _Sockets(Protocol):
    """How the stream's packets come in: one kind for each `Transport`."""

    @property
    def port(self) -> int: ...

    @property
    def receive_buffer_bytes(self) -> int | None: ...

    @property
    def connection_count(self) -> int: ...

    def tick(self) -> None: ...

    def expect(self, remote: tuple[str | None, int | None], let_go: Address | None) -> None: ...

    def close(self) -> None: ...


class Receiver:
    """One stream's way in on one host; made by `open_receiver`, closed by its owner."""

    def __init__(self, intake: Intake, sockets: _Sockets) -> None:
        self.port = sockets.port
        self.intake = intake
        self._sockets = sockets
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

    def expect(self, ssrc: int, remote_host: str | None, remote_port: int | None = None) -> None:
        """The device answered: its SSRC, and the only host whose packets count from now on.

        None: the first host that sends this SSRC. Call it for every answer: before it no other SSRC
        than the one of `open_receiver` is learnt. `remote_port` is where the device listens, with
        `Transport.TCP_ACTIVE`. A later answer begins anew unless the very source it names runs.
        """
        let_go = self.intake.expect(ssrc, remote_host)
        self._sockets.expect((remote_host, remote_port), let_go)

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
    `host` is no address of this machine. A shared port is lent with its first stream; with
    `Transport.TCP_ACTIVE` none is, and `port` is the discard port.
    """
    intake = Intake(stream_id, transport, ssrc, hub, on_event, now)
    sockets: _Sockets
    match transport:
        case Transport.UDP:
            sockets = OwnPort(host, ports, intake)
        case Transport.UDP_SHARED:
            sockets = SharedPlace(host, ports, intake, now)
        case Transport.TCP_PASSIVE:
            sockets = ListeningPort(host, ports, intake, now)
        case Transport.TCP_ACTIVE:
            sockets = ConnectingPort(host, intake, now)
    return Receiver(intake, sockets)
