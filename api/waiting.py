"""Who wants in: devices that ask to be let in, and units that claim an ID already taken."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Configurer, Reader, TheServer
from api.devices import DeviceWithSecret, Secret, shown
from api.pagination import Cursor, Limit, PageOf, cut, link_next
from api.schemas import PROBLEMS, DeviceIdPath, Strict
from vms.inventory.model import Waiting, WaitingVerdict
from vms.inventory.quarantine import Duplicate, address_text

router = APIRouter(tags=["devices"])


class WaitingOut(BaseModel):
    """A device that is not on file and asks to be let in, from one source."""

    model_config = ConfigDict(from_attributes=True)

    device_id: str
    source_host: str
    source_port: int
    transport: str
    user_agent: str
    verdict: WaitingVerdict = Field(description="What its digest showed.")
    first_seen_at: datetime
    last_seen_at: datetime
    attempts: int
    refused: bool


class Approval(Strict):
    """Lets a waiting device in at its next REGISTER."""

    secret: Secret | None = Field(
        default=None, description="By default derived, or the shared one."
    )
    trust: bool = Field(
        default=False, description="Trust the one it uses, where a shared password proved it."
    )


class RefusedUnit(BaseModel):
    """A unit that was refused because another one holds its ID."""

    address: str
    transport: str
    user_agent: str
    verdict: WaitingVerdict = Field(description="What its digest showed.")
    first_seen_at: datetime
    last_seen_at: datetime
    attempts: int


class DuplicateOut(BaseModel):
    """An ID that more than one unit claims: who holds it, and who was refused."""

    device_id: str
    name: str
    bound_address: str | None = Field(description="Where the unit is that holds the ID.")
    user_agent: str = Field(description="Of the unit that holds the ID.")
    registered_at: datetime | None
    refused: list[RefusedUnit] = Field(description="The latest first; gone a day after they ask.")


@router.get(
    "/devices/waiting",
    operation_id="listWaiting",
    summary="Devices that ask to be let in",
    responses=PROBLEMS,
)
async def list_waiting(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[WaitingOut]:
    """One row for each ID and source, refused ones included."""
    _ = caller
    rows, next_cursor = cut(server.inventory.waiting(), _waiting_key, limit, cursor)
    link_next(request, response, next_cursor)
    return PageOf(items=[WaitingOut.model_validate(row) for row in rows], next_cursor=next_cursor)


def _waiting_key(row: Waiting) -> str:
    return f"{row.device_id} {row.source_host}"


@router.post(
    "/devices/waiting/{device_id}/approve",
    operation_id="approveDevice",
    summary="Let a waiting device in",
    status_code=201,
    responses=PROBLEMS,
)
async def approve_device(
    device_id: DeviceIdPath, body: Approval, server: TheServer, caller: Configurer
) -> DeviceWithSecret:
    """Counts at its next REGISTER."""
    await server.accounts.record(caller.actor, "approve device", device_id)
    device = await server.inventory.approve(device_id, body.secret, body.trust)
    return DeviceWithSecret(
        **shown(server, device).model_dump(), secret=server.device_secret(device_id)
    )


@router.post(
    "/devices/waiting/{device_id}/refuse",
    operation_id="refuseDevice",
    summary="Keep a waiting device out",
    status_code=204,
    responses=PROBLEMS,
)
async def refuse_device(device_id: DeviceIdPath, server: TheServer, caller: Configurer) -> None:
    """It stays refused until it is approved or put on file."""
    await server.accounts.record(caller.actor, "refuse device", device_id)
    await server.inventory.refuse(device_id)


@router.get(
    "/devices/duplicates",
    operation_id="listDuplicates",
    summary="IDs that several units claim",
    responses=PROBLEMS,
)
async def list_duplicates(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[DuplicateOut]:
    """The unit that was there first stays; the others are kept apart."""
    _ = caller
    found, next_cursor = cut(server.inventory.duplicates(), _id_of, limit, cursor)
    link_next(request, response, next_cursor)
    return PageOf(items=[_duplicate(each) for each in found], next_cursor=next_cursor)


def _id_of(duplicate: Duplicate) -> str:
    return duplicate.device_id


def _duplicate(duplicate: Duplicate) -> DuplicateOut:
    device = duplicate.device
    binding = device.binding
    return DuplicateOut(
        device_id=device.device_id,
        name=device.name_override or device.name,
        bound_address=None if binding is None else address_text(binding.host, binding.port),
        user_agent=device.user_agent,
        registered_at=None if binding is None else binding.registered_at,
        refused=[
            RefusedUnit(
                address=address_text(row.source_host, row.source_port),
                transport=row.transport,
                user_agent=row.user_agent,
                verdict=row.verdict,
                first_seen_at=row.first_seen_at,
                last_seen_at=row.last_seen_at,
                attempts=row.attempts,
            )
            for row in duplicate.refused
        ],
    )


@router.delete(
    "/devices/duplicates/{device_id}",
    operation_id="clearDuplicates",
    summary="Forget the units refused for an ID",
    status_code=204,
    responses=PROBLEMS,
)
async def clear_duplicates(device_id: DeviceIdPath, server: TheServer, caller: Configurer) -> None:
    """One that asks again is shown again."""
    await server.accounts.record(caller.actor, "clear duplicates", device_id)
    await server.inventory.clear_duplicates(device_id)
