"""Method and CmdType -> one call -> one response: what devices ask and tell."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from math import ceil

import structlog

from sip.message import Flow, response_to
from sip.net.endpoint import IncomingRequest, PlainRegister
from sip.oddities import oddities_of
from sip.screening import media_refusal
from vms.clock import Clock
from vms.errors import ExhaustedError, UnavailableError, VmsError
from vms.events import EventBus, ForeignAddress
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.codec import Decoded
from vms.gb28181.manscdp.messages import (
    HISTORY_AT_END,
    CatalogResponse,
    Keepalive,
    MediaStatus,
    Message,
)
from vms.inventory.catalog import channels_of
from vms.inventory.inventory import Inventory
from vms.inventory.policy import BindingMove, Heard
from vms.signalling.buckets import Buckets
from vms.signalling.device_link import DeviceLink
from vms.signalling.flows import Flows
from vms.signalling.header_text import readable
from vms.signalling.notices import Told
from vms.signalling.notifications import Notifications
from vms.signalling.pending import Pending
from vms.signalling.quick_answers import QuickAnswers
from vms.signalling.quick_keepalive import QuickKeepalive
from vms.signalling.registrar import OUR_VERSION, Registrar
from vms.signalling.registration_asked import (
    Asked,
    Said,
    asked_of_plain,
    asked_of_request,
)

log = structlog.get_logger(__name__)

ALLOW = "INVITE, ACK, BYE, CANCEL, INFO, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, REGISTER"
TASKS_LIMIT = 20_000
"""Requests that wait for a commit at one time; beyond it devices are told to come back. Those that
`Notices` keeps have a limit of their own, so that they never stand in the way of a REGISTER."""

FOREIGN_EVERY_S = 60.0
"""Between two events about one device's ID being used from elsewhere."""

SDP_TYPE = "application/sdp"
MANSCDP_TYPES = frozenset({"application/manscdp+xml", "application/xml", "text/xml"})
UNWANTED_OF_STRANGERS = frozenset(
    {"OPTIONS", "INVITE", "SUBSCRIBE", "BYE", "INFO", "REFER", "PUBLISH"}
)
"""What scanners ask; a device whose address has just changed may ask for OPTIONS too."""

NO_DEVICE_ID = "From is no device ID"
LONGEST_NAME_SHOWN = 40

Respond = Callable[[Said], None]

FAILURE_WEIGHTS = {Heard.UNKNOWN_DEVICE: 0.2, Heard.FOREIGN_ADDRESS: 1.0}
"""A device that we do not know (any more) will register, and may be one of many behind one NAT."""


class Inbound:
    """Everything a peer sends outside calls, and MESSAGEs inside them.

    Keepalives and answers to our queries are answered at once, in this call; what has to be stored
    first is answered by a task of its own.
    """

    def __init__(
        self,
        registrar: Registrar,
        inventory: Inventory,
        link: DeviceLink,
        pending: Pending,
        flows: Flows,
        clock: Clock,
        *,
        events: EventBus,
        notifications: Notifications,
        note_failure: Callable[[Flow, str, float], None],
    ) -> None:
        """`note_failure` is told of strangers who ask in vain, and how much that weighs."""
        self._registrar = registrar
        self._inventory = inventory
        self._link = link
        self._pending = pending
        self._flows = flows
        self._clock = clock
        self._events = events
        self._note_failure = note_failure
        self._notifications = notifications
        self._notices = notifications.notices
        self._faults = notifications.faults
        self._foreign = Buckets(1 / FOREIGN_EVERY_S, 1)
        self._notices.otherwise = self._not_kept
        self._quick = QuickKeepalive(inventory, flows)
        self._quick_answers = QuickAnswers(inventory, flows, pending)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self.refused = self._notices.refused

    def handle(self, incoming: IncomingRequest) -> None:
        """One request; raises `sip.errors.ProtocolError` for the endpoint to answer 400."""
        if self._is_closing:
            incoming.ignore()
            return
        method = incoming.request.method
        if method in UNWANTED_OF_STRANGERS and not self._flows.is_known(incoming.flow):
            self._note_failure(incoming.flow, "unwanted_request", 0.5)
        match method:
            case "MESSAGE":
                self._message(incoming)
            case "NOTIFY":
                self._notify(incoming)
            case "REGISTER":
                self._register(incoming)
            case "OPTIONS":
                self._options(incoming)
            case "INVITE":
                refusal = media_refusal(incoming.request, {SDP_TYPE})
                incoming.respond(refusal or response_to(incoming.request, 488))
            case "BYE" | "INFO":
                self._answer(incoming, 481)
            case "SUBSCRIBE":
                self._answer(incoming, 489)
            case _:
                incoming.respond(response_to(incoming.request, 405, headers=[("Allow", ALLOW)]))

    def take_plain(self, user: str, body: bytes, flow: Flow) -> bool:
        """A MESSAGE of the usual shape: True where it was taken note of, and is to get its 200."""
        if self._is_closing:
            return False
        if not self._faults.is_waiting_for(user) and self._quick.take(user, body, flow):
            return True
        return self._quick_answers.take(user, body, flow)

    @property
    def under_way(self) -> int:
        """Requests that wait for their commit, but for those that `Notices` keeps."""
        return len(self._tasks)

    @property
    def is_idle(self) -> bool:
        """Nothing waits for a commit or for a device."""
        return not self._tasks and self._notifications.is_idle

    async def close(self) -> None:
        """Wait for what is being stored; what comes now is for our next life: devices repeat it."""
        self._is_closing = True
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._notifications.close()

    def notified(self, device_id: DeviceId, incoming: IncomingRequest) -> None:
        """A NOTIFY of a subscription that we hold at a device; its From may name a channel."""
        if self._is_closing:
            incoming.ignore()
        elif self._is_heard(incoming, device_id):
            self._notices.take(Told(incoming, device_id, None, is_subscribed=True))

    def connection_closed(self, flow: Flow) -> None:
        """A device that does not come back over another connection is gone (3)."""
        for device_id in self._flows.devices_on(flow):
            self._flows.release(device_id)
            lost = self._inventory.connection_lost(device_id, flow.remote.host, flow.remote.port)
            self._run(self._logged(device_id, lost))

    # REGISTER, OPTIONS

    def _register(self, incoming: IncomingRequest) -> None:
        request, flow = incoming.request, incoming.flow
        try:
            device_id = DeviceId.parse(request.from_.uri.user or "")
        except ProtocolError:
            self._register_of_nobody(request.from_.uri.user, flow)
            self._answer(incoming, 400, reason=NO_DEVICE_ID)
            return

        def respond(said: Said) -> None:
            headers = (*said.headers, OUR_VERSION)
            incoming.respond(response_to(request, said.status, reason=said.reason, headers=headers))

        # All of a REGISTER is looked at; it comes seldom.
        asked = asked_of_request(request, flow, device_id)
        self._take_register(asked, respond, lambda: oddities_of(request))

    def take_register(self, register: PlainRegister) -> None:
        """A REGISTER of the usual shape: there is nothing odd about it."""
        if self._is_closing:
            register.ignore()
            return

        def respond(said: Said) -> None:
            register.respond(said.status, said.reason, (*said.headers, OUR_VERSION))

        try:
            device_id = DeviceId.parse(register.user)
        except ProtocolError:
            self._register_of_nobody(register.user, register.flow)
            respond(Said(400, NO_DEVICE_ID))
            return
        self._take_register(asked_of_plain(register, device_id), respond, tuple)

    def _register_of_nobody(self, name: str | None, flow: Flow) -> None:
        """Some are set up with a serial number; whoever waits for the device is to learn of it."""
        self._note_failure(flow, "no_device_id", 1.0)
        shown = readable(name)[:LONGEST_NAME_SHOWN]
        self._registrar.history.note_nameless(shown, flow, self._clock.wall())

    def _take_register(
        self, asked: Asked, respond: Respond, oddities: Callable[[], Sequence[str]]
    ) -> None:
        said = self._registrar.at_once(asked)
        if said is not None:
            respond(said)
        elif len(self._tasks) >= TASKS_LIMIT:
            respond(self._put_off())
        else:
            self._run(self._registered(asked, respond, oddities))

    async def _registered(
        self, asked: Asked, respond: Respond, oddities: Callable[[], Sequence[str]]
    ) -> None:
        """A device that registers under a new Call-ID may have forgotten our subscriptions."""
        device_id = asked.device_id
        before = self._inventory.on_file(device_id)
        try:
            said = await self._registrar.register(asked)
        except (UnavailableError, ExhaustedError) as error:
            log.warning("request not stored", error=str(error))
            said = self._put_off()
        except VmsError as error:
            log.info("request refused", error=str(error))
            said = Said(403)
        except Exception:
            respond(Said(500))
            raise
        respond(said)
        after = self._inventory.on_file(device_id)
        if after is None or after.binding is None:
            return
        if after.binding.call_id == asked.call_id:
            self._count_oddities(device_id, oddities())
        if before is None or before.binding is None:
            return
        if before.binding.call_id != after.binding.call_id:
            self._notifications.subscriptions.device_restarted(device_id)

    def _options(self, incoming: IncomingRequest) -> None:
        """Devices ask to keep a path open; strangers learn nothing."""
        if self._flows.is_known(incoming.flow):
            incoming.respond(response_to(incoming.request, 200, headers=[("Allow", ALLOW)]))
        else:
            incoming.ignore()

    # MESSAGE, NOTIFY

    def _notify(self, incoming: IncomingRequest) -> None:
        """One of a subscription of an earlier life, or one that we never had."""
        try:
            device_id = DeviceId.parse(incoming.request.from_.uri.user or "")
        except ProtocolError:
            self._answer(incoming, 400, reason="From is no device ID")
            return
        if self._is_heard(incoming, device_id):
            self._count_oddities(device_id, incoming.request.oddities)
            self._notices.take(Told(incoming, device_id, None))

    def _message(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        call = self._link.call(request.call_id) if incoming.leg is not None else None
        try:
            device_id = DeviceId.parse(request.from_.uri.user or "")
        except ProtocolError:
            self._answer(incoming, 400, reason="From is no device ID")
            return
        is_home = call is not None or self._is_worth_reading(incoming, device_id)
        if not is_home or not self._may_be_read(incoming, device_id):
            return
        try:
            decoded = self._read(device_id, request.body)
        except ProtocolError as error:
            self.refused["body"] += 1
            log.info("message that cannot be read", device_id=device_id, error=str(error))
            self._pending.unreadable(device_id)
            refusal = media_refusal(request, MANSCDP_TYPES)
            if refusal is not None:
                incoming.respond(refusal)
                return
            self._answer(incoming, 400, reason="Body cannot be read")
            return
        message = decoded.message if decoded is not None else None
        if isinstance(message, MediaStatus) and call is not None:
            # Some makers write another From here: the call is known by its Call-ID (8.4).
            self._answer(incoming, 200)
            if message.notify_type == HISTORY_AT_END:
                call.media_ended()
            else:
                log.info("media status of no meaning", notify_type=message.notify_type)
            return
        if not self._is_from(incoming, device_id, message):
            return
        if decoded is not None:
            for tolerance in decoded.tolerances:
                self._inventory.count_tolerance(device_id, tolerance.value)
        self._count_oddities(device_id, request.oddities)
        self._dispatch(incoming, device_id, message)

    def _read(self, device_id: DeviceId, body: bytes) -> Decoded | None:
        return self._notices.reading.decode(device_id, body) if body else None

    def _may_be_read(self, incoming: IncomingRequest, device_id: DeviceId) -> bool:
        """Answers where reading what that device sends has taken too long already."""
        if not incoming.request.body:
            return True
        wait_s = self._notices.reading.wait_s(device_id)
        if not wait_s:
            return True
        self.refused["slow_to_read"] += 1
        self._inventory.count_tolerance(device_id, "slow_to_read")
        headers = [("Retry-After", str(ceil(wait_s)))]
        incoming.respond(response_to(incoming.request, 503, headers=headers))
        return False

    def _count_oddities(self, device_id: DeviceId, names: Iterable[str]) -> None:
        """What the parser put up with (T3, T4, T6)."""
        for name in names:
            self._inventory.count_tolerance(device_id, f"sip_{name}")

    def _is_worth_reading(self, incoming: IncomingRequest, device_id: DeviceId) -> bool:
        """Refuses strangers before their bodies cost anything: XML can be made expensive."""
        if incoming.flow == self._flows.of(device_id):
            return True  # nearly always
        remote = incoming.flow.remote
        device = self._inventory.find_device(device_id)
        binding = None if device is None else device.binding
        if binding is not None and binding.host == remote.host:
            return True
        heard = self._inventory.heard(device_id, remote.host, remote.port)
        if heard is not Heard.KNOWN:
            self._refuse_sender(incoming, device_id, heard)
        return heard is Heard.KNOWN

    def _is_from(
        self, incoming: IncomingRequest, device_id: DeviceId, message: Message | None
    ) -> bool:
        """A sign of life from where the device is bound; answers the request where it is not."""
        flow, remote = incoming.flow, incoming.flow.remote
        kept = self._connection_kept(device_id, flow)
        if kept is not None and self._inventory.binding_move is BindingMove.SAME_IP:
            # Some devices keep a connection and tell by datagrams.
            remote = kept.remote if kept.remote.host == remote.host else remote
        if isinstance(message, Keepalive):
            if message.device_id != device_id:
                self._refuse(incoming, "foreign_body_id")
                return False
            heard = self._inventory.keepalive(device_id, remote.host, remote.port)
        else:
            heard = self._inventory.heard(device_id, remote.host, remote.port)
        if heard is not Heard.KNOWN:
            self._refuse_sender(incoming, device_id, heard)
            return False
        if kept is None and flow != self._flows.of(device_id):
            self._moved(device_id, flow)
        return True

    def _connection_kept(self, device_id: DeviceId, flow: Flow) -> Flow | None:
        """The connection that the device keeps though this came as a datagram: anybody can send one
        in its name, from its very address, so none is a reason to look for it elsewhere."""
        road = self._flows.of(device_id)
        if road is None or not road.connection or flow.connection:
            return None
        return None if self._inventory.binding_move is BindingMove.ANY else road

    def _is_heard(self, incoming: IncomingRequest, device_id: DeviceId) -> bool:
        """The same for a request whose body is yet to be read."""
        return self._is_from(incoming, device_id, None)

    def _moved(self, device_id: DeviceId, flow: Flow) -> None:
        """NAT gave the device another port, or it opened a new connection."""
        self._flows.bind(device_id, flow)
        self._inventory.follow_transport(device_id, flow.transport)

    def _dispatch(
        self, incoming: IncomingRequest, device_id: DeviceId, message: Message | None
    ) -> None:
        match message:
            case Keepalive():
                self._answer(incoming, 200)
                self._faults.noted(device_id, message)
            case None:
                # A middlebox stripped the body: still a sign of life.
                self._inventory.count_tolerance(device_id, "empty_body")
                self._answer(incoming, 200)
            case CatalogResponse():
                if self._pending.offer(device_id, "Catalog", message.sn, message):
                    self._answer(incoming, 200)
                else:
                    self._spawn(incoming, self._catalog_unasked(incoming, device_id, message))
            case _ if self._pending.take(device_id, message):
                self._answer(incoming, 200)
            case _ if self._notices.has_keeper(message):
                self._notices.take(Told(incoming, device_id, message))
            case _:
                self._answer(incoming, 200)

    def _not_kept(self, told: Told) -> None:
        """Came by NOTIFY, and is not one of those that are stored first."""
        if isinstance(told.message, Keepalive) and told.message.device_id != told.device_id:
            self._refuse(told.incoming, "foreign_body_id")
            return
        self._dispatch(told.incoming, told.device_id, told.message)

    async def _catalog_unasked(
        self, incoming: IncomingRequest, device_id: DeviceId, message: CatalogResponse
    ) -> None:
        """Nobody asked: it may add and change, never take away (some recorders do this)."""
        if not self._notices.is_part_of(device_id, message.device_id):
            self._refuse(incoming, "foreign_body_id")
            return
        self._inventory.count_tolerance(device_id, "unsolicited_catalog")
        channels = channels_of(device_id, message.items)
        await self._inventory.upsert_channels(device_id, channels)
        self._answer(incoming, 200)

    # Answers

    def _answer(self, incoming: IncomingRequest, status: int, reason: str | None = None) -> None:
        response = response_to(incoming.request, status, reason=reason)
        if incoming.request.method == "REGISTER":
            response.headers.add(*OUR_VERSION)
        incoming.respond(response)

    def _refuse(self, incoming: IncomingRequest, cause: str) -> None:
        """403 makes most devices register again."""
        self.refused[cause] += 1
        log.info("message refused", source=str(incoming.flow.remote), cause=cause)
        self._answer(incoming, 403)

    def _refuse_sender(self, incoming: IncomingRequest, device_id: DeviceId, heard: Heard) -> None:
        """Not from where the device is, or from nobody we know (S-06)."""
        now = self._clock.monotonic()
        cause = heard.name.lower()
        self._note_failure(incoming.flow, cause, FAILURE_WEIGHTS[heard])
        if heard is Heard.FOREIGN_ADDRESS and not self._foreign.spend(device_id, now):
            source = str(incoming.flow.remote)
            self._events.publish(ForeignAddress(device_id, self._clock.wall(), source))
        self._refuse(incoming, cause)

    # Tasks

    def _spawn(self, incoming: IncomingRequest, work: Coroutine[None, None, None]) -> None:
        """Work that ends in an answer; when it cannot, the device is told to come back."""
        if len(self._tasks) >= TASKS_LIMIT:
            work.close()
            self._overloaded(incoming)
            return
        self._run(self._answered(incoming, work))

    async def _answered(self, incoming: IncomingRequest, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except (UnavailableError, ExhaustedError) as error:
            log.warning("request not stored", error=str(error))
            self._overloaded(incoming)
        except VmsError as error:
            log.info("request refused", error=str(error))
            self._answer(incoming, 403)
        except Exception:
            self._answer(incoming, 500)
            raise

    def _overloaded(self, incoming: IncomingRequest) -> None:
        said = self._put_off()
        incoming.respond(response_to(incoming.request, said.status, headers=said.headers))

    def _put_off(self) -> Said:
        self.refused["overload"] += 1
        return Said(503, headers=(("Retry-After", str(self._registrar.retry_after_s())),))

    async def _logged(self, device_id: DeviceId, work: Coroutine[None, None, object]) -> None:
        try:
            await work
        except VmsError as error:
            log.info("follow-up failed", device_id=device_id, error=str(error))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("handling a request failed by our own fault", exc_info=fault)
