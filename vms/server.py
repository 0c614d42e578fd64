"""The composition root: what is built, in which order it starts, and so in which it stops."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Self

import structlog

from config.settings import Settings, Tls
from media.door import Admission as MediaAdmission
from media.door import Form, MediaEvent, RelayDoor
from sip.bans import Ban
from sip.digest import Nonces
from sip.net.endpoint import Endpoint, PeerPolicy
from sip.tokens import Tokens
from vms.accounts.service import Accounts
from vms.accounts.watchers import Watchers
from vms.bookkeeping import open_books
from vms.clock import Clock, SystemClock
from vms.diagnosis.causes import Identity as OurIdentity
from vms.diagnosis.explainer import Explainer
from vms.diagnosis.outage_facts import OutageFacts
from vms.diagnosis.outage_state import OutagePolicy
from vms.diagnosis.outages import Outages
from vms.diagnosis.wire_log import WireLog
from vms.errors import VmsError
from vms.events import EventBus
from vms.gb28181.ids import DeviceId
from vms.inventory.identifiers import Identifiers
from vms.inventory.inventory import Inventory
from vms.inventory.policy import BindingMove, InventoryPolicy
from vms.inventory.queries import DeviceQuery
from vms.inventory.registration import Admission, RegistrationPolicy, Secrets
from vms.media_plane import MediaPlane, plan_of
from vms.metrics.collector import (
    SignallingFigures,
    VmsCollector,
    build_source,
    figure_source,
    inventory_source,
    media_source,
    outage_source,
    session_source,
    signalling_source,
    sip_source,
)
from vms.persistence.account_store import SqlAccountStore
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.persistence.outage_store import SqlOutageStore
from vms.persistence.secret_store import SecretStore
from vms.sessions.admission import NodeLimits
from vms.sessions.broker import BrokerPolicy, SessionBroker
from vms.sessions.ssrc_pool import SsrcPool
from vms.sessions.tokens import MediaTokens
from vms.sessions.viewing import Viewing
from vms.signalling.addresses import AddressBook
from vms.signalling.alarms import AlarmKeeper
from vms.signalling.authentication import Authenticator
from vms.signalling.clock_offsets import ClockOffsets
from vms.signalling.commands import DeviceCommands
from vms.signalling.device_link import DeviceLink
from vms.signalling.device_queries import DeviceQueries
from vms.signalling.entrance import Entrance
from vms.signalling.flows import Flows
from vms.signalling.greeter import Greeter
from vms.signalling.inbound import Inbound
from vms.signalling.messenger import Identity, Messenger
from vms.signalling.notifications import Notifications, NotifyPolicy
from vms.signalling.overload import Overload
from vms.signalling.pending import Pending
from vms.signalling.redirects import Redirects
from vms.signalling.registrar import Registrar
from vms.signalling.subscriptions import Subscriptions
from vms.site import ANYWHERE, LOOPBACK, IceServer, Site, addresses_of
from vms.spreadsheets.service import Spreadsheets

if TYPE_CHECKING:
    from sip.net.lobby import Lobby
    from vms.figures.exclusions import Exclusions
    from vms.figures.service import Figures
    from vms.figures.upkeep import Upkeep
    from vms.reports.service import Reports

log = structlog.get_logger(__name__)


def product_version() -> str:
    """As the package says; a bare checkout has none."""
    try:
        return version("gb28181-vms")
    except PackageNotFoundError:
        return "0"


class Server:
    """The running application. It does not know that HTTP exists."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        limits: BrokerPolicy,
        grouping: OutagePolicy = OutagePolicy(),  # noqa: B008  frozen
    ) -> None:
        """Use `open`."""
        self.settings = settings
        self._grouping = grouping
        self.clock = clock
        self._limits = replace(limits, idle_s=settings.media.idle_s)
        self.events = EventBus()
        self.collector = VmsCollector([build_source(product_version())])
        self.setup_code: str | None = None
        self.media_tokens = MediaTokens(self.clock.monotonic)
        self.inventory: Inventory
        self.figures: Figures
        self.exclusions: Exclusions
        self.upkeep: Upkeep
        self.reports: Reports
        self.accounts: Accounts
        self.viewing: Viewing
        self.broker: SessionBroker
        self.link: DeviceQueries
        self.commands: DeviceCommands
        self.endpoint: Endpoint
        self.media: MediaPlane
        self.relay: RelayDoor
        self.inbound: Inbound
        self.notifications: Notifications
        self.registrar: Registrar
        self.overload: Overload
        self.lobby: Lobby
        self.wire_log: WireLog
        self.explainer: Explainer
        self.spreadsheets: Spreadsheets
        self.outages: Outages
        self._secrets: Secrets

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings,
        clock: Clock | None = None,
        limits: BrokerPolicy = BrokerPolicy(),  # noqa: B008  frozen
        grouping: OutagePolicy = OutagePolicy(),  # noqa: B008  frozen
        tls: tuple[Path, Path] | None = None,
    ) -> AsyncGenerator[Self]:
        """Everything up, from the database to the sockets; leaving the block takes it down.

        `tls`: the files of certificate and key by which media URLs are served, where they are.
        Raises `VmsError` for a database that cannot serve, `OSError` for a port that is taken.
        """
        server = cls(settings, clock or SystemClock(), limits, grouping)
        async with AsyncExitStack() as stack:
            await server._build(stack, tls)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work) for work in server._works()]
                log.info(
                    "server is up",
                    sip=str(server.endpoint.address),
                    media_workers=settings.media_workers,
                    server_id=settings.sip.server_id,
                )
                try:
                    yield server
                finally:
                    await server.broker.close()
                    for task in tasks:
                        task.cancel()

    async def _build(self, stack: AsyncExitStack, tls: tuple[Path, Path] | None) -> None:
        """In order of dependence; `stack` undoes it in reverse."""
        settings = self.settings
        database = await stack.enter_async_context(Database.open(settings.database.url))
        kept = SecretStore(database)
        master_key = await kept.get_or_make("master_key", lambda: secrets.token_bytes(32))
        nonce_key = await kept.get_or_make("nonce_key", lambda: secrets.token_bytes(32))

        self.accounts = Accounts(SqlAccountStore(database), self.clock)
        admin = settings.admin.password
        self.setup_code = await self.accounts.start(admin.get_secret_value() if admin else None)

        policy = InventoryPolicy(
            binding_move=BindingMove(settings.sip.binding_move.value),
            time_zone=settings.site.time_zone,
        )
        self.inventory = Inventory(SqlDeviceStore(database), self.clock, self.events, policy)
        await self.inventory.start()
        stack.push_async_callback(self.inventory.stop)
        await self._build_figures(stack, database)

        self.spreadsheets = Spreadsheets(
            self.inventory,
            self.events,
            self.clock,
            _identifiers(self.clock),
            settings.storage.root / "spreadsheets",
        )
        await self.spreadsheets.start()
        stack.push_async_callback(self.spreadsheets.close)

        self.media = MediaPlane(
            settings,
            tls,
            seal=self.media_tokens.seal,
            now=self.clock.monotonic,
            on_event=self._media_event,
            admit=self._admit_viewer,
        )
        stack.push_async_callback(self.media.stop)
        await self.media.start()
        self.relay = self.media.door
        await self._build_signalling(stack, database, master_key, nonce_key)
        self.outages = Outages(
            SqlOutageStore(database),
            self.inventory,
            self.events,
            self.clock,
            OutageFacts(self.inventory, self.registrar.history.of),
            self.explainer.play,
            self._grouping,
        )
        await self.outages.start()
        self.collector.add(inventory_source(self.inventory, self.events))
        self.collector.add(
            outage_source(lambda: self.outages.open_by_cause, lambda: self.outages.begun_by_cause)
        )
        self.collector.add(figure_source(self.figures, lambda: self.upkeep.self_check.breaches))
        self.collector.add(sip_source(lambda: self.endpoint.stats))
        self.collector.add(session_source(self.broker))
        self.collector.add(media_source(self.media.workers))
        self.collector.add(signalling_source(self._signalling_figures))

    async def _build_figures(self, stack: AsyncExitStack, database: Database) -> None:
        books = open_books(
            database, self.inventory, self.clock, self.settings, _identifiers(self.clock)
        )
        self.figures, self.exclusions = books.figures, books.exclusions
        self.upkeep, self.reports = books.upkeep, books.reports
        await self.reports.start()
        stack.push_async_callback(self.reports.close)

    async def _build_signalling(
        self, stack: AsyncExitStack, database: Database, master_key: bytes, nonce_key: bytes
    ) -> None:
        settings = self.settings
        shared = settings.sip.shared_password
        self._secrets = Secrets(master_key, shared.get_secret_value() if shared else None)
        identity = Identity(DeviceId(settings.sip.server_id), settings.sip.domain)
        book = AddressBook(
            [(ip_network(net), told) for net, told in settings.sip.advertised_addresses.items()]
        )
        flows, pending, entrance = Flows(), Pending(), Entrance()
        new_id = _identifiers(self.clock)
        self.endpoint = endpoint = await Endpoint.open(
            settings.sip.host,
            settings.sip.port,
            on_request=entrance.handle,
            is_trusted=flows.is_known,
            now=self.clock.monotonic,
            token=Tokens(),
            user_agent=f"gb28181-vms/{product_version()}",
            advertised=book.seen_from,
            policy=PeerPolicy(
                registered_at=flows.registered_at,
                ban_after_failures=settings.sip.ban_after_failures,
                ban_s=settings.sip.ban_s,
            ),
        )
        stack.push_async_callback(endpoint.close)
        self.wire_log = WireLog(self.clock, flows.is_known)
        endpoint.on_wire = self.wire_log.note
        stats = endpoint.stats
        if stats.granted_receive_buffer_bytes < stats.wanted_receive_buffer_bytes:
            log.warning(
                "small SIP receive buffer: messages may be lost in a rush",
                granted_bytes=stats.granted_receive_buffer_bytes,
                wanted_bytes=stats.wanted_receive_buffer_bytes,
                remedy=f"sysctl -w net.core.rmem_max={stats.wanted_receive_buffer_bytes}",
            )
        self._restore(flows)

        messenger = Messenger(endpoint, self.inventory, flows, pending, identity)
        link = DeviceLink(endpoint, messenger, identity, entrance.handle)
        offsets = ClockOffsets(self.inventory)
        self.link = DeviceQueries(
            link,
            pending,
            self.inventory,
            self.events,
            self.clock,
            new_id,
            offsets,
        )
        stack.push_async_callback(self.link.close)
        self.commands = DeviceCommands(
            messenger,
            self.link,
            self.inventory,
            offsets,
            self.events,
            self.clock,
            new_id,
            snapshot_folder=settings.storage.root / "snapshots",
            token=lambda: secrets.token_urlsafe(24),
        )
        stack.push_async_callback(self.commands.close)
        await self.commands.snapshots.load()
        self.broker = SessionBroker(
            caller=link,
            relay=self.relay,
            evidence=self.inventory,
            events=self.events,
            clock=self.clock,
            pool=SsrcPool(settings.sip.server_id),
            policy=self._limits,
            new_id=new_id,
        )
        self.viewing = Viewing(
            self.broker,
            self.relay,
            self.inventory,
            tokens=self.media_tokens,
            credentials=Watchers(self.accounts),
            clock=self.clock,
            unguessable=lambda: secrets.token_urlsafe(24),
            limits=_node_limits(settings),
        )

        nonces = Nonces(nonce_key, settings.sip.domain, self.clock.wall().timestamp())
        authenticator = Authenticator(nonces, self._secrets, settings.sip.domain, self.clock)
        admission = RegistrationPolicy(
            Admission(settings.sip.admission.value), settings.sip.require_digest
        )
        self.registrar = Registrar(
            endpoint,
            self.inventory,
            authenticator,
            flows,
            admission,
            self.clock,
            events=self.events,
            redirects=Redirects(settings.sip.redirects),
            server_id=settings.sip.server_id,
        )
        self.notifications = Notifications(
            link,
            self.link,
            self.inventory,
            flows,
            pending,
            self.events,
            self.clock,
            NotifyPolicy(settings.sip.subscription_expires_s, settings.sip.refuse_unwanted_notify),
            dice=secrets.SystemRandom().random,
            on_notify=entrance.notified,
        )
        self.notifications.reports.jobs = self.commands
        controls, alarms = self.commands.controls, self.notifications.alarms
        controls.on_alarms_reset = alarms.reset_sent
        controls.awaiting_reset = alarms.awaiting_reset
        self.inbound = Inbound(
            self.registrar,
            self.inventory,
            link,
            pending,
            flows,
            self.clock,
            events=self.events,
            notifications=self.notifications,
            note_failure=endpoint.note_failure,
        )
        stack.push_async_callback(self.inbound.close)
        endpoint.on_connection_closed = self.inbound.connection_closed
        endpoint.take_plain(self.inbound.take_plain)
        endpoint.take_registers(self.inbound.take_register)
        entrance.inbound = self.inbound
        self.overload = Overload(
            self.clock,
            secrets.SystemRandom().random,
            under_way=lambda: self.inbound.under_way,
            backlog_s=lambda: database.backlog_s,
        )
        self.overload.lobby = self.lobby = endpoint.queue_registers(self.overload)
        self.registrar.retry_after_s = self.overload.retry_s
        self.notifications.subscriptions.is_storming = lambda: self.overload.is_storming
        self.explainer = Explainer(
            self.inventory,
            self.viewing,
            self.wire_log,
            clock=self.clock,
            history=self.registrar.history.of,
            roads=flows,
            local=endpoint.local_address,
            us=self._as_devices_see_us,
            others=self.registrar.history.others,
        )

    def _signalling_figures(self) -> SignallingFigures:
        notices = self.notifications.notices
        subscriptions = self.notifications.subscriptions
        return SignallingFigures(
            registers={**self.registrar.results, "put_off": self.overload.put_off},
            registers_waiting=len(self.lobby),
            registers_given_up=self.lobby.given_up,
            overloads=self.overload.episodes,
            refused=self.inbound.refused,
            subscriptions=subscriptions.states(),
            notifies=subscriptions.notifies,
            notices_stored=notices.stored,
            notices_waiting=notices.waiting,
            unconfirmed_stops=self.commands.steering.unconfirmed_stops,
        )

    def _restore(self, flows: Flows) -> None:
        """Devices bound over UDP are where they were before we went."""
        cursor: str | None = None
        while True:
            page = self.inventory.devices(DeviceQuery(cursor=cursor, limit=1000))
            flows.restore(page.items, self.endpoint.flow)
            cursor = page.next_cursor
            if cursor is None:
                return

    def _media_event(self, event: MediaEvent) -> None:
        """The relay is there before the broker; it has news only once the broker asked it."""
        self.broker.media_event(event)

    async def _admit_viewer(self, token: str, form: Form, worker: int) -> MediaAdmission:
        """Viewers come once there are sessions: a worker serves a moment before."""
        return await self.viewing.admit(token, form, worker)

    def _works(self) -> Sequence[Coroutine[None, None, None]]:
        """What runs as long as the server does."""
        greeter = Greeter(
            self.link,
            self.commands.controls,
            self.inventory,
            self.events,
            self.clock,
            self.overload.calm,
        )
        self.registrar.when_started_anew(greeter.started_anew)
        return (
            self.inventory.run(),
            self.broker.run(),
            self.viewing.run(),
            greeter.run(),
            self.notifications.run(),
            self.outages.run(),
            self.overload.run(),
            self.upkeep.run(),
            self.reports.run(),
        )

    # For the API

    def device_secret(self, device_id: str) -> str | None:
        """What a device on file has to know; None where the shared password counts."""
        device = self.inventory.device(device_id)
        if device.secret is None and self._secrets.is_shared:
            return None
        return self._secrets.of(device)

    def ice_servers(self) -> Sequence[IceServer]:
        """What WebRTC players are told of."""
        return [
            IceServer(url, *user.get_secret_value().partition(":")[::2])
            for url, user in self.settings.webrtc.ice_servers.items()
        ]

    @property
    def subscriptions(self) -> Subscriptions:
        """What is subscribed at devices."""
        return self.notifications.subscriptions

    @property
    def alarms(self) -> AlarmKeeper:
        """Which sources wait for their alarm to be reset."""
        return self.notifications.alarms

    def bans(self) -> Sequence[Ban]:
        """Hosts and networks whose messages are dropped unread now."""
        return self.endpoint.bans()

    def lift_ban(self, host: str) -> bool:
        """End a ban before its time; False where there is none."""
        return self.endpoint.lift(host)

    def _as_devices_see_us(self) -> OurIdentity:
        site = self.site()
        return OurIdentity(site.server_id, site.domain, site.addresses[0], site.sip_port)

    def site(self) -> Site:
        """Who this server is."""
        sip = self.settings.sip
        addresses = addresses_of(self.endpoint.address.host, sip.advertised_addresses.values())
        return Site(
            version=product_version(),
            server_id=sip.server_id,
            domain=sip.domain,
            addresses=addresses,
            sip_port=self.endpoint.address.port,
            time_zone=self.settings.site.time_zone,
            admission=sip.admission.value,
            require_digest=sip.require_digest,
            has_shared_password=sip.shared_password is not None,
            warnings=list(self._warnings()),
            redirects=dict(sip.redirects),
            online_target=self.settings.figures.online_target,
            coverage_limit=self.settings.figures.coverage_limit,
            cut_off_day=self.settings.reports.cut_off_day,
            report_level=self.settings.reports.level,
        )

    async def readiness(self) -> Mapping[str, str]:
        """By check, what is wrong; empty where it holds."""
        checks = {
            "database": "",
            "ledger": "; ".join(self.upkeep.self_check.breaches),
            "media": self.media.failure,
        }
        try:
            await self.accounts.users()
        except VmsError as error:
            checks["database"] = str(error)
        return checks | {f"warning.{code}": text for code, text in self._warnings().items()}

    def _warnings(self) -> dict[str, str]:
        found: dict[str, str] = {}
        settings, stats = self.settings, self.endpoint.stats
        if not settings.sip.require_digest:
            found["digest_not_required"] = "any device is let in without a password"
        if self.overload.is_overloaded:
            found["overloaded"] = self.overload.warning
        if stats.granted_receive_buffer_bytes < stats.wanted_receive_buffer_bytes:
            found["receive_buffer_small"] = (
                f"{stats.granted_receive_buffer_bytes} of {stats.wanted_receive_buffer_bytes} bytes"
            )
        if self.media.missing:
            found["media_worker_gone"] = self.media.missing
        if self.inventory.figures.clock_steps:
            found["clock_stepped"] = f"{self.inventory.figures.clock_steps} steps"
        if dropped := self.inventory.figures.dropped_observations:
            found["observations_dropped"] = (
                f"{dropped} changes of state contradicted what is stored and are in no figure; the "
                "log names the devices. Does a second server write to this database?"
            )
        if spoilt := self.inventory.figures.spoilt_writes:
            found["notes_not_stored"] = (
                f"{spoilt} signs of life were not taken by the database; the log names the devices"
            )
        is_open = settings.http.host in ANYWHERE or not settings.http.host.startswith("127.")
        if is_open and settings.http.effective_tls is Tls.OFF:
            found["no_tls"] = f"{settings.http.host} is more than {LOOPBACK}"
        return found


def _identifiers(clock: Clock) -> Callable[[], str]:
    identifiers = Identifiers()
    return lambda: identifiers.next(clock.wall())


def _node_limits(settings: Settings) -> NodeLimits:
    media = settings.media
    mbps = media.outgoing_limit_mbps
    return NodeLimits(
        viewers=media.viewer_limit,
        streams=media.stream_limit,
        outgoing_bps=None if mbps is None else round(mbps * 1_000_000),
        transcodes=plan_of(settings, None).limits.transcodes * max(1, settings.media_workers),
    )
