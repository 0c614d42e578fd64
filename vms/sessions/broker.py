"""The one owner of sessions: one INVITE per camera however many people watch."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable

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
    StreamLost,
    Transport,
    ViewerId,
    ViewerJoined,
    ViewerLeft,
)
from vms.clock import Clock, next_beat
from vms.errors import DeviceOfflineError, ExhaustedError, NoMediaError, NotFoundError, VmsError
from vms.events import DeviceWentOffline, EventBus
from vms.gb28181.ids import ChannelId, DeviceId
from vms.sessions.calling import Caller, Stage
from vms.sessions.chronicle import Chronicle
from vms.sessions.driver import BrokerPolicy, Driver, Evidence
from vms.sessions.machine import Input, State
from vms.sessions.session import Picture, Session, Viewer
from vms.sessions.ssrc_pool import SsrcPool

__all__ = ["BrokerPolicy", "Evidence", "SessionBroker"]

EVENTS_WAITING = 120_000
"""Every device of a full node may go offline at once, amid other news."""

CLOSED_KEPT = 500
"""Sessions whose trace can still be read after their end."""

CODECS_KEPT = 50_000
"""Streams whose codec is remembered."""

WATCHABLE = frozenset({State.STREAMING, State.RECOVERING})

Key = tuple[DeviceId, ChannelId, str]


class SessionBroker:
    """Starts, shares and ends live sessions; a `Driver` drives each."""

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
        self._events = events
        self._clock = clock
        self._policy = policy
        self._new_id = new_id
        self._chronicle = Chronicle(events, clock)
        self._driver = Driver(caller, relay, evidence, clock, pool, policy, self._chronicle)
        self._running: dict[Key, Session] = {}
        self._by_viewer: dict[ViewerId, Session] = {}
        self._closed: OrderedDict[str, Session] = OrderedDict()
        self._codecs: OrderedDict[Key, str] = OrderedDict()
        self._is_stopping = False

    # Reading

    def sessions(self) -> list[Session]:
        """Those that run."""
        return list(self._running.values())

    @property
    def invites(self) -> int:
        """INVITEs sent since start."""
        return self._driver.invites

    @property
    def failures(self) -> dict[str, int]:
        """Sessions that failed since start, by the code of their error."""
        return self._chronicle.failures

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
        self._place(session)
        self._running[key] = session
        self._chronicle.spawn(self._live(key, session, transport))
        return session

    def _place(self, session: Session) -> None:
        with contextlib.suppress(MediaError):  # nobody is there now: told when it is driven
            session.worker = self._relay.place()

    async def _live(self, key: Key, session: Session, transport: Transport | None) -> None:
        try:
            await self._driver.drive(session, transport)
        finally:
            for viewer_id in list(session.viewers):
                self.remove_viewer(viewer_id)
            if self._running.get(key) is session:
                del self._running[key]
            self._closed[session.session_id] = session
            while len(self._closed) > CLOSED_KEPT:
                self._closed.popitem(last=False)
            self._chronicle.apply(session, Input.ENDED, "")

    def add_viewer(self, session: Session, viewer: Viewer) -> None:
        """A viewer of that session; it stays up while it has one."""
        session.viewers[viewer.viewer_id] = viewer
        session.idle_since = None
        self._by_viewer[viewer.viewer_id] = session
        self._chronicle.tell(session)

    def remove_viewer(self, viewer_id: ViewerId) -> None:
        """The viewer is gone; a second call changes nothing."""
        session = self._by_viewer.pop(viewer_id, None)
        if session is None:
            return
        session.viewers.pop(viewer_id, None)
        if not session.viewers:
            session.idle_since = self._clock.monotonic()
        self._chronicle.tell(session)

    def stop(self, session: Session, reason: str) -> None:
        """End a session for all who watch it."""
        self._chronicle.apply(session, Input.STOPPED, reason)

    def device_lost(self, device_id: DeviceId) -> None:
        """The device went offline: its sessions end without waiting for a BYE."""
        for session in list(self._running.values()):
            if session.device_id == device_id:
                offline = DeviceOfflineError(f"{device_id} went offline", device_id=device_id)
                session.error = session.error or offline
                self._chronicle.apply(session, Input.DEVICE_LOST, "device_offline")

    # What the relay tells

    def media_event(self, event: MediaEvent) -> None:
        """The relay's news of one stream; never blocks, never raises."""
        session = self._driver.by_stream.get(event.stream_id)
        if session is None:
            return
        match event:
            case FirstPacket() | SsrcMatched() | ContainerParsed() | FirstPicture():
                self._stage_reached(session, event)
            case MediaSilent(silent_s=silent_s):
                silence = f"{session.channel_id} sent nothing for {silent_s:.0f} s"
                self._driver.interrupt(session, Input.MEDIA_LOST, NoMediaError(silence))
            case MediaEnded():
                closed = f"{session.device_id} closed the media connection"
                self._driver.interrupt(session, Input.MEDIA_LOST, NoMediaError(closed))
            case KeyPictureWanted():
                self._chronicle.spawn(self._request_key_picture(session))
            case ViewerJoined() | ViewerLeft():
                self._viewer_event(session, event)
            case StreamLost():
                gone = NoMediaError(f"the media process of {session.channel_id} is gone")
                self._driver.forget_stream(session)
                self._place(session)
                self._driver.interrupt(session, Input.MEDIA_LOST, gone, always=True)
            case MediaResumed():
                session.heard.set()

    def _viewer_event(self, session: Session, event: ViewerJoined | ViewerLeft) -> None:
        if isinstance(event, ViewerLeft):
            self.remove_viewer(event.viewer_id)
            return
        viewer = session.viewers.get(event.viewer_id)
        if viewer is None:  # ended in the moment before it began
            self._chronicle.spawn(self._send_away(event.viewer_id))
            return
        viewer.joined = True
        self._chronicle.tell(session)

    async def _send_away(self, viewer_id: ViewerId) -> None:
        with contextlib.suppress(MediaError):  # its process is gone
            await self._relay.leave(viewer_id)

    def _stage_reached(
        self, session: Session, event: FirstPacket | SsrcMatched | ContainerParsed | FirstPicture
    ) -> None:
        match event:
            case FirstPacket():
                self._chronicle.note(session, Stage.FIRST_PACKET, f"from {event.remote_address}")
                session.heard.set()
            case SsrcMatched():
                agreed = "as agreed" if event.was_expected else "not as agreed, accepted"
                self._chronicle.note(session, Stage.SSRC_MATCHED, f"{event.ssrc:010d} {agreed}")
            case ContainerParsed():
                self._chronicle.note(session, Stage.CONTAINER_PARSED, event.container)
            case FirstPicture():
                session.picture = Picture(event.codec, event.width, event.height)
                self._remember_codec(session, event.codec)
                session.heard.set()
                size = f"{event.codec} {event.width}x{event.height}"
                self._chronicle.note(session, Stage.FIRST_PICTURE, size)
                if session.state is not State.RECOVERING:
                    self._chronicle.apply(session, Input.FIRST_PICTURE, "")

    def _remember_codec(self, session: Session, codec: str) -> None:
        key = (session.device_id, session.channel_id, session.stream)
        self._codecs[key] = codec
        self._codecs.move_to_end(key)
        while len(self._codecs) > CODECS_KEPT:
            self._codecs.popitem(last=False)

    async def _request_key_picture(self, session: Session) -> None:
        with contextlib.suppress(VmsError):  # the next PLI asks again
            await self._caller.request_key_picture(session.device_id, session.channel_id)

    # The owner's own life

    async def run(self) -> None:
        """Ends sessions that nobody watches or whose device is gone; runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._end_idle())
            group.create_task(self._end_lost())

    async def _end_idle(self) -> None:
        while True:
            await next_beat(1.0)
            now = self._clock.monotonic()
            for session in list(self._running.values()):
                # Before its first picture a session has limits of its own, and a cause to tell.
                if session.state not in WATCHABLE or session.idle_since is None:
                    continue
                if now - session.idle_since >= self._policy.idle_s:
                    self._chronicle.apply(session, Input.LAST_VIEWER_LEFT, "idle")

    async def _end_lost(self) -> None:
        with self._events.subscribe(EVENTS_WAITING, kinds=[DeviceWentOffline]) as subscription:
            while True:
                event = (await subscription.next()).event
                if isinstance(event, DeviceWentOffline):
                    self.device_lost(DeviceId(event.device_id))

    async def close(self) -> None:
        """End every session and wait until all is given back."""
        self._is_stopping = True
        for session in list(self._running.values()):
            self._chronicle.apply(session, Input.STOPPED, "server_stopped")
        await self._chronicle.all_done()
