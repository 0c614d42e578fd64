"""What a device tells unasked, row by row (GB/T 28181-2022 annex A.2.5)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.command import Answer, Command, Direction, Root, notify, response
from vms.gb28181.manscdp.document import Document
from vms.gb28181.manscdp.editions import ONLY_2022, SINCE_2014, SINCE_2016, UP_TO_2016
from vms.gb28181.manscdp.forms.answers import ANSWERED, PTZ_POSITION
from vms.gb28181.manscdp.forms.queries import PRIORITY
from vms.gb28181.manscdp.notifies import (
    AlarmNotify,
    AlarmResponse,
    BroadcastNotify,
    BroadcastResponse,
    DeviceUpgradeResult,
    Keepalive,
    MediaStatus,
    MobilePositionNotify,
    Position,
    PtzPositionNotify,
    UploadSnapShotFinished,
    VideoUploadNotify,
)
from vms.gb28181.manscdp.scalars import (
    CHANNEL_ID,
    DECIMAL,
    DEVICE_ID,
    INTEGER,
    LATITUDE,
    LONGITUDE,
    RESULT,
    TEXT,
    TIME,
)
from vms.gb28181.manscdp.schema import Group, Inline, Leaf, Repeated, Shape, info
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.gb28181.version import Edition

_MOTION = (
    Leaf("longitude", "Longitude", LONGITUDE),
    Leaf("latitude", "Latitude", LATITUDE),
    Leaf("speed_kmh", "Speed", DECIMAL),
    Leaf("direction_deg", "Direction", DECIMAL),
    Leaf("altitude_m", "Altitude", DECIMAL),
)
_UNTOLD: Mapping[str, object] = {"source_id": None, "captured_at": None}
_ONE_POSITION = Shape(Position, Leaf("captured_at", "Time", TIME), *_MOTION, absent=_UNTOLD)
_LISTED_POSITION = Shape(
    Position,
    Leaf("source_id", "DeviceID", CHANNEL_ID),
    Leaf("captured_at", "CaptureTime", TIME),
    *_MOTION,
    Leaf("height_m", "Height", DECIMAL),
    absent=_UNTOLD,
)
_POSITIONS: Shape[Any] = Shape(
    MobilePositionNotify,
    Leaf("reported_at", "Time", TIME),
    Repeated("positions", "Item", _LISTED_POSITION, "DeviceList", total="total", damaged="damaged"),
)


class PositionsForm:
    """One position among the message's own elements up to 2016, a list of them since 2022."""

    def read_message(
        self, document: Document, sn: int, device_id: DeviceId | None
    ) -> MobilePositionNotify:
        """The positions; one that does not read is counted as damaged."""
        node = document.node
        if not node.has("Longitude"):
            message: MobilePositionNotify = _POSITIONS.read(
                node, {"sn": sn, "device_id": device_id}
            )
            return message
        source_id = ChannelId(device_id) if device_id else None
        try:
            one = replace(_ONE_POSITION.read(node), source_id=source_id)
        except ProtocolError:
            document.notes.add(Tolerance.ITEM_DAMAGED)
            return MobilePositionNotify(sn, device_id, total=1, damaged=1)
        return MobilePositionNotify(sn, device_id, one.captured_at, (one,), 1)

    def lines(self, value: MobilePositionNotify, edition: Edition) -> Iterator[str]:
        """Raises `ProtocolError` where the edition's form has no room for what is to be said."""
        if edition in UP_TO_2016:
            if len(value.positions) != 1:
                raise ProtocolError(
                    f"{len(value.positions)} positions in a message that has room for one"
                )
            at = value.reported_at or value.positions[0].captured_at
            return _ONE_POSITION.lines(replace(value.positions[0], captured_at=at), edition)
        named = tuple(self._named(one, value.device_id) for one in value.positions)
        return _POSITIONS.lines(replace(value, positions=named), edition)

    def _named(self, position: Position, sender: DeviceId | None) -> Position:
        if position.source_id is not None or sender is None:
            return position
        return replace(position, source_id=ChannelId(sender))

    def fits(self, value: object) -> bool:
        """The only form of its class."""
        return isinstance(value, MobilePositionNotify)


NOTIFIES = (
    notify(
        Keepalive,
        "Keepalive",
        Leaf("status", "Status", RESULT, absent=Tolerance.RESULT_WORD),
        Repeated(
            "faulty",
            "DeviceID",
            CHANNEL_ID,
            "Info",
            is_numbered=False,
            is_loose=False,
            counter="",
            editions=SINCE_2014,
        ),
    ),
    notify(
        AlarmNotify,
        "Alarm",
        Leaf("priority", "AlarmPriority", PRIORITY),
        Leaf("method", "AlarmMethod", INTEGER),
        Leaf("occurred_at", "AlarmTime", TIME),
        Leaf("description", "AlarmDescription"),
        Leaf("longitude", "Longitude", LONGITUDE),
        Leaf("latitude", "Latitude", LATITUDE),
        info(
            Leaf("alarm_type", "AlarmType", INTEGER),
            Group("AlarmTypeParam", (Leaf("event_type", "EventType", INTEGER),)),
            editions=SINCE_2016,
        ),
        answer=Answer.RESULT,
    ),
    response(AlarmResponse, "Alarm", ANSWERED, direction=Direction.TO_DEVICE),
    notify(MediaStatus, "MediaStatus", Leaf("notify_type", "NotifyType", INTEGER)),
    Command(
        MobilePositionNotify,
        Root.NOTIFY,
        "MobilePosition",
        PositionsForm(),
        Direction.FROM_DEVICE,
        editions=SINCE_2016,
        is_id_optional=True,
    ),
    notify(
        PtzPositionNotify,
        "PTZPosition",
        Inline("position", PTZ_POSITION),
        editions=ONLY_2022,
    ),
    notify(
        UploadSnapShotFinished,
        "UploadSnapShotFinished",
        Leaf("session_id", "SessionID"),
        Repeated(
            "file_ids",
            "SnapShotFileID",
            TEXT,
            "SnapShotList",
            is_numbered=False,
            counter="",
            is_written_empty=True,
        ),
        editions=ONLY_2022,
    ),
    notify(
        VideoUploadNotify,
        "VideoUploadNotify",
        Leaf("at", "Time", TIME),
        Leaf("longitude", "Longitude", LONGITUDE),
        Leaf("latitude", "Latitude", LATITUDE),
        editions=ONLY_2022,
    ),
    notify(
        DeviceUpgradeResult,
        "DeviceUpgradeResult",
        Leaf("session_id", "SessionID"),
        Leaf("result", "UpgradeResult", RESULT, absent=Tolerance.RESULT_WORD),
        Leaf("firmware", "Firmware"),
        Leaf("failed_reason", "UpgradeFailedReason"),
        editions=ONLY_2022,
    ),
    Command(
        BroadcastNotify,
        Root.NOTIFY,
        "Broadcast",
        Shape(BroadcastNotify, Leaf("target_id", "TargetID", DEVICE_ID)),
        Direction.TO_DEVICE,
        Answer.RESULT,
        SINCE_2014,
        id_tag="SourceID",
    ),
    response(BroadcastResponse, "Broadcast", ANSWERED, editions=SINCE_2014),
)
