"""The MANSCDP messages this server understands (GB/T 28181-2022 annex A.2), as plain values.

`sn` pairs an answer with its request; 0 where a device sent none. `device_id` is the target of a
query and of its answer, the source of a notification: a device or a channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vms.gb28181.ids import ChannelId, DeviceId


class Result(StrEnum):
    """`resultType`: there are no other codes and no reasons."""

    OK = "OK"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Keepalive:
    """A sign of life (9.6); `faulty` lists sub-devices out of order."""

    sn: int
    device_id: DeviceId
    status: Result = Result.OK
    faulty: tuple[ChannelId, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """Which channels are there (A.2.4.3)?"""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """One Item of a catalogue, cleaned: placeholders, self-parents and nonsense numbers are gone.

    `status_text` is the reported word where it is neither ON nor OFF. `extra` keeps every other
    element, those of Info included, by tag name; the password element is never kept.
    """

    channel_id: ChannelId
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    owner: str = ""
    civil_code: str = ""
    address: str = ""
    parent_ids: tuple[str, ...] = ()
    business_group_id: str = ""
    parental: bool = False
    secrecy: bool = False
    ptz_type: int | None = None
    longitude: float | None = None
    latitude: float | None = None
    is_on: bool = True
    status_text: str = ""
    extra: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class CatalogResponse:
    """One part of a catalogue (annex M): `total` items over all parts with this `sn`.

    `damaged` counts items of this part that named no channel and were left out.
    """

    sn: int
    device_id: DeviceId
    total: int
    items: tuple[CatalogItem, ...] = ()
    damaged: int = 0


class CatalogEvent(StrEnum):
    """What happened to a channel (9.11.4)."""

    ON = "ON"
    OFF = "OFF"
    VIDEO_LOST = "VLOST"
    DEFECT = "DEFECT"
    ADD = "ADD"
    DELETE = "DEL"
    UPDATE = "UPDATE"


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """One Item of a catalogue notification; for ON, OFF, VLOST, DEFECT, DEL only the ID counts."""

    event: CatalogEvent
    item: CatalogItem


@dataclass(frozen=True, slots=True)
class CatalogNotify:
    """Changes of a subscribed catalogue (9.11.4); complete by itself, whatever `total` says."""

    sn: int
    device_id: DeviceId
    total: int
    changes: tuple[CatalogChange, ...] = ()
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class DeviceInfoQuery:
    """What kind of device is it (A.2.4.2)?"""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class DeviceInfoResponse:
    """Name, maker, model and firmware; `channel_count` counts video inputs."""

    sn: int
    device_id: DeviceId
    result: Result = Result.OK
    device_name: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    channel_count: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceStatusQuery:
    """How does it do (A.2.4.1)?"""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class AlarmInputStatus:
    """One alarm input of a device status: ONDUTY, OFFDUTY or ALARM."""

    channel_id: ChannelId
    duty_status: str


@dataclass(frozen=True, slots=True)
class DeviceStatusResponse:
    """Reachable, working, encoding, recording; None where the device does not say."""

    sn: int
    device_id: DeviceId
    result: Result = Result.OK
    is_online: bool | None = None
    is_working: bool | None = None
    reason: str = ""
    is_encoding: bool | None = None
    is_recording: bool | None = None
    device_time: datetime | None = None
    alarm_inputs: tuple[AlarmInputStatus, ...] = ()


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


@dataclass(frozen=True, slots=True)
class MediaStatus:
    """Said inside a call: `notify_type` 121 means the history file is at its end (9.8)."""

    sn: int
    device_id: DeviceId
    notify_type: int


HISTORY_AT_END = 121


@dataclass(frozen=True, slots=True)
class KeyFrameControl:
    """Send a key picture now (A.2.3.1.7): `IFameCmd` up to 2016, `IFrameCmd` since 2022."""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class Unknown:
    """Well-formed, and not (yet) one of ours: answered 200 and kept as it came."""

    root: str
    cmd_type: str
    sn: int
    device_id: DeviceId | None
    raw: bytes


Message = (
    Keepalive
    | CatalogQuery
    | CatalogResponse
    | CatalogNotify
    | DeviceInfoQuery
    | DeviceInfoResponse
    | DeviceStatusQuery
    | DeviceStatusResponse
    | AlarmNotify
    | AlarmResponse
    | MediaStatus
    | KeyFrameControl
    | Unknown
)
