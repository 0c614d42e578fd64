"""Items of a catalogue that say mostly what others say: what they share is understood once.

The channels of a recorder differ in ID, name, place and little else; the rest of an item is often
the same to the byte. So an item is cut at the few leaves in which channels differ, its own; what
stands around them is its mould. It is read by the general rules when it is met first, with nothing
in its own leaves; an item of a mould that is known costs no more than its own leaves do.

Why that comes to what reading the whole would: a mould is an item of the usual shape, and putting
usual texts into leaves of it makes another one. No leaf but ParentID asks for another, and that is
among the own.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from sys import intern
from typing import NamedTuple

from vms.frozen import altered
from vms.gb28181.ids import ChannelId
from vms.gb28181.manscdp.catalog import CatalogItem, SharedFields
from vms.gb28181.manscdp.items import (
    MAX_EXTRA,
    read_degrees,
    read_item,
    read_parents,
    unless_placeholder,
)
from vms.gb28181.manscdp.tags import LEAF_TAGS
from vms.gb28181.manscdp.tolerances import Tolerance, note_odd_id, shared
from vms.gb28181.manscdp.usual import USUAL_TEXT, read_usual_item

MOST_MOULDS = 1024
"""About 2 KiB each. A maker writes a few; what a device invents takes the place of the eldest."""

_OWN = ("Name", "Address", "ParentID", "Longitude", "Latitude", "IPAddress")
_OWN_LEAF = re.compile(rf"(<(?:{'|'.join(('DeviceID', *_OWN))})>)({USUAL_TEXT})(?=</)")
_NOBODY = "0"
"""Stands for the ID where there is nothing in the own leaves."""


class _Mould(NamedTuple):
    """What an item says beside its own leaves: `like` is one that says nothing else."""

    like: CatalogItem
    forgiven: frozenset[Tolerance]
    own: Callable[[Sequence[str]], tuple[str, ...]]
    """Takes the texts of `_OWN` out of those of an item, which end with an empty one."""


_moulds: dict[str, _Mould] = {}


def known_moulds() -> int:
    """How many there are."""
    return len(_moulds)


def cast_item(text: str, identifier: str, mark: int) -> CatalogItem | None:
    """An item, from `<Item>` up to `</Item>`, as it is read in a list of the usual shape; None
    where it is to be read in its list. `identifier` are the digits in its DeviceID, which comes
    first; `mark` is that of the text."""
    pieces = _OWN_LEAF.split(text)
    told = pieces[2::3]
    # What is left names the own leaves in their order: no two cuts leave the same.
    del pieces[2::3]
    left = "".join(pieces)
    mould = _moulds.get(left)
    if mould is None:
        mould = _learn(left, pieces[1::2])
        if mould is None:
            return None
    told.append("")
    name, address, parents, longitude, latitude, ip_address = mould.own(told)
    channel_id = ChannelId(identifier)
    like = mould.like
    notes: set[Tolerance] = set()
    parent_ids = _one_parent(parents)
    if not parent_ids or parent_ids[0] == identifier:
        parent_ids = read_parents(parents.strip(), channel_id, notes)
    item = CatalogItem(
        channel_id,
        name.strip(),
        like.manufacturer,
        like.model,
        like.owner,
        like.civil_code,
        unless_placeholder(address.strip(), notes),
        parent_ids,
        like.business_group_id,
        like.parental,
        like.secrecy,
        like.ptz_type,
        read_degrees(longitude.strip(), 180, notes),
        read_degrees(latitude.strip(), 90, notes),
        like.is_on,
        like.status_text,
        _with_address(like, ip_address.strip()) if ip_address else like.extra,
    )
    note_odd_id(channel_id, notes)
    item.bear(mark, shared(notes | mould.forgiven) if notes else mould.forgiven)
    return item


@lru_cache(maxsize=256)
def _one_parent(text: str) -> tuple[str, ...]:
    """What is said of nearly all channels of a recorder, read once; empty where it is not this."""
    notes: set[Tolerance] = set()
    parent_ids = read_parents(text.strip(), "", notes)
    return () if notes or len(parent_ids) != 1 else parent_ids


def _with_address(like: CatalogItem, ip_address: str) -> Mapping[str, str]:
    return SharedFields(like.extra, IPAddress=ip_address) if ip_address else like.extra


def _learn(left: str, own_tags: Sequence[str]) -> _Mould | None:
    """What an item is without its own leaves; None where it is not of the usual shape, or tells of
    a change."""
    leaves = read_usual_item(left, LEAF_TAGS)
    if leaves is None or "Event" in leaves:
        return None
    notes: set[Tolerance] = set()
    leaves = {tag: intern(text) for tag, text in leaves.items()}
    like = read_item({**leaves, "DeviceID": _NOBODY}, notes)
    if len(like.extra) >= MAX_EXTRA:
        return None
    extra = SharedFields({intern(tag): text for tag, text in like.extra.items()})
    places = [
        own_tags.index(f"<{tag}>") if f"<{tag}>" in own_tags else len(own_tags) for tag in _OWN
    ]
    mould = _Mould(
        altered(like, extra=extra), shared(notes), itemgetter(places[0], places[1], *places[2:])
    )
    if len(_moulds) >= MOST_MOULDS:
        del _moulds[next(iter(_moulds))]
    _moulds[left] = mould
    return mould
