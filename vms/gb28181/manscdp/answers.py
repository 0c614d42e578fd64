"""What a device answers (GB/T 28181-2022 annex A.2.6); catalogue and records stand apart."""

from dataclasses import dataclass, field
from datetime import datetime

from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.common import Result


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
class AlarmInputStatus:
    """One alarm input of a device status: ONDUTY, OFFDUTY or ALARM."""

    channel_id: ChannelId
    duty_status: str = ""


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
class Preset:
    """A remembered view: number 1 to 255 and its name."""

    preset_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class PresetResponse:
    """The presets of a camera, or a part of them: `announced` is how many there are (since 2022).

    Like that of the other lists, it is read, and written as the length of the list.
    """

    sn: int
    device_id: DeviceId
    presets: tuple[Preset, ...] = ()
    announced: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class HomePosition:
    """Where a camera returns to when left alone for `reset_time_s` seconds."""

    is_enabled: bool
    reset_time_s: int | None = None
    preset_index: int | None = None


@dataclass(frozen=True, slots=True)
class HomePositionResponse:
    """The home position of a camera; None where it has none."""

    sn: int
    device_id: DeviceId
    home: HomePosition | None = None


@dataclass(frozen=True, slots=True)
class CruiseTrack:
    """A cruise track by its number, the first being 0; the name has at most 32 bytes."""

    number: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class CruiseTrackListResponse:
    """The cruise tracks of a camera."""

    sn: int
    device_id: DeviceId
    tracks: tuple[CruiseTrack, ...] = ()
    announced: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CruisePoint:
    """One stop of a cruise: which preset, for how long, and the speed (1 to 15) to get there."""

    preset_index: int
    stay_time_s: int
    speed: int


@dataclass(frozen=True, slots=True)
class CruiseTrackResponse:
    """The stops of one cruise track."""

    sn: int
    device_id: DeviceId
    number: int
    name: str = ""
    points: tuple[CruisePoint, ...] = ()
    announced: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PtzPosition:
    """Where a camera looks, as far as it says: degrees, magnification, metres.

    Pan grows clockwise seen from above; tilt is 0 at the horizon, and up is negative.
    """

    pan_deg: float | None = None
    tilt_deg: float | None = None
    zoom: float | None = None
    horizontal_field_deg: float | None = None
    vertical_field_deg: float | None = None
    max_view_distance_m: float | None = None


@dataclass(frozen=True, slots=True)
class PtzPositionResponse:
    """Where a camera looks now (A.2.6.15)."""

    sn: int
    device_id: DeviceId
    position: PtzPosition


@dataclass(frozen=True, slots=True)
class SdCard:
    """A memory card; `status` is ok, formatting, unformatted, idle or error.

    `format_progress` counts to 100 while it is being formatted.
    """

    card_id: int
    name: str = ""
    status: str = ""
    format_progress: int | None = None
    capacity_mb: int | None = None
    free_mb: int | None = None


@dataclass(frozen=True, slots=True)
class SdCardStatusResponse:
    """The memory cards of a device; `total` is the number it says it has."""

    sn: int
    device_id: DeviceId
    total: int = 0
    cards: tuple[SdCard, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceControlResponse:
    """A control was carried out, or not."""

    sn: int
    device_id: DeviceId
    result: Result = Result.OK


@dataclass(frozen=True, slots=True)
class DeviceConfigResponse:
    """A configuration was taken over, or not."""

    sn: int
    device_id: DeviceId
    result: Result = Result.OK
