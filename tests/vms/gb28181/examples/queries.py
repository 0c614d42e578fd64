"""Queries and their answers; ConfigDownload stands with the blocks."""

from dataclasses import replace

from tests.vms.gb28181.examples.common import (
    CAMERA,
    CHANNEL,
    RECORDER,
    Example,
    beijing,
    body,
)
from vms.gb28181.ids import ChannelId
from vms.gb28181.manscdp.editions import (
    ONLY_2022,
    SINCE_2014,
    SINCE_2016,
    UP_TO_2016,
)
from vms.gb28181.manscdp.messages import (
    AlarmInputStatus,
    AlarmQuery,
    CatalogQuery,
    CruisePoint,
    CruiseTrack,
    CruiseTrackListQuery,
    CruiseTrackListResponse,
    CruiseTrackQuery,
    CruiseTrackResponse,
    DeviceInfoQuery,
    DeviceInfoResponse,
    DeviceStatusQuery,
    DeviceStatusResponse,
    HomePosition,
    HomePositionQuery,
    HomePositionResponse,
    MobilePositionQuery,
    Preset,
    PresetQuery,
    PresetResponse,
    PtzPosition,
    PtzPositionQuery,
    PtzPositionResponse,
    RecordInfoQuery,
    RecordInfoResponse,
    RecordItem,
    RecordType,
    SdCard,
    SdCardStatusQuery,
    SdCardStatusResponse,
)
from vms.gb28181.version import Edition

ONLY_2011 = frozenset({Edition.E2011})
ONLY_2014_AND_2016 = frozenset({Edition.E2014, Edition.E2016})
DAY = "<StartTime>2024-05-01T00:00:00</StartTime><EndTime>2024-05-01T23:59:59</EndTime>"
START, END = beijing("2024-05-01T00:00:00"), beijing("2024-05-01T23:59:59")
RECORD_XML = (
    f"<Item><DeviceID>{CAMERA}</DeviceID><Name>Camera 01</Name><FilePath>ch1_20240501</FilePath>"
    "<Address>Hall</Address><StartTime>2024-05-01T00:00:00</StartTime>"
    "<EndTime>2024-05-01T01:00:00</EndTime><Secrecy>0</Secrecy><Type>time</Type>"
    "<RecorderID>34020000003000000001</RecorderID>"
)


RECORD = RecordItem(
    CHANNEL,
    START,
    beijing("2024-05-01T01:00:00"),
    "Camera 01",
    "ch1_20240501",
    "Hall",
    record_type=RecordType.TIME,
    recorder_id="34020000003000000001",
)

QUERY_EXAMPLES = (
    Example(DeviceStatusQuery(248, RECORDER), body("Query", "DeviceStatus", 248, RECORDER)),
    Example(
        DeviceStatusResponse(
            248,
            RECORDER,
            is_online=True,
            is_working=True,
            is_encoding=True,
            is_recording=False,
            device_time=beijing("2024-05-01T16:00:00"),
            alarm_inputs=(AlarmInputStatus(ChannelId("34020000001340000001"), "OFFDUTY"),),
        ),
        body(
            "Response",
            "DeviceStatus",
            248,
            RECORDER,
            "<Result>OK</Result><Online>ONLINE</Online><Status>OK</Status><Encode>ON</Encode>"
            "<Record>OFF</Record><DeviceTime>2024-05-01T16:00:00</DeviceTime>"
            '<Alarmstatus Num="1"><Item><DeviceID>34020000001340000001</DeviceID>'
            "<DutyStatus>OFFDUTY</DutyStatus></Item></Alarmstatus>",
        ),
        SINCE_2014,
    ),
    Example(
        DeviceStatusResponse(
            248,
            RECORDER,
            is_online=True,
            is_working=True,
            alarm_inputs=(AlarmInputStatus(ChannelId("34020000001340000001"), "ALARM"),),
        ),
        body(
            "Response",
            "DeviceStatus",
            248,
            RECORDER,
            "<Result>OK</Result><Online>ONLINE</Online><Status>OK</Status>"
            '<Alarmstatus Num="1"><Item><DeviceID>34020000001340000001</DeviceID>'
            "<Status>ALARM</Status></Item></Alarmstatus>",
        ),
        ONLY_2011,
    ),
    Example(DeviceInfoQuery(20, RECORDER), body("Query", "DeviceInfo", 20, RECORDER)),
    Example(
        DeviceInfoResponse(
            20,
            RECORDER,
            device_name="NVR",
            manufacturer="Vendor",
            model="R16",
            firmware="V4.30.080",
            channel_count=16,
        ),
        body(
            "Response",
            "DeviceInfo",
            20,
            RECORDER,
            "<Result>OK</Result><DeviceName>NVR</DeviceName><Manufacturer>Vendor</Manufacturer>"
            "<Model>R16</Model><Firmware>V4.30.080</Firmware><Channel>16</Channel>",
        ),
        SINCE_2014,
    ),
    Example(
        DeviceInfoResponse(20, RECORDER, manufacturer="Vendor", channel_count=16),
        body(
            "Response",
            "DeviceInfo",
            20,
            RECORDER,
            "<Result>OK</Result><Manufacturer>Vendor</Manufacturer><Channel>16</Channel>",
        ),
    ),
    Example(CatalogQuery(17430, RECORDER), body("Query", "Catalog", 17430, RECORDER)),
    Example(
        CatalogQuery(17430, RECORDER, START, END), body("Query", "Catalog", 17430, RECORDER, DAY)
    ),
    Example(
        RecordInfoQuery(17431, CAMERA, START, END, record_type=RecordType.ALL),
        body(
            "Query",
            "RecordInfo",
            17431,
            CAMERA,
            f"{DAY}<Secrecy>0</Secrecy><Type>all</Type>",
        ),
    ),
    Example(
        RecordInfoQuery(
            17431,
            CAMERA,
            START,
            END,
            record_type=RecordType.ALARM,
            is_indistinct=True,
            stream_number=1,
            methods=(2, 5),
            types=(1, 2),
        ),
        body(
            "Query",
            "RecordInfo",
            17431,
            CAMERA,
            f"{DAY}<Secrecy>0</Secrecy><Type>alarm</Type><IndistinctQuery>1</IndistinctQuery>"
            "<StreamNumber>1</StreamNumber><AlarmMethod>2/5</AlarmMethod>"
            "<AlarmType>1/2</AlarmType>",
        ),
        ONLY_2022,
    ),
    Example(
        RecordInfoResponse(
            17431, CAMERA, "Camera 01", 1, (replace(RECORD, file_size=1_073_741_824),)
        ),
        body(
            "Response",
            "RecordInfo",
            17431,
            CAMERA,
            '<Name>Camera 01</Name><SumNum>1</SumNum><RecordList Num="1">'
            f"{RECORD_XML}<FileSize>1073741824</FileSize></Item></RecordList>",
        ),
        SINCE_2016,
    ),
    Example(
        RecordInfoResponse(
            17431,
            CAMERA,
            "Camera 01",
            299,
            (replace(RECORD, location=RECORDER, stream_number=1),),
        ),
        body(
            "Response",
            "RecordInfo",
            17431,
            CAMERA,
            '<Name>Camera 01</Name><SumNum>299</SumNum><RecordList Num="1">'
            f"{RECORD_XML}<RecordLocation>34020000001180000001</RecordLocation>"
            "<StreamNumber>1</StreamNumber></Item></RecordList>",
        ),
        ONLY_2022,
    ),
    Example(
        RecordInfoResponse(17431, CAMERA, "Camera 01", 0),
        body(
            "Response",
            "RecordInfo",
            17431,
            CAMERA,
            "<Name>Camera 01</Name><SumNum>0</SumNum>",
        ),
    ),
    Example(
        AlarmQuery(17432, RECORDER, 0, 0),
        body(
            "Query",
            "Alarm",
            17432,
            RECORDER,
            "<StartAlarmPriority>0</StartAlarmPriority><EndAlarmPriority>0</EndAlarmPriority>",
        ),
    ),
    Example(
        AlarmQuery(17432, RECORDER, 1, 4, (1, 2), (), START, END),
        body(
            "Query",
            "Alarm",
            17432,
            RECORDER,
            "<StartAlarmPriority>1</StartAlarmPriority><EndAlarmPriority>4</EndAlarmPriority>"
            "<AlarmMethod>12</AlarmMethod><StartAlarmTime>2024-05-01T00:00:00</StartAlarmTime>"
            "<EndAlarmTime>2024-05-01T23:59:59</EndAlarmTime>",
        ),
        UP_TO_2016,
    ),
    Example(
        AlarmQuery(17432, RECORDER, 1, 4, (2, 5), (1, 2)),
        body(
            "Query",
            "Alarm",
            17432,
            RECORDER,
            "<StartAlarmPriority>1</StartAlarmPriority><EndAlarmPriority>4</EndAlarmPriority>"
            "<AlarmMethod>2/5</AlarmMethod><AlarmType>1/2</AlarmType>",
        ),
        ONLY_2022,
    ),
    Example(PresetQuery(17434, CAMERA), body("Query", "PresetQuery", 17434, CAMERA), SINCE_2014),
    Example(
        PresetResponse(17434, CAMERA, (Preset(1, "Gate"), Preset(2, "Yard"))),
        body(
            "Response",
            "PresetQuery",
            17434,
            CAMERA,
            '<SumNum>2</SumNum><PresetList Num="2"><Item><PresetID>1</PresetID>'
            "<PresetName>Gate</PresetName></Item><Item><PresetID>2</PresetID>"
            "<PresetName>Yard</PresetName></Item></PresetList>",
        ),
        ONLY_2022,
    ),
    Example(
        PresetResponse(17434, CAMERA),
        body("Response", "PresetQuery", 17434, CAMERA, '<PresetList Num="0"></PresetList>'),
        ONLY_2014_AND_2016,
    ),
    Example(
        MobilePositionQuery(17435, RECORDER, 5),
        body("Query", "MobilePosition", 17435, RECORDER, "<Interval>5</Interval>"),
        SINCE_2016,
    ),
    Example(
        HomePositionQuery(51, CAMERA), body("Query", "HomePositionQuery", 51, CAMERA), ONLY_2022
    ),
    Example(
        HomePositionResponse(51, CAMERA, HomePosition(True, 30, 1)),
        body(
            "Response",
            "HomePositionQuery",
            51,
            CAMERA,
            "<HomePosition><Enabled>1</Enabled><ResetTime>30</ResetTime>"
            "<PresetIndex>1</PresetIndex></HomePosition>",
        ),
        ONLY_2022,
    ),
    Example(
        HomePositionResponse(51, CAMERA),
        body("Response", "HomePositionQuery", 51, CAMERA),
        ONLY_2022,
    ),
    Example(
        CruiseTrackListQuery(52, CAMERA),
        body("Query", "CruiseTrackListQuery", 52, CAMERA),
        ONLY_2022,
    ),
    Example(
        CruiseTrackListResponse(52, CAMERA, (CruiseTrack(0, "T0"),)),
        body(
            "Response",
            "CruiseTrackListQuery",
            52,
            CAMERA,
            '<SumNum>1</SumNum><CruiseTrackList Num="1"><CruiseTrack><Number>0</Number>'
            "<Name>T0</Name></CruiseTrack></CruiseTrackList>",
        ),
        ONLY_2022,
    ),
    Example(
        CruiseTrackQuery(53, CAMERA, 0),
        body("Query", "CruiseTrackQuery", 53, CAMERA, "<Number>0</Number>"),
        ONLY_2022,
    ),
    Example(
        CruiseTrackResponse(53, CAMERA, 0, "T0", (CruisePoint(3, 5, 8),)),
        body(
            "Response",
            "CruiseTrackQuery",
            53,
            CAMERA,
            '<Number>0</Number><Name>T0</Name><SumNum>1</SumNum><CruisePointList Num="1">'
            "<CruisePoint><PresetIndex>3</PresetIndex><StayTime>5</StayTime><Speed>8</Speed>"
            "</CruisePoint></CruisePointList>",
        ),
        ONLY_2022,
    ),
    Example(PtzPositionQuery(54, CAMERA), body("Query", "PTZPosition", 54, CAMERA), ONLY_2022),
    Example(
        PtzPositionResponse(54, CAMERA, PtzPosition(12.5, -3.0, 4.0, 60.0, 35.0, 200.0)),
        body(
            "Response",
            "PTZPosition",
            54,
            CAMERA,
            "<Pan>12.5</Pan><Tilt>-3.0</Tilt><Zoom>4.0</Zoom>"
            "<HorizontalFieldAngle>60</HorizontalFieldAngle>"
            "<VerticalFieldAngle>35</VerticalFieldAngle><MaxViewDistance>200</MaxViewDistance>",
        ),
        ONLY_2022,
        ((">60<", ">60.0<"), (">35<", ">35.0<"), (">200<", ">200.0<")),
    ),
    Example(SdCardStatusQuery(55, CAMERA), body("Query", "SDCardStatus", 55, CAMERA), ONLY_2022),
    Example(
        SdCardStatusResponse(55, CAMERA, 1, (SdCard(1, "SD Card 1", "ok", None, 32768, 24576),)),
        body(
            "Response",
            "SDCardStatus",
            55,
            CAMERA,
            '<SumNum>1</SumNum><SDCardStatusInfo Num="1"><Item><ID>1</ID>'
            "<HddName>SD Card 1</HddName><Status>ok</Status><Capacity>32768</Capacity>"
            "<FreeSpace>24576</FreeSpace></Item></SDCardStatusInfo>",
        ),
        ONLY_2022,
    ),
)
