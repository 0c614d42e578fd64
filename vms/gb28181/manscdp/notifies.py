"""What a device tells unasked, or because it was subscribed to (GB/T 28181-2022 annex A.2.5)."""

from dataclasses import dataclass
from datetime import datetime

from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.answers import PtzPosition
from vms.gb28181.manscdp.common import Result


@dataclass(frozen=True, slots=True)
class Keepalive:
    """A sign of life (9.6); `faulty` lists sub-devices out of order."""

    sn: int
    device_id: DeviceId
    status: Result = Result.OK
    faulty: tuple[ChannelId, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmNotify:
    """An alarm (A.2.5.3): `device_id` is its source, priority 1 is the highest.

    `method`: 1 telephone, 2 device, 3 SMS, 4 GPS, 5 video, 6 fault, 7 other, 0 where it is not
    told; `alarm_type` is read within its method.
    """

    sn: int
    device_id: DeviceId
    priority: int = 0
    method: int = 0
    occurred_at: datetime | None = None
    description: str = ""
    longitude: float | None = None
    latitude: float | None = None
    alarm_type: int | None = None
    event_type: int | None = None


@dataclass(frozen=True, slots=True)
class AlarmResponse:
    """What the receiver of an alarm answers with (9.4), beside its SIP 200."""

    sn: int
    device_id: DeviceId
    result: Result = Result.OK


HISTORY_AT_END = 121


@dataclass(frozen=True, slots=True)
class MediaStatus:
    """Said inside a call: `notify_type` 121 means the history file is at its end (9.8)."""

    sn: int
    device_id: DeviceId
    notify_type: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where something moving was: WGS-84 degrees, km/h, degrees clockwise from north, metres.

    `source_id` None means the sender itself; the height is above the ground.
    """

    source_id: ChannelId | None
    captured_at: datetime | None
    longitude: float
    latitude: float
    speed_kmh: float | None = None
    direction_deg: float | None = None
    altitude_m: float | None = None
    height_m: float | None = None


@dataclass(frozen=True, slots=True)
class MobilePositionNotify:
    """Positions: one up to 2016, a list since 2022; which one came does not show.

    `device_id` is None where the sender did not name itself: the schema of 2016 forgets it.
    """

    sn: int
    device_id: DeviceId | None
    reported_at: datetime | None = None
    positions: tuple[Position, ...] = ()
    total: int = 0
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class PtzPositionNotify:
    """A camera turned (9.11.2.3, A.2.6.15)."""

    sn: int
    device_id: DeviceId
    position: PtzPosition


@dataclass(frozen=True, slots=True)
class UploadSnapShotFinished:
    """The pictures of a `SnapShotConfig` are uploaded: fewer names, fewer pictures."""

    sn: int
    device_id: DeviceId
    session_id: str
    file_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VideoUploadNotify:
    """A device wants to send live pictures."""

    sn: int
    device_id: DeviceId
    at: datetime | None = None
    longitude: float | None = None
    latitude: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceUpgradeResult:
    """How an `UpgradeControl` went, and which firmware runs now.

    `failed_reason`: 01 download timed out, 02 package broken, 03 system error, 99 other.
    """

    sn: int
    device_id: DeviceId
    session_id: str
    result: Result = Result.OK
    firmware: str = ""
    failed_reason: str = ""


@dataclass(frozen=True, slots=True)
class BroadcastNotify:
    """Speak to an audio output: `device_id` is the source, of the voice's server."""

    sn: int
    device_id: DeviceId
    target_id: DeviceId


@dataclass(frozen=True, slots=True)
class BroadcastResponse:
    """The audio output is ready for the voice, or not."""

    sn: int
    device_id: DeviceId
    result: Result = Result.OK
