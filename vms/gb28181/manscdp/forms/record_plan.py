"""When a camera records on its own: blocks within blocks (the 2022 edition's VideoRecordPlan)."""

from vms.gb28181.manscdp.configs import DaySchedule, TimeSegment, VideoRecordPlan
from vms.gb28181.manscdp.scalars import FLAG, INTEGER, integer
from vms.gb28181.manscdp.schema import Leaf, Repeated, Shape

_HOUR = integer(0, 23)
_SIXTY = integer(0, 59)
_SEGMENT = Shape(
    TimeSegment,
    Leaf("start_hour", "StartHour", _HOUR),
    Leaf("start_minute", "StartMin", _SIXTY),
    Leaf("start_second", "StartSec", _SIXTY),
    Leaf("stop_hour", "StopHour", _HOUR),
    Leaf("stop_minute", "StopMin", _SIXTY),
    Leaf("stop_second", "StopSec", _SIXTY),
)
_DAY = Shape(
    DaySchedule,
    Leaf("week_day", "WeekDayNum", integer(1, 7)),
    Repeated("segments", "TimeSegment", _SEGMENT, counter="TimeSegmentSumNum"),
)
RECORD_PLAN = Shape(
    VideoRecordPlan,
    Leaf("is_enabled", "RecordEnable", FLAG),
    Repeated("days", "RecordSchedule", _DAY, counter="RecordScheduleSumNum"),
    Leaf("stream_number", "StreamNumber", INTEGER),
)
