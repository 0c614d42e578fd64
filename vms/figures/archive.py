"""Ended ledger intervals as they are put away: every second kept, in a fraction of the room.

What is put away is nowhere else, so this format is read for ever and stands on nothing that may
change: a version byte, then five columns of 64-bit steps, by planes of equal bytes, compressed.
"""

import hashlib
import zlib
from array import array

import numpy as np
from numpy.typing import NDArray

from vms.figures.model import Window
from vms.figures.packing import DamagedError
from vms.figures.store import ArchivePart, Intervals
from vms.inventory.model import SubjectKind

VERSION = b"\x01"
LEVEL = 6
_COLUMNS = 5
_BYTES = 8


def packed(kind: SubjectKind, month: Window, part: int, intervals: Intervals) -> ArchivePart:
    """A part of the intervals that ended in a month, at least one, as it is stored."""
    keys, starts, ends, states, causes = (
        np.frombuffer(column, dtype=np.int64)
        for column in (
            intervals.subject_keys,
            intervals.starts_s,
            intervals.ends_s,
            intervals.states,
            intervals.causes,
        )
    )
    # An interval mostly begins where the one before it ended, so that steps are small.
    gaps = starts - np.concatenate([[0], ends[:-1]])
    said = VERSION + b"".join(
        _planes(column)
        for column in (np.diff(keys, prepend=0), gaps, ends - starts, states, causes)
    )
    return ArchivePart(
        kind=kind,
        month_start_s=month.start_s,
        part=part,
        month_end_s=month.end_s,
        first_key=int(keys[0]),
        last_key=int(keys[-1]),
        earliest_s=int(starts.min()),
        rows=len(keys),
        columns=zlib.compress(said, LEVEL),
        sha256=hashlib.sha256(said).hexdigest(),
    )


def unpacked(part: ArchivePart) -> Intervals:
    """The intervals as they were; raises `DamagedError`."""
    try:
        said = zlib.decompress(part.columns)
    except zlib.error as error:
        raise DamagedError(f"part {part.part} of {part.month_start_s}: {error}") from error
    size = part.rows * _BYTES
    is_whole = len(said) == len(VERSION) + _COLUMNS * size and said.startswith(VERSION)
    if not is_whole or hashlib.sha256(said).hexdigest() != part.sha256:
        raise DamagedError(f"part {part.part} of {part.month_start_s} is not what was put away")
    steps, gaps, lengths, states, causes = (
        _column(said[start : start + size]) for start in range(len(VERSION), len(said), size)
    )
    # Each end is the sum of all gaps and lengths up to it.
    ends = np.cumsum(gaps + lengths)
    return Intervals(
        *(
            array("q", column.tobytes())
            for column in (np.cumsum(steps), ends - lengths, ends, states, causes)
        )
    )


def _planes(column: NDArray[np.int64]) -> bytes:
    """First the lowest byte of every number, then the next: most planes are all zeros."""
    return column.astype("<i8").view(np.uint8).reshape(-1, _BYTES).T.tobytes()


def _column(planes: bytes) -> NDArray[np.int64]:
    table = np.frombuffer(planes, dtype=np.uint8).reshape(_BYTES, -1)
    return np.ascontiguousarray(table.T).view("<i8").ravel().astype(np.int64)
