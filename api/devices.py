"""SIP devices: on file, and what is asked of them."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Administrator, Configurer, Operator, Reader, TheServer
from api.pagination import (
    PageOf,
    Paging,
    decode_cursor,
    encode_cursor,
    link_next,
)
from api.ports import CatalogJob, Server
from api.schemas import PROBLEMS, DeviceIdPath, Strict
from vms.gb28181.ids import DeviceId
from vms.gb28181.profiles import FIELDS
from vms.gb28181.version import Edition
from vms.inventory.changes import LONGEST_NAME, LONGEST_SECRET
from vms.inventory.model import (
    Device,
    DevicePatch,
    NewDevice,
    State,
    Status,
)
from vms.inventory.quarantine import address_text
from vms.inventory.queries import DeviceQuery
from vms.inventory.tolerances import counted
from vms.signalling.device_queries import CatalogScope

router = APIRouter(tags=["devices"])

MediaTransport = Literal["", "udp", "udp_shared", "tcp_passive", "tcp_active"]
Secret = Annotated[
    str, Field(min_length=1, max_length=LONGEST_SECRET, description="Never shown in lists.")
]
Text = Annotated[str, Field(max_length=LONGEST_NAME)]
Interval = Annotated[float, Field(ge=5, le=3600)]
ProfileName = Annotated[str, Field(max_length=40)]
ProfileFieldIn = bool | int | Annotated[str, Field(max_length=40)] | None
KnownEdition = Literal["2011", "2014", "2016", "2022"]
Misses = Annotated[int, Field(ge=1, le=100)]


ALARM_INPUT = "34020000001340000001"
EXAMPLE: dict[str, JsonValue] = {
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
    "tolerances": [{"name": "bare_markup", "rule": "T2", "count": 3}],
    "profile": "generic",
    "profile_override": None,
    "edition_override": None,
    "spoken_edition": "2016",
    "clock_offset_s": -0.4,
    "faulty": [],
    "is_flapping": False,
    "anomalies": [],
}


class DeviceFilter(Paging):
    """Which devices are wanted."""

    status: Status | None = Field(default=None, description="Only these.")
    manufacturer: str | None = Field(default=None, max_length=255)
    q: str | None = Field(default=None, max_length=255, description="In IDs and names.")


class ToleranceOut(BaseModel):
    """A habit of a device that is put up with."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    rule: str = Field(description="Of the rules of tolerance, T1 to T20.")
    count: int = Field(description="So often, since it came on file.")


class DeviceOut(BaseModel):
    """A SIP device: a camera, a recorder, a lower platform."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

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
    media_transport: str = Field(
        description="`udp`, `udp_shared`, `tcp_passive` or `tcp_active` where one is fixed."
    )
    keepalive_interval_s: float
    keepalive_misses: int = Field(description="So many missed keepalives make it offline.")
    created_at: datetime | None
    tolerances: list[ToleranceOut] = Field(description="Habits we put up with, counted.")
    profile: str = Field(description="The profile that counts: set by hand, else chosen by maker.")
    profile_override: str | None = Field(description="Set by hand; null: chosen by maker.")
    edition_override: Edition | None = Field(description="Set by hand; null: as the device says.")
    spoken_edition: Edition = Field(description="The edition we speak to it.")
    clock_offset_s: float | None = Field(
        description="How far its clock is ahead of ours, as measured; null while not known."
    )
    faulty: list[str] = Field(description="Sub-devices that its keepalives call out of order.")
    is_flapping: bool = Field(description="It comes and goes so often that it is told no more.")
    anomalies: list[str] = Field(description="What is odd about its ID; see `GET /anomalies`.")


class DeviceDetail(DeviceOut):
    """A device, and what of it no list shows."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**EXAMPLE, "alarms_awaiting_reset": [ALARM_INPUT]}]}
    )

    alarms_awaiting_reset: list[str] = Field(
        description="IDs, sorted, of those that raised an alarm of method 2 (by the device) since "
        "the server started and tell no other of it until that alarm is reset: "
        "`control/reset-alarm` of the channel or of the device."
    )


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
    profile: ProfileName | None = None
    profile_fields: dict[str, ProfileFieldIn] = Field(
        default_factory=dict,
        max_length=len(FIELDS),
        description="Single fields over the profile, see `GET /profiles`; null: as the profile.",
    )
    edition_override: KnownEdition | None = None


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


class CatalogWish(Strict):
    """Which part of a catalogue is wanted."""

    target: Annotated[str, Field(pattern=r"^[0-9]{0,20}$")] = Field(
        default="",
        description="What lies under this division, group, organisation or device; empty: all.",
    )
    start: AwareDatetime | None = Field(default=None, description="Added since then.")
    end: AwareDatetime | None = Field(default=None, description="Added until then.")


AnyScope = Annotated[CatalogWish, Body(default_factory=CatalogWish)]


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
    profile = server.inventory.profile(device.device_id)
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
        remote_address=address_text(binding.host, binding.port) if binding else None,
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
        tolerances=[ToleranceOut.model_validate(each) for each in counted(device.tolerances)],
        profile=profile.name,
        profile_override=device.profile_override,
        edition_override=device.edition_override,
        spoken_edition=profile.edition,
        clock_offset_s=device.clock_offset_s,
        faulty=list(device.faulty),
        is_flapping=device.is_flapping,
        anomalies=[each.kind for each in server.inventory.anomalies_of(device.device_id)],
    )


def in_detail(server: Server, device: Device) -> DeviceDetail:
    """The same with what would cost too much in a list."""
    return DeviceDetail(
        **shown(server, device).model_dump(),
        alarms_awaiting_reset=sorted(server.alarms.awaiting_reset(device.device_id)),
    )


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
    "/devices/{device_id}", operation_id="getDevice", summary="A device", responses=PROBLEMS
)
async def get_device(device_id: DeviceIdPath, server: TheServer, caller: Reader) -> DeviceDetail:
    """As it stands."""
    _ = caller
    return in_detail(server, server.inventory.device(device_id))


@router.patch(
    "/devices/{device_id}",
    operation_id="changeDevice",
    summary="Change a device",
    responses=PROBLEMS,
)
async def change_device(
    device_id: DeviceIdPath, body: DevicePatchIn, server: TheServer, caller: Configurer
) -> DeviceDetail:
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
    if "profile" in changes:
        patch["profile"] = body.profile
    if "profile_fields" in changes:
        patch["profile_fields"] = body.profile_fields
    if "edition_override" in changes:
        edition = body.edition_override
        patch["edition_override"] = None if edition is None else Edition(edition)
    return in_detail(server, await server.inventory.patch_device(device_id, patch))


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
    body: AnyScope,
) -> Job:
    """Answers as soon as the query is sent; the job tells how far it is. The whole catalogue where
    nothing is said; only that takes channels away which the device no longer has."""
    server.inventory.device(device_id)
    await server.accounts.record(caller.actor, "query catalog", device_id)
    job = await server.link.query_catalog(
        device_id, CatalogScope(body.target, body.start, body.end)
    )
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
