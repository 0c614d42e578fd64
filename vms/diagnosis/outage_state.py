"""What `vms.diagnosis.outage_tracker` keeps of each outage, and by which figures it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vms.diagnosis.outage_grouping import Loss
from vms.inventory.outage_records import (
    Evidence,
    EvidenceValue,
    Judgement,
    Outage,
    OutageCause,
    OutageKind,
    OutageMember,
    OutageWrite,
)

Identity = tuple[OutageKind, str, str]
"""What tells a loss from others: see `Loss.identity`."""


@dataclass(frozen=True, slots=True)
class OutagePolicy:
    """Plain values.

    Losses are grouped when none came for `quiet_s`, at the latest `longest_s` after the first.
    An outage takes in what is lost within `join_s` after its last loss. It is over when everybody
    has been back for `hold_s`; one that flaps, for `calm_s`. `flaps` falls within `flap_memory_s`
    are flapping. `most_losses` are kept in mind. An outage of many members is written so often only
    that it comes to `members_a_second`.
    """

    quiet_s: float = 3.0
    longest_s: float = 30.0
    join_s: float = 180.0
    hold_s: float = 600.0
    calm_s: float = 3600.0
    flaps: int = 3
    flap_memory_s: float = 3600.0
    most_losses: int = 500_000
    members_a_second: int = 5_000


@dataclass(slots=True)
class Member:
    """One loss in an outage. `until_s` None while it is away."""

    loss: Loss
    since_s: float
    until_s: float | None = None
    is_changed: bool = True
    is_new: bool = True
    """Its device's channels have not been written down yet."""
    has_turned: bool = False
    """It came or went since it was last written."""


@dataclass(slots=True)
class OpenOutage:
    outage_id: str
    kind: OutageKind
    scope: Mapping[str, str]
    started_s: float
    joined_at: float
    """Monotonic: when something was lost last."""
    members: dict[Identity, Member] = field(default_factory=dict[Identity, Member])
    away: int = 0
    returned_at: float | None = None
    """Monotonic: when the last one came back; None while somebody is away."""
    judgements: tuple[Judgement, ...] = ()
    evidence: Evidence = field(default_factory=dict[str, EvidenceValue])
    merged: list[str] = field(default_factory=list[str])
    is_known: bool = False
    """It has been written."""
    is_changed: bool = True
    alive: int | None = None
    is_judged: bool = False
    """Nothing is known of it that was not known when its cause was judged."""
    written_at: float | None = None
    """Monotonic."""
    limit_s: float = 0.0
    """The longest silence that one of its members is allowed."""

    @property
    def cause(self) -> OutageCause | None:
        return self.judgements[-1].cause if self.judgements else None


@dataclass(frozen=True, slots=True)
class Change:
    """An outage as it is now, for whoever writes and tells it."""

    write: OutageWrite
    fresh: tuple[str, ...]
    """Devices that joined: their channels are members, too."""
    is_new: bool
    is_other_cause: bool

    @property
    def outage(self) -> Outage:
        return self.write.outage


def as_member(member: Member) -> OutageMember:
    """As it is written down."""
    loss = member.loss
    since_s = int(member.since_s)
    return OutageMember(
        device_id=loss.device_id,
        channel_id=loss.channel_id,
        key=loss.key,
        since_s=since_s,
        until_s=None if member.until_s is None else max(int(member.until_s), since_s),
        way=loss.way,
        heard_s=None if loss.heard_s is None else int(loss.heard_s),
        falls=loss.falls,
    )
