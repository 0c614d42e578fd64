"""Notices and positions of devices: committed before they return, each once, in bounded number."""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

from vms.events import NoticeReceived, PositionChanged
from vms.gb28181.ids import DeviceId
from vms.inventory.base import InventoryBase
from vms.inventory.model import DeviceKey
from vms.inventory.positions import has_fix
from vms.inventory.queries import LARGEST_PAGE
from vms.inventory.reported import Fact, Notice, Position, ReportedNotice, ReportedPosition

KNOWN_NOTICES = frozenset(
    {
        "DeviceUpgradeResult",
        "MediaStatus",
        "MobilePosition",
        "PTZPosition",
        "UploadSnapShotFinished",
        "VideoUploadNotify",
    }
)
"""Notifications of the standard that are kept as notices; all others are kept raw (T7)."""

KNOWN_KEPT = 10_000
UNKNOWN_KEPT = 500
"""Notices of a device that stay: a device that invents CmdTypes pushes out only its own."""

POSITIONS_KEPT = 100_000
"""Positions of a device that stay."""

PRUNE_EVERY = 100
"""So many new rows of a device are stored before the surplus is looked for again."""

LONGEST_RAW = 65_536
LONGEST_CMD_TYPE = 64
MOST_FACTS = 200
LONGEST_FACT = 4_000
DEEPEST_FACT = 4
MOST_AT_ONCE = 1_000
"""Positions of one report that are taken."""


class Notices(InventoryBase):
    """What devices say that is neither a channel nor an alarm."""

    async def record_notice(self, device_id: str, reported: ReportedNotice) -> bool:
        """Store a notification once; False when it is there already. Returns after the commit (N1).

        Raises `NotFoundError` for a device that is not on file, `UnavailableError` when the
        database cannot serve.
        """
        device = self._record(device_id).device
        received_at = self._ledger_clock.moment()
        notice_id = self._identifiers.next(received_at)
        notice = Notice(
            notice_id=notice_id,
            device_key=device.key,
            device_id=device.device_id,
            source_id=reported.source_id,
            cmd_type=reported.cmd_type[:LONGEST_CMD_TYPE],
            sn=reported.sn,
            occurred_at=reported.occurred_at,
            received_at=received_at,
            facts={name: _bounded(fact) for name, fact in _first(reported.facts)},
            is_known=reported.cmd_type in KNOWN_NOTICES,
            fingerprint=_fingerprint(reported, notice_id),
            raw=reported.raw[:LONGEST_RAW],
        )
        return await self._to_the_end(self._add_notice(notice))

    async def _add_notice(self, notice: Notice) -> bool:
        kept = KNOWN_KEPT if notice.is_known else UNKNOWN_KEPT
        name = notice.device_key, "known" if notice.is_known else "unknown"
        keep = kept if self._is_time_to_prune(self._unpruned, name, 1) else None
        is_new = await self._store.add_notice(notice, keep)
        if is_new:
            self._events.publish(
                NoticeReceived(
                    notice_id=notice.notice_id,
                    device_id=notice.device_id,
                    source_id=notice.source_id,
                    at=notice.received_at,
                    cmd_type=notice.cmd_type,
                )
            )
        return is_new

    async def notices(
        self,
        device_id: str | None = None,
        cmd_type: str | None = None,
        before_id: str | None = None,
        limit: int = 100,
    ) -> Sequence[Notice]:
        """Notices, newest first; `before_id` is the last one already read."""
        wanted = None if device_id is None else DeviceId(device_id)
        limit = max(1, min(limit, LARGEST_PAGE))
        return await self._store.notices(wanted, cmd_type, before_id, limit)

    async def record_positions(self, device_id: str, reported: Sequence[ReportedPosition]) -> int:
        """Store positions once each and say how many were new. Returns after the commit.

        What has no fix, (0, 0), is left out; so is what is no place on earth.
        """
        device = self._record(device_id).device
        received_at = self._ledger_clock.moment()
        positions = [
            Position(
                device_key=device.key,
                device_id=device.device_id,
                source_id=position.source_id,
                captured_at=position.captured_at,
                received_at=received_at,
                longitude=position.longitude,
                latitude=position.latitude,
                speed_kmh=position.speed_kmh,
                direction_deg=position.direction_deg,
                altitude_m=position.altitude_m,
                height_m=position.height_m,
            )
            for position in islice(reported, MOST_AT_ONCE)
            if has_fix(position)
        ]
        return await self._to_the_end(self._add_positions(device.key, positions))

    async def _add_positions(self, key: DeviceKey, positions: Sequence[Position]) -> int:
        if not positions:
            return 0
        latest = self._positions.news(positions)
        name = key, "positions"
        is_due = self._is_time_to_prune(self._unpruned, name, len(positions))
        new = await self._store.add_positions(positions, latest, POSITIONS_KEPT if is_due else None)
        for position in self._positions.take(latest, self._clock.monotonic()):
            self._tell_position(position)
        return new

    def position(self, device_id: str, source_id: str) -> Position | None:
        """The latest position of a device or of a channel of it; raises `NotFoundError`."""
        return self._positions.of(self._record(device_id).device.key, source_id)

    async def positions(
        self, device_id: str, source_id: str, start: datetime, end: datetime, limit: int = 1000
    ) -> Sequence[Position]:
        """The track of a source in [start, end), in order of time; raises `NotFoundError`."""
        key = self._record(device_id).device.key
        limit = max(1, min(limit, LARGEST_PAGE))
        return await self._store.positions(key, source_id, start, end, limit)

    def _tell_positions(self) -> None:
        """Positions that were held back so that bursts make no storm of events."""
        for position in self._positions.due(self._clock.monotonic()):
            self._tell_position(position)

    def _tell_position(self, position: Position) -> None:
        self._events.publish(
            PositionChanged(
                device_id=position.device_id,
                source_id=position.source_id,
                at=position.captured_at,
                longitude=position.longitude,
                latitude=position.latitude,
            )
        )

    @staticmethod
    def _is_time_to_prune(
        unpruned: Counter[tuple[DeviceKey, str]], name: tuple[DeviceKey, str], new: int
    ) -> bool:
        unpruned[name] += new
        if unpruned[name] < PRUNE_EVERY:
            return False
        del unpruned[name]
        return True


def _fingerprint(reported: ReportedNotice, notice_id: str) -> str:
    """The same notice sent again has the same CmdType, SN, time and body, within its device."""
    body = hashlib.sha256(reported.raw).hexdigest()
    if reported.occasion:
        when = reported.occasion
    elif reported.occurred_at is not None:
        when = reported.occurred_at.isoformat()
    else:
        when = notice_id
    return f"{reported.cmd_type[:LONGEST_CMD_TYPE]}:{reported.sn}:{when}:{body}"


def _first(facts: Mapping[str, Fact]) -> "islice[tuple[str, Fact]]":
    return islice(facts.items(), MOST_FACTS)


def _bounded(fact: Fact, depth: int = 0) -> Fact:
    """What JSON and both databases take, and not more than anybody will read."""
    match fact:
        case str():
            return fact[:LONGEST_FACT].replace("\0", "")
        case float() if not math.isfinite(fact):
            return None
        case None | bool() | int() | float():
            return fact
        case _ if depth == DEEPEST_FACT:
            return None
        case Mapping():
            return {name: _bounded(value, depth + 1) for name, value in _first(fact)}
        case _:
            return [_bounded(value, depth + 1) for value in islice(fact, MOST_FACTS)]
