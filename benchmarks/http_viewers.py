"""Viewers by HTTP and WebSocket as a child of a benchmark: sockets that are emptied and counted."""

import asyncio
import base64
import socket
import time
from collections.abc import Mapping

from benchmarks.support import Answer, run_audience

HOST = "127.0.0.1"
DRAIN_S = 0.002
RECEIVE_BUFFER_BYTES = 2**20
PIECE_BYTES = 2**18
FIRST_BYTES = 2**16
"""A key picture of the film is larger."""

PATH = "/live/34020000001320000001/34020000001310000001"


class Audience:
    """All viewers of this process; what came behind the head of the answer is counted."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._counts: list[int] = []
        self._piece = bytearray(PIECE_BYTES)
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def join(self, asked: Answer) -> Mapping[str, object]:
        """One more viewer; how long it waited for its first bytes of pictures."""
        began_s = time.perf_counter()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, (HOST, asked.number("port")))
        lines = [f"GET {PATH}{asked.text('form')}?token=t HTTP/1.1", "Host: x"]
        if asked.number("is_websocket"):
            key = base64.b64encode(bytes(16)).decode()
            lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            lines += [f"Sec-WebSocket-Key: {key}"]
        await loop.sock_sendall(sock, "\r\n".join((*lines, "", "")).encode())
        data = b""
        while len(data) < FIRST_BYTES:
            data += await loop.sock_recv(sock, PIECE_BYTES)
        self._sockets.append(sock)
        self._counts.append(len(data))
        return {"first_ms": (time.perf_counter() - began_s) * 1e3}

    async def figures(self, _: Answer) -> Mapping[str, object]:
        """What each got; a connection has no gaps."""
        return {"bytes": self._counts, "gaps": 0}

    async def close(self) -> None:
        """All go."""
        self._draining.cancel()
        await asyncio.wait([self._draining])
        for sock in self._sockets:
            sock.close()

    async def _drain(self) -> None:
        """Look at all sockets now and then, so that nobody is woken for each piece."""
        while True:
            await asyncio.sleep(DRAIN_S)
            for at, sock in enumerate(self._sockets):
                try:
                    while (size := sock.recv_into(self._piece)) == PIECE_BYTES:
                        self._counts[at] += size
                    self._counts[at] += size
                except BlockingIOError:
                    continue


if __name__ == "__main__":
    run_audience(Audience)
