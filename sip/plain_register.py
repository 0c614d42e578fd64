"""REGISTERs of the usual shape, read by one expression and answered from slices of their bytes.

When a city comes back they all look alike. `PlainRegisters` recognises them, hands on what they say
as a `PlainRegister`, and puts the answer together from the request's own lines, as `sip.plain` does
for MESSAGEs.

What it accepts: REGISTER over UDP in one line each of Via, From, To, Call-ID and CSeq, in this
order, spelled and spaced as in the standard's examples; an IPv4 sent-by, a branch with the magic
cookie and a bare `rport`; a tag in From, none in To; one Contact with a plain URI, Max-Forwards and
an empty body said to be so; at most one each of User-Agent, Expires, Authorization and X-GB-Ver;
nothing else. So there is nothing odd about it that would have to be told (`sip.oddities`).
Everything else goes the general way.

Why it equals the general way: what is handed on is what `sip.message.Request` would say, and the
answer has the same bytes but for the To tag, a keyed hash of the datagram instead of a random
number. A copy of what is being worked on is dropped; a copy of what was answered gets the same
answer where its sender is trusted by then or was let in by it (who unregisters is a stranger
afterwards), and is new where he is not, as with a transaction (`Agent.respond`, timer J).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sip.message import REASONS, Flow
from sip.plain import PORT
from sip.timers import LIMIT_S

MAX_PLAIN_BYTES: Final = 2_048

MAX_MARKS: Final = 32_768
"""Answers kept of one half of the memory; then the older half gives way early."""

_URI: Final = rb"<sip:([0-9]{1,20})@[\w.\-]{1,64}" + PORT + rb">"
_NAME: Final = rb"(?:\"[\w ]{1,32}\" )?"
_TEXT: Final = rb"[!-~](?:[ -~]{0,%d}[!-~])?"

_PLAIN: Final = re.compile(
    rb"REGISTER (sip:[\w.@:\-]{1,128}) SIP/2\.0\r\n"
    rb"Via: (SIP/2\.0/UDP [0-9.]{7,15}" + PORT + rb")"
    rb"(;rport;branch=z9hG4bK[\w.\-]{1,128}|;branch=z9hG4bK[\w.\-]{1,128};rport)\r\n"
    rb"(From: " + _NAME + _URI + rb";tag=[\w.\-]{1,128}\r\n"
    rb"To: " + _NAME + _URI + rb")\r\n"
    rb"(Call-ID: ([\w.@:\-]{1,256})\r\n"
    rb"CSeq: [0-9]{1,9} REGISTER\r\n)"
    rb"(?:(?:Contact: (<sip:[\w.@:\-]{1,128}>)|(Max-Forwards: [1-9][0-9]?)"
    rb"|User-Agent: (" + _TEXT % 254 + rb")|Expires: ([0-9]{1,9})"
    rb"|Authorization: (" + _TEXT % 1022 + rb")|X-GB-Ver: ([0-9.]{1,8})|(Content-Length: 0)"
    rb")\r\n)*\r\n\Z"
)
_LINES_ALWAYS: Final = 7  # and the empty one; Contact, Max-Forwards and Content-Length are counted
_RPORT: Final = b";rport"
_ACCEPTED: Final = b"SIP/2.0 200 "
_TAG_BYTES: Final = len(";tag=0123456789abcdef")

Header = tuple[str, str]


def _read(data: bytes) -> Sequence[Any] | None:
    """The groups of the expression, bytes or None; None where it does not fit."""
    if not data.startswith(b"REGISTER ") or len(data) > MAX_PLAIN_BYTES:
        return None
    found = _PLAIN.match(data)
    if found is None:
        return None
    said = found.groups()
    # As many lines as kinds of lines: no header stands there twice. Three have to be there.
    optional = said[8:]
    lines = _LINES_ALWAYS + len(optional) - optional.count(None)
    is_whole = said[8] is not None and said[9] is not None and said[14] is not None
    if not is_whole or b"received" in said[2] or data.count(b"\n") != lines:
        return None
    return said


def _head(said: Sequence[Any], flow: Flow, mark: int) -> bytes:
    """The lines that an answer copies, with what is added to Via (RFC 3261, 18.2.1; RFC 3581, 4)
    and to To."""
    remote = flow.remote
    shown = f"[{remote.host}]" if ":" in remote.host else remote.host
    noted = b";rport=%d;received=%b" % (remote.port, shown.encode())
    return b"Via: %b%b\r\n%b;tag=%016x\r\n%b" % (
        said[1],
        said[2].replace(_RPORT, noted, 1),
        said[3],
        mark & 0xFFFF_FFFF_FFFF_FFFF,
        said[6],
    )


def _answer(head: bytes, status: int, reason: str | None, headers: Iterable[Header]) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return b"SIP/2.0 %d %b\r\n%b%bContent-Length: 0\r\n\r\n" % (
        status,
        (reason or REASONS.get(status, "Unknown")).encode(),
        head,
        lines.encode("utf-8", "surrogateescape"),
    )


def answer_in_passing(
    data: bytes, flow: Flow, mark: int, status: int, headers: Iterable[Header]
) -> bytes | None:
    """An answer to a REGISTER of the usual shape that nobody looks at further; None for others."""
    said = _read(data)
    return None if said is None else _answer(_head(said, flow, mark), status, None, headers)


class PlainRegister:
    """One of them, and the way to answer it: once."""

    __slots__ = (
        "_head",
        "_registers",
        "authorization",
        "call_id",
        "contact",
        "expires_s",
        "flow",
        "mark",
        "received_bytes",
        "to_user",
        "uri",
        "user",
        "user_agent",
        "version",
    )

    def __init__(
        self,
        registers: "PlainRegisters",
        mark: int,
        data: bytes,
        said: Sequence[Any],
        flow: Flow,
    ) -> None:
        """`said` are the groups of the expression, bytes or None."""
        uri, _, _, _, user, to_user, _, call_id, contact, *others = said
        _, user_agent, expires, authorization, version, _ = others
        self._registers = registers
        self._head = _head(said, flow, mark)
        self.mark = mark
        self.flow = flow
        self.received_bytes = len(data)
        self.uri: str = uri.decode()
        self.user: str = user.decode()
        self.to_user: str = to_user.decode()
        self.call_id: str = call_id.decode()
        self.contact: str = contact.decode()
        self.user_agent: str | None = None if user_agent is None else user_agent.decode()
        self.authorization: str | None = None if authorization is None else authorization.decode()
        self.version: str | None = None if version is None else version.decode()
        self.expires_s = None if expires is None else int(expires)

    def answer(self, status: int, reason: str | None, headers: Iterable[Header]) -> bytes:
        """The bytes of a response with these headers beside those that are copied."""
        return _answer(self._head, status, reason, headers)

    def size_of(self, status: int, reason: str | None, headers: Iterable[Header]) -> int:
        """How many bytes that answer has, the tag of To aside."""
        return len(self.answer(status, reason, headers)) - _TAG_BYTES

    def respond(self, status: int, reason: str | None, headers: Iterable[Header]) -> None:
        """Answer it, finally."""
        self._registers.answered(self, self.answer(status, reason, headers))

    def ignore(self) -> None:
        """It gets no answer; a copy of it is a new one."""
        self._registers.ignored(self)


class PlainRegisters:
    """`take` gets each new one, `heard` is told of each datagram, copies too. `send` gets an
    answer, which a stranger may get or not, and the length of its request."""

    __slots__ = (
        "_heard",
        "_is_trusted",
        "_older",
        "_recent",
        "_send",
        "_take",
        "_turned_at",
        "_under_way",
        "absorbed",
    )

    def __init__(
        self,
        take: Callable[[PlainRegister], None],
        is_trusted: Callable[[Flow], bool],
        heard: Callable[[bytes, Flow], None],
        send: Callable[[bytes, Flow, int], None],
    ) -> None:
        self._take = take
        self._is_trusted = is_trusted
        self._heard = heard
        self._send = send
        self._under_way: set[int] = set()
        # hash of datagram and source -> the answer
        self._recent: dict[int, bytes] = {}
        self._older: dict[int, bytes] = {}
        self._turned_at = 0.0
        self.absorbed = 0  # copies that were dropped, or answered from memory

    @property
    def under_way(self) -> int:
        """How many are yet to be answered."""
        return len(self._under_way)

    def takes(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether this datagram is seen to."""
        said = _read(data)
        if said is None:
            return False
        self._heard(data, flow)
        mark = hash((data, flow.remote))
        if mark in self._under_way:
            self.absorbed += 1
        elif (answer := self._remembered(mark, now)) is not None:
            self.absorbed += 1
            self._send(answer, flow, len(data))
        else:
            self._under_way.add(mark)
            self._begin(PlainRegister(self, mark, data, said, flow))
        return True

    def _begin(self, register: PlainRegister) -> None:
        try:
            self._take(register)
        except Exception:
            self._under_way.discard(register.mark)
            raise

    def ignored(self, register: PlainRegister) -> None:
        """`PlainRegister.ignore` calls it."""
        self._under_way.discard(register.mark)

    def answered(self, register: PlainRegister, answer: bytes) -> None:
        """`PlainRegister.respond` calls it."""
        if register.mark not in self._under_way:
            return
        self._under_way.discard(register.mark)
        if answer.startswith(_ACCEPTED) or self._is_trusted(register.flow):
            self._recent[register.mark] = answer
        self._send(answer, register.flow, register.received_bytes)

    def _remembered(self, mark: int, now: float) -> bytes | None:
        if now - self._turned_at >= LIMIT_S or len(self._recent) >= MAX_MARKS:
            self._turn(now)
        return self._recent.get(mark) or self._older.get(mark)

    def forget(self, now: float) -> bool:
        """Let time pass, where no REGISTER comes any more: a city's answers are half a KiB each.
        Whether there is anything left to be forgotten."""
        if now - self._turned_at >= LIMIT_S:
            self._turn(now)
        return bool(self._recent or self._older)

    def _turn(self, now: float) -> None:
        """What is older than both halves is forgotten."""
        self._older = self._recent if now - self._turned_at < 2 * LIMIT_S else {}
        self._recent = {}
        self._turned_at = now
