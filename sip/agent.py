"""The sans-IO core: messages in, effects out (RFC 3261, 12, 17 and 18).

It matches messages with transactions and dialogs, repeats what gets lost, and answers by itself
what no application need see: CANCEL, BYE of a known call, requests of calls nobody knows.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from sip.client_transaction import (
    ClientState,
    InviteClientTransaction,
    NonInviteClientTransaction,
)
from sip.dialog import Dialog
from sip.effects import (
    Acknowledged,
    Answered,
    Cancelled,
    ClientKey,
    Deliver,
    Effect,
    Ended,
    Send,
    ServerKey,
)
from sip.errors import ProtocolError
from sip.message import Flow, Request, Response, response_to, tag_to
from sip.screening import refusal_of
from sip.server_transaction import (
    Acceptance,
    InviteServerTransaction,
    NonInviteServerTransaction,
    ServerState,
)
from sip.timers import LIMIT_S

MAX_SERVER_TRANSACTIONS: Final = 65_536
"""Answered transactions give way, the oldest first; unanswered ones refuse newcomers."""

_SWEEP_SLACK_S: Final = 1.0
_NOTHING: Final[Sequence[Effect]] = ()
_COOKIE: Final = "z9hG4bK"
_ONLY_IN_DIALOG: Final = frozenset({"BYE", "INFO", "INVITE"})

ClientTransactionOfAnyKind = InviteClientTransaction | NonInviteClientTransaction
Timed = ClientTransactionOfAnyKind | InviteServerTransaction | Acceptance
ServerTransaction = NonInviteServerTransaction | InviteServerTransaction


class Agent:
    """One per endpoint. `token` gives unguessable text for branches and tags.

    Every input may raise ProtocolError, and then has changed nothing.
    """

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._clients: dict[ClientKey, ClientTransactionOfAnyKind] = {}
        self._by_connection: dict[int, set[ClientKey]] = {}
        self._dialogs: dict[str, list[Dialog]] = {}
        self._acceptances: dict[Dialog, Acceptance] = {}
        self._timed: list[tuple[float, int, Timed]] = []
        self._pushed = 0
        self.absorbed = 0  # repeated requests that were answered, or not, from memory
        self.overflows = 0  # times that MAX_SERVER_TRANSACTIONS was reached
        # Completed non-INVITE server transactions with the end of their timer J, in order.
        self._completed: deque[tuple[float, ServerKey]] = deque()

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to do; monotonic seconds."""
        timed = self._timed[0][0] if self._timed else None
        if not self._completed:
            return timed
        sweep = self._completed[0][0] + _SWEEP_SLACK_S
        return sweep if timed is None or sweep < timed else timed

    @property
    def transactions(self) -> int:
        """How many are remembered, both roles."""
        return len(self._servers) + len(self._clients)

    @property
    def dialogs(self) -> int:
        """How many calls are established."""
        return sum(map(len, self._dialogs.values()))

    def is_in_dialog(self, call_id: str) -> bool:
        """Whether a call with this Call-ID is established."""
        return call_id in self._dialogs

    # Requests of the peer

    def receive(
        self,
        message: Request | Response,
        flow: Flow,
        now: float,
        *,
        may_repeat: bool = True,
    ) -> Sequence[Effect]:
        """A message came along `flow`; `may_repeat` is as in `respond`, for answers given here."""
        if isinstance(message, Response):
            return self._receive_response(message, flow, now)
        if message.findings.fault is not None:
            raise message.findings.fault
        method = message.method
        cseq = message.cseq
        if cseq.method != method:
            raise ProtocolError("CSeq of another method")
        branch = message.top_via.branch
        remote = flow.remote
        key = ServerKey(branch, message.call_id, cseq.number, method, remote, flow.connection)
        if method == "ACK":
            return self._receive_ack(message, key, flow, now)
        known = self._servers.get(key)
        if known is not None:
            self.absorbed += 1
            return known.repeat()
        if "From" not in message.headers or "To" not in message.headers:
            raise ProtocolError("no From or no To")
        message.note_source(remote)
        if method == "CANCEL":
            return self._receive_cancel(message, key, flow, now, may_repeat)
        return self._receive_new(message, key, flow, now, may_repeat)

    def _receive_new(
        self, request: Request, key: ServerKey, flow: Flow, now: float, may_repeat: bool
    ) -> Sequence[Effect]:
        dialog = self._dialog_of(request, flow) if key.call_id in self._dialogs else None
        refusal = self._refusal(request, dialog, flow)
        if self._open(request, key, flow, now) is None:
            return _NOTHING
        if refusal is not None:
            return self.respond(key, response_to(request, refusal), now, may_repeat=may_repeat)
        if request.findings.is_doubtful:
            refused = refusal_of(request)
            if refused is not None:
                return self.respond(key, refused, now, may_repeat=may_repeat)
        if dialog is not None:
            dialog.flow = flow
            if key.method == "BYE":
                answered = self.respond(key, response_to(request, 200), now, may_repeat=may_repeat)
                return (*answered, *self._end(dialog, "bye"))
        return (Deliver(key, request, flow, dialog),)

    def _open(
        self, request: Request, key: ServerKey, flow: Flow, now: float
    ) -> ServerTransaction | None:
        if len(self._servers) >= MAX_SERVER_TRANSACTIONS:
            self.overflows += 1
            if not self._completed:
                return None
            self._servers.pop(self._completed.popleft()[1], None)
        transaction: ServerTransaction
        if key.method == "INVITE":
            transaction = InviteServerTransaction(key, request, flow, now)
            self._schedule(transaction)
        else:
            transaction = NonInviteServerTransaction(key, request, flow)
        self._servers[key] = transaction
        return transaction

    def _refusal(self, request: Request, dialog: Dialog | None, flow: Flow) -> int | None:
        """The status for a request that belongs to no call, or comes from beside it."""
        method = request.method
        if dialog is None:
            if method == "BYE" or (method in _ONLY_IN_DIALOG and request.to.tag):
                return 481
            return None
        if flow.remote.host != dialog.flow.remote.host:
            return 403
        if not dialog.is_in_order(request) and method != "BYE":
            return 500
        return None

    def _dialog_of(self, request: Request, flow: Flow) -> Dialog | None:
        dialogs = self._dialogs[request.call_id]
        for dialog in dialogs:
            if dialog.owns(request):
                return dialog
        # Some devices report the end of a recording with the Call-ID of its call and tags of
        # their own; the address has to do.
        if request.method == "MESSAGE":
            for dialog in dialogs:
                if dialog.flow.remote.host == flow.remote.host:
                    return dialog
        return None

    def _receive_ack(
        self, request: Request, key: ServerKey, flow: Flow, now: float
    ) -> Sequence[Effect]:
        refused = self._servers.get(key._replace(method="INVITE"))
        if isinstance(refused, InviteServerTransaction):
            refused.acknowledge(now)
            self._settle_server(refused)
            if refused.state is not ServerState.ACCEPTED:
                return _NOTHING
        for dialog in self._dialogs.get(key.call_id, ()):
            if dialog.owns(request) and dialog.flow.remote.host == flow.remote.host:
                acceptance = self._acceptances.pop(dialog, None)
                if acceptance is None:
                    return _NOTHING
                acceptance.stop()
                return (Acknowledged(dialog, request),)
        return _NOTHING

    def _receive_cancel(
        self, request: Request, key: ServerKey, flow: Flow, now: float, may_repeat: bool
    ) -> Sequence[Effect]:
        invite = self._servers.get(key._replace(method="INVITE"))
        if self._open(request, key, flow, now) is None:
            return _NOTHING
        if not isinstance(invite, InviteServerTransaction):
            return self.respond(key, response_to(request, 481), now, may_repeat=may_repeat)
        invite.tag = invite.tag or self._token()
        accepted = response_to(request, 200, to_tag=invite.tag)
        answered = self.respond(key, accepted, now, may_repeat=may_repeat)
        if invite.state is not ServerState.PROCEEDING:
            return answered
        terminated = response_to(invite.request, 487)
        refused = self.respond(invite.key, terminated, now, may_repeat=may_repeat)
        return (*answered, *refused, Cancelled(invite.key))

    def respond(
        self, key: ServerKey, response: Response, now: float, *, may_repeat: bool = True
    ) -> Sequence[Effect]:
        """Answer a delivered request: any number of provisionals, one final response.

        The To gets its tag here. Where `may_repeat` is false (the peer is a stranger, whose
        address may be forged) a final response is sent once and nothing is remembered.
        """
        transaction = self._servers.get(key)
        if transaction is None or transaction.state is not ServerState.PROCEEDING:
            return _NOTHING
        if response.status > 100:
            if not transaction.tag:
                transaction.tag = self._token()
            tag_to(response.headers, transaction.tag)
        if isinstance(transaction, InviteServerTransaction):
            effects = transaction.respond(response, now)
            if response.is_final and not may_repeat:
                transaction.forget()
            self._settle_server(transaction)
            return effects
        effects = transaction.respond(response)
        if response.is_final:
            if may_repeat and not transaction.flow.is_reliable:
                self._completed.append((now + LIMIT_S, key))
            else:
                del self._servers[key]
        return effects

    def is_unanswered(self, key: ServerKey) -> bool:
        """Whether a delivered request still waits for its final response."""
        transaction = self._servers.get(key)
        return transaction is not None and transaction.state is ServerState.PROCEEDING

    def ignore(self, key: ServerKey) -> None:
        """Forget a delivered request that got no final response."""
        transaction = self._servers.get(key)
        if transaction is None or transaction.state is not ServerState.PROCEEDING:
            return
        if isinstance(transaction, InviteServerTransaction):
            transaction.forget()
        del self._servers[key]

    def accept(
        self, key: ServerKey, response: Response, now: float
    ) -> tuple[Dialog, Sequence[Effect]]:
        """Answer a delivered INVITE with a 2xx, repeated until its ACK comes.

        LookupError when the INVITE is answered or cancelled already.
        """
        transaction = self._servers.get(key)
        if (
            not isinstance(transaction, InviteServerTransaction)
            or transaction.state is not ServerState.PROCEEDING
        ):
            raise LookupError("this INVITE is answered or cancelled already")
        invite = transaction.request
        transaction.tag = transaction.tag or self._token()
        tag_to(response.headers, transaction.tag)
        dialog = self._dialog_of(invite, transaction.flow) if invite.to.tag else None
        if dialog is None:
            dialog = Dialog.of_callee(invite, response, transaction.flow)
            self._dialogs.setdefault(dialog.call_id, []).append(dialog)
        effects = self.respond(key, response, now)
        acceptance = Acceptance(dialog, response.to_bytes(), transaction.flow, now)
        previous = self._acceptances.pop(dialog, None)
        if previous is not None:
            previous.stop()
        self._acceptances[dialog] = acceptance
        self._schedule(acceptance)
        return dialog, effects

    # Requests of ours

    def send(
        self,
        request: Request,
        flow: Flow,
        sent_by: str,
        now: float,
        *,
        limit_s: float = LIMIT_S,
    ) -> tuple[ClientKey, Sequence[Effect]]:
        """Start a client transaction; `sent_by` is our `host:port` as the peer may see it.

        The request itself stays as it is, so that it can be sent again with credentials. Any but
        INVITE is given up after `limit_s`.
        """
        branch = _COOKIE + self._token()
        key = ClientKey(branch, request.method)
        transaction: ClientTransactionOfAnyKind
        if request.method == "INVITE":
            sent = _with_via(request, flow, sent_by, branch)
            transaction = InviteClientTransaction(key, sent, flow, now)
        else:
            data = request.to_bytes(_via_of(flow, sent_by, branch))
            transaction = NonInviteClientTransaction(key, data, flow, now, limit_s)
        return key, self._start(transaction)

    def _start(self, transaction: ClientTransactionOfAnyKind) -> Sequence[Effect]:
        self._clients[transaction.key] = transaction
        connection = transaction.flow.connection
        if connection:
            self._by_connection.setdefault(connection, set()).add(transaction.key)
        self._schedule(transaction)
        return transaction.start()

    def cancel(self, key: ClientKey, now: float) -> Sequence[Effect]:
        """Give an INVITE of ours up: CANCEL goes out once a provisional has come."""
        transaction = self._clients.get(key)
        if not isinstance(transaction, InviteClientTransaction):
            return _NOTHING
        transaction.want_cancel()
        return self._cancel_if_due(transaction, now)

    def abandon(self, key: ClientKey) -> None:
        """Nobody waits for this answer any more: a request other than INVITE is not repeated.

        What was sent may still arrive, and its answer is swallowed.
        """
        transaction = self._clients.get(key)
        if isinstance(transaction, NonInviteClientTransaction):
            transaction.fail()
            self._settle_client(transaction)

    def _cancel_if_due(self, transaction: InviteClientTransaction, now: float) -> Sequence[Effect]:
        if not transaction.is_cancel_due:
            return _NOTHING
        request = transaction.cancel(now)
        key = ClientKey(transaction.key.branch, "CANCEL")
        cancel = NonInviteClientTransaction(key, request.to_bytes(), transaction.flow, now)
        self._schedule(transaction)
        return self._start(cancel)

    def _receive_response(self, response: Response, flow: Flow, now: float) -> Sequence[Effect]:
        key = ClientKey(response.top_via.branch, response.cseq.method)
        transaction = self._clients.get(key)
        if transaction is None:
            return self._acknowledge_again(response) if key.method == "INVITE" else _NOTHING
        if isinstance(transaction, NonInviteClientTransaction):
            return self._answered(transaction, response, now)
        invite = transaction.request
        dialog: Dialog | None = None
        if response.is_success:
            repeated = self._acknowledge_again(response)
            if repeated:
                return repeated
            known = self._dialog_of_response(response)
            if known is not None:
                return self._reinvited(transaction, known, response, now)
            dialog = Dialog.of_caller(invite, response, flow)
        effects = transaction.receive(response, now)
        due = self._cancel_if_due(transaction, now)
        self._settle_client(transaction)
        if dialog is None or not effects:
            return (*effects, *due)
        self._dialogs.setdefault(dialog.call_id, []).append(dialog)
        return (self._acknowledge(dialog, invite), Answered(key, response, dialog))

    def receive_plain(self, key: ClientKey, response: Response, now: float) -> Sequence[Effect]:
        """As `receive`, of a response that was read in short (`sip.plain_response`)."""
        transaction = self._clients.get(key)
        if isinstance(transaction, NonInviteClientTransaction):
            return self._answered(transaction, response, now)
        return _NOTHING

    def _answered(
        self, transaction: NonInviteClientTransaction, response: Response, now: float
    ) -> Sequence[Effect]:
        effects = transaction.receive(response, now)
        self._settle_client(transaction)
        return effects

    def _reinvited(
        self, transaction: InviteClientTransaction, dialog: Dialog, response: Response, now: float
    ) -> Sequence[Effect]:
        """A 2xx to an INVITE of ours inside a call (14.1)."""
        effects = transaction.receive(response, now)
        self._settle_client(transaction)
        if not effects:
            return _NOTHING
        dialog.refresh_target(response)
        return (self._acknowledge(dialog, transaction.request), *effects)

    def _acknowledge(self, dialog: Dialog, invite: Request) -> Send:
        ack = _with_via(
            dialog.request("ACK"), dialog.flow, invite.top_via.sent_by, _COOKIE + self._token()
        )
        dialog.ack = ack.to_bytes()
        return Send(dialog.ack, dialog.flow)

    def _acknowledge_again(self, response: Response) -> Sequence[Effect]:
        if not response.is_success:
            return _NOTHING
        dialog = self._dialog_of_response(response)
        if dialog is None or dialog.ack is None or dialog.invite_seq != response.cseq.number:
            return _NOTHING
        return (Send(dialog.ack, dialog.flow, is_repeat=True),)

    def _dialog_of_response(self, response: Response) -> Dialog | None:
        for dialog in self._dialogs.get(response.call_id, ()):
            if dialog.remote_tag == response.to.tag and dialog.local_tag == response.from_.tag:
                return dialog
        return None

    # Dialogs, connections, time

    def end(self, dialog: Dialog) -> None:
        """Forget a call of ours, for which BYE has been or is being sent."""
        self._end(dialog, "")

    def _end(self, dialog: Dialog, reason: str) -> Sequence[Effect]:
        acceptance = self._acceptances.pop(dialog, None)
        if acceptance is not None:
            acceptance.stop()
        dialogs = self._dialogs.get(dialog.call_id)
        if dialogs is None or dialog not in dialogs:
            return _NOTHING
        dialogs.remove(dialog)
        if not dialogs:
            del self._dialogs[dialog.call_id]
        return (Ended(dialog, reason),)

    def connection_lost(self, flow: Flow) -> Sequence[Effect]:
        """A TCP connection is gone, and with it the answers to what was asked along it."""
        effects: list[Effect] = []
        for key in list(self._by_connection.get(flow.connection, ())):
            client = self._clients[key]
            effects += client.fail()
            self._settle_client(client)
        return effects

    def tick(self, now: float) -> Sequence[Effect]:
        """Let time pass."""
        completed = self._completed
        while completed and completed[0][0] <= now:
            self._servers.pop(completed.popleft()[1], None)
        effects: list[Effect] = []
        timed = self._timed
        while timed and timed[0][0] <= now:
            at, _, thing = heapq.heappop(timed)
            if thing.scheduled_at == at:
                thing.scheduled_at = None
            deadline = thing.deadline
            if deadline is not None and deadline <= now:
                effects += self._tick_one(thing, now)
            if thing.deadline is not None:
                self._schedule(thing)
        return effects

    def _tick_one(self, thing: Timed, now: float) -> Sequence[Effect]:
        effects = thing.tick(now)
        if isinstance(thing, ClientTransactionOfAnyKind):
            self._settle_client(thing)
        elif isinstance(thing, InviteServerTransaction):
            self._settle_server(thing)
        elif thing.deadline is None:
            self._end(thing.dialog, "")
        return effects

    def _settle_client(self, transaction: ClientTransactionOfAnyKind) -> None:
        if transaction.state is not ClientState.TERMINATED:
            self._schedule(transaction)
            return
        self._clients.pop(transaction.key, None)
        connection = transaction.flow.connection
        keys = self._by_connection.get(connection)
        if keys is not None:
            keys.discard(transaction.key)
            if not keys:
                del self._by_connection[connection]

    def _settle_server(self, transaction: InviteServerTransaction) -> None:
        if transaction.state is ServerState.TERMINATED:
            self._servers.pop(transaction.key, None)
        else:
            self._schedule(transaction)

    def _schedule(self, thing: Timed) -> None:
        """Note the deadline unless an earlier one is noted; that one looks again when it comes."""
        deadline = thing.deadline
        if deadline is None or (thing.scheduled_at is not None and thing.scheduled_at <= deadline):
            return
        thing.scheduled_at = deadline
        self._pushed += 1
        heapq.heappush(self._timed, (deadline, self._pushed, thing))


def _with_via(request: Request, flow: Flow, sent_by: str, branch: str) -> Request:
    headers = request.headers.copy()
    headers.remove("Via")
    headers.add_first("Via", _via_of(flow, sent_by, branch))
    return Request(request.literal_method, request.uri, headers, request.body)


def _via_of(flow: Flow, sent_by: str, branch: str) -> str:
    return f"SIP/2.0/{flow.transport} {sent_by};rport;branch={branch}"
