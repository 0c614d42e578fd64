"""The UDP socket: drained many datagrams at a wake-up, its losses counted.

Waking up costs several times what a short datagram does. So the loop wakes for the first one of a
quiet socket, and at once; where they keep coming quickly the socket is looked at every `TICK_S`
instead, until a few looks have found next to nothing.

What is sent within one turn of the event loop leaves together at its end: one after the other the
datagrams find the way through the kernel still warm, and whoever they are for wakes up once.
"""

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

PUT_ASIDE_PER_WAKE: Final = 512
"""So many that are only put aside cost no more."""

TICK_S: Final = 0.04
"""Between two looks at a busy socket. Half of what a city at rest costs is waking up, with nothing
left in the caches; a peer waits 500 ms before it repeats (T1)."""

HASTE_TICK_S: Final = 0.008
HASTE_S: Final = 2.0
"""So long it is looked more often after `hurry`: somebody waits for a picture."""

TURN_S: Final = 0.25
"""So long after somebody was heard in two looks running: who sends the next part of a catalogue
when the last one was answered would get one of them through in each look."""

BUSY_GAP_S: Final = 0.002
"""Wake-ups that follow each other more closely than this are too many."""

BUSY_WAKES: Final = 8
"""So many of them in a row, and the socket is busy."""

RUSH: Final = 48
"""Where a look found so many, the next one follows as soon as others have had their turn."""

SENT_TOGETHER: Final = 64
"""So many that are to be sent wait for no more company: the kernel's buffer has to hold them."""

QUIET_TICKS: Final = 5
"""So many looks in a row that found one datagram or none, and it is no longer."""

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
    """Owns a bound, non-blocking socket; hands each datagram and its source on.

    `on_datagram` says True where it has only put the datagram aside.
    """

    __slots__ = (
        "_heard",
        "_hurries_until",
        "_in_a_row",
        "_is_draining",
        "_leaving",
        "_loop",
        "_on_datagram",
        "_outbox",
        "_socket",
        "_tick",
        "_woken_at",
        "granted_receive_buffer_bytes",
        "send_errors",
    )

    def __init__(
        self,
        sock: socket.socket,
        on_datagram: Callable[[bytes, Address], bool],
        receive_buffer_bytes: int,
    ) -> None:
        self._socket = sock
        self._on_datagram = on_datagram
        self.granted_receive_buffer_bytes = ask_for_receive_buffer(sock, receive_buffer_bytes)
        self.send_errors = 0
        self._loop = asyncio.get_running_loop()
        self._tick: asyncio.TimerHandle | asyncio.Handle | None = None
        self._woken_at = 0.0
        self._hurries_until = 0.0
        self._heard: set[tuple[str, int]] = set()  # in the last look
        self._outbox: list[tuple[bytes, Address]] = []
        self._leaving: asyncio.Handle | None = None  # when the outbox is emptied at the latest
        self._is_draining = False
        self._in_a_row = 0  # wake-ups in quick succession, or looks that found nothing
        self._loop.add_reader(sock.fileno(), self._woken)

    @property
    def is_busy(self) -> bool:
        """Datagrams come so quickly that they are looked for on a tick."""
        return self._tick is not None

    def _woken(self) -> None:
        now = self._loop.time()
        self._in_a_row = self._in_a_row + 1 if now - self._woken_at < BUSY_GAP_S else 0
        self._woken_at = now
        self._drain()
        if self._in_a_row >= BUSY_WAKES and self._socket.fileno() >= 0:
            self._in_a_row = 0
            self._loop.remove_reader(self._socket.fileno())
            self._tick = self._loop.call_later(self._tick_s, self._look)

    @property
    def _tick_s(self) -> float:
        return HASTE_TICK_S if self._loop.time() < self._hurries_until else TICK_S

    def hurry(self) -> None:
        """What is sent now is answered to somebody who waits: look often for `HASTE_S`."""
        is_late = self._loop.time() >= self._hurries_until
        self._hurries_until = self._loop.time() + HASTE_S
        if is_late and self._tick is not None:
            self._tick.cancel()
            self._tick = self._loop.call_later(HASTE_TICK_S, self._look)

    def _look(self) -> None:
        heard_before = self._heard
        taken = self._drain()
        if self._socket.fileno() < 0:
            return
        self._in_a_row = self._in_a_row + 1 if taken <= 1 else 0
        if not self._heard.isdisjoint(heard_before):
            self._hurries_until = max(self._hurries_until, self._loop.time() + TURN_S)
        if taken >= RUSH:
            self._tick = self._loop.call_soon(self._look)
        elif self._in_a_row < QUIET_TICKS:
            self._tick = self._loop.call_later(self._tick_s, self._look)
        else:
            self._tick = None
            self._in_a_row = 0
            self._loop.add_reader(self._socket.fileno(), self._woken)

    def _drain(self) -> int:
        """Take what has come, and send what is answered to it; how many datagrams there were."""
        self._is_draining = True
        try:
            return self._take()
        finally:
            self._is_draining = False
            self._flush()

    def _take(self) -> int:
        """`DATAGRAMS_PER_WAKE` at most, but for those that are put aside."""
        receive = self._socket.recvfrom
        on_datagram = self._on_datagram
        heard = self._heard = set[tuple[str, int]]()
        room = DATAGRAMS_PER_WAKE
        for taken in range(PUT_ASIDE_PER_WAKE):
            try:
                data, source = receive(MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                return taken
            except OSError:
                # An ICMP complaint about an earlier datagram; the socket itself is well.
                continue
            if not on_datagram(data, Address(source[0], source[1])):
                heard.add(source)
                room -= 1
            if not room or self._socket.fileno() < 0:
                return taken + 1
        return PUT_ASIDE_PER_WAKE

    def send(self, data: bytes, remote: Address) -> None:
        """Send by the end of this turn of the event loop, or not at all: what gets lost, timers
        repeat, and `send_errors` counts what is lost here."""
        self._outbox.append((data, remote))
        if len(self._outbox) >= SENT_TOGETHER:
            self._flush()
        elif self._leaving is None and not self._is_draining:
            self._leaving = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        outbox, self._outbox = self._outbox, []
        send_to = self._socket.sendto
        for data, remote in outbox:
            try:
                send_to(data, remote)
            except OSError:
                self.send_errors += 1

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
        """What is to be sent leaves before. Closing twice is fine."""
        self._flush()
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
