"""What a device answers, row by row (GB/T 28181-2022 annex A.2.6)."""

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
from vms.gb28181.manscdp.command import response
from vms.gb28181.manscdp.common import RecordType
from vms.gb28181.manscdp.editions import (
    NONE,
    ONLY_2022,
    SINCE_2014,
    SINCE_2016,
)
from vms.gb28181.manscdp.records import RecordInfoResponse, RecordItem
from vms.gb28181.manscdp.scalars import (
    CHANNEL_ID,
    DECIMAL,
    FLAG,
    INTEGER,
    RESULT,
    TIME,
    integer,
    ordinal,
    switch,
    word,
)
from vms.gb28181.manscdp.schema import Block, Inline, Leaf, Repeated, Shape
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.gb28181.version import Edition

ANSWERED = Leaf("result", "Result", RESULT, absent=Tolerance.RESULT_WORD)
BYTE = integer(0, 255)
BYTES = integer(0, 2**63 - 1)
IS_ON = switch("ON", "OFF")
ONLY_2011 = frozenset({Edition.E2011})

HOME_POSITION = Shape(
    HomePosition,
    Leaf("is_enabled", "Enabled", FLAG),
    Leaf("reset_time_s", "ResetTime", INTEGER),
    Leaf("preset_index", "PresetIndex", BYTE),
)
PTZ_POSITION = Shape(
    PtzPosition,
    Leaf("pan_deg", "Pan", DECIMAL),
    Leaf("tilt_deg", "Tilt", DECIMAL),
    Leaf("zoom", "Zoom", DECIMAL),
    Leaf("horizontal_field_deg", "HorizontalFieldAngle", DECIMAL),
    Leaf("vertical_field_deg", "VerticalFieldAngle", DECIMAL),
    Leaf("max_view_distance_m", "MaxViewDistance", DECIMAL),
)
_ALARM_INPUT = Shape(
    AlarmInputStatus,
    Leaf("channel_id", "DeviceID", CHANNEL_ID),
    Leaf("duty_status", "DutyStatus", editions=SINCE_2014),
    Leaf("duty_status", "Status", editions=ONLY_2011),
    # The supplement of 2014 lost the strike-through between the old name and the new.
    Leaf("duty_status", "StatusDutyStatus", editions=NONE),
)
_RECORD = Shape(
    RecordItem,
    Leaf("channel_id", "DeviceID", CHANNEL_ID),
    Leaf("name", "Name"),
    Leaf("file_path", "FilePath"),
    Leaf("address", "Address"),
    Leaf("start", "StartTime", TIME),
    Leaf("end", "EndTime", TIME),
    Leaf("secrecy", "Secrecy", FLAG),
    Leaf("record_type", "Type", word(RecordType)),
    Leaf("recorder_id", "RecorderID"),
    Leaf("file_size", "FileSize", BYTES, SINCE_2016),
    Leaf("location", "RecordLocation", editions=ONLY_2022),
    Leaf("stream_number", "StreamNumber", INTEGER, ONLY_2022),
)
_PRESET = Shape(Preset, Leaf("preset_id", "PresetID", ordinal(0, 255)), Leaf("name", "PresetName"))
_TRACK = Shape(CruiseTrack, Leaf("number", "Number", INTEGER), Leaf("name", "Name"))
_POINT = Shape(
    CruisePoint,
    Leaf("preset_index", "PresetIndex", BYTE),
    Leaf("stay_time_s", "StayTime", INTEGER),
    Leaf("speed", "Speed", integer(1, 15)),
)
_ANNOUNCED = Leaf("announced", "SumNum", INTEGER, NONE)
_CARD = Shape(
    SdCard,
    Leaf("card_id", "ID", INTEGER),
    Leaf("name", "HddName"),
    Leaf("status", "Status"),
    Leaf("format_progress", "FormatProgress", integer(0, 100)),
    Leaf("capacity_mb", "Capacity", INTEGER),
    Leaf("free_mb", "FreeSpace", INTEGER),
)

ANSWERS = (
    response(DeviceControlResponse, "DeviceControl", ANSWERED),
    response(DeviceConfigResponse, "DeviceConfig", ANSWERED, editions=SINCE_2014),
    response(
        DeviceInfoResponse,
        "DeviceInfo",
        ANSWERED,
        Leaf("device_name", "DeviceName", editions=SINCE_2014),
        Leaf("manufacturer", "Manufacturer"),
        Leaf("model", "Model"),
        Leaf("firmware", "Firmware"),
        Leaf("channel_count", "Channel", INTEGER),
    ),
    response(
        DeviceStatusResponse,
        "DeviceStatus",
        ANSWERED,
        Leaf("is_online", "Online", switch("ONLINE", "OFFLINE")),
        Leaf("is_working", "Status", switch("OK", "ERROR")),
        Leaf("reason", "Reason"),
        Leaf("is_encoding", "Encode", IS_ON),
        Leaf("is_recording", "Record", IS_ON),
        Leaf("device_time", "DeviceTime", TIME),
        Repeated("alarm_inputs", "Item", _ALARM_INPUT, "Alarmstatus", counter=""),
    ),
    response(
        RecordInfoResponse,
        "RecordInfo",
        Leaf("name", "Name"),
        Repeated("items", "Item", _RECORD, "RecordList", total="total", damaged="damaged"),
    ),
    response(
        PresetResponse,
        "PresetQuery",
        _ANNOUNCED,
        Repeated(
            "presets",
            "Item",
            _PRESET,
            "PresetList",
            counter_editions=ONLY_2022,
            is_written_empty=True,
        ),
        editions=SINCE_2014,
    ),
    response(
        HomePositionResponse,
        "HomePositionQuery",
        Block("home", "HomePosition", HOME_POSITION),
        editions=ONLY_2022,
    ),
    response(
        CruiseTrackListResponse,
        "CruiseTrackListQuery",
        _ANNOUNCED,
        Repeated("tracks", "CruiseTrack", _TRACK, "CruiseTrackList"),
        editions=ONLY_2022,
    ),
    response(
        CruiseTrackResponse,
        "CruiseTrackQuery",
        Leaf("number", "Number", INTEGER),
        Leaf("name", "Name"),
        _ANNOUNCED,
        Repeated("points", "CruisePoint", _POINT, "CruisePointList"),
        editions=ONLY_2022,
    ),
    response(
        PtzPositionResponse, "PTZPosition", Inline("position", PTZ_POSITION), editions=ONLY_2022
    ),
    response(
        SdCardStatusResponse,
        "SDCardStatus",
        Repeated("cards", "Item", _CARD, "SDCardStatusInfo", total="total"),
        editions=ONLY_2022,
    ),
)
