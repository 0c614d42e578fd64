"""Datagrams by the batch: one call of the kernel for what waits in a socket (recvmmsg(2), Linux).

A call for each costs a half more, and most of the rest goes to what the batch saves as well: the
sender's address as text, a buffer for each datagram, a word to whoever takes it.
"""

import ctypes
import errno
import mmap
import socket
import struct
from collections.abc import Callable, Sequence

Address = tuple[str, int]

OnDatagrams = Callable[[Sequence[memoryview], Address], None]
"""What one sender sent, in order; the bytes are to be copied by who keeps them."""

BATCH = 64
_BATCHES_A_TICK = 64
_LARGEST_BYTES = 65_536
_SLOT_BYTES = _LARGEST_BYTES + 1_472
"""Not a power of two: the beginnings of all slots would share a few lines of the cache."""

_SLOTS = tuple(range(0, BATCH * _SLOT_BYTES, _SLOT_BYTES))
_NAME_BYTES = {socket.AF_INET: 16, socket.AF_INET6: 28}
_KNOWN_NAMES = 4096

_IOVEC = struct.Struct("@PN")
_MMSGHDR = struct.Struct("@PIxxxxPNPNixxxxIxxxx")
"""`struct mmsghdr`: name and its size, vectors and their number, control, flags; then the size."""

_SIZE_AT = 14
"""Where the size stands, in words of 32 bits."""

_WORDS = _MMSGHDR.size // 4

_recvmmsg = ctypes.CDLL(None, use_errno=True).recvmmsg
_recvmmsg.argtypes = (
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_uint,
    ctypes.c_int,
    ctypes.c_void_p,
)


class DatagramReader:
    """Reads sockets of one family into memory of its own, which is used again at the next batch.

    Only what was written to is held in RAM: a page or two for each of `BATCH` datagrams, until
    somebody sends larger ones.
    """

    def __init__(self, family: int) -> None:
        self._name_bytes = size = _NAME_BYTES[socket.AddressFamily(family)]
        self._addresses: dict[bytes, Address] = {}
        data = mmap.mmap(-1, BATCH * _SLOT_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        data_at = ctypes.addressof(ctypes.c_char.from_buffer(data))
        names = ctypes.create_string_buffer(BATCH * size)
        vectors = ctypes.create_string_buffer(BATCH * _IOVEC.size)
        heads = ctypes.create_string_buffer(BATCH * _MMSGHDR.size)
        for number, slot in enumerate(_SLOTS):
            vector = number * _IOVEC.size
            _IOVEC.pack_into(vectors, vector, data_at + slot, _LARGEST_BYTES)
            name_at = ctypes.addressof(names) + number * size
            vector_at = ctypes.addressof(vectors) + vector
            _MMSGHDR.pack_into(
                heads, number * _MMSGHDR.size, name_at, size, vector_at, 1, 0, 0, 0, 0
            )
        self._vectors = vectors
        self._heads_at = ctypes.addressof(heads)
        self._data = memoryview(data)
        self._names = memoryview(names).cast("B")
        self._sizes = memoryview(heads).cast("B").cast("I")[_SIZE_AT::_WORDS]

    def read(self, sock: socket.socket, handle: OnDatagrams, *, by_sender: bool = False) -> None:
        """All datagrams that wait, up to a tick's share.

        What came from one sender in a row goes to `handle` at once; `by_sender` puts together what
        came from it between others' too, for which the order of senders is given up.
        """
        number = sock.fileno()
        for _ in range(_BATCHES_A_TICK):
            count: int = _recvmmsg(number, self._heads_at, BATCH, socket.MSG_DONTWAIT, None)
            if count < 0:
                if ctypes.get_errno() == errno.EAGAIN:
                    return
                # What the kernel learnt from ICMP about our reports; the socket goes on.
                continue
            self._hand_on(count, handle, by_sender=by_sender)
            if count < BATCH:
                return

    def _hand_on(self, count: int, handle: OnDatagrams, *, by_sender: bool) -> None:
        data, size = self._data, self._name_bytes
        lengths = self._sizes[:count].tolist()
        packets = [data[at : at + length] for at, length in zip(_SLOTS, lengths, strict=False)]
        names = bytes(self._names[: count * size])
        first = names[:size]
        if names == first * count:
            handle(packets, self._address(first))
            return
        senders = [names[at : at + size] for at in range(0, len(names), size)]
        runs: list[tuple[bytes, list[memoryview]]] = []
        of_sender: dict[bytes, list[memoryview]] = {}
        last = b""
        for sender, packet in zip(senders, packets, strict=True):
            run = of_sender.get(sender) if by_sender or sender == last else None
            if run is None:
                run = of_sender[sender] = []
                runs.append((sender, run))
            run.append(packet)
            last = sender
        for sender, run in runs:
            handle(run, self._address(sender))

    def _address(self, name: bytes) -> Address:
        known = self._addresses.get(name)
        if known is None:
            if len(self._addresses) >= _KNOWN_NAMES:
                self._addresses.clear()
            known = self._addresses[name] = _address_of(name)
        return known


def _address_of(name: bytes) -> Address:
    """`struct sockaddr_in` or `sockaddr_in6` as the `socket` module puts it, without the scope."""
    port = int.from_bytes(name[2:4])
    if len(name) == _NAME_BYTES[socket.AF_INET]:
        return socket.inet_ntop(socket.AF_INET, name[4:8]), port
    return socket.inet_ntop(socket.AF_INET6, name[8:24]), port
