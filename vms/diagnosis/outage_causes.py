"""From the members of an outage to its likely cause, with the facts it was concluded from. Pure.

Every value of the evidence was observed; `vms.diagnosis.outage_texts` makes sentences of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vms.diagnosis.outage_grouping import Family, Loss, Role, family_of
from vms.diagnosis.outage_texts import TEXTS, OutageText
from vms.gb28181.ids import Kind, kind_of
from vms.inventory.outage_records import (
    Evidence,
    EvidenceValue,
    Outage,
    OutageCause,
    OutageKind,
)

_STATUS_OF_REFUSAL = {
    "challenge_unanswered": 401,
    "stale_loop": 401,
    "realm": 401,
    "expiry": 423,
    "unavailable": 503,
    "redirected": 302,
}
"""What a REGISTER was answered with, where it was not 403."""

_OF_FAMILY = {
    Family.FLAPPING: OutageCause.FLAPPING,
    Family.REFUSED: OutageCause.REGISTRATION_REFUSED,
    Family.OVERLOADED: OutageCause.SERVER_OVERLOADED,
    Family.REDIRECTED: OutageCause.REDIRECTED,
    Family.UNREGISTERED: OutageCause.UNREGISTERED,
    Family.NO_MEDIA: OutageCause.MEDIA_NEVER_ARRIVES,
    Family.CLOCK: OutageCause.CLOCK_DRIFT,
    Family.CONFLICT: OutageCause.ID_CONFLICT,
}


@dataclass(frozen=True, slots=True)
class Parent:
    """What hangs in the recorder whose channels went off: all of it, and what of it is off now."""

    channels: int
    off: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A likely cause and what speaks for it."""

    cause: OutageCause
    evidence: Evidence


def judged(
    losses: Sequence[Loss], scope: Mapping[str, str], parent: Parent | None = None
) -> Verdict:
    """What most of the losses speak for. At least one, all of one kind."""
    [(family, _)] = Counter(family_of(loss) for loss in losses).most_common(1)
    own = [loss for loss in losses if family_of(loss) is family]
    cause = _cause(family, own, scope, parent)
    evidence: dict[str, EvidenceValue] = {**scope, **_in_common(losses)}
    if len({loss.device_id for loss in losses}) == 1:
        evidence |= _of_one_device(own[0])
    if family is Family.FLAPPING:
        evidence["falls"] = sum(loss.falls for loss in losses)
        evidence["most_falls"] = max(loss.falls for loss in losses)
    if parent is not None:
        evidence |= {"parent_channels": parent.channels, "parent_channels_off": parent.off}
    return Verdict(cause, evidence | _of_refusals(own))


def _cause(
    family: Family, own: Sequence[Loss], scope: Mapping[str, str], parent: Parent | None
) -> OutageCause:
    if family in _OF_FAMILY:
        return _OF_FAMILY[family]
    if family is Family.OFF:
        parent_id = scope.get("parent_id", "")
        is_recorder = parent_id != own[0].device_id and kind_of(parent_id) is Kind.MAIN_DEVICE
        is_all = parent is not None and 1 < parent.channels == parent.off
        return OutageCause.RECORDER_LOST if is_recorder and is_all else OutageCause.CHANNEL_OFF
    if "division" in scope:
        return OutageCause.DIVISION_SILENT
    if "segment" in scope:
        return OutageCause.SEGMENT_SILENT
    return _cause_of_silence(own[0])


def _cause_of_silence(loss: Loss) -> OutageCause:
    if "expired_at" in loss.facts:
        return OutageCause.REGISTRATION_EXPIRED
    match loss.role:
        case Role.PLATFORM:
            return OutageCause.PLATFORM_LOST
        case Role.RECORDER:
            return OutageCause.RECORDER_LOST
        case Role.CAMERA:
            is_cut = loss.way == "connection_lost"
            return OutageCause.CONNECTION_LOST if is_cut else OutageCause.KEEPALIVES_STOPPED


def _in_common(losses: Sequence[Loss]) -> dict[str, EvidenceValue]:
    """Numbers and times over all members."""
    moments = [loss.at_s for loss in losses]
    found: dict[str, EvidenceValue] = {
        "devices": len({loss.device_id for loss in losses}),
        "channels": channel_count(losses),
        "first_lost_at": instant(min(moments)),
        "last_lost_at": instant(max(moments)),
    }
    heard = [loss.heard_s for loss in losses if loss.heard_s is not None]
    if heard and losses[0].kind is OutageKind.GONE:
        found["last_heard_at"] = instant(max(heard))
    for way, count in Counter(loss.way for loss in losses).most_common(5):
        found[f"lost_by_{way}"] = count
    return found


def _of_one_device(loss: Loss) -> dict[str, EvidenceValue]:
    found: dict[str, EvidenceValue] = {"device_id": loss.device_id, **loss.facts}
    if loss.kind is OutageKind.GONE:
        found |= {"interval_s": round(loss.interval_s), "limit_s": round(loss.limit_s)}
        if loss.heard_s is not None:
            found["silent_s"] = round(max(0.0, loss.at_s - loss.heard_s))
    if loss.channel_id:
        found["channel_id"] = loss.channel_id
    return found


def _of_refusals(losses: Sequence[Loss]) -> dict[str, EvidenceValue]:
    refusals = [loss.refusal for loss in losses if loss.refusal is not None]
    if not refusals:
        return {}
    latest = max(refusals, key=lambda refusal: refusal.at_s)
    [(why, _)] = Counter(refusal.why for refusal in refusals).most_common(1)
    return {
        "refused_because": why,
        "sip_status": _STATUS_OF_REFUSAL.get(why, 403),
        "refused_at": instant(latest.at_s),
        "refused_source": latest.source,
        "attempts": sum(refusal.attempts for refusal in refusals),
    }


def channel_count(losses: Sequence[Loss]) -> int:
    """Channels that are touched: those lost themselves, or those of lost devices."""
    return sum(1 if loss.channel_id else loss.channels for loss in losses)


def instant(at_s: float) -> str:
    """RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(int(at_s), UTC).isoformat()


@dataclass(frozen=True, slots=True)
class Told:
    """An outage in words."""

    sentence_en: str
    sentence_zh: str
    next_step_en: str
    next_step_zh: str


def told(outage: Outage) -> Told:
    """What happened and what to do next; facts that are missing are dashes."""
    facts = _Facts({**outage.scope, **outage.evidence})
    offset = outage.evidence.get("clock_offset_s", 0)
    is_ahead = isinstance(offset, int | float) and offset > 0
    facts["clock_s"] = abs(round(offset)) if isinstance(offset, int | float) else "-"
    facts["direction_en"] = "ahead of" if is_ahead else "behind"
    facts["direction_zh"] = "快" if is_ahead else "慢"
    return Told(*(part.format_map(facts) for part in _text(outage)))


def _text(outage: Outage) -> OutageText:
    """The text of a variant, where there is one: why it was refused, many or one, how it went."""
    variants = [
        str(outage.evidence.get("refused_because", "")),
        outage.kind.value,
        "many" if outage.devices > 1 else "one",
    ]
    for variant in variants:
        text = TEXTS.get(f"{outage.cause}.{variant}")
        if text is not None:
            return text
    return TEXTS[outage.cause]


class _Facts(dict[str, EvidenceValue]):
    def __missing__(self, name: str) -> str:
        return "-"
