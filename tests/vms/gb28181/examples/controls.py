"""DeviceControl, one sub-command each, and the answer."""

from tests.vms.gb28181.examples.common import (
    ALARM_INPUT,
    CAMERA,
    RECORDER,
    SECOND_CHANNEL,
    SESSION,
    Example,
    body,
    control,
)
from vms.gb28181.manscdp.editions import (
    EVERY,
    ONLY_2022,
    SINCE_2014,
    SINCE_2016,
    UP_TO_2016,
)
from vms.gb28181.manscdp.messages import (
    AlarmResetControl,
    DeviceControlResponse,
    DragZoomControl,
    FormatSdCardControl,
    GuardControl,
    HomePosition,
    HomePositionControl,
    KeyFrameControl,
    PtzControl,
    PtzPreciseControl,
    RebootControl,
    RecordControl,
    Result,
    TargetTrackControl,
    TrackMode,
    UpgradeControl,
    ZoomBox,
)

UP = bytes.fromhex("A50F00080080003C")
SET_PRESET = bytes.fromhex("A50F008100010036")
BOX = ZoomBox(1280, 720, 640, 360, 320, 180)
BOX_XML = (
    "<Length>1280</Length><Width>720</Width><MidPointX>640</MidPointX><MidPointY>360</MidPointY>"
    "<LengthX>320</LengthX><LengthY>180</LengthY>"
)

CONTROL_EXAMPLES = (
    Example(
        PtzControl(11, CAMERA, UP, priority=5),
        control(
            11,
            CAMERA,
            "<PTZCmd>A50F00080080003C</PTZCmd><Info><ControlPriority>5</ControlPriority></Info>",
        ),
        UP_TO_2016,
    ),
    Example(PtzControl(11, CAMERA, UP), control(11, CAMERA, "<PTZCmd>A50F00080080003C</PTZCmd>")),
    Example(
        PtzControl(13, CAMERA, SET_PRESET, preset_name="Gate"),
        control(
            13,
            CAMERA,
            "<PTZCmd>A50F008100010036</PTZCmd>"
            "<PTZCmdParams><PresetName>Gate</PresetName></PTZCmdParams>",
        ),
        ONLY_2022,
    ),
    Example(
        PtzControl(14, CAMERA, bytes.fromhex("A50F00880100003D"), cruise_track_name="Night"),
        control(
            14,
            CAMERA,
            "<PTZCmd>A50F00880100003D</PTZCmd>"
            "<PTZCmdParams><CruiseTrackName>Night</CruiseTrackName></PTZCmdParams>",
        ),
        ONLY_2022,
    ),
    Example(RebootControl(12, RECORDER), control(12, RECORDER, "<TeleBoot>Boot</TeleBoot>")),
    Example(
        RecordControl(17, CAMERA, is_start=True, stream_number=0),
        control(17, CAMERA, "<RecordCmd>Record</RecordCmd><StreamNumber>0</StreamNumber>"),
        ONLY_2022,
    ),
    Example(
        RecordControl(17, CAMERA, is_start=False),
        control(17, CAMERA, "<RecordCmd>StopRecord</RecordCmd>"),
    ),
    Example(
        GuardControl(18, ALARM_INPUT, is_set=True),
        control(18, ALARM_INPUT, "<GuardCmd>SetGuard</GuardCmd>"),
    ),
    Example(
        GuardControl(18, ALARM_INPUT, is_set=False),
        control(18, ALARM_INPUT, "<GuardCmd>ResetGuard</GuardCmd>"),
    ),
    Example(
        AlarmResetControl(19, ALARM_INPUT),
        control(19, ALARM_INPUT, "<AlarmCmd>ResetAlarm</AlarmCmd>"),
    ),
    Example(
        AlarmResetControl(19, ALARM_INPUT, (2,), (1,)),
        control(
            19,
            ALARM_INPUT,
            "<AlarmCmd>ResetAlarm</AlarmCmd>"
            "<Info><AlarmMethod>2</AlarmMethod><AlarmType>1</AlarmType></Info>",
        ),
        SINCE_2016,
    ),
    Example(
        AlarmResetControl(19, ALARM_INPUT, (2, 5)),
        control(
            19,
            ALARM_INPUT,
            "<AlarmCmd>ResetAlarm</AlarmCmd><Info><AlarmMethod>2/5</AlarmMethod></Info>",
        ),
        SINCE_2016,
    ),
    Example(
        KeyFrameControl(20, CAMERA), control(20, CAMERA, "<IFameCmd>Send</IFameCmd>"), UP_TO_2016
    ),
    Example(
        KeyFrameControl(21, CAMERA), control(21, CAMERA, "<IFrameCmd>Send</IFrameCmd>"), ONLY_2022
    ),
    Example(
        DragZoomControl(22, CAMERA, is_in=True, box=BOX),
        control(22, CAMERA, f"<DragZoomIn>{BOX_XML}</DragZoomIn>"),
        SINCE_2014,
    ),
    Example(
        DragZoomControl(28, CAMERA, is_in=False, box=BOX),
        control(28, CAMERA, f"<DragZoomOut>{BOX_XML}</DragZoomOut>"),
        SINCE_2014,
    ),
    Example(
        HomePositionControl(
            23, CAMERA, HomePosition(is_enabled=True, reset_time_s=30, preset_index=1)
        ),
        control(
            23,
            CAMERA,
            "<HomePosition><Enabled>1</Enabled><ResetTime>30</ResetTime>"
            "<PresetIndex>1</PresetIndex></HomePosition>",
        ),
        SINCE_2016,
    ),
    Example(
        PtzPreciseControl(24, CAMERA, 90.0, -5.5, 2.0),
        control(
            24,
            CAMERA,
            "<PTZPreciseCtrl><Pan>90.00</Pan><Tilt>-5.50</Tilt><Zoom>2.00</Zoom></PTZPreciseCtrl>",
        ),
        ONLY_2022,
        (("90.00", "90.0"), ("5.50", "5.5"), ("2.00", "2.0")),
    ),
    Example(
        UpgradeControl(
            25, RECORDER, "V5.7.3", "http://192.168.1.10/fw/v573.bin", "Vendor", SESSION
        ),
        control(
            25,
            RECORDER,
            "<DeviceUpgrade><Firmware>V5.7.3</Firmware>"
            "<FileURL>http://192.168.1.10/fw/v573.bin</FileURL><Manufacturer>Vendor</Manufacturer>"
            f"<SessionID>{SESSION}</SessionID></DeviceUpgrade>",
        ),
        ONLY_2022,
    ),
    Example(
        FormatSdCardControl(26, CAMERA, 1),
        control(26, CAMERA, "<FormatSDCard>1</FormatSDCard>"),
        ONLY_2022,
    ),
    Example(
        TargetTrackControl(
            27,
            CAMERA,
            TrackMode.MANUAL,
            SECOND_CHANNEL,
            ZoomBox(1920, 1080, 900, 500, 200, 300),
        ),
        control(
            27,
            CAMERA,
            "<TargetTrack>Manual</TargetTrack><DeviceID2>34020000001320000002</DeviceID2>"
            "<TargetArea><Length>1920</Length><Width>1080</Width><MidPointX>900</MidPointX>"
            "<MidPointY>500</MidPointY><LengthX>200</LengthX><LengthY>300</LengthY></TargetArea>",
        ),
        ONLY_2022,
    ),
    Example(
        TargetTrackControl(29, CAMERA, TrackMode.STOP),
        control(29, CAMERA, "<TargetTrack>Stop</TargetTrack>"),
        ONLY_2022,
    ),
    Example(
        DeviceControlResponse(17, CAMERA),
        body("Response", "DeviceControl", 17, CAMERA, "<Result>OK</Result>"),
        EVERY,
    ),
    Example(
        DeviceControlResponse(18, CAMERA, Result.ERROR),
        body("Response", "DeviceControl", 18, CAMERA, "<Result>ERROR</Result>"),
    ),
)
