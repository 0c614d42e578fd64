"""A running application without SIP and media: real accounts, real inventory, and cameras that
are as scripted as these two classes say."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from media.door import (
    SourceFigures,
    StreamFigures,
    StreamId,
    Transport,
    ViewerFigures,
    ViewerId,
    WorkerPorts,
)
from sip.bans import Ban
from sip.message import Address
from tests.api.roads import Roads, open_roads
from tests.support.books import books_in_memory, reports_in
from tests.support.clock import FakeClock
from tests.support.stores import InMemoryDeviceStore
from vms.accounts.model import Actor, Role
from vms.accounts.passwords import Passwords
from vms.accounts.service import Accounts
from vms.diagnosis.causes import Identity
from vms.diagnosis.explainer import Explainer
from vms.diagnosis.outage_facts import OutageFacts
from vms.diagnosis.outages import Outages
from vms.diagnosis.wire_log import WireLog
from vms.errors import DeviceOfflineError, NotFoundError
from vms.events import EventBus
from vms.figures.exclusions import Exclusions
from vms.figures.service import Figures
from vms.figures.upkeep import Upkeep
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.messages import DeviceInfoResponse, DeviceStatusResponse
from vms.gb28181.version import Edition
from vms.inventory.identifiers import Identifiers
from vms.inventory.inventory import Inventory
from vms.inventory.model import Binding, NewDevice, ReportedChannel
from vms.inventory.policy import InventoryPolicy
from vms.metrics.collector import VmsCollector, build_source
from vms.persistence.account_store import SqlAccountStore
from vms.persistence.database import Database
from vms.persistence.outage_store import SqlOutageStore
from vms.reports.service import Reports
from vms.sessions.admission import NodeLimits, NodeLoad, Watcher
from vms.sessions.ladder import Offer, Player, Rung, ladder
from vms.sessions.session import TraceEntry
from vms.sessions.tokens import MediaTokens
from vms.sessions.views import SessionView
from vms.signalling.alarms import AlarmKeeper
from vms.signalling.commands import DeviceCommands
from vms.signalling.device_queries import WHOLE, CatalogScope
from vms.signalling.flows import Flows
from vms.signalling.registration_history import RegistrationHistory
from vms.signalling.subscriptions import Subscriptions
from vms.site import IceServer, Site
from vms.spreadsheets.service import Spreadsheets

GATE = DeviceId("34020000001110000001")
YARD = DeviceId("34020000001110000002")
CAMERA = ChannelId("34020000001320000001")
SECOND = ChannelId("34020000001320000002")
CHANNEL = f"/api/v1/devices/{GATE}/channels/{CAMERA}"
JPEG = b"\xff\xd8 a picture \xff\xd9"
PASSWORD = "correct horse battery"  # noqa: S105  of users that live as long as a test
SECRET = "canary-device-secret"  # noqa: S105  sought in answers where it must not be
SETUP_SOURCE = "127.0.0.1"


def figures_of(viewer_ids: Sequence[str]) -> StreamFigures:
    """A stream that does well, and who watches it."""
    return StreamFigures(
        stream_id=StreamId("stream"),
        transport=Transport.TCP_PASSIVE,
        remote_address="127.0.0.9:15060",
        ssrc=200000001,
        container="ps",
        video_codec="h264",
        width=1280,
        height=720,
        audio_codec=None,
        packets=1000,
        lost=1,
        reordered=2,
        duplicates=0,
        foreign=0,
        jitter_ms=1.5,
        bitrate_bps=2_000_000,
        frames_per_s=25.0,
        key_pictures=4,
        damaged_units=0,
        last_packet_age_s=0.02,
        transcoding=None,
        viewers=tuple(
            ViewerFigures(ViewerId(name), "whep", "127.0.0.1:50000", 2.0, 100, 100_000, 0.0, 0)
            for name in viewer_ids
        ),
        sources=(SourceFigures("127.0.0.9:15060", 200000001, 96, 1000, 1_000_000, True),),
    )


@dataclass(frozen=True)
class Answer:
    """A viewer that was let in."""

    viewer_id: str
    session_id: str
    sdp: str
    ice_tag: str = "tag-0"


class Viewing:
    """One session a channel, streaming as soon as somebody waits for it; viewers by their user."""

    def __init__(self, inventory: Inventory, clock: FakeClock) -> None:
        self._inventory = inventory
        self._clock = clock
        self._running: dict[str, SessionView] = {}
        self.viewers: dict[str, tuple[str, str]] = {}
        self.offers: list[str] = []
        self.http_port = 8091
        self.is_rtsp_tls = False
        self.restarts = 0
        self.limits = NodeLimits(viewers=50, outgoing_bps=100_000_000)

    async def live(
        self,
        device_id: str,
        channel_id: str,
        *,
        stream: str = "main",
        transport: str | None = None,
        wait_s: float = 0.0,
    ) -> SessionView:
        device = self._inventory.device(device_id)
        self._inventory.channel(device_id, channel_id)
        if device.binding is None:
            raise DeviceOfflineError(f"{device_id} is offline", device_id=device_id)
        found = [each for each in self._running.values() if each.channel_id == channel_id]
        session = (
            found[0]
            if found
            else SessionView(
                session_id=f"session-{len(self._running) + 1}",
                device_id=device_id,
                channel_id=channel_id,
                kind="live",
                stream=stream,
                state="inviting",
                reason="",
                error="",
                transport=transport or "tcp_passive",
                ssrc="0200000001",
                codec=None,
                width=None,
                height=None,
                started_at=self._clock.wall(),
                viewers=0,
                trace=(TraceEntry("invite_sent", self._clock.wall(), "tcp_passive"),),
                figures=None,
                attempt=1,
                call_ids=(f"call-{len(self._running) + 1}",),
                told_address="127.0.0.1:30000",
            )
        )
        if wait_s > 0:
            session = replace(session, state="streaming", codec="h264", width=1280, height=720)
        self._running[session.session_id] = session
        return session

    async def webrtc(
        self,
        device_id: str,
        channel_id: str,
        offer: str,
        watcher: Watcher,
        *,
        stream: str = "main",
        source: str = "",
        credential: str = "",
    ) -> Answer:
        _ = (source, credential)
        session = await self.live(device_id, channel_id, stream=stream, wait_s=1)
        self.offers.append(offer)
        viewer_id = f"viewer-{len(self.offers)}"
        self.viewers[viewer_id] = (watcher.user_id, session.session_id)
        return Answer(viewer_id, session.session_id, "v=0\r\n")

    async def ladder(self, session_id: str, player: Player) -> Sequence[Rung]:
        session = self._running[session_id]
        forms = frozenset({"whep", "fmp4"})
        return ladder(Offer(session.codec, forms, session.stream), player)

    def ports(self, session_id: str) -> WorkerPorts | None:
        self._running[session_id]
        return WorkerPorts(
            1, webrtc=8190, http=self.http_port, rtsp=8555, is_rtsp_tls=self.is_rtsp_tls
        )

    def load(self) -> NodeLoad:
        return NodeLoad(len(self.viewers), len(self._running), 2_000_000 * len(self.viewers))

    async def leave(self, viewer_id: str, user_id: str) -> None:
        if viewer_id not in self.viewers or self.viewers[viewer_id][0] != user_id:
            raise NotFoundError(f"no viewer {viewer_id}")
        del self.viewers[viewer_id]

    def ice_tag(self, viewer_id: str, user_id: str) -> str:
        if viewer_id not in self.viewers or self.viewers[viewer_id][0] != user_id:
            raise NotFoundError(f"no viewer {viewer_id}")
        return f"tag-{self.restarts}"

    async def patch(self, viewer_id: str, user_id: str, fragment: str) -> str:
        if "ice-ufrag" not in fragment:
            return ""
        self.restarts += 1
        return "a=ice-ufrag:ours\r\n"

    async def disconnect(self, session_id: str, viewer_id: str) -> None:
        if self.viewers.get(viewer_id, ("", ""))[1] != session_id:
            raise NotFoundError(f"no viewer {viewer_id}")
        del self.viewers[viewer_id]

    async def snapshot(self, device_id: str, channel_id: str) -> bytes:
        await self.live(device_id, channel_id, wait_s=1)
        return JPEG

    async def held_snapshot(self, device_id: str, channel_id: str) -> bytes | None:
        self._inventory.channel(device_id, channel_id)
        held = any(each.channel_id == channel_id for each in self._running.values())
        return JPEG if held else None

    async def sessions(self) -> Sequence[SessionView]:
        return [self._seen(session) for session in self._running.values()]

    async def session(self, session_id: str) -> SessionView:
        try:
            return self._seen(self._running[session_id])
        except KeyError:
            raise NotFoundError(f"no session {session_id}") from None

    async def last_play(self, device_id: str, channel_id: str) -> SessionView:
        for play in await self.last_plays(device_id):
            if play.channel_id == channel_id:
                return play
        raise NotFoundError(f"{channel_id} was not played")

    async def last_plays(self, device_id: str) -> list[SessionView]:
        return [each for each in await self.sessions() if each.device_id == device_id]

    async def end(self, session_id: str) -> None:
        await self.session(session_id)
        del self._running[session_id]

    def _seen(self, session: SessionView) -> SessionView:
        own = [name for name, (_, of) in self.viewers.items() if of == session.session_id]
        return replace(session, viewers=len(own), figures=figures_of(own))


@dataclass(frozen=True)
class Job:
    """A catalogue query half-way."""

    job_id: str
    device_id: str
    started_at: datetime
    state: str = "running"
    received: int = 2
    announced: int | None = 4
    finished_at: datetime | None = None
    error: str = ""


class Link:
    """Devices that answer when they are registered."""

    def __init__(self, inventory: Inventory, clock: FakeClock) -> None:
        self._inventory = inventory
        self._clock = clock
        self._jobs: dict[str, Job] = {}

    async def query_catalog(self, device_id: str, scope: CatalogScope = WHOLE) -> Job:
        _ = scope
        self._require(device_id)
        job = Job(f"job-{len(self._jobs) + 1}", device_id, self._clock.wall())
        self._jobs[job.job_id] = job
        return job

    def catalog_job(self, job_id: str) -> Job:
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFoundError(f"no job {job_id}") from None

    async def query_info(self, device_id: str) -> DeviceInfoResponse:
        self._require(device_id)
        return DeviceInfoResponse(1, DeviceId(device_id), manufacturer="Example", model="NVR-8")

    async def query_status(self, device_id: str) -> DeviceStatusResponse:
        self._require(device_id)
        return DeviceStatusResponse(1, DeviceId(device_id), is_online=True, is_recording=False)

    def _require(self, device_id: str) -> None:
        if self._inventory.device(device_id).binding is None:
            raise DeviceOfflineError(f"{device_id} is offline", device_id=device_id)


@dataclass
class House:
    """What `api.ports.Server` asks for."""

    clock: FakeClock
    accounts: Accounts
    inventory: Inventory
    viewing: Viewing
    link: Link
    events: EventBus
    collector: VmsCollector
    setup_code: str
    wire_log: WireLog
    explainer: Explainer
    roads: Roads
    figures: Figures
    exclusions: Exclusions
    upkeep: Upkeep
    reports: Reports
    spreadsheets: Spreadsheets
    outages: Outages
    media_tokens: MediaTokens
    wrong: dict[str, str] = field(default_factory=dict[str, str])

    def site(self) -> Site:
        return Site(
            version="1.2.3",
            server_id="34020000002000000001",
            domain="3402000000",
            addresses=["192.0.2.1"],
            sip_port=5060,
            time_zone="Asia/Shanghai",
            admission="approve",
            require_digest=False,
            has_shared_password=False,
            warnings=["digest_not_required"],
            redirects={"340203": "sip:34020300002000000001@192.0.2.20:5060"},
        )

    @property
    def commands(self) -> DeviceCommands:
        return self.roads.commands

    @property
    def subscriptions(self) -> Subscriptions:
        return self.roads.subscriptions

    @property
    def alarms(self) -> AlarmKeeper:
        return self.roads.alarms

    def ice_servers(self) -> Sequence[IceServer]:
        return [IceServer("stun:192.0.2.1:3478"), IceServer("turn:192.0.2.1:3478", "anna", "pass")]

    def bans(self) -> Sequence[Ban]:
        return self.roads.endpoint.bans()

    def lift_ban(self, host: str) -> bool:
        return self.roads.endpoint.lift(host)

    def device_secret(self, device_id: str) -> str | None:
        return self.inventory.device(device_id).secret or f"derived-{device_id}"

    async def readiness(self) -> Mapping[str, str]:
        return {"database": "", "ledger": "", **self.wrong}

    async def add_cameras(self) -> None:
        """GATE registered with two channels; YARD on file, never seen."""
        for device_id in (GATE, YARD):
            await self.inventory.add_device(NewDevice(device_id, secret=SECRET))
        now = self.clock.wall()
        binding = Binding(
            transport="UDP",
            host="127.0.0.9",
            port=5060,
            contact=f"sip:{GATE}@127.0.0.9",
            local_host="127.0.0.1",
            call_id="first",
            registered_at=now,
            expires_at=now + timedelta(hours=1),
        )
        await self.inventory.register(GATE, binding, user_agent="NVR", edition=Edition.E2016)
        reported = [
            ReportedChannel(CAMERA, name="North gate", manufacturer="Example", civil_code="340203"),
            ReportedChannel(SECOND, name="South gate", manufacturer="Other", is_on=False),
        ]
        await self.inventory.replace_channels(GATE, reported, complete=True)

    async def sign_in(self, role: Role) -> str:
        """The access token of a user who is called as their role; made at need."""
        if role.value not in {user.username for user in await self.accounts.users()}:
            await self.accounts.add_user(role.value, PASSWORD, role, Actor("test"))
        return (await self.accounts.login(role.value, PASSWORD, SETUP_SOURCE)).access_token


def database_url(folder: Path) -> str:
    """Where the accounts of a house are kept."""
    return f"sqlite+aiosqlite:///{folder}/house.db"


@asynccontextmanager
async def open_house(folder: Path) -> AsyncGenerator[House]:
    """A fresh one, without any user yet, on the empty database that stands in `folder`."""
    clock = FakeClock()
    events = EventBus()
    async with Database.open(database_url(folder)) as database:
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        accounts = Accounts(SqlAccountStore(database), clock, cheap)
        setup_code = await accounts.start(None)
        devices = InMemoryDeviceStore()
        inventory = Inventory(devices, clock, events, InventoryPolicy())
        await inventory.start()
        books = books_in_memory(devices, inventory, clock)
        viewing, wire_log = Viewing(inventory, clock), WireLog(clock, lambda _flow: True)
        explainer = Explainer(
            inventory,
            viewing,
            wire_log,
            clock=clock,
            history=RegistrationHistory().of,
            roads=Flows(),
            local=lambda _host: Address("192.0.2.1", 5060),
            us=lambda: Identity("34020000002000000001", "3402000000", "192.0.2.1", 5060),
        )
        identifiers = Identifiers()
        spreadsheets = Spreadsheets(
            inventory,
            events,
            clock,
            lambda: identifiers.next(clock.wall()),
            folder / "spreadsheets",
        )
        await spreadsheets.start()
        reports = reports_in(database, books, inventory, clock)
        try:
            async with open_roads(inventory, events, clock, folder) as roads:
                yield House(
                    clock,
                    accounts,
                    inventory,
                    viewing,
                    Link(inventory, clock),
                    events,
                    VmsCollector([build_source("1.2.3")]),
                    setup_code or "",
                    wire_log,
                    explainer,
                    roads,
                    books.figures,
                    books.exclusions,
                    books.upkeep,
                    reports,
                    spreadsheets,
                    Outages(
                        SqlOutageStore(database),
                        inventory,
                        events,
                        clock,
                        OutageFacts(inventory, RegistrationHistory().of),
                        explainer.play,
                    ),
                    MediaTokens(clock.monotonic),
                )
        finally:
            await reports.close()
            await spreadsheets.close()
            await inventory.stop()


def client_of(app: FastAPI, token: str | None = None, **headers: str) -> httpx.AsyncClient:
    """A client on this machine, signed in or not."""
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 40000))
    return httpx.AsyncClient(transport=transport, base_url="http://vms.test", headers=headers)
