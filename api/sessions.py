"""Live pictures: starting or joining, what runs, its figures, and why a play failed."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Operator, Reader, TheServer, Watcher
from api.media_urls import MediaUrls, media_urls
from api.pagination import Cursor, Limit, PageOf, cut, link_next
from api.schemas import JPEG, PROBLEMS, ChannelIdPath, DeviceIdPath, Strict
from vms.diagnosis.causes import Cause
from vms.diagnosis.explainer import ExplainedPlay
from vms.errors import NotFoundError
from vms.sessions.calling import Stage
from vms.sessions.ladder import REASONS, Player, PlayReason, Rung
from vms.sessions.tokens import OPEN_LIMIT_S
from vms.sessions.views import SessionView

MAX_WAIT_S = 15.0

router = APIRouter(tags=["live"])

VideoCodec = Literal["h264", "h265"]


class LiveQuery(BaseModel):
    """How a picture is wanted."""

    model_config = ConfigDict(frozen=True)

    stream: Literal["main", "sub"] = Field(
        default="main", description="Main or sub-stream of the camera."
    )
    transport: Literal["udp", "udp_shared", "tcp_passive", "tcp_active"] | None = Field(
        default=None,
        description="How RTP shall travel. By default as the device is set, else TCP passive, and "
        "UDP where that does not work.",
    )
    wait_s: float = Field(
        default=0.0,
        ge=0,
        le=MAX_WAIT_S,
        description="Wait so long for the first picture or its cause.",
    )


class PlayerIn(Strict):
    """What the asking player can show; without it: H.264 by WebRTC."""

    webrtc: list[VideoCodec] = Field(
        default=["h264"], max_length=2, description="What it takes by WebRTC."
    )
    media_source: list[VideoCodec] = Field(
        default=[], max_length=2, description="What it takes as fMP4 by MediaSource."
    )


class Recommendation(BaseModel):
    """One way to show the picture, and why it is this one."""

    form: str = Field(
        description="A key of `urls`; `snapshot`: JPEG by `GET …/snapshot`; `none`: nothing serves."
    )
    video: str | None = Field(description="The codec that arrives; null where it is not known yet.")
    delivery: str = Field(
        description="`passed` as it comes, `transcoded`, or `key_pictures`: those alone."
    )
    stream: str = Field(description="`main` or `sub`; ask for the other one by `stream=sub`.")
    reason_code: PlayReason
    reason_en: str
    reason_zh: str


class LiveSession(BaseModel):
    """A session that was started or joined."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "session_id": "0193a1f0-5b7c-7e6a-9a43-2f1d4c7b8e90",
                    "state": "inviting",
                    "stream": "main",
                    "codec": None,
                    "transport": "tcp_passive",
                    "fallback": "",
                    "urls": {
                        "whep": "http://127.0.0.1:8080/api/v1/devices/34020000001320000001"
                        "/channels/34020000001310000001/whep?stream=main&token=...",
                        "fmp4": "ws://127.0.0.1:8090/live/34020000001320000001"
                        "/34020000001310000001.mp4?token=...",
                        "flv": "http://127.0.0.1:8090/live/34020000001320000001"
                        "/34020000001310000001.flv?token=...",
                        "ws_flv": "ws://127.0.0.1:8090/live/34020000001320000001"
                        "/34020000001310000001.ws.flv?token=...",
                        "hls": "http://127.0.0.1:8090/live/34020000001320000001"
                        "/34020000001310000001/index.m3u8?token=...",
                        "rtsp": "rtsp://127.0.0.1:8554/live/34020000001320000001"
                        "/34020000001310000001?token=...",
                    },
                    "recommended": {
                        "form": "whep",
                        "video": None,
                        "delivery": "passed",
                        "stream": "main",
                        "reason_code": "codec_unknown",
                        "reason_en": REASONS[PlayReason.CODEC_UNKNOWN][0],
                        "reason_zh": REASONS[PlayReason.CODEC_UNKNOWN][1],
                    },
                    "otherwise": [],
                    "expires_at": "2026-03-01T08:01:00+00:00",
                }
            ]
        }
    )

    session_id: str = Field(description="For `/sessions/{session_id}`.")
    state: str = Field(
        description="`inviting`, `awaiting_media`, `streaming`, `recovering`, `closing` or "
        "`closed`."
    )
    stream: str = Field(description="`main` or `sub`.")
    codec: str | None = Field(description="`h264` or `h265`; null until the first picture.")
    transport: str | None = Field(description="How RTP travels; null until the camera is asked.")
    fallback: str = Field(description="Why it is not the first choice; empty where it is.")
    urls: MediaUrls
    recommended: Recommendation
    otherwise: list[Recommendation] = Field(
        description="What to do where the recommended way fails, in this order."
    )
    expires_at: datetime = Field(description="Until when the URLs can be opened.")


class ViewerOut(BaseModel):
    """One viewer."""

    model_config = ConfigDict(from_attributes=True)

    viewer_id: str
    protocol: str = Field(description="`whep`, `fmp4`, `flv`, `ws_flv`, `hls` or `rtsp`.")
    remote_address: str
    connected_s: float
    packets_sent: int
    bytes_sent: int
    lost_percent: float
    pictures_dropped: int = Field(description="Left out because the viewer was too slow.")


class WatcherOut(BaseModel):
    """One who watches: who, where, by what, and what they get."""

    model_config = ConfigDict(from_attributes=True)

    viewer_id: str
    user: str
    protocol: str = Field(description="`whep`, `fmp4`, `flv`, `ws_flv`, `hls` or `rtsp`.")
    address: str = Field(description="Where pictures go; before that, who asked for the URL.")
    connected_at: datetime
    connected_s: float
    is_joined: bool = Field(description="Pictures have begun to flow.")
    delivery: str = Field(
        description="`passed` as it comes, `transcoded`, or `key_pictures`: those alone."
    )
    reason_code: PlayReason = Field(description="Why it is that one.")
    bitrate_bps: int
    lost_percent: float
    resent: int = Field(description="Packets sent again because the viewer lacked them.")
    pictures_dropped: int = Field(description="Left out because the viewer was too slow.")
    bytes_sent: int
    share_percent: float = Field(description="Of all that this node sends to viewers now.")


class SourceFiguresOut(BaseModel):
    """What came to a stream's port from one sender with one SSRC."""

    model_config = ConfigDict(from_attributes=True)

    remote_address: str
    ssrc: int
    payload_type: int | None
    packets: int
    bytes: int
    is_taken: bool = Field(description="Its packets are what plays.")


class StreamFiguresOut(BaseModel):
    """The incoming stream: counts since it was opened, rates over the last seconds."""

    model_config = ConfigDict(from_attributes=True)

    transport: str
    remote_address: str | None
    ssrc: int | None
    sources: list[SourceFiguresOut] = Field(description="The first few senders to its port.")
    container: str | None = Field(description="`ps`, `ts`, `h264` or `h265`.")
    video_codec: str | None
    width: int | None
    height: int | None
    audio_codec: str | None
    packets: int
    bytes: int
    lost: int
    reordered: int
    duplicates: int
    foreign: int = Field(description="Packets of another source or SSRC, not used.")
    malformed: int = Field(description="What is no RTP.")
    connections: int = Field(description="TCP connections that were let in.")
    unsupported: list[str] = Field(description="Codecs it announces that nobody here understands.")
    jitter_ms: float
    bitrate_bps: int
    frames_per_s: float
    key_pictures: int
    damaged_units: int
    last_packet_age_s: float | None
    transcoding: str | None = Field(description="What is converted for browsers, null if nothing.")
    viewers: list[ViewerOut]


class TraceEntryOut(BaseModel):
    """One stage of a play trace."""

    model_config = ConfigDict(from_attributes=True)

    stage: str = Field(
        description="`invite_sent`, `trying`, `answered`, `acknowledged`, `first_packet`, "
        "`ssrc_matched`, `container_parsed`, `first_picture`; of a picture that was lost later: "
        "`interrupted`, `attempt_failed`, `restored`, `given_up`."
    )
    at: datetime
    detail: str
    since_s: float = Field(description="Seconds since the click.")
    attempt: int = Field(description="Which INVITE; a second one goes out where TCP was refused.")


class Session(BaseModel):
    """A session as it stands."""

    model_config = ConfigDict(from_attributes=True)

    session_id: str
    device_id: str
    channel_id: str
    kind: str = Field(description="`live`.")
    stream: str = Field(description="`main` or `sub`.")
    state: str
    reason: str = Field(
        description="Why it ended, a stable word; of one that is recovering `interrupted`, or "
        "`flapping` where its picture never lasts a minute.",
    )
    error: str = Field(description="The cause in words, empty without one.")
    transport: str | None
    ssrc: str | None = Field(description="Ten digits.")
    sip_status: int | None = Field(description="Of a refused INVITE; null where it was not.")
    codec: str | None
    width: int | None
    height: int | None
    started_at: datetime | None
    viewers: int
    watching: list[WatcherOut] = Field(description="Who they are.")
    disconnected: list[str] = Field(
        description="The last viewers, by `viewer_id`, that an operator ended: they are not to "
        "come back by themselves."
    )
    recoveries: int = Field(description="How often a picture that was lost came back.")
    fallback: str = Field(description="Why RTP does not travel by the first choice; or empty.")
    worker: int = Field(description="The media process the stream lives in.")
    trace: list[TraceEntryOut]
    figures: StreamFiguresOut | None


class DiagnosisOut(BaseModel):
    """One cause, in words, and what it was concluded from."""

    model_config = ConfigDict(from_attributes=True)

    cause: Cause = Field(description="A stable word; `none` where all is well.")
    stage: str | None = Field(description="The last stage that a play reached.")
    sentence_en: str
    sentence_zh: str
    next_step_en: str
    next_step_zh: str
    evidence: list[str]


class Trace(BaseModel):
    """What happened between the click and the picture, and what to do where it stopped."""

    session_id: str
    device_id: str
    channel_id: str
    started_at: datetime | None
    state: str
    reason: str
    error: str
    transport: str | None
    told_address: str | None = Field(description="Where the device was asked to send.")
    ssrc: str | None = Field(description="Agreed, ten digits.")
    sip_status: int | None = Field(description="Of a refused INVITE.")
    fallback: str = Field(description="Why the first attempt was followed by another.")
    stages: list[TraceEntryOut] = Field(description="Those reached, of every attempt.")
    missing: list[str] = Field(description="Those the last attempt has not reached, in order.")
    figures: StreamFiguresOut | None = Field(description="The last ones, when it has ended.")
    diagnosis: DiagnosisOut


Shows = Annotated[
    list[Literal["h264", "h265"]] | None,
    Query(description="Codecs that the asking browser shows; may be repeated."),
]


def trace_of(play: ExplainedPlay) -> Trace:
    """A play as the API tells it."""
    view = play.view
    reached = {entry.stage for entry in view.trace if entry.attempt == view.attempt}
    return Trace(
        session_id=view.session_id,
        device_id=view.device_id,
        channel_id=view.channel_id,
        started_at=view.started_at,
        state=view.state,
        reason=view.reason,
        error=view.error,
        transport=view.transport,
        told_address=view.told_address,
        ssrc=view.ssrc,
        sip_status=view.sip_status,
        fallback=view.fallback,
        stages=[TraceEntryOut.model_validate(entry) for entry in view.trace],
        missing=[stage.value for stage in Stage if stage.value not in reached],
        figures=StreamFiguresOut.model_validate(view.figures) if view.figures else None,
        diagnosis=DiagnosisOut.model_validate(play.diagnosis),
    )


def _session(view: SessionView) -> Session:
    return Session.model_validate(view)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/live",
    operation_id="startLive",
    summary="Start or join a live session",
    status_code=201,
    responses=PROBLEMS,
)
async def start_live(
    request: Request,
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Watcher,
    player: PlayerIn | None = None,
    wanted: Annotated[LiveQuery, Query()] = LiveQuery(),  # noqa: B008  frozen
) -> LiveSession:
    """Answers at once, or with `wait_s` when there is a picture; a failure names its cause."""
    detail = {"stream": wanted.stream} | (
        {"transport": wanted.transport} if wanted.transport else {}
    )
    await server.accounts.record(
        caller.actor, "start live", f"{device_id}/{channel_id}", detail=detail
    )
    view = await server.viewing.live(
        device_id,
        channel_id,
        stream=wanted.stream,
        transport=wanted.transport,
        wait_s=wanted.wait_s,
    )
    shown = player or PlayerIn()
    rungs = await server.viewing.ladder(
        view.session_id, Player(frozenset(shown.webrtc), frozenset(shown.media_source))
    )
    recommended, *otherwise = [_recommendation(rung) for rung in rungs]
    return LiveSession(
        session_id=view.session_id,
        state=view.state,
        stream=view.stream,
        codec=view.codec,
        transport=view.transport,
        fallback=view.fallback,
        urls=media_urls(request, view, server.viewing.ports(view.session_id), caller),
        recommended=recommended,
        otherwise=otherwise,
        expires_at=datetime.now(UTC) + timedelta(seconds=OPEN_LIMIT_S),
    )


def _recommendation(rung: Rung) -> Recommendation:
    english, chinese = REASONS[rung.reason]
    return Recommendation(
        form=rung.form,
        video=rung.video,
        delivery=rung.delivery,
        stream=rung.stream,
        reason_code=rung.reason,
        reason_en=english,
        reason_zh=chinese,
    )


@router.get(
    "/devices/{device_id}/channels/{channel_id}/snapshot",
    operation_id="getSnapshot",
    summary="The last picture held",
    response_class=Response,
    responses={**PROBLEMS, 200: JPEG},
)
async def get_snapshot(
    device_id: DeviceIdPath, channel_id: ChannelIdPath, server: TheServer, caller: Watcher
) -> Response:
    """404 where none is held; `POST` takes one."""
    await server.accounts.record(caller.actor, "view snapshot", f"{device_id}/{channel_id}")
    jpeg = await server.viewing.held_snapshot(device_id, channel_id)
    if jpeg is None:
        raise NotFoundError(f"no picture of {channel_id} is held", channel_id=channel_id)
    return Response(jpeg, media_type="image/jpeg")


@router.post(
    "/devices/{device_id}/channels/{channel_id}/snapshot",
    operation_id="takeSnapshot",
    summary="Take a picture now",
    status_code=201,
    response_class=Response,
    responses={**PROBLEMS, 201: JPEG},
)
async def take_snapshot(
    device_id: DeviceIdPath, channel_id: ChannelIdPath, server: TheServer, caller: Watcher
) -> Response:
    """By a short session where none runs."""
    await server.accounts.record(caller.actor, "take snapshot", f"{device_id}/{channel_id}")
    jpeg = await server.viewing.snapshot(device_id, channel_id)
    return Response(jpeg, 201, media_type="image/jpeg")


@router.get("/sessions", operation_id="listSessions", summary="What runs", responses=PROBLEMS)
async def list_sessions(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[Session]:
    """Sessions that run, in order of their start."""
    _ = caller
    views, next_cursor = cut(
        await server.viewing.sessions(), lambda view: view.session_id, limit, cursor
    )
    link_next(request, response, next_cursor)
    return PageOf(items=[_session(view) for view in views], next_cursor=next_cursor)


@router.get(
    "/sessions/{session_id}",
    operation_id="getSession",
    summary="A session, running or recent",
    responses=PROBLEMS,
)
async def get_session(session_id: str, server: TheServer, caller: Reader) -> Session:
    """With its viewers and figures."""
    _ = caller
    return _session(await server.viewing.session(session_id))


@router.get(
    "/sessions/{session_id}/trace",
    operation_id="getSessionTrace",
    summary="The play trace",
    responses=PROBLEMS,
)
async def get_session_trace(
    session_id: str, server: TheServer, caller: Reader, shows: Shows = None
) -> Trace:
    """Stage by stage, what arrived, where it stopped and what to do about that."""
    _ = caller
    wanted = frozenset(shows) if shows is not None else None
    return trace_of(await server.explainer.play(session_id, wanted))


@router.delete(
    "/sessions/{session_id}",
    operation_id="endSession",
    summary="End a session for all who watch",
    status_code=204,
    responses=PROBLEMS,
)
async def end_session(session_id: str, server: TheServer, caller: Operator) -> None:
    """Ends the call with the device."""
    await server.accounts.record(caller.actor, "end session", session_id)
    await server.viewing.end(session_id)


@router.delete(
    "/sessions/{session_id}/viewers/{viewer_id}",
    operation_id="disconnectViewer",
    summary="End one viewer",
    status_code=204,
    responses=PROBLEMS,
)
async def disconnect_viewer(
    session_id: str, viewer_id: str, server: TheServer, caller: Operator
) -> None:
    """Whoever it is; the others go on watching."""
    await server.accounts.record(caller.actor, "end viewer", f"{session_id}/{viewer_id}")
    await server.viewing.disconnect(session_id, viewer_id)
