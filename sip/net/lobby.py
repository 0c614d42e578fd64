"""Where REGISTERs wait their turn, so that everything else goes past them.

When a city comes back after a power cut its REGISTERs come faster than they can be judged and
stored. One queue for all would have keepalives wait behind them, and the devices that are there
would seem to be gone. So the socket is emptied at once, REGISTERs are put aside unread, and seen to
between other things. First it is told who may wait and who is sent away, which the `Turnstile`
decides; then those who wait are worked off: those with credentials first, because much was spent on
them already.

Copies of what waits are dropped: its answer is on the way. Who is sent away gets 503 without a
transaction (RFC 3261, 8.2.7), put together from lines of the request: taking it apart would cost as
much as serving it. A REGISTER that is written so oddly that this cannot be done waits its turn.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from sip.message import Flow
from sip.plain_register import answer_in_passing

ROOM: Final = 20_000
"""REGISTERs that may wait, with and without credentials each."""

ROOM_BYTES: Final = 64 * 2**20
"""What those that wait may have in all: a REGISTER by TCP may be large."""

UNREAD: Final = 20_000
"""REGISTERs that may lie there unread; what comes beyond is dropped, and its sender repeats it."""

READING_S: Final = 0.002
"""Telling who may wait and sending the others away takes so long at most of each turn, ..."""

BUDGET_S: Final = 0.006
"""... and with working them off so long; then others on the event loop get theirs."""

BEGUN_TOGETHER: Final = 16
"""So many are worked off before it is asked again whether one more may begin."""

PAUSE_S: Final = 0.005
"""While nothing may begin."""

PATIENCE_S: Final = 24.0
"""Who waited longer hears nothing: with the answer's own way his transaction is over (timer F)."""

_REGISTER: Final = b"REGISTER "
_CREDENTIALS: Final = b"\nauthorization:"


_COPIED: Final = re.compile(
    rb"^(?:(Via|v)|(From|f)|(To|t)|(Call-ID|i)|(CSeq))[ \t]*:([^\r\n]{1,512})\r\n(?![ \t])",
    re.MULTILINE | re.IGNORECASE,
)
_BARE_RPORT: Final = re.compile(rb";[ \t]*rport(?=[ \t]*(?:;|$))", re.IGNORECASE)


def unavailable(request: bytes, flow: Flow, tag: int, retry_after_s: int) -> bytes | None:
    """503 with Retry-After (21.5.4); None for a request with other than one line each of Via,
    From, To, Call-ID and CSeq."""
    plain = answer_in_passing(request, flow, tag, 503, [("Retry-After", str(retry_after_s))])
    if plain is not None:
        return plain
    head = request[: request.find(b"\r\n\r\n") + 2]
    lines: list[bytes | None] = [None] * 5
    for found in _COPIED.finditer(head):
        kind = next(n for n in range(len(lines)) if found[n + 1] is not None)
        if lines[kind] is not None:
            return None
        lines[kind] = found[len(lines) + 1].strip()
    via, from_, to, call_id, cseq = lines
    if via is None or from_ is None or to is None or call_id is None or cseq is None or b"," in via:
        return None
    host, port = flow.remote
    shown = host.encode() if ":" not in host else b"[%b]" % host.encode()
    via, rports = _BARE_RPORT.subn(b";rport=%d;received=%b" % (port, shown), via, 1)
    if not rports:
        via += b";received=%b" % shown
    return (
        b"SIP/2.0 503 Service Unavailable\r\nVia: %b\r\nFrom: %b\r\nTo: %b;tag=%016x\r\n"
        b"Call-ID: %b\r\nCSeq: %b\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n"
        % (via, from_, to, tag & 0xFFFF_FFFF_FFFF_FFFF, call_id, cseq, retry_after_s)
    )


class Turnstile(Protocol):
    """The application's judgement of how much it can take."""

    def may_begin(self) -> bool:
        """Whether one more REGISTER may be worked on now."""
        ...

    def retry_after_s(self, datagram: bytes, waiting: int, waited_s: float) -> int:
        """0 where a newcomer may wait; else in how many seconds to come back.

        `waiting` REGISTERs are before it, the first of them for `waited_s`. Must be quick.
        """
        ...


class _Unread(NamedTuple):
    data: bytes
    flow: Flow
    since: float


class _Waiting(NamedTuple):
    data: bytes
    flow: Flow
    since: float
    mark: int


class Lobby:
    """`is_heard` says whether a source is read at all, `deliver` takes a REGISTER whose turn has
    come, `send_away` a request, its answer, and where that goes."""

    def __init__(
        self,
        turnstile: Turnstile,
        *,
        now: Callable[[], float],
        is_heard: Callable[[bytes, Flow], bool],
        deliver: Callable[[bytes, Flow], None],
        send_away: Callable[[bytes, bytes, Flow], None],
    ) -> None:
        self._turnstile = turnstile
        self._now = now
        self._is_heard = is_heard
        self._deliver = deliver
        self._send_away = send_away
        self._loop = asyncio.get_running_loop()
        self._unread: deque[_Unread] = deque()
        self._proving: deque[_Waiting] = deque()
        self._asking: deque[_Waiting] = deque()
        self._marks: set[int] = set()
        self._held_bytes = 0
        self._next: asyncio.Handle | None = None
        self.served = 0
        """REGISTERs without credentials whose turn came."""
        self.copies = 0
        """Requests that came again while they waited."""
        self.given_up = {"with": 0, "without": 0}
        """REGISTERs that waited in vain or found no room, with and without credentials."""

    def __len__(self) -> int:
        return len(self._proving) + len(self._asking) + len(self._unread)

    def waited_s(self) -> float:
        """Since when the first of those who wait does."""
        firsts = [queue[0].since for queue in (self._proving, self._asking, self._unread) if queue]
        return self._now() - min(firsts) if firsts else 0.0

    def takes(self, data: bytes, flow: Flow) -> bool:
        """Whether this message is a REGISTER: then it is seen to."""
        if not data.startswith(_REGISTER):
            return False
        if len(self._unread) >= UNREAD or self._held_bytes + len(data) > ROOM_BYTES:
            self.given_up["with" if _CREDENTIALS in data.lower() else "without"] += 1
            return True
        self._held_bytes += len(data)
        self._unread.append(_Unread(data, flow, self._now()))
        if self._next is None:
            self._next = self._loop.call_soon(self._work)
        return True

    def _is_waiting(self, data: bytes, flow: Flow, since: float) -> bool:
        """From now on; False for who is sent away or is of no interest."""
        mark = hash((data, flow.remote))
        if mark in self._marks:
            self.copies += 1
            return False
        if not self._is_heard(data, flow):
            return False
        is_proof = _CREDENTIALS in data.lower()
        queue = self._proving if is_proof else self._asking
        if len(queue) >= ROOM:
            self.given_up["with" if is_proof else "without"] += 1
            return False
        if not is_proof and self._is_sent_away(data, flow, mark):
            return False
        self._marks.add(mark)
        queue.append(_Waiting(data, flow, since, mark))
        return True

    def _is_sent_away(self, data: bytes, flow: Flow, mark: int) -> bool:
        wait_s = self._turnstile.retry_after_s(data, len(self), self.waited_s())
        answer = unavailable(data, flow, mark, wait_s) if wait_s else None
        if answer is not None:
            self._send_away(data, answer, flow)
        return answer is not None

    def close(self) -> None:
        """Nobody is seen to any more."""
        if self._next is not None:
            self._next.cancel()
        self._unread.clear()
        self._proving.clear()
        self._asking.clear()

    def _work(self) -> None:
        self._next = None
        began = self._now()
        while self._unread:
            unread = self._unread.popleft()
            if not self._is_waiting(*unread):
                self._held_bytes -= len(unread.data)
            if self._now() - began >= READING_S:
                break
        self._work_off(began)
        if not len(self):
            return
        if self._unread or self._turnstile.may_begin():
            self._next = self._loop.call_soon(self._work)
        else:
            self._next = self._loop.call_later(PAUSE_S, self._work)

    def _work_off(self, began: float) -> None:
        # Asked for some at a time: nothing that it looks at changes within milliseconds.
        room = 0
        while queue := self._proving or self._asking:
            if not room:
                if not self._turnstile.may_begin():
                    return
                room = BEGUN_TOGETHER
            room -= 1
            data, flow, since, mark = queue.popleft()
            self._marks.discard(mark)
            self._held_bytes -= len(data)
            if began - since > PATIENCE_S:
                self.given_up["with" if queue is self._proving else "without"] += 1
            else:
                self.served += queue is self._asking
                self._deliver(data, flow)
            if self._now() - began >= BUDGET_S:
                return
