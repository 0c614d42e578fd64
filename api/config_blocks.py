"""The blocks of a configuration as requests write them (GB/T 28181-2022 annex A.2.3.2).

Ranges are the standard's where it has any. What the API reads back is shown by the dataclasses of
`vms.gb28181.manscdp` themselves: devices have values that nobody would write.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from api.schemas import Strict
from vms.gb28181.manscdp import messages
from vms.gb28181.manscdp.messages import ConfigBlock

Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
Code = Annotated[
    str,
    Field(max_length=32, pattern=r"^[0-9A-Za-z*/.x-]*$", description="As in the SDP's f line."),
]
Id20 = Annotated[str, Field(pattern=r"^[0-9]{0,20}$")]
Flag = bool
Pixels = Annotated[int, Field(ge=0, le=16_384)]
StreamNumber = Annotated[int, Field(ge=0, le=15, description="0 is the main one.")]
Hour = Annotated[int, Field(ge=0, le=23)]
Sixtieth = Annotated[int, Field(ge=0, le=59)]
Xml = Annotated[
    str,
    Field(min_length=1, max_length=16_384, description="The block's content as XML text."),
]


class BasicParamIn(Strict):
    """Name, registration and keepalive; what is left out stays. From own_id on: 2014 only."""

    config_type: Literal["BasicParam"]
    name: Text = ""
    expiration_s: int | None = Field(default=None, ge=3600, le=4_294_967_295)
    heartbeat_interval_s: int | None = Field(default=None, ge=1, le=86_400)
    heartbeat_count: int | None = Field(default=None, ge=1, le=255)
    own_id: Id20 = ""
    server_id: Id20 = ""
    server_ip: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z:.-]*$")] = ""
    server_port: int | None = Field(default=None, ge=1, le=65_535)
    domain_name: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z.-]*$")] = ""
    password: Annotated[str, Field(max_length=64, description="Written, never read.")] = ""

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        return messages.BasicParam(**self.model_dump(exclude={"config_type"}))


class NamedVideoStreamIn(Strict):
    """How one stream is encoded."""

    stream_name: Annotated[str, Field(max_length=32, examples=["Stream1"])]
    video_format: Code = ""
    resolution: Code = ""
    frame_rate: Code = ""
    bit_rate_type: Code = ""
    video_bit_rate: Code = ""


class VideoParamConfigIn(Strict):
    """How each stream is encoded (2014 only)."""

    config_type: Literal["VideoParamConfig"]
    streams: list[NamedVideoStreamIn] = Field(min_length=1, max_length=16)

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        streams = [messages.NamedVideoStream(**each.model_dump()) for each in self.streams]
        return messages.VideoParamConfig(tuple(streams))


class NamedAudioStreamIn(Strict):
    """How the sound of one stream is encoded."""

    stream_name: Annotated[str, Field(max_length=32, examples=["Stream1"])]
    audio_format: Code = ""
    audio_bit_rate: Code = ""
    sampling_rate: Code = ""


class AudioParamConfigIn(Strict):
    """How each stream's sound is encoded (2014 only)."""

    config_type: Literal["AudioParamConfig"]
    streams: list[NamedAudioStreamIn] = Field(min_length=1, max_length=16)

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        streams = [messages.NamedAudioStream(**each.model_dump()) for each in self.streams]
        return messages.AudioParamConfig(tuple(streams))


class VideoStreamIn(Strict):
    """How one stream is encoded; codes where there are any, else `WxH` as resolution."""

    stream_number: StreamNumber
    video_format: Code = ""
    resolution: Code = ""
    frame_rate: Code = ""
    bit_rate_type: Code = ""
    video_bit_rate: Code = ""


class VideoParamAttributeIn(Strict):
    """How each stream is encoded."""

    config_type: Literal["VideoParamAttribute"]
    streams: list[VideoStreamIn] = Field(min_length=1, max_length=16)

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        streams = [messages.VideoStreamAttribute(**each.model_dump()) for each in self.streams]
        return messages.VideoParamAttribute(tuple(streams))


class TimeSegmentIn(Strict):
    """A stretch of a day."""

    start_hour: Hour
    start_minute: Sixtieth
    start_second: Sixtieth = 0
    stop_hour: Hour
    stop_minute: Sixtieth
    stop_second: Sixtieth = 0

    @model_validator(mode="after")
    def _in_order(self) -> "TimeSegmentIn":
        start = (self.start_hour, self.start_minute, self.start_second)
        if start >= (self.stop_hour, self.stop_minute, self.stop_second):
            raise ValueError("a stretch of a day ends after it begins")
        return self


class DayScheduleIn(Strict):
    """When to record on one day of the week."""

    week_day: int = Field(ge=1, le=7, description="1 is Monday.")
    segments: list[TimeSegmentIn] = Field(min_length=1, max_length=8)


class VideoRecordPlanIn(Strict):
    """When a camera records on its own."""

    config_type: Literal["VideoRecordPlan"]
    is_enabled: Flag
    days: list[DayScheduleIn] = Field(default_factory=list, max_length=7)
    stream_number: StreamNumber = 0

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        days = [
            messages.DaySchedule(
                day.week_day,
                tuple(messages.TimeSegment(**each.model_dump()) for each in day.segments),
            )
            for day in self.days
        ]
        return messages.VideoRecordPlan(self.is_enabled, tuple(days), self.stream_number)


class VideoAlarmRecordIn(Strict):
    """How long a camera records around an alarm."""

    config_type: Literal["VideoAlarmRecord"]
    is_enabled: Flag
    record_time_s: int | None = Field(default=None, ge=0, le=86_400, description="After it.")
    pre_record_time_s: int | None = Field(default=None, ge=0, le=3_600, description="Before it.")
    stream_number: StreamNumber = 0

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        return messages.VideoAlarmRecord(**self.model_dump(exclude={"config_type"}))


class PixelBoxIn(Strict):
    """Two corners in pixels."""

    left_px: Pixels
    top_px: Pixels
    right_px: Pixels
    bottom_px: Pixels

    @model_validator(mode="after")
    def _ordered(self) -> "PixelBoxIn":
        if self.left_px > self.right_px or self.top_px > self.bottom_px:
            raise ValueError("the second corner is the lower right one")
        return self


class MaskRegionIn(Strict):
    """A hidden part of the picture."""

    seq: int = Field(ge=1, le=4, description="Which slot.")
    box: PixelBoxIn


class PictureMaskIn(Strict):
    """The hidden parts of the picture. Slots that are not named are cleared."""

    config_type: Literal["PictureMask"]
    is_on: Flag
    regions: list[MaskRegionIn] = Field(default_factory=list, max_length=4)

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        regions = [
            messages.MaskRegion(each.seq, messages.PixelBox(**each.box.model_dump()))
            for each in self.regions
        ]
        return messages.PictureMask(self.is_on, tuple(regions))


class FrameMirrorIn(Strict):
    """The picture mirrored."""

    config_type: Literal["FrameMirror"]
    mode: int = Field(ge=0, le=3, description="0 not, 1 left and right, 2 top and bottom, 3 both.")

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        return messages.FrameMirror(self.mode)


class AlarmReportIn(Strict):
    """Whether motion and intrusion are reported."""

    config_type: Literal["AlarmReport"]
    is_motion_reported: Flag
    is_intrusion_reported: Flag

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        return messages.AlarmReport(self.is_motion_reported, self.is_intrusion_reported)


class OsdTextIn(Strict):
    """A line of text in the picture."""

    text: Annotated[str, Field(max_length=32, pattern=r"^[^\x00-\x1f\x7f]*$")]
    x_px: Pixels
    y_px: Pixels


class OsdConfigIn(Strict):
    """Time and texts in the picture, placed in a window of the given size."""

    config_type: Literal["OSDConfig"]
    window_width_px: Pixels
    window_height_px: Pixels
    time_x_px: Pixels
    time_y_px: Pixels
    is_time_shown: Flag = True
    time_type: Literal[0, 1] | None = Field(
        default=None, description="0: 2026-03-01, 1: 2026年03月01日."
    )
    is_text_shown: Flag = True
    texts: list[OsdTextIn] = Field(default_factory=list, max_length=8)

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        values: dict[str, Any] = self.model_dump(exclude={"config_type", "texts"})
        texts = [messages.OsdText(**each.model_dump()) for each in self.texts]
        return messages.OsdConfig(**values, texts=tuple(texts))


class SvacEncodeConfigIn(Strict):
    """SVAC's own parameters."""

    config_type: Literal["SVACEncodeConfig"]
    xml: Xml

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        return messages.SvacEncodeConfig(self.xml)


class SvacDecodeConfigIn(Strict):
    """SVAC's own parameters."""

    config_type: Literal["SVACDecodeConfig"]
    xml: Xml

    def block(self) -> ConfigBlock:
        """As the codec has it."""
        return messages.SvacDecodeConfig(self.xml)


BlockIn = Annotated[
    BasicParamIn
    | VideoParamConfigIn
    | AudioParamConfigIn
    | VideoParamAttributeIn
    | VideoRecordPlanIn
    | VideoAlarmRecordIn
    | PictureMaskIn
    | FrameMirrorIn
    | AlarmReportIn
    | OsdConfigIn
    | SvacEncodeConfigIn
    | SvacDecodeConfigIn,
    Field(discriminator="config_type"),
]
"""Every block that can be written; SnapShotConfig is an order: `control/snapshot-config`."""
