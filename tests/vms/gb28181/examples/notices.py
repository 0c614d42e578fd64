"""What is told unasked, and the catalogue."""

from tests.vms.gb28181.examples.common import (
    ALARM_INPUT,
    CAMERA,
    CHANNEL,
    PLATFORM,
    RECORDER,
    SESSION,
    SPEAKER,
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
    AlarmNotify,
    AlarmResponse,
    BroadcastNotify,
    BroadcastResponse,
    CatalogChange,
    CatalogEvent,
    CatalogItem,
    CatalogNotify,
    CatalogReceipt,
    CatalogResponse,
    DeviceUpgradeResult,
    Keepalive,
    MediaStatus,
    MobilePositionNotify,
    Position,
    PtzPosition,
    PtzPositionNotify,
    Result,
    UploadSnapShotFinished,
    VideoUploadNotify,
)

AT = beijing("2024-05-01T16:00:05")
OLD_ITEM = CatalogItem(
    CHANNEL,
    "Camera 01",
    "Vendor",
    "IP Camera",
    "Property",
    "340200",
    "Hall",
    (RECORDER,),
    longitude=118.376451,
    latitude=31.326319,
    extra={"SafetyWay": "0", "RegisterWay": "1"},
)
NEW_ITEM = CatalogItem(
    CHANNEL,
    "Camera 01",
    "Vendor",
    "IPC",
    civil_code="340200",
    address="Gate",
    parent_ids=(RECORDER, "34020000002160000002"),
    ptz_type=1,
    longitude=118.376451,
    latitude=31.326319,
    extra={
        "RegisterWay": "1",
        "CapturePositionType": "0020100",
        "RoomType": "1",
        "SupplyLightType": "2",
        "Resolution": "6/5/4",
        "StreamNumberList": "0/1",
        "DownloadSpeed": "1/2/4",
        "GrassrootsCode": "000000",
        "PointType": "9",
    },
)
ALARM_XML = (
    "<AlarmPriority>4</AlarmPriority><AlarmMethod>5</AlarmMethod>"
    "<AlarmTime>2024-05-01T16:23:32</AlarmTime>"
    "<Longitude>118.3</Longitude><Latitude>31.3</Latitude>"
)
MOTION_XML = (
    "<Longitude>118.376451</Longitude><Latitude>31.326319</Latitude><Speed>32.5</Speed>"
    "<Direction>90.0</Direction><Altitude>15.0</Altitude>"
)

NOTICE_EXAMPLES = (
    Example(
        Keepalive(43, RECORDER, Result.OK, (ChannelId("34020000001320000003"),)),
        body(
            "Notify",
            "Keepalive",
            43,
            RECORDER,
            "<Status>OK</Status><Info><DeviceID>34020000001320000003</DeviceID></Info>",
        ),
        SINCE_2014,
    ),
    Example(
        Keepalive(43, RECORDER),
        body("Notify", "Keepalive", 43, RECORDER, "<Status>OK</Status>"),
    ),
    Example(
        AlarmNotify(
            1,
            ALARM_INPUT,
            4,
            5,
            beijing("2024-05-01T16:23:32"),
            longitude=118.3,
            latitude=31.3,
            alarm_type=6,
            event_type=1,
        ),
        body(
            "Notify",
            "Alarm",
            1,
            ALARM_INPUT,
            f"{ALARM_XML}<Info><AlarmType>6</AlarmType><AlarmTypeParam><EventType>1</EventType>"
            "</AlarmTypeParam></Info>",
        ),
        SINCE_2016,
    ),
    Example(
        AlarmNotify(
            1,
            ALARM_INPUT,
            4,
            5,
            beijing("2024-05-01T16:23:32"),
            longitude=118.3,
            latitude=31.3,
        ),
        body("Notify", "Alarm", 1, ALARM_INPUT, ALARM_XML),
    ),
    Example(
        AlarmResponse(1, ALARM_INPUT),
        body("Response", "Alarm", 1, ALARM_INPUT, "<Result>OK</Result>"),
    ),
    Example(
        MediaStatus(8, CAMERA, 121),
        body("Notify", "MediaStatus", 8, CAMERA, "<NotifyType>121</NotifyType>"),
    ),
    Example(
        MobilePositionNotify(
            7,
            CAMERA,
            AT,
            (Position(CHANNEL, AT, 118.376451, 31.326319, 32.5, 90.0, 15.0),),
            1,
        ),
        body(
            "Notify",
            "MobilePosition",
            7,
            CAMERA,
            f"<Time>2024-05-01T16:00:05</Time>{MOTION_XML}",
        ),
        UP_TO_2016,
    ),
    Example(
        MobilePositionNotify(
            8,
            RECORDER,
            beijing("2024-05-01T16:00:10"),
            (
                Position(
                    CHANNEL,
                    beijing("2024-05-01T16:00:09"),
                    118.376451,
                    31.326319,
                    32.5,
                    90.0,
                    15.0,
                    2.0,
                ),
            ),
            1,
        ),
        body(
            "Notify",
            "MobilePosition",
            8,
            RECORDER,
            '<Time>2024-05-01T16:00:10</Time><SumNum>1</SumNum><DeviceList Num="1"><Item>'
            f"<DeviceID>{CAMERA}</DeviceID><CaptureTime>2024-05-01T16:00:09</CaptureTime>"
            f"{MOTION_XML}<Height>2.0</Height></Item></DeviceList>",
        ),
        ONLY_2022,
    ),
    Example(
        PtzPositionNotify(64, CAMERA, PtzPosition(12.5, -3.0, 4.0)),
        body(
            "Notify",
            "PTZPosition",
            64,
            CAMERA,
            "<Pan>12.5</Pan><Tilt>-3.0</Tilt><Zoom>4.0</Zoom>",
        ),
        ONLY_2022,
    ),
    Example(
        UploadSnapShotFinished(61, CAMERA, SESSION, ("34020000001320000001022024050116000512301",)),
        body(
            "Notify",
            "UploadSnapShotFinished",
            61,
            CAMERA,
            f"<SessionID>{SESSION}</SessionID><SnapShotList>"
            "<SnapShotFileID>34020000001320000001022024050116000512301</SnapShotFileID>"
            "</SnapShotList>",
        ),
        ONLY_2022,
    ),
    Example(
        VideoUploadNotify(62, CAMERA, AT, 118.376451, 31.326319),
        body(
            "Notify",
            "VideoUploadNotify",
            62,
            CAMERA,
            "<Time>2024-05-01T16:00:05</Time><Longitude>118.376451</Longitude>"
            "<Latitude>31.326319</Latitude>",
        ),
        ONLY_2022,
    ),
    Example(
        DeviceUpgradeResult(63, RECORDER, SESSION, Result.ERROR, "V5.7.2", "02"),
        body(
            "Notify",
            "DeviceUpgradeResult",
            63,
            RECORDER,
            f"<SessionID>{SESSION}</SessionID><UpgradeResult>ERROR</UpgradeResult>"
            "<Firmware>V5.7.2</Firmware><UpgradeFailedReason>02</UpgradeFailedReason>",
        ),
        ONLY_2022,
    ),
    Example(
        BroadcastNotify(992, PLATFORM, SPEAKER),
        "<Notify><CmdType>Broadcast</CmdType><SN>992</SN>"
        "<SourceID>34020000002000000001</SourceID><TargetID>34020000001370000001</TargetID>"
        "</Notify>",
        SINCE_2014,
    ),
    Example(
        BroadcastResponse(992, SPEAKER),
        body("Response", "Broadcast", 992, SPEAKER, "<Result>OK</Result>"),
        SINCE_2014,
    ),
    Example(
        CatalogResponse(17430, RECORDER, 2, (OLD_ITEM,)),
        body(
            "Response",
            "Catalog",
            17430,
            RECORDER,
            '<SumNum>2</SumNum><DeviceList Num="1"><Item>'
            "<DeviceID>34020000001320000001</DeviceID><Name>Camera 01</Name>"
            "<Manufacturer>Vendor</Manufacturer><Model>IP Camera</Model><Owner>Property</Owner>"
            "<CivilCode>340200</CivilCode><Address>Hall</Address><Parental>0</Parental>"
            "<ParentID>34020000001180000001</ParentID><SafetyWay>0</SafetyWay>"
            "<RegisterWay>1</RegisterWay><Secrecy>0</Secrecy><Status>ON</Status>"
            "<Longitude>118.376451</Longitude><Latitude>31.326319</Latitude></Item></DeviceList>",
        ),
        UP_TO_2016,
    ),
    Example(
        CatalogResponse(17430, RECORDER, 1, (NEW_ITEM,)),
        body(
            "Response",
            "Catalog",
            17430,
            RECORDER,
            '<SumNum>1</SumNum><DeviceList Num="1"><Item>'
            "<DeviceID>34020000001320000001</DeviceID><Name>Camera 01</Name>"
            "<Manufacturer>Vendor</Manufacturer><Model>IPC</Model><CivilCode>340200</CivilCode>"
            "<Address>Gate</Address><Parental>0</Parental>"
            "<ParentID>34020000001180000001/34020000002160000002</ParentID>"
            "<RegisterWay>1</RegisterWay><Secrecy>0</Secrecy><Status>ON</Status>"
            "<Longitude>118.376451</Longitude><Latitude>31.326319</Latitude><Info>"
            "<PTZType>1</PTZType><CapturePositionType>0020100</CapturePositionType>"
            "<RoomType>1</RoomType><SupplyLightType>2</SupplyLightType>"
            "<Resolution>6/5/4</Resolution><StreamNumberList>0/1</StreamNumberList>"
            "<DownloadSpeed>1/2/4</DownloadSpeed><GrassrootsCode>000000</GrassrootsCode>"
            "<PointType>9</PointType></Info></Item></DeviceList>",
        ),
        ONLY_2022,
    ),
    Example(
        CatalogNotify(
            213,
            RECORDER,
            1,
            (
                CatalogChange(
                    CatalogEvent.DELETE,
                    CatalogItem(ChannelId("34020000002160000001"), name="Org"),
                ),
            ),
        ),
        body(
            "Notify",
            "Catalog",
            213,
            RECORDER,
            '<SumNum>1</SumNum><DeviceList Num="1"><Item>'
            "<DeviceID>34020000002160000001</DeviceID><Event>DEL</Event><Name>Org</Name></Item>"
            "</DeviceList>",
        ),
    ),
    Example(
        CatalogReceipt(213, RECORDER),
        body("Response", "Catalog", 213, RECORDER, "<Result>OK</Result>"),
        UP_TO_2016,
    ),
)
