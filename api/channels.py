"""Channels: what a picture can come from. `(device_id, channel_id)` is the key."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Configurer, Reader, TheServer
from api.channel_forms import ChannelFilter, ChannelPatchIn
from api.pagination import PageOf, encode_cursor, link_next
from api.ports import Server
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath
from vms.gb28181.divisions import path_of
from vms.inventory.catalog_fields import ReportedValue, code_labels, reported_fields
from vms.inventory.effective import DivisionReason
from vms.inventory.model import Channel, State, Status
from vms.inventory.queries import ChannelQuery, status_of

router = APIRouter(tags=["channels"])


class ChannelOut(BaseModel):
    """A channel: what was reported, what was set here, what follows from both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "device_id": "34020000001320000001",
                    "channel_id": "34020000001310000001",
                    "name": "North gate",
                    "reported_name": "IPC",
                    "manufacturer": "Example",
                    "model": "IPC-2",
                    "owner": "",
                    "civil_code": "340200",
                    "division": "340200",
                    "division_reason": "catalogue",
                    "division_name": "安徽省 芜湖市",
                    "address": "",
                    "status": "online",
                    "state": "online_proven",
                    "status_since": "2026-03-01T08:00:00+00:00",
                    "ptz_type": 1,
                    "longitude": None,
                    "latitude": None,
                    "coordinate_system": "wgs84",
                    "declared_longitude": None,
                    "declared_latitude": None,
                    "parent_id": "34020000001320000001",
                    "business_group_id": "",
                    "point_class": "1",
                    "site_type": "0170100",
                    "management_unit": "",
                    "department": "",
                    "builder": "",
                    "project": "",
                    "maintainer": "",
                    "installed_on": "2024-05-01",
                    "retention_days": 30,
                    "required_resolution": "1920x1080",
                    "contact_info": "",
                    "grassroots_code": "000000",
                    "tags": ["school"],
                    "own_group_id": "",
                    "is_reported": True,
                    "overrides": ["name"],
                    "extra": {},
                }
            ]
        }
    )

    device_id: str
    channel_id: str
    name: str = Field(description="The local name where one was set, else the reported one.")
    reported_name: str
    manufacturer: str
    model: str
    owner: str
    civil_code: str = Field(description="As reported.")
    division: str = Field(description="Civil code: set here, else as reported, else by the ID.")
    division_reason: DivisionReason = Field(
        description="Whose word the division is: ours, the catalogue's, that of the first six "
        "digits of its own ID, or of its device's."
    )
    division_name: str = Field(description="Province, city and county, as far as they are known.")
    address: str
    status: Status
    state: State = Field(description="The ledger's state behind the status.")
    status_since: datetime | None
    ptz_type: int | None = Field(
        description="1 dome, 2 half dome, 3 fixed, 4 fixed with PTZ; null where it is not told."
    )
    longitude: float | None = Field(description="Degrees in WGS-84.")
    latitude: float | None = Field(description="Degrees in WGS-84.")
    coordinate_system: str = Field(description="In which the position was told.")
    declared_longitude: float | None = Field(description="As it was told, in that system.")
    declared_latitude: float | None
    parent_id: str | None
    business_group_id: str
    point_class: str = Field(description="Class of the point: 1, 2, 3 or 9; empty: not told.")
    site_type: str = Field(description="Kind of surroundings (annex O); empty: not told.")
    management_unit: str
    department: str = Field(
        description="Whose it is: set here, else the reported owner, else the management unit."
    )
    builder: str = Field(description="Who built it; no device reports that.")
    project: str = Field(description="In which project; no device reports that.")
    maintainer: str = Field(description="Who keeps it; no device reports that.")
    installed_on: date | None = Field(description="Set here, else as reported.")
    retention_days: int | None = Field(description="Set here, else as reported.")
    required_resolution: str
    contact_info: str = Field(description="Set here, else as reported.")
    grassroots_code: str = Field(description="Township and village: set here, else as reported.")
    tags: list[str]
    own_group_id: str = Field(description="Its node of our own tree; empty: none.")
    is_reported: bool = Field(description="False: put on file here, and no catalogue named it yet.")
    overrides: list[str] = Field(description="Fields that were set here, over the report.")
    extra: dict[str, str] = Field(description="What else the device reported, by tag name.")


class CodeLabel(BaseModel):
    """A code of the standard, and what it means; null where the standard does not say."""

    code: str
    zh: str | None
    en: str | None


class ChannelDetail(ChannelOut):
    """A channel with all that its device said of it, word for word."""

    reported: dict[str, ReportedValue] = Field(
        description="Every reported field by the standard's name in snake_case; never overridden."
    )
    local: dict[str, str | float | list[str]] = Field(
        description="Every field that was set here, as it was set; the others follow the report."
    )
    labels: dict[str, list[CodeLabel]] = Field(description="Reported codes in words.")
    anomalies: list[str] = Field(description="What is odd about it; see `GET /anomalies`.")


def shown(channel: Channel) -> ChannelOut:
    """A channel as the API shows it."""
    reported = channel.reported
    declared = channel.declared_position or (reported.longitude, reported.latitude)
    return ChannelOut(
        device_id=channel.device_id,
        channel_id=channel.channel_id,
        name=channel.name,
        reported_name=reported.name,
        manufacturer=reported.manufacturer,
        model=reported.model,
        owner=reported.owner,
        civil_code=reported.civil_code,
        division=channel.division,
        division_reason=channel.division_reason,
        division_name=" ".join(path_of(channel.division)),
        address=channel.address,
        status=status_of(channel.state),
        state=channel.state,
        status_since=channel.state_since,
        ptz_type=reported.ptz_type,
        longitude=channel.longitude,
        latitude=channel.latitude,
        coordinate_system=channel.coordinate_system,
        declared_longitude=declared[0],
        declared_latitude=declared[1],
        parent_id=reported.parent_ids[0] if reported.parent_ids else None,
        business_group_id=reported.business_group_id,
        point_class=channel.point_class,
        site_type=channel.site_type,
        management_unit=channel.management_unit,
        department=channel.department,
        builder=channel.builder,
        project=channel.project,
        maintainer=channel.maintainer,
        installed_on=channel.installed_on,
        retention_days=channel.retention_days,
        required_resolution=channel.required_resolution,
        contact_info=channel.contact_info,
        grassroots_code=channel.grassroots_code,
        tags=list(channel.tags),
        own_group_id=channel.own_group_id,
        is_reported=not channel.is_planned,
        overrides=sorted(_set_here(channel)),
        extra=dict(reported.extra),
    )


def _set_here(channel: Channel) -> dict[str, str | float | list[str]]:
    here: dict[str, str | float | list[str]] = {}
    if channel.name_override is not None:
        here["name"] = channel.name_override
    if channel.division_override is not None:
        here["division"] = channel.division_override
    here.update(channel.overrides)
    for name in ("longitude", "latitude"):
        declared = here.pop(f"declared_{name}", None)
        if declared is not None:
            here[name] = declared
    if "tags" in here:
        here["tags"] = list(channel.tags)
    return here


def detailed(server: Server, channel: Channel) -> ChannelDetail:
    """A channel with all that was reported of it."""
    return ChannelDetail(
        **shown(channel).model_dump(),
        reported=reported_fields(channel.reported),
        local=_set_here(channel),
        labels={
            name: [
                CodeLabel(
                    code=each.code,
                    zh=each.label.chinese if each.label else None,
                    en=each.label.english if each.label else None,
                )
                for each in codes
            ]
            for name, codes in code_labels(channel.reported).items()
        },
        anomalies=[
            each.kind
            for each in server.inventory.anomalies_of(channel.device_id, channel.channel_id)
        ],
    )


def _page(
    request: Request, response: Response, server: Server, query: ChannelQuery
) -> PageOf[ChannelOut]:
    page = server.inventory.channels(query)
    next_cursor = encode_cursor(page.next_cursor) if page.next_cursor else None
    link_next(request, response, next_cursor)
    return PageOf(
        items=[shown(channel) for channel in page.items],
        next_cursor=next_cursor,
        total=page.total,
    )


@router.get("/channels", operation_id="listChannels", summary="All channels", responses=PROBLEMS)
async def list_channels(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[ChannelFilter, Query()],
) -> PageOf[ChannelOut]:
    """In order of device and channel ID."""
    _ = caller
    return _page(request, response, server, wanted.query(server.inventory))


@router.get(
    "/devices/{device_id}/channels",
    operation_id="listDeviceChannels",
    summary="The channels of a device",
    responses=PROBLEMS,
)
async def list_device_channels(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[ChannelFilter, Query()],
) -> PageOf[ChannelOut]:
    """In order of their ID."""
    _ = caller
    server.inventory.device(device_id)
    return _page(request, response, server, wanted.query(server.inventory, device_id))


@router.get(
    "/devices/{device_id}/channels/{channel_id}",
    operation_id="getChannel",
    summary="A channel",
    responses=PROBLEMS,
)
async def get_channel(
    device_id: DeviceIdPath, channel_id: ChannelIdPath, server: TheServer, caller: Reader
) -> ChannelDetail:
    """As it stands, with every field that its device reported."""
    _ = caller
    return detailed(server, server.inventory.channel(device_id, channel_id))


@router.patch(
    "/devices/{device_id}/channels/{channel_id}",
    operation_id="changeChannel",
    summary="Set fields over the report",
    responses=PROBLEMS,
)
async def change_channel(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    body: ChannelPatchIn,
    server: TheServer,
    caller: Configurer,
) -> ChannelDetail:
    """What is set here outlives later catalogues."""
    server.inventory.channel(device_id, channel_id)
    subject, detail = f"{device_id}/{channel_id}", {"fields": body.fields()}
    await server.accounts.record(caller.actor, "change channel", subject, detail=detail)
    channel = await server.inventory.patch_channel(device_id, channel_id, body.patch())
    return detailed(server, channel)
