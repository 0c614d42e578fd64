"""Gathers the parts of one catalogue answer (GB/T 28181-2022, 9.5 and annex M). Pure.

An answer comes in any number of MESSAGEs, out of order, some twice, some never. It is complete when
as many distinct items came as the latest part announced. Only the answer to a question of ours may
be complete; what comes unasked is no `CatalogAssembly`, and never takes anything away.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from vms.gb28181.ids import ChannelId, DeviceId, Kind, kind_of
from vms.gb28181.manscdp.messages import CatalogItem, CatalogResponse
from vms.inventory.model import Channel

FIRST_PART_LIMIT_S = 120.0
"""Lower platforms may take minutes before they begin."""

GAP_LIMIT_S = 10.0
"""Between two parts."""

ABSENT_SYNCS = 2
"""So many complete answers may leave a channel out; the next one that does removes it."""

NOT_CHANNELS = frozenset(
    {
        Kind.DIVISION,
        Kind.SYSTEM,
        Kind.BUSINESS_GROUP,
        Kind.VIRTUAL_ORGANISATION,
        Kind.PLATFORM_PART,
        Kind.USER,
    }
)
"""Kinds that build the tree."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Every announced item came."""

    items: tuple[CatalogItem, ...]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """What came by the deadline, or items that could not be read: `received` of `announced`."""

    items: tuple[CatalogItem, ...]
    announced: int

    @property
    def received(self) -> int:
        """Distinct items that came and could be read."""
        return len(self.items)


Outcome = Complete | Incomplete


class CatalogAssembly:
    """The answer to the query `sn`. After an outcome it takes nothing more."""

    def __init__(self, sn: int, now: float) -> None:
        self.sn = sn
        self.announced: int | None = None
        self.damaged = 0
        self.deadline: float | None = now + FIRST_PART_LIMIT_S
        self._items: dict[ChannelId, CatalogItem] = {}

    @property
    def received(self) -> int:
        """Distinct items so far."""
        return len(self._items)

    def add(self, part: CatalogResponse, now: float) -> Outcome | None:
        """One part; None while more is awaited, or where the part belongs to another question."""
        if self.deadline is None or part.sn != self.sn:
            return None
        self.announced = part.total
        self.damaged += part.damaged
        self._items.update((item.channel_id, item) for item in part.items)
        self.deadline = now + GAP_LIMIT_S
        if self.received >= part.total:
            return self._finish(Complete(tuple(self._items.values())))
        if self.received + self.damaged >= part.total:
            return self._finish(self._incomplete())
        return None

    def tick(self, now: float) -> Outcome | None:
        """Let time pass."""
        if self.deadline is None or now < self.deadline:
            return None
        return self._finish(self._incomplete())

    def _incomplete(self) -> Incomplete:
        return Incomplete(tuple(self._items.values()), self.announced or 0)

    def _finish(self, outcome: Outcome) -> Outcome:
        self.deadline = None
        return outcome


def channels_of(device_id: DeviceId, items: Iterable[CatalogItem]) -> list[CatalogItem]:
    """The items that are channels: what builds the tree and what only holds cameras is left out.

    Type codes are a hint: a recorder's code without cameras below it is taken for a camera's. A
    camera that reports nothing but itself is its own channel. Of an ID that occurs twice the later
    item counts.
    """
    distinct = {item.channel_id: item for item in items}
    own = distinct.pop(ChannelId(device_id), None)
    parents = {parent for item in distinct.values() for parent in item.parent_ids}
    found = [item for item in distinct.values() if _is_channel(item, parents)]
    if own is not None and not found and not own.parental:
        found = [own]
    return found


def nodes_of(items: Iterable[CatalogItem], channels: Iterable[CatalogItem]) -> list[CatalogItem]:
    """The items that are no channels: what builds the tree, and what only holds cameras."""
    known = {channel.channel_id for channel in channels}
    return [item for item in items if item.channel_id not in known]


def _is_channel(item: CatalogItem, parents: set[str]) -> bool:
    kind = kind_of(item.channel_id)
    if kind is Kind.MAIN_DEVICE:
        return not item.parental and item.channel_id not in parents
    return kind not in NOT_CHANNELS


@dataclass(slots=True)
class CatalogDiff:
    """What a report changes: channels to save, new ones too, those gone, those turned off."""

    saved: list[Channel] = field(default_factory=list[Channel])
    removed: list[Channel] = field(default_factory=list[Channel])
    turned_off: set[str] = field(default_factory=set[str])
    added: int = 0

    def keep(self, channel: Channel, known: Channel) -> None:
        """A channel that stays, changed or not."""
        if channel == known:
            return
        self.saved.append(channel)
        if known.reported.is_on and not channel.reported.is_on:
            self.turned_off.add(channel.channel_id)
