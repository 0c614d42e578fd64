"""The driver of the core: sockets, one timer, and the calls the application makes.

There is no task per request: what comes in runs to its answer in one plain call.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Final, Literal

from sip.agent import Agent
from sip.bans import Ban
from sip.dialog import Dialog
from sip.effects import (
    Acknowledged,
    Answered,
    Broken,
    Cancelled,
    ClientKey,
    Deliver,
    Effect,
    Ended,
    Send,
    ServerKey,
    TimedOut,
)
from sip.errors import ProtocolError, TransactionTimeoutError, TransportError
from sip.headers import Headers
from sip.message import METHODS, Address, Flow, Request, Response, response_to, tag_to
from sip.net.binding import LocalAddress, bind_pair
from sip.net.calls import CallLeg, IncomingRequest, InviteRefusedError, PendingInvite
from sip.net.connections import Connections
from sip.net.gate import (
    DEFAULT_POLICY,
    REFLECTION_LIMIT,
    STRANGER_ANSWERS_PER_S,
    STRANGER_BYTES_PER_S,
    Gate,
    PeerPolicy,
)
from sip.net.lobby import Lobby, Turnstile
from sip.net.stats import EndpointStats
from sip.net.subscriptions import (
    Notifier,
    SubscribeRefusedError,
    Subscription,
    Subscriptions,
)
from sip.net.udp import UdpTransport
from sip.parser import parse_message
from sip.plain import PlainMessages
from sip.plain_register import PlainRegister, PlainRegisters
from sip.plain_response import PlainResponse, read_plain_response
from sip.timers import LIMIT_S

__all__ = [
    "REFLECTION_LIMIT",
    "STRANGER_ANSWERS_PER_S",
    "STRANGER_BYTES_PER_S",
    "Ban",
    "CallLeg",
    "Endpoint",
    "EndpointStats",
    "IncomingRequest",
    "InviteRefusedError",
    "Notifier",
    "PeerPolicy",
    "PendingInvite",
    "PlainRegister",
    "SubscribeRefusedError",
    "Subscription",
]


STRAY_ACK: Final = 0.2
"""What an ACK of nothing counts: of a stranger whose INVITE was refused, one is normal."""

_SHORTEST_SLEEP_S: Final = 0.01
_PINGS: Final = b"\r\n\0 \t"
_OF_SUBSCRIPTIONS: Final = frozenset({"NOTIFY", "SUBSCRIBE"})


OnWire = Callable[[bytes, Flow, bool], None]
"""Called with a message's bytes, its road, and True where it was sent, False where it came in."""


class Endpoint:
    """SIP over UDP and TCP on the same port number (RFC 3261, 18).

    Answers go back along the road of their request. Requests are handed to `on_request`, a plain
    call that must not block; it may answer at once or later.
    """

    def __init__(
        self,
        udp_socket: socket.socket,
        *,
        on_request: Callable[[IncomingRequest], None],
        is_trusted: Callable[[Flow], bool],
        now: Callable[[], float],
        token: Callable[[], str],
        user_agent: str,
        receive_buffer_bytes: int,
        advertised: Callable[[str], str | None] | None,
        policy: PeerPolicy,
    ) -> None:
        """Use `open`."""
        bound = udp_socket.getsockname()
        self.address = Address(bound[0], bound[1])
        self.on_connection_closed: Callable[[Flow], None] | None = None
        self.on_wire: OnWire | None = None
        self._on_request = on_request
        self._is_trusted = is_trusted
        self._now = now
        self._token = token
        self._user_agent = user_agent
        self._loop = asyncio.get_running_loop()
        self._agent = Agent(token)
        self._plain: PlainMessages | None = None
        self._registers: PlainRegisters | None = None
        self._lobby: Lobby | None = None
        self._local = LocalAddress(self.address, advertised)
        self._udp = UdpTransport(udp_socket, self._datagram_received, receive_buffer_bytes)
        self._stats = EndpointStats(
            wanted_receive_buffer_bytes=receive_buffer_bytes,
            granted_receive_buffer_bytes=self._udp.granted_receive_buffer_bytes,
        )
        self._gate = Gate(self._stats, now=now, policy=policy)
        self._connections = Connections(
            self.address,
            now=now,
            is_trusted=is_trusted,
            registered_at=policy.registered_at,
            bars=self._gate.bars,
            on_broken=self.note_failure,
            on_frame=self._frame_received,
            on_lost=self._connection_lost,
            stats=self._stats,
            silence_limit_s=policy.silence_limit_s,
        )
        self._waiting: dict[ClientKey, asyncio.Future[Response] | PendingInvite] = {}
        self._unanswered_invites: dict[ServerKey, IncomingRequest] = {}
        self._legs: dict[Dialog, CallLeg] = {}
        self._subscriptions = Subscriptions(self, now=now, deliver=self._handle)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._forgetting: asyncio.TimerHandle | None = None
        self._is_closed = False

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        *,
        on_request: Callable[[IncomingRequest], None],
        is_trusted: Callable[[Flow], bool],
        now: Callable[[], float],
        token: Callable[[], str],
        user_agent: str,
        receive_buffer_bytes: int = 32 * 2**20,
        advertised: Callable[[str], str | None] | None = None,
        policy: PeerPolicy = DEFAULT_POLICY,
    ) -> "Endpoint":
        """Bind both sockets; port 0 picks a number that is free on both. OSError when taken.

        `is_trusted` is asked for every message, so it must be quick. `token` gives unguessable
        text of ASCII letters and digits. `advertised` names our host as a given remote host
        should see it; without an answer it is the address the kernel would send from.
        """
        udp, tcp = bind_pair(host, port)
        endpoint = cls(
            udp,
            on_request=on_request,
            is_trusted=is_trusted,
            now=now,
            token=token,
            user_agent=user_agent,
            receive_buffer_bytes=receive_buffer_bytes,
            advertised=advertised,
            policy=policy,
        )
        await endpoint._connections.listen(tcp)
        return endpoint

    def take_plain(self, take: Callable[[str, bytes, Flow], bool]) -> None:
        """From now on `take` is asked first about MESSAGEs of the usual shape (`sip.plain`).

        It gets the user of From, the body and the flow; where it says True it has taken note, and
        200 is answered. It must be quick.
        """
        self._plain = PlainMessages(take, self._agent.is_in_dialog, self._is_trusted)

    def take_registers(self, take: Callable[[PlainRegister], None]) -> None:
        """From now on `take` gets REGISTERs of the usual shape by UDP (`sip.plain_register`), to be
        answered at once or later."""
        self._registers = PlainRegisters(
            take, self._is_trusted, self._note_received, self._register_answered
        )

    def queue_registers(self, turnstile: Turnstile) -> Lobby:
        """From now on REGISTERs wait their turn, and everything else goes past them."""
        self._lobby = Lobby(
            turnstile,
            now=self._now,
            is_heard=self._is_heard,
            deliver=self._turn_came,
            send_away=self._sent_away,
        )
        return self._lobby

    @property
    def stats(self) -> EndpointStats:
        """The counts, as of now; the kernel is asked for its drops."""
        stats = self._stats
        stats.transactions = self._agent.transactions
        stats.dialogs = self._agent.dialogs
        stats.subscriptions = len(self._subscriptions)
        stats.repeats_absorbed = self._agent.absorbed
        stats.overflows = self._agent.overflows
        if self._plain is not None:
            stats.repeats_absorbed += self._plain.absorbed
        if self._registers is not None:
            stats.repeats_absorbed += self._registers.absorbed
            stats.transactions += self._registers.under_way
        if self._lobby is not None:
            stats.repeats_absorbed += self._lobby.copies
        stats.connections = len(self._connections)
        stats.send_errors = self._udp.send_errors
        stats.socket_drops = self._udp.kernel_drops()
        self._gate.count()
        return stats

    # Who is kept out

    def note_failure(self, flow: Flow, why: str, weight: float = 1.0) -> None:
        """A stranger's message was of no use: wrong password, not on file, ... (`sip.bans`).

        Too many, and its host is not read for a while. `why` comes from a bounded set.
        """
        self._gate.note_failure(flow, why, weight)

    def note_success(self, flow: Flow) -> None:
        """The peer proved to be a device; its failures are forgotten."""
        self._gate.note_success(flow)

    def bans(self) -> Sequence[Ban]:
        """Hosts and networks whose messages are dropped unread now."""
        return self._gate.bans()

    def lift(self, host: str) -> bool:
        """End a ban of an address or a network before its time; False where there is none."""
        return self._gate.lift(host)

    async def close(self) -> None:
        """Close all sockets; whoever waits for an answer gets TransportError. Twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._forgetting is not None:
            self._forgetting.cancel()
        if self._lobby is not None:
            self._lobby.close()
        self._subscriptions.close()
        self._udp.close()
        for waiting in list(self._waiting.values()):
            _fail(waiting, TransportError("the endpoint was closed"))
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._connections.close()

    # Requests of ours

    def new_request(
        self,
        method: str,
        uri: str,
        *,
        from_: str,
        to: str,
        call_id: str | None = None,
        cseq: int = 1,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        contact: str | None = None,
    ) -> Request:
        """A request outside any call; From gets a tag unless it has one. Via comes with sending."""
        fields = [
            ("From", from_ if ";tag=" in from_ else f"{from_};tag={self._token()}"),
            ("To", to),
            ("Call-ID", call_id or f"{self._token()}@{self.address.host}"),
            ("CSeq", f"{cseq} {method}"),
        ]
        if contact is not None:
            fields.append(("Contact", contact))
        fields.append(("Max-Forwards", "70"))
        fields += headers
        fields.append(("User-Agent", self._user_agent))
        if content_type is not None:
            fields.append(("Content-Type", content_type))
        made = Headers(fields) if headers else Headers.of_usual(fields)
        return Request(method, uri, made, body)

    def flow(self, transport: Literal["UDP", "TCP"], host: str, port: int) -> Flow:
        """The road to an address; over TCP an open connection to it, or one yet to be opened."""
        remote = Address(host, port)
        connection = self._connections.number_of(remote) if transport == "TCP" else 0
        return Flow(transport, self.address, remote, connection)

    def local_address(self, remote_host: str) -> Address:
        """Our address as that host should see it: for Contact and SDP."""
        return self._local.towards(remote_host)

    async def connect(self, host: str, port: int) -> Flow:
        """Open a TCP connection of its own. TransportError when that fails or takes too long."""
        return await self._connections.connect(host, port)

    def disconnect(self, flow: Flow) -> None:
        """Close a TCP connection; nothing happens when it is gone already."""
        self._connections.disconnect(flow)

    async def request(
        self, request: Request, flow: Flow, *, limit_s: float | None = None
    ) -> Response:
        """Send a request and wait for its final response, whatever its status.

        TransactionTimeoutError after `limit_s`, at the latest after 32 s; TransportError when the
        connection cannot be opened or breaks. Whoever is cancelled while waiting takes the request
        back: it is not repeated. The same request may be sent again with changed headers: Via and
        branch are added to a copy.
        """
        return await self._begun(request, await self._ready(flow), limit_s)

    def begin(
        self, request: Request, flow: Flow, *, limit_s: float | None = None
    ) -> asyncio.Future[Response]:
        """As `request`, for whoever does not wait for the answer here: it comes to the future.
        Cancelling that takes the request back."""
        if not self._is_closed and (flow.transport == "UDP" or self._connections.is_open(flow)):
            return self._begun(request, flow, limit_s)
        return self._loop.create_task(self.request(request, flow, limit_s=limit_s))

    def _begun(
        self, request: Request, flow: Flow, limit_s: float | None
    ) -> asyncio.Future[Response]:
        future: asyncio.Future[Response] = self._loop.create_future()
        key = self._send(request, flow, future, LIMIT_S if limit_s is None else limit_s)
        future.add_done_callback(partial(self._over, key))
        return future

    def _over(self, key: ClientKey, future: asyncio.Future[Response]) -> None:
        self._waiting.pop(key, None)
        if future.cancelled():
            self._agent.abandon(key)

    def invite(self, request: Request, flow: Flow) -> PendingInvite:
        """Send an INVITE; what comes of it, the returned object tells."""
        pending = PendingInvite(self)
        self._udp.hurry()
        if flow.transport == "UDP" or self._connections.is_open(flow):
            self._send(request, flow, pending)
        else:
            self._run(self._connect_and_invite(request, flow, pending))
        return pending

    async def subscribe(
        self, request: Request, flow: Flow, *, limit_s: float | None = None
    ) -> Subscription:
        """Send a SUBSCRIBE with Event, Expires and Contact, and wait for its 2xx (RFC 6665).

        SubscribeRefusedError for any other final response; TransactionTimeoutError and
        TransportError as for `request`. Give it an `ear` at once: what came before waits for that.
        """
        return await self._subscriptions.subscribe(request, flow, limit_s=limit_s)

    async def _connect_and_invite(
        self, request: Request, flow: Flow, pending: PendingInvite
    ) -> None:
        try:
            ready = await self._ready(flow)
        except TransportError as error:
            pending.failed(error)
        else:
            self._send(request, ready, pending)

    async def _ready(self, flow: Flow) -> Flow:
        if self._is_closed:
            raise TransportError("the endpoint is closed")
        return flow if flow.transport == "UDP" else await self._connections.ready(flow)

    def _send(
        self,
        request: Request,
        flow: Flow,
        waiting: "asyncio.Future[Response] | PendingInvite",
        limit_s: float = LIMIT_S,
    ) -> ClientKey:
        now = self._now()
        sent_by = str(self._local.towards(flow.remote.host))
        key, effects = self._agent.send(request, flow, sent_by, now, limit_s=limit_s)
        self._waiting[key] = waiting
        if isinstance(waiting, PendingInvite):
            waiting.sent_as(key)
        self._perform(effects, is_trusted=True)
        self._arm(now)
        return key

    # What calls ask for (sip.net.calls.Line)

    def answer(self, key: ServerKey, flow: Flow, response: Response, request_bytes: int) -> None:
        """Answer a delivered request; `IncomingRequest.respond` calls it."""
        now = self._now()
        is_trusted = self._is_trusted(flow)
        if response.is_final and key.method == "INVITE":
            self._unanswered_invites.pop(key, None)
        # Who is let in has proved who he is; by unregistering he becomes a stranger all the same.
        is_let_in = key.method == "REGISTER" and response.status == 200
        effects = self._agent.respond(key, response, now, may_repeat=is_trusted or is_let_in)
        self._perform(effects, is_trusted=is_trusted, request_bytes=request_bytes)
        self._arm(now)

    def accept(self, key: ServerKey, flow: Flow, response: Response) -> CallLeg:
        """Accept a delivered INVITE; `IncomingRequest.accept` calls it."""
        now = self._now()
        dialog, effects = self._agent.accept(key, response, now)
        self._unanswered_invites.pop(key, None)
        leg = self._legs.get(dialog)
        if leg is None:
            leg = self._legs[dialog] = CallLeg(self, dialog, None)
        self._perform(effects, is_trusted=self._is_trusted(flow))
        self._arm(now)
        return leg

    def accept_subscription(
        self,
        key: ServerKey,
        incoming: IncomingRequest,
        response: Response,
        expires_s: int,
        *,
        states_expires: bool = True,
    ) -> Notifier:
        """Accept a SUBSCRIBE; `IncomingRequest.accept_subscription` calls it."""
        if not self._agent.is_unanswered(key):
            raise LookupError("this SUBSCRIBE is answered already")
        request, headers = incoming.request, response.headers
        tag_to(headers, self._token())
        if "Contact" not in headers:
            user = request.to.uri.user
            local = self._local.towards(incoming.flow.remote.host)
            headers.add("Contact", f"<sip:{user}@{local}>" if user else f"<sip:{local}>")
        if states_expires and "Expires" not in headers:
            headers.add("Expires", str(expires_s))
        notifier = self._subscriptions.accept(request, response, incoming.flow, expires_s)
        incoming.respond(response)
        return notifier

    def ignore(self, key: ServerKey) -> None:
        """Forget a delivered request; `IncomingRequest.ignore` calls it."""
        self._unanswered_invites.pop(key, None)
        self._agent.ignore(key)

    def cancel_invite(self, key: ClientKey) -> None:
        """Cancel an INVITE of ours; `PendingInvite.cancel` calls it."""
        now = self._now()
        self._perform(self._agent.cancel(key, now), is_trusted=True)
        self._arm(now)

    def hang_up(self, leg: CallLeg) -> None:
        """End a call that nobody has; `PendingInvite.cancel` calls it."""
        self._run(leg.bye())

    def forget_call(self, dialog: Dialog) -> None:
        """A call is over; `CallLeg.bye` calls it."""
        self._agent.end(dialog)
        self._legs.pop(dialog, None)

    # What sockets tell

    def _datagram_received(self, data: bytes, source: Address) -> bool:
        """True where it waits for its turn, or was sent away unread."""
        flow = Flow("UDP", self.address, source)
        if self._lobby is not None and self._lobby.takes(data, flow):
            return True
        self._message_received(data, flow)
        return False

    def _frame_received(self, frame: bytes, flow: Flow) -> None:
        if self._lobby is None or not self._lobby.takes(frame, flow):
            self._message_received(frame, flow)

    def _turn_came(self, data: bytes, flow: Flow) -> None:
        """Of a connection that is gone nobody registers: it would have no road."""
        if not flow.connection or self._connections.is_open(flow):
            self._message_received(data, flow)

    def _is_heard(self, data: bytes, flow: Flow) -> bool:
        return self._is_trusted(flow) or self._is_admitted(data, flow, self._now())

    def _is_admitted(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether a stranger's message is read; who is banned loses his connection."""
        if self._gate.admits(data, flow, now):
            return True
        if flow.connection and self._gate.bars(flow):
            self._connections.cut(flow, "banned")
        return False

    def _sent_away(self, request: bytes, answer: bytes, flow: Flow) -> None:
        self._note_received(request, flow)
        if self._is_trusted(flow) or self._gate.answers(answer, flow, len(request)):
            self._put(answer, flow)

    def _message_received(self, data: bytes, flow: Flow) -> None:
        """Everything that comes in passes here, as everything that goes out passes `_put`."""
        now = self._now()
        if self._plain is not None and (answer := self._plain.answer(data, flow, now)):
            self._answered_in_short(data, answer, flow)
            return
        is_trusted = self._is_trusted(flow)
        if not is_trusted and not self._is_admitted(data, flow, now):
            return
        if (
            self._registers is not None
            and not flow.connection
            and self._registers.takes(data, flow, now)
        ):
            return
        if data.startswith(b"SIP/2.0 ") and (plain := read_plain_response(data)) is not None:
            self._response_received(data, flow, plain, now)
            return
        try:
            message = parse_message(data)
        except ProtocolError as error:
            self._unreadable(data, flow, error, is_trusted)
            return
        self._note_received(data, flow)
        try:
            effects = self._agent.receive(message, flow, now, may_repeat=is_trusted)
        except ProtocolError as error:
            self._unusable(message, flow, error, is_trusted)
            return
        if not is_trusted and isinstance(message, Request):
            self._heard_of_stranger(message, flow, is_of_effect=bool(effects))
        if effects:
            self._perform(effects, is_trusted=is_trusted, request_bytes=len(data))
        self._arm(now)

    def _response_received(self, data: bytes, flow: Flow, plain: PlainResponse, now: float) -> None:
        self._note_received(data, flow)
        for effect in self._agent.receive_plain(plain.key, plain.response, now):
            self._tell(effect)
        self._arm(now)

    def _heard_of_stranger(self, request: Request, flow: Flow, *, is_of_effect: bool) -> None:
        if request.method not in METHODS:
            self._gate.note_failure(flow, "unknown method")
        elif request.method == "ACK" and not is_of_effect:
            # It gets no answer, so no allowance is used up by however many.
            self._gate.note_failure(flow, "stray ACK", STRAY_ACK)

    def _unreadable(self, data: bytes, flow: Flow, error: ProtocolError, is_trusted: bool) -> None:
        if not data.strip(_PINGS):
            self._stats.pings += 1
            return
        if self.on_wire is not None:
            self.on_wire(data, flow, False)
        self._stats.count_error(error.reason)
        if not is_trusted:
            self._gate.note_failure(flow, error.reason)

    def _unusable(
        self, message: Request | Response, flow: Flow, error: ProtocolError, is_trusted: bool
    ) -> None:
        self._stats.count_error(error.reason)
        if not is_trusted:
            self._gate.note_failure(flow, error.reason)
        elif isinstance(message, Request) and message.method != "ACK":
            self._refuse(message, error, flow)

    def _answered_in_short(self, data: bytes, answer: bytes, flow: Flow) -> None:
        self._note_received(data, flow)
        self._put(answer, flow)

    def _note_received(self, data: bytes, flow: Flow) -> None:
        self._stats.received += 1
        if self.on_wire is not None:
            self.on_wire(data, flow, False)

    def _register_answered(self, answer: bytes, flow: Flow, request_bytes: int) -> None:
        if self._is_trusted(flow) or self._gate.answers(answer, flow, request_bytes):
            self._put(answer, flow)
        if self._forgetting is None and not self._is_closed:
            self._forgetting = self._loop.call_later(LIMIT_S, self._forget_answers)

    def _forget_answers(self) -> None:
        self._forgetting = None
        if self._registers is not None and self._registers.forget(self._now()):
            self._forgetting = self._loop.call_later(LIMIT_S, self._forget_answers)

    def _refuse(self, request: Request, error: ProtocolError, flow: Flow) -> None:
        """Answer what can be answered, without a transaction: the request does not name one."""
        if "Via" not in request.headers:
            return
        with contextlib.suppress(ProtocolError):
            request.note_source(flow.remote)
        response = response_to(request, error.status or 400, reason=error.reason)
        self._put(response.to_bytes(), flow)

    def _connection_lost(self, flow: Flow) -> None:
        self._perform(self._agent.connection_lost(flow), is_trusted=True)
        if self.on_connection_closed is not None and not self._is_closed:
            self.on_connection_closed(flow)

    # Effects and time

    def _perform(
        self, effects: Sequence[Effect], *, is_trusted: bool, request_bytes: int = 0
    ) -> None:
        """`request_bytes`: of the request that the effects answer, 0 where they answer none."""
        for effect in effects:
            if type(effect) is Send:
                if is_trusted or not effect.is_answer or self._may_answer(effect, request_bytes):
                    self._stats.retransmissions += effect.is_repeat
                    self._put(effect.data, effect.flow)
            elif type(effect) is Deliver:
                self._deliver(effect)
            else:
                self._tell(effect)

    def _may_answer(self, effect: Send, request_bytes: int) -> bool:
        if self._is_trusted(effect.flow):
            return True
        if effect.is_repeat:
            return False
        return self._gate.answers(effect.data, effect.flow, request_bytes)

    def _put(self, data: bytes, flow: Flow) -> None:
        self._stats.sent += 1
        if self.on_wire is not None:
            self.on_wire(data, flow, True)
        if flow.transport == "UDP":
            self._udp.send(data, flow.remote)
        elif not self._connections.send(data, flow) and not self._is_closed:
            # Later, so that whoever is sending is told after it has noted its key.
            self._loop.call_soon(self._connection_failed, flow)

    def _connection_failed(self, flow: Flow) -> None:
        self._perform(self._agent.connection_lost(flow), is_trusted=True)

    def _deliver(self, effect: Deliver) -> None:
        leg = self._legs.get(effect.dialog) if effect.dialog is not None else None
        incoming = IncomingRequest(self, effect.key, effect.request, effect.flow, leg)
        if effect.key.method == "INVITE":
            self._unanswered_invites[effect.key] = incoming
        handler = leg.on_request if leg is not None and leg.on_request else self._on_request
        if leg is None and effect.key.method in _OF_SUBSCRIPTIONS:
            handler = self._of_subscription
        self._handle(handler, incoming)

    def _of_subscription(self, incoming: IncomingRequest) -> None:
        if not self._subscriptions.take(incoming):
            self._on_request(incoming)

    def _handle(
        self, handler: Callable[[IncomingRequest], None], incoming: IncomingRequest
    ) -> None:
        """Let the application, or whoever stands for it, take a request."""
        request = incoming.request
        try:
            handler(incoming)
        except ProtocolError as error:
            self._stats.count_error(error.reason)
            incoming.respond(response_to(request, error.status or 400))
        except Exception as error:  # noqa: BLE001 - our own mistake must not cost others the socket
            incoming.respond(response_to(request, 500))
            self._loop.call_exception_handler(
                {"message": f"handling {request.method} failed", "exception": error}
            )

    def _tell(self, effect: Effect) -> None:
        match effect:
            case Answered(key, response, dialog):
                self._answered(key, response, dialog)
            case TimedOut(key, flow, limit_s):
                error = f"no answer from {flow.remote} to {key.method} in {limit_s} s"
                self._failed(key, TransactionTimeoutError(error))
            case Broken(key):
                self._failed(
                    key, TransportError(f"connection lost before the answer to {key.method}")
                )
            case Cancelled(key):
                invite = self._unanswered_invites.pop(key, None)
                if invite is not None and invite.on_cancelled is not None:
                    invite.on_cancelled()
            case Acknowledged(dialog, request):
                leg = self._legs.get(dialog)
                if leg is not None and leg.on_acknowledged is not None:
                    leg.on_acknowledged(request)
            case Ended(dialog, reason):
                self._ended(dialog, reason)
            case Send() | Deliver():
                pass

    def _answered(self, key: ClientKey, response: Response, dialog: Dialog | None) -> None:
        waiting = self._waiting.get(key)
        if isinstance(waiting, PendingInvite) or (waiting is None and dialog is not None):
            self._invite_answered(waiting, response, dialog)
            if response.is_final:
                self._waiting.pop(key, None)
        elif waiting is not None and response.is_final and not waiting.done():
            waiting.set_result(response)

    def _invite_answered(
        self, pending: PendingInvite | None, response: Response, dialog: Dialog | None
    ) -> None:
        if not response.is_final:
            if pending is not None and pending.on_provisional is not None:
                pending.on_provisional(response)
            return
        if dialog is None:
            if pending is not None:
                pending.failed(InviteRefusedError(response))
            return
        leg = self._legs[dialog] = CallLeg(self, dialog, response)
        if pending is not None and pending.is_wanted:
            pending.accepted(leg)
            return
        # Nobody waits any more, or a second 2xx of a forked INVITE: acknowledged, and ended.
        self._run(leg.bye())
        if pending is not None:
            terminated = Response(487, "Request Terminated", response.headers)
            pending.failed(InviteRefusedError(terminated))

    def _failed(self, key: ClientKey, error: Exception) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            _fail(waiting, error)

    def _ended(self, dialog: Dialog, reason: str) -> None:
        leg = self._legs.pop(dialog, None)
        if leg is None or leg.is_over:
            return
        if reason == "no ack":
            self._run(leg.bye())
        leg.is_over = True
        if leg.on_ended is not None:
            leg.on_ended(reason)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _arm(self, now: float) -> None:
        deadline = self._agent.deadline
        if deadline is None or self._is_closed:
            return
        if self._timer is not None:
            if deadline >= self._timer_at:
                return
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(
            max(deadline - now, _SHORTEST_SLEEP_S), self._deadline_reached
        )

    def _deadline_reached(self) -> None:
        self._timer = None
        now = self._now()
        self._perform(self._agent.tick(now), is_trusted=False)
        self._arm(now)


def _fail(waiting: "asyncio.Future[Response] | PendingInvite", error: Exception) -> None:
    if isinstance(waiting, PendingInvite):
        waiting.failed(error)
    elif not waiting.done():
        waiting.set_exception(error)
