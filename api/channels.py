"""Channels: what a picture can come from. `(device_id, channel_id)` is the key."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Configurer, Reader, TheServer
from api.pagination import PageOf, Paging, decode_cursor, encode_cursor, link_next
from api.ports import Server
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath, Strict
from vms.inventory.catalog_fields import ReportedValue, code_labels, reported_fields
from vms.inventory.changes import LONGEST_NAME
from vms.inventory.model import Channel, ChannelPatch, State, Status
from vms.inventory.queries import ChannelQuery, status_of

router = APIRouter(tags=["channels"])

LocalText = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class ChannelFilter(Paging):
    """Which channels are wanted."""

    status: Status | None = Field(default=None, description="Only these.")
    division: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,8}$",
        description="A civil code of any level, and all below it.",
    )
    group: str | None = Field(
        default=None, max_length=20, description="Business group or virtual organisation."
    )
    point_class: str | None = Field(
        default=None,
        alias="class",
        max_length=2,
        description="Class of the point: 1, 2, 3 or 9.",
    )
    manufacturer: str | None = Field(default=None, max_length=255)
    site_type: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,7}$",
        description="First digits of the kind of surroundings: `017` are schools.",
    )
    ptz_type: int | None = Field(default=None, description="1 to 7.")
    unit: str | None = Field(
        default=None, max_length=255, description="In the owner and the management unit."
    )
    mobile_device_type: str | None = Field(default=None, max_length=2)
    security_level: str | None = Field(
        default=None, max_length=2, description="GB 35114: `A`, `B` or `C`."
    )
    has_position: bool | None = Field(default=None, description="With or without coordinates.")
    q: str | None = Field(default=None, max_length=255, description="In IDs and names.")

    def query(self, device_id: str | None = None) -> ChannelQuery:
        """As the inventory is asked."""
        return ChannelQuery(
            device_id=device_id,
            status=self.status,
            division=self.division,
            group=self.group,
            point_type=self.point_class,
            manufacturer=self.manufacturer,
            q=self.q,
            cursor=decode_cursor(self.cursor),
            limit=self.limit,
            with_total=self.total,
            site_type=self.site_type,
            ptz_type=self.ptz_type,
            unit=self.unit,
            mobile_device_type=self.mobile_device_type,
            security_level=self.security_level,
            has_position=self.has_position,
        )


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
                    "address": "",
                    "status": "online",
                    "state": "online_proven",
                    "status_since": "2026-03-01T08:00:00+00:00",
                    "ptz_type": 1,
                    "longitude": None,
                    "latitude": None,
                    "parent_id": "34020000001320000001",
                    "business_group_id": "",
                    "point_class": "1",
                    "site_type": "0170100",
                    "management_unit": "",
                    "builder": "",
                    "maintainer": "",
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
    address: str
    status: Status
    state: State = Field(description="The ledger's state behind the status.")
    status_since: datetime | None
    ptz_type: int | None = Field(
        description="1 dome, 2 half dome, 3 fixed, 4 fixed with PTZ; null where it is not told."
    )
    longitude: float | None
    latitude: float | None
    parent_id: str | None
    business_group_id: str
    point_class: str = Field(description="Class of the point: 1, 2, 3 or 9; empty: not told.")
    site_type: str = Field(description="Kind of surroundings (annex O); empty: not told.")
    management_unit: str
    builder: str = Field(description="Who built it; no device reports that.")
    maintainer: str = Field(description="Who keeps it; no device reports that.")
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
    labels: dict[str, list[CodeLabel]] = Field(description="Reported codes in words.")
    anomalies: list[str] = Field(description="What is odd about it; see `GET /anomalies`.")


class ChannelPatchIn(Strict):
    """What is set over the report; null goes back to it, what is left out stays."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] | None = None
    division: Annotated[str, Field(pattern=r"^([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{8})$")] | None = (
        None
    )
    point_class: Literal["1", "2", "3", "9"] | None = Field(default=None, alias="class")
    site_type: Annotated[str, Field(pattern=r"^[0-9]{3}([0-9]{2}){0,2}$")] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = Field(
        default=None, description="Together with the latitude."
    )
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    address: LocalText | None = None
    management_unit: LocalText | None = None
    builder: LocalText | None = None
    maintainer: LocalText | None = None


class Division(BaseModel):
    """A region with the channels in it and below it."""

    model_config = ConfigDict(from_attributes=True)

    code: str = Field(description="Civil code of 2, 4, 6 or 8 digits; empty for none.")
    channels: int = Field(description="On file, in it and below it.")
    online_channels: int
    children: list["Division"] = Field(description="The next level below.")


class Group(BaseModel):
    """A business group or virtual organisation with the channels in it and below it."""

    model_config = ConfigDict(from_attributes=True)

    group_id: str
    name: str = Field(description="Empty where channels name it and nobody described it.")
    channels: int = Field(description="On file, in it and below it, each once.")
    online_channels: int
    children: list["Group"] = Field(description="The organisations right below.")


class Groups(BaseModel):
    """The trees of groups that devices reported."""

    items: list[Group]


class Divisions(BaseModel):
    """The tree of regions that have channels."""

    items: list[Division]


def shown(channel: Channel) -> ChannelOut:
    """A channel as the API shows it."""
    reported = channel.reported
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
        address=channel.address,
        status=status_of(channel.state),
        state=channel.state,
        status_since=channel.state_since,
        ptz_type=reported.ptz_type,
        longitude=channel.longitude,
        latitude=channel.latitude,
        parent_id=reported.parent_ids[0] if reported.parent_ids else None,
        business_group_id=reported.business_group_id,
        point_class=channel.point_class,
        site_type=channel.site_type,
        management_unit=channel.management_unit,
        builder=str(channel.overrides.get("builder", "")),
        maintainer=str(channel.overrides.get("maintainer", "")),
        overrides=sorted(_overridden(channel)),
        extra=dict(reported.extra),
    )


def _overridden(channel: Channel) -> Iterator[str]:
    if channel.name_override is not None:
        yield "name"
    if channel.division_override is not None:
        yield "division"
    yield from channel.overrides


def detailed(server: Server, channel: Channel) -> ChannelDetail:
    """A channel with all that was reported of it."""
    return ChannelDetail(
        **shown(channel).model_dump(),
        reported=reported_fields(channel.reported),
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
    return _page(request, response, server, wanted.query())


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
    return _page(request, response, server, wanted.query(device_id))


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
    patch: ChannelPatch = {}
    if "name" in body.model_fields_set:
        patch["name"] = body.name
    if "division" in body.model_fields_set:
        patch["division"] = body.division
    overrides = body.model_dump(by_alias=True, exclude_unset=True, exclude={"name", "division"})
    if overrides:
        patch["overrides"] = overrides
    fields = {*overrides, *({"name", "division"} & body.model_fields_set)}
    detail = {"fields": ", ".join(sorted(fields))}
    subject = f"{device_id}/{channel_id}"
    await server.accounts.record(caller.actor, "change channel", subject, detail=detail)
    return detailed(server, await server.inventory.patch_channel(device_id, channel_id, patch))


@router.get(
    "/divisions",
    operation_id="listDivisions",
    summary="Regions with live counts",
    responses=PROBLEMS,
)
async def list_divisions(server: TheServer, caller: Reader) -> Divisions:
    """The tree of civil codes that have channels; each counts those below it."""
    _ = caller
    return Divisions(items=[Division.model_validate(node) for node in server.inventory.divisions()])


@router.get(
    "/groups",
    operation_id="listGroups",
    summary="Business groups with live counts",
    responses=PROBLEMS,
)
async def list_groups(server: TheServer, caller: Reader) -> Groups:
    """The trees of business groups and virtual organisations; each counts those below it."""
    _ = caller
    return Groups(items=[Group.model_validate(node) for node in server.inventory.groups()])
