"""What is odd or missing in the file: flagged, never refused, each kind with its remedy."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Reader, TheServer
from api.pagination import Cursor, Limit, PageOf, decode_cursor, encode_cursor, link_next
from api.schemas import PROBLEMS
from vms.inventory.anomalies import AnomalyKind
from vms.inventory.governance import KEPT
from vms.inventory.remedies import REMEDIES

router = APIRouter(tags=["devices"])


class AnomalyText(BaseModel):
    """What a kind means, and what is to be done about it."""

    kind: AnomalyKind
    sentence_en: str
    sentence_zh: str
    remedy_en: str
    remedy_zh: str


class AnomalyOut(AnomalyText):
    """Something odd about a device or a channel."""

    device_id: str
    channel_id: str | None = Field(
        description="Null where it is the device itself; an organisation's ID for `orphan`."
    )
    detail: str = Field(
        description="The other party: a parent, another device, the odd digits, the empty fields."
    )
    seen_at: datetime | None = Field(
        description="Since when this run of the server knows of it; null for kinds that are looked "
        "up when they are asked for."
    )


class AnomalyCount(AnomalyText):
    """How often a kind occurs."""

    count: int


class AnomalyCounts(BaseModel):
    """Every kind there is."""

    items: list[AnomalyCount]


@router.get(
    "/anomalies", operation_id="listAnomalies", summary="Odd IDs and parents", responses=PROBLEMS
)
async def list_anomalies(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    device_id: Annotated[str | None, Query(pattern=r"^[0-9]{1,20}$")] = None,
    kind: Annotated[
        list[AnomalyKind] | None,
        Query(
            description="Only these kinds. By default all but `orphan`, `unknown_division` and "
            "`missing_fields`, of which there may be as many as channels."
        ),
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[AnomalyOut]:
    """By device and channel. Each goes when its reason goes; nobody has to clear it."""
    _ = caller
    kinds = frozenset(kind or KEPT)
    after = decode_cursor(cursor)
    page = await server.inventory.anomalies_looked_up(device_id, after, limit, kinds)
    next_cursor = encode_cursor(page.next_cursor) if page.next_cursor else None
    link_next(request, response, next_cursor)
    return PageOf(
        items=[
            AnomalyOut(
                **_text_of(each.kind).model_dump(),
                device_id=each.device_id,
                channel_id=each.channel_id,
                detail=each.detail,
                seen_at=each.seen_at,
            )
            for each in page.items
        ],
        next_cursor=next_cursor,
    )


@router.get(
    "/anomalies/counts",
    operation_id="countAnomalies",
    summary="What is odd, by kind",
    responses=PROBLEMS,
)
async def count_anomalies(server: TheServer, caller: Reader) -> AnomalyCounts:
    """With what each kind means and its remedy."""
    _ = caller
    counts = await server.inventory.anomaly_counts()
    return AnomalyCounts(
        items=[
            AnomalyCount(**_text_of(kind).model_dump(), count=counts[kind]) for kind in AnomalyKind
        ]
    )


def _text_of(kind: AnomalyKind) -> AnomalyText:
    text = REMEDIES[kind]
    return AnomalyText(
        kind=kind,
        sentence_en=text.en,
        sentence_zh=text.zh,
        remedy_en=text.remedy_en,
        remedy_zh=text.remedy_zh,
    )
