"""Cutting a TCP stream into messages (RFC 3261, 18.3).

Content-Length decides. Where it is absent, or where an XML body shows that it was counted in
another charset, the end of the XML root or the next start line decides. However the stream is cut
into segments, the messages come out the same.
"""

import re
from typing import Final

from sip.errors import ProtocolError
from sip.message import METHODS
from sip.parser import MAX_HEAD_BYTES, MAX_LINE_CHARACTERS

UNTRUSTED_LIMIT_BYTES: Final = 64 * 1024
TRUSTED_LIMIT_BYTES: Final = 16 * 1024 * 1024

MAX_JUNK_BYTES: Final = 4_096
"""More than this between two messages and the peer does not speak SIP."""

MAX_MISCOUNT_BYTES: Final = 4_096
"""How far behind the declared end the end of an XML root is looked for."""

_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_START_LINE: Final = re.compile(
    rb"(?:SIP/\d\.\d +\d{3}\b|[A-Za-z0-9\-.!%*_+`'~]{1,64} +\S+ +SIP/\d\.\d\s*\Z)", re.IGNORECASE
)
# Known methods only: behind the tail of a miscounted body anything else may be text.
NEXT_START: Final = re.compile(
    rb"SIP/2\.0 +\d{3} [^\r\n]*\r?\n|(?:"
    + b"|".join(sorted(method.encode() for method in METHODS))
    + rb") +[A-Za-z]+:[^\s]+ +SIP/2\.0\r?\n"
)
# The same, as far as it has arrived.
_BEGUN_START: Final = re.compile(
    b"(?:"
    + b"|".join(
        re.escape(word[:length]) + (rb"(?: |\Z)" if length == len(word) else rb"\Z")
        for word in sorted({b"SIP/2.0", *(method.encode() for method in METHODS)})
        for length in range(1, len(word) + 1)
    )
    + b")"
)
_LENGTH: Final = re.compile(
    rb"^(?:content-length|l)[ \t]*:[ \t]*([^\s]*)[^\n]*$", re.IGNORECASE | re.MULTILINE
)
_TYPED: Final = re.compile(rb"^(?:content-type|c)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_ROOT: Final = re.compile(rb"\s*(?:<[?!][^>]*>\s*)*<([A-Za-z_][\w.\-]{0,63})")
_SELF_CLOSED: Final = re.compile(rb"[^<>]*/>")
_PADDING: Final = b"\r\n\0 \t"


class StreamFramer:
    """One per connection. `limit_bytes` may be raised once the peer is trusted."""

    __slots__ = ("_buffer", "_head_end", "_junk_bytes", "_need", "_scanned", "limit_bytes")

    def __init__(self, limit_bytes: int = UNTRUSTED_LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._junk_bytes = 0
        self._forget()

    def _forget(self) -> None:
        self._head_end = 0  # where the body starts; 0 = the head is not complete yet
        self._need: int | None = None  # where the message ends as declared
        self._scanned = 0  # nothing of interest ends before this

    @property
    def pending_bytes(self) -> int:
        """Bytes of a message that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages completed by these bytes.

        ProtocolError when the peer sends too large a message or no SIP: the stream is then lost,
        so close the connection; messages that were complete before are lost with it.
        """
        buffer = self._buffer
        buffer += data
        frames: list[bytes] = []
        while buffer:
            if not self._head_end and not self._find_head():
                break
            end = self._find_end()
            if end is None:
                break
            frames.append(bytes(buffer[:end]))
            del buffer[:end]
            self._junk_bytes = 0
            self._forget()
        return frames

    @property
    def is_whole_as_declared(self) -> bool:
        """The message has all its declared bytes, and is held because its body does not look so."""
        return self._need is not None and len(self._buffer) >= self._need

    def take_as_declared(self) -> list[bytes]:
        """Nothing follows: the declared length was right, whatever the body looks like. That
        message, and what comes to light behind it."""
        if self._need is None or not self.is_whole_as_declared:
            return []
        frame = bytes(self._buffer[: self._need])
        del self._buffer[: self._need]
        self._junk_bytes = 0
        self._forget()
        return [frame, *self.feed(b"")]

    def _find_head(self) -> bool:
        buffer = self._buffer
        if not self._scanned and not self._find_start():
            return False
        # Three bytes back: the blank line may have been cut in its middle.
        blank = _BLANK_LINE.search(buffer, max(0, self._scanned - 3))
        if blank is None:
            self._scanned = len(buffer)
            if len(buffer) > min(MAX_HEAD_BYTES, self.limit_bytes):
                raise ProtocolError("head too large", 513)
            return False
        self._head_end = self._scanned = blank.end()
        declared = _declared_length(_LENGTH.findall(buffer, 0, blank.end()))
        if declared is not None:
            self._need = self._head_end + declared
        elif _TYPED.search(buffer, 0, blank.end()) is None:
            self._need = self._head_end
        if max(self._head_end, self._need or 0) > self.limit_bytes:
            raise ProtocolError("message too large", 513)
        return True

    def _find_start(self) -> bool:
        """Drop padding and junk until the buffer begins with a start line."""
        buffer = self._buffer
        while True:
            if buffer[:1] in _PADDING:
                del buffer[: len(buffer) - len(buffer.lstrip(_PADDING))]
            end_of_line = buffer.find(b"\n")
            if end_of_line < 0:
                if len(buffer) > MAX_LINE_CHARACTERS:
                    raise ProtocolError("no start line", None)
                return False
            if _START_LINE.match(buffer, 0, end_of_line):
                self._scanned = end_of_line
                return True
            glued = NEXT_START.search(buffer, 0, end_of_line + 1)
            dropped = glued.start() if glued else end_of_line + 1
            del buffer[:dropped]
            self._junk_bytes += dropped
            if self._junk_bytes > MAX_JUNK_BYTES:
                raise ProtocolError("junk in the stream", None)

    def _find_end(self) -> int | None:
        buffer, head_end, need = self._buffer, self._head_end, self._need
        if need is None:
            return self._end_without_length()
        if len(buffer) < need:
            return None
        root = _ROOT.match(buffer, head_end) if need > head_end else None
        # A root whose name begins behind the declared end is none: it need not have arrived yet.
        if root is None or root.start(1) >= need or _SELF_CLOSED.match(buffer, root.end(), need):
            return need
        if root.end() > need and root.end() == len(buffer):
            return None  # counted so short that the name of the root is still arriving
        return self._end_of_xml(b"</" + root[1] + b">", need)

    def _end_of_xml(self, closing: bytes, need: int) -> int | None:
        """The declared end, unless the root's end says that it was miscounted."""
        buffer = self._buffer
        found = buffer.find(closing, self._head_end, need)
        if found < 0:
            return self._end_of_short_count(closing, need)
        end = found + len(closing)
        rest = bytes(buffer[end:need]).lstrip(_PADDING)
        if not rest or not _BEGUN_START.match(rest):
            return need
        # Counted too long, the body reaches into the next message: give that back. Whether it
        # is one shows when its start line is complete.
        line = rest + bytes(buffer[need : need + MAX_LINE_CHARACTERS])
        if NEXT_START.match(line):
            return end
        return need if b"\n" in line or len(line) > MAX_LINE_CHARACTERS else None

    def _end_of_short_count(self, closing: bytes, need: int) -> int | None:
        """Counted too short: the root closes a little behind the declared end."""
        buffer = self._buffer
        last = need + MAX_MISCOUNT_BYTES
        found = buffer.find(closing, max(self._head_end, need - len(closing)), last)
        following = self._next_start(min(last, len(buffer)))
        if found >= 0 and (following is None or found < following.start()):
            return found + len(closing)
        if following is not None:
            return following.start()
        return need if len(buffer) >= last else None

    def _end_without_length(self) -> int | None:
        buffer, head_end, scanned = self._buffer, self._head_end, self._scanned
        following = self._next_start(len(buffer))
        root = _ROOT.match(buffer, head_end)
        if root is not None:
            closing = b"</" + root[1] + b">"
            found = buffer.find(closing, max(head_end, scanned - len(closing)))
            if found >= 0 and (following is None or found < following.start()):
                return found + len(closing)
        if following is not None:
            return following.start()
        if len(buffer) > min(self.limit_bytes, UNTRUSTED_LIMIT_BYTES):
            raise ProtocolError("message too large", 513)
        return None

    def _next_start(self, end: int) -> re.Match[bytes] | None:
        """The first whole start line in the body up to `end`.

        A line is looked at again only when it has got its end: a peer may send byte by byte.
        """
        buffer, scanned = self._buffer, self._scanned
        self._scanned = end
        if buffer.find(b"\n", scanned, end) < 0:
            return None
        line = max(self._head_end, buffer.rfind(b"\n", self._head_end, scanned) + 1)
        return NEXT_START.search(buffer, line, end)


def _declared_length(values: list[bytes]) -> int | None:
    """None where nothing is declared. Two lengths, or one that is none, leave no way to go on."""
    stated = {value for value in values if value}
    if not stated:
        return None
    if len(stated) > 1:
        raise ProtocolError("contradicting Content-Length")
    text = stated.pop()
    if not text.isdigit() or len(text) > 9:
        raise ProtocolError("Content-Length is no number")
    return int(text)
