"""Subscriptions as the application holds them, in both roles (RFC 6665)."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from sip.dialog import Dialog
from sip.errors import ProtocolError, TransactionTimeoutError, TransportError
from sip.message import Flow, Request, Response, response_to
from sip.net.calls import IncomingRequest
from sip.subscription import (
    ENDS_IT,
    GRACE_S,
    LONGEST_S,
    UNSTATED_S,
    Usage,
    Usages,
    expires_of,
    termination_of,
)

MAX_HELD_NOTIFIES: Final = 8
"""NOTIFYs of one subscription that may wait for its 2xx, and for `on_notify`."""

MAX_NOTIFIERS: Final = 16_384
"""Served subscriptions; the one that was accepted first gives way."""


class SubscribeRefusedError(Exception):
    """The final answer to a SUBSCRIBE was no 2xx."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"SUBSCRIBE refused: {response.status} {response.reason}")
        self.response = response

    @property
    def status(self) -> int:
        """The SIP status of the refusal."""
        return self.response.status


class Line(Protocol):
    """What subscriptions need of their endpoint."""

    async def request(
        self, request: Request, flow: Flow, *, limit_s: float | None = None
    ) -> Response: ...


class Subscription:
    """A subscription of ours. NOTIFYs go to `on_notify`, which answers each of them.

    Those that came before the 2xx, and before `on_notify` was set, are handed over when it is.
    `on_ended` gets the reason, once, when the peer or time ended it: a reason from its NOTIFY
    (`timeout`, `deactivated`, ...), `refused 481` and the like, `no answer`, or `expired`.
    """

    __slots__ = (
        "_content_type",
        "_held",
        "_on_notify",
        "_table",
        "_usage",
        "granted_s",
        "is_over",
        "on_ended",
    )

    def __init__(self, table: "Subscriptions", usage: Usage, subscribe: Request) -> None:
        self._table = table
        self._usage = usage
        self._content_type = subscribe.headers.get("Content-Type")
        self._held: list[IncomingRequest] = []
        self._on_notify: Callable[[IncomingRequest], None] | None = None
        self.granted_s: int | None = None
        self.is_over = False
        self.on_ended: Callable[[str], None] | None = None

    @property
    def call_id(self) -> str:
        """The Call-ID both ends know."""
        return self._usage.call_id

    @property
    def event(self) -> str:
        """The Event header as sent, its id included."""
        return self._usage.event_text

    @property
    def flow(self) -> Flow:
        """Where the peer was last heard, and where refreshes go; a new binding may replace it."""
        return self._usage.flow

    @flow.setter
    def flow(self, flow: Flow) -> None:
        self._usage.flow = flow

    @property
    def on_notify(self) -> Callable[[IncomingRequest], None] | None:
        """Takes the NOTIFYs. It is a plain call that must not block."""
        return self._on_notify

    @on_notify.setter
    def on_notify(self, handler: Callable[[IncomingRequest], None] | None) -> None:
        self._on_notify = handler
        if handler is not None and self._usage.dialog is not None:
            held, self._held = self._held, []
            for incoming in held:
                self._table.hand_over(self._deliver, incoming)

    async def refresh(
        self, expires_s: int, body: bytes = b"", *, limit_s: float | None = None
    ) -> Response:
        """SUBSCRIBE again inside the dialog; the final answer, whatever it is.

        481 and its like end the subscription, as does silence; after other refusals it lasts as
        long as it was granted. TransactionTimeoutError, TransportError as for `Endpoint.request`.
        """
        usage = self._usage
        dialog = _dialog_of(usage)
        headers = [("Event", usage.event_text), ("Expires", str(expires_s))]
        request = dialog.request(
            "SUBSCRIBE",
            headers=[*dialog.contact_header, *headers],
            body=body,
            content_type=self._content_type if body else None,
        )
        try:
            response = await self._table.line.request(request, usage.flow, limit_s=limit_s)
        except TransactionTimeoutError:
            self._table.end(usage, "no answer")
            raise
        if response.is_success:
            self.granted_s = expires_of(response)
            granted_s = expires_s if self.granted_s is None else self.granted_s
            self._table.keep(usage, granted_s)
        elif response.status in ENDS_IT:
            self._table.end(usage, f"refused {response.status}")
        return response

    async def end(self, body: bytes = b"", *, limit_s: float | None = None) -> None:
        """Unsubscribe and wait for the answer, whatever it is; silence counts as one.

        A last NOTIFY is still taken, for half a minute. Twice is fine; `on_ended` is not called.
        """
        if self.is_over:
            return
        self.is_over = True
        try:
            with contextlib.suppress(TransactionTimeoutError, TransportError):
                await self.refresh(0, body, limit_s=limit_s)
        finally:
            self._table.keep(self._usage, 0)

    def forget(self) -> None:
        """Drop it without a word; NOTIFYs go to the endpoint's `on_request` from now on."""
        self.is_over = True
        self._table.forget(self._usage)

    # What follows is the table's side.

    def received(self, incoming: IncomingRequest) -> bool:
        """A NOTIFY of this subscription came; False when there is no room to hold it."""
        if self._on_notify is not None and self._usage.dialog is not None:
            self._deliver(incoming)
            return True
        if self.is_over:
            incoming.respond(response_to(incoming.request, 200))
            return True
        if len(self._held) >= MAX_HELD_NOTIFIES:
            return False
        self._held.append(incoming)
        return True

    def _deliver(self, incoming: IncomingRequest) -> None:
        usage = self._usage
        request = incoming.request
        # Where the tags are others, the numbers are too.
        if usage.owns(request):
            usage.flow = incoming.flow
            if not _dialog_of(usage).is_in_order(request):
                incoming.respond(response_to(request, 500))
                return
        reason = termination_of(request)
        if reason is not None:
            incoming.on_answered = lambda: self._table.end(usage, reason)
        if self._on_notify is None:
            incoming.respond(response_to(request, 200))
        else:
            self._on_notify(incoming)

    def over(self, reason: str) -> None:
        """It was ended, not by us."""
        was_over, self.is_over = self.is_over, True
        self.drop_held()
        if not was_over and self.on_ended is not None:
            self.on_ended(reason)

    def drop_held(self) -> None:
        """What still waits belongs to no subscription any more."""
        held, self._held = self._held, []
        for incoming in held:
            incoming.respond(response_to(incoming.request, 481))


class Notifier:
    """A subscription that we serve.

    `on_refresh` gets each SUBSCRIBE inside the dialog, to be answered or accepted again; without
    it they are accepted as asked. `on_ended` gets the reason, once: `unsubscribed` (a last
    `notify` may follow), `refused 481` and the like, `no answer`, `expired`, `displaced`.
    """

    __slots__ = ("_table", "_usage", "granted_s", "is_over", "on_ended", "on_refresh")

    def __init__(self, table: "Subscriptions", usage: Usage, granted_s: int) -> None:
        self._table = table
        self._usage = usage
        self.granted_s = granted_s
        self.is_over = False
        self.on_refresh: Callable[[IncomingRequest], None] | None = None
        self.on_ended: Callable[[str], None] | None = None

    @property
    def call_id(self) -> str:
        """The Call-ID both ends know."""
        return self._usage.call_id

    @property
    def event(self) -> str:
        """The Event header as the subscriber wrote it."""
        return self._usage.event_text

    @property
    def flow(self) -> Flow:
        """The road to the subscriber."""
        return self._usage.flow

    @flow.setter
    def flow(self, flow: Flow) -> None:
        self._usage.flow = flow

    async def notify(
        self,
        body: bytes = b"",
        *,
        state: str = "active",
        content_type: str | None = None,
        limit_s: float | None = None,
    ) -> Response:
        """Send a NOTIFY and wait for its final answer, whatever it is.

        `state` is the Subscription-State, `active` or `terminated;reason=...`; the latter ends the
        subscription, as do 481 and its like, and silence. TransactionTimeoutError, TransportError
        as for `Endpoint.request`.
        """
        usage = self._usage
        is_last = state.startswith("terminated")
        shown = f"active;expires={self.granted_s}" if state == "active" else state
        dialog = _dialog_of(usage)
        headers = [("Event", usage.event_text), ("Subscription-State", shown)]
        request = dialog.request(
            "NOTIFY",
            headers=[*dialog.contact_header, *headers],
            body=body,
            content_type=content_type if body else None,
        )
        if is_last:
            self.is_over = True
            self._table.forget(usage)
        try:
            response = await self._table.line.request(request, usage.flow, limit_s=limit_s)
        except TransactionTimeoutError:
            self._table.end(usage, "no answer")
            raise
        if response.status in ENDS_IT:
            self._table.end(usage, f"refused {response.status}")
        return response

    def forget(self) -> None:
        """Drop it without a word; refreshes get 481 from now on."""
        self.is_over = True
        self._table.forget(self._usage)

    # What follows is the table's side.

    def received(self, incoming: IncomingRequest) -> None:
        """A SUBSCRIBE inside the dialog came."""
        request = incoming.request
        if not _dialog_of(self._usage).is_in_order(request):
            incoming.respond(response_to(request, 500))
            return
        self._usage.flow = incoming.flow
        if self.on_refresh is not None:
            self.on_refresh(incoming)
            return
        wanted_s = expires_of(request)
        accepted = response_to(request, 200)
        incoming.accept_subscription(accepted, UNSTATED_S if wanted_s is None else wanted_s)

    def over(self, reason: str) -> None:
        """It was ended, not by us."""
        was_over, self.is_over = self.is_over, True
        if not was_over and self.on_ended is not None:
            self.on_ended(reason)


class Subscriptions:
    """Every subscription of one endpoint, in both roles, and the one timer that ends them."""

    def __init__(
        self,
        line: Line,
        *,
        now: Callable[[], float],
        deliver: Callable[[Callable[[IncomingRequest], None], IncomingRequest], None],
    ) -> None:
        """`deliver` calls a handler of the application's and survives it."""
        self.line = line
        self._now = now
        self._guarded = deliver
        self._loop = asyncio.get_running_loop()
        self._usages = Usages()
        self._subscribed: dict[Usage, Subscription] = {}
        self._served: dict[Usage, Notifier] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._usages)

    def close(self) -> None:
        """No timer, no more news."""
        if self._timer is not None:
            self._timer.cancel()

    async def subscribe(
        self, request: Request, flow: Flow, *, limit_s: float | None
    ) -> Subscription:
        """See `Endpoint.subscribe`."""
        usage = Usage.of_subscriber(request, flow)
        subscription = self._subscribed[usage] = Subscription(self, usage, request)
        self._usages.add(usage, GRACE_S, self._now())
        is_accepted = False
        try:
            response = await self.line.request(request, flow, limit_s=limit_s)
            is_accepted = response.is_success
        finally:
            if not is_accepted:
                subscription.is_over = True
                self.forget(usage)
        if not is_accepted:
            raise SubscribeRefusedError(response)
        usage.dialog = Dialog.of_caller(request, _with_to(response, request), flow)
        subscription.granted_s = granted_s = expires_of(response)
        if granted_s is None:
            granted_s = expires_of(request)
        self.keep(usage, UNSTATED_S if granted_s is None else granted_s)
        return subscription

    def accept(self, request: Request, response: Response, flow: Flow, expires_s: int) -> Notifier:
        """A SUBSCRIBE is being accepted, the first of its dialog or a refresh."""
        usage = self._usages.of_subscribe(request) if request.to.tag else None
        notifier = self._served.get(usage) if usage is not None else None
        granted_s = max(0, min(expires_s, LONGEST_S))
        if usage is None or notifier is None:
            usage = Usage.of_notifier(request, response, flow)
            notifier = self._served[usage] = Notifier(self, usage, granted_s)
            self._usages.add(usage, granted_s, self._now())
            if len(self._served) > MAX_NOTIFIERS:
                self.end(next(iter(self._served)), "displaced")
        notifier.granted_s = granted_s
        self.keep(usage, granted_s)
        if not granted_s:
            self._loop.call_soon(self.end, usage, "unsubscribed")
        return notifier

    def take(self, incoming: IncomingRequest) -> bool:
        """Whether a NOTIFY or SUBSCRIBE belongs to a subscription, or is refused for want of one.

        Others are the application's.
        """
        request = incoming.request
        if request.method == "NOTIFY":
            usage = self._usages.of_notify(request, incoming.flow)
            subscription = self._subscribed.get(usage) if usage is not None else None
            return subscription is not None and subscription.received(incoming)
        if not request.to.tag:
            return False
        usage = self._usages.of_subscribe(request)
        notifier = self._served.get(usage) if usage is not None else None
        if notifier is None:
            incoming.respond(response_to(request, 481))
        elif incoming.flow.remote.host != notifier.flow.remote.host:
            incoming.respond(response_to(request, 403))
        else:
            notifier.received(incoming)
        return True

    def hand_over(
        self, handler: Callable[[IncomingRequest], None], incoming: IncomingRequest
    ) -> None:
        """Deliver what was held, outside the call that made it possible."""
        self._loop.call_soon(self._guarded, handler, incoming)

    def keep(self, usage: Usage, lives_s: float) -> None:
        """It has been granted for so long."""
        self._usages.keep(usage, lives_s, self._now())
        self._arm()

    def forget(self, usage: Usage) -> None:
        """It is over by our own will."""
        self._usages.remove(usage)
        self._served.pop(usage, None)
        subscription = self._subscribed.pop(usage, None)
        if subscription is not None:
            subscription.drop_held()

    def end(self, usage: Usage, reason: str) -> None:
        """It is over, and its owner is told."""
        self._usages.remove(usage)
        owner = self._subscribed.pop(usage, None) or self._served.pop(usage, None)
        if owner is not None:
            owner.over(reason)

    def _arm(self) -> None:
        deadline = self._usages.deadline
        if self._timer is None and deadline is not None:
            self._timer = self._loop.call_later(max(0.0, deadline - self._now()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        for usage in self._usages.run_out(self._now()):
            self.end(usage, "expired")
        self._arm()


def _dialog_of(usage: Usage) -> Dialog:
    dialog = usage.dialog
    if dialog is None:
        raise LookupError("the SUBSCRIBE has no answer yet")
    return dialog


def _with_to(response: Response, request: Request) -> Response:
    """Without a To that can be read, ours stands in: its tag matters, and may be missing."""
    try:
        _ = response.to
    except ProtocolError:
        response.headers.set("To", request.headers.get("To") or "")
    return response
