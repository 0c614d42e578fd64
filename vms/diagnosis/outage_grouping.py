"""What is lost together is one outage: facts of single losses in, groups of them out. Pure.

Losses are alike when they share a family (silence, refusal, goodbye, flapping, ...). Of those
alike, groups are made by place: the channels of one parent, a whole segment, a whole division. A
segment or division counts as silent only where hardly anybody else in it is still heard.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from vms.inventory.outage_records import Evidence, EvidenceValue, OutageKind

SMALLEST_GROUP = 3
"""Fewer devices that share a place are a coincidence."""

SILENT_SHARE = 0.8
"""So much of a segment or division has to be gone: a few units on battery power stay."""

SPREAD = 1.5
"""Keepalive intervals between the last signs of life of devices that were cut off at one moment:
each was last heard within one interval before it; the half is for what was late."""

NETWORKS = ((24, 64), (16, 48), (8, 32))
"""Bits of the network that may be common, in IPv4 and in IPv6, the smallest network first."""

DIVISION_DIGITS = (2, 4, 6, 8)

SMALLEST_IN_DIVISION = {2: 12, 4: 6, 6: SMALLEST_GROUP, 8: SMALLEST_GROUP}
"""By digits: three devices of a province that go in one minute may have nothing in common."""


class Family(StrEnum):
    """How something was lost, as far as it can be told apart."""

    SILENCE = "silence"
    UNREGISTERED = "unregistered"
    REFUSED = "refused"
    OVERLOADED = "overloaded"
    REDIRECTED = "redirected"
    FLAPPING = "flapping"
    OFF = "off"
    NO_MEDIA = "no_media"
    CLOCK = "clock"
    CONFLICT = "conflict"


class Role(StrEnum):
    """What a device is to others."""

    CAMERA = "camera"
    RECORDER = "recorder"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the device's last REGISTER came to; `why` is a word of
    `vms.signalling.registration_history.Cause`."""

    why: str
    source: str
    at_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that is not as it should be: a device, or (`channel_id`) a channel of one.

    `way` is the ledger's cause, or the word of another fact; `at_s` when it was lost the last time,
    `heard_s` when it was last heard before (UTC epoch seconds). `interval_s` is its keepalive
    interval, `limit_s` the silence it is allowed. `segment` is the /24 or /64 it is bound in, ""
    where it is bound nowhere. `parent_id` is where a channel hangs inside its device. `falls`
    counts how often it went. `facts` are what else is known of it.
    """

    kind: OutageKind
    device_id: str
    key: int
    way: str
    at_s: float
    channel_id: str = ""
    heard_s: float | None = None
    interval_s: float = 60.0
    limit_s: float = 180.0
    segment: str = ""
    parent_id: str = ""
    role: Role = Role.CAMERA
    channels: int = 0
    falls: int = 1
    is_flapping: bool = False
    refusal: Refusal | None = None
    facts: Evidence = field(default_factory=dict[str, EvidenceValue])

    @property
    def identity(self) -> tuple[OutageKind, str, str]:
        """What tells it from other losses."""
        return self.kind, self.device_id, self.channel_id


@dataclass(frozen=True, slots=True)
class Group:
    """Losses that are one outage; `scope` names what they share."""

    family: Family
    losses: tuple[Loss, ...]
    scope: Mapping[str, str]


_OF_KIND = {
    OutageKind.OFF: Family.OFF,
    OutageKind.NO_MEDIA: Family.NO_MEDIA,
    OutageKind.CLOCK: Family.CLOCK,
    OutageKind.CONFLICT: Family.CONFLICT,
}
_OF_CHANNELS = frozenset({OutageKind.OFF, OutageKind.NO_MEDIA})
_OF_REFUSAL = {"unavailable": Family.OVERLOADED, "redirected": Family.REDIRECTED}


def family_of(loss: Loss) -> Family:
    """A device that comes and goes flaps, however it goes; a refusal tells more than a silence."""
    if loss.is_flapping:
        return Family.FLAPPING
    if loss.kind in _OF_KIND:
        return _OF_KIND[loss.kind]
    if loss.refusal is not None:
        return _OF_REFUSAL.get(loss.refusal.why, Family.REFUSED)
    return Family.UNREGISTERED if loss.way == "unregistered" else Family.SILENCE


def places_asked(losses: Iterable[Loss]) -> set[str]:
    """Segments, and divisions by the first digits of IDs, of which `grouped` has to know how many
    devices are alive there: those with enough silent ones."""
    counts: defaultdict[str, int] = defaultdict(int)
    for loss in losses:
        if family_of(loss) is Family.SILENCE:
            for place in places_of(loss.device_id, loss.segment):
                counts[place] += 1
    return {place for place, count in counts.items() if count >= SMALLEST_GROUP}


def places_of(device_id: str, segment: str) -> list[str]:
    """The segment, where there is one, and the digits of each level of division."""
    divisions = [device_id[:digits] for digits in DIVISION_DIGITS if len(device_id) == 20]
    return [segment, *divisions] if segment else divisions


def grouped(losses: Iterable[Loss], alive: Mapping[str, int]) -> list[Group]:
    """All losses, each in one group. `alive` counts the devices that are heard, by place."""
    alike: defaultdict[tuple[OutageKind, Family], list[Loss]] = defaultdict(list)
    for loss in losses:
        alike[loss.kind, family_of(loss)].append(loss)
    found: list[Group] = []
    for (kind, family), own in alike.items():
        if kind in _OF_CHANNELS:
            found += _by_parent(family, own)
        elif family is Family.FLAPPING:
            found += _by_place(family, own)
        elif family is Family.SILENCE:
            for cluster in _at_once(own, lambda loss: loss.heard_s or loss.at_s):
                found += _silent(cluster, alive)
        else:
            for cluster in _at_once(own, lambda loss: loss.at_s):
                found += _by_place(family, cluster)
    return found


def _at_once(losses: Iterable[Loss], moment: Callable[[Loss], float]) -> list[list[Loss]]:
    """Cut where nothing happened for longer than one keepalive interval and a half."""
    clusters: list[list[Loss]] = []
    last_s = spread_s = 0.0
    for loss in sorted(losses, key=moment):
        own_s = SPREAD * loss.interval_s
        if not clusters or moment(loss) - last_s > max(spread_s, own_s):
            clusters.append([])
            spread_s = 0.0
        clusters[-1].append(loss)
        last_s, spread_s = moment(loss), max(spread_s, own_s)
    return clusters


def _silent(losses: Sequence[Loss], alive: Mapping[str, int]) -> list[Group]:
    """The widest division that fell silent over several segments, else segments, else devices."""
    found: list[Group] = []
    left = list(losses)
    for digits in DIVISION_DIGITS:
        for prefix, own in _buckets(left, _first(digits)):
            is_wide = len({loss.segment for loss in own}) > 1
            is_enough = len(prefix) == digits and len(own) >= SMALLEST_IN_DIVISION[digits]
            if is_wide and is_enough and _is_whole(own, alive.get(prefix)):
                scope = {"division": common_division(loss.device_id for loss in own)}
                found.append(Group(Family.SILENCE, tuple(own), scope))
                left = _without(left, own)
    for segment, own in _buckets(left, lambda loss: loss.segment):
        if segment and _is_whole(own, alive.get(segment)):
            found.append(Group(Family.SILENCE, tuple(own), {"segment": segment}))
            left = _without(left, own)
    return found + [_alone(Family.SILENCE, loss) for loss in left]


def _is_whole(gone: Sequence[Loss], alive: int | None) -> bool:
    """Enough are gone, and hardly anybody is left. `alive` None: nobody counted."""
    if len(gone) < SMALLEST_GROUP or alive is None:
        return False
    return len(gone) >= SILENT_SHARE * (len(gone) + alive)


def _by_parent(family: Family, losses: Iterable[Loss]) -> list[Group]:
    """Channels of one device that hang in the same recorder."""
    by_parent: defaultdict[tuple[str, str], list[Loss]] = defaultdict(list)
    for loss in losses:
        by_parent[loss.device_id, loss.parent_id].append(loss)
    return [
        Group(family, tuple(own), {"device_id": device_id, "parent_id": parent_id})
        for (device_id, parent_id), own in by_parent.items()
    ]


def _by_place(family: Family, losses: Sequence[Loss]) -> list[Group]:
    """Enough devices of one segment, else of one division, else each alone."""
    found: list[Group] = []
    left = list(losses)
    for segment, own in _buckets(left, lambda loss: loss.segment):
        if segment and len({loss.device_id for loss in own}) >= SMALLEST_GROUP:
            found.append(Group(family, tuple(own), {"segment": segment}))
            left = _without(left, own)
    for digits in reversed(DIVISION_DIGITS[1:]):
        for prefix, own in _buckets(left, _first(digits)):
            devices = len({loss.device_id for loss in own})
            if len(prefix) == digits and devices >= SMALLEST_IN_DIVISION[digits]:
                found.append(Group(family, tuple(own), {"division": prefix}))
                left = _without(left, own)
    return found + [_alone(family, loss) for loss in left]


def _alone(family: Family, loss: Loss) -> Group:
    return Group(family, (loss,), {"device_id": loss.device_id})


def _first(digits: int) -> Callable[[Loss], str]:
    return lambda loss: loss.device_id[:digits]


def _buckets(losses: Iterable[Loss], place: Callable[[Loss], str]) -> list[tuple[str, list[Loss]]]:
    found: defaultdict[str, list[Loss]] = defaultdict(list)
    for loss in losses:
        found[place(loss)].append(loss)
    return list(found.items())


def _without(losses: Iterable[Loss], taken: Iterable[Loss]) -> list[Loss]:
    gone = {loss.identity for loss in taken}
    return [loss for loss in losses if loss.identity not in gone]


def common_division(device_ids: Iterable[str]) -> str:
    """The smallest division that holds them all, by the digits their IDs begin with; or ""."""
    shared = reduce(_shared, device_ids)
    return shared[: max((digits for digits in DIVISION_DIGITS if digits <= len(shared)), default=0)]


def _shared(one: str, other: str) -> str:
    """The digits both begin with."""
    length = 0
    for ours, theirs in zip(one, other, strict=False):
        if ours != theirs:
            break
        length += 1
    return one[:length]


@dataclass(slots=True)
class CommonGround:
    """What devices share, of which each is added once: for news of many at once (L-04)."""

    count: int = 0
    networks: tuple[set[IPv4Network | IPv6Network], ...] = field(
        default_factory=lambda: tuple(set[IPv4Network | IPv6Network]() for _ in NETWORKS)
    )
    prefix: str | None = None

    def add(self, device_id: str, host: str) -> None:
        """One more."""
        self.count += 1
        known = device_id if self.prefix is None else self.prefix
        self.prefix = _shared(known, device_id)
        address = ip_address(host.partition("%")[0])
        for (of_ipv4, of_ipv6), seen in zip(NETWORKS, self.networks, strict=True):
            if len(seen) < 2:
                bits = of_ipv4 if address.version == 4 else of_ipv6
                seen.add(ip_network(f"{address}/{bits}", strict=False))

    @property
    def name(self) -> str:
        """The smallest network, else the smallest division that holds them all."""
        for seen in self.networks:
            if len(seen) == 1:
                return str(next(iter(seen)))
        return common_division([self.prefix or ""])
