"""What figures of a window are made from, as one hash: proof that nothing has changed since."""

import asyncio
import hashlib
from collections.abc import Callable
from zoneinfo import ZoneInfo

from vms.figures.borders import windows
from vms.figures.model import Every, Window
from vms.figures.pieces import Pieces
from vms.figures.rollup import packed
from vms.figures.store import FigureStore


async def fingerprint(
    store: FigureStore,
    pieces: Pieces,
    window: Window,
    zone: ZoneInfo,
    on_day: Callable[[int, int], None] = lambda _done, _of: None,
) -> str:
    """SHA-256 (hex) over the SHA-256 of each day: who was where, in which state, for how long.

    A day that is stored says its own; one that is not is counted from the ledger. Both are the same
    where the ledger, the places and the approved exclusions are the same.
    """
    digest = hashlib.sha256()
    parts = windows(window, Every.DAY, zone)
    wanted = [part.start_s for part in parts]
    days = store.days(wanted, with_hours=False)
    stored = {(day.day_start_s, day.day_end_s): day.sha256 async for day in days}
    for number, part in enumerate(parts):
        sha256 = stored.get((part.start_s, part.end_s))
        if sha256 is None:
            piece = await pieces.counted(part, with_hours=True)
            sha256 = (await asyncio.to_thread(packed, piece)).sha256
        digest.update(f"{part.start_s} {part.end_s} {sha256}\n".encode())
        on_day(number + 1, len(parts))
    return digest.hexdigest()
