"""A tree of our own beside what devices report: who hangs what where decides nobody but us."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from vms.errors import ConflictError, InvalidError, NotFoundError
from vms.inventory.changes import local_name

MOST_GROUPS = 20_000
DEEPEST = 16
"""Levels of the tree."""


@dataclass(frozen=True, slots=True)
class OwnGroup:
    """A node. `parent_id` is empty at the top; `position` orders those below one parent."""

    group_id: str
    name: str
    parent_id: str = ""
    position: int = 0


@dataclass(slots=True)
class OwnGroupNode:
    """A node with all channels in and below it."""

    group_id: str
    name: str
    parent_id: str
    position: int
    own_channels: int = 0
    """Those that hang in this very node."""
    channels: int = 0
    online_channels: int = 0
    children: list["OwnGroupNode"] = field(default_factory=list["OwnGroupNode"])


class OwnGroups:
    """All nodes, in memory. The methods that name a change check it and change nothing: whoever
    asks commits what comes back, then calls `put` or `drop`."""

    def __init__(self, groups: Iterable[OwnGroup] = ()) -> None:
        self._groups: dict[str, OwnGroup] = {}
        self._below: dict[str, dict[str, OwnGroup]] = {}
        """By parent: twenty thousand may be imported, and each looks above, below and beside."""
        for group in groups:
            self.put(group)

    def __contains__(self, group_id: str) -> bool:
        return group_id in self._groups

    def __len__(self) -> int:
        return len(self._groups)

    def get(self, group_id: str) -> OwnGroup:
        """A node; raises `NotFoundError`."""
        group = self._groups.get(group_id)
        if group is None:
            raise NotFoundError(f"no group {group_id[:40]}")
        return group

    def listed(self) -> list[OwnGroup]:
        """Every node, parents before their children."""
        below: dict[str, list[OwnGroup]] = {}
        for group in sorted(self._groups.values(), key=_order):
            below.setdefault(self._above(group), []).append(group)
        listed = list(below.get("", ()))
        for group in listed:
            listed += below.get(group.group_id, ())
        return listed

    def path(self, group_id: str) -> tuple[str, ...]:
        """Names from the top down to a node; empty where there is none of this ID."""
        way = self._way_up(group_id)
        return tuple(self._groups[each].name for each in reversed(way))

    def within(self, *group_ids: str) -> frozenset[str]:
        """These nodes and all below them."""
        return frozenset(each for row in self._rows_down(group_ids) for each in row)

    def added(self, group_id: str, name: str, parent_id: str = "") -> OwnGroup:
        """A new node, last below its parent; raises `InvalidError`, `ConflictError`."""
        if group_id in self._groups:
            raise ConflictError(f"group {group_id} is there already")
        if len(self._groups) >= MOST_GROUPS:
            raise InvalidError(f"there are at most {MOST_GROUPS} groups")
        group = OwnGroup(group_id, _checked_name(name), parent_id, self._next_position(parent_id))
        return self._checked(group)

    def changed(
        self,
        group_id: str,
        *,
        name: str | None = None,
        parent_id: str | None = None,
        position: int | None = None,
    ) -> OwnGroup:
        """A node renamed, moved or put elsewhere in its row; None: as it is.

        Raises `NotFoundError`, `InvalidError`, and `ConflictError` for a move below itself.
        """
        known = group = self.get(group_id)
        if name is not None:
            group = replace(group, name=_checked_name(name))
        if parent_id is not None and parent_id != known.parent_id:
            group = replace(group, parent_id=parent_id, position=self._next_position(parent_id))
        if position is not None:
            group = replace(group, position=position)
        return group if group == known else self._checked(group)

    def may_go(self, group_id: str) -> None:
        """Raises `ConflictError` where other nodes hang below it, `NotFoundError`."""
        self.get(group_id)
        below = len(self._below.get(group_id, ()))
        if below:
            raise ConflictError(
                f"there are {below} groups below; move or delete them", groups=below
            )

    def put(self, group: OwnGroup) -> None:
        """It is committed."""
        self.drop(group.group_id)
        self._groups[group.group_id] = group
        self._below.setdefault(group.parent_id, {})[group.group_id] = group

    def drop(self, group_id: str) -> None:
        """It is committed that it is gone."""
        known = self._groups.pop(group_id, None)
        if known is not None:
            beside = self._below[known.parent_id]
            del beside[group_id]
            if not beside:
                del self._below[known.parent_id]

    def tree(self, counts: Mapping[tuple[str, bool], int]) -> list[OwnGroupNode]:
        """The tree with counts; `counts` are channels by node, and whether they are online."""
        listed = self.listed()
        nodes = {
            group.group_id: OwnGroupNode(
                group.group_id, group.name, self._above(group), group.position
            )
            for group in listed
        }
        for (group_id, online), count in counts.items():
            node = nodes.get(group_id)
            if node is not None:
                node.own_channels += count
                node.channels += count
                node.online_channels += count * online
        roots: list[OwnGroupNode] = []
        for group in listed:
            parent = nodes.get(group.parent_id)
            (roots if parent is None else parent.children).append(nodes[group.group_id])
        for group in reversed(listed):
            parent = nodes.get(group.parent_id)
            if parent is not None:
                parent.channels += nodes[group.group_id].channels
                parent.online_channels += nodes[group.group_id].online_channels
        return roots

    def _checked(self, group: OwnGroup) -> OwnGroup:
        if group.parent_id and group.parent_id not in self._groups:
            raise InvalidError(f"no group {group.parent_id[:40]} to hang it below")
        above = self._way_up(group.parent_id)
        if group.group_id in above:
            raise ConflictError("a group cannot hang below itself")
        if len(above) + self._height(group.group_id) > DEEPEST:
            raise InvalidError(f"the tree has at most {DEEPEST} levels")
        if any(
            other.name == group.name and other.group_id != group.group_id
            for other in self._below.get(group.parent_id, {}).values()
        ):
            raise ConflictError(f"there is a group {group.name!r} at this place already")
        return group

    def _above(self, group: OwnGroup) -> str:
        return group.parent_id if group.parent_id in self._groups else ""

    def _way_up(self, group_id: str) -> list[str]:
        way: list[str] = []
        while group_id in self._groups and group_id not in way:
            way.append(group_id)
            group_id = self._groups[group_id].parent_id
        return way

    def _height(self, group_id: str) -> int:
        """Levels from a node down, itself counted."""
        return sum(1 for _ in self._rows_down([group_id]))

    def _rows_down(self, group_ids: Iterable[str]) -> Iterator[Collection[str]]:
        """Nodes, then those right below them, and so on; each once."""
        seen: set[str] = set()
        row = set(group_ids)
        while row:
            yield row
            seen |= row
            row = {below for each in row for below in self._below.get(each, ())} - seen

    def _next_position(self, parent_id: str) -> int:
        beside = self._below.get(parent_id, {}).values()
        return max((group.position for group in beside), default=-1) + 1


def _order(group: OwnGroup) -> tuple[int, str]:
    return group.position, group.group_id


def _checked_name(name: str) -> str:
    checked = local_name(name)
    if checked is None:
        raise InvalidError("a group has a name")
    return checked
