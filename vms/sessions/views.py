"""Sessions and their viewers as the API shows them."""

from dataclasses import dataclass
from datetime import datetime

from media.door import Form, StreamAddress, StreamFigures, ViewerFigures
from vms.sessions.ladder import PlayReason
from vms.sessions.session import Session, TraceEntry, Viewer

_REASONS = {
    "passed": PlayReason.PLAYS_AS_IT_COMES,
    "transcoded": PlayReason.TRANSCODED,
    "key_pictures": PlayReason.KEY_PICTURES,
}


@dataclass(frozen=True, slots=True)
class ViewerView:
    """One who watches, as the API shows them.

    `address` is where pictures go, before that where they were asked for. `reason_code` says why
    they get it by that `delivery`. `share_percent` is of what this node sends to all viewers now.
    """

    viewer_id: str
    user: str
    protocol: str
    address: str
    connected_at: datetime
    connected_s: float
    is_joined: bool
    delivery: str
    reason_code: PlayReason
    bitrate_bps: int
    lost_percent: float
    resent: int
    pictures_dropped: int
    bytes_sent: int
    share_percent: float


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as the API shows it; `figures` are the last ones when its stream is closed.

    `told_address` is where the device was asked to send, `sip_status` the status of a refusal,
    `fallback` why another transport was tried, `ended_by` what ended it (a word of
    `vms.sessions.machine.Input`). `trace` is of all attempts. `recoveries` is how often a picture
    that was lost came back, `disconnected` are the last viewers that an operator ended.
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
    recoveries: int = 0
    worker: int = 0
    watching: tuple[ViewerView, ...] = ()
    disconnected: tuple[str, ...] = ()


def session_view(
    session: Session, figures: StreamFigures | None, now_s: float, elsewhere_bps: int
) -> SessionView:
    """`elsewhere_bps` is what this node sends to viewers of other sessions."""
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
        figures=figures,
        attempt=session.attempt,
        call_ids=tuple(session.call_ids),
        told_address=_address(session.told),
        sip_status=session.sip_status,
        fallback=session.fallback,
        ended_by=session.ended_by,
        recoveries=session.recoveries,
        worker=session.worker,
        watching=_watching(session, figures, now_s, elsewhere_bps),
        disconnected=tuple(session.disconnected),
    )


def _watching(
    session: Session, figures: StreamFigures | None, now_s: float, elsewhere_bps: int
) -> tuple[ViewerView, ...]:
    known = {each.viewer_id: each for each in figures.viewers} if figures else {}
    total_bps = elsewhere_bps + sum(each.bitrate_bps for each in known.values())
    return tuple(
        _viewer(viewer, known.get(viewer.viewer_id), now_s, total_bps)
        for viewer in session.viewers.values()
    )


def _viewer(
    viewer: Viewer, figures: ViewerFigures | None, now_s: float, total_bps: int
) -> ViewerView:
    bitrate_bps = figures.bitrate_bps if figures else 0
    delivery = figures.delivery if figures else "passed"
    return ViewerView(
        viewer_id=viewer.viewer_id,
        user=viewer.user,
        protocol=viewer.form.value,
        address=figures.remote_address if figures else viewer.source,
        connected_at=viewer.since,
        connected_s=now_s - viewer.since_s,
        is_joined=viewer.joined or figures is not None,
        delivery=delivery,
        reason_code=_reason(viewer.form, delivery),
        bitrate_bps=bitrate_bps,
        lost_percent=figures.lost_percent if figures else 0.0,
        resent=figures.resent if figures else 0,
        pictures_dropped=figures.pictures_dropped if figures else 0,
        bytes_sent=figures.bytes_sent if figures else 0,
        share_percent=100 * bitrate_bps / total_bps if total_bps else 0.0,
    )


def _reason(form: Form, delivery: str) -> PlayReason:
    if delivery == "passed" and form is not Form.WHEP:
        return PlayReason.CHOSEN
    return _REASONS.get(delivery, PlayReason.PLAYS_AS_IT_COMES)


def _address(told: StreamAddress | None) -> str | None:
    if told is None:
        return None
    return f"[{told.host}]:{told.port}" if ":" in told.host else f"{told.host}:{told.port}"
