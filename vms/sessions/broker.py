"""The one owner of sessions: one INVITE per camera however many people watch."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass
from typing import Protocol

import structlog

from media.door import (
    ContainerParsed,
    FirstPacket,
    FirstPicture,
    KeyPictureWanted,
    MediaEnded,
    MediaError,
    MediaEvent,
    MediaResumed,
    MediaSilent,
    RelayDoor,
    SsrcMatched,
    StreamAddress,
    StreamId,
    StreamLost,
    Transport,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from vms.clock import Clock
from vms.errors import (
    DeviceOfflineError,
    ExhaustedError,
    NoAnswerError,
    NoMediaError,
    NotFoundError,
    RejectedError,
    VmsError,
)
from vms.events import DeviceWentOffline, EventBus, SessionChanged
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.ssrc import Ssrc
from vms.sessions.calling import Call, Caller, Invitation, Stage
from vms.sessions.machine import Input, State, follow, is_possible
from vms.sessions.session import Picture, Session, TraceEntry, Viewer
from vms.sessions.ssrc_pool import SsrcPool

log = structlog.get_logger(__name__)

PROOF_PERIOD_S = 60.0
"""How often a running stream is reported as evidence that its channel works."""

EVENTS_WAITING = 120_000
"""Every device of a full node may go offline at once, amid other news."""

CLOSED_KEPT = 500
"""Sessions whose trace can still be read after their end."""

CODECS_KEPT = 50_000
"""Streams whose codec is remembered."""

UDP_INSTEAD = frozenset({400, 415, 488, 500, 501, 606})
"""Refusals of a TCP offer that are worth one try over UDP (7.9)."""


class Evidence(Protocol):
    """Told of channels whose picture is really there: `vms.inventory.Inventory`."""

    async def picture_proven(self, device_id: str, channel_id: str) -> None:
        """A complete key picture of the channel arrived just now."""
        ...

    def count_tolerance(self, device_id: str, name: str) -> None:
        """A deviation of the device was put up with."""
        ...


@dataclass(frozen=True, slots=True)
class BrokerPolicy:
    """Plain values.

    `first_byte_limit_s` runs from the ACK; over TCP a device that has not connected by then is
    asked again over UDP. `first_picture_limit_s` follows it: "smart" coding may send a key picture
    only every 20 s. `idle_s` runs from the first picture or the last viewer's leaving.
    """

    idle_s: float = 30.0
    default_transport: Transport = Transport.TCP_PASSIVE
    first_byte_limit_s: float = 6.0
    first_picture_limit_s: float = 20.0


Key = tuple[DeviceId, ChannelId, str]


class SessionBroker:
    """Starts, shares and ends live sessions.

    A session is driven by one task; whatever ends it (refusal, silence, the last viewer, the
    device, an operator, our shutdown, a fault of our own) passes through the same `finally`, which
    gives back port, SSRC, hub and dialog.
    """

    def __init__(
        self,
        caller: Caller,
        relay: RelayDoor,
        evidence: Evidence,
        events: EventBus,
        clock: Clock,
        pool: SsrcPool,
        policy: BrokerPolicy,
        new_id: Callable[[], str],
    ) -> None:
        self._caller = caller
        self._relay = relay
        self._evidence = evidence
        self._events = events
        self._clock = clock
        self._pool = pool
        self._policy = policy
        self._new_id = new_id
        self._running: dict[Key, Session] = {}
        self._by_stream: dict[StreamId, Session] = {}
        self._by_viewer: dict[ViewerId, Session] = {}
        self._closed: OrderedDict[str, Session] = OrderedDict()
        self._codecs: OrderedDict[Key, str] = OrderedDict()
        self._udp_only: set[DeviceId] = set()
        self._serial = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self.invites = 0
        self.failures: dict[str, int] = {}

    # Reading

    def sessions(self) -> list[Session]:
        """Those that run."""
        return list(self._running.values())

    @property
    def viewer_count(self) -> int:
        """Viewers of all sessions."""
        return len(self._by_viewer)

    def session(self, session_id: str) -> Session:
        """A running or recently closed one; raises `NotFoundError`."""
        for session in self._running.values():
            if session.session_id == session_id:
                return session
        try:
            return self._closed[session_id]
        except KeyError:
            raise NotFoundError(f"no session {session_id}") from None

    def last_of(self, device_id: str, channel_id: str) -> Session:
        """The running one of a channel, else the last that ended; raises `NotFoundError`."""
        for session in (*self._running.values(), *reversed(self._closed.values())):
            if (session.device_id, session.channel_id) == (device_id, channel_id):
                return session
        raise NotFoundError(f"{channel_id} of {device_id} was not played lately")

    def last_of_device(self, device_id: str) -> list[Session]:
        """The last of each channel that was played, the latest first."""
        last: dict[ChannelId, Session] = {}
        for session in (*reversed(self._running.values()), *reversed(self._closed.values())):
            if session.device_id == device_id:
                last.setdefault(session.channel_id, session)
        return list(last.values())

    def codec_of(self, device_id: str, channel_id: str, stream: str) -> str | None:
        """The video codec of a stream when it was last seen."""
        return self._codecs.get((DeviceId(device_id), ChannelId(channel_id), stream))

    def session_of_viewer(self, viewer_id: ViewerId) -> Session:
        """Whom a viewer watches; raises `NotFoundError`."""
        try:
            return self._by_viewer[viewer_id]
        except KeyError:
            raise NotFoundError(f"no viewer {viewer_id}") from None

    # Joining and leaving

    def is_running(self, device_id: DeviceId, channel_id: ChannelId, stream: str) -> bool:
        """Whether who joins it now needs no new one."""
        session = self._running.get((device_id, channel_id, stream))
        return session is not None and not session.is_over

    def join(
        self,
        device_id: DeviceId,
        channel_id: ChannelId,
        stream: str = "main",
        transport: Transport | None = None,
    ) -> Session:
        """The running session of that channel, or a new one; returns at once."""
        if self._is_stopping:
            raise ExhaustedError("the server is shutting down", what="sessions")
        key = (device_id, channel_id, stream)
        session = self._running.get(key)
        if session is not None and not session.is_over:
            return session
        session = Session(self._new_id(), device_id, channel_id, stream)
        session.started_at = self._clock.wall()
        session.clicked_s = self._clock.monotonic()
        session.worker = self._relay.place()
        self._running[key] = session
        wanted = transport or self._policy.default_transport
        if transport is None and device_id in self._udp_only:
            wanted = Transport.UDP
        self._spawn(self._drive(key, session, wanted, may_fall_back=transport is None))
        return session

    def add_viewer(self, session: Session, viewer: Viewer) -> None:
        """A viewer of that session; it stays up while it has one."""
        session.viewers[viewer.viewer_id] = viewer
        session.idle_since = None
        self._by_viewer[viewer.viewer_id] = session
        self._tell(session)

    def remove_viewer(self, viewer_id: ViewerId) -> None:
        """The viewer is gone; a second call changes nothing."""
        session = self._by_viewer.pop(viewer_id, None)
        if session is None:
            return
        session.viewers.pop(viewer_id, None)
        if not session.viewers:
            session.idle_since = self._clock.monotonic()
        self._tell(session)

    def stop(self, session: Session, reason: str) -> None:
        """End a session for all who watch it."""
        self._apply(session, Input.STOPPED, reason)

    def device_lost(self, device_id: DeviceId) -> None:
        """The device went offline: its sessions end without waiting for a BYE."""
        for session in list(self._running.values()):
            if session.device_id == device_id:
                offline = DeviceOfflineError(f"{device_id} went offline", device_id=device_id)
                session.error = session.error or offline
                self._apply(session, Input.DEVICE_LOST, "device_offline")

    async def wait_past(self, session: Session, states: frozenset[State], limit_s: float) -> None:
        """Until the session is in none of `states`, or the limit passes."""

        # asyncio.wait_for may swallow a cancellation that meets its result (Python 3.11).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s), session.changed:
                await session.changed.wait_for(lambda: session.state not in states)

    # What the relay tells

    def media_event(self, event: MediaEvent) -> None:
        """The relay's news of one stream; never blocks, never raises."""
        session = self._by_stream.get(event.stream_id)
        if session is None:
            return
        match event:
            case FirstPacket() | SsrcMatched() | ContainerParsed() | FirstPicture():
                self._stage_reached(session, event)
            case MediaSilent(silent_s=silent_s):
                silence = f"{session.channel_id} sent nothing for {silent_s:.0f} s"
                self._fail(session, Input.MEDIA_LOST, NoMediaError(silence))
            case MediaEnded():
                closed = f"{session.device_id} closed the media connection"
                self._fail(session, Input.MEDIA_LOST, NoMediaError(closed))
            case KeyPictureWanted():
                self._spawn(self._request_key_picture(session))
            case ViewerJoined() | ViewerLeft():
                self._viewer_event(session, event)
            case StreamLost():
                gone = f"the media process of {session.channel_id} is gone"
                self._fail(session, Input.MEDIA_LOST, NoMediaError(gone))
            case MediaResumed():
                pass

    def _viewer_event(self, session: Session, event: ViewerJoined | ViewerLeft) -> None:
        if isinstance(event, ViewerLeft):
            self.remove_viewer(event.viewer_id)
            return
        if event.viewer_id in session.viewers:
            session.viewers[event.viewer_id].joined = True
        self._tell(session)

    def _stage_reached(
        self, session: Session, event: FirstPacket | SsrcMatched | ContainerParsed | FirstPicture
    ) -> None:
        match event:
            case FirstPacket():
                self._note(session, Stage.FIRST_PACKET, f"from {event.remote_address}")
                session.heard.set()
            case SsrcMatched():
                agreed = "as agreed" if event.was_expected else "not as agreed, accepted"
                self._note(session, Stage.SSRC_MATCHED, f"{event.ssrc:010d} {agreed}")
            case ContainerParsed():
                self._note(session, Stage.CONTAINER_PARSED, event.container)
            case FirstPicture():
                session.picture = Picture(event.codec, event.width, event.height)
                self._remember_codec(session, event.codec)
                size = f"{event.codec} {event.width}x{event.height}"
                self._note(session, Stage.FIRST_PICTURE, size)
                self._apply(session, Input.FIRST_PICTURE, "")

    def _remember_codec(self, session: Session, codec: str) -> None:
        key = (session.device_id, session.channel_id, session.stream)
        self._codecs[key] = codec
        self._codecs.move_to_end(key)
        while len(self._codecs) > CODECS_KEPT:
            self._codecs.popitem(last=False)

    async def _request_key_picture(self, session: Session) -> None:
        with contextlib.suppress(VmsError):  # the next PLI asks again
            await self._caller.request_key_picture(session.device_id, session.channel_id)

    # Driving one session

    async def _drive(
        self, key: Key, session: Session, transport: Transport, *, may_fall_back: bool
    ) -> None:
        work = self._start(self._work(session, transport, may_fall_back=may_fall_back))
        stopped = self._start(_set(session.stopping))
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)
            self._apply(session, Input.STOPPED, "stopped")
            await self._give_back(key, session)
        _complain(work)

    async def _work(self, session: Session, transport: Transport, *, may_fall_back: bool) -> None:
        try:
            await self._establish(session, transport, may_fall_back=may_fall_back)
            await self._prove(session)
        except VmsError as error:
            self._end_with(session, error)
        except MediaError as error:
            self._end_with(session, ExhaustedError(str(error), what=error.code))

    async def _establish(
        self, session: Session, transport: Transport, *, may_fall_back: bool
    ) -> None:
        """Port, SSRC, INVITE, first picture; a second try over UDP where TCP does not work."""
        try:
            await self._attempt(session, transport)
        except (RejectedError, NoMediaError) as error:
            refused = isinstance(error, RejectedError) and error.status in UDP_INSTEAD
            unheard = isinstance(error, NoMediaError) and not session.heard.is_set()
            if not may_fall_back or transport is Transport.UDP or not (refused or unheard):
                raise
            log.info(
                "media over TCP failed, trying UDP",
                device_id=session.device_id,
                channel_id=session.channel_id,
                error=str(error),
            )
            session.fallback = str(error)
            self._apply(session, Input.RETRIED, "")
            await self._attempt(session, Transport.UDP)
            self._udp_only.add(session.device_id)

    async def _attempt(self, session: Session, transport: Transport) -> None:
        await self._hang_up(session)
        await self._close_stream(session)
        session.ssrc = session.ssrc or self._pool.lend()
        session.transport = transport
        session.picture = None
        session.heard.clear()
        session.attempt += 1
        session.sip_status = None
        session.call_ids.append(f"{session.session_id}-{session.attempt}")
        host = self._caller.media_host(session.device_id)
        address = await self._open(session, transport, session.ssrc, host)
        session.address = session.told = address
        self._by_stream[address.stream_id] = session
        self._serial += 1
        self.invites += 1
        invitation = Invitation(
            device_id=session.device_id,
            channel_id=session.channel_id,
            ssrc=session.ssrc,
            host=address.host,
            port=address.port,
            transport=transport,
            stream=session.stream,
            serial=self._serial,
            call_id=session.call_ids[-1],
        )
        call = await self._caller.invite(
            invitation, lambda stage, detail: self._note(session, stage, detail)
        )
        session.call = call
        for name in call.answer.tolerances:
            self._evidence.count_tolerance(session.device_id, name)
        if call.answer.transport is not transport:
            raise RejectedError(
                f"{session.device_id} answered {call.answer.transport} to {transport}", 488
            )
        expected = session.ssrc if call.answer.ssrc is None else call.answer.ssrc
        await self._relay.expect(address.stream_id, expected, call.answer.host)
        self._apply(session, Input.ANSWERED, "")
        self._listen(session, call)
        await self._await_picture(session, address)

    async def _open(
        self, session: Session, transport: Transport, ssrc: Ssrc, host: str
    ) -> StreamAddress:
        """Where the session was placed, or where there is room when that process is gone."""
        try:
            return await self._relay.open(transport, ssrc, host, session.worker)
        except MediaError as error:
            if error.code != MediaError.NO_WORKER:
                raise
            session.worker = self._relay.place()
            return await self._relay.open(transport, ssrc, host, session.worker)

    async def _await_picture(self, session: Session, address: StreamAddress) -> None:
        limits = self._policy
        try:
            async with asyncio.timeout(limits.first_byte_limit_s):
                await session.heard.wait()
        except TimeoutError:
            raise NoMediaError(
                f"{session.device_id} accepted the call and sent nothing to "
                f"{address.host}:{address.port} in {limits.first_byte_limit_s:.0f} s"
            ) from None
        if session.picture is not None:  # it was faster than its own 200
            self._apply(session, Input.FIRST_PICTURE, "")
        awaiting = frozenset({State.AWAITING_MEDIA})
        await self.wait_past(session, awaiting, limits.first_picture_limit_s)
        if session.state is State.AWAITING_MEDIA:
            raise NoMediaError(
                f"{session.channel_id} sends, but no key picture in "
                f"{limits.first_picture_limit_s:.0f} s"
            )

    def _listen(self, session: Session, call: Call) -> None:
        def _ended(reason: str) -> None:
            self._fail(
                session,
                Input.BYE_RECEIVED,
                NoMediaError(f"{session.device_id} ended the call ({reason})"),
            )

        call.when_ended(_ended)

    async def _prove(self, session: Session) -> None:
        """While the stream runs, say so; its figures are the evidence."""
        await self._evidence.picture_proven(session.device_id, session.channel_id)
        pictures = 0
        while session.address is not None:
            await asyncio.sleep(PROOF_PERIOD_S)
            figures = await self._relay.figures(session.address.stream_id)
            if figures.key_pictures > pictures:
                pictures = figures.key_pictures
                await self._evidence.picture_proven(session.device_id, session.channel_id)

    def _end_with(self, session: Session, error: VmsError) -> None:
        if isinstance(error, RejectedError):
            session.sip_status = error.status
        match error:
            case NoAnswerError():
                happened = Input.UNANSWERED
            case NoMediaError():
                happened = Input.NO_MEDIA
            case DeviceOfflineError():
                happened = Input.DEVICE_LOST
            case _:
                happened = Input.REFUSED
        if not is_possible(session.state, happened):
            happened = Input.STOPPED
        self._fail(session, happened, error)

    async def _give_back(self, key: Key, session: Session) -> None:
        await self._hang_up(session)
        await self._close_stream(session)
        if session.ssrc is not None:
            self._pool.give_back(session.ssrc)
        for viewer_id in list(session.viewers):
            self.remove_viewer(viewer_id)
        if self._running.get(key) is session:
            del self._running[key]
        self._closed[session.session_id] = session
        while len(self._closed) > CLOSED_KEPT:
            self._closed.popitem(last=False)
        self._apply(session, Input.ENDED, "")

    async def _hang_up(self, session: Session) -> None:
        call, session.call = session.call, None
        if call is not None:
            call.when_ended(_nobody_listens)
            await call.bye()

    async def _close_stream(self, session: Session) -> None:
        address, session.address = session.address, None
        if address is not None:
            await self._keep_figures(session, address)
            self._by_stream.pop(address.stream_id, None)
            await self._relay.close(address.stream_id)

    async def _keep_figures(self, session: Session, address: StreamAddress) -> None:
        """For whoever asks why it ended; each tolerance of the stream counts once."""
        with contextlib.suppress(MediaError):
            session.figures = figures = await self._relay.figures(address.stream_id)
            for name, _ in figures.tolerated:
                media_name = "media_" + name.replace("-", "_")
                self._evidence.count_tolerance(session.device_id, media_name)

    # State

    def _fail(self, session: Session, happened: Input, error: VmsError) -> None:
        if session.error is None and not session.is_over:
            session.error = error
            self.failures[error.code] = self.failures.get(error.code, 0) + 1
            log.info(
                "session failed",
                device_id=session.device_id,
                channel_id=session.channel_id,
                session_id=session.session_id,
                error=str(error),
            )
        self._apply(session, happened, error.code)

    def _apply(self, session: Session, happened: Input, reason: str) -> None:
        """One step of the table; a late word that the state does not list changes nothing."""
        if not is_possible(session.state, happened):
            return
        session.state = follow(session.state, happened)
        session.reason = reason or session.reason
        if session.is_over:
            session.ended_by = session.ended_by or happened.value
            session.stopping.set()
        if session.state is State.STREAMING and not session.viewers:
            session.idle_since = self._clock.monotonic()
        self._tell(session)
        self._spawn(self._wake(session))

    async def _wake(self, session: Session) -> None:
        async with session.changed:
            session.changed.notify_all()

    def _note(self, session: Session, stage: Stage, detail: str) -> None:
        since_s = self._clock.monotonic() - session.clicked_s
        entry = TraceEntry(stage.value, self._clock.wall(), detail, since_s, session.attempt)
        session.trace.append(entry)

    def _tell(self, session: Session) -> None:
        self._events.publish(
            SessionChanged(
                session_id=session.session_id,
                device_id=session.device_id,
                channel_id=session.channel_id,
                at=self._clock.wall(),
                state=session.state.value,
                viewers=len(session.viewers),
                reason=session.reason,
            )
        )

    # The owner's own life

    async def run(self) -> None:
        """Ends sessions that nobody watches or whose device is gone; runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._end_idle())
            group.create_task(self._end_lost())

    async def _end_idle(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = self._clock.monotonic()
            for session in list(self._running.values()):
                # Before its first picture a session has limits of its own, and a cause to tell.
                if session.state is not State.STREAMING or session.idle_since is None:
                    continue
                if now - session.idle_since >= self._policy.idle_s:
                    self._apply(session, Input.LAST_VIEWER_LEFT, "idle")

    async def _end_lost(self) -> None:
        with self._events.subscribe(EVENTS_WAITING) as subscription:
            while True:
                event = (await subscription.next()).event
                if isinstance(event, DeviceWentOffline):
                    self.device_lost(DeviceId(event.device_id))

    async def close(self) -> None:
        """End every session and wait until all is given back."""
        self._is_stopping = True
        for session in list(self._running.values()):
            self._apply(session, Input.STOPPED, "server_stopped")
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        # A session outlives the request that began it: its log lines must not carry that one's ID.
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._start(work).add_done_callback(_complain)


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        log.error("a session failed by our own fault", exc_info=fault)


async def _set(event: asyncio.Event) -> None:
    await event.wait()


def _nobody_listens(_reason: str) -> None:
    """We end the call ourselves: the device's word about it changes nothing any more."""
