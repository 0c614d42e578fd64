"""SIP devices: on file, waiting to be let in, and what is asked of them."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Administrator, Configurer, Operator, Reader, TheServer
from api.pagination import (
    Cursor,
    Limit,
    PageOf,
    Paging,
    cut,
    decode_cursor,
    encode_cursor,
    link_next,
)
from api.ports import CatalogJob, Server
from api.schemas import PROBLEMS, DeviceIdPath, Strict
from vms.gb28181.ids import DeviceId
from vms.gb28181.version import Edition
from vms.inventory.changes import LONGEST_NAME, LONGEST_SECRET
from vms.inventory.model import (
    Device,
    DevicePatch,
    NewDevice,
    State,
    Status,
    Waiting,
    WaitingVerdict,
)
from vms.inventory.queries import DeviceQuery

router = APIRouter(tags=["devices"])

MediaTransport = Literal["", "udp", "tcp_passive"]
Secret = Annotated[
    str, Field(min_length=1, max_length=LONGEST_SECRET, description="Never shown in lists.")
]
Text = Annotated[str, Field(max_length=LONGEST_NAME)]
Interval = Annotated[float, Field(ge=5, le=3600)]
Misses = Annotated[int, Field(ge=1, le=100)]


class DeviceFilter(Paging):
    """Which devices are wanted."""

    status: Status | None = Field(default=None, description="Only these.")
    manufacturer: str | None = Field(default=None, max_length=255)
    q: str | None = Field(default=None, max_length=255, description="In IDs and names.")


class DeviceOut(BaseModel):
    """A SIP device: a camera, a recorder, a lower platform."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "device_id": "34020000001320000001",
                    "name": "North gate recorder",
                    "reported_name": "NVR",
                    "manufacturer": "Example",
                    "model": "NVR-8",
                    "firmware": "1.2.3",
                    "user_agent": "Example NVR",
                    "edition": "2016",
                    "transport": "UDP",
                    "remote_address": "192.0.2.10:5060",
                    "status": "online",
                    "state": "online_signalled",
                    "status_since": "2026-03-01T08:00:00+00:00",
                    "registered_at": "2026-03-01T08:00:00+00:00",
                    "last_keepalive_at": "2026-03-01T08:10:00+00:00",
                    "last_heard_at": "2026-03-01T08:10:00+00:00",
                    "expires_at": "2026-03-01T09:00:00+00:00",
                    "channel_count": 8,
                    "online_channel_count": 7,
                    "sip_username": "34020000001320000001",
                    "has_own_secret": False,
                    "media_transport": "",
                    "keepalive_interval_s": 60.0,
                    "keepalive_misses": 3,
                    "created_at": "2026-03-01T07:59:00+00:00",
                    "tolerances": {},
                }
            ]
        }
    )

    device_id: str = Field(description="1 to 20 digits.")
    name: str = Field(description="The local name where one was set, else the reported one.")
    reported_name: str
    manufacturer: str
    model: str
    firmware: str
    user_agent: str
    edition: Edition = Field(description="Of GB/T 28181, as the device says; `unknown` else.")
    transport: str | None = Field(description="`UDP` or `TCP`; null while not registered.")
    remote_address: str | None = Field(description="Where its REGISTER came from.")
    status: Status
    state: State = Field(description="The ledger's state behind the status.")
    status_since: datetime | None
    registered_at: datetime | None
    last_keepalive_at: datetime | None
    last_heard_at: datetime | None
    expires_at: datetime | None = Field(description="When its registration ends.")
    channel_count: int
    online_channel_count: int
    sip_username: str = Field(description="What it signs in as; by default its ID.")
    has_own_secret: bool = Field(description="Set by hand, else derived or the shared one.")
    media_transport: str = Field(description="`udp` or `tcp_passive` where one is fixed.")
    keepalive_interval_s: float
    keepalive_misses: int = Field(description="So many missed keepalives make it offline.")
    created_at: datetime | None
    tolerances: dict[str, int] = Field(description="Habits we put up with, by name, counted.")


class DeviceWithSecret(DeviceOut):
    """A device just put on file."""

    secret: str | None = Field(
        description="What to enter in the device; null where the shared password counts."
    )


class DeviceSecret(BaseModel):
    """What to enter in a device."""

    device_id: str
    sip_username: str
    secret: str | None = Field(description="Null where the shared password counts.")


class NewDeviceIn(Strict):
    """A device to be put on file before it registers."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"device_id": "34020000001320000001", "name": "Gate"}]},
    )

    device_id: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
    name: Text | None = None
    secret: Secret | None = Field(default=None, description="By default derived from the ID.")
    sip_username: Annotated[str, Field(max_length=64)] = ""
    media_transport: MediaTransport = ""
    keepalive_interval_s: Interval | None = None
    keepalive_misses: Misses | None = None


class DevicePatchIn(Strict):
    """What is to be changed; what is left out stays. Null: the default again."""

    name: Text | None = None
    secret: Secret | None = None
    sip_username: Annotated[str, Field(max_length=64)] = ""
    media_transport: MediaTransport = ""
    keepalive_interval_s: Interval = 60.0
    keepalive_misses: Misses = 3


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


class Job(BaseModel):
    """Work that goes on after the answer."""

    job_id: str
    kind: Literal["catalog"]
    device_id: str
    state: str = Field(description="`running`, `complete`, `incomplete` or `failed`.")
    started_at: datetime
    finished_at: datetime | None
    received: int = Field(description="Channels received so far.")
    announced: int | None = Field(description="Channels the device said it has; null until then.")
    error: str = Field(description="Why it failed or what is missing, empty else.")


class DeviceInfo(BaseModel):
    """A device's own description, just asked."""

    model_config = ConfigDict(from_attributes=True)

    device_id: str
    result: str = Field(description="`OK` or `ERROR`.")
    device_name: str
    manufacturer: str
    model: str
    firmware: str
    channel_count: int | None


class AlarmInputState(BaseModel):
    """One alarm input."""

    model_config = ConfigDict(from_attributes=True)

    channel_id: str
    duty_status: str = Field(description="`ONDUTY`, `OFFDUTY` or `ALARM`.")


class DeviceStatus(BaseModel):
    """A device's own report of its state, just asked; null where it does not say."""

    model_config = ConfigDict(from_attributes=True)

    device_id: str
    result: str
    is_online: bool | None
    is_working: bool | None
    reason: str
    is_encoding: bool | None
    is_recording: bool | None
    device_time: datetime | None
    alarm_inputs: list[AlarmInputState]


def shown(server: Server, device: Device) -> DeviceOut:
    """A device as the API shows it, never with its secret."""
    binding = device.binding
    on_file, online = server.inventory.channel_counts(device.device_id)
    return DeviceOut(
        device_id=device.device_id,
        name=device.name_override or device.name,
        reported_name=device.name,
        manufacturer=device.manufacturer,
        model=device.model,
        firmware=device.firmware,
        user_agent=device.user_agent,
        edition=device.edition,
        transport=binding.transport if binding else None,
        remote_address=_address(binding.host, binding.port) if binding else None,
        status=server.inventory.status(device),
        state=device.state,
        status_since=device.state_since,
        registered_at=binding.registered_at if binding else None,
        last_keepalive_at=device.last_keepalive_at,
        last_heard_at=device.last_heard_at,
        expires_at=binding.expires_at if binding else None,
        channel_count=on_file,
        online_channel_count=online,
        sip_username=device.sip_username or device.device_id,
        has_own_secret=device.secret is not None,
        media_transport=device.media_transport,
        keepalive_interval_s=device.keepalive_interval_s,
        keepalive_misses=device.keepalive_misses,
        created_at=device.created_at,
        tolerances=dict(device.tolerances),
    )


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@router.get("/devices", operation_id="listDevices", summary="Devices on file", responses=PROBLEMS)
async def list_devices(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[DeviceFilter, Query()],
) -> PageOf[DeviceOut]:
    """In order of their ID."""
    _ = caller
    page = server.inventory.devices(
        DeviceQuery(
            wanted.status,
            wanted.manufacturer,
            wanted.q,
            decode_cursor(wanted.cursor),
            wanted.limit,
            wanted.total,
        )
    )
    next_cursor = encode_cursor(page.next_cursor) if page.next_cursor else None
    link_next(request, response, next_cursor)
    return PageOf(
        items=[shown(server, device) for device in page.items],
        next_cursor=next_cursor,
        total=page.total,
    )


@router.post(
    "/devices",
    operation_id="addDevice",
    summary="Put a device on file",
    status_code=201,
    responses={**PROBLEMS, 201: {"headers": {"Location": {"schema": {"type": "string"}}}}},
)
async def add_device(
    request: Request, response: Response, body: NewDeviceIn, server: TheServer, caller: Configurer
) -> DeviceWithSecret:
    """409 where it is on file already. The secret is shown this once."""
    await server.accounts.record(caller.actor, "add device", body.device_id)
    device = await server.inventory.add_device(
        NewDevice(
            DeviceId.parse(body.device_id),
            name=body.name,
            secret=body.secret,
            sip_username=body.sip_username,
            media_transport=body.media_transport,
            keepalive_interval_s=body.keepalive_interval_s,
            keepalive_misses=body.keepalive_misses,
        )
    )
    response.headers["Location"] = request.url_for("get_device", device_id=body.device_id).path
    return DeviceWithSecret(
        **shown(server, device).model_dump(), secret=server.device_secret(body.device_id)
    )


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
    "/devices/{device_id}", operation_id="getDevice", summary="A device", responses=PROBLEMS
)
async def get_device(device_id: DeviceIdPath, server: TheServer, caller: Reader) -> DeviceOut:
    """As it stands."""
    _ = caller
    return shown(server, server.inventory.device(device_id))


@router.patch(
    "/devices/{device_id}",
    operation_id="changeDevice",
    summary="Change a device",
    responses=PROBLEMS,
)
async def change_device(
    device_id: DeviceIdPath, body: DevicePatchIn, server: TheServer, caller: Configurer
) -> DeviceOut:
    """A new secret counts at its next REGISTER."""
    changes = body.model_dump(exclude_unset=True)
    await server.accounts.record(
        caller.actor, "change device", device_id, detail={"fields": ", ".join(sorted(changes))}
    )
    patch: DevicePatch = {}
    if "name" in changes:
        patch["name"] = body.name
    if "secret" in changes:
        patch["secret"] = body.secret
    if "sip_username" in changes:
        patch["sip_username"] = body.sip_username
    if "media_transport" in changes:
        patch["media_transport"] = body.media_transport
    if "keepalive_interval_s" in changes:
        patch["keepalive_interval_s"] = body.keepalive_interval_s
    if "keepalive_misses" in changes:
        patch["keepalive_misses"] = body.keepalive_misses
    return shown(server, await server.inventory.patch_device(device_id, patch))


@router.delete(
    "/devices/{device_id}",
    operation_id="removeDevice",
    summary="Take a device off file",
    status_code=204,
    responses=PROBLEMS,
)
async def remove_device(device_id: DeviceIdPath, server: TheServer, caller: Configurer) -> None:
    """It and its channels are hidden; their ledgers stay."""
    server.inventory.device(device_id)
    await server.accounts.record(caller.actor, "remove device", device_id)
    await server.inventory.remove_device(device_id)


@router.get(
    "/devices/{device_id}/secret",
    operation_id="getDeviceSecret",
    summary="What to enter in a device",
    responses=PROBLEMS,
)
async def get_device_secret(
    device_id: DeviceIdPath, server: TheServer, caller: Administrator
) -> DeviceSecret:
    """For administrators; leaves a row in the audit."""
    device = server.inventory.device(device_id)
    await server.accounts.record(caller.actor, "read device secret", device_id)
    return DeviceSecret(
        device_id=device.device_id,
        sip_username=device.sip_username or device.device_id,
        secret=server.device_secret(device_id),
    )


@router.post(
    "/devices/{device_id}/catalog",
    operation_id="queryCatalog",
    summary="Query the catalogue now",
    status_code=202,
    responses={**PROBLEMS, 202: {"headers": {"Location": {"schema": {"type": "string"}}}}},
)
async def query_catalog(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    server: TheServer,
    caller: Operator,
) -> Job:
    """Answers as soon as the query is sent; the job tells how far it is."""
    server.inventory.device(device_id)
    await server.accounts.record(caller.actor, "query catalog", device_id)
    job = await server.link.query_catalog(device_id)
    response.headers["Location"] = request.url_for("get_job", job_id=job.job_id).path
    return _job(job)


@router.get("/jobs/{job_id}", operation_id="getJob", summary="How far a job is", responses=PROBLEMS)
async def get_job(
    job_id: Annotated[str, Path(max_length=64)], server: TheServer, caller: Reader
) -> Job:
    """A running or a recent one."""
    _ = caller
    return _job(server.link.catalog_job(job_id))


def _job(job: CatalogJob) -> Job:
    return Job(
        job_id=job.job_id,
        kind="catalog",
        device_id=job.device_id,
        state=job.state,
        started_at=job.started_at,
        finished_at=job.finished_at,
        received=job.received,
        announced=job.announced,
        error=job.error,
    )


@router.post(
    "/devices/{device_id}/query/info",
    operation_id="queryDeviceInfo",
    summary="Ask a device what it is",
    responses=PROBLEMS,
)
async def query_device_info(
    device_id: DeviceIdPath, server: TheServer, caller: Operator
) -> DeviceInfo:
    """DeviceInfo of GB/T 28181."""
    server.inventory.device(device_id)
    await server.accounts.record(caller.actor, "query device info", device_id)
    return DeviceInfo.model_validate(await server.link.query_info(device_id))


@router.post(
    "/devices/{device_id}/query/status",
    operation_id="queryDeviceStatus",
    summary="Ask a device how it does",
    responses=PROBLEMS,
)
async def query_device_status(
    device_id: DeviceIdPath, server: TheServer, caller: Operator
) -> DeviceStatus:
    """DeviceStatus of GB/T 28181."""
    server.inventory.device(device_id)
    await server.accounts.record(caller.actor, "query device status", device_id)
    return DeviceStatus.model_validate(await server.link.query_status(device_id))
