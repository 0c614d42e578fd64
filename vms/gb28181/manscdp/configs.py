"""How a device is configured: its blocks, written by DeviceConfig, read by ConfigDownload.

GB/T 28181-2022 annex A.2.3.2 and A.2.6.9; `BasicParam` and the video blocks of the 2014 supplement
carry other elements than those of later editions and share the dataclass with them.
"""

from dataclasses import dataclass, field

from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.common import Result


@dataclass(frozen=True, slots=True)
class BasicParam:
    """Name, registration and keepalive; None and empty where nothing is said or is to change.

    The position is only read (2016). Device ID, server and password belong to the 2014 form; the
    password is written and never kept from what is read.
    """

    name: str = ""
    expiration_s: int | None = None
    heartbeat_interval_s: int | None = None
    heartbeat_count: int | None = None
    position_capability: int | None = None
    longitude: float | None = None
    latitude: float | None = None
    own_id: str = ""
    server_id: str = ""
    server_ip: str = ""
    server_port: int | None = None
    domain_name: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class VideoParamOpt:
    """What a camera's video could be; only read. Codes as in the SDP's f line."""

    download_speeds: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    video_formats: tuple[str, ...] = ()
    frame_rates: tuple[str, ...] = ()
    bit_rate_types: tuple[str, ...] = ()
    video_bit_rates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedVideoStream:
    """A stream of the 2014 form, by name: Stream1, Stream2, ..."""

    stream_name: str
    video_format: str = ""
    resolution: str = ""
    frame_rate: str = ""
    bit_rate_type: str = ""
    video_bit_rate: str = ""


@dataclass(frozen=True, slots=True)
class VideoParamConfig:
    """How each stream is encoded (2014 only)."""

    streams: tuple[NamedVideoStream, ...] = ()


@dataclass(frozen=True, slots=True)
class AudioParamOpt:
    """What a camera's sound could be (2014 only); only read."""

    audio_formats: tuple[str, ...] = ()
    audio_bit_rates: tuple[str, ...] = ()
    sampling_rates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedAudioStream:
    """The sound of a stream of the 2014 form."""

    stream_name: str
    audio_format: str = ""
    audio_bit_rate: str = ""
    sampling_rate: str = ""


@dataclass(frozen=True, slots=True)
class AudioParamConfig:
    """How each stream's sound is encoded (2014 only)."""

    streams: tuple[NamedAudioStream, ...] = ()


@dataclass(frozen=True, slots=True)
class VideoStreamAttribute:
    """How one stream is encoded; stream 0 is the main one.

    Codes as in the SDP's f line; `resolution` is `WxH` where there is no code.
    """

    stream_number: int
    video_format: str = ""
    resolution: str = ""
    frame_rate: str = ""
    bit_rate_type: str = ""
    video_bit_rate: str = ""


@dataclass(frozen=True, slots=True)
class VideoParamAttribute:
    """How each stream is encoded."""

    streams: tuple[VideoStreamAttribute, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeSegment:
    """A stretch of a day."""

    start_hour: int
    start_minute: int
    start_second: int
    stop_hour: int
    stop_minute: int
    stop_second: int


@dataclass(frozen=True, slots=True)
class DaySchedule:
    """When to record on one day of the week, 1 for Monday to 7 for Sunday; at most 8 stretches."""

    week_day: int
    segments: tuple[TimeSegment, ...] = ()


@dataclass(frozen=True, slots=True)
class VideoRecordPlan:
    """When a camera records on its own."""

    is_enabled: bool
    days: tuple[DaySchedule, ...] = ()
    stream_number: int = 0


@dataclass(frozen=True, slots=True)
class VideoAlarmRecord:
    """How long a camera records around an alarm, in seconds after and before."""

    is_enabled: bool
    record_time_s: int | None = None
    pre_record_time_s: int | None = None
    stream_number: int = 0


@dataclass(frozen=True, slots=True)
class PixelBox:
    """Two corners in pixels; all 0 for no box at all."""

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int


@dataclass(frozen=True, slots=True)
class MaskRegion:
    """A hidden part of the picture, slot 1 to 4; an empty box clears the slot."""

    seq: int
    box: PixelBox


@dataclass(frozen=True, slots=True)
class PictureMask:
    """The hidden parts of the picture.

    Some cameras take a list as a change of the slots it names: write all four.
    """

    is_on: bool
    regions: tuple[MaskRegion, ...] = ()


@dataclass(frozen=True, slots=True)
class FrameMirror:
    """The picture mirrored: 0 not, 1 left and right, 2 top and bottom, 3 both."""

    mode: int


@dataclass(frozen=True, slots=True)
class AlarmReport:
    """Whether motion and intrusion are reported."""

    is_motion_reported: bool
    is_intrusion_reported: bool


@dataclass(frozen=True, slots=True)
class OsdText:
    """A line of text in the picture, of at most 32 characters."""

    text: str
    x_px: int
    y_px: int


@dataclass(frozen=True, slots=True)
class OsdConfig:
    """Time and texts in the picture, placed in a window of the given size.

    `time_type` 0 writes the date with hyphens, 1 in Chinese.
    """

    window_width_px: int
    window_height_px: int
    time_x_px: int
    time_y_px: int
    is_time_shown: bool = True
    time_type: int | None = None
    is_text_shown: bool = True
    texts: tuple[OsdText, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapShotConfig:
    """Take pictures and upload them; `UploadSnapShotFinished` names them.

    `session_id` has 32 to 128 letters, digits or hyphens.
    """

    snap_count: int
    upload_url: str
    session_id: str
    interval_s: int | None = None


@dataclass(frozen=True, slots=True)
class SvacEncodeConfig:
    """The block's content as XML text: nobody here reads SVAC's own parameters."""

    xml: str = ""


@dataclass(frozen=True, slots=True)
class SvacDecodeConfig:
    """The block's content as XML text, like `SvacEncodeConfig`'s."""

    xml: str = ""


ConfigBlock = (
    BasicParam
    | VideoParamOpt
    | VideoParamConfig
    | AudioParamOpt
    | AudioParamConfig
    | VideoParamAttribute
    | VideoRecordPlan
    | VideoAlarmRecord
    | PictureMask
    | FrameMirror
    | AlarmReport
    | OsdConfig
    | SnapShotConfig
    | SvacEncodeConfig
    | SvacDecodeConfig
)


@dataclass(frozen=True, slots=True)
class ConfigControl:
    """Take over these blocks (A.2.3.2); a `DeviceConfigResponse` answers."""

    sn: int
    device_id: DeviceId
    blocks: tuple[ConfigBlock, ...]


@dataclass(frozen=True, slots=True)
class ConfigDownloadResponse:
    """One or several blocks (A.2.6.9); a query of several types may be answered one by one.

    `unread` names the blocks that no edition knows, or that could not be read.
    """

    sn: int
    device_id: DeviceId
    result: Result = Result.OK
    blocks: tuple[ConfigBlock, ...] = ()
    unread: tuple[str, ...] = ()
