"""The MANSCDP messages this server understands (GB/T 28181-2022 annex A.2), as plain values.

`sn` pairs an answer with its request; 0 where a device sent none. `device_id` is the target of a
query and of its answer, the source of a notification: a device or a channel.
"""

from dataclasses import dataclass

from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.answers import (
    AlarmInputStatus,
    CruisePoint,
    CruiseTrack,
    CruiseTrackListResponse,
    CruiseTrackResponse,
    DeviceConfigResponse,
    DeviceControlResponse,
    DeviceInfoResponse,
    DeviceStatusResponse,
    HomePosition,
    HomePositionResponse,
    Preset,
    PresetResponse,
    PtzPosition,
    PtzPositionResponse,
    SdCard,
    SdCardStatusResponse,
)
from vms.gb28181.manscdp.catalog import (
    CatalogChange,
    CatalogEvent,
    CatalogItem,
    CatalogNotify,
    CatalogReceipt,
    CatalogResponse,
)
from vms.gb28181.manscdp.common import (
    RecordType,
    Result,
)
from vms.gb28181.manscdp.configs import (
    AlarmReport,
    AudioParamConfig,
    AudioParamOpt,
    BasicParam,
    ConfigBlock,
    ConfigControl,
    ConfigDownloadResponse,
    DaySchedule,
    FrameMirror,
    MaskRegion,
    NamedAudioStream,
    NamedVideoStream,
    OsdConfig,
    OsdText,
    PictureMask,
    PixelBox,
    SnapShotConfig,
    SvacDecodeConfig,
    SvacEncodeConfig,
    TimeSegment,
    VideoAlarmRecord,
    VideoParamAttribute,
    VideoParamConfig,
    VideoParamOpt,
    VideoRecordPlan,
    VideoStreamAttribute,
)
from vms.gb28181.manscdp.controls import (
    AlarmResetControl,
    DragZoomControl,
    FormatSdCardControl,
    GuardControl,
    HomePositionControl,
    KeyFrameControl,
    PtzControl,
    PtzPreciseControl,
    RebootControl,
    RecordControl,
    TargetTrackControl,
    TrackMode,
    UpgradeControl,
    ZoomBox,
)
from vms.gb28181.manscdp.notifies import (
    HISTORY_AT_END,
    AlarmNotify,
    AlarmResponse,
    BroadcastNotify,
    BroadcastResponse,
    DeviceUpgradeResult,
    Keepalive,
    MediaStatus,
    MobilePositionNotify,
    Position,
    PtzPositionNotify,
    UploadSnapShotFinished,
    VideoUploadNotify,
)
from vms.gb28181.manscdp.queries import (
    AlarmQuery,
    CatalogQuery,
    ConfigDownloadQuery,
    CruiseTrackListQuery,
    CruiseTrackQuery,
    DeviceInfoQuery,
    DeviceStatusQuery,
    HomePositionQuery,
    MobilePositionQuery,
    PresetQuery,
    PtzPositionQuery,
    SdCardStatusQuery,
)
from vms.gb28181.manscdp.records import (
    RecordInfoQuery,
    RecordInfoResponse,
    RecordItem,
)

__all__ = [
    "HISTORY_AT_END",
    "AlarmInputStatus",
    "AlarmNotify",
    "AlarmQuery",
    "AlarmReport",
    "AlarmResetControl",
    "AlarmResponse",
    "AudioParamConfig",
    "AudioParamOpt",
    "BasicParam",
    "BroadcastNotify",
    "BroadcastResponse",
    "CatalogChange",
    "CatalogEvent",
    "CatalogItem",
    "CatalogNotify",
    "CatalogQuery",
    "CatalogReceipt",
    "CatalogResponse",
    "ConfigBlock",
    "ConfigControl",
    "ConfigDownloadQuery",
    "ConfigDownloadResponse",
    "CruisePoint",
    "CruiseTrack",
    "CruiseTrackListQuery",
    "CruiseTrackListResponse",
    "CruiseTrackQuery",
    "CruiseTrackResponse",
    "DaySchedule",
    "DeviceConfigResponse",
    "DeviceControlResponse",
    "DeviceInfoQuery",
    "DeviceInfoResponse",
    "DeviceStatusQuery",
    "DeviceStatusResponse",
    "DeviceUpgradeResult",
    "DragZoomControl",
    "FormatSdCardControl",
    "FrameMirror",
    "GuardControl",
    "HomePosition",
    "HomePositionControl",
    "HomePositionQuery",
    "HomePositionResponse",
    "Keepalive",
    "KeyFrameControl",
    "MaskRegion",
    "MediaStatus",
    "Message",
    "MobilePositionNotify",
    "MobilePositionQuery",
    "NamedAudioStream",
    "NamedVideoStream",
    "OsdConfig",
    "OsdText",
    "PictureMask",
    "PixelBox",
    "Position",
    "Preset",
    "PresetQuery",
    "PresetResponse",
    "PtzControl",
    "PtzPosition",
    "PtzPositionNotify",
    "PtzPositionQuery",
    "PtzPositionResponse",
    "PtzPreciseControl",
    "RebootControl",
    "RecordControl",
    "RecordInfoQuery",
    "RecordInfoResponse",
    "RecordItem",
    "RecordType",
    "Result",
    "SdCard",
    "SdCardStatusQuery",
    "SdCardStatusResponse",
    "SnapShotConfig",
    "SvacDecodeConfig",
    "SvacEncodeConfig",
    "TargetTrackControl",
    "TimeSegment",
    "TrackMode",
    "Unknown",
    "UpgradeControl",
    "UploadSnapShotFinished",
    "VideoAlarmRecord",
    "VideoParamAttribute",
    "VideoParamConfig",
    "VideoParamOpt",
    "VideoRecordPlan",
    "VideoStreamAttribute",
    "VideoUploadNotify",
    "ZoomBox",
]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Well-formed, and not (yet) one of ours: answered 200 and kept as it came."""

    root: str
    cmd_type: str
    sn: int
    device_id: DeviceId | None
    raw: bytes


Message = (
    DeviceInfoResponse
    | DeviceStatusResponse
    | PresetResponse
    | HomePositionResponse
    | CruiseTrackListResponse
    | CruiseTrackResponse
    | PtzPositionResponse
    | SdCardStatusResponse
    | DeviceControlResponse
    | DeviceConfigResponse
    | CatalogResponse
    | CatalogNotify
    | CatalogReceipt
    | ConfigControl
    | ConfigDownloadResponse
    | PtzControl
    | PtzPreciseControl
    | DragZoomControl
    | HomePositionControl
    | RebootControl
    | RecordControl
    | GuardControl
    | AlarmResetControl
    | KeyFrameControl
    | FormatSdCardControl
    | TargetTrackControl
    | UpgradeControl
    | Keepalive
    | AlarmNotify
    | AlarmResponse
    | MediaStatus
    | MobilePositionNotify
    | PtzPositionNotify
    | UploadSnapShotFinished
    | VideoUploadNotify
    | DeviceUpgradeResult
    | BroadcastNotify
    | BroadcastResponse
    | CatalogQuery
    | DeviceInfoQuery
    | DeviceStatusQuery
    | AlarmQuery
    | ConfigDownloadQuery
    | PresetQuery
    | MobilePositionQuery
    | HomePositionQuery
    | CruiseTrackListQuery
    | CruiseTrackQuery
    | PtzPositionQuery
    | SdCardStatusQuery
    | RecordInfoQuery
    | RecordInfoResponse
    | Unknown
)
