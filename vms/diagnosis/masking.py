"""Takes secrets out of SIP messages that people get to see. Lengths stay, so that tools dissect.

Pure. Works on any bytes: what is no message, or is cut off, loses its secrets all the same.
"""

import re

MASK = b"*"

_KEPT_NONCE = 8
"""Enough of a nonce to see which challenge an answer belongs to; the rest is a MAC of ours."""

_HARMLESS = frozenset({b"username", b"realm", b"uri", b"algorithm", b"qop", b"nc", b"opaque"})

_WORDS = rb"(?:password|passwd|pwd|secret|token|api-?key|credential)"

_LINE = rb"(?:^|[\r\n\0])[ \t]*"
_VALUE = rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)"
"""Of a header, to its end: the parser takes a lone carriage return for a blank."""

_CREDENTIALS = re.compile(
    _LINE + rb"(?:proxy-)?(?:authorization|authentication-info)" + _VALUE, re.IGNORECASE
)
_CHALLENGE = re.compile(_LINE + rb"(?:www|proxy)-authenticate" + _VALUE, re.IGNORECASE)
_SECRET_HEADER = re.compile(
    _LINE + rb"[\w-]{0,64}(?:" + _WORDS + rb"|cookie)[\w-]{0,64}" + _VALUE, re.IGNORECASE
)
_SCHEME = re.compile(rb"\s*[A-Za-z0-9-]+(?=\s)")
# Repetitions are bounded, so that no text costs more than its length.
_PARAMETER = re.compile(rb'(?<![\w-])([\w-]{1,32})\s*=\s*("(?:[^"\\]|\\.)*"|[^,\s"]*)')
_NONCE = re.compile(rb'\bnonce\s*=\s*"?([^",\s]*)', re.IGNORECASE)
_PASSWORD_ELEMENT = re.compile(
    rb"<[^<>/\s]{0,64}" + _WORDS + rb"[^<>]{0,256}(?<!/)>", re.IGNORECASE
)
_PASSWORD_END = re.compile(rb"</[^<>\s]{0,64}" + _WORDS, re.IGNORECASE)
_CDATA = b"<![CDATA["
_UPLOAD_ELEMENT = re.compile(
    rb"<(?:[\w.-]{1,64}:)?(?:upload|file)_?url\b[^<>]{0,256}(?<!/)>(?:<!\[CDATA\[)?([^<]*)",
    re.IGNORECASE,
)
_AFTER_HOST = re.compile(rb"\s*[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]*(.*)", re.DOTALL)
_VALUES = (
    re.compile(_WORDS + rb"\s*=\s*[\"']([^\"']*)", re.IGNORECASE),
    re.compile(
        rb"[\"'][\w-]{0,32}" + _WORDS + rb"[\w-]{0,32}[\"']\s*:\s*[\"']([^\"']*)", re.IGNORECASE
    ),
    re.compile(
        rb"[?&;][\w-]{0,32}(?:" + _WORDS + rb"|signature|auth)[\w-]{0,32}=([^&<>\"'\s;]*)",
        re.IGNORECASE,
    ),
    re.compile(rb"://[^\s:@/<>]{0,256}+:([^\s@/<>]{0,256}+)@"),
    re.compile(rb"\bsips?:[^\s:@<>\"]{1,256}+:([^\s@<>\"]{1,256}+)@", re.IGNORECASE),
    # Where devices upload pictures to us: the token follows.
    re.compile(rb"/upload/snapshots/([\w-]{1,256})", re.IGNORECASE),
    # Keys of media in SDP (RFC 4566, 5.12; RFC 4568).
    re.compile(rb"(?:^|[\r\n])k=([^\r\n]*)"),
    re.compile(rb"\binline:([^\s|;]{1,512})", re.IGNORECASE),
)


def masked(message: bytes) -> bytes:
    """The same number of bytes without digests, passwords and upload tokens."""
    out = bytearray(message)
    for found in _CREDENTIALS.finditer(message):
        value = found[1].removesuffix(b"\r")
        out[found.start(1) : found.start(1) + len(value)] = _without_proof(value)
    for found in _CHALLENGE.finditer(message):
        for nonce in _NONCE.finditer(found[1]):
            _blot(out, found.start(1) + nonce.start(1) + _KEPT_NONCE, found.start(1) + nonce.end(1))
    for found in _SECRET_HEADER.finditer(message):
        _blot(out, found.start(1), found.end(1) - found[1].endswith(b"\r"))
    _blot_passwords(message, out)
    for found in _UPLOAD_ELEMENT.finditer(message):
        path = _AFTER_HOST.match(found[1])
        start = found.start(1) + (path.start(1) if path else 0)
        _blot(out, start, found.end(1))
    for pattern in _VALUES:
        for found in pattern.finditer(message):
            _blot(out, found.start(1), found.end(1))
    return bytes(out)


def _without_proof(value: bytes) -> bytes:
    """Credentials: what is known to be harmless stays, and everything else goes."""
    out = bytearray(byte if byte in b' \t\r\n,="' else MASK[0] for byte in value)
    scheme = _SCHEME.match(value)
    if scheme is not None:
        out[: scheme.end()] = scheme[0]
    if scheme is None or scheme[0].strip().lower() != b"digest":
        return bytes(out)
    for found in _PARAMETER.finditer(value, scheme.end()):
        name = found[1].lower()
        out[found.start(1) : found.end(1)] = found[1]
        if name in _HARMLESS:
            out[found.start(2) : found.end(2)] = found[2]
        elif name == b"nonce":
            kept = found.start(2) + found[2].startswith(b'"') + _KEPT_NONCE
            kept = min(kept, found.end(2))
            out[found.start(2) : kept] = value[found.start(2) : kept]
    return bytes(out)


def _blot_passwords(message: bytes, out: bytearray) -> None:
    """Up to the end of each element; where it has none, to the next tag or the end of a cut-off."""
    at, has_ends = 0, True
    while (found := _PASSWORD_ELEMENT.search(message, at)) is not None:
        start = found.end()
        closing = _PASSWORD_END.search(message, start) if has_ends else None
        if closing is not None:
            at = closing.start()
        else:
            has_ends = False
            text = start + len(_CDATA) if message.startswith(_CDATA, start) else start
            at = message.find(b"<", text)
            at = at if at >= 0 else len(message)
        _blot(out, start, at)


def _blot(out: bytearray, start: int, end: int) -> None:
    if end > start:
        out[start:end] = MASK * (end - start)
