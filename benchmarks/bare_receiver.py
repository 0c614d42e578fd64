"""The least Python needs for streams that come in: what `bench_ingest` holds the relay against.

One socket, read by a timer until it is empty; RTP headers read and believed; PS walked by its
lengths; pictures put together and thrown away. No order, no loss, no sender is looked at, nothing
can be wrong, nobody is told. So a machine can be compared with another by it.
"""

import asyncio
import contextlib
import socket
import struct
from collections import defaultdict
from collections.abc import Mapping

from benchmarks.support import Answer, obey, run_child
from media.rtp.sockets import SHARED_RECEIVE_BUFFER_BYTES, TICK_S

HOST = "127.0.0.1"
RTP_HEADER_BYTES = 12
PACK, FIRST_PES = 0xBA, 0xC0
PACK_BYTES = 14

_SO_RCVBUFFORCE = 33
_LONGEST_BYTES = 2_048
_header = struct.Struct(">BBHII").unpack_from


class Stream:
    """One camera's program stream, as the benchmark's cameras send it and no other way."""

    __slots__ = ("need", "parts", "pictures", "rest")

    def __init__(self) -> None:
        self.need = 0
        self.parts: list[bytes] = []
        self.pictures = 0
        self.rest = b""

    def feed(self, payload: bytes) -> None:
        """The next piece."""
        need = self.need
        if need > len(payload):
            self.need = need - len(payload)
            self.parts.append(payload)
            return
        data, self.rest = self.rest + payload, b""
        at, size = 0, len(data)
        while at < size:
            if self.need:
                taken = min(self.need, size - at)
                self.parts.append(data[at : at + taken])
                self.need -= taken
                at += taken
            elif at + PACK_BYTES > size:
                self.rest = data[at:]
                return
            else:
                at += self._element(data, at)

    def _element(self, data: bytes, at: int) -> int:
        code = data[at + 3]
        if code == PACK:
            if self.parts:
                b"".join(self.parts)
                self.parts = []
                self.pictures += 1
            return PACK_BYTES + (data[at + 13] & 7)
        length = data[at + 4] << 8 | data[at + 5]
        if code < FIRST_PES:
            return 6 + length
        header = data[at + 8]
        self.need = length - 3 - header
        return 9 + header


async def serve() -> None:
    """Run until told to end."""
    loop = asyncio.get_running_loop()
    streams: defaultdict[int, Stream] = defaultdict(Stream)
    packets = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, SHARED_RECEIVE_BUFFER_BYTES)
        sock.bind((HOST, 0))
        sock.setblocking(False)
        receive = sock.recv

        def drain() -> None:
            nonlocal packets
            loop.call_later(TICK_S, drain)
            with contextlib.suppress(BlockingIOError):
                while True:
                    data = receive(_LONGEST_BYTES)
                    _, _, _, _, ssrc = _header(data)
                    streams[ssrc].feed(data[RTP_HEADER_BYTES:])
                    packets += 1

        async def figures(_: Answer) -> Mapping[str, object]:
            return {"packets": packets, "pictures": sum(each.pictures for each in streams.values())}

        drain()
        await obey({"port": sock.getsockname()[1]}, {"figures": figures})


if __name__ == "__main__":
    run_child(serve())
