"""The catalogue: items by the thousand, read from flat leaves (A.2.6.4, 9.11.4)."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.catalog import (
    CatalogChange,
    CatalogEvent,
    CatalogItem,
    CatalogNotify,
    CatalogReceipt,
    CatalogResponse,
)
from vms.gb28181.manscdp.command import Command, Direction, Root
from vms.gb28181.manscdp.document import Document
from vms.gb28181.manscdp.editions import UP_TO_2016
from vms.gb28181.manscdp.fields import read_integer
from vms.gb28181.manscdp.forms.answers import ANSWERED
from vms.gb28181.manscdp.items import read_item, write_item, write_item_info
from vms.gb28181.manscdp.schema import Shape, block, leaf
from vms.gb28181.manscdp.tolerances import Tolerance, note_odd_id, shared
from vms.gb28181.version import Edition

_RECEIPT: Shape[Any] = Shape(CatalogReceipt, ANSWERED)


class ResponseForm:
    """A part of a catalogue; up to 2011 a notification had this root too."""

    def read_message(
        self, document: Document, sn: int, device_id: DeviceId
    ) -> CatalogResponse | CatalogNotify | CatalogReceipt:
        """What it is shows in its content; an item without ID costs only itself."""
        leaves, entries = document.leaves, document.items
        if not entries and "Result" in leaves and "SumNum" not in leaves:
            receipt: CatalogReceipt = _RECEIPT.read_message(document, sn, device_id)
            return receipt
        if any("Event" in entry for entry in entries):
            document.notes.add(Tolerance.RESPONSE_ROOT)
            return NotifyForm().read_message(document, sn, device_id)
        items = tuple(item for item, _ in _items(document))
        return CatalogResponse(
            sn, device_id, _total(document), items, damaged=len(entries) - len(items)
        )

    def lines(self, value: CatalogResponse, edition: Edition) -> Iterator[str]:
        """The items in the schema's order."""
        return _list(value.total, [_item(item, edition) for item in value.items])

    def fits(self, value: object) -> bool:
        """The only form of its class."""
        return isinstance(value, CatalogResponse)


class NotifyForm:
    """Changes of a catalogue."""

    def read_message(self, document: Document, sn: int, device_id: DeviceId) -> CatalogNotify:
        """An item without a known Event counts as changed."""
        entries = document.items
        changes = tuple(
            CatalogChange(_read_event(leaves.get("Event", ""), document.notes), item)
            for item, leaves in _items(document)
        )
        return CatalogNotify(
            sn, device_id, _total(document), changes, damaged=len(entries) - len(changes)
        )

    def lines(self, value: CatalogNotify, edition: Edition) -> Iterator[str]:
        """The items in the schema's order, each with its Event."""
        return _list(
            value.total, [_item(change.item, edition, change.event) for change in value.changes]
        )

    def fits(self, value: object) -> bool:
        """The only form of its class."""
        return isinstance(value, CatalogNotify)


def _items(document: Document) -> Iterator[tuple[CatalogItem, Mapping[str, str]]]:
    """Each usable item with its leaves; the others cost only themselves."""
    notes: set[Tolerance] = set()
    for leaves, mark in zip_longest(document.items, document.marks):
        try:
            item = read_item(leaves, notes)
        except ProtocolError:
            document.notes.add(Tolerance.ITEM_DAMAGED)
            continue
        note_odd_id(item.channel_id, notes)
        if "Event" not in leaves:
            item.bear(mark, shared(notes))
        document.notes |= notes
        notes.clear()
        yield item, leaves


def _total(document: Document) -> int:
    total = read_integer(document.leaves.get("SumNum", ""))
    if total is None or total < 0:
        document.notes.add(Tolerance.TOTAL)
        return len(document.items)
    return total


def _read_event(text: str, notes: set[Tolerance]) -> CatalogEvent:
    try:
        return CatalogEvent(text.upper())
    except ValueError:
        notes.add(Tolerance.EVENT_WORD)
        return CatalogEvent.UPDATE


def _list(total: int, items: list[list[str]]) -> Iterator[str]:
    """The count and the items; no list at all where nothing is listed (annex M)."""
    yield from leaf("SumNum", str(total))
    if items:
        lines = [line for item in items for line in item]
        yield from block("DeviceList", lines, f' Num="{len(items)}"')


def _item(item: CatalogItem, edition: Edition, event: str = "") -> list[str]:
    lines = [line for name, text in write_item(item, edition, event) for line in leaf(name, text)]
    inner = [line for name, text in write_item_info(item, edition) for line in leaf(name, text)]
    if inner:
        lines += block("Info", inner)
    return list(block("Item", lines))


CATALOG = (
    Command(CatalogResponse, Root.RESPONSE, "Catalog", ResponseForm(), Direction.FROM_DEVICE),
    Command(CatalogNotify, Root.NOTIFY, "Catalog", NotifyForm(), Direction.FROM_DEVICE),
    Command(
        CatalogReceipt,
        Root.RESPONSE,
        "Catalog",
        _RECEIPT,
        Direction.TO_DEVICE,
        editions=UP_TO_2016,
    ),
)
"""The receipt stands last: what comes in with its names is sorted out by the first."""
