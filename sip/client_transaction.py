"""The client's half of a transaction (RFC 3261, 17.1; RFC 6026 for the 2xx of an INVITE)."""

from collections.abc import Sequence
from enum import Enum
from typing import Final

from sip.effects import Answered, Broken, ClientKey, Effect, Send, TimedOut
from sip.headers import Headers
from sip.message import Flow, Request, Response
from sip.timers import LIMIT_S, T1, T2, T4, TIMER_C_S

_NOTHING: Final[Sequence[Effect]] = ()


class ClientState(Enum):
    """Figures 5 and 6 of RFC 3261; CALLING is called Trying outside INVITE."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class ClientTransaction:
    """What both kinds share: the request as it goes out, its repeats, its end."""

    __slots__ = (
        "_give_up_at",
        "_interval_s",
        "_limit_s",
        "_resend_at",
        "data",
        "flow",
        "key",
        "scheduled_at",
        "state",
    )

    def __init__(
        self, key: ClientKey, data: bytes, flow: Flow, now: float, limit_s: float = LIMIT_S
    ) -> None:
        """Given up after `limit_s`, however long its repeats might go on."""
        self.key = key
        self.flow = flow
        self.data = data
        self.state = ClientState.CALLING
        self.scheduled_at: float | None = None  # the agent's note about its own heap
        self._interval_s = T1
        self._resend_at = None if flow.is_reliable else now + T1
        self._limit_s = min(limit_s, LIMIT_S)
        self._give_up_at = now + self._limit_s

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to say; monotonic seconds; None when nothing is left."""
        if self.state is ClientState.TERMINATED:
            return None
        if self._resend_at is not None and self._resend_at < self._give_up_at:
            return self._resend_at
        return self._give_up_at

    def start(self) -> Sequence[Effect]:
        """The request goes out for the first time."""
        return (Send(self.data, self.flow),)

    def fail(self) -> Sequence[Effect]:
        """The connection is gone (17.1.4)."""
        was_waiting = self._is_waiting()
        self.state = ClientState.TERMINATED
        return (Broken(self.key),) if was_waiting else _NOTHING

    def _is_waiting(self) -> bool:
        return self.state in {ClientState.CALLING, ClientState.PROCEEDING}

    def _end_after(self, seconds: float, state: ClientState, now: float) -> None:
        self.state = state if seconds > 0 else ClientState.TERMINATED
        self._resend_at = None
        self._give_up_at = now + seconds

    def _time_out(self) -> Sequence[Effect]:
        was_waiting = self._is_waiting()
        self.state = ClientState.TERMINATED
        return (TimedOut(self.key, self.flow, self._limit_s),) if was_waiting else _NOTHING

    def _resend(self, now: float, longest_s: float) -> Sequence[Effect]:
        self._interval_s = min(2 * self._interval_s, longest_s)
        self._resend_at = now + self._interval_s
        return (Send(self.data, self.flow, is_repeat=True),)


class NonInviteClientTransaction(ClientTransaction):
    """Figure 6: repeats after T1, 2 T1, ... T2 until answered; gives up after 64 T1."""

    __slots__ = ()

    def receive(self, response: Response, now: float) -> Sequence[Effect]:
        """A provisional slows the repeats down; repeats of the final answer are swallowed."""
        if not self._is_waiting():
            return _NOTHING
        if response.is_final:
            self._end_after(0 if self.flow.is_reliable else T4, ClientState.COMPLETED, now)
        else:
            self.state = ClientState.PROCEEDING
            self._interval_s = T2
        return (Answered(self.key, response),)

    def tick(self, now: float) -> Sequence[Effect]:
        """Timers E, F and K."""
        if now >= self._give_up_at:
            return self._time_out()
        if self._resend_at is not None and now >= self._resend_at:
            return self._resend(now, T2)
        return _NOTHING


class InviteClientTransaction(ClientTransaction):
    """Figure 5 with RFC 6026: it acknowledges refusals itself; 2xx are acknowledged by the dialog.

    `is_cancel_due` turns true when the caller wants to cancel and a provisional has come, before
    which no CANCEL may be sent (9.1).
    """

    __slots__ = ("_ack", "_is_cancel_sent", "_is_cancel_wanted", "request")

    def __init__(self, key: ClientKey, request: Request, flow: Flow, now: float) -> None:
        super().__init__(key, request.to_bytes(), flow, now)
        self.request = request
        self._ack: bytes | None = None
        self._is_cancel_wanted = False
        self._is_cancel_sent = False

    def want_cancel(self) -> None:
        """The caller has lost interest."""
        self._is_cancel_wanted = True

    @property
    def is_cancel_due(self) -> bool:
        """Whether a CANCEL goes out now."""
        return (
            self._is_cancel_wanted
            and not self._is_cancel_sent
            and self.state is ClientState.PROCEEDING
        )

    def cancel(self, now: float) -> Request:
        """The CANCEL of this INVITE; without a final answer in 64 T1 it is over (9.1)."""
        self._is_cancel_sent = True
        self._give_up_at = now + LIMIT_S
        return Request("CANCEL", self.request.uri, self._same_hop("CANCEL"))

    def receive(self, response: Response, now: float) -> Sequence[Effect]:
        """Provisionals, then refusals or 2xx; a repeated refusal is acknowledged again."""
        if self._is_waiting():
            if not response.is_final:
                self._proceed(now)
            elif response.is_success:
                self._end_after(LIMIT_S, ClientState.ACCEPTED, now)
            else:
                return self._refused(response, now)
            return (Answered(self.key, response),)
        if self.state is ClientState.ACCEPTED and response.is_success:
            return (Answered(self.key, response),)
        if self.state is ClientState.COMPLETED and response.status >= 300 and self._ack:
            return (Send(self._ack, self.flow),)
        return _NOTHING

    def _proceed(self, now: float) -> None:
        if self.state is ClientState.CALLING:
            self.state = ClientState.PROCEEDING
            self._resend_at = None
            self._give_up_at = now + TIMER_C_S

    def _refused(self, response: Response, now: float) -> Sequence[Effect]:
        headers = self._same_hop("ACK")
        headers.set("To", response.headers.get("To") or headers.get("To") or "")
        self._ack = Request("ACK", self.request.uri, headers).to_bytes()
        self._end_after(0 if self.flow.is_reliable else LIMIT_S, ClientState.COMPLETED, now)
        return (Send(self._ack, self.flow), Answered(self.key, response))

    def tick(self, now: float) -> Sequence[Effect]:
        """Timers A, B, C, D and M."""
        if now >= self._give_up_at:
            return self._time_out()
        if self._resend_at is not None and now >= self._resend_at:
            return self._resend(now, LIMIT_S)
        return _NOTHING

    def _same_hop(self, method: str) -> Headers:
        """What ACK and CANCEL copy from the INVITE: the one Via with its branch (9.1, 17.1.1.3)."""
        sent = self.request.headers
        copied = [
            (name, value)
            for name in ("Via", "From", "To", "Call-ID")
            if (value := sent.get(name)) is not None
        ]
        headers = Headers(copied)
        headers.add("CSeq", f"{self.request.cseq.number} {method}")
        for route in sent.lines("Route"):
            headers.add("Route", route)
        headers.add("Max-Forwards", "70")
        return headers
