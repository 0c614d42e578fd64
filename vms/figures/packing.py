"""Columns of whole numbers as bytes: as narrow as they fit, with a line of JSON that names them."""

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
"""What is of another format counts as damaged."""

LEVEL = 6

Column: TypeAlias = NDArray[Any]


class DamagedError(Exception):
    """Stored bytes do not say what was stored, or say it in another format."""


def compressed(data: bytes) -> bytes:
    """As it is stored."""
    return zlib.compress(data, LEVEL)


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


def sha256_of(*parts: bytes) -> str:
    """Over what was said, not over how it was compressed: another zlib makes other bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
