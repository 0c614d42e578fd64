"""The element names of MANSCDP, as the standard spells them (annex A.2)."""

import re

ROOTS = frozenset({"Control", "Query", "Notify", "Response"})
"""What a body may be."""

INFO_BLOCKS = frozenset({"Info", "ExtraInfo"})
"""Their leaves count as those of what they stand in."""

KNOWN_TAGS = (
    ROOTS
    | INFO_BLOCKS
    | frozenset(
        re.findall(
            r"\w+",
            """
        CmdType SN DeviceID Item Status SumNum DeviceList Result Name Manufacturer Model
        Owner CivilCode Block Address Parental ParentID SafetyWay RegisterWay CertNum
        Certifiable ErrCode EndTime SecurityLevelCode Secrecy IPAddress Port Password
        Longitude Latitude BusinessGroupID PTZType Event DeviceName Firmware Channel Online
        Reason Encode Record DeviceTime Alarmstatus DutyStatus AlarmPriority AlarmMethod
        AlarmTime AlarmDescription AlarmType AlarmTypeParam EventType NotifyType IFameCmd
        IFrameCmd SourceID TargetID PositionType RoomType UseType SupplyLightType DirectionType
        Resolution DownloadSpeed SVCSpaceSupportMode SVCTimeSupportMode
        PhotoelectricImagingType CapturePositionType StreamNumberList SSVCRatioSupportList
        MobileDeviceType HorizontalFieldAngle VerticalFieldAngle MaxViewDistance GrassrootsCode
        PointType PointCommonName MAC FunctionType EncodeType InstallTime ManagementUnit
        ContactInfo RecordSaveDays IndustrialClassification
        """,
        )
    )
)
LEAF_TAGS = KNOWN_TAGS - ROOTS - INFO_BLOCKS - {"Item", "DeviceList"}
"""Elements that hold a text."""
