"""WebSocket (RFC 6455) on the server's side: what viewers send is read by `websockets`.

What they are sent are frames that are built once and shared, so they are written here.
"""

import logging
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request as HandshakeRequest
from websockets.protocol import OPEN, SERVER, Protocol
from websockets.server import ServerProtocol

from media.http.request import BadRequestError, Request

INCOMING_LIMIT_BYTES = 4 * 1024
"""Of a message: viewers have nothing to say."""

PING = b"\x89\x00"

_TEXT, _BINARY = 0x81, 0x82
_CLOSE_REASON_BYTES = 100

_log = logging.getLogger("media.websocket")
_log.setLevel(logging.WARNING)


def binary_frame(data: bytes) -> bytes:
    """A whole message of bytes, unmasked as servers send (5.2)."""
    return _head(_BINARY, len(data)) + data


def text_frame(text: str) -> bytes:
    """A whole message of text."""
    data = text.encode()
    return _head(_TEXT, len(data)) + data


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2)
    return bytes((first, 127)) + size.to_bytes(8)


def handshake(request: Request) -> bytes:
    """The answer that opens the connection (4.2.2). `BadRequestError` when it is not asked so."""
    protocol = ServerProtocol(logger=_log)
    try:
        headers = Headers(list(request.headers.items()))
        response = protocol.accept(HandshakeRequest(request.target, headers))
    except InvalidHandshake as error:
        raise BadRequestError(400, "bad-handshake") from error
    finally:
        protocol.parser.close()
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        raise BadRequestError(response.status_code, "bad-handshake")
    return response.serialize()


class WebSocket:
    """One open connection: pings are answered, everything else that is said is dropped.

    A frame that is unmasked, too large or against the rules ends it, as 7.1.7 asks.
    """

    def __init__(self) -> None:
        self._protocol = Protocol(SERVER, state=OPEN, max_size=INCOMING_LIMIT_BYTES, logger=_log)

    @property
    def is_over(self) -> bool:
        """True when the connection shall be closed, what `feed` or `close` gave being sent."""
        return self._protocol.close_expected()

    def feed(self, data: bytes) -> bytes:
        """What there is to send about bytes that came."""
        self._protocol.receive_data(data)
        self._protocol.events_received()
        return self._to_send()

    def close(self, code: int, reason: str) -> bytes:
        """A farewell; nothing more is sent after it. Idempotent."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code, reason[:_CLOSE_REASON_BYTES])
        return self._to_send()

    def end(self) -> None:
        """The connection is gone. Its parser and what it parses for hold each other until this."""
        self._protocol.parser.close()

    def _to_send(self) -> bytes:
        return b"".join(self._protocol.data_to_send())
