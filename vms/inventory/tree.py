"""The tree of administrative divisions, from the civil codes of channels (annex E)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LEVELS = (2, 4, 6, 8)
"""Digits of a province, a city, a district, a basic unit."""


@dataclass(slots=True)
class DivisionNode:
    """A division with everything in and below it; `code` empty: channels without a division."""

    code: str
    channels: int = 0
    online_channels: int = 0
    children: list["DivisionNode"] = field(default_factory=list["DivisionNode"])


def division_tree(counts: Mapping[tuple[str, bool], int]) -> list[DivisionNode]:
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
                node = nodes[code] = DivisionNode(code)
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
