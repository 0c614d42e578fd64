"""The server's half of a transaction (RFC 3261, 17.2; RFC 6026 for the 2xx of an INVITE)."""

from collections.abc import Sequence
from enum import Enum
from typing import Final

from sip.dialog import Dialog
from sip.effects import Effect, Ended, Send, ServerKey
from sip.message import Flow, Request, Response, response_to
from sip.timers import LIMIT_S, T1, T2, T4, TRYING_AFTER_S

_NOTHING: Final[Sequence[Effect]] = ()


class ServerState(Enum):
    """Figures 7 and 8 of RFC 3261 and RFC 6026."""

    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class NonInviteServerTransaction:
    """Figure 8. It has no timer of its own: the agent drops completed ones in order (timer J)."""

    __slots__ = ("_last", "flow", "key", "request", "state", "tag")

    def __init__(self, key: ServerKey, request: Request, flow: Flow) -> None:
        self.key = key
        self.request: Request | None = request
        self.flow = flow
        self.state = ServerState.PROCEEDING
        self.tag = ""
        self._last: bytes | None = None

    def repeat(self) -> Sequence[Effect]:
        """The request came again: so does the last response, if there is one."""
        return _NOTHING if self._last is None else (Send(self._last, self.flow, is_answer=True),)

    def respond(self, response: Response) -> Sequence[Effect]:
        """Send it; after the final one only its bytes are kept."""
        if self.state is not ServerState.PROCEEDING:
            return _NOTHING
        self._last = response.to_bytes()
        if response.is_final:
            self.request = None
            self.state = ServerState.COMPLETED
        return (Send(self._last, self.flow, is_answer=True),)


class InviteServerTransaction:
    """Figure 7. Refusals are repeated until acknowledged; 2xx by their `Acceptance`."""

    __slots__ = (
        "_end_at",
        "_interval_s",
        "_last",
        "_resend_at",
        "flow",
        "key",
        "request",
        "scheduled_at",
        "state",
        "tag",
    )

    def __init__(self, key: ServerKey, request: Request, flow: Flow, now: float) -> None:
        self.key = key
        self.request = request
        self.flow = flow
        self.state = ServerState.PROCEEDING
        self.tag = ""
        self.scheduled_at: float | None = None  # the agent's note about its own heap
        self._last: bytes | None = None
        self._interval_s = T1
        self._resend_at: float | None = now + TRYING_AFTER_S
        self._end_at: float | None = None

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to say; monotonic seconds."""
        if self.state is ServerState.TERMINATED:
            return None
        if self._resend_at is None or self._end_at is None:
            return self._resend_at if self._end_at is None else self._end_at
        return min(self._resend_at, self._end_at)

    def repeat(self) -> Sequence[Effect]:
        """The INVITE came again."""
        if self._last is None or self.state in {ServerState.CONFIRMED, ServerState.ACCEPTED}:
            return _NOTHING
        return (Send(self._last, self.flow, is_answer=True),)

    def respond(self, response: Response, now: float) -> Sequence[Effect]:
        """A provisional, a refusal, or a 2xx, which only passes through here."""
        if self.state is not ServerState.PROCEEDING:
            return _NOTHING
        data = response.to_bytes()
        self._resend_at = None
        if response.is_success:
            self.state = ServerState.ACCEPTED
            self._end_at = now + LIMIT_S
        elif response.is_final:
            self.state = ServerState.COMPLETED
            self._end_at = now + LIMIT_S
            if not self.flow.is_reliable:
                self._resend_at = now + T1
        self._last = data
        return (Send(data, self.flow, is_answer=True),)

    def acknowledge(self, now: float) -> None:
        """The ACK of a refusal came: no more repeats; late copies are swallowed for T4."""
        if self.state is not ServerState.COMPLETED:
            return
        self._resend_at = None
        self._end_at = now + T4
        self.state = ServerState.TERMINATED if self.flow.is_reliable else ServerState.CONFIRMED

    def forget(self) -> None:
        """No repeats, no memory: the peer is a stranger."""
        self.state = ServerState.TERMINATED

    def tick(self, now: float) -> Sequence[Effect]:
        """The 100 of 17.2.1 and timers G, H, I and L."""
        if self._end_at is not None and now >= self._end_at:
            self.state = ServerState.TERMINATED
            return _NOTHING
        if self._resend_at is None or now < self._resend_at:
            return _NOTHING
        if self.state is ServerState.PROCEEDING:
            return self.respond(response_to(self.request, 100), now)
        if self._last is None:
            return _NOTHING
        self._interval_s = min(2 * self._interval_s, T2)
        self._resend_at = now + self._interval_s
        return (Send(self._last, self.flow, is_answer=True, is_repeat=True),)


class Acceptance:
    """Our 2xx to an INVITE, repeated on every transport until its ACK comes (13.3.1.4)."""

    __slots__ = (
        "_data",
        "_give_up_at",
        "_interval_s",
        "_is_done",
        "_resend_at",
        "dialog",
        "flow",
        "scheduled_at",
    )

    def __init__(self, dialog: Dialog, data: bytes, flow: Flow, now: float) -> None:
        self.dialog = dialog
        self.flow = flow
        self.scheduled_at: float | None = None  # the agent's note about its own heap
        self._data = data
        self._interval_s = T1
        self._resend_at = now + T1
        self._give_up_at = now + LIMIT_S
        self._is_done = False

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to say; monotonic seconds; None once acknowledged."""
        return None if self._is_done else min(self._resend_at, self._give_up_at)

    def stop(self) -> None:
        """Acknowledged, or the dialog is over."""
        self._is_done = True

    def tick(self, now: float) -> Sequence[Effect]:
        """Repeat; without an ACK after 64 T1 the dialog is over and the caller sends BYE."""
        if self._is_done:
            return _NOTHING
        if now >= self._give_up_at:
            self._is_done = True
            return (Ended(self.dialog, "no ack"),)
        if now < self._resend_at:
            return _NOTHING
        self._interval_s = min(2 * self._interval_s, T2)
        self._resend_at = now + self._interval_s
        return (Send(self._data, self.flow, is_answer=True, is_repeat=True),)
