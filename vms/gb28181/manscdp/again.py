"""Parts of a catalogue whose items are known, or are like others that are: not parsed.

Most catalogues are asked for to learn that nothing changed. An item that was read from a list of
the usual shape bears the mark of its text, the hash by which Python tells strings apart: 64 bits
under a key that is another one in each process; and what the text had to be forgiven, which is
counted each time it comes. An item that bears the mark of the one on file is the one on file. One
that is new, or says something new, is cast in its mould (`moulds`). A part with anything else in it
is left to `document`.
"""

import re
from collections.abc import Callable

from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.catalog import CatalogItem, CatalogResponse
from vms.gb28181.manscdp.moulds import cast_item
from vms.gb28181.manscdp.text import read_text
from vms.gb28181.manscdp.tolerances import Tolerance, note_odd_id
from vms.gb28181.manscdp.usual import BLANKS

Known = Callable[[str], CatalogItem | None]
"""An item that is on file, by its channel ID."""

LONGEST_BODY_BYTES = 256 * 1024

_GAP = r"[ \t\r\n]*+"
_BEGINNING = re.compile(
    rf"(?:\s*<\?xml[^<>]*\?>)?+{_GAP}<Response>{_GAP}<CmdType>Catalog</CmdType>{_GAP}"
    rf"<SN>([1-9][0-9]{{0,9}})</SN>{_GAP}<DeviceID>([0-9]{{20}})</DeviceID>{_GAP}"
    rf'<SumNum>([0-9]{{1,9}})</SumNum>{_GAP}<DeviceList(?: Num="[0-9]{{1,9}}")?+>'
)
_END = re.compile(rf"{_GAP}</DeviceList>{_GAP}</Response>{_GAP}\Z")
_ITEM = re.compile(rf"<Item>{_GAP}<DeviceID>([0-9]{{1,20}})</DeviceID>")


def read_again(body: bytes, known: Known, notes: set[Tolerance]) -> CatalogResponse | None:
    """The part, of items that are `known` or of a usual shape, with what it had to be forgiven in
    `notes`; None, and no notes, for any other."""
    if len(body) > LONGEST_BODY_BYTES:
        return None
    own: set[Tolerance] = set()
    text = read_text(body, own)
    found = _BEGINNING.match(text)
    if found is None:
        return None
    *told, end = text[found.end() :].split("</Item>")
    if not told or not _END.match(end):
        return None
    items: list[CatalogItem] = []
    for each in told:
        said = each.lstrip(BLANKS)
        named = _ITEM.match(said)
        if named is None:
            return None
        identifier, mark = named[1], hash(said)
        item = known(identifier)
        if item is None or item.mark != mark:
            item = cast_item(said, identifier, mark)
            if item is None:
                return None
        own |= item.forgiven
        items.append(item)
    device_id = DeviceId(found[2])
    note_odd_id(device_id, own)
    notes |= own
    return CatalogResponse(int(found[1]), device_id, int(found[3]), tuple(items))
