"""The sockets RTP comes in by: read on a tick, not woken for every packet.

One look every 10 ms at all sockets of the loop costs a third of a wake-up for each packet. With
nothing to see there is none: an idle relay sleeps.
"""

import asyncio
import contextlib
import errno
import select
import socket
import struct
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

from media.errors import ProtocolError
from media.rtp.framing import Deframer, frame
from media.rtp.receiving import Address, DatagramReader, OnDatagrams

TICK_S = 0.01
"""A wake-up costs 50 µs and more with all that comes with it, many packets' worth."""

GATHER_S = 0.005
"""From the first packet after a pause to the look: what one waits on the average otherwise."""

CHORES_S = 0.1
"""Chores such as deadlines are due so often."""

DOZE_S = 0.25
"""The longest between two looks, and between chores, while nothing comes."""

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""Asked of the kernel for each UDP socket: a key picture arrives in one burst."""

SHARED_RECEIVE_BUFFER_BYTES = 32 * 1024 * 1024
"""Asked for a socket of many streams, by force where we may: a tenth of a second of a hundred."""

_SO_MEMINFO = 55
_DROPS = struct.Struct("=32xI")
"""Linux's account of a socket's memory, and the ninth word of it: datagrams that had no room."""

_SO_RCVBUFFORCE = 33
"""Linux's option for those who administer the network; the limit of the others is `rmem_max`."""

_READS_A_TICK = 8
_READ_BYTES = 65_536
_BACKLOG = 4


class Drain:
    """All receiving sockets of one event loop, looked at together every `TICK_S`.

    Where so little comes that most looks would find nothing, the sockets wake it instead, and it
    looks `GATHER_S` after that, when the rest of a picture's burst is there too.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._chores: list[Callable[[], None]] = []
        self._chores_done_s = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self._dozed_s: float | None = None
        self._is_busy = False
        self._datagrams: dict[int, DatagramReader] = {}

    def add(self, sock: socket.socket, on_readable: Callable[[], None]) -> None:
        """`on_readable` is called at a tick when `sock` has something."""
        self._readers[sock.fileno()] = on_readable
        self._poll.register(sock.fileno(), select.EPOLLIN)
        self._begin()

    def remove(self, sock: socket.socket) -> None:
        """To be called before `sock` is closed."""
        if self._readers.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock.fileno())
            self._end()

    def add_chore(self, chore: Callable[[], None]) -> None:
        """`chore` is called every `CHORES_S`, and at least every `DOZE_S` where nothing comes."""
        self._chores.append(chore)
        self._begin()

    def remove_chore(self, chore: Callable[[], None]) -> None:
        """No longer."""
        self._chores.remove(chore)
        self._end()

    def read_datagrams(
        self, sock: socket.socket, handle: OnDatagrams, *, by_sender: bool = False
    ) -> None:
        """All that wait in `sock`, up to a tick's share: see `DatagramReader.read`."""
        reader = self._datagrams.get(sock.family)
        if reader is None:
            reader = self._datagrams[sock.family] = DatagramReader(sock.family)
        reader.read(sock, handle, by_sender=by_sender)

    def _begin(self) -> None:
        if self._handle is None:
            self._handle = self._loop.call_later(TICK_S, self._tick)

    def _end(self) -> None:
        if self._handle is not None and not self._readers and not self._chores:
            self._wake_up()

    def _doze(self) -> None:
        self._dozed_s = self._loop.time()
        self._loop.add_reader(self._poll.fileno(), self._on_readable)
        self._handle = self._loop.call_later(DOZE_S, self._tick)

    def _on_readable(self) -> None:
        dozed_s, now = self._dozed_s, self._loop.time()
        self._is_busy = dozed_s is not None and now - dozed_s < TICK_S
        self._wake_up()
        self._handle = self._loop.call_later(GATHER_S, self._tick)

    def _wake_up(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._dozed_s is not None:
            self._dozed_s = None
            self._loop.remove_reader(self._poll.fileno())

    def _tick(self) -> None:
        self._wake_up()
        found = self._poll.poll(0)
        self._is_busy = self._is_busy and bool(found)
        # Wound first: a mistake in one receiver must not stop the others.
        if self._is_busy:
            self._begin()
        else:
            self._doze()
        for number, _ in found:
            reader = self._readers.get(number)
            if reader is not None:
                self._do(reader)
        now = self._loop.time()
        if now - self._chores_done_s >= CHORES_S:
            self._chores_done_s = now
            for chore in tuple(self._chores):
                self._do(chore)

    def _do(self, work: Callable[[], None]) -> None:
        """What one device made fail must not cost the others this tick, and every tick."""
        try:
            work()
        except Exception as fault:  # noqa: BLE001  told to the loop, as that of any callback is
            self._loop.call_exception_handler({"message": "receiving failed", "exception": fault})


_drains: WeakKeyDictionary[asyncio.AbstractEventLoop, Drain] = WeakKeyDictionary()


def drain_of_running_loop() -> Drain:
    """The one `Drain` of this event loop."""
    loop = asyncio.get_running_loop()
    drain = _drains.get(loop)
    if drain is None:
        drain = _drains[loop] = Drain(loop)
    return drain


def is_taken(error: OSError) -> bool:
    """Another process has this port; the next one may be free."""
    return error.errno in {errno.EADDRINUSE, errno.EACCES}


class UdpPair:
    """The sockets of an even port and of the odd one above it; `OSError` when they are taken."""

    def __init__(
        self, host: str, port: int, receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES
    ) -> None:
        self.rtp = _udp_socket(host, port)
        if receive_buffer_bytes > RECEIVE_BUFFER_BYTES:
            _ask_for(self.rtp, receive_buffer_bytes)
        try:
            self.rtcp = _udp_socket(host, port + 1)
        except OSError:
            self.rtp.close()
            raise

    @property
    def receive_buffer_bytes(self) -> int:
        """What the kernel granted; Linux counts its own overhead in."""
        return self.rtp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    @property
    def overflowed(self) -> int:
        """RTP datagrams the kernel dropped because nobody had read those before them in time."""
        drops: int
        (drops,) = _DROPS.unpack(self.rtp.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _DROPS.size))
        return drops

    def send_rtcp(self, packet: bytes, to: Address) -> None:
        """Best effort: a report that cannot go is the next one's business."""
        with contextlib.suppress(OSError):
            self.rtcp.sendto(packet, to)

    def close(self) -> None:
        """Both."""
        self.rtp.close()
        self.rtcp.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that devices connect to; `OSError` when the port is taken."""
    sock = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


class TcpConnection:
    """A connection that carries RTP and RTCP in the frames of RFC 4571."""

    def __init__(self, sock: socket.socket, remote: Address, opened_s: float) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.remote = remote
        self.opened_s = opened_s
        self.deframer = Deframer()
        self.bytes_read = 0
        self.packets_read = 0

    def read(self, handle: Callable[[Sequence[bytes]], None]) -> bool:
        """The packets that wait, up to a tick's share. False when the connection is of no more use.

        That is: closed by the peer, broken, or without any RTP in it.
        """
        for _ in range(_READS_A_TICK):
            try:
                data = self.sock.recv(_READ_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            self.bytes_read += len(data)
            try:
                packets = self.deframer.feed(data)
            except ProtocolError:
                return False
            self.packets_read += len(packets)
            if packets:
                handle(packets)
            if len(data) < _READ_BYTES:
                return True
        return True

    def send_rtcp(self, packet: bytes) -> None:
        """Best effort: a report that does not fit the send buffer is left out."""
        with contextlib.suppress(OSError):
            self.sock.send(frame(packet))

    def close(self) -> None:
        """Close it."""
        self.sock.close()


def _udp_socket(host: str, port: int) -> socket.socket:
    sock = socket.socket(_family(host), socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _ask_for(sock: socket.socket, size_bytes: int) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size_bytes)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
