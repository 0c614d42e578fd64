"""How a simulated device writes its bodies: by the standard, unless its faults say otherwise."""

import re
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import TypeVar

from vms.simulator.faults import FaultKind, Faults

MAX_ITEMS_PER_PART = 4
"""Without a fixed size, a long answer goes out in parts of 1, 2, 3, 4, 1, 2, ... items."""

Item = TypeVar("Item")

_ESCAPED = {b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">"}
_STATUS = re.compile(rb"<Status>(ON|OFF)</Status>")
_PARENTAL = re.compile(rb"<Parental>\d</Parental>")
_BLOCK = re.compile(rb"(</?)(BasicParam|\w+Config|\w+Attribute|PictureMask)(?=[ >])")


def written(body: bytes, faults: Faults) -> bytes:
    """The body as a device with these faults writes it; `body` is as the standard asks."""
    if FaultKind.UNESCAPED_XML in faults:
        for escaped, bare in _ESCAPED.items():
            body = body.replace(escaped, bare)
    if FaultKind.STATUS_WORDS in faults:
        body = _STATUS.sub(rb"<Status>\1LINE</Status>", body)
    if FaultKind.PARENTAL_65535 in faults:
        body = _PARENTAL.sub(b"<Parental>65535</Parental>", body)
    if FaultKind.GARBLED_NAME in faults:
        body = body.replace(b"<DeviceName>", b"<DeviceName>\xcf\x01\xc9")
    if FaultKind.CONFIG_RENAMED in faults and b"<CmdType>ConfigDownload<" in body:
        body = _BLOCK.sub(rb"\1\2Info", body)
    if FaultKind.MISLABELLED_CHARSET in faults:
        body = body.decode("gb18030", "replace").encode()
    if FaultKind.BAD_XML in faults and b"<CmdType>Catalog<" in body:
        body = _spoilt(body)
    return body


def parts_of(items: Sequence[Item], size: int | None, faults: Faults) -> Iterator[tuple[Item, ...]]:
    """A long answer's items, message by message; nothing where there are none."""
    if FaultKind.ONE_ITEM in faults:
        size = 1
    lost_percent = faults.value(FaultKind.LOST_PARTS)
    if lost_percent is not None:
        items = items[: int(len(items) * (100 - lost_percent) / 100)]
    start = 0
    for step in cycle((size,) if size else range(1, MAX_ITEMS_PER_PART + 1)):
        if start >= len(items):
            return
        yield tuple(items[start : start + step])
        start += step


def _spoilt(body: bytes) -> bytes:
    """A catalogue as a careless recorder writes it: a bare `&`, a NUL, an `</Item>` too many."""
    spoilt = body.replace(b"<Name>", b"<Name>A&B \0", 1)
    return spoilt.replace(b"</Item>", b"</Item>\r\n</Item>", 1)
