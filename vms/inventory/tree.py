"""The trees that channels hang in: divisions, from their civil codes (annex E), and groups, as
devices report them (4.5.2)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vms.gb28181.ids import Kind, kind_of
from vms.inventory.ledger import is_online
from vms.inventory.model import Channel, DeviceKey, ReportedChannel, TreeNode

LEVELS = (2, 4, 6, 8)
"""Digits of a province, a city, a district, a basic unit."""


class DivisionLevel(StrEnum):
    """How high a division stands, by the digits of its code (annex E.1)."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    UNIT = "unit"
    """A township or police station: digits seven and eight."""
    OTHER = "other"
    """A code of another length, or none."""


_LEVEL_OF = {
    2: DivisionLevel.PROVINCE,
    4: DivisionLevel.CITY,
    6: DivisionLevel.COUNTY,
    8: DivisionLevel.UNIT,
}


def level_of(code: str) -> DivisionLevel:
    """How high the division with this code stands."""
    return _LEVEL_OF.get(len(code), DivisionLevel.OTHER)


@dataclass(slots=True)
class DivisionNode:
    """A division with everything in and below it; `code` empty: channels without a division."""

    code: str
    channels: int = 0
    online_channels: int = 0
    children: list["DivisionNode"] = field(default_factory=list["DivisionNode"])
    name: str = ""

    @property
    def level(self) -> DivisionLevel:
        """How high it stands."""
        return level_of(self.code)


def _nameless(_: str) -> str:
    return ""


def division_tree(
    counts: Mapping[tuple[str, bool], int], name_of: Callable[[str], str] = _nameless
) -> list[DivisionNode]:
    """Provinces in order of code, each with what lies below it; counts include the levels below.

    `counts` are channels by civil code, and whether they are online. A code of another length hangs
    under its longest proper level.
    """
    nodes: dict[str, DivisionNode] = {}
    roots: list[DivisionNode] = []
    for (division, online), count in counts.items():
        if not count:
            continue
        parent: DivisionNode | None = None
        for code in _path(division):
            node = nodes.get(code)
            if node is None:
                node = nodes[code] = DivisionNode(code, name=name_of(code))
                (roots if parent is None else parent.children).append(node)
            node.channels += count
            node.online_channels += count * online
            parent = node
    for node in nodes.values():
        node.children.sort(key=lambda child: child.code)
    return sorted(roots, key=lambda node: node.code)


def _path(division: str) -> list[str]:
    path = [division[:digits] for digits in LEVELS if digits <= len(division)]
    return path if path and path[-1] == division else [*path, division]


MOST_NODES = 20_000
"""Nodes of one device that are kept."""

_GROUPS = frozenset({Kind.BUSINESS_GROUP, Kind.VIRTUAL_ORGANISATION})


def tree_nodes(key: DeviceKey, items: Iterable[ReportedChannel]) -> Iterator[TreeNode]:
    """Items that are no channels, as they are kept. An organisation hangs under another one that it
    names, else under its group; anything else under the first parent it names."""
    for item in items:
        parents = item.parent_ids
        if kind_of(item.channel_id) in _GROUPS:
            parents = tuple(each for each in parents if kind_of(each) in _GROUPS)
        parent_id = parents[0] if parents else ""
        yield TreeNode(key, item.channel_id, item.name, parent_id, item.business_group_id)


@dataclass(slots=True)
class GroupNode:
    """A business group (type 215) or virtual organisation (216) with all in and below it.

    A channel that hangs in several places below counts once. `name` is empty where channels name
    the group and nobody described it.
    """

    group_id: str
    name: str = ""
    channels: int = 0
    online_channels: int = 0
    children: list["GroupNode"] = field(default_factory=list["GroupNode"])


def group_tree(nodes: Iterable[TreeNode], channels: Iterable[Channel]) -> list[GroupNode]:
    """Groups in order of ID, each with what hangs below it; a circle of parents is cut."""
    groups: dict[str, GroupNode] = {}
    parents: dict[str, str] = {}
    for node in nodes:
        if kind_of(node.node_id) in _GROUPS:
            group = groups.setdefault(node.node_id, GroupNode(node.node_id))
            group.name = group.name or node.name
            parents.setdefault(node.node_id, node.parent_id or node.business_group_id)
    for channel in channels:
        reported = channel.reported
        if not reported.parent_ids and not reported.business_group_id:
            continue
        named = [each for each in reported.parent_ids if kind_of(each) in _GROUPS]
        if not named and kind_of(reported.business_group_id) in _GROUPS:
            named = [reported.business_group_id]
        above = {each: None for place in named for each in _way_up(place, parents)}
        for each in above:
            group = groups.setdefault(each, GroupNode(each))
            group.channels += 1
            group.online_channels += is_online(channel.state)
    roots: list[GroupNode] = []
    for group_id in sorted(groups):
        way = _way_up(group_id, parents)
        parent = groups.get(way[1]) if len(way) > 1 else None
        is_cut = group_id == min(way) and parents.get(way[-1]) == group_id
        (roots if parent is None or is_cut else parent.children).append(groups[group_id])
    return roots


def _way_up(group_id: str, parents: Mapping[str, str]) -> list[str]:
    """A group and those above it, each once."""
    way = [group_id]
    while (above := parents.get(way[-1], "")) and above not in way:
        way.append(above)
    return way
