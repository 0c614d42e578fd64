"""Old months of the ledger, put away: all that the rows said, in a hundredth of the room.

Intervals follow each other, so what is kept is how long each lasted, and by how much it missed the
end of the one before: nothing, always. Nothing is rounded and nothing is left out.
"""

from array import array

import numpy as np

from vms.errors import ConflictError
from vms.figures.columns import Flags, Ints
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
from vms.figures.store import ArchivePart, Intervals
from vms.inventory.model import SubjectKind


def packed(kind: SubjectKind, month: Window, intervals: Intervals) -> ArchivePart:
    """A part of a month, as it is stored; it has the number of its first subject.

    Raises `ConflictError` where what comes back would not be what went in.
    """
    keys, starts, ends, states, causes = map(_column, _columns_of(intervals))
    earliest_s = int(starts.min())
    lasts = ends - starts
    first = _firsts(keys)
    gaps = np.where(first, starts - earliest_s, starts - np.roll(ends, 1))
    body = plain(
        {
            "keys": np.diff(keys, prepend=0),
            "gaps": gaps,
            "lasts": lasts,
            "states": states,
            "causes": causes,
        },
        {"format": FORMAT, "earliest_s": earliest_s},
    )
    part = ArchivePart(
        kind=kind,
        month_start_s=month.start_s,
        part=int(keys[0]),
        month_end_s=month.end_s,
        first_key=int(keys[0]),
        last_key=int(keys[-1]),
        earliest_s=earliest_s,
        rows=len(keys),
        columns=compressed(body),
        sha256=sha256_of(body),
    )
    if unpacked(part) != intervals:
        raise ConflictError(f"{part.rows} intervals from {month.start_s} do not come back as such")
    return part


def unpacked(part: ArchivePart) -> Intervals:
    """The intervals as they were; raises `DamagedError`."""
    body = decompressed(part.columns)
    if sha256_of(body) != part.sha256:
        raise DamagedError(f"an archived part of {part.month_start_s} has another SHA-256")
    columns, said = read(body)
    keys = np.cumsum(columns["keys"], dtype=np.int64)
    gaps, lasts = columns["gaps"].astype(np.int64), columns["lasts"].astype(np.int64)
    first = _firsts(keys)
    # Added up over all, then set back to where each subject began.
    run = np.cumsum(np.where(first, 0, gaps + np.roll(lasts, 1)))
    base = int(said["earliest_s"]) + gaps[first] - run[first]
    starts = run + base[np.cumsum(first) - 1]
    return Intervals(
        _array(keys),
        _array(starts),
        _array(starts + lasts),
        _array(columns["states"].astype(np.int64)),
        _array(columns["causes"].astype(np.int64)),
    )


def _columns_of(intervals: Intervals) -> "tuple[array[int], ...]":
    return (
        intervals.subject_keys,
        intervals.starts_s,
        intervals.ends_s,
        intervals.states,
        intervals.causes,
    )


def _column(values: "array[int]") -> Ints:
    return np.frombuffer(values, dtype=np.int64)


def _array(column: Ints) -> "array[int]":
    return array("q", column.tobytes())


def _firsts(keys: Ints) -> Flags:
    """Where another subject begins."""
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return first
