"""From facts to a cause: why a device is not there, why a picture does not come.

Pure: what is known goes in, one cause, what to do about it and its evidence come out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vms.diagnosis.masking import masked
from vms.diagnosis.texts import TEXTS
from vms.signalling.registration_history import Attempt
from vms.signalling.registration_history import Cause as Came

CLOCK_LIMIT_S = 30.0
"""A clock further off than this shifts recordings noticeably."""

LOSS_LIMIT_PERCENT = 3.0
LOSS_SAMPLE_PACKETS = 100
"""Of fewer packets no percentage is told."""


Words = Mapping[str, str | int]
"""What stands for the braces in a text."""


class Cause(StrEnum):
    """Twelve causes and the thirteenth, loss; then what is no fault or none of the device's."""

    NO_REGISTER = "no_register"
    OTHER_ADDRESS = "other_address"
    CHALLENGE_UNANSWERED = "challenge_unanswered"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of a cause, no password
    ID_NOT_ALLOWED = "id_not_allowed"
    CLOCK_OFF = "clock_off"
    KEEPALIVES_STOPPED = "keepalives_stopped"
    INVITE_UNANSWERED = "invite_unanswered"
    INVITE_REFUSED = "invite_refused"
    NO_RTP = "no_rtp"
    RTP_UNUSABLE = "rtp_unusable"
    """It has another SSRC, another sender, or is no program stream."""
    CODEC_NOT_SHOWN = "codec_not_shown"
    LOSS = "loss"

    NONE = "none"
    PENDING = "pending"
    UNREGISTERED = "unregistered"
    EXPIRY_TOO_BRIEF = "expiry_too_brief"
    DEVICE_OFFLINE = "device_offline"
    NO_KEY_PICTURE = "no_key_picture"
    HUNG_UP = "hung_up"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cause in words, and what it was concluded from. `stage` is where a play stopped."""

    cause: Cause
    stage: str | None
    sentence_en: str
    sentence_zh: str
    next_step_en: str
    next_step_zh: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are, as devices have to be set: for advice."""

    server_id: str
    domain: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What is known of a device. `status` is the API's word, "" where it is not on file.

    `bound` is where it is registered from, `waiting_verdict` what the waiting room says of its
    password, `clock_offset_s` how far its clock is ahead of ours, `others` who asked in vain.
    """

    device_id: str
    status: str
    attempt: Attempt | None
    bound: str | None
    silent_s: float | None
    interval_s: float
    clock_offset_s: float | None
    waiting_verdict: str | None
    us: Identity
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """One sender of packets to a stream's port; `is_taken`: they play."""

    address: str
    ssrc: int
    payload_type: int | None
    packets: int
    bytes: int
    is_taken: bool


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What the stream's port has seen; see `media.door.StreamFigures`."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0
    malformed: int = 0
    connections: int = 0
    container: str | None = None
    video_codec: str | None = None
    transcoding: str | None = None
    unsupported: tuple[str, ...] = ()
    senders: tuple[Sender, ...] = ()
    tolerated: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def loss_percent(self) -> float:
        """Of all that was sent; 0 while there are too few to say."""
        sent = self.packets + self.lost
        return 100 * self.lost / sent if sent >= LOSS_SAMPLE_PACKETS else 0.0


@dataclass(frozen=True, slots=True)
class PlayFacts:
    """What is known of a play. `stages` are those of the last attempt with their details.

    `state` and `ended_by` are words of `vms.sessions.machine`; `shows` the codecs of the browser
    that asks, None where nobody said.
    """

    device_id: str
    channel_id: str
    state: str
    ended_by: str
    reason: str
    error: str
    transport: str | None
    told: str | None
    ssrc: str | None
    sip_status: int | None
    fallback: str
    stages: Mapping[str, str]
    media: MediaFacts
    us: Identity
    shows: frozenset[str] | None = None


def diagnose_device(facts: DeviceFacts) -> Diagnosis:
    """Why it is not there, or that it is."""
    cause, variant = _device_cause(facts)
    attempt, offset_s = facts.attempt, facts.clock_offset_s or 0.0
    words: Words = {
        "device_id": facts.device_id,
        "digits": len(facts.device_id),
        "source": attempt.source if attempt else "",
        "bound": facts.bound or "",
        "silent_s": round(facts.silent_s or 0),
        "interval_s": round(facts.interval_s),
        "clock_s": round(abs(offset_s)),
        "direction_en": "ahead of" if offset_s > 0 else "behind",
        "direction_zh": "快" if offset_s > 0 else "慢",
        "error": "its database does not answer",
    }
    return _told(cause, variant, None, {**words, **_words(facts.us)}, _device_evidence(facts))


_OF_ATTEMPT: Mapping[Came, tuple[Cause, str]] = {
    Came.CHALLENGED: (Cause.CHALLENGE_UNANSWERED, ""),
    Came.CHALLENGE_UNANSWERED: (Cause.CHALLENGE_UNANSWERED, ""),
    Came.STALE: (Cause.CHALLENGE_UNANSWERED, "stale"),
    Came.STALE_LOOP: (Cause.CHALLENGE_UNANSWERED, "stale"),
    Came.WRONG_PASSWORD: (Cause.WRONG_PASSWORD, ""),
    Came.REALM: (Cause.WRONG_PASSWORD, "realm"),
    Came.USERNAME: (Cause.ID_NOT_ALLOWED, "username"),
    Came.FROM_TO: (Cause.ID_NOT_ALLOWED, "from_to"),
    Came.NOT_ALLOWED: (Cause.ID_NOT_ALLOWED, "not_listed"),
    Came.REFUSED: (Cause.ID_NOT_ALLOWED, "refused"),
    Came.WAITS: (Cause.ID_NOT_ALLOWED, "waits"),
    Came.OTHER_ADDRESS: (Cause.OTHER_ADDRESS, ""),
    Came.EXPIRY: (Cause.EXPIRY_TOO_BRIEF, ""),
    Came.UNREGISTERED: (Cause.UNREGISTERED, ""),
    Came.UNAVAILABLE: (Cause.SERVER, ""),
    Came.REDIRECTED: (Cause.NONE, "redirected"),
    Came.ACCEPTED: (Cause.KEEPALIVES_STOPPED, ""),
}


def _device_cause(facts: DeviceFacts) -> tuple[Cause, str]:
    attempt = facts.attempt
    if facts.status == "online":
        return _cause_while_online(facts)
    if attempt is None:
        return _cause_without_attempt(facts)
    if attempt.cause is Came.WAITS and facts.waiting_verdict == "wrong":
        return Cause.WRONG_PASSWORD, ""
    cause, variant = _OF_ATTEMPT[attempt.cause]
    is_odd = cause is Cause.ID_NOT_ALLOWED and len(facts.device_id) != 20
    return cause, "digits" if is_odd else variant


def _cause_while_online(facts: DeviceFacts) -> tuple[Cause, str]:
    if facts.attempt is not None and facts.attempt.cause is Came.OTHER_ADDRESS:
        return Cause.OTHER_ADDRESS, ""
    if abs(facts.clock_offset_s or 0.0) > CLOCK_LIMIT_S:
        return Cause.CLOCK_OFF, ""
    return Cause.NONE, "device"


def _cause_without_attempt(facts: DeviceFacts) -> tuple[Cause, str]:
    if facts.bound is None:
        return Cause.NO_REGISTER, ""
    if facts.status == "unknown":
        return Cause.PENDING, "device"
    return Cause.KEEPALIVES_STOPPED, ""


def _device_evidence(facts: DeviceFacts) -> tuple[str, ...]:
    found: list[str] = []
    attempt = facts.attempt
    if attempt is not None:
        found.append(f"last REGISTER {attempt.at.isoformat()} from {attempt.source}")
        found.append(f"it came to {attempt.cause}, {attempt.count} in a row")
        if not attempt.names_us:
            asked_for = masked(attempt.asked_for.encode("utf-8", "surrogateescape")).decode(
                "utf-8", "replace"
            )
            found.append(f"it asked for {asked_for}, and we are {facts.us.server_id}")
    if facts.bound is not None:
        found.append(f"registered from {facts.bound}")
    if facts.silent_s is not None:
        found.append(f"last heard {facts.silent_s:.0f} s ago")
    if facts.clock_offset_s is not None:
        found.append(f"its clock is {facts.clock_offset_s:+.0f} s from ours")
    if facts.waiting_verdict is not None:
        found.append(f"waiting room: password {facts.waiting_verdict}")
    if len(facts.device_id) != 20:
        found.append(f"its ID has {len(facts.device_id)} digits")
    if attempt is None and facts.bound is None:
        found += facts.others
    return tuple(found)


def diagnose_play(facts: PlayFacts) -> Diagnosis:
    """Where it stopped and why, or that it plays."""
    cause, variant = _play_cause(facts)
    media = facts.media
    stage = next(reversed(tuple(facts.stages)), None)
    words: Words = {
        "device_id": facts.device_id,
        "channel_id": facts.channel_id,
        "stage": stage or "-",
        "reason": facts.reason,
        "error": facts.error,
        "status": facts.sip_status or 0,
        "trying": facts.stages.get("trying", ""),
        "told": facts.told or "",
        "ssrc": facts.ssrc or "",
        "seen": ", ".join(sorted({f"{sender.ssrc:010d}" for sender in media.senders})),
        "sources": ", ".join(sorted({sender.address for sender in media.senders})) or "elsewhere",
        "codec": (", ".join(media.unsupported) or media.video_codec or "").upper(),
        "loss_percent": f"{media.loss_percent:.1f}",
    }
    return _told(cause, variant, stage, {**words, **_words(facts.us)}, _play_evidence(facts))


_OF_END: Mapping[str, tuple[Cause, str]] = {
    "device_lost": (Cause.DEVICE_OFFLINE, ""),
    "unanswered": (Cause.INVITE_UNANSWERED, ""),
    "refused": (Cause.SERVER, ""),
    "stopped": (Cause.NONE, "ended"),
    "last_viewer_left": (Cause.NONE, "ended"),
    "": (Cause.PENDING, "play"),
}
"""What an end before the first picture means, where it does not depend on what was sent."""


def _play_cause(facts: PlayFacts) -> tuple[Cause, str]:
    if "first_picture" in facts.stages:
        return _cause_of_playing(facts)
    if facts.sip_status is not None and facts.ended_by:
        return Cause.INVITE_REFUSED, _refusal(facts)
    cause, variant = _OF_END.get(facts.ended_by, (None, ""))
    if cause is None:
        return _cause_before_ssrc(facts) or _cause_after_ssrc(facts)
    is_trying = cause is Cause.INVITE_UNANSWERED and "trying" in facts.stages
    return cause, "trying" if is_trying else variant


def _cause_of_playing(facts: PlayFacts) -> tuple[Cause, str]:
    media = facts.media
    if facts.ended_by in {"bye_received", "media_lost", "device_lost"}:
        return Cause.HUNG_UP, ""
    if media.loss_percent > LOSS_LIMIT_PERCENT:
        return Cause.LOSS, ""
    is_shown = facts.shows is None or media.transcoding or media.video_codec in facts.shows
    if media.video_codec is not None and not is_shown:
        return Cause.CODEC_NOT_SHOWN, ""
    return Cause.NONE, "ended" if facts.ended_by else "play"


def _refusal(facts: PlayFacts) -> str:
    """The variant of a refusal; statuses of a kind share one."""
    status = facts.sip_status or 0
    if "answered" in facts.stages:
        return "sdp"
    kin = {401: 403, 407: 403, 410: 404, 415: 488, 504: 408, 600: 486, 603: 403, 604: 404, 606: 488}
    kin |= {502: 500, 501: 488}
    return str(kin.get(status, status))


def _cause_before_ssrc(facts: PlayFacts) -> tuple[Cause, str] | None:
    """The call stood; None once packets of the device were taken."""
    media, stages = facts.media, facts.stages
    if "ssrc_matched" in stages:
        return None
    if "first_packet" not in stages:
        is_connected = "silent_connection" if media.connections else "not_connected"
        return Cause.NO_RTP, "" if facts.transport == "udp" else is_connected
    if not media.senders:
        return Cause.RTP_UNUSABLE, "not_rtp" if media.malformed else "other_host"
    agreed = {int(facts.ssrc)} if facts.ssrc else set[int]()
    is_agreed = {sender.ssrc for sender in media.senders} <= agreed
    return Cause.RTP_UNUSABLE, "other_host" if is_agreed else "ssrc"


def _cause_after_ssrc(facts: PlayFacts) -> tuple[Cause, str]:
    """Packets of the device came, and no key picture."""
    media = facts.media
    if media.loss_percent > LOSS_LIMIT_PERCENT:
        return Cause.LOSS, ""
    if media.container == "ts" and media.video_codec is None and not media.unsupported:
        return Cause.RTP_UNUSABLE, "ts"
    if "container_parsed" not in facts.stages:
        return Cause.RTP_UNUSABLE, "not_ps"
    if media.unsupported and media.video_codec is None:
        return Cause.CODEC_NOT_SHOWN, "unsupported"
    return Cause.NO_KEY_PICTURE, ""


def _play_evidence(facts: PlayFacts) -> tuple[str, ...]:
    media = facts.media
    found: list[str] = []
    if facts.error:
        found.append(facts.error)
    if facts.fallback:
        found.append(f"first attempt: {facts.fallback}")
    if facts.told is not None:
        found.append(f"the device was told {facts.told} over {facts.transport}, SSRC {facts.ssrc}")
    if media.connections:
        found.append(f"{media.connections} TCP connections")
    found += [
        f"{sender.packets} packets, {sender.bytes} bytes from {sender.address}, "
        f"SSRC {sender.ssrc:010d}, payload type {sender.payload_type}"
        + ("" if sender.is_taken else ", not taken")
        for sender in media.senders
    ]
    if media.malformed:
        found.append(f"{media.malformed} times something that is no RTP")
    if media.lost:
        found.append(f"{media.lost} packets lost of {media.packets + media.lost}")
    if media.container is not None:
        found.append(f"container {media.container}, picture {media.video_codec or 'unknown'}")
    found += [f"the stream map announces {name}" for name in media.unsupported]
    found += [f"put up with {name}, {times} times" for name, times in media.tolerated.items()]
    return tuple(found)


def _words(us: Identity) -> Words:
    return {
        "server_id": us.server_id,
        "domain": us.domain,
        "address": us.address,
        "port": us.port,
    }


def _told(
    cause: Cause,
    variant: str,
    stage: str | None,
    words: Words,
    evidence: tuple[str, ...],
) -> Diagnosis:
    text = TEXTS.get(f"{cause}.{variant}") or TEXTS[cause]
    en, zh, next_en, next_zh = (part.format_map(words) for part in text)
    return Diagnosis(cause, stage, en, zh, next_en, next_zh, evidence)
