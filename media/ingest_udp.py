"""Datagrams of devices: a pair of ports for one stream, or one for many."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

from media.codecs.g711 import PAYLOAD_TYPES
from media.intake import Intake
from media.rtp.latch import Address
from media.rtp.packet import HEADER_LENGTH, is_rtcp
from media.rtp.ports import QUARANTINE_S, NoPortError, PortLender
from media.rtp.sockets import (
    RECEIVE_BUFFER_BYTES,
    SHARED_RECEIVE_BUFFER_BYTES,
    UdpPair,
    drain_of_running_loop,
    is_taken,
)

_PORT_ATTEMPTS = 64
_ENDED_LIMIT = 1024

Bound = TypeVar("Bound")
_Key = tuple[Address, bytes]
"""A sender and the four bytes of its SSRC."""


def bind(ports: PortLender, host: str, open_at: Callable[[int], Bound]) -> tuple[int, Bound]:
    """Lend a port and open it; ports another process has are left to it.

    `NoPortError` when none is to be had, `OSError` when `host` is no address of this machine.
    """
    for _ in range(_PORT_ATTEMPTS):
        port = ports.lend()
        try:
            return port, open_at(port)
        except OSError as error:
            ports.give_back(port)
            if not is_taken(error):
                raise
    raise NoPortError(f"{_PORT_ATTEMPTS} ports of {host} are taken by others")


class OwnPort:
    """A pair of ports for one stream alone."""

    def __init__(self, host: str, ports: PortLender, intake: Intake) -> None:
        self.port, self._pair = bind(ports, host, lambda port: UdpPair(host, port))
        self._ports = ports
        self._intake = intake
        self._overflowed = 0
        _say_if_small(intake, self._pair.receive_buffer_bytes)
        self._drain = drain_of_running_loop()
        self._drain.add(self._pair.rtp, self._read_rtp)
        self._drain.add(self._pair.rtcp, self._read_rtcp)

    @property
    def receive_buffer_bytes(self) -> int | None:
        """What the kernel granted."""
        return self._pair.receive_buffer_bytes

    @property
    def connection_count(self) -> int:
        """Datagrams have none."""
        return 0

    def tick(self) -> None:
        """Send the report that is due."""
        report = self._intake.report()
        if report is not None:
            self._pair.send_rtcp(*report)
            self._overflowed = _say_if_overflowed(
                self._intake, self._pair.overflowed, self._overflowed
            )

    def expect(self, remote: tuple[str | None, int | None], let_go: Address | None) -> None:
        """Datagrams are judged one by one."""

    def close(self) -> None:
        """Give the ports back."""
        self._drain.remove(self._pair.rtp)
        self._drain.remove(self._pair.rtcp)
        self._pair.close()
        self._ports.give_back(self.port)

    def _read_rtp(self) -> None:
        self._drain.read_datagrams(self._pair.rtp, self._intake.receive_all)

    def _read_rtcp(self) -> None:
        self._drain.read_datagrams(self._pair.rtcp, self._receive_rtcp)

    def _receive_rtcp(self, packets: Sequence[memoryview], source: Address) -> None:
        for packet in packets:
            self._intake.receive_rtcp(bytes(packet), source)


class SharedPort:
    """One pair of ports for many streams, told apart by SSRC and sender.

    A packet goes to the stream that expects its SSRC and admits its host. One with another SSRC
    goes to a stream only when exactly one awaits packets from that very host, by name; G.711 beside
    pictures also to the one stream that has the same sender. All else stays `unclaimed`, and with
    it for a while what a stream that was closed goes on sending.
    """

    def __init__(self, host: str, ports: PortLender, now: Callable[[], float]) -> None:
        self.port, self._pair = bind(
            ports, host, lambda port: UdpPair(host, port, SHARED_RECEIVE_BUFFER_BYTES)
        )
        self.unclaimed = 0
        self._ports = ports
        self._now = now
        self._routes: dict[_Key, Intake] = {}
        self._seats: dict[Intake, _Seat] = {}
        self._by_ssrc: dict[bytes, list[Intake]] = {}
        self._by_host: dict[str, list[Intake]] = {}
        self._ended: dict[tuple[str, bytes], float] = {}
        self._drain = drain_of_running_loop()
        self._drain.add(self._pair.rtp, self._read_rtp)
        self._drain.add(self._pair.rtcp, self._read_rtcp)

    @property
    def receive_buffer_bytes(self) -> int:
        """What the kernel granted, for all streams together."""
        return self._pair.receive_buffer_bytes

    @property
    def overflowed(self) -> int:
        """Datagrams of all streams together that the kernel had no room for."""
        return self._pair.overflowed

    @property
    def is_empty(self) -> bool:
        """Nobody uses it any more."""
        return not self._seats

    def join(self, intake: Intake) -> None:
        """Packets of this stream are taken from now on."""
        seat = self._seats[intake] = _Seat()
        self._seat(intake, seat)

    def follow(self, intake: Intake) -> None:
        """What the stream expects or holds may have changed."""
        seat = self._seats[intake]
        if (intake.expected_ssrc, intake.host) != (seat.ssrc, seat.host):
            self._unseat(intake, seat)
            self._seat(intake, seat)
        key = _key_of(intake)
        if key != seat.route:
            self._drop_route(intake, seat)
            seat.route = key
            if key is not None:
                self._routes[key] = intake

    def leave(self, intake: Intake) -> None:
        """The stream is closed."""
        key = _key_of(intake)
        seat = self._seats.pop(intake)
        self._unseat(intake, seat)
        self._drop_route(intake, seat)
        if key is not None:
            source, ssrc = key
            if len(self._ended) >= _ENDED_LIMIT:
                del self._ended[next(iter(self._ended))]
            self._ended[source[0], ssrc] = self._now() + QUARANTINE_S

    def send_rtcp(self, packet: bytes, to: Address) -> None:
        """Best effort."""
        self._pair.send_rtcp(packet, to)

    def close(self) -> None:
        """Give the ports back."""
        self._drain.remove(self._pair.rtp)
        self._drain.remove(self._pair.rtcp)
        self._pair.close()
        self._ports.give_back(self.port)

    def _seat(self, intake: Intake, seat: "_Seat") -> None:
        seat.ssrc, seat.host = intake.expected_ssrc, intake.host
        self._by_ssrc.setdefault(seat.ssrc.to_bytes(4), []).append(intake)
        if seat.host is not None:
            self._by_host.setdefault(seat.host, []).append(intake)

    def _unseat(self, intake: Intake, seat: "_Seat") -> None:
        _remove(self._by_ssrc, seat.ssrc.to_bytes(4), intake)
        if seat.host is not None:
            _remove(self._by_host, seat.host, intake)

    def _drop_route(self, intake: Intake, seat: "_Seat") -> None:
        route, seat.route = seat.route, None
        if route is not None and self._routes.get(route) is intake:
            del self._routes[route]

    def _read_rtp(self) -> None:
        self._drain.read_datagrams(self._pair.rtp, self._receive, by_sender=True)

    def _receive(self, packets: Sequence[memoryview], source: Address) -> None:
        at, end = 0, len(packets)
        while at < end:
            intake = self._routes.get((source, bytes(packets[at][8:12])))
            if intake is not None:
                at = intake.receive_run(packets, at, source)
            else:
                self._judge(bytes(packets[at]), source)
                at += 1

    def _judge(self, data: bytes, source: Address) -> None:
        """A packet of a sender nobody holds."""
        if is_rtcp(data):
            self._receive_rtcp(data, source)
            return
        intake = self._claimant(data, source) if len(data) >= HEADER_LENGTH else None
        if intake is None:
            self.unclaimed += 1
        else:
            intake.receive(data, source)
            self.follow(intake)

    def _claimant(self, data: bytes, source: Address) -> Intake | None:
        host, ssrc = source[0], data[8:12]
        admitting = [intake for intake in self._by_ssrc.get(ssrc, ()) if intake.admits_host(host)]
        expecting = [intake for intake in admitting if intake.host == host] or admitting
        if len(expecting) == 1:
            return expecting[0]
        if expecting:
            # Several answered the same SSRC: the one that still has nothing is meant.
            return _only_one(self._awaiting(expecting))
        if self._has_ended(host, ssrc):
            return None
        at_host = self._by_host.get(host, ())
        if data[1] & 0x7F in PAYLOAD_TYPES:
            beside = _only_one([intake for intake in at_host if intake.holds(source)])
            if beside is not None:
                return beside
        awaiting = self._awaiting(at_host)
        if len(awaiting) > 1:
            for intake in awaiting:
                intake.overhear(data, source)
        return _only_one(awaiting)

    def _awaiting(self, intakes: "list[Intake] | tuple[Intake, ...]") -> list[Intake]:
        now = self._now()
        return [intake for intake in intakes if intake.awaits(now)]

    def _has_ended(self, host: str, ssrc: bytes) -> bool:
        until_s = self._ended.get((host, ssrc))
        if until_s is not None and self._now() >= until_s:
            del self._ended[host, ssrc]
            return False
        return until_s is not None

    def _read_rtcp(self) -> None:
        self._drain.read_datagrams(self._pair.rtcp, self._receive_reports)

    def _receive_reports(self, packets: Sequence[memoryview], source: Address) -> None:
        for packet in packets:
            self._receive_rtcp(bytes(packet), source)

    def _receive_rtcp(self, data: bytes, source: Address) -> None:
        ssrc = int.from_bytes(data[4:8])
        for intake in self._by_host.get(source[0], ()):
            if intake.ssrc == ssrc:
                intake.receive_rtcp(data, source)
                return
        self.unclaimed += 1


class _Seat:
    """Under what one stream of a shared port is to be found."""

    __slots__ = ("host", "route", "ssrc")

    def __init__(self) -> None:
        self.ssrc = 0
        self.host: str | None = None
        self.route: _Key | None = None


class SharedPlace:
    """One stream's share of a shared port; the last that leaves closes the port."""

    def __init__(
        self, host: str, ports: PortLender, intake: Intake, now: Callable[[], float]
    ) -> None:
        shares = _shared_ports.setdefault(ports, {})
        shared = shares.get(host)
        if shared is None:
            shared = shares[host] = SharedPort(host, ports, now)
        self.port = shared.port
        self._shared = shared
        self._give_up: Callable[[], object] = lambda: shares.pop(host)
        self._intake = intake
        self._overflowed = shared.overflowed
        _say_if_small(intake, shared.receive_buffer_bytes)
        shared.join(intake)

    @property
    def receive_buffer_bytes(self) -> int | None:
        """What the kernel granted, for all streams together."""
        return self._shared.receive_buffer_bytes

    @property
    def connection_count(self) -> int:
        """Datagrams have none."""
        return 0

    def tick(self) -> None:
        """Send the report that is due."""
        report = self._intake.report()
        if report is not None:
            self._shared.send_rtcp(*report)
            self._overflowed = _say_if_overflowed(
                self._intake, self._shared.overflowed, self._overflowed
            )

    def expect(self, remote: tuple[str | None, int | None], let_go: Address | None) -> None:
        """Another SSRC or host is awaited."""
        _ = (remote, let_go)
        self._shared.follow(self._intake)

    def close(self) -> None:
        """Leave; the last one closes the port."""
        self._shared.leave(self._intake)
        if self._shared.is_empty:
            self._give_up()
            self._shared.close()


_shared_ports: WeakKeyDictionary[PortLender, dict[str, SharedPort]] = WeakKeyDictionary()
"""The shared port of each host, for each range of ports that is lent from."""


def _say_if_small(intake: Intake, granted_bytes: int) -> None:
    """Key pictures come in bursts: what does not fit the buffer is lost.

    Linux grants twice what it means, for its own overhead.
    """
    if granted_bytes < 2 * RECEIVE_BUFFER_BYTES:
        intake.tolerate("small-receive-buffer")


def _say_if_overflowed(intake: Intake, overflowed: int, before: int) -> int:
    """What is lost then was lost here and not on the way: too little time, or too small a buffer.

    On a shared port they are the port's: nobody knows whose they were.
    """
    if overflowed > before:
        intake.tolerate("receive-buffer-overflowed", overflowed - before)
    return overflowed


def _key_of(intake: Intake) -> _Key | None:
    source, ssrc = intake.source, intake.ssrc
    return None if source is None or ssrc is None else (source, ssrc.to_bytes(4))


def _only_one(intakes: list[Intake]) -> Intake | None:
    return intakes[0] if len(intakes) == 1 else None


_Name = TypeVar("_Name")


def _remove(found: dict[_Name, list[Intake]], name: _Name, intake: Intake) -> None:
    found[name].remove(intake)
    if not found[name]:
        del found[name]
