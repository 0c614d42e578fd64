"""What is asked, row by row (GB/T 28181-2022 annex A.2.4)."""

from vms.gb28181.manscdp.command import query
from vms.gb28181.manscdp.common import RecordType
from vms.gb28181.manscdp.editions import NONE, ONLY_2022, SINCE_2014, SINCE_2016
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
from vms.gb28181.manscdp.records import RecordInfoQuery
from vms.gb28181.manscdp.scalars import FLAG, INTEGER, METHODS, NUMBERS, PARTS, TIME, integer, word
from vms.gb28181.manscdp.schema import Leaf

PRIORITY = integer(0, 4)

QUERIES = (
    query(DeviceStatusQuery, "DeviceStatus"),
    query(
        CatalogQuery,
        "Catalog",
        Leaf("start", "StartTime", TIME),
        Leaf("end", "EndTime", TIME),
    ),
    query(DeviceInfoQuery, "DeviceInfo"),
    query(
        RecordInfoQuery,
        "RecordInfo",
        Leaf("start", "StartTime", TIME),
        Leaf("end", "EndTime", TIME),
        Leaf("file_path", "FilePath"),
        Leaf("address", "Address"),
        Leaf("secrecy", "Secrecy", FLAG),
        Leaf("record_type", "Type", word(RecordType)),
        Leaf("recorder_id", "RecorderID"),
        Leaf("is_indistinct", "IndistinctQuery", FLAG, SINCE_2014),
        Leaf("stream_number", "StreamNumber", INTEGER, ONLY_2022),
        Leaf("methods", "AlarmMethod", METHODS, ONLY_2022),
        Leaf("types", "AlarmType", NUMBERS, ONLY_2022),
    ),
    query(
        AlarmQuery,
        "Alarm",
        Leaf("start_priority", "StartAlarmPriority", PRIORITY),
        Leaf("end_priority", "EndAlarmPriority", PRIORITY),
        Leaf("methods", "AlarmMethod", METHODS),
        Leaf("types", "AlarmType", NUMBERS, SINCE_2016),
        Leaf("start", "StartAlarmTime", TIME),
        Leaf("end", "EndAlarmTime", TIME),
        # The samples up to 2016 say it so, their schema as above.
        Leaf("start", "StartTime", TIME, NONE),
        Leaf("end", "EndTime", TIME, NONE),
    ),
    query(
        ConfigDownloadQuery,
        "ConfigDownload",
        Leaf("config_types", "ConfigType", PARTS),
        editions=SINCE_2014,
    ),
    query(PresetQuery, "PresetQuery", editions=SINCE_2014),
    query(
        MobilePositionQuery,
        "MobilePosition",
        Leaf("interval_s", "Interval", INTEGER),
        editions=SINCE_2016,
    ),
    query(HomePositionQuery, "HomePositionQuery", editions=ONLY_2022),
    query(CruiseTrackListQuery, "CruiseTrackListQuery", editions=ONLY_2022),
    query(
        CruiseTrackQuery,
        "CruiseTrackQuery",
        Leaf("number", "Number", INTEGER),
        editions=ONLY_2022,
    ),
    query(PtzPositionQuery, "PTZPosition", editions=ONLY_2022),
    query(SdCardStatusQuery, "SDCardStatus", editions=ONLY_2022),
)
