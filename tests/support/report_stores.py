"""Notices and positions, as a database would hold them, in dictionaries."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime

from tests.support.group_stores import InMemoryGroupStore
from vms.gb28181.ids import DeviceId
from vms.inventory.model import DeviceKey
from vms.inventory.reported import Notice, Position


class InMemoryReportStore(InMemoryGroupStore):
    """The part of `InMemoryDeviceStore` that keeps what devices report beside channels."""

    def __init__(self) -> None:
        super().__init__()
        self._notices: dict[tuple[DeviceKey, str], Notice] = {}
        self._positions: dict[tuple[DeviceKey, str, datetime], Position] = {}
        self._latest: dict[tuple[DeviceKey, str], Position] = {}

    @abstractmethod
    def _require(self) -> None: ...

    @abstractmethod
    async def _commit(self) -> None: ...

    async def add_notice(self, notice: Notice, keep: int | None = None) -> bool:
        await self._commit()
        alike = [
            name
            for name, there in self._notices.items()
            if name[0] == notice.device_key and there.is_known is notice.is_known
        ]
        alike.sort(key=lambda name: self._notices[name].notice_id, reverse=True)
        for name in alike[len(alike) if keep is None else keep :]:
            del self._notices[name]
        there = self._notices.setdefault((notice.device_key, notice.fingerprint), notice)
        return there.notice_id == notice.notice_id

    async def notices(
        self, device_id: DeviceId | None, cmd_type: str | None, before_id: str | None, limit: int
    ) -> Sequence[Notice]:
        self._require()
        newest_first = sorted(self._notices.values(), key=lambda row: row.notice_id, reverse=True)
        return [
            row
            for row in newest_first
            if (device_id is None or row.device_id == device_id)
            and (cmd_type is None or row.cmd_type == cmd_type)
            and (before_id is None or row.notice_id < before_id)
        ][:limit]

    async def add_positions(
        self, positions: Sequence[Position], latest: Sequence[Position], keep: int | None = None
    ) -> int:
        if not positions:
            return 0
        await self._commit()
        for key in {position.device_key for position in positions}:
            own = [name for name in self._positions if name[0] == key]
            for name in own[: max(0, len(own) - (len(own) if keep is None else keep))]:
                del self._positions[name]
        before = len(self._positions)
        for row in positions:
            self._positions.setdefault((row.device_key, row.source_id, row.captured_at), row)
        self._latest.update(((row.device_key, row.source_id), row) for row in latest)
        return len(self._positions) - before

    async def positions(
        self, key: DeviceKey, source_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Position]:
        self._require()
        found = [
            row
            for row in self._positions.values()
            if (row.device_key, row.source_id) == (key, source_id)
            and start <= row.captured_at < end
        ]
        return sorted(found, key=lambda row: row.captured_at)[:limit]

    async def latest_positions(self, limit: int) -> Sequence[Position]:
        self._require()
        newest_first = sorted(self._latest.values(), key=lambda row: row.received_at, reverse=True)
        return newest_first[:limit]

    def _forget_latest(self, key: DeviceKey) -> None:
        for name in [name for name in self._latest if name[0] == key]:
            del self._latest[name]
