"""What devices report besides channels and alarms: notices and positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from vms.gb28181.ids import DeviceId
from vms.inventory.model import DeviceKey

Fact: TypeAlias = "str | int | float | bool | Sequence[Fact] | Mapping[str, Fact] | None"
"""One value of a notice, as JSON knows values."""


@dataclass(frozen=True, slots=True)
class ReportedNotice:
    """A notification as a device sent it; `raw` is the message body, `cmd_type` its CmdType.

    `facts` are what was read of it, by standard name in snake_case. Where it carries no time of its
    own (`occurred_at` None), `occasion` names the request that brought it, which a repetition has
    in common with the first; without either, every one counts as new.
    """

    source_id: str
    cmd_type: str
    sn: int
    occurred_at: datetime | None
    facts: Mapping[str, Fact]
    raw: bytes
    occasion: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification as stored; unique by `fingerprint` within a device.

    `is_known` False: a CmdType this server knows nothing of, kept raw (T7). Of those, as of the
    known ones, each device keeps a bounded number.
    """

    notice_id: str
    device_key: DeviceKey
    device_id: DeviceId
    source_id: str
    cmd_type: str
    sn: int
    occurred_at: datetime | None
    received_at: datetime
    facts: Mapping[str, Fact]
    is_known: bool
    fingerprint: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class ReportedPosition:
    """Where something was at `captured_at` (MobilePosition, A.2.5.6), WGS-84 as a rule.

    `direction_deg` clockwise from north. (0, 0) is what devices send without a fix.
    """

    source_id: str
    captured_at: datetime
    longitude: float
    latitude: float
    speed_kmh: float | None = None
    direction_deg: float | None = None
    altitude_m: float | None = None
    height_m: float | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A position on file; unique by device, source and `captured_at`."""

    device_key: DeviceKey
    device_id: DeviceId
    source_id: str
    captured_at: datetime
    received_at: datetime
    longitude: float
    latitude: float
    speed_kmh: float | None = None
    direction_deg: float | None = None
    altitude_m: float | None = None
    height_m: float | None = None
