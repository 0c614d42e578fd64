"""What a device is told to do, row by row (GB/T 28181-2022 annex A.2.3.1)."""

from typing import Any

from vms.gb28181.manscdp.command import Answer, Command, Direction, Root
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
from vms.gb28181.manscdp.editions import (
    EVERY,
    ONLY_2022,
    SINCE_2014,
    SINCE_2016,
    UP_TO_2016,
)
from vms.gb28181.manscdp.forms.answers import HOME_POSITION
from vms.gb28181.manscdp.scalars import (
    CHANNEL_ID,
    DECIMAL,
    EIGHT_BYTES,
    INTEGER,
    METHODS_APART,
    NUMBERS,
    switch,
    word,
)
from vms.gb28181.manscdp.schema import Block, Editions, Fixed, Group, Leaf, Shape, info

_BOX = Shape(
    ZoomBox,
    Leaf("window_width_px", "Length", INTEGER),
    Leaf("window_height_px", "Width", INTEGER),
    Leaf("middle_x_px", "MidPointX", INTEGER),
    Leaf("middle_y_px", "MidPointY", INTEGER),
    Leaf("box_width_px", "LengthX", INTEGER),
    Leaf("box_height_px", "LengthY", INTEGER),
)


def _control(
    sub_commands: str,
    form: Shape[Any],
    answer: Answer = Answer.NONE,
    editions: Editions = EVERY,
) -> Command:
    return Command(
        form.cls,
        Root.CONTROL,
        "DeviceControl",
        form,
        Direction.TO_DEVICE,
        answer,
        editions,
        tuple(sub_commands.split()),
    )


CONTROLS = (
    _control(
        "PTZCmd",
        Shape(
            PtzControl,
            Leaf("code", "PTZCmd", EIGHT_BYTES),
            Group(
                "PTZCmdParams",
                (
                    Leaf("preset_name", "PresetName"),
                    Leaf("cruise_track_name", "CruiseTrackName"),
                ),
                ONLY_2022,
            ),
            info(Leaf("priority", "ControlPriority", INTEGER), editions=UP_TO_2016),
        ),
    ),
    _control("TeleBoot", Shape(RebootControl, Fixed("TeleBoot", "Boot"))),
    _control(
        "RecordCmd",
        Shape(
            RecordControl,
            Leaf("is_start", "RecordCmd", switch("Record", "StopRecord")),
            Leaf("stream_number", "StreamNumber", INTEGER, ONLY_2022),
        ),
        Answer.RESULT,
    ),
    _control(
        "GuardCmd",
        Shape(GuardControl, Leaf("is_set", "GuardCmd", switch("SetGuard", "ResetGuard"))),
        Answer.RESULT,
    ),
    _control(
        "AlarmCmd",
        Shape(
            AlarmResetControl,
            Fixed("AlarmCmd", "ResetAlarm"),
            info(
                Leaf("methods", "AlarmMethod", METHODS_APART),
                Leaf("types", "AlarmType", NUMBERS),
                editions=SINCE_2016,
            ),
        ),
        Answer.RESULT,
    ),
    _control(
        # The edition of 2016 misprints it, and its devices follow.
        "IFameCmd IFrameCmd",
        Shape(
            KeyFrameControl,
            Fixed("IFameCmd", "Send", UP_TO_2016),
            Fixed("IFrameCmd", "Send", ONLY_2022),
        ),
        editions=SINCE_2016,
    ),
    _control(
        "DragZoomIn",
        Shape(DragZoomControl, Block("box", "DragZoomIn", _BOX), fixed={"is_in": True}),
        editions=SINCE_2014,
    ),
    _control(
        "DragZoomOut",
        Shape(DragZoomControl, Block("box", "DragZoomOut", _BOX), fixed={"is_in": False}),
        editions=SINCE_2014,
    ),
    _control(
        "HomePosition",
        Shape(HomePositionControl, Block("home", "HomePosition", HOME_POSITION)),
        Answer.RESULT,
        SINCE_2016,
    ),
    _control(
        "PTZPreciseCtrl",
        Shape(
            PtzPreciseControl,
            Group(
                "PTZPreciseCtrl",
                (
                    Leaf("pan_deg", "Pan", DECIMAL),
                    Leaf("tilt_deg", "Tilt", DECIMAL),
                    Leaf("zoom", "Zoom", DECIMAL),
                ),
                is_written_empty=True,
            ),
        ),
        editions=ONLY_2022,
    ),
    _control(
        "DeviceUpgrade",
        Shape(
            UpgradeControl,
            Group(
                "DeviceUpgrade",
                (
                    Leaf("firmware", "Firmware"),
                    Leaf("file_url", "FileURL"),
                    Leaf("manufacturer", "Manufacturer"),
                    Leaf("session_id", "SessionID"),
                ),
                is_written_empty=True,
            ),
        ),
        Answer.RESULT,
        ONLY_2022,
    ),
    _control(
        "FormatSDCard",
        Shape(FormatSdCardControl, Leaf("card", "FormatSDCard", INTEGER)),
        editions=ONLY_2022,
    ),
    _control(
        "TargetTrack",
        Shape(
            TargetTrackControl,
            Leaf("mode", "TargetTrack", word(TrackMode)),
            Leaf("second_channel_id", "DeviceID2", CHANNEL_ID),
            Block("area", "TargetArea", _BOX),
        ),
        editions=ONLY_2022,
    ),
)
