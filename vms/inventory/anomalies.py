"""What is odd about IDs and parents: flagged, never refused (T11). In memory, bounded. Pure.

Everything here follows from what is on file, so it goes when its reason goes, and is found again
after a restart.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from vms.gb28181.ids import MAX_DIGITS, Kind, kind_of
from vms.inventory.model import Channel, Device

MOST = 10_000
"""Anomalies kept; more are only counted."""

_LOWEST_TYPE = "111"
_DEVICE_KINDS = frozenset({Kind.BUSINESS_GROUP, Kind.VIRTUAL_ORGANISATION, Kind.USER})
"""Kinds that nothing which registers can be."""

_RECORDERS = ("nvr", "dvr", "xvr", "hvr")


class AnomalyKind(StrEnum):
    """What is odd."""

    ID_LENGTH = "id_length"
    """Neither 20 digits nor those of a division."""
    ID_TYPE = "id_type"
    """The type digits (11 to 13) name nothing that could be this."""
    RECORDER_TYPED_AS_PLATFORM = "recorder_typed_as_platform"
    """A recorder whose ID says 200: it may refuse calls for its cameras."""
    CAMERA_TYPED_AS_RECORDER = "camera_typed_as_recorder"
    """A camera whose ID is that of a recorder or another main device."""
    DUPLICATE_CHANNEL = "duplicate_channel"
    """The same channel ID under more than one device; each stays its own."""
    SELF_PARENT = "self_parent"
    UNKNOWN_PARENT = "unknown_parent"
    PARENT_CYCLE = "parent_cycle"
    SEVERAL_PARENTS = "several_parents"
    """More than one device is named as the parent."""
    ORPHAN = "orphan"
    """An organisation that names nothing above it, or nothing that was reported."""
    UNKNOWN_DIVISION = "unknown_division"
    """A civil code that neither the national table nor anybody else knows."""
    MISSING_FIELDS = "missing_fields"
    """Fields that a camera of its class has to have on file are empty."""


DERIVED = frozenset({AnomalyKind.ORPHAN, AnomalyKind.UNKNOWN_DIVISION, AnomalyKind.MISSING_FIELDS})
"""Kinds that are looked up when somebody asks and never kept: most cameras lack some field."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something odd about a device (`channel_id` None) or a channel; `detail` names the other
    party. `seen_at` is when this run of the server first knew of it; None: it is looked up when
    somebody asks."""

    kind: AnomalyKind
    device_id: str
    channel_id: str | None
    detail: str
    seen_at: datetime | None

    @property
    def cursor(self) -> str:
        """Its place in lists."""
        return f"{self.device_id}/{self.channel_id or ''}/{self.kind.value}"


Odd = tuple[AnomalyKind, str]
"""A kind, and its detail."""


def of_device(device: Device) -> Iterator[Odd]:
    """What is odd about a device itself."""
    yield from _of_id(device.device_id, may_be_division=False)
    kind = kind_of(device.device_id)
    if kind in _DEVICE_KINDS:
        yield AnomalyKind.ID_TYPE, device.device_id[10:13]
    said = f"{device.model} {device.user_agent}".casefold()
    if kind is Kind.SYSTEM and any(word in said for word in _RECORDERS):
        yield AnomalyKind.RECORDER_TYPED_AS_PLATFORM, device.device_id[10:13]


def is_usual(channel: Channel, parents: "Parents") -> bool:
    """Nothing is odd about a channel by itself: of a camera's ID, below its recorder. Most are; of
    others `of_channel` tells."""
    reported = channel.reported
    channel_id, named = reported.channel_id, reported.parent_ids
    return (
        len(named) == 1
        and kind_of(channel_id) is Kind.CAMERA
        and named[0] != channel_id
        and parents.is_just_the_device(named[0])
    )


def of_channel(channel: Channel, parents: "Parents") -> Iterator[Odd]:
    """What is odd about a channel, but for what other devices have to do with it."""
    channel_id = channel.channel_id
    yield from _of_id(channel_id, may_be_division=True)
    if kind_of(channel_id) is Kind.MAIN_DEVICE and str(channel_id) != str(channel.device_id):
        yield AnomalyKind.CAMERA_TYPED_AS_RECORDER, channel_id[10:13]
    named = channel.reported.parent_ids
    if len(named) == 1 and channel_id != named[0] and parents.is_just_the_device(named[0]):
        return  # below its recorder, as nearly all are
    if channel_id in named:
        yield AnomalyKind.SELF_PARENT, channel_id
    unknown = next((each for each in named if not parents.knows(each)), None)
    if unknown is not None:
        yield AnomalyKind.UNKNOWN_PARENT, unknown
    devices = [each for each in named if kind_of(each) is Kind.MAIN_DEVICE]
    if len(devices) > 1:
        yield AnomalyKind.SEVERAL_PARENTS, "/".join(devices[:4])
    cycle = parents.cycle_of(channel_id)
    if cycle:
        yield AnomalyKind.PARENT_CYCLE, "/".join(cycle[:4])


def _of_id(identifier: str, *, may_be_division: bool) -> Iterator[Odd]:
    if not (len(identifier) == MAX_DIGITS and identifier.isascii() and identifier.isdigit()):
        if not (may_be_division and kind_of(identifier) is Kind.DIVISION):
            yield AnomalyKind.ID_LENGTH, str(len(identifier))
    elif identifier[10:13] < _LOWEST_TYPE:
        yield AnomalyKind.ID_TYPE, identifier[10:13]


class Parents:
    """Who may be named as a parent within one device."""

    LONGEST_WAY = 32

    def __init__(
        self, device_id: str, channels: Mapping[str, Channel], nodes: Mapping[str, object]
    ) -> None:
        self._device_id = device_id
        self._channels = channels
        self._nodes = nodes

    def knows(self, parent_id: str) -> bool:
        """Divisions and platforms need no item; an organisation only where the device told any."""
        kind = kind_of(parent_id)
        if kind in {Kind.DIVISION, Kind.SYSTEM} or parent_id == self._device_id:
            return True
        if kind in {Kind.BUSINESS_GROUP, Kind.VIRTUAL_ORGANISATION} and not self._nodes:
            return True
        return parent_id in self._channels or parent_id in self._nodes

    def is_just_the_device(self, parent_id: str) -> bool:
        """It is the device, and no channel: nothing can be wrong above it."""
        return parent_id == self._device_id and parent_id not in self._channels

    def cycle_of(self, channel_id: str) -> list[str]:
        """The way from a channel over its parents back to itself; empty where there is none."""
        way = [channel_id]
        for _ in range(self.LONGEST_WAY):
            above = self._channels.get(way[-1])
            named = () if above is None else above.reported.parent_ids
            parent_id = next((each for each in named if each in self._channels), None)
            if parent_id is None or parent_id in way[1:]:
                return []
            if parent_id == channel_id:
                return way if len(way) > 1 else []
            way.append(parent_id)
        return []


_Own = dict[str, dict[AnomalyKind, Anomaly]]
"""What is odd about one device: by channel ID, "" for the device itself. By itself, or each of a
recorder's thousands of channels would be looked for among all that is odd about the others."""

_NONE: _Own = {}


class Anomalies:
    """Those of all devices, and which devices share a channel ID."""

    def __init__(self) -> None:
        self.surplus = 0
        """Found and not kept: there were `MOST` already."""
        self._count = 0
        self._found: dict[str, _Own] = {}
        self._owners: dict[str, str | set[str]] = {}

    def __len__(self) -> int:
        return self._count

    def is_owned(self, channel_id: str) -> bool:
        """Whether any device has a channel of that ID."""
        return channel_id in self._owners

    def of_device(self, device_id: str) -> Iterable[Anomaly]:
        """Those of a device and of its channels, in no order."""
        return [
            anomaly
            for kinds in self._found.get(device_id, _NONE).values()
            for anomaly in kinds.values()
        ]

    def counts(self) -> Counter[AnomalyKind]:
        """Those that are kept, by kind."""
        return Counter(
            kind for own in self._found.values() for kinds in own.values() for kind in kinds
        )

    def of(self, device_id: str, channel_id: str | None = None) -> list[Anomaly]:
        """Those of one device or channel."""
        return list(self._found.get(device_id, _NONE).get(channel_id or "", {}).values())

    def flagged(self, device_id: str, kind: AnomalyKind) -> list[str]:
        """Channels of a device that are odd in one way."""
        return [name for name, kinds in self._found.get(device_id, _NONE).items() if kind in kinds]

    def put(
        self, device_id: str, channel_id: str | None, odd: Iterable[Odd], at: datetime
    ) -> list[Anomaly]:
        """All that is odd about one device or channel now; gives back what was not so before.

        Shared channel IDs are kept by `share` and `unshare`.
        """
        wanted = dict(odd)
        name = channel_id or ""
        held = self._found.get(device_id, _NONE).get(name)
        if held is None and not wanted:
            return []  # nearly always
        for kind in [kind for kind in held or () if kind not in wanted]:
            if kind is not AnomalyKind.DUPLICATE_CHANNEL:
                self._take_away(device_id, name, kind)
        return [
            added
            for kind, detail in wanted.items()
            if (added := self._add(Anomaly(kind, device_id, channel_id, detail, at))) is not None
        ]

    def is_nothing_held(self, device_id: str, channel_id: str) -> bool:
        """Nothing odd is known of a channel."""
        return channel_id not in self._found.get(device_id, _NONE)

    def share(self, device_id: str, channel_id: str, at: datetime) -> list[Anomaly]:
        """A device has a channel; where another has one of that ID, both are odd."""
        owners = self._owners.get(channel_id)
        if owners is None or owners == device_id:
            self._owners[channel_id] = device_id
            return []
        if isinstance(owners, str):
            owners = self._owners[channel_id] = {owners, device_id}
            news = owners
        elif device_id in owners:
            return []
        else:
            owners.add(device_id)
            news = {device_id}
        return [
            added
            for each in sorted(news)
            if (added := self._add(_shared(each, channel_id, owners, at))) is not None
        ]

    def unshare(self, device_id: str, channel_id: str) -> None:
        """A device has a channel no more."""
        owners = self._owners.get(channel_id)
        if isinstance(owners, set):
            owners.discard(device_id)
            self._take_away(device_id, channel_id, AnomalyKind.DUPLICATE_CHANNEL)
            if len(owners) == 1:
                [last] = owners
                self._owners[channel_id] = last
                self._take_away(last, channel_id, AnomalyKind.DUPLICATE_CHANNEL)
        elif owners == device_id:
            del self._owners[channel_id]

    def forget_channel(self, device_id: str, channel_id: str) -> None:
        """A channel is off file."""
        self.unshare(device_id, channel_id)
        for kind in list(self._found.get(device_id, _NONE).get(channel_id, ())):
            self._take_away(device_id, channel_id, kind)

    def forget_device(self, device_id: str, channels: Iterable[str]) -> None:
        """A device is off file with all its channels."""
        for channel_id in channels:
            self.unshare(device_id, channel_id)
        self._count -= sum(map(len, self._found.pop(device_id, {}).values()))

    def _add(self, anomaly: Anomaly) -> Anomaly | None:
        name, kind = anomaly.channel_id or "", anomaly.kind
        held = self._found.get(anomaly.device_id, _NONE).get(name)
        known = None if held is None else held.get(kind)
        if held is not None and known is not None:
            if known.detail != anomaly.detail:
                held[kind] = replace(anomaly, seen_at=known.seen_at)
            return None
        if self._count >= MOST:
            self.surplus += 1
            return None
        self._found.setdefault(anomaly.device_id, {}).setdefault(name, {})[kind] = anomaly
        self._count += 1
        return anomaly

    def _take_away(self, device_id: str, name: str, kind: AnomalyKind) -> None:
        own = self._found.get(device_id, _NONE)
        held = own.get(name)
        if held is None or held.pop(kind, None) is None:
            return
        self._count -= 1
        if not held:
            del own[name]
        if not own:
            del self._found[device_id]


def _shared(device_id: str, channel_id: str, owners: set[str], at: datetime) -> Anomaly:
    other = next(each for each in owners if each != device_id)
    return Anomaly(AnomalyKind.DUPLICATE_CHANNEL, device_id, channel_id, other, at)
