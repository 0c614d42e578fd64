"""What is odd about IDs and parents: flagged, never refused."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Reader, TheServer
from api.pagination import Cursor, Limit, PageOf, decode_cursor, encode_cursor, link_next
from api.schemas import PROBLEMS
from vms.inventory.anomalies import AnomalyKind

router = APIRouter(tags=["devices"])


class AnomalyOut(BaseModel):
    """Something odd about a device or a channel."""

    model_config = ConfigDict(from_attributes=True)

    kind: AnomalyKind
    device_id: str
    channel_id: str | None = Field(description="Null where it is the device itself.")
    detail: str = Field(description="The other party: a parent, another device, the odd digits.")
    seen_at: datetime = Field(description="Since when this run of the server knows of it.")


@router.get(
    "/anomalies", operation_id="listAnomalies", summary="Odd IDs and parents", responses=PROBLEMS
)
async def list_anomalies(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    device_id: Annotated[str | None, Query(pattern=r"^[0-9]{1,20}$")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[AnomalyOut]:
    """By device and channel. Each goes when its reason goes; nobody has to clear it."""
    _ = caller
    page = server.inventory.anomalies(device_id, decode_cursor(cursor), limit)
    next_cursor = encode_cursor(page.next_cursor) if page.next_cursor else None
    link_next(request, response, next_cursor)
    return PageOf(
        items=[AnomalyOut.model_validate(each) for each in page.items], next_cursor=next_cursor
    )
