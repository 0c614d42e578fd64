"""Positions, and whatever else a device tells: stored as it was told (A.2.5)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Protocol

from vms.clock import Clock
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import (
    DeviceUpgradeResult,
    MediaStatus,
    Message,
    MobilePositionNotify,
    PtzPositionNotify,
    Unknown,
    UploadSnapShotFinished,
    VideoUploadNotify,
)
from vms.inventory.inventory import Inventory
from vms.inventory.reported import Fact, ReportedNotice, ReportedPosition
from vms.signalling.header_text import readable
from vms.signalling.notices import Told

CMD_TYPES: Mapping[type[Message], str] = {
    MediaStatus: "MediaStatus",
    PtzPositionNotify: "PTZPosition",
    UploadSnapShotFinished: "UploadSnapShotFinished",
    VideoUploadNotify: "VideoUploadNotify",
    DeviceUpgradeResult: "DeviceUpgradeResult",
}
"""What is kept as a notice, besides `Unknown`."""


class Jobs(Protocol):
    """Whoever asked for pictures or for an upgrade and waits for the news."""

    def reported(self, device_id: DeviceId, message: Message) -> None:
        """A device tells that its part of a job is done."""
        ...


class PositionKeeper:
    """Stores positions (A.2.5.5): those of a crowd of reports at once."""

    def __init__(self, inventory: Inventory, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock

    async def keep(self, device_id: DeviceId, told: Sequence[Told]) -> None:
        """See `Keeper`."""
        found: dict[tuple[str, datetime], ReportedPosition] = {}
        for each in told:
            if isinstance(each.message, MobilePositionNotify):
                for position in self._reported(device_id, each.message):
                    found[position.source_id, position.captured_at] = position
        if found:
            await self._inventory.record_positions(device_id, list(found.values()))

    def _reported(
        self, device_id: DeviceId, notify: MobilePositionNotify
    ) -> Sequence[ReportedPosition]:
        """Those of the device and of channels of its own."""
        reported: list[ReportedPosition] = []
        for position in notify.positions:
            source_id = position.source_id or notify.device_id or device_id
            if source_id != device_id and not self._inventory.has_channel(device_id, source_id):
                self._inventory.count_tolerance(device_id, "foreign_position")
                continue
            reported.append(
                ReportedPosition(
                    source_id=source_id,
                    captured_at=position.captured_at or notify.reported_at or self._clock.wall(),
                    longitude=position.longitude,
                    latitude=position.latitude,
                    speed_kmh=position.speed_kmh,
                    direction_deg=position.direction_deg,
                    altitude_m=position.altitude_m,
                    height_m=position.height_m,
                )
            )
        return reported


class NoticeKeeper:
    """Stores everything else. `jobs` hears of it first: somebody may wait."""

    def __init__(self, inventory: Inventory) -> None:
        self.jobs: Jobs | None = None
        self._inventory = inventory

    async def keep(self, device_id: DeviceId, told: Sequence[Told]) -> None:
        """See `Keeper`."""
        turned = {
            each.message.device_id: each
            for each in told
            if isinstance(each.message, PtzPositionNotify)
        }
        notices: list[ReportedNotice] = []
        for each in told:
            message = each.message
            if message is None:
                continue
            if isinstance(message, PtzPositionNotify) and turned[message.device_id] is not each:
                continue  # a camera that turns tells every step: the last of a crowd is where it is
            if isinstance(message, Unknown):
                self._inventory.count_tolerance(device_id, "unknown_command")
            elif self.jobs is not None:
                self.jobs.reported(device_id, message)
            notices.append(_notice(each, device_id, message))
        outcomes = await asyncio.gather(
            *(self._inventory.record_notice(device_id, notice) for notice in notices),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome


def _notice(told: Told, device_id: DeviceId, message: Message) -> ReportedNotice:
    request = told.incoming.request
    return ReportedNotice(
        source_id=message.device_id or device_id,
        cmd_type=_cmd_type(message),
        sn=message.sn,
        occurred_at=message.at if isinstance(message, VideoUploadNotify) else None,
        facts=_facts(message),
        raw=request.body,
        occasion=f"{readable(request.call_id)} {request.cseq.number}",
    )


def _cmd_type(message: Message) -> str:
    return message.cmd_type if isinstance(message, Unknown) else CMD_TYPES[type(message)]


def _facts(message: Message) -> dict[str, Fact]:
    """What was read, by the names of the dataclass; of what nobody knows, nothing."""
    facts: dict[str, Fact] = {}
    if isinstance(message, Unknown):
        return facts
    for name, value in asdict(message).items():
        if name in {"sn", "device_id"}:
            continue
        if isinstance(value, Mapping):
            facts |= value
        else:
            facts[name] = value.isoformat() if isinstance(value, datetime) else value
    return facts
