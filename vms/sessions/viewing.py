"""Watching: what the API asks for, in terms of sessions, viewers and pictures."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from media.door import (
    Admission,
    Form,
    MediaError,
    RelayDoor,
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
    ForbiddenError,
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
from vms.sessions.at_once import some_at_once
from vms.sessions.broker import SessionBroker
from vms.sessions.ladder import Offer, Player, Rung, ladder
from vms.sessions.machine import State
from vms.sessions.session import Session, Viewer
from vms.sessions.tokens import Grant, MediaTokens
from vms.sessions.views import SessionView, session_view

__all__ = ["SessionView", "Viewing", "WebRtcAnswer"]

log = structlog.get_logger(__name__)

PICTURE_LIMIT_S = 40.0
"""The longest a viewer waits for a picture: two tries of INVITE, first byte, first picture."""

JUDGE_PERIOD_S = 4.0
"""Whoever signs out or loses the right to watch sees no more than that and a moment."""

JUDGED_AT_ONCE = 32
"""Viewers, of whom each may need a word with their process."""

JOIN_LIMIT_S = 60.0
"""A viewer that was let in and has not come by then is forgotten."""

STARTING = frozenset({State.INVITING, State.AWAITING_MEDIA, State.RECOVERING})
STREAMS = frozenset({"main", "sub"})


@dataclass(frozen=True, slots=True)
class WebRtcAnswer:
    """A WHEP viewer that was let in: its identifier and our SDP answer.

    `ice_tag` names the ICE credentials of that answer.
    """

    viewer_id: str
    session_id: str
    sdp: str
    ice_tag: str = ""


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
            self._require_still_in(session, viewer)
            sdp = await self._relay.answer(stream_id, viewer.viewer_id, offer)
            if viewer.viewer_id not in session.viewers:
                await self._relay.leave(viewer.viewer_id)
            self._require_still_in(session, viewer)
        except MediaError as error:
            self._broker.remove_viewer(viewer.viewer_id)
            raise _as_vms_error(error) from error
        except BaseException:
            self._broker.remove_viewer(viewer.viewer_id)
            raise
        viewer.ice_tag = self._unguessable()
        return WebRtcAnswer(viewer.viewer_id, session.session_id, sdp, viewer.ice_tag)

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
            self._require_still_in(session, viewer)
            await self._credentials.record_watch(
                watcher, grant.source, f"{device_id}/{channel_id}", form.value, stream
            )
            self._require_still_in(session, viewer)
        except BaseException:
            self._broker.remove_viewer(viewer.viewer_id)
            raise
        return Admission(stream_id, viewer.viewer_id)

    def _sent_on(self, session: Session, grant: Grant) -> Admission:
        """To the process its stream lives in."""
        place = self._relay.ports(session.worker)
        token = self._tokens.lend(
            grant.credential,
            grant.protocol,
            grant.resource,
            source=grant.source,
            user_id=grant.user_id,
        )
        return Admission(StreamId(""), ViewerId(""), place, token)

    def _let_in(
        self, session: Session, form: Form, watcher: Watcher, source: str, credential: str
    ) -> Viewer:
        check_viewer(self.limits, self.load(), session)
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

    def _require_still_in(self, session: Session, viewer: Viewer) -> None:
        """Whoever signed out, or was sent away, while they waited must not begin: nobody would
        judge them any more. Raises `MediaError` with `NOT_ADMITTED`."""
        if viewer.viewer_id not in session.viewers:
            raise MediaError(MediaError.NOT_ADMITTED, "this viewer was ended before it began")

    def load(self) -> NodeLoad:
        """How much this node has taken on."""
        sessions = self._broker.sessions()
        return NodeLoad(
            viewers=self._broker.viewer_count,
            streams=len(sessions),
            # Whoever came since it was measured takes about what the stream does.
            outgoing_bps=sum(
                max(session.outgoing_bps, len(session.viewers) * session.bitrate_bps)
                for session in sessions
            ),
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
        viewer = self._own_viewer(viewer_id, user_id)
        await self._send_away(viewer)

    def ice_tag(self, viewer_id: str, user_id: str) -> str:
        """What names a WHEP viewer's ICE credentials now; raises `NotFoundError`."""
        return self._own_viewer(viewer_id, user_id).ice_tag

    async def patch(self, viewer_id: str, user_id: str, fragment: str) -> str:
        """A WHEP viewer's trickle or ICE restart: our fragment, "" for a trickle.

        A restart has another `ice_tag`. Raises `NotFoundError` and `InvalidError`.
        """
        viewer = self._own_viewer(viewer_id, user_id)
        try:
            answer = await self._relay.patch(viewer.viewer_id, fragment)
        except MediaError as error:
            if error.code == MediaError.NO_STREAM:
                raise NotFoundError(f"no viewer {viewer_id}") from error
            raise _as_vms_error(error) from error
        if answer:
            viewer.ice_tag = self._unguessable()
        return answer

    async def disconnect(self, session_id: str, viewer_id: str) -> None:
        """End one viewer of a session, whoever it is; raises `NotFoundError`."""
        session = self._broker.session(session_id)
        viewer = session.viewers.get(ViewerId(viewer_id))
        if viewer is None:
            raise NotFoundError(f"no viewer {viewer_id} of session {session_id}")
        session.disconnected.append(viewer.viewer_id)
        await self._send_away(viewer)

    def _own_viewer(self, viewer_id: str, user_id: str) -> Viewer:
        viewer = self._broker.session_of_viewer(ViewerId(viewer_id)).viewers[ViewerId(viewer_id)]
        if viewer.user_id != user_id:
            raise NotFoundError(f"no viewer {viewer_id}")
        return viewer

    async def _send_away(self, viewer: Viewer) -> None:
        self._broker.remove_viewer(viewer.viewer_id)
        with contextlib.suppress(MediaError):
            await self._relay.leave(viewer.viewer_id)

    async def run(self) -> None:
        """Ends viewers that may watch no longer, and such as never came; until cancelled."""
        while True:
            await asyncio.sleep(JUDGE_PERIOD_S)
            try:
                await self.judge_viewers()
            except VmsError as error:  # the accounts cannot be asked now
                log.warning("viewers could not be judged", error=str(error))

    async def judge_viewers(self) -> None:
        """Once: each credential is asked for again, each viewer that never came is forgotten."""
        watching = [
            (session, viewer)
            for session in self._broker.sessions()
            for viewer in session.viewers.values()
        ]
        counts: dict[str, bool] = {"": True}

        async def ask(credential: str) -> None:
            counts[credential] = await self._credentials.watcher(credential) is not None

        async def judge(one: tuple[Session, Viewer]) -> None:
            session, viewer = one
            is_late = not viewer.joined and self._clock.monotonic() - viewer.since_s >= JOIN_LIMIT_S
            if not counts[viewer.credential] or (
                is_late and not await self._is_there(session, viewer)
            ):
                await self._send_away(viewer)

        credentials = {viewer.credential for _, viewer in watching} - {""}
        await some_at_once(ask, credentials, limit=JUDGED_AT_ONCE)
        await some_at_once(judge, watching, limit=JUDGED_AT_ONCE)

    async def _is_there(self, session: Session, viewer: Viewer) -> bool:
        figures = await self._figures(session)
        viewers = () if figures is None else figures.viewers
        return any(each.viewer_id == viewer.viewer_id for each in viewers)

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
        sessions = self._broker.sessions()
        streams = [session.address.stream_id for session in sessions if session.address]
        known = {each.stream_id: each for each in await self._relay.figures_of(streams)}
        found = [
            (session, known.get(session.address.stream_id) if session.address else None)
            for session in sessions
        ]
        total_bps = sum(_outgoing_bps(*each) for each in found)
        now_s = self._clock.monotonic()
        return [
            session_view(
                session,
                figures or session.figures,
                now_s,
                total_bps - _outgoing_bps(session, figures),
            )
            for session, figures in found
        ]

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
            check_stream(self.limits, self.load())
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
        elsewhere_bps = sum(
            other.outgoing_bps for other in self._broker.sessions() if other is not session
        )
        figures = await self._figures(session)
        return session_view(session, figures, self._clock.monotonic(), elsewhere_bps)

    async def _figures(self, session: Session) -> StreamFigures | None:
        if session.address is None:
            return session.figures
        try:
            return await self._relay.figures(session.address.stream_id)
        except MediaError:  # closed between the two lines
            return session.figures


def _outgoing_bps(session: Session, figures: StreamFigures | None) -> int:
    """To all viewers of it: now, or as last measured."""
    if figures is None:
        return session.outgoing_bps
    return sum(viewer.bitrate_bps for viewer in figures.viewers)


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
        case MediaError.NOT_ADMITTED:
            return ForbiddenError(str(error))
        case _:
            return UnavailableError(str(error))
