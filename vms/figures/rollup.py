"""A finished day as bytes: columns, as narrow as their numbers allow, compressed.

A cache over the ledger: it may be dropped and made again at any time. Two parts, because most
questions need no hours: the summary, a number a cell and a channel; and the hours. Each begins with
a line of JSON that names its columns. Reading is held to writing, and both to
`vms.figures.cutting`, by a property test.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from vms.figures.columns import Hours, Piece
from vms.figures.model import Window
from vms.figures.store import StoredDay

FORMAT = 1
"""A day of another format counts as not there, and is made anew."""

LEVEL = 6

Column: TypeAlias = NDArray[Any]

_INTS = (
    "cell_places",
    "seconds",
    "samples",
    "outages",
    "ended",
    "first_places",
    "last_places",
    "head_s",
    "longest_s",
    "tail_s",
    "was_online",
    "offline_places",
    "online_places",
)
_RISING = ("cell_channels", "channels")
"""In order: kept as steps from one to the next."""


class DamagedError(Exception):
    """A stored day does not say what was stored, or says it in another format."""


def packed(piece: Piece) -> StoredDay:
    """A day, with its hours, as it is stored."""
    if piece.hours is None:
        raise ValueError("a day is stored with its hours")
    columns = {name: np.diff(getattr(piece, name), prepend=0) for name in _RISING}
    columns |= {name: getattr(piece, name) for name in _INTS}
    summary = plain(columns, {"format": FORMAT})
    hours = plain(
        {"seconds": piece.hours.seconds, "marks": piece.hours.marks},
        {
            "format": FORMAT,
            "slots": [[slot.start_s, slot.end_s] for slot in piece.hours.slots],
            "samples": piece.hours.sample_slots,
        },
    )
    window = piece.window
    return StoredDay(
        window.start_s,
        window.end_s,
        len(piece.cell_channels),
        zlib.compress(summary, LEVEL),
        zlib.compress(hours, LEVEL),
        _sha256(summary, hours),
    )


def unpacked(day: StoredDay, *, with_hours: bool) -> Piece:
    """The day as it was; raises `DamagedError`. With the hours, the SHA-256 is checked."""
    summary = decompressed(day.summary)
    columns, _ = read(summary)
    ints = {name: columns[name].astype(np.int64) for name in _INTS}
    ints |= {name: np.cumsum(columns[name], dtype=np.int64) for name in _RISING}
    was_online = ints.pop("was_online").astype(np.bool_)
    hours = None
    if with_hours:
        plain_hours = decompressed(day.hours)
        if _sha256(summary, plain_hours) != day.sha256:
            raise DamagedError(f"the day that began at {day.day_start_s} has another SHA-256")
        hour_columns, said = read(plain_hours)
        hours = Hours(
            tuple(Window(start_s, end_s) for start_s, end_s in said["slots"]),
            tuple(said["samples"]),
            hour_columns["seconds"].astype(np.uint16, copy=False),
            hour_columns["marks"],
        )
    return Piece(
        window=Window(day.day_start_s, day.day_end_s), was_online=was_online, hours=hours, **ints
    )


def plain(columns: Mapping[str, Column], said: Mapping[str, object]) -> bytes:
    """Columns of whole numbers as narrow as they fit, with what else is to be said."""
    narrow = {name: _narrowed(column) for name, column in columns.items()}
    head = json.dumps(
        {
            "said": said,
            "columns": [[name, each.dtype.str, list(each.shape)] for name, each in narrow.items()],
        }
    )
    body = b"".join(np.ascontiguousarray(each).tobytes() for each in narrow.values())
    return head.encode() + b"\n" + body


def decompressed(data: bytes) -> bytes:
    """What was compressed; raises `DamagedError`."""
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise DamagedError(f"not to be read: {error}") from error


def read(data: bytes) -> tuple[dict[str, Column], dict[str, Any]]:
    """What `plain` was given, its columns read-only; raises `DamagedError`."""
    try:
        head, newline, _ = data.partition(b"\n")
        described = cast("dict[str, Any]", json.loads(head))
        said = cast("dict[str, Any]", described["said"])
        if said["format"] != FORMAT:
            raise DamagedError(f"format {said['format']} is not read")
        columns: dict[str, Column] = {}
        offset = len(head) + len(newline)
        for name, kind, shape in described["columns"]:
            count = int(np.prod(cast("Sequence[int]", shape), dtype=np.int64))
            column = np.frombuffer(data, np.dtype(kind), count, offset)
            columns[name] = column.reshape(shape)
            offset += column.nbytes
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"not to be read: {error}") from error
    return columns, said


def _narrowed(column: Column) -> Column:
    """The narrowest type that holds all of it."""
    if not column.size:
        return column.astype(np.uint8)
    least, most = int(column.min()), int(column.max())
    for kind in (np.uint8, np.uint16, np.uint32, np.int64):
        if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
            return column.astype(kind, copy=False)
    raise ValueError(f"{least} to {most} cannot be packed")


def _sha256(*parts: bytes) -> str:
    """Over what was said, not over how it was compressed: another zlib makes other bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
