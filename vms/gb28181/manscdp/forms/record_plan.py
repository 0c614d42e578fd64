"""When a camera records on its own: blocks within blocks (the 2022 edition's VideoRecordPlan)."""

from collections.abc import Mapping
from dataclasses import replace

from vms.gb28181.manscdp.configs import DaySchedule, TimeSegment, VideoRecordPlan
from vms.gb28181.manscdp.node import Node
from vms.gb28181.manscdp.scalars import FLAG, INTEGER, integer, ordinal
from vms.gb28181.manscdp.schema import Leaf, Repeated, Shape
from vms.gb28181.manscdp.tolerances import Tolerance

_HOUR = integer(0, 23)
_SIXTY = integer(0, 59)
_MIDNIGHT = 24


class _SegmentShape(Shape[TimeSegment]):
    """Some cameras let a day end at 24:00:00, which the standard has no hour for."""

    def read(self, node: Node, given: Mapping[str, object] | None = None) -> TimeSegment:
        """Its last second, noted."""
        segment = super().read(node, given)
        if segment.stop_hour != _MIDNIGHT:
            return segment
        node.notes.add(Tolerance.NUMBER_RANGE)
        return replace(segment, stop_hour=23, stop_minute=59, stop_second=59)


_SEGMENT = _SegmentShape(
    TimeSegment,
    Leaf("start_hour", "StartHour", _HOUR),
    Leaf("start_minute", "StartMin", _SIXTY),
    Leaf("start_second", "StartSec", _SIXTY),
    Leaf("stop_hour", "StopHour", integer(0, _MIDNIGHT)),
    Leaf("stop_minute", "StopMin", _SIXTY),
    Leaf("stop_second", "StopSec", _SIXTY),
)
_DAY = Shape(
    DaySchedule,
    Leaf("week_day", "WeekDayNum", ordinal(1, 7)),
    Repeated("segments", "TimeSegment", _SEGMENT, counter="TimeSegmentSumNum"),
)
RECORD_PLAN = Shape(
    VideoRecordPlan,
    Leaf("is_enabled", "RecordEnable", FLAG),
    Repeated("days", "RecordSchedule", _DAY, counter="RecordScheduleSumNum"),
    Leaf("stream_number", "StreamNumber", INTEGER),
)
