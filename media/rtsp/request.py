"""Requests and interleaved data out of the bytes of a connection, and answers (RFC 2326). Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from media.errors import ProtocolError

HEAD_LIMIT_BYTES = 8 * 1024
BODY_LIMIT_BYTES = 8 * 1024
HEADERS_LIMIT = 64

VERSION = "RTSP/1.0"
_INTERLEAVED = 0x24
_LINE = re.compile(r"([A-Z_]{1,32}) ([!-~]{1,2048}) ([A-Z]{1,8}/[0-9.]{1,8})")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")

_REASONS = {
    451: "Parameter Not Understood",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}
"""Status codes that HTTP has not, or calls otherwise (7.1.1)."""

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case, of repeated ones the first counts."""

    method: str
    url: str
    version: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def cseq(self) -> str:
        """The number that the answer repeats (12.17); empty without one."""
        text = self.headers.get("cseq", "")
        return text if text.isascii() and text.isdigit() and len(text) <= 10 else ""


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Data of one channel between the requests (10.12)."""

    channel: int
    data: bytes


class RequestReader:
    """Fed with bytes cut anyhow; bounded by the limits of one request."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0

    @property
    def waiting_bytes(self) -> int:
        """What has come and not been asked for by `next`."""
        return len(self._rest)

    def feed(self, data: bytes) -> None:
        """More bytes."""
        self._rest += data

    def next(self) -> Request | Interleaved | None:
        """What is whole now; None: nothing is. `ProtocolError`: this connection is beyond help."""
        # Empty lines before a request are passed over, as everywhere.
        blank = len(self._rest) - len(self._rest.lstrip(b"\r\n"))
        if blank:
            del self._rest[:blank]
        if not self._rest:
            return None
        if self._rest[0] == _INTERLEAVED:
            return self._interleaved()
        return self._request()

    def _interleaved(self) -> Interleaved | None:
        if len(self._rest) < 4:
            return None
        end = 4 + int.from_bytes(self._rest[2:4])
        if len(self._rest) < end:
            return None
        found = Interleaved(self._rest[1], bytes(self._rest[4:end]))
        del self._rest[:end]
        return found

    def _request(self) -> Request | None:
        end = self._rest.find(b"\r\n\r\n", max(0, self._searched - 3), HEAD_LIMIT_BYTES)
        if end < 0:
            if len(self._rest) >= HEAD_LIMIT_BYTES:
                raise ProtocolError("overlong-head")
            self._searched = len(self._rest)
            return None
        method, url, version, headers = _parse_head(bytes(self._rest[:end]))
        length = _content_length(headers)
        end += 4
        if len(self._rest) < end + length:
            # The head is read again with the body: both are short.
            self._searched = end - 4
            return None
        body = bytes(self._rest[end : end + length])
        del self._rest[: end + length]
        self._searched = 0
        return Request(method, url, version, headers, body)


def answer_bytes(
    status: int, cseq: str, headers: Headers = (), body: bytes = b"", content_type: str = ""
) -> bytes:
    """A response as it travels."""
    reason = _REASONS.get(status) or HTTPStatus(status).phrase
    lines = [f"{VERSION} {status} {reason}"]
    if cseq:
        lines.append(f"CSeq: {cseq}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join((*lines, "", "")).encode() + body


def _parse_head(head: bytes) -> tuple[str, str, str, dict[str, str]]:
    try:
        first, *lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError as error:
        raise ProtocolError("head-no-text") from error
    parts = _LINE.fullmatch(first)
    if parts is None:
        raise ProtocolError("no-request-line")
    if len(lines) > HEADERS_LIMIT:
        raise ProtocolError("too-many-headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.replace("\t", " ")
        if not colon or _NAME.fullmatch(name) is None or not value.isprintable():
            raise ProtocolError("bad-header")
        headers.setdefault(name.lower(), value.strip())
    return parts[1], parts[2], parts[3], headers


def _content_length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise ProtocolError("bad-content-length")
    length = int(text)
    if length > BODY_LIMIT_BYTES:
        raise ProtocolError("overlong-body")
    return length
