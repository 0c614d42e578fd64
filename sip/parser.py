"""Bytes to messages, generously (RFC 3261, 7 and 18.3).

Tolerated: line feeds without carriage returns, blank lines and NULs before the message, blanks
around the colon, folded lines, lines without a colon, compact and oddly cased names, bytes that
are not UTF-8 in headers (kept as surrogate escapes, so that they go out as they came in), and a
Content-Length that lies about a datagram.
"""

import re
from typing import Final

from sip.errors import ProtocolError
from sip.headers import USUAL_KEYS, Headers, header_key
from sip.message import METHODS, Request, Response
from sip.oddities import LF_LINE_ENDS, WITH_DOUBTS, findings_of, is_start_line, is_unusual

MAX_DATAGRAM_BYTES: Final = 65_535
MAX_HEAD_BYTES: Final = 65_536
MAX_LINE_CHARACTERS: Final = 8_192
MAX_FIELDS: Final = 512

_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_PADDING: Final = b"\r\n\0 \t"
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}\Z")


def parse_message(data: bytes) -> Request | Response:
    """One datagram, or one message cut out of a stream. ProtocolError, whatever the bytes.

    The body is what follows the first blank line. A datagram knows its own length, so where
    Content-Length says otherwise the datagram wins; only padding behind the declared end goes.
    """
    if data[:1] in b"\r\n\0":
        data = data.lstrip(b"\r\n\0")
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank or b"\n\n" in head or b"\n\r\n" in head:
        found = _BLANK_LINE.search(data)
        head, body = (data[: found.start()], data[found.end() :]) if found else (data, b"")
    if len(head) > MAX_HEAD_BYTES:
        raise ProtocolError("head too large", 513)
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    odd: list[str] = []
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        lines = text.replace("\r\n", "\n").replace("\r", " ").split("\n")
        odd.append(LF_LINE_ENDS)
    if len(lines) > MAX_FIELDS:
        raise ProtocolError("too many header lines")
    message = _start_line(lines[0])
    fields = fields_of(lines)
    message.headers = Headers.of_parsed(fields)
    if body:
        message.body = _without_padding(message.headers, body)
    if isinstance(message, Request):
        message.received_bytes = len(data)
        names = {field[0] for field in fields}
        if (
            odd
            or len(names) != len(lines) - 1
            or not names.isdisjoint(WITH_DOUBTS)
            or is_unusual(message, lines[0], body)
        ):
            message.findings = findings_of(message, lines, odd, body)
    return message


def _start_line(line: str) -> Request | Response:
    words = line.split(None, 2)
    if len(words) < 2:
        raise ProtocolError("no start line", None)
    if words[0][:4].upper() == "SIP/":
        status = words[1]
        if words[0].upper() != "SIP/2.0":
            raise ProtocolError("response of another version", None)
        if len(status) != 3 or not status.isascii() or not status.isdigit() or status[0] == "0":
            raise ProtocolError("status is not a number", None)
        reason = words[2].rstrip() if len(words) == 3 else ""
        return Response(int(status), reason, Headers())
    if len(words) < 3 or (words[0] not in METHODS and not _TOKEN.match(words[0])):
        raise ProtocolError("no start line", None)
    # Blanks inside the URI are wrong but leave its end, the version, in no doubt.
    uri, _, version = words[2].rstrip().rpartition(" ")
    if version != "SIP/2.0" and not version.upper().startswith("SIP/"):
        raise ProtocolError("no start line", None)
    return Request(words[0], f"{words[1]} {uri}" if uri else words[1], Headers())


def fields_of(lines: list[str]) -> list[tuple[str, str, str]]:
    """The header fields below a start line, as `Headers.of_parsed` takes them; ProtocolError."""
    fields: list[tuple[str, str, str]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        key = USUAL_KEYS.get(name)
        if key is not None and colon and len(line) <= MAX_LINE_CHARACTERS:
            fields.append((key, name, value.strip()))
        else:
            _unusual_field(line, fields)
    return fields


def _unusual_field(line: str, fields: list[tuple[str, str, str]]) -> None:
    if len(line) > MAX_LINE_CHARACTERS:
        raise ProtocolError("header line too long", 513)
    if line[:1] in {" ", "\t"}:
        if fields and (more := line.strip()):
            key, name, value = fields[-1]
            if len(value) + len(more) > MAX_LINE_CHARACTERS:
                raise ProtocolError("header line too long", 513)
            fields[-1] = (key, name, f"{value} {more}" if value else more)
        return
    name, colon, value = line.partition(":")
    name = name.rstrip()
    if colon and name:
        fields.append((header_key(name), name, value.strip()))


def _without_padding(headers: Headers, body: bytes) -> bytes:
    declared = content_length(headers)
    if declared is None or declared >= len(body):
        return body
    rest = body[declared:].strip(_PADDING)
    return body[:declared] if not rest or is_start_line(rest.partition(b"\n")[0]) else body


def content_length(headers: Headers) -> int | None:
    """The declared length of the body in bytes; None when absent or no number."""
    text = headers.get("Content-Length")
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return int(text)
