"""Watching: what the API asks for, in terms of sessions, viewers and pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from media.door import (
    Admission,
    Form,
    MediaError,
    RelayDoor,
    StreamAddress,
    StreamFigures,
    StreamId,
    Transport,
    ViewerId,
    WorkerPorts,
)
from vms.clock import Clock
from vms.errors import (
    DeviceOfflineError,
    ExhaustedError,
    InvalidError,
    NoMediaError,
    NotFoundError,
    UnavailableError,
    VmsError,
)
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.inventory import Inventory
from vms.inventory.model import Status
from vms.sessions.admission import (
    Credentials,
    NodeLimits,
    NodeLoad,
    Watcher,
    check_stream,
    check_viewer,
)
from vms.sessions.broker import SessionBroker
from vms.sessions.ladder import Offer, Player, Rung, ladder
from vms.sessions.machine import State
from vms.sessions.session import Session, TraceEntry, Viewer
from vms.sessions.tokens import Grant, MediaTokens

PICTURE_LIMIT_S = 40.0
"""The longest a viewer waits for a picture: two tries of INVITE, first byte, first picture."""

STARTING = frozenset({State.INVITING, State.AWAITING_MEDIA, State.RECOVERING})
STREAMS = frozenset({"main", "sub"})


@dataclass(frozen=True, slots=True)
class WebRtcAnswer:
    """A WHEP viewer that was let in: its identifier and our SDP answer."""

    viewer_id: str
    session_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as the API shows it; `figures` are the last ones when its stream is closed.

    `told_address` is where the device was asked to send, `sip_status` the status of a refusal,
    `fallback` why another transport was tried, `ended_by` what ended it (a word of
    `vms.sessions.machine.Input`). `trace` is of all attempts.
    """

    session_id: str
    device_id: str
    channel_id: str
    kind: str
    stream: str
    state: str
    reason: str
    error: str
    transport: str | None
    ssrc: str | None
    codec: str | None
    width: int | None
    height: int | None
    started_at: datetime | None
    viewers: int
    trace: tuple[TraceEntry, ...]
    figures: StreamFigures | None
    attempt: int = 0
    call_ids: tuple[str, ...] = ()
    told_address: str | None = None
    sip_status: int | None = None
    fallback: str = ""
    ended_by: str = ""


class Viewing:
    """Live pictures for people and programs."""

    def __init__(
        self,
        broker: SessionBroker,
        relay: RelayDoor,
        inventory: Inventory,
        *,
        tokens: MediaTokens,
        credentials: Credentials,
        clock: Clock,
        unguessable: Callable[[], str],
        limits: NodeLimits = NodeLimits(),  # noqa: B008  frozen
    ) -> None:
        """`unguessable` gives 128 random bits or more as text: a viewer's identifier."""
        self._broker = broker
        self._relay = relay
        self._inventory = inventory
        self._tokens = tokens
        self._credentials = credentials
        self._clock = clock
        self._unguessable = unguessable
        self.limits = limits

    async def live(
        self,
        device_id: str,
        channel_id: str,
        *,
        stream: str = "main",
        transport: str | None = None,
        wait_s: float = 0.0,
    ) -> SessionView:
        """Start or join; with `wait_s`, until the first picture or the cause of failure."""
        session = self._join(device_id, channel_id, stream, transport)
        if wait_s > 0:
            await session.wait_past(STARTING, wait_s)
            if session.is_over:
                raise _why(session)
        return await self._view(session)

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
    ) -> WebRtcAnswer:
        """A WHEP offer: answered when there is a picture to show, refused with the cause if not."""
        session = self._join(device_id, channel_id, stream, None)
        viewer = self._let_in(session, Form.WHEP, watcher, source, credential)
        try:
            stream_id = await self._await_picture(session)
            sdp = await self._relay.answer(stream_id, viewer.viewer_id, offer)
        except MediaError as error:
            self._broker.remove_viewer(viewer.viewer_id)
            raise _as_vms_error(error) from error
        except BaseException:
            self._broker.remove_viewer(viewer.viewer_id)
            raise
        return WebRtcAnswer(viewer.viewer_id, session.session_id, sdp)

    async def admit(self, token: str, form: Form, worker: int | None = None) -> Admission:
        """A worker's question about the token of a media URL (`media.door.Admit`).

        Answers when there is a picture to show. `worker` is who asks (None: the only one); where
        the stream lives in another one, the viewer is sent there with a token that is good for it.
        A token opens once; where nothing came of it, it can be used again. Raises `MediaError`:
        `NOT_ADMITTED`, `TOO_MANY` or `NO_PICTURE`.
        """
        grant = self._tokens.take(token, form.value)
        if grant is None:
            raise MediaError(
                MediaError.NOT_ADMITTED, "this media URL is no longer good; ask for another"
            )
        try:
            return await self._admit(grant, form, worker)
        except VmsError as error:
            self._tokens.give_back(token, grant)
            raise _as_media_error(error) from error
        except BaseException:
            self._tokens.give_back(token, grant)
            raise

    async def _admit(self, grant: Grant, form: Form, worker: int | None) -> Admission:
        watcher = await self._credentials.watcher(grant.credential)
        if watcher is None:
            raise MediaError(
                MediaError.NOT_ADMITTED, "whoever asked for this media URL may watch no longer"
            )
        device_id, channel_id, stream = grant.resource
        session = self._join(device_id, channel_id, stream, None)
        if worker is not None and session.worker != worker:
            return self._sent_on(session, grant)
        viewer = self._let_in(session, form, watcher, grant.source, grant.credential)
        try:
            stream_id = await self._await_picture(session)
            if worker is not None and session.worker != worker:
                self._broker.remove_viewer(viewer.viewer_id)
                return self._sent_on(session, grant)
            await self._credentials.record_watch(watcher, grant.source, device_id, channel_id)
        except BaseException:
            self._broker.remove_viewer(viewer.viewer_id)
            raise
        return Admission(stream_id, viewer.viewer_id)

    def _sent_on(self, session: Session, grant: Grant) -> Admission:
        """To the process its stream lives in."""
        place = self._relay.ports(session.worker)
        token = self._tokens.lend(
            grant.credential, grant.protocol, grant.resource, source=grant.source
        )
        return Admission(StreamId(""), ViewerId(""), place, token)

    def _let_in(
        self, session: Session, form: Form, watcher: Watcher, source: str, credential: str
    ) -> Viewer:
        check_viewer(self.limits, self._load(), session)
        viewer = Viewer(
            ViewerId(self._unguessable()),
            watcher.user_id,
            form,
            self._clock.wall(),
            self._clock.monotonic(),
            user=watcher.name,
            source=source,
            credential=credential,
        )
        self._broker.add_viewer(session, viewer)
        return viewer

    def _load(self) -> NodeLoad:
        sessions = self._broker.sessions()
        return NodeLoad(
            viewers=self._broker.viewer_count,
            streams=len(sessions),
            outgoing_bps=sum(session.outgoing_bps for session in sessions),
        )

    async def ladder(self, session_id: str, player: Player) -> tuple[Rung, ...]:
        """How somebody who can play that may watch a session, the best way first."""
        session = self._broker.session(session_id)
        figures = await self._figures(session)
        codec = self._broker.codec_of(session.device_id, session.channel_id, session.stream)
        is_main = session.stream == "main"
        offer = Offer(
            codec=codec,
            forms=frozenset(forms_of(self.ports(session_id))),
            stream=session.stream,
            sub_codec=self._broker.codec_of(session.device_id, session.channel_id, "sub")
            if is_main
            else None,
            can_transcode=self._can_transcode(session),
            is_decodable=codec is not None or figures is None or not figures.unsupported,
        )
        return ladder(offer, player)

    def _can_transcode(self, session: Session) -> bool:
        places = self.limits.transcodes
        used = sum(one.is_transcoded for one in self._broker.sessions())
        return session.is_transcoded or places is None or used < places

    def ports(self, session_id: str) -> WorkerPorts | None:
        """Where the viewers of a session are served; None while that process is being replaced."""
        try:
            return self._relay.ports(self._broker.session(session_id).worker)
        except MediaError:
            return None

    async def leave(self, viewer_id: str, user_id: str) -> None:
        """A viewer ends; raises `NotFoundError` when it is not this user's."""
        viewer = ViewerId(viewer_id)
        session = self._broker.session_of_viewer(viewer)
        if session.viewers[viewer].user_id != user_id:
            raise NotFoundError(f"no viewer {viewer_id}")
        self._broker.remove_viewer(viewer)
        await self._relay.leave(viewer)

    async def snapshot(self, device_id: str, channel_id: str) -> bytes:
        """A picture of now as JPEG, by a short session where none runs."""
        session = self._join(device_id, channel_id, "main", None)
        await self._await_picture(session)
        jpeg = await self._held(session)
        if jpeg is None:
            raise _why(session)
        return jpeg

    async def held_snapshot(self, device_id: str, channel_id: str) -> bytes | None:
        """The last picture of a running session, None without one."""
        self._inventory.channel(device_id, channel_id)
        for session in self._broker.sessions():
            if (session.device_id, session.channel_id) == (device_id, channel_id):
                return await self._held(session)
        return None

    async def sessions(self) -> list[SessionView]:
        """Those that run."""
        return [await self._view(session) for session in self._broker.sessions()]

    async def session(self, session_id: str) -> SessionView:
        """One that runs or ended lately."""
        return await self._view(self._broker.session(session_id))

    async def last_play(self, device_id: str, channel_id: str) -> SessionView:
        """The running session of a channel, else the last that ended; raises `NotFoundError`."""
        self._inventory.channel(device_id, channel_id)
        return await self._view(self._broker.last_of(device_id, channel_id))

    async def last_plays(self, device_id: str) -> list[SessionView]:
        """Of each channel of the device that was played lately, the latest first."""
        return [await self._view(session) for session in self._broker.last_of_device(device_id)]

    async def end(self, session_id: str) -> None:
        """End it for all who watch."""
        self._broker.stop(self._broker.session(session_id), "ended_by_user")

    def _join(self, device_id: str, channel_id: str, stream: str, transport: str | None) -> Session:
        device = self._inventory.device(device_id)
        self._inventory.channel(device_id, channel_id)
        if stream not in STREAMS:
            raise InvalidError(f"stream is main or sub, not {stream!r}")
        try:
            wanted = Transport(transport) if transport else None
        except ValueError:
            raise InvalidError(f"transport {transport!r} is not offered") from None
        if wanted is None and device.media_transport:
            wanted = Transport(device.media_transport)
        if device.binding is None or self._inventory.status(device) is Status.OFFLINE:
            raise DeviceOfflineError(f"{device_id} is offline", device_id=device_id)
        key = (DeviceId(device_id), ChannelId(channel_id), stream)
        if not self._broker.is_running(*key):
            check_stream(self.limits, self._load())
        return self._broker.join(*key, wanted)

    async def _await_picture(self, session: Session) -> StreamId:
        await session.wait_past(STARTING, PICTURE_LIMIT_S)
        if session.state is not State.STREAMING or session.address is None:
            raise _why(session)
        return session.address.stream_id

    async def _held(self, session: Session) -> bytes | None:
        address = session.address
        if address is None:
            return None
        try:
            return await self._relay.snapshot(address.stream_id)
        except MediaError as error:
            if error.code in {MediaError.NO_PICTURE, MediaError.NO_STREAM}:
                return None
            raise _as_vms_error(error) from error

    async def _view(self, session: Session) -> SessionView:
        picture = session.picture
        return SessionView(
            session_id=session.session_id,
            device_id=session.device_id,
            channel_id=session.channel_id,
            kind="live",
            stream=session.stream,
            state=session.state.value,
            reason=session.reason,
            error=str(session.error) if session.error else "",
            transport=session.transport.value if session.transport else None,
            ssrc=f"{session.ssrc:010d}" if session.ssrc is not None else None,
            codec=picture.codec if picture else None,
            width=picture.width if picture else None,
            height=picture.height if picture else None,
            started_at=session.started_at,
            viewers=len(session.viewers),
            trace=tuple(session.trace),
            figures=await self._figures(session),
            attempt=session.attempt,
            call_ids=tuple(session.call_ids),
            told_address=_address(session.told),
            sip_status=session.sip_status,
            fallback=session.fallback,
            ended_by=session.ended_by,
        )

    async def _figures(self, session: Session) -> StreamFigures | None:
        if session.address is None:
            return session.figures
        try:
            return await self._relay.figures(session.address.stream_id)
        except MediaError:  # closed between the two lines
            return session.figures


def forms_of(ports: WorkerPorts | None) -> tuple[str, ...]:
    """The forms of output a worker serves."""
    if ports is None:
        return ()
    served = [Form.WHEP]
    if ports.http:
        served += [Form.FMP4, Form.FLV, Form.WS_FLV, Form.HLS]
    if ports.rtsp:
        served.append(Form.RTSP)
    return tuple(form.value for form in served)


def _address(told: StreamAddress | None) -> str | None:
    if told is None:
        return None
    return f"[{told.host}]:{told.port}" if ":" in told.host else f"{told.host}:{told.port}"


def _why(session: Session) -> VmsError:
    return session.error or NoMediaError(
        f"the session of {session.channel_id} ended ({session.reason or session.state})",
        session_id=session.session_id,
    )


def _as_media_error(error: VmsError) -> MediaError:
    """As a worker can tell it to a viewer."""
    match error:
        case ExhaustedError():
            return MediaError(MediaError.TOO_MANY, error.message)
        case _:
            return MediaError(MediaError.NO_PICTURE, error.message)


def _as_vms_error(error: MediaError) -> VmsError:
    match error.code:
        case MediaError.BAD_OFFER:
            return InvalidError(str(error))
        case MediaError.TOO_MANY | MediaError.NO_PORT:
            return ExhaustedError(str(error), what=error.code)
        case MediaError.NO_PICTURE | MediaError.NO_STREAM:
            return NoMediaError(str(error))
        case _:
            return UnavailableError(str(error))
