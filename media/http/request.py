"""Requests out of the bytes of a connection, and answers; h11 reads and checks them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

import h11

from media.errors import ProtocolError

HEAD_LIMIT_BYTES = 8 * 1024
"""Of a request line with its headers; also of what may wait behind a request."""

QUERY_LIMIT_FIELDS = 16

METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Headers = Sequence[tuple[str, str]]


class BadRequestError(ProtocolError):
    """A request that is refused with an HTTP status; the connection ends with the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One request; of headers and fields of the query that repeat, the last one."""

    method: str
    target: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By name in lower case."""

    @property
    def wants_websocket(self) -> bool:
        """Does it ask for an upgrade?"""
        return self.headers.get("upgrade", "").lower() == "websocket"


class RequestReader:
    """One connection's requests, one after the other: each is answered before the next is read."""

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT_BYTES)
        self._waiting_bytes = 0
        self._wants_body = True

    @property
    def is_partial(self) -> bool:
        """Has a request begun that is not whole?"""
        return self._waiting_bytes > 0

    @property
    def keeps_open(self) -> bool:
        """May another request follow on this connection?"""
        return self._connection.our_state is h11.IDLE

    def feed(self, data: bytes) -> None:
        """What the connection brought. `BadRequestError`: more than may wait."""
        if not data:
            return  # to h11 it would be the end
        self._waiting_bytes += len(data)
        if self._waiting_bytes > 2 * HEAD_LIMIT_BYTES:
            raise BadRequestError(431, "too-much-at-once")
        try:
            self._connection.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise BadRequestError(400, "bad-request") from error

    def next(self) -> Request | None:
        """The next request; None while it is not whole. `BadRequestError` when it is none."""
        try:
            event = self._connection.next_event()
            if not isinstance(event, h11.Request):
                return None
            request = _request(event)
            if not isinstance(self._connection.next_event(), h11.EndOfMessage):
                raise BadRequestError(400, "no-body-is-taken")
        except h11.RemoteProtocolError as error:
            raise BadRequestError(error.error_status_hint, "bad-request") from error
        self._waiting_bytes = len(self.rest)
        self._wants_body = request.method != "HEAD"
        return request

    @property
    def rest(self) -> bytes:
        """What came behind the last request."""
        return self._connection.trailing_data[0]

    def answer(self, status: int, headers: Headers, body: bytes, *, is_last: bool = False) -> bytes:
        """The answer to the last request, whole; `is_last`: the connection ends with it."""
        told = list(headers)
        if status != HTTPStatus.NO_CONTENT:
            told.append(("Content-Length", str(len(body))))
        if is_last:
            told.append(("Connection", "close"))
        connection = self._connection
        response = h11.Response(status_code=status, headers=told, reason=_reason(status))
        parts = [connection.send(response)]
        if self._wants_body and body:
            parts.append(connection.send(h11.Data(data=body)))
        parts.append(connection.send(h11.EndOfMessage()))
        if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
            connection.start_next_cycle()
        return b"".join(part for part in parts if part)


def head_of(status: int, headers: Headers) -> bytes:
    """The head of an answer that goes on until the connection ends."""
    lines = [f"HTTP/1.1 {status} {_reason(status).decode()}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join((*lines, "Connection: close", "", "")).encode()


def _request(event: h11.Request) -> Request:
    method = event.method.decode("ascii")
    if method not in METHODS:
        raise BadRequestError(405, "method-not-allowed")
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise BadRequestError(400, "no-body-is-taken")
    target = event.target.decode("latin-1")
    path, _, query = target.partition("?")
    try:
        fields = dict(parse_qsl(query, max_num_fields=QUERY_LIMIT_FIELDS))
    except ValueError as error:
        raise BadRequestError(400, "bad-query") from error
    return Request(method, target, path, fields, headers)


def _reason(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode()
