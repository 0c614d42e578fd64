"""Planned absences: asked for by one, decided by another; only approved ones count."""

from datetime import datetime, time
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Administrator, Caller, Configurer, Reader, TheServer
from api.figure_forms import moment
from api.pagination import MAX_LIMIT, PageOf, decode_cursor, encode_cursor, link_next
from api.ports import Server
from api.schemas import PROBLEMS, Strict
from vms.accounts.model import Role
from vms.accounts.rights import Action, may
from vms.errors import InvalidError
from vms.figures.exclusion_model import DAY_S, Exclusion, ExclusionStatus, Reason, Scope
from vms.figures.exclusions import LONGEST_NOTE, LONGEST_ORDER, MOST_NAMED, Asked
from vms.figures.model import Window

router = APIRouter(tags=["exclusions"])

ExclusionId = Annotated[str, Path(max_length=64, pattern=r"^[0-9a-f-]+$")]
Digits = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
GroupId = Annotated[str, Field(min_length=1, max_length=64)]


class ScopeForm(Strict):
    """Of what: a channel is in it that is in any of these lists."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    device_ids: list[Digits] = Field(default_factory=list[str], max_length=MOST_NAMED)
    channels: list[Annotated[str, Field(pattern=r"^[0-9]{1,20}/[0-9]{1,20}$")]] = Field(
        default_factory=list[str], max_length=MOST_NAMED, description="`device_id/channel_id`."
    )
    divisions: list[Digits] = Field(
        default_factory=list[str],
        max_length=MOST_NAMED,
        description="Civil codes, and those below.",
    )
    group_ids: list[GroupId] = Field(default_factory=list[str], max_length=MOST_NAMED)
    own_group_ids: list[GroupId] = Field(
        default_factory=list[str], max_length=MOST_NAMED, description="And those below."
    )


class NewExclusion(Strict):
    """What somebody asks for."""

    reason: Reason
    order_number: str = Field(min_length=1, max_length=LONGEST_ORDER, examples=["2026-031"])
    note: str = Field(default="", max_length=LONGEST_NOTE)
    start: AwareDatetime
    end: AwareDatetime = Field(description="Not included.")
    daily_start: time | None = Field(
        default=None,
        description="Where it repeats daily: from this time of the site's clock.",
        examples=["22:00"],
    )
    daily_end: time | None = Field(
        default=None,
        description="Up to this one; at or before the other it is the next day's.",
        examples=["06:00"],
    )
    scope: ScopeForm

    def asked(self) -> Asked:
        """As `vms.figures` takes it; raises `InvalidError`."""
        if (self.daily_start is None) is not (self.daily_end is None):
            raise InvalidError("it repeats daily from one time to another", field="daily_end")
        daily = None
        if self.daily_start is not None and self.daily_end is not None:
            daily = _of_day_s(self.daily_start), _of_day_s(self.daily_end)
        scope = self.scope
        return Asked(
            self.reason,
            self.order_number,
            self.note,
            Window(int(self.start.timestamp()), int(self.end.timestamp())),
            Scope(
                tuple(scope.device_ids),
                tuple(scope.channels),
                tuple(scope.divisions),
                tuple(scope.group_ids),
                tuple(scope.own_group_ids),
            ),
            daily,
        )


class Decision(Strict):
    """Why."""

    note: str = Field(default="", max_length=LONGEST_NOTE)


class ExclusionOut(BaseModel):
    """A planned absence; only an approved one counts."""

    exclusion_id: str
    reason: Reason
    order_number: str
    note: str
    start: datetime
    end: datetime
    daily_start: time | None
    daily_end: time | None
    scope: ScopeForm
    channels: int = Field(description="That were in its scope when it was asked for.")
    status: ExclusionStatus
    requested_by: str
    requested_at: datetime
    decided_by: str = Field(description="Or withdrew; empty while nobody did.")
    decided_at: datetime | None
    decision_note: str


class ExclusionFilter(BaseModel):
    """Which exclusions."""

    model_config = ConfigDict(extra="forbid")

    status: ExclusionStatus | None = None
    start: AwareDatetime | None = Field(
        default=None, alias="from", description="With `to`: those that overlap this window."
    )
    end: AwareDatetime | None = Field(default=None, alias="to")
    cursor: str | None = Field(
        default=None, max_length=512, description="`next_cursor` of the page before; opaque."
    )
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="How many items at most.")

    def window(self) -> Window | None:
        """Raises `InvalidError` for half a window."""
        if self.start is None and self.end is None:
            return None
        if self.start is None or self.end is None or self.end <= self.start:
            raise InvalidError("a window has a beginning and an end", field="to")
        return Window(int(self.start.timestamp()), int(self.end.timestamp()))


def _of_day_s(at: time) -> int:
    if at.tzinfo is not None:
        raise InvalidError("times of day are the site's", field="daily_start")
    return at.hour * 3600 + at.minute * 60 + at.second


def _time(of_day_s: int | None) -> time | None:
    if of_day_s is None:
        return None
    minutes, second = divmod(of_day_s % DAY_S, 60)
    return time(minutes // 60, minutes % 60, second)


def _shown(found: Exclusion) -> ExclusionOut:
    return ExclusionOut(
        exclusion_id=found.exclusion_id,
        reason=found.reason,
        order_number=found.order_number,
        note=found.note,
        start=moment(found.start_s),
        end=moment(found.end_s),
        daily_start=_time(found.daily_start_s),
        daily_end=_time(found.daily_end_s),
        scope=ScopeForm(
            device_ids=list(found.scope.device_ids),
            channels=list(found.scope.channels),
            divisions=list(found.scope.divisions),
            group_ids=list(found.scope.group_ids),
            own_group_ids=list(found.scope.own_group_ids),
        ),
        channels=found.channels,
        status=found.status,
        requested_by=found.requested_by,
        requested_at=found.requested_at,
        decided_by=found.decided_by,
        decided_at=found.decided_at,
        decision_note=found.decision_note,
    )


@router.get(
    "/exclusions", operation_id="listExclusions", summary="Planned absences", responses=PROBLEMS
)
async def list_exclusions(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[ExclusionFilter, Query()],
) -> PageOf[ExclusionOut]:
    """Newest first."""
    _ = caller
    before = decode_cursor(wanted.cursor)
    rows = await server.exclusions.list(wanted.status, wanted.window(), before, wanted.limit + 1)
    shown = rows[: wanted.limit]
    is_last = len(rows) <= wanted.limit
    next_cursor = None if is_last else encode_cursor(shown[-1].exclusion_id)
    link_next(request, response, next_cursor)
    return PageOf(items=[_shown(each) for each in shown], next_cursor=next_cursor)


@router.post(
    "/exclusions",
    operation_id="requestExclusion",
    summary="Ask for a planned absence",
    status_code=201,
    responses=PROBLEMS,
)
async def request_exclusion(
    server: TheServer, caller: Configurer, body: NewExclusion
) -> ExclusionOut:
    """Of the channels that are in its scope now. It counts when somebody else approves it."""
    asked = body.asked()
    await server.accounts.record(
        caller.actor,
        "request exclusion",
        asked.order_number,
        detail={"reason": asked.reason.value, "from": str(body.start), "to": str(body.end)},
    )
    return _shown(await server.exclusions.request(asked, caller.principal.username))


@router.get(
    "/exclusions/{exclusion_id}",
    operation_id="getExclusion",
    summary="A planned absence",
    responses=PROBLEMS,
)
async def get_exclusion(
    exclusion_id: ExclusionId, server: TheServer, caller: Reader
) -> ExclusionOut:
    """As it stands."""
    _ = caller
    return _shown(await server.exclusions.get(exclusion_id))


@router.post(
    "/exclusions/{exclusion_id}/approve",
    operation_id="approveExclusion",
    summary="Let a planned absence count",
    responses=PROBLEMS,
)
async def approve_exclusion(
    exclusion_id: ExclusionId, server: TheServer, caller: Administrator, body: Decision
) -> ExclusionOut:
    """Not one's own request, unless there is no other administrator. Figures follow at once."""
    await _record(server, caller, "approve exclusion", exclusion_id)
    return _shown(
        await server.exclusions.approve(
            exclusion_id,
            caller.principal.username,
            body.note,
            is_only_admin=await _is_only_admin(server),
        )
    )


@router.post(
    "/exclusions/{exclusion_id}/refuse",
    operation_id="refuseExclusion",
    summary="Refuse a planned absence",
    responses=PROBLEMS,
)
async def refuse_exclusion(
    exclusion_id: ExclusionId, server: TheServer, caller: Administrator, body: Decision
) -> ExclusionOut:
    """Not one's own request, unless there is no other administrator."""
    await _record(server, caller, "refuse exclusion", exclusion_id)
    return _shown(
        await server.exclusions.refuse(
            exclusion_id,
            caller.principal.username,
            body.note,
            is_only_admin=await _is_only_admin(server),
        )
    )


@router.post(
    "/exclusions/{exclusion_id}/withdraw",
    operation_id="withdrawExclusion",
    summary="Take a request or an approval back",
    responses=PROBLEMS,
)
async def withdraw_exclusion(
    exclusion_id: ExclusionId, server: TheServer, caller: Configurer, body: Decision
) -> ExclusionOut:
    """Whoever asked takes a request back; an administrator also an approval. The ledger was never
    changed, so the figures are what they would have been without."""
    await _record(server, caller, "withdraw exclusion", exclusion_id)
    return _shown(
        await server.exclusions.withdraw(
            exclusion_id,
            caller.principal.username,
            body.note,
            may_decide=may(caller.principal.role, Action.ADMINISTER),
        )
    )


async def _record(server: Server, caller: Caller, action: str, exclusion_id: str) -> None:
    await server.exclusions.get(exclusion_id)
    await server.accounts.record(caller.actor, action, exclusion_id)


async def _is_only_admin(server: Server) -> bool:
    users = await server.accounts.users()
    return sum(user.role is Role.ADMIN and not user.disabled for user in users) == 1
