"""RTSP viewers as a child of a benchmark: sockets that are emptied, their packets counted."""

import asyncio
import socket
import time
from collections.abc import Mapping

from benchmarks.support import Answer, run_audience

HOST = "127.0.0.1"
PATH = "/live/34020000001320000001/34020000001310000001"
DRAIN_S = 0.002
RECEIVE_BUFFER_BYTES = 2**20
PIECE_BYTES = 2**18
DATAGRAM_BYTES = 2_048
PICTURE_LIMIT_S = 10.0
MARKER = 0x80
"""In the second byte of a picture's last packet."""


class Viewer:
    """One of them; `datagrams` are its sockets for packets and reports where it asked for such."""

    def __init__(self) -> None:
        self.control = socket.socket()
        self.control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.control.setblocking(False)
        self.datagrams: tuple[socket.socket, ...] = ()
        self.packets: int = 0
        self.has_picture = asyncio.Event()
        self._rest: bytes = b""
        self._number = 0

    async def join(self, port: int, *, by_udp: bool) -> None:
        """DESCRIBE, SETUP and PLAY."""
        await asyncio.get_running_loop().sock_connect(self.control, (HOST, port))
        transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
        if by_udp:
            self.datagrams = _datagram(), _datagram()
            ports = "-".join(str(each.getsockname()[1]) for each in self.datagrams)
            transport = f"RTP/AVP;unicast;client_port={ports}"
        url = f"rtsp://{HOST}:{port}{PATH}"
        await self._ask("DESCRIBE", f"{url}?token=t")
        await self._ask("SETUP", f"{url}/trackID=0", f"Transport: {transport}")
        await self._ask("PLAY", url)

    def drain(self) -> None:
        """Take what waits."""
        for each in self.datagrams[:1]:
            try:
                while data := each.recv(DATAGRAM_BYTES):
                    self._take(data[1])
            except BlockingIOError:
                pass
        try:
            while data := self.control.recv(PIECE_BYTES):
                self._count(data)
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Go."""
        for each in (self.control, *self.datagrams):
            each.close()

    async def _ask(self, method: str, url: str, *lines: str) -> None:
        self._number += 1
        loop = asyncio.get_running_loop()
        request = (f"{method} {url} RTSP/1.0", f"CSeq: {self._number}", *lines, "", "")
        await loop.sock_sendall(self.control, "\r\n".join(request).encode())
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += await loop.sock_recv(self.control, PIECE_BYTES)
        head = data[:end].decode()
        if not head.startswith("RTSP/1.0 200"):
            raise RuntimeError(head)
        _, _, length = head.partition("Content-Length: ")
        end += 4 + int(length or 0)
        while len(data) < end:
            data += await loop.sock_recv(self.control, PIECE_BYTES)
        self._rest = b""
        if method == "PLAY":
            self._count(data[end:])

    def _count(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        while at + 4 <= len(data):
            end = at + 4 + int.from_bytes(data[at + 2 : at + 4])
            if end > len(data):
                break
            if data[at + 1] == 0:
                self._take(data[at + 5])
            at = end
        self._rest = data[at:]

    def _take(self, second_byte: int) -> None:
        self.packets += 1
        if second_byte & MARKER:
            self.has_picture.set()


def _datagram() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    made.bind((HOST, 0))
    made.setblocking(False)
    return made


class Audience:
    """All viewers of this process."""

    def __init__(self) -> None:
        self._viewers: list[Viewer] = []
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def join(self, asked: Answer) -> Mapping[str, object]:
        """One more viewer; how long until its first picture is whole."""
        began_s = time.perf_counter()
        viewer = Viewer()
        await viewer.join(asked.number("port"), by_udp=bool(asked.number("by_udp")))
        self._viewers.append(viewer)
        async with asyncio.timeout(PICTURE_LIMIT_S):
            await viewer.has_picture.wait()
        return {"first_ms": (time.perf_counter() - began_s) * 1e3}

    async def figures(self, _: Answer) -> Mapping[str, object]:
        """What each got."""
        return {"packets": [viewer.packets for viewer in self._viewers]}

    async def close(self) -> None:
        """All go."""
        self._draining.cancel()
        await asyncio.wait([self._draining])
        for viewer in self._viewers:
            viewer.close()

    async def _drain(self) -> None:
        """Look at all sockets now and then, so that nobody is woken for each packet."""
        while True:
            await asyncio.sleep(DRAIN_S)
            for viewer in self._viewers:
                viewer.drain()


if __name__ == "__main__":
    run_audience(Audience)
