"""What a device is told to do (GB/T 28181-2022 annex A.2.3.1); one sub-command a message."""

from dataclasses import dataclass
from enum import StrEnum

from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.answers import HomePosition


@dataclass(frozen=True, slots=True)
class PtzControl:
    """Move, focus, call a preset, cruise: the eight bytes of annex A.3, see `vms.gb28181.ptz`.

    `priority` is in the samples up to 2016. The names go with setting a preset and with a cruise
    (since 2022); a cruise's has at most 32 bytes.
    """

    sn: int
    device_id: DeviceId
    code: bytes
    priority: int | None = None
    preset_name: str = ""
    cruise_track_name: str = ""


@dataclass(frozen=True, slots=True)
class PtzPreciseControl:
    """Look exactly there: degrees and magnification, as in `PtzPosition`."""

    sn: int
    device_id: DeviceId
    pan_deg: float | None = None
    tilt_deg: float | None = None
    zoom: float | None = None


@dataclass(frozen=True, slots=True)
class ZoomBox:
    """A box drawn into a play window; pixels from its top left corner."""

    window_width_px: int
    window_height_px: int
    middle_x_px: int
    middle_y_px: int
    box_width_px: int
    box_height_px: int


@dataclass(frozen=True, slots=True)
class DragZoomControl:
    """Zoom until the box fills the window, or, out, until the window shrinks into the box."""

    sn: int
    device_id: DeviceId
    is_in: bool
    box: ZoomBox


@dataclass(frozen=True, slots=True)
class HomePositionControl:
    """Where to return to when left alone."""

    sn: int
    device_id: DeviceId
    home: HomePosition


@dataclass(frozen=True, slots=True)
class RebootControl:
    """Start anew."""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class RecordControl:
    """Start or stop recording; stream 0 is the main one (since 2022)."""

    sn: int
    device_id: DeviceId
    is_start: bool
    stream_number: int | None = None


@dataclass(frozen=True, slots=True)
class GuardControl:
    """Arm or disarm."""

    sn: int
    device_id: DeviceId
    is_set: bool


@dataclass(frozen=True, slots=True)
class AlarmResetControl:
    """Forget the alarm; without `methods` and `types`, every one (both since 2016)."""

    sn: int
    device_id: DeviceId
    methods: tuple[int, ...] = ()
    types: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFrameControl:
    """Send a key picture now (A.2.3.1.7): `IFameCmd` up to 2016, `IFrameCmd` since 2022."""

    sn: int
    device_id: DeviceId


@dataclass(frozen=True, slots=True)
class FormatSdCardControl:
    """Format a memory card, counted from 1; 0 means all of them."""

    sn: int
    device_id: DeviceId
    card: int


class TrackMode(StrEnum):
    """How a target is followed."""

    AUTO = "Auto"
    MANUAL = "Manual"
    STOP = "Stop"


@dataclass(frozen=True, slots=True)
class TargetTrackControl:
    """Follow what moves; `area`, for `MANUAL`, is drawn in the panorama's window.

    `second_channel_id` is the panorama's channel where there is one.
    """

    sn: int
    device_id: DeviceId
    mode: TrackMode
    second_channel_id: ChannelId | None = None
    area: ZoomBox | None = None


@dataclass(frozen=True, slots=True)
class UpgradeControl:
    """Fetch and install a firmware; `DeviceUpgradeResult` tells how it went.

    `session_id` has 32 to 128 letters, digits or hyphens.
    """

    sn: int
    device_id: DeviceId
    firmware: str
    file_url: str
    manufacturer: str
    session_id: str
