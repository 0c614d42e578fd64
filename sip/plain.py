"""MESSAGEs of the usual shape, answered without being taken apart and without a transaction.

Most of what a server of ten thousand devices hears are MESSAGEs that all look alike, are wanted
for one small effect, and get an empty 200. `PlainMessages` recognises them on their bytes and puts
the answer together from slices of the request, as a stateless server does (RFC 3261, 8.2.7).

What it accepts: MESSAGE in one line each of Via, From, To, Call-ID and CSeq, in this order, spelled
and spaced as in the standard's examples; an IPv4 sent-by, a branch with the magic cookie, at most a
bare `rport`; a tag in From, none in To; behind them, or behind the Via, only headers on which no
decision hangs. Everything else is None, and goes the general way.

Why it equals the general way: there such a request would be parsed, opened as a transaction,
delivered, and answered by `response_to(request, 200)`; these bytes are the same but for the To tag,
which is a keyed hash of the datagram instead of a random number. What a transaction is for, a
repeated request that gets the same answer without a second effect, follows from that and from the
marks kept here as long as a transaction would be (timer J). A request that was left to the general
way once is left to it again.
"""

import re
from collections.abc import Callable
from typing import Final

from sip.message import Flow
from sip.timers import LIMIT_S

MAX_PLAIN_BYTES: Final = 16_384
"""A part of a catalogue that names a dozen channels in all their elements."""
MAX_MARKS: Final = 65_536
"""Kept of one half of the memory; then the older half gives way early."""

PORT: Final = (
    rb"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}"
    rb"|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
)
"""What may follow a host, as `sip.uri.parse_port` reads it."""

_PLAIN: Final = re.compile(
    rb"MESSAGE sip:[\w.@:\-]{1,128} SIP/2\.0\r\n"
    rb"Via: (SIP/2\.0/(?:UDP|TCP) ([0-9.]{7,15})"
    + PORT
    + rb"((?:;rport)?;branch=z9hG4bK[\w.\-]{1,128}(?:;rport)?))\r\n"
    rb"(Max-Forwards: [1-9][0-9]?\r\n)?"
    rb"(From: (?:\"[\w ]{1,32}\" )?<sip:([0-9]{1,20})@[\w.\-]{1,64}" + PORT + rb">"
    rb";tag=[\w.\-]{1,128}\r\n"
    rb"To: (?:\"[\w ]{1,32}\" )?<sip:[\w.\-]{1,64}@[\w.\-]{1,64}" + PORT + rb">)\r\n"
    rb"(Call-ID: ([\w.@:\-]{1,256})\r\n"
    rb"CSeq: [0-9]{1,9} MESSAGE\r\n)"
    rb"(?:(?:(Contact: <sip:[\w.@:\-]{1,128}>)|(Max-Forwards: [1-9][0-9]?)"
    rb"|(User-Agent: [ -~]{0,256})|(Content-Type: [\w.+/\-]{1,64})|Content-Length: ([0-9]{1,5})"
    rb")\r\n)*\r\n"
)
_LINES_WITH_OPTIONS: Final = 12
_RPORT: Final = b";rport"


class PlainMessages:
    """`take` is asked for each new one with the user of From, the body and the flow.

    True: the effect has happened, and the answer is 200. False: nothing has, and the request goes
    the general way. `is_in_dialog` tells by Call-ID what belongs to a call.
    """

    __slots__ = (
        "_is_in_dialog",
        "_is_trusted",
        "_older",
        "_recent",
        "_take",
        "_turned_at",
        "absorbed",
    )

    def __init__(
        self,
        take: Callable[[str, bytes, Flow], bool],
        is_in_dialog: Callable[[str], bool],
        is_trusted: Callable[[Flow], bool],
    ) -> None:
        self._take = take
        self._is_in_dialog = is_in_dialog
        self._is_trusted = is_trusted
        # hash of datagram and source -> whether it was taken
        self._recent: dict[int, bool] = {}
        self._older: dict[int, bool] = {}
        self._turned_at = 0.0
        self.absorbed = 0  # repeats that were answered from memory

    def answer(self, data: bytes, flow: Flow, now: float) -> bytes | None:
        """The bytes of the 200; None for what goes the general way."""
        if len(data) > MAX_PLAIN_BYTES:
            return None
        found = _PLAIN.match(data)
        if found is None:
            return None
        via, host, params, hops, people, user, ids, call_id, *options, length = found.groups()
        body_at = found.end()
        rports = params.count(_RPORT)
        # As many lines as kinds of lines: no header stands there twice.
        lines = _LINES_WITH_OPTIONS - options.count(None) - (hops is None)
        if (
            length != b"%d" % (len(data) - body_at)
            or data.count(b"\n", 0, body_at) != lines + 1
            or (hops and options[1])
            or rports > 1
            or b"received" in params
        ):
            return None
        mark = hash((data, flow.remote))
        if not self._is_taken(mark, call_id, user, data[body_at:], flow, now):
            return None
        if rports:
            via = via.replace(_RPORT, _noted(flow, with_port=True), 1)
        elif host.decode() != flow.remote.host:
            via += _noted(flow, with_port=False)
        return b"SIP/2.0 200 OK\r\nVia: %b\r\n%b;tag=%016x\r\n%bContent-Length: 0\r\n\r\n" % (
            via,
            people,
            mark & 0xFFFF_FFFF_FFFF_FFFF,
            ids,
        )

    def _is_taken(
        self, mark: int, call_id: bytes, user: bytes, body: bytes, flow: Flow, now: float
    ) -> bool:
        """Taken now, or when it came first."""
        is_lossy = flow.transport == "UDP"
        if is_lossy and (was_taken := self._remembered(mark, now)) is not None:
            self.absorbed += was_taken
            return was_taken
        is_taken = not self._is_in_dialog(call_id.decode()) and self._take(
            user.decode(), body, flow
        )
        # Strangers are not remembered: there is no end of them.
        if is_lossy and (is_taken or self._is_trusted(flow)):
            self._recent[mark] = is_taken
        return is_taken

    def _remembered(self, mark: int, now: float) -> bool | None:
        if now - self._turned_at >= LIMIT_S or len(self._recent) >= MAX_MARKS:
            # What is older than both halves is forgotten.
            self._older = self._recent if now - self._turned_at < 2 * LIMIT_S else {}
            self._recent = {}
            self._turned_at = now
        was_taken = self._recent.get(mark)
        return self._older.get(mark) if was_taken is None else was_taken


def _noted(flow: Flow, *, with_port: bool) -> bytes:
    """What a server adds to the Via (RFC 3261, 18.2.1; RFC 3581, 4)."""
    host, port = flow.remote
    shown = f"[{host}]" if ":" in host else host
    return (f";rport={port};received={shown}" if with_port else f";received={shown}").encode()
