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


class Ear(Protocol):
    """Who hears what comes in subscriptions of ours. Plain calls that must not block."""

    def notified(self, subscription: "Subscription", incoming: IncomingRequest) -> None:
        """A NOTIFY came; it is to be answered."""
        ...

    def ended(self, subscription: "Subscription", reason: str) -> None:
        """The peer or time ended it: a reason from its NOTIFY (`timeout`, `deactivated`, ...),
        `refused 481` and the like, `no answer`, or `expired`. Said once."""
        ...


class Subscription(Usage):
    """A subscription of ours; its `ear` gets the NOTIFYs, and is told of its end.

    Those that came before the 2xx, and before there was an ear, are handed over when there is.
    """

    __slots__ = ("_content_type", "_ear", "_held", "_table", "granted_s", "is_over")

    def __init__(self, table: "Subscriptions", subscribe: Request, flow: Flow) -> None:
        event = subscribe.headers.get("Event") or ""
        super().__init__(subscribe.call_id, event, subscribe.from_.tag, flow)
        self._table = table
        self._content_type = subscribe.headers.get("Content-Type")
        self._held: list[IncomingRequest] | None = None
        self._ear: Ear | None = None
        self.granted_s: int | None = None
        self.is_over = False

    @property
    def ear(self) -> Ear | None:
        """Who hears."""
        return self._ear

    @ear.setter
    def ear(self, ear: Ear | None) -> None:
        self._ear = ear
        if ear is not None and self.is_established:
            for incoming in self._let_go():
                self._table.hand_over(self._deliver, incoming)

    async def refresh(
        self, expires_s: int, body: bytes = b"", *, limit_s: float | None = None
    ) -> Response:
        """SUBSCRIBE again inside the dialog; the final answer, whatever it is.

        481 and its like end the subscription, as does silence; after other refusals it lasts as
        long as it was granted. TransactionTimeoutError, TransportError as for `Endpoint.request`.
        """
        headers = [("Event", self.event), ("Expires", str(expires_s))]
        request = self.request("SUBSCRIBE", headers, body, self._content_type)
        try:
            response = await self._table.line.request(request, self.flow, limit_s=limit_s)
        except TransactionTimeoutError:
            self._table.end(self, "no answer")
            raise
        if response.is_success:
            self.granted_s = expires_of(response)
            granted_s = expires_s if self.granted_s is None else self.granted_s
            self._table.keep(self, granted_s)
        elif response.status in ENDS_IT:
            self._table.end(self, f"refused {response.status}")
        return response

    async def end(self, body: bytes = b"", *, limit_s: float | None = None) -> None:
        """Unsubscribe and wait for the answer, whatever it is; silence counts as one.

        A last NOTIFY is still taken, for half a minute. Twice is fine; `Ear.ended` is not called.
        """
        if self.is_over:
            return
        self.is_over = True
        try:
            with contextlib.suppress(TransactionTimeoutError, TransportError):
                await self.refresh(0, body, limit_s=limit_s)
        finally:
            self._table.keep(self, 0)

    def forget(self) -> None:
        """Drop it without a word; NOTIFYs go to the endpoint's `on_request` from now on."""
        self.is_over = True
        self._table.forget(self)

    # What follows is the table's side.

    def received(self, incoming: IncomingRequest) -> bool:
        """A NOTIFY of this subscription came; False when there is no room to hold it."""
        if self._ear is not None and self.is_established:
            self._deliver(incoming)
            return True
        if self.is_over:
            incoming.respond(response_to(incoming.request, 200))
            return True
        held = self._held = self._held or []
        if len(held) >= MAX_HELD_NOTIFIES:
            return False
        held.append(incoming)
        return True

    def _deliver(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        # Where the tags are others, the numbers are too.
        if self.owns(request):
            self.flow = incoming.flow
            if not self.is_in_order(request):
                incoming.respond(response_to(request, 500))
                return
        reason = termination_of(request)
        if reason is not None:
            incoming.on_answered = lambda: self._table.end(self, reason)
        if self._ear is None:
            incoming.respond(response_to(request, 200))
        else:
            self._ear.notified(self, incoming)

    def over(self, reason: str) -> None:
        """It was ended, not by us."""
        was_over, self.is_over = self.is_over, True
        self.drop_held()
        if not was_over and self._ear is not None:
            self._ear.ended(self, reason)

    def drop_held(self) -> None:
        """What still waits belongs to no subscription any more."""
        for incoming in self._let_go():
            incoming.respond(response_to(incoming.request, 481))

    def _let_go(self) -> list[IncomingRequest]:
        held, self._held = self._held, None
        return held or []


class Notifier(Usage):
    """A subscription that we serve.

    `on_refresh` gets each SUBSCRIBE inside the dialog, to be answered or accepted again; without
    it they are accepted as asked. `on_ended` gets the reason, once: `unsubscribed` (a last
    `notify` may follow), `refused 481` and the like, `no answer`, `expired`, `displaced`.
    """

    __slots__ = ("_table", "granted_s", "is_over", "on_ended", "on_refresh")

    def __init__(
        self, table: "Subscriptions", subscribe: Request, response: Response, flow: Flow
    ) -> None:
        """We answer this SUBSCRIBE with this 2xx, which has its To tag already."""
        event = subscribe.headers.get("Event") or ""
        super().__init__(subscribe.call_id, event, "", flow)
        self.establish(Dialog.of_callee(subscribe, response, flow))
        self.is_in_order(subscribe)
        self._table = table
        self.granted_s = 0
        self.is_over = False
        self.on_refresh: Callable[[IncomingRequest], None] | None = None
        self.on_ended: Callable[[str], None] | None = None

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
        shown = f"active;expires={self.granted_s}" if state == "active" else state
        headers = [("Event", self.event), ("Subscription-State", shown)]
        request = self.request("NOTIFY", headers, body, content_type)
        if state.startswith("terminated"):
            self.is_over = True
            self._table.forget(self)
        try:
            response = await self._table.line.request(request, self.flow, limit_s=limit_s)
        except TransactionTimeoutError:
            self._table.end(self, "no answer")
            raise
        if response.status in ENDS_IT:
            self._table.end(self, f"refused {response.status}")
        return response

    def forget(self) -> None:
        """Drop it without a word; refreshes get 481 from now on."""
        self.is_over = True
        self._table.forget(self)

    # What follows is the table's side.

    def received(self, incoming: IncomingRequest) -> None:
        """A SUBSCRIBE inside the dialog came."""
        request = incoming.request
        if not self.is_in_order(request):
            incoming.respond(response_to(request, 500))
            return
        self.flow = incoming.flow
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
        self._usages: Usages[Subscription | Notifier] = Usages()
        self._served: dict[Notifier, None] = {}  # in the order they were accepted
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
        subscription = Subscription(self, request, flow)
        self._usages.add(subscription, GRACE_S, self._now())
        is_accepted = False
        try:
            response = await self.line.request(request, flow, limit_s=limit_s)
            is_accepted = response.is_success
        finally:
            if not is_accepted:
                subscription.is_over = True
                self.forget(subscription)
        if not is_accepted:
            raise SubscribeRefusedError(response)
        subscription.establish(Dialog.of_caller(request, _with_to(response, request), flow))
        subscription.granted_s = granted_s = expires_of(response)
        if granted_s is None:
            granted_s = expires_of(request)
        self.keep(subscription, UNSTATED_S if granted_s is None else granted_s)
        return subscription

    def accept(self, request: Request, response: Response, flow: Flow, expires_s: int) -> Notifier:
        """A SUBSCRIBE is being accepted, the first of its dialog or a refresh."""
        notifier = self._notifier_of(request) if request.to.tag else None
        granted_s = max(0, min(expires_s, LONGEST_S))
        if notifier is None:
            notifier = Notifier(self, request, response, flow)
            self._served[notifier] = None
            self._usages.add(notifier, granted_s, self._now())
            if len(self._served) > MAX_NOTIFIERS:
                self.end(next(iter(self._served)), "displaced")
        notifier.granted_s = granted_s
        self.keep(notifier, granted_s)
        if not granted_s:
            self._loop.call_soon(self.end, notifier, "unsubscribed")
        return notifier

    def take(self, incoming: IncomingRequest) -> bool:
        """Whether a NOTIFY or SUBSCRIBE belongs to a subscription, or is refused for want of one.

        Others are the application's.
        """
        request = incoming.request
        if request.method == "NOTIFY":
            usage = self._usages.of_notify(request, incoming.flow)
            return isinstance(usage, Subscription) and usage.received(incoming)
        if not request.to.tag:
            return False
        notifier = self._notifier_of(request)
        if notifier is None:
            incoming.respond(response_to(request, 481))
        elif incoming.flow.remote.host != notifier.flow.remote.host:
            incoming.respond(response_to(request, 403))
        else:
            notifier.received(incoming)
        return True

    def _notifier_of(self, subscribe: Request) -> Notifier | None:
        usage = self._usages.of_subscribe(subscribe)
        return usage if isinstance(usage, Notifier) else None

    def hand_over(
        self, handler: Callable[[IncomingRequest], None], incoming: IncomingRequest
    ) -> None:
        """Deliver what was held, outside the call that made it possible."""
        self._loop.call_soon(self._guarded, handler, incoming)

    def keep(self, usage: Subscription | Notifier, lives_s: float) -> None:
        """It has been granted for so long."""
        self._usages.keep(usage, lives_s, self._now())
        self._arm()

    def forget(self, usage: Subscription | Notifier) -> None:
        """It is over by our own will."""
        self._remove(usage)
        if isinstance(usage, Subscription):
            usage.drop_held()

    def end(self, usage: Subscription | Notifier, reason: str) -> None:
        """It is over, and whoever has it is told, unless he ended it."""
        self._remove(usage)
        usage.over(reason)

    def _remove(self, usage: Subscription | Notifier) -> None:
        self._usages.remove(usage)
        if isinstance(usage, Notifier):
            self._served.pop(usage, None)

    def _arm(self) -> None:
        deadline = self._usages.deadline
        if self._timer is None and deadline is not None:
            self._timer = self._loop.call_later(max(0.0, deadline - self._now()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        for usage in self._usages.run_out(self._now()):
            self.end(usage, "expired")
        self._arm()


def _with_to(response: Response, request: Request) -> Response:
    """Without a To that can be read, ours stands in: its tag matters, and may be missing."""
    try:
        _ = response.to
    except ProtocolError:
        response.headers.set("To", request.headers.get("To") or "")
    return response
