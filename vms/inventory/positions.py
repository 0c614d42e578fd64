"""Where things are: the latest position of each source in memory, bounded. Pure."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from vms.inventory.model import DeviceKey
from vms.inventory.reported import Position, ReportedPosition

MOST_SOURCES = 200_000
"""Latest positions kept; beyond, those not heard of for longest give way."""

FUTURE = timedelta(hours=1)
"""A position dated so far ahead of its arrival came from a wrong clock: any later one replaces it.
"""

TOLD_EVERY_S = 1.0
"""So often, at most, the position of one source is told: body cameras send bursts."""


def has_fix(reported: ReportedPosition) -> bool:
    """Whether it names a place: (0, 0) is what devices send without a fix."""
    longitude, latitude = reported.longitude, reported.latitude
    is_on_earth = -180 <= longitude <= 180 and -90 <= latitude <= 90
    return is_on_earth and (longitude != 0 or latitude != 0)


class LatestPositions:
    """By device and source; those heard of longest ago come first."""

    def __init__(self, known: Iterable[Position] = (), limit: int = MOST_SOURCES) -> None:
        self._limit = limit
        self._latest: dict[tuple[DeviceKey, str], Position] = {}
        self._told_at: dict[tuple[DeviceKey, str], float] = {}
        self._untold: dict[tuple[DeviceKey, str], Position] = {}
        for position in sorted(known, key=lambda position: position.received_at):
            self._put(position)

    def __len__(self) -> int:
        return len(self._latest)

    def of(self, key: DeviceKey, source_id: str) -> Position | None:
        """The latest of one source."""
        return self._latest.get((key, source_id))

    def news(self, positions: Sequence[Position]) -> list[Position]:
        """The last of each source that is later than what is known; nothing is taken yet."""
        found: dict[tuple[DeviceKey, str], Position] = {}
        for position in positions:
            name = position.device_key, position.source_id
            known = found.get(name) or self._latest.get(name)
            if known is None or _is_later(position, known):
                found[name] = position
        return list(found.values())

    def take(self, positions: Iterable[Position], now: float) -> list[Position]:
        """What `news` found is true from now on; gives back those to be told at once."""
        told: list[Position] = []
        for position in positions:
            name = position.device_key, position.source_id
            self._put(position)
            if now - self._told_at.get(name, -TOLD_EVERY_S) >= TOLD_EVERY_S:
                self._told_at[name] = now
                self._untold.pop(name, None)
                told.append(position)
            else:
                self._untold[name] = position
        return told

    def due(self, now: float) -> list[Position]:
        """Positions that waited their second and are to be told."""
        due = [name for name in self._untold if now - self._told_at[name] >= TOLD_EVERY_S]
        for name in due:
            self._told_at[name] = now
        # Who was told a while ago may be told at once: that needs no memory.
        while self._told_at:
            name, told_at = next(iter(self._told_at.items()))
            if now - told_at < TOLD_EVERY_S or name in self._untold:
                break
            del self._told_at[name]
        return [self._untold.pop(name) for name in due]

    def drop(self, key: DeviceKey) -> None:
        """All sources of a device that is off file."""
        for name in [name for name in self._latest if name[0] == key]:
            self._forget(name)

    def _put(self, position: Position) -> None:
        name = position.device_key, position.source_id
        self._latest.pop(name, None)
        self._latest[name] = position
        while len(self._latest) > self._limit:
            self._forget(next(iter(self._latest)))

    def _forget(self, name: tuple[DeviceKey, str]) -> None:
        del self._latest[name]
        self._told_at.pop(name, None)
        self._untold.pop(name, None)


def _is_later(position: Position, known: Position) -> bool:
    return (
        position.captured_at >= known.captured_at or known.captured_at > known.received_at + FUTURE
    )
