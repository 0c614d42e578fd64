"""A finished day as bytes: columns, as narrow as their numbers allow, compressed.

A cache over the ledger: it may be dropped and made again at any time. Two parts, because most
questions need no hours: the summary, a number a cell and a channel; and the hours. Reading is held
to writing, and both to `vms.figures.cutting`, by property tests.
"""

import numpy as np

from vms.figures.columns import Hours, Piece
from vms.figures.model import Window
from vms.figures.packing import (
    FORMAT,
    DamagedError,
    compressed,
    decompressed,
    plain,
    read,
    sha256_of,
)
from vms.figures.store import StoredDay

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
        compressed(summary),
        compressed(hours),
        sha256_of(summary, hours),
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
        if sha256_of(summary, plain_hours) != day.sha256:
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
