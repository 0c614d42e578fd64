"""DeviceConfig and ConfigDownload, block by block, and the answer."""

from tests.vms.gb28181.examples.common import CAMERA, RECORDER, SESSION, Example, body
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.editions import (
    ONLY_2014,
    ONLY_2016,
    ONLY_2022,
    SINCE_2014,
    SINCE_2016,
)
from vms.gb28181.manscdp.messages import (
    AlarmReport,
    AudioParamConfig,
    AudioParamOpt,
    BasicParam,
    ConfigBlock,
    ConfigControl,
    ConfigDownloadQuery,
    ConfigDownloadResponse,
    DaySchedule,
    DeviceConfigResponse,
    FrameMirror,
    MaskRegion,
    NamedAudioStream,
    NamedVideoStream,
    OsdConfig,
    OsdText,
    PictureMask,
    PixelBox,
    Result,
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
from vms.gb28181.version import Edition

BASIC = "<BasicParam><Name>NVR</Name><Expiration>3600</Expiration>"
BASIC_END = "<HeartBeatInterval>60</HeartBeatInterval><HeartBeatCount>3</HeartBeatCount>"
ALL_OF_MONDAY = VideoRecordPlan(
    is_enabled=True, days=(DaySchedule(1, (TimeSegment(0, 0, 0, 23, 59, 59),)),), stream_number=0
)
OSD = OsdConfig(
    window_width_px=1920,
    window_height_px=1080,
    time_x_px=10,
    time_y_px=10,
    time_type=0,
    texts=(OsdText("Gate", 100, 900),),
)
SNAP = SnapShotConfig(
    snap_count=1,
    upload_url=f"http://192.168.1.10:8080/snap/{SESSION}",
    session_id=SESSION,
    interval_s=1,
)
SNAP_XML = (
    f"<SnapNum>1</SnapNum><Interval>1</Interval>"
    f"<UploadURL>http://192.168.1.10:8080/snap/{SESSION}</UploadURL>"
    f"<SessionID>{SESSION}</SessionID>"
)


def written(
    sn: int, device_id: DeviceId, block: ConfigBlock, xml: str, editions: frozenset[Edition]
) -> Example:
    """A DeviceConfig of one block."""
    return Example(
        ConfigControl(sn, device_id, (block,)),
        body("Control", "DeviceConfig", sn, device_id, xml),
        editions,
    )


def read(block: ConfigBlock, xml: str, editions: frozenset[Edition]) -> Example:
    """The answer to a ConfigDownload of one block."""
    return Example(
        ConfigDownloadResponse(17433, RECORDER, Result.OK, (block,)),
        body("Response", "ConfigDownload", 17433, RECORDER, f"<Result>OK</Result>{xml}"),
        editions,
    )


CONFIG_EXAMPLES = (
    written(
        31,
        RECORDER,
        BasicParam("NVR", 3600, 60, 3),
        f"{BASIC}{BASIC_END}</BasicParam>",
        SINCE_2014,
    ),
    written(
        30,
        RECORDER,
        BasicParam(
            "NVR",
            3600,
            60,
            3,
            own_id=RECORDER,
            server_id="34020000002000000001",
            server_ip="192.168.1.10",
            server_port=5060,
            domain_name="3402000000",
        ),
        "<BasicParam><Name>NVR</Name><DeviceID>34020000001180000001</DeviceID>"
        "<SIPServerID>34020000002000000001</SIPServerID><SIPServerIP>192.168.1.10</SIPServerIP>"
        "<SIPServerPort>5060</SIPServerPort><DomainName>3402000000</DomainName>"
        f"<Expiration>3600</Expiration>{BASIC_END}</BasicParam>",
        ONLY_2014,
    ),
    read(
        BasicParam("NVR", 3600, 60, 3, 0, 0.0, 0.0),
        f"{BASIC}{BASIC_END}<PositionCapability>0</PositionCapability>"
        "<Longitude>0.0</Longitude><Latitude>0.0</Latitude></BasicParam>",
        ONLY_2016,
    ),
    read(
        VideoParamOpt(("1", "2", "4"), ("4", "5", "6")),
        "<VideoParamOpt><DownloadSpeed>1/2/4</DownloadSpeed><Resolution>4/5/6</Resolution>"
        "</VideoParamOpt>",
        SINCE_2016,
    ),
    read(
        VideoParamOpt(("1", "2"), ("4", "5"), ("1", "2"), ("15", "25"), ("1", "2"), ("2048",)),
        "<VideoParamOpt><VideoFormatOpt>1/2</VideoFormatOpt><ResolutionOpt>4/5</ResolutionOpt>"
        "<FrameRateOpt>15/25</FrameRateOpt><BitRateTypeOpt>1/2</BitRateTypeOpt>"
        "<VideoBitRateOpt>2048</VideoBitRateOpt><DownloadSpeedOpt>1/2</DownloadSpeedOpt>"
        "</VideoParamOpt>",
        ONLY_2014,
    ),
    written(
        42,
        CAMERA,
        VideoParamConfig((NamedVideoStream("Stream1", "2", "5", "25", "1", "2048"),)),
        '<VideoParamConfig Num="1"><Item><StreamName>Stream1</StreamName>'
        "<VideoFormat>2</VideoFormat><Resolution>5</Resolution><FrameRate>25</FrameRate>"
        "<BitRateType>1</BitRateType><VideoBitRate>2048</VideoBitRate></Item></VideoParamConfig>",
        ONLY_2014,
    ),
    read(
        AudioParamOpt(("1", "3"), ("64",), ("8",)),
        "<AudioParamOpt><AudioFormatOpt>1/3</AudioFormatOpt><AudioBitRateOpt>64</AudioBitRateOpt>"
        "<SamplingRateOpt>8</SamplingRateOpt></AudioParamOpt>",
        ONLY_2014,
    ),
    written(
        43,
        CAMERA,
        AudioParamConfig((NamedAudioStream("Stream1", "1", "64", "8"),)),
        '<AudioParamConfig Num="1"><Item><StreamName>Stream1</StreamName>'
        "<AudioFormat>1</AudioFormat><AudioBitRate>64</AudioBitRate>"
        "<SamplingRate>8</SamplingRate></Item></AudioParamConfig>",
        ONLY_2014,
    ),
    written(
        32,
        CAMERA,
        SNAP,
        f"<SnapShotConfig>{SNAP_XML}</SnapShotConfig>",
        ONLY_2022,
    ),
    read(SNAP, f"<SnapShot>{SNAP_XML}</SnapShot>", ONLY_2022),
    written(
        33,
        CAMERA,
        VideoParamAttribute((VideoStreamAttribute(0, "5", "6", "25", "1", "4096"),)),
        '<VideoParamAttribute Num="1"><Item><StreamNumber>0</StreamNumber>'
        "<VideoFormat>5</VideoFormat><Resolution>6</Resolution><FrameRate>25</FrameRate>"
        "<BitRateType>1</BitRateType><VideoBitRate>4096</VideoBitRate></Item>"
        "</VideoParamAttribute>",
        ONLY_2022,
    ),
    written(
        34,
        CAMERA,
        ALL_OF_MONDAY,
        "<VideoRecordPlan><RecordEnable>1</RecordEnable>"
        "<RecordScheduleSumNum>1</RecordScheduleSumNum><RecordSchedule><WeekDayNum>1</WeekDayNum>"
        "<TimeSegmentSumNum>1</TimeSegmentSumNum><TimeSegment><StartHour>0</StartHour>"
        "<StartMin>0</StartMin><StartSec>0</StartSec><StopHour>23</StopHour><StopMin>59</StopMin>"
        "<StopSec>59</StopSec></TimeSegment></RecordSchedule><StreamNumber>0</StreamNumber>"
        "</VideoRecordPlan>",
        ONLY_2022,
    ),
    written(
        35,
        CAMERA,
        VideoAlarmRecord(is_enabled=True, record_time_s=30, pre_record_time_s=5, stream_number=0),
        "<VideoAlarmRecord><RecordEnable>1</RecordEnable><RecordTime>30</RecordTime>"
        "<PreRecordTime>5</PreRecordTime><StreamNumber>0</StreamNumber></VideoAlarmRecord>",
        ONLY_2022,
    ),
    written(
        36,
        CAMERA,
        PictureMask(is_on=True, regions=(MaskRegion(1, PixelBox(20, 30, 50, 60)),)),
        '<PictureMask><On>1</On><SumNum>1</SumNum><RegionList Num="1"><Item><Seq>1</Seq>'
        "<Point>20,30,50,60</Point></Item></RegionList></PictureMask>",
        ONLY_2022,
    ),
    written(37, CAMERA, FrameMirror(3), "<FrameMirror>3</FrameMirror>", ONLY_2022),
    written(
        38,
        CAMERA,
        AlarmReport(is_motion_reported=True, is_intrusion_reported=False),
        "<AlarmReport><MotionDetection>1</MotionDetection><FieldDetection>0</FieldDetection>"
        "</AlarmReport>",
        ONLY_2022,
    ),
    written(
        39,
        CAMERA,
        OSD,
        "<OSDConfig><Length>1920</Length><Width>1080</Width><TimeX>10</TimeX><TimeY>10</TimeY>"
        "<TimeEnable>1</TimeEnable><TimeType>0</TimeType><TextEnable>1</TextEnable>"
        "<SumNum>1</SumNum><Item><Text>Gate</Text><X>100</X><Y>900</Y></Item></OSDConfig>",
        ONLY_2022,
    ),
    written(
        40,
        CAMERA,
        SvacEncodeConfig("<ROIParam><ROIFlag>0</ROIFlag><ROINumber>0</ROINumber></ROIParam>"),
        "<SVACEncodeConfig><ROIParam><ROIFlag>0</ROIFlag><ROINumber>0</ROINumber></ROIParam>"
        "</SVACEncodeConfig>",
        SINCE_2014,
    ),
    written(
        41,
        CAMERA,
        SvacDecodeConfig("<SVCParam><SVCSTMMode>0</SVCSTMMode></SVCParam>"),
        "<SVACDecodeConfig><SVCParam><SVCSTMMode>0</SVCSTMMode></SVCParam></SVACDecodeConfig>",
        SINCE_2014,
    ),
    read(
        SvacDecodeConfig("<SurveillanceParam><AlerShowtFlag>1</AlerShowtFlag></SurveillanceParam>"),
        "<SVACDecodeConfig><SurveillanceParam><AlerShowtFlag>1</AlerShowtFlag>"
        "</SurveillanceParam></SVACDecodeConfig>",
        SINCE_2014,
    ),
    Example(
        DeviceConfigResponse(31, RECORDER),
        body("Response", "DeviceConfig", 31, RECORDER, "<Result>OK</Result>"),
        SINCE_2014,
    ),
    Example(
        ConfigDownloadQuery(17433, RECORDER, ("BasicParam", "VideoParamOpt")),
        body(
            "Query",
            "ConfigDownload",
            17433,
            RECORDER,
            "<ConfigType>BasicParam/VideoParamOpt</ConfigType>",
        ),
        SINCE_2014,
    ),
)
