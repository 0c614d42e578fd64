"""SIP URIs (RFC 3261, 19.1), read generously: a ten-digit domain is a host here."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from sip.errors import ProtocolError

HIGHEST_PORT = 65_535

LONGEST_REMEMBERED: Final = 128
"""Characters of a URI that is worth remembering."""

REMEMBERED: Final = 1024
"""URIs: From and To of a request name the same one, and so does the request that follows."""

_NO_PARAMS: Mapping[str, str | None] = {}


def parse_port(text: str) -> int:
    """A port number between 1 and 65535, in ASCII digits; ProtocolError otherwise."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        raise ProtocolError("port is not a number")
    port = int(digits)
    if not 0 < port <= HIGHEST_PORT:
        raise ProtocolError("port out of range")
    return port


def split_host_port(text: str) -> tuple[str, int | None]:
    """`host`, `host:port` or `[v6]:port`; the brackets of an IPv6 address are dropped."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not host:
            raise ProtocolError("IPv6 address without its bracket")
        rest = rest.strip()
        if not rest:
            return host, None
        if not rest.startswith(":"):
            raise ProtocolError("text after an IPv6 address")
        return host, parse_port(rest[1:])
    host, colon, port = text.partition(":")
    host = host.strip()
    if not host:
        raise ProtocolError("empty host")
    # A colon with nothing behind it is seen from devices whose port setting is empty.
    return host, parse_port(port) if colon and port.strip() else None


def join_host_port(host: str, port: int | None) -> str:
    """The inverse of `split_host_port`."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def parse_params(text: str) -> dict[str, str | None]:
    """`;a=1;b` as a mapping with lower-case names; a bare name has the value None.

    The first of a repeated parameter counts. Quoted values keep their quotes off.
    """
    params: dict[str, str | None] = {}
    pieces = text.split(";") if '"' not in text else split_outside_quotes(text, ";")
    for piece in pieces:
        name, equals, value = piece.partition("=")
        key = name.strip().lower()
        if key and key not in params:
            params[key] = unquote(value.strip()) if equals else None
    return params


def _piece(separator: str) -> re.Pattern[str]:
    """Up to a separator: plain text, quoted strings, bracketed text, unfinished ones too.

    Every part is possessive, so the time is linear whatever the text.
    """
    plain = rf'[^"<{separator}]++'
    quoted = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
    bracketed = r"<[^>]*+(?:>|\Z)"
    return re.compile(f"(?:{plain}|{quoted}|{bracketed})*+", re.DOTALL)


_PIECES: Final = {separator: _piece(separator) for separator in ",;"}


def split_outside_quotes(text: str, separator: Literal[",", ";"]) -> list[str]:
    """Split at `separator` where it stands neither in a quoted string nor between `<` and `>`."""
    if '"' not in text and "<" not in text:
        return text.split(separator)
    piece = _PIECES[separator]
    pieces: list[str] = []
    start = 0
    while True:
        found = piece.match(text, start)
        end = found.end() if found else len(text)
        pieces.append(text[start:end])
        if end >= len(text):
            return pieces
        start = end + 1


def unquote(text: str) -> str:
    """A quoted string without quotes and escapes (RFC 3261, 25.1); other text unchanged."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    characters: list[str] = []
    escaped = False
    for character in inner:
        if character == "\\" and not escaped:
            escaped = True
            continue
        characters.append(character)
        escaped = False
    return "".join(characters)


def quote(text: str) -> str:
    """The inverse of `unquote`: text as a quoted string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class SipUri(NamedTuple):
    """`sip:user@host:port;params?headers`. Of other schemes (tel, ...) `host` holds the rest.

    `user` keeps its escapes and a password, if any, as sent. `params` have lower-case names.
    """

    scheme: str
    user: str
    host: str
    port: int | None = None
    params: Mapping[str, str | None] = _NO_PARAMS
    headers: str = ""

    @staticmethod
    def parse(text: str) -> "SipUri":
        """Read one URI; ProtocolError when there is no scheme or no host."""
        return (_remembered if len(text) <= LONGEST_REMEMBERED else _read)(text)

    def __str__(self) -> str:
        if self.scheme not in {"sip", "sips"}:
            return f"{self.scheme}:{self.host}"
        user = f"{self.user}@" if self.user else ""
        params = "".join(
            f";{name}" if value is None else f";{name}={value}"
            for name, value in self.params.items()
        )
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{join_host_port(self.host, self.port)}{params}{headers}"


def _read(text: str) -> SipUri:
    scheme, colon, rest = text.strip().partition(":")
    if not colon or not rest or not scheme.strip():
        raise ProtocolError("URI without a scheme")
    scheme = scheme.strip().lower()
    if scheme not in {"sip", "sips"}:
        return SipUri(scheme, "", rest)
    # The user part may hold ';' and '?' (RFC 3261, 19.1.2), so it is cut off first.
    user, at, rest_of_uri = rest.rpartition("@")
    if at and not user:
        raise ProtocolError("empty user in a URI")
    rest_of_uri, _, headers = rest_of_uri.partition("?")
    where, semicolon, params = rest_of_uri.partition(";")
    host, port = split_host_port(where)
    return SipUri(
        scheme, user, host, port, parse_params(params) if semicolon else _NO_PARAMS, headers
    )


_remembered: Final = lru_cache(REMEMBERED)(_read)
