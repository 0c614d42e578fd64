"""Lists of the usual shape, read without a parser: a catalogue of 10,000 channels is all of it.

Accepted are leaves below the root, then a DeviceList of Items, each of leaves, with one Info block
of leaves at its end at most; no attribute but Num, no reference, comment or CDATA, no line break or
control character in a text, no tag spelled otherwise than we know it, none twice in one place. Of
such a body the parser and `document` would make the same. Everything else is left to them.
"""

import re
from collections.abc import Set as AbstractSet
from typing import NamedTuple

BLANKS = " \t\r\n"
# LONGEST_TEXT of `node` is the end here too: what is longer has to be cut.
USUAL_TEXT = r"[^<&\]\x00-\x1f\ud800-\udfff\ufffe\uffff]{0,1024}+"

_GAP = r"[ \t\r\n]*+"
_LEAVES = rf"(?:<(?!Item>)([A-Za-z]++)>{USUAL_TEXT}</\%d>{_GAP})*+"
_USUAL = re.compile(
    rf"{_GAP}<(Response|Notify)>{_GAP}({_LEAVES % 3})"
    rf'<DeviceList(?: Num="[0-9]{{1,9}}")?+>{_GAP}((?:<Item>{_GAP}{_LEAVES % 5}'
    rf"(?:<Info>{_GAP}{_LEAVES % 6}</Info>{_GAP})?+</Item>{_GAP})*+)</DeviceList>{_GAP}"
    rf"</\1>{_GAP}\Z"
)
_USUAL_ITEM = re.compile(
    rf"<Item>{_GAP}{_LEAVES % 1}(?:<Info>{_GAP}{_LEAVES % 2}</Info>{_GAP})?+\Z"
)
_LEAF = re.compile(r"<([A-Za-z]++)>([^<\r\n]*+)</")

Leaves = dict[str, str]


class Usual(NamedTuple):
    """What such a body says; `marks` are those of its items."""

    root: str
    leaves: Leaves
    items: list[Leaves]
    marks: list[int]


def read_usual(text: str, tags: AbstractSet[str]) -> Usual | None:
    """Root, its leaves and its items; None for what is not of the usual shape.

    `tags` are those that a leaf may bear.
    """
    found = _USUAL.match(text)
    if found is None:
        return None
    leaves = _read_leaves(found[2], tags)
    if leaves is None:
        return None
    items: list[Leaves] = []
    marks: list[int] = []
    for item in found[4].split("</Item>")[:-1]:
        read = _read_leaves(item, tags)
        if read is None:
            return None
        items.append(read)
        marks.append(mark_of(item))
    return Usual(found[1], leaves, items, marks)


def mark_of(item: str) -> int:
    """Of the text of an item, from `<Item>` up to `</Item>`; blanks before it do not count."""
    return hash(item.lstrip(BLANKS))


def read_usual_item(text: str, tags: AbstractSet[str]) -> Leaves | None:
    """The leaves of one item, from `<Item>` up to `</Item>`; None where `read_usual` would refuse
    a list because of it."""
    return _read_leaves(text, tags) if _USUAL_ITEM.match(text) else None


def _read_leaves(text: str, tags: AbstractSet[str]) -> Leaves | None:
    """Those that say something; None where a tag is unknown or stands there twice."""
    found = _LEAF.findall(text)
    named = dict(found)
    if len(named) != len(found) or not named.keys() <= tags:
        return None
    return {tag: stripped for tag, said in found if (stripped := said.strip())}
