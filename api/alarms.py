"""Alarms, as devices reported them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Reader, TheServer
from api.pagination import Cursor, Limit, PageOf, decode_cursor, encode_cursor, link_next
from api.schemas import PROBLEMS

router = APIRouter(tags=["alarms"])


class AlarmOut(BaseModel):
    """An alarm (A.2.5 of the standard), stored once."""

    model_config = ConfigDict(from_attributes=True)

    alarm_id: str
    device_id: str
    source_id: str = Field(description="What raised it: the device or a channel of it.")
    sn: int
    priority: int = Field(description="1 is the highest, 4 the lowest.")
    method: int = Field(
        description="1 telephone, 2 device, 3 SMS, 4 GPS, 5 video, 6 fault, 7 other; 0 not told."
    )
    alarm_type: int | None = Field(description="Read within its method.")
    event_type: int | None = Field(
        description="Of an intrusion (method 5, type 6): 1 entering, 2 leaving."
    )
    occurred_at: datetime
    received_at: datetime
    description: str
    longitude: float | None
    latitude: float | None


@router.get("/alarms", operation_id="listAlarms", summary="Alarms", responses=PROBLEMS)
async def list_alarms(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    device_id: Annotated[str | None, Query(pattern=r"^[0-9]{1,20}$")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[AlarmOut]:
    """Newest first."""
    _ = caller
    alarms = await server.inventory.alarms(device_id, decode_cursor(cursor), limit)
    next_cursor = encode_cursor(alarms[-1].alarm_id) if len(alarms) == limit else None
    link_next(request, response, next_cursor)
    return PageOf(
        items=[AlarmOut.model_validate(alarm) for alarm in alarms], next_cursor=next_cursor
    )
