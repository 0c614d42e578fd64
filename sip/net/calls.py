"""What an endpoint hands to the application: requests to answer, calls, invitations."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from sip.dialog import Dialog
from sip.effects import ClientKey, ServerKey
from sip.errors import TransactionTimeoutError, TransportError
from sip.message import Flow, Request, Response

if TYPE_CHECKING:
    from sip.net.subscriptions import Notifier


class InviteRefusedError(Exception):
    """The final answer to an INVITE was no 2xx, or it was cancelled (487)."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"INVITE refused: {response.status} {response.reason}")
        self.response = response

    @property
    def status(self) -> int:
        """The SIP status of the refusal."""
        return self.response.status


class Line(Protocol):
    """What calls need of the endpoint they came from."""

    def answer(
        self, key: ServerKey, flow: Flow, response: Response, request_bytes: int
    ) -> None: ...
    def accept(self, key: ServerKey, flow: Flow, response: Response) -> "CallLeg": ...
    def accept_subscription(
        self,
        key: ServerKey,
        incoming: "IncomingRequest",
        response: Response,
        expires_s: int,
        *,
        states_expires: bool,
    ) -> "Notifier": ...
    def ignore(self, key: ServerKey) -> None: ...
    def cancel_invite(self, key: ClientKey) -> None: ...
    def forget_call(self, dialog: Dialog) -> None: ...
    def hang_up(self, leg: "CallLeg") -> None: ...
    async def request(
        self, request: Request, flow: Flow, *, limit_s: float | None = None
    ) -> Response: ...


class CallLeg:
    """An established INVITE dialog, in either role.

    `on_request` gets what the peer sends inside the call (INFO, MESSAGE, re-INVITE); without it
    the endpoint's `on_request` does. `on_ended` gets `bye` when the peer hung up (answered
    already) and `no ack` when it never acknowledged our 2xx. `on_acknowledged` gets the ACK.
    """

    __slots__ = (
        "_dialog",
        "_line",
        "answer",
        "is_over",
        "on_acknowledged",
        "on_ended",
        "on_request",
    )

    def __init__(self, line: Line, dialog: Dialog, answer: Response | None) -> None:
        self._line = line
        self._dialog = dialog
        self.answer = answer
        self.is_over = False
        self.on_request: Callable[[IncomingRequest], None] | None = None
        self.on_ended: Callable[[str], None] | None = None
        self.on_acknowledged: Callable[[Request], None] | None = None

    @property
    def call_id(self) -> str:
        """The Call-ID both ends know."""
        return self._dialog.call_id

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return self._dialog.local_tag

    @property
    def remote_tag(self) -> str:
        """The peer's tag; "" when it never gave one."""
        return self._dialog.remote_tag

    @property
    def flow(self) -> Flow:
        """Where the peer was last heard, and where requests go; a new binding may replace it."""
        return self._dialog.flow

    @flow.setter
    def flow(self, flow: Flow) -> None:
        self._dialog.flow = flow

    async def request(
        self,
        method: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        limit_s: float | None = None,
    ) -> Response:
        """Send a request inside the call and wait for its final response.

        TransactionTimeoutError, TransportError as for `Endpoint.request`.
        """
        request = self._dialog.request(
            method, headers=headers, body=body, content_type=content_type
        )
        return await self._line.request(request, self._dialog.flow, limit_s=limit_s)

    async def reinvite(
        self, body: bytes, *, content_type: str = "application/sdp", limit_s: float | None = None
    ) -> Response:
        """Offer other media inside the call (14.1); the final answer, acknowledged, whatever it is.

        491 means that the peer offers something itself just now: try again a little later. The
        call goes on as it was after any refusal. TransactionTimeoutError, TransportError as for
        `Endpoint.request`.
        """
        return await self.request(
            "INVITE",
            headers=self._dialog.contact_header,
            body=body,
            content_type=content_type,
            limit_s=limit_s,
        )

    async def bye(self, *, limit_s: float | None = None) -> None:
        """Hang up and wait for the answer, whatever it is; silence counts as one. Twice is fine."""
        if self.is_over:
            return
        self.is_over = True
        self._line.forget_call(self._dialog)
        with contextlib.suppress(TransactionTimeoutError, TransportError):
            await self.request("BYE", limit_s=limit_s)


class IncomingRequest:
    """A request to answer, now or later, once; an INVITE may be accepted instead.

    One that is to get no answer has to be ignored by word: it would be remembered for ever.
    """

    __slots__ = ("_key", "_line", "flow", "leg", "on_answered", "on_cancelled", "request")

    def __init__(
        self, line: Line, key: ServerKey, request: Request, flow: Flow, leg: CallLeg | None
    ) -> None:
        self._line = line
        self._key = key
        self.request = request
        self.flow = flow
        self.leg = leg
        self.on_cancelled: Callable[[], None] | None = None
        self.on_answered: Callable[[], None] | None = None

    def respond(self, response: Response) -> None:
        """Any number of provisionals, one final response; what comes after that is ignored."""
        self._line.answer(self._key, self.flow, response, self.request.received_bytes)
        if self.on_answered is not None and response.is_final:
            answered, self.on_answered = self.on_answered, None
            answered()

    def accept(self, response: Response) -> CallLeg:
        """Answer an INVITE with a 2xx, repeated until its ACK comes.

        LookupError when it is answered already, or cancelled by the peer.
        """
        return self._line.accept(self._key, self.flow, response)

    def accept_subscription(
        self, response: Response, expires_s: int, *, states_expires: bool = True
    ) -> "Notifier":
        """Answer a SUBSCRIBE with a 2xx, to which Expires and Contact are added where absent.

        Some devices leave Expires out: without `states_expires` it is not added. A refresh gives
        the notifier it belongs to. LookupError when it is answered already.
        """
        return self._line.accept_subscription(
            self._key, self, response, expires_s, states_expires=states_expires
        )

    def ignore(self) -> None:
        """As if it had never come: no answer, and when it is repeated it is delivered again."""
        self._line.ignore(self._key)


class PendingInvite:
    """An INVITE of ours that has no final answer yet."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._key: ClientKey | None = None
        self._final: asyncio.Future[CallLeg] = asyncio.get_running_loop().create_future()
        self._final.add_done_callback(_look_at)
        self.is_cancelled = False
        self._is_abandoned = False
        self.on_provisional: Callable[[Response], None] | None = None

    async def final(self) -> CallLeg:
        """The call, once accepted and acknowledged.

        InviteRefusedError, TransactionTimeoutError or TransportError otherwise. Whoever stops
        waiting, by a timeout for instance, should `cancel()`; a call that comes late is ended.
        """
        self._is_abandoned = False
        try:
            return await asyncio.shield(self._final)
        except asyncio.CancelledError:
            self._is_abandoned = True
            raise

    async def cancel(self) -> None:
        """Give up: CANCEL as soon as the peer has answered provisionally.

        A 2xx that crosses the CANCEL is acknowledged and ended with BYE. Then, and when the
        peer answers 487, `final` raises InviteRefusedError. A call that came while whoever
        waited for it was being cancelled is nobody's, and ended likewise.
        """
        self.is_cancelled = True
        if not self._final.done():
            if self._key is not None:
                self._line.cancel_invite(self._key)
        elif self._is_abandoned and self._final.exception() is None:
            self._line.hang_up(self._final.result())

    # What follows is the endpoint's side.

    @property
    def is_wanted(self) -> bool:
        """Whether somebody may still be waiting for the call."""
        return not (self.is_cancelled or self._is_abandoned or self._final.done())

    def sent_as(self, key: ClientKey) -> None:
        """The INVITE is on its way."""
        self._key = key
        if self.is_cancelled:
            self._line.cancel_invite(key)

    def accepted(self, leg: CallLeg) -> None:
        """A 2xx came and was acknowledged."""
        if not self._final.done():
            self._final.set_result(leg)

    def failed(self, error: Exception) -> None:
        """There will be no call."""
        if not self._final.done():
            self._final.set_exception(error)


def _look_at(final: asyncio.Future[CallLeg]) -> None:
    # Nobody need wait for an invitation that was cancelled; its failure is no news then.
    if not final.cancelled():
        final.exception()
