"""What was lost together, since when, and why."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Reader, TheServer
from api.pagination import MAX_LIMIT, PageOf, decode_cursor, encode_cursor, link_next
from api.schemas import PROBLEMS
from vms.diagnosis.outage_causes import told
from vms.inventory.outage_records import (
    Outage,
    OutageCause,
    OutageKind,
    OutageMember,
    OutageQuery,
)

MEMBERS_SHOWN = 200
"""With the outage itself; the rest has a list of its own."""

router = APIRouter(tags=["outages"])

OutageId = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-f-]{36}$",
        description="UUID version 7.",
        examples=["019cad5c-7b40-7000-8000-3f2a5e0c9d11"],
    ),
]


class JudgementOut(BaseModel):
    """What was thought to be the cause from that moment on."""

    at: datetime
    cause: OutageCause


class OutageOut(BaseModel):
    """Devices or channels that were lost together."""

    outage_id: str
    kind: OutageKind = Field(
        description="What is wrong: `gone` devices, channels reported `off`, channels with "
        "`no_media`, a wrong `clock`, a `conflict` of IDs, our own `absence`; `merged`: it turned "
        "out to be part of `merged_into`."
    )
    cause: OutageCause = Field(description="The likely cause; it may be refined while it lasts.")
    state: Literal["open", "recovering", "ended"] = Field(
        description="`recovering`: everybody is back, and it is not certain yet that they stay."
    )
    started_at: datetime
    ended_at: datetime | None = Field(description="When the last of it came back.")
    scope: dict[str, str] = Field(description="What its members have in common.")
    evidence: dict[str, str | int | float | bool] = Field(
        description="The facts behind the cause, by name: times, addresses, numbers with their "
        "unit in the name, SIP status."
    )
    devices: int
    channels: int = Field(description="Channels of lost devices included.")
    away: int = Field(description="Members that are not back.")
    falls: int = Field(description="How often its members went, all together.")
    judgements: list[JudgementOut] = Field(description="In order of time.")
    merged_into: str | None
    sentence_en: str
    sentence_zh: str
    next_step_en: str
    next_step_zh: str


class OutageMemberOut(BaseModel):
    """A device, or a channel, that was lost."""

    device_id: str
    channel_id: str | None = Field(description="Null: the device itself.")
    since: datetime
    until: datetime | None = Field(description="Null while it is not back.")
    way: str = Field(
        description="How it was lost: a cause of the ledger, the word of another fact, or `device` "
        "for channels that only went along with their device."
    )
    last_heard_at: datetime | None
    falls: int


class OutageDetail(OutageOut):
    """An outage with its first members."""

    members: list[OutageMemberOut] = Field(
        description=f"By device and channel ID, {MEMBERS_SHOWN} at most; all by "
        "`/outages/{outage_id}/members`."
    )


class OutageFilter(BaseModel):
    """Which outages."""

    model_config = ConfigDict(extra="forbid")

    open: bool | None = Field(default=None, description="True: those that last; false: the others.")
    start: AwareDatetime | None = Field(
        default=None, alias="from", description="Those that lasted beyond this moment."
    )
    end: AwareDatetime | None = Field(
        default=None, alias="to", description="Those that began before this moment."
    )
    cause: OutageCause | None = None
    division: str | None = Field(
        default=None,
        pattern=r"^[0-9]{2,8}$",
        description="A civil code of any level; those with a device whose ID begins with it.",
    )
    device_id: str | None = Field(default=None, pattern=r"^[0-9]{1,20}$")
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="How many items at most.")
    cursor: str | None = Field(
        default=None, max_length=512, description="`next_cursor` of the page before; opaque."
    )


@router.get("/outages", operation_id="listOutages", summary="Outages", responses=PROBLEMS)
async def list_outages(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    query: Annotated[OutageFilter, Query()],
) -> PageOf[OutageOut]:
    """Newest first. What vanished together is one of them, with its likely cause."""
    _ = caller
    found = await server.outages.outages(
        OutageQuery(
            is_open=query.open,
            start_s=_second(query.start),
            end_s=_second(query.end),
            cause=query.cause,
            division=query.division,
            device_id=query.device_id,
            before_id=decode_cursor(query.cursor),
            limit=query.limit,
        )
    )
    next_cursor = encode_cursor(found[-1].outage_id) if len(found) == query.limit else None
    link_next(request, response, next_cursor)
    return PageOf(items=[_shown(outage) for outage in found], next_cursor=next_cursor)


@router.get(
    "/outages/{outage_id}",
    operation_id="getOutage",
    summary="One outage with its evidence and members",
    responses=PROBLEMS,
)
async def get_outage(outage_id: OutageId, server: TheServer, caller: Reader) -> OutageDetail:
    """One that was merged into another has no members; that other one has them."""
    _ = caller
    outage = await server.outages.outage(outage_id)
    members = await server.outages.members(outage_id, None, MEMBERS_SHOWN)
    return OutageDetail(
        **_shown(outage).model_dump(), members=[_member(member) for member in members]
    )


@router.get(
    "/outages/{outage_id}/members",
    operation_id="listOutageMembers",
    summary="Whom an outage concerns",
    responses=PROBLEMS,
)
async def list_outage_members(
    request: Request,
    response: Response,
    outage_id: OutageId,
    server: TheServer,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> PageOf[OutageMemberOut]:
    """By device and channel ID."""
    _ = caller
    await server.outages.outage(outage_id)
    after = decode_cursor(cursor)
    device_id, _, channel_id = (after or "").partition("/")
    place = None if after is None else (device_id, channel_id)
    members = await server.outages.members(outage_id, place, limit)
    next_cursor = None
    if len(members) == limit:
        next_cursor = encode_cursor(f"{members[-1].device_id}/{members[-1].channel_id}")
    link_next(request, response, next_cursor)
    return PageOf(items=[_member(member) for member in members], next_cursor=next_cursor)


def _shown(outage: Outage) -> OutageOut:
    words = told(outage)
    state: Literal["open", "recovering", "ended"] = "ended"
    if outage.ended_s is None:
        state = "open" if outage.away else "recovering"
    return OutageOut(
        outage_id=outage.outage_id,
        kind=outage.kind,
        cause=outage.cause,
        state=state,
        started_at=_moment(outage.started_s),
        ended_at=None if outage.ended_s is None else _moment(outage.ended_s),
        scope=dict(outage.scope),
        evidence=dict(outage.evidence),
        devices=outage.devices,
        channels=outage.channels,
        away=outage.away,
        falls=outage.falls,
        judgements=[
            JudgementOut(at=_moment(each.at_s), cause=each.cause) for each in outage.judgements
        ],
        merged_into=outage.merged_into or None,
        sentence_en=words.sentence_en,
        sentence_zh=words.sentence_zh,
        next_step_en=words.next_step_en,
        next_step_zh=words.next_step_zh,
    )


def _member(member: OutageMember) -> OutageMemberOut:
    return OutageMemberOut(
        device_id=member.device_id,
        channel_id=member.channel_id or None,
        since=_moment(member.since_s),
        until=None if member.until_s is None else _moment(member.until_s),
        way=member.way,
        last_heard_at=None if member.heard_s is None else _moment(member.heard_s),
        falls=member.falls,
    )


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _second(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
