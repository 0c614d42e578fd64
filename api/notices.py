"""What devices told of themselves beside alarms: notices, and where they are."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Reader, TheServer
from api.pagination import MAX_LIMIT, Cursor, Limit, PageOf, decode_cursor, encode_cursor, link_next
from api.ports import Server
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath
from vms.errors import InvalidError
from vms.inventory.reported import Notice

router = APIRouter(tags=["notices"])

CmdType = Annotated[
    str | None, Query(max_length=64, description="Only these, such as `MediaStatus`.")
]
TRACK = timedelta(days=1)
"""What `positions` shows where no window is asked for."""


EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class TrackWindow(BaseModel):
    """Which part of a track is wanted: from `start` to before `end`."""

    model_config = ConfigDict(extra="forbid")

    start: AwareDatetime | None = Field(default=None, description="A day before `end` by default.")
    end: AwareDatetime | None = Field(default=None, description="Now by default.")
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="How many items at most.")
    cursor: str | None = Field(
        default=None, max_length=512, description="`next_cursor` of the page before; opaque."
    )


class NoticeOut(BaseModel):
    """A notification of a device, stored once."""

    notice_id: str
    device_id: str
    source_id: str = Field(description="Who it is about: the device or a channel of it.")
    cmd_type: str = Field(description="As the standard names it, or as the device does.")
    is_known: bool = Field(description="False: no edition knows it; only `raw` says what it is.")
    sn: int
    occurred_at: datetime | None
    received_at: datetime
    # Whatever JSON can say: each kind of notice has facts of its own.
    facts: dict[str, Any] = Field(description="What was read of it.")
    raw: str = Field(description="The body as it came, in base64.")


class PositionOut(BaseModel):
    """Where something was."""

    model_config = ConfigDict(from_attributes=True)

    source_id: str
    captured_at: datetime
    received_at: datetime
    longitude: float
    latitude: float
    speed_kmh: float | None
    direction_deg: float | None = Field(description="Clockwise from north.")
    altitude_m: float | None
    height_m: float | None


class Track(PageOf[PositionOut]):
    """Positions in order of time, and the latest known, whatever the window."""

    latest: PositionOut | None


@router.get("/notices", operation_id="listNotices", summary="Notices", responses=PROBLEMS)
async def list_notices(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    cmd_type: CmdType = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[NoticeOut]:
    """Of all devices, newest first."""
    _ = caller
    return await _notices(request, response, server, None, cmd_type, limit, cursor)


@router.get(
    "/devices/{device_id}/notices",
    operation_id="listDeviceNotices",
    summary="The notices of a device",
    responses=PROBLEMS,
)
async def list_device_notices(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    server: TheServer,
    caller: Reader,
    cmd_type: CmdType = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[NoticeOut]:
    """Newest first; what no edition knows is there as it came."""
    _ = caller
    server.inventory.device(device_id)
    return await _notices(request, response, server, device_id, cmd_type, limit, cursor)


async def _notices(
    request: Request,
    response: Response,
    server: Server,
    device_id: str | None,
    cmd_type: str | None,
    limit: int,
    cursor: str | None,
) -> PageOf[NoticeOut]:
    if cmd_type is not None and not cmd_type.isprintable():
        raise InvalidError("this is no CmdType", field="cmd_type")
    notices = await server.inventory.notices(device_id, cmd_type, decode_cursor(cursor), limit)
    next_cursor = encode_cursor(notices[-1].notice_id) if len(notices) == limit else None
    link_next(request, response, next_cursor)
    return PageOf(items=[_notice(each) for each in notices], next_cursor=next_cursor)


def _notice(notice: Notice) -> NoticeOut:
    return NoticeOut(
        notice_id=notice.notice_id,
        device_id=notice.device_id,
        source_id=notice.source_id,
        cmd_type=notice.cmd_type,
        is_known=notice.is_known,
        sn=notice.sn,
        occurred_at=notice.occurred_at,
        received_at=notice.received_at,
        facts=dict(notice.facts),
        raw=base64.b64encode(notice.raw).decode(),
    )


@router.get(
    "/devices/{device_id}/positions",
    operation_id="listDevicePositions",
    summary="Where a device was",
    responses=PROBLEMS,
)
async def list_device_positions(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[TrackWindow, Query()],
) -> Track:
    """In order of time; the last day where no window is given."""
    _ = caller
    return await _track(request, response, server, (device_id, device_id), wanted)


@router.get(
    "/devices/{device_id}/channels/{channel_id}/positions",
    operation_id="listChannelPositions",
    summary="Where a channel was",
    responses=PROBLEMS,
)
async def list_channel_positions(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[TrackWindow, Query()],
) -> Track:
    """In order of time; the last day where no window is given."""
    _ = caller
    server.inventory.channel(device_id, channel_id)
    return await _track(request, response, server, (device_id, channel_id), wanted)


async def _track(
    request: Request,
    response: Response,
    server: Server,
    source: tuple[str, str],
    wanted: TrackWindow,
) -> Track:
    latest = server.inventory.position(*source)
    end = _near(wanted.end or server.clock.wall() + timedelta(seconds=1))
    start = _behind(wanted.cursor) or _near(wanted.start or end - TRACK)
    found = await server.inventory.positions(*source, start, end, wanted.limit)
    is_full = len(found) == wanted.limit
    next_cursor = encode_cursor(found[-1].captured_at.isoformat()) if is_full else None
    link_next(request, response, next_cursor)
    return Track(
        items=[PositionOut.model_validate(each) for each in found],
        next_cursor=next_cursor,
        latest=None if latest is None else PositionOut.model_validate(latest),
    )


def _behind(cursor: str | None) -> datetime | None:
    """Right after the last position of the page before."""
    text = decode_cursor(cursor)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC) + timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise InvalidError("this is no cursor of ours", field="cursor") from error


def _near(at: datetime) -> datetime:
    """In the years of which devices tell; of others there is nothing to be found."""
    return min(max(at, EARLIEST), LATEST)
