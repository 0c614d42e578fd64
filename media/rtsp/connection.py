"""One connection of a viewer: requests one after another, RTCP between them, frames out."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from media.errors import ProtocolError
from media.rtsp.request import Headers, Interleaved, Request, RequestReader, answer_bytes

IDLE_LIMIT_S = 20.0
"""Without a session: from one request to the end of the next."""

SESSION_TIMEOUT_S = 60
"""Told to viewers (RFC 2326, 12.37)."""

SESSION_GRACE_S = 15.0
STUCK_LIMIT_S = 15.0
"""A viewer for whom bytes wait and who takes none for so long is dropped."""

BUFFER_LIMIT_BYTES = 128 * 1024
"""Of what has come and is not looked at yet, while a request is being answered."""

ANSWERS_LIMIT_BYTES = 256 * 1024
"""Whoever asks and does not read is not answered beyond this."""
PLAYING_LIMIT_BYTES = 16 * 2**20
"""The same for whom pictures wait, too."""


class Handler(Protocol):
    """What becomes of requests."""

    def connected(self, connection: "Connection") -> None:
        """A connection is there; it may be aborted at once."""
        ...

    def request(self, connection: "Connection", request: Request) -> None:
        """To be answered now or later by `Connection.answer`."""
        ...

    def interleaved(self, connection: "Connection", channel: int, data: bytes) -> None:
        """Data between the requests."""
        ...

    def lost(self, connection: "Connection", reason: str) -> None:
        """It is over; told once."""
        ...


class Connection(asyncio.Protocol):
    """Made for each accepted connection; nothing here waits.

    `is_kept`: its viewer takes packets between the requests, so that silence proves nothing.
    """

    transport: asyncio.Transport

    def __init__(self, handler: Handler, now: Callable[[], float]) -> None:
        self.remote: tuple[str, int] = ("", 0)
        self.own_host = ""
        self.is_over = False
        self.is_kept = False
        self.has_session = False
        self._handler = handler
        self._now = now
        self._reader = RequestReader()
        self._asked: Request | None = None
        self._is_closing = False
        self._reads = False
        self._is_paused = False
        self._reason = "left"
        self._heard_s = now()
        self._written = 0
        self._taken = 0
        self._taken_s = now()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected, and encrypted where that is so."""
        self.transport = cast("asyncio.Transport", transport)
        self.remote = _address(transport.get_extra_info("peername"))
        self.own_host = _address(transport.get_extra_info("sockname"))[0]
        self._handler.connected(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the viewer, cut anyhow."""
        if self._is_closing:
            return
        self._reader.feed(data)
        self._read()
        if self._reader.waiting_bytes > BUFFER_LIMIT_BYTES and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Over, whoever ended it."""
        _ = exc
        self._is_closing = self.is_over = True
        self._handler.lost(self, self._reason)

    def answer(
        self, status: int, headers: Headers = (), body: bytes = b"", content_type: str = ""
    ) -> None:
        """The answer to the request; the next one is looked at after that."""
        asked, self._asked = self._asked, None
        if asked is None or self._is_closing:
            return
        self.write(answer_bytes(status, asked.cseq, headers, body, content_type))
        if not self._reads:
            asyncio.get_running_loop().call_soon(self._read)

    def write(self, data: bytes) -> None:
        """Bytes as they go."""
        if not self._is_closing:
            self._written += len(data)
            self.transport.write(data)

    def waiting_bytes(self) -> int:
        """What has been written and not been taken over by the kernel."""
        return self.transport.get_write_buffer_size()

    def close(self, reason: str) -> None:
        """End it behind what waits. Idempotent."""
        if not self._is_closing:
            self._reason = reason
            self._is_closing = True
            self.transport.close()

    def abort(self, reason: str) -> None:
        """End it now."""
        self._reason = reason
        self._is_closing = True
        self.transport.abort()

    def heard(self) -> None:
        """The viewer lives."""
        self._heard_s = self._now()

    def tick(self, now_s: float) -> None:
        """Time passes: who says nothing or takes nothing is dropped."""
        waiting = self.waiting_bytes()
        taken = self._written - waiting
        if waiting == 0 or taken != self._taken:
            self._taken, self._taken_s = taken, now_s
        elif now_s - self._taken_s > STUCK_LIMIT_S:
            self.abort("too_slow")
            return
        limit_s = SESSION_TIMEOUT_S + SESSION_GRACE_S if self.has_session else IDLE_LIMIT_S
        if not self.is_kept and self._asked is None and now_s - self._heard_s > limit_s:
            self.abort("timeout")

    def _read(self) -> None:
        self._reads = True
        try:
            while self._asked is None and not self._is_closing:
                found = self._reader.next()
                if found is None:
                    break
                self.heard()
                self._take(found)
        except ProtocolError:
            # What comes next on this connection cannot be trusted.
            self.write(answer_bytes(400, ""))
            self.close("bad_request")
        finally:
            self._reads = False
        if self._is_paused and self._reader.waiting_bytes <= BUFFER_LIMIT_BYTES:
            self._is_paused = False
            if not self._is_closing:
                self.transport.resume_reading()

    def _take(self, found: Request | Interleaved) -> None:
        if isinstance(found, Interleaved):
            self._handler.interleaved(self, found.channel, found.data)
            return
        limit_bytes = PLAYING_LIMIT_BYTES if self.is_kept else ANSWERS_LIMIT_BYTES
        if self.waiting_bytes() > limit_bytes:
            self.abort("too_slow")
        else:
            self._asked = found
            self._handler.request(self, found)


def _address(name: object) -> tuple[str, int]:
    if not isinstance(name, tuple):
        return "", 0
    host, port = cast("tuple[str, int]", name)[:2]
    return host, port
