"""What devices are asked: presets, positions, cruises, memory cards, alarms (annex A.2.4).

Info and status of devices stand in `devices`, configurations in `configs`, recordings in `records`.
Nothing is asked by GET. The answer of the device is the answer of the route: 504 where it is
silent, 502 with `sip_status` where it refuses.
"""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from api.authentication import Operator, TheServer
from api.devices import DeviceStatus
from api.orders import CommandOutcome, Insistence, Insisting, note
from api.pagination import PageOf
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath

router = APIRouter(tags=["queries"])

Priority = Annotated[int, Field(ge=0, le=4)]
TrackNumber = Annotated[int, Path(ge=0, le=255, description="Of a cruise track; the first is 0.")]


class PresetOut(BaseModel):
    """A remembered view."""

    model_config = ConfigDict(from_attributes=True)

    preset_id: int = Field(description="1 to 255.")
    name: str


class Presets(PageOf[PresetOut]):
    """What a camera told."""


class HomePositionOut(BaseModel):
    """Where a camera returns to when left alone."""

    model_config = ConfigDict(from_attributes=True)

    is_enabled: bool
    reset_time_s: int | None
    preset_index: int | None


class HomePositionAnswer(BaseModel):
    """What a camera told."""

    home: HomePositionOut | None = Field(description="Null where it has no such place.")


class CruiseTrackOut(BaseModel):
    """A cruise track."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    name: str


class CruiseTracks(PageOf[CruiseTrackOut]):
    """What a camera told."""


class CruisePointOut(BaseModel):
    """One stop of a cruise."""

    model_config = ConfigDict(from_attributes=True)

    preset_index: int
    stay_time_s: int
    speed: int = Field(description="1 to 15.")


class CruiseTrackPoints(CruiseTrackOut):
    """A cruise track, stop by stop."""

    points: list[CruisePointOut]


class PtzPositionOut(BaseModel):
    """Where a camera looks; null for what it does not say."""

    model_config = ConfigDict(from_attributes=True)

    pan_deg: float | None = Field(description="Clockwise, seen from above.")
    tilt_deg: float | None = Field(description="0 at the horizon, negative upwards.")
    zoom: float | None
    horizontal_field_deg: float | None
    vertical_field_deg: float | None
    max_view_distance_m: float | None


class SdCardOut(BaseModel):
    """A memory card."""

    model_config = ConfigDict(from_attributes=True)

    card_id: int
    name: str
    status: str = Field(description="`ok`, `formatting`, `unformatted`, `idle` or `error`.")
    format_progress: int | None = Field(description="In percent, while it is being formatted.")
    capacity_mb: int | None
    free_mb: int | None


class SdCards(PageOf[SdCardOut]):
    """What a device told."""


class AlarmQuestion(Insistence):
    """Which past alarms are wanted."""

    first_priority: Priority = Field(default=0, description="1 is the highest, 0 all.")
    last_priority: Priority = Field(default=0, description="The lowest that is wanted, 0 all.")
    methods: list[Annotated[int, Field(ge=1, le=7)]] = Field(default_factory=list, max_length=7)
    types: list[Annotated[int, Field(ge=0, le=99)]] = Field(default_factory=list, max_length=20)
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "AlarmQuestion":
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("start comes before end")
        return self


AnyAlarm = Annotated[AlarmQuestion, Body(default_factory=AlarmQuestion)]


class PositionQuestion(Insistence):
    """How often a position is wanted."""

    interval_s: int | None = Field(default=None, ge=1, le=86_400)


AnyPosition = Annotated[PositionQuestion, Body(default_factory=PositionQuestion)]


@router.post(
    "/devices/{device_id}/query/presets",
    operation_id="queryDevicePresets",
    summary="Ask a device that is a camera for its presets",
    responses=PROBLEMS,
)
async def query_device_presets(
    device_id: DeviceIdPath, server: TheServer, caller: Operator, body: Insisting
) -> Presets:
    """PresetQuery with the device's own ID."""
    return await query_presets(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/presets",
    operation_id="queryPresets",
    summary="Ask a camera for its presets",
    responses=PROBLEMS,
)
async def query_presets(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: Insisting,
) -> Presets:
    """PresetQuery, since 2014."""
    await note(server, caller, "query presets", device_id, channel_id)
    found = await server.commands.queries.presets(device_id, channel_id, force=body.force)
    return Presets(items=[PresetOut.model_validate(each) for each in found], next_cursor=None)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/home-position",
    operation_id="queryHomePosition",
    summary="Ask a camera where it returns to",
    responses=PROBLEMS,
)
async def query_home_position(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: Insisting,
) -> HomePositionAnswer:
    """HomePositionQuery, since 2022."""
    await note(server, caller, "query home position", device_id, channel_id)
    home = await server.commands.queries.home_position(device_id, channel_id, force=body.force)
    return HomePositionAnswer(home=None if home is None else HomePositionOut.model_validate(home))


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/cruises",
    operation_id="queryCruises",
    summary="Ask a camera for its cruise tracks",
    responses=PROBLEMS,
)
async def query_cruises(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: Insisting,
) -> CruiseTracks:
    """CruiseTrackListQuery, since 2022."""
    await note(server, caller, "query cruises", device_id, channel_id)
    found = await server.commands.queries.cruise_tracks(device_id, channel_id, force=body.force)
    return CruiseTracks(
        items=[CruiseTrackOut.model_validate(each) for each in found], next_cursor=None
    )


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/cruises/{number}",
    operation_id="queryCruise",
    summary="Ask a camera for the stops of a cruise track",
    responses=PROBLEMS,
)
async def query_cruise(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    number: TrackNumber,
    server: TheServer,
    caller: Operator,
    body: Insisting,
) -> CruiseTrackPoints:
    """CruiseTrackQuery, since 2022."""
    await note(server, caller, "query cruise", device_id, channel_id, number=number)
    track = await server.commands.queries.cruise_track(
        device_id, channel_id, number, force=body.force
    )
    return CruiseTrackPoints.model_validate(track, from_attributes=True)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/ptz-position",
    operation_id="queryPtzPosition",
    summary="Ask a camera where it looks",
    responses=PROBLEMS,
)
async def query_ptz_position(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: Insisting,
) -> PtzPositionOut:
    """PTZPosition, since 2022."""
    await note(server, caller, "query PTZ position", device_id, channel_id)
    position = await server.commands.queries.ptz_position(device_id, channel_id, force=body.force)
    return PtzPositionOut.model_validate(position)


@router.post(
    "/devices/{device_id}/query/sd-cards",
    operation_id="queryDeviceSdCards",
    summary="Ask a device for its memory cards",
    responses=PROBLEMS,
)
async def query_device_sd_cards(
    device_id: DeviceIdPath, server: TheServer, caller: Operator, body: Insisting
) -> SdCards:
    """SDCardStatus with the device's own ID, since 2022."""
    return await query_sd_cards(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/sd-cards",
    operation_id="querySdCards",
    summary="Ask a camera for its memory cards",
    responses=PROBLEMS,
)
async def query_sd_cards(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: Insisting,
) -> SdCards:
    """SDCardStatus, since 2022."""
    await note(server, caller, "query SD cards", device_id, channel_id)
    cards = await server.commands.queries.sd_cards(device_id, channel_id, force=body.force)
    return SdCards(items=[SdCardOut.model_validate(each) for each in cards], next_cursor=None)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/status",
    operation_id="queryChannelStatus",
    summary="Ask a device how a channel does",
    responses=PROBLEMS,
)
async def query_channel_status(
    device_id: DeviceIdPath, channel_id: ChannelIdPath, server: TheServer, caller: Operator
) -> DeviceStatus:
    """DeviceStatus with the channel's ID."""
    await note(server, caller, "query status", device_id, channel_id)
    return DeviceStatus.model_validate(await server.commands.queries.status(device_id, channel_id))


@router.post(
    "/devices/{device_id}/query/alarms",
    operation_id="queryDeviceAlarms",
    summary="Ask a device for past alarms",
    responses=PROBLEMS,
)
async def query_device_alarms(
    device_id: DeviceIdPath, server: TheServer, caller: Operator, body: AnyAlarm
) -> CommandOutcome:
    """Alarm by MESSAGE, up to 2016. What the device knows comes as alarms: see `GET /alarms`."""
    return await query_alarms(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/alarms",
    operation_id="queryAlarms",
    summary="Ask a device for past alarms of a channel",
    responses=PROBLEMS,
)
async def query_alarms(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: AnyAlarm,
) -> CommandOutcome:
    """Alarm by MESSAGE, up to 2016. What the device knows comes as alarms: see `GET /alarms`."""
    await note(server, caller, "query alarms", device_id, channel_id)
    outcome = await server.commands.queries.alarms(
        device_id,
        channel_id,
        priorities=(body.first_priority, body.last_priority),
        methods=body.methods,
        types=body.types,
        start=body.start,
        end=body.end,
        force=body.force,
    )
    return CommandOutcome.model_validate(outcome)


@router.post(
    "/devices/{device_id}/query/position",
    operation_id="queryDevicePosition",
    summary="Ask a device where it is",
    responses=PROBLEMS,
)
async def query_device_position(
    device_id: DeviceIdPath, server: TheServer, caller: Operator, body: AnyPosition
) -> CommandOutcome:
    """MobilePosition by MESSAGE: no edition has it so, some devices do. Positions come as
    notifications: see `GET /devices/{device_id}/positions`."""
    return await query_position(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/position",
    operation_id="queryPosition",
    summary="Ask a device where a channel is",
    responses=PROBLEMS,
)
async def query_position(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: AnyPosition,
) -> CommandOutcome:
    """MobilePosition by MESSAGE: no edition has it so, some devices do. Positions come as
    notifications: see `GET /devices/{device_id}/channels/{channel_id}/positions`."""
    await note(server, caller, "query position", device_id, channel_id)
    outcome = await server.commands.queries.position(
        device_id, channel_id, interval_s=body.interval_s, force=body.force
    )
    return CommandOutcome.model_validate(outcome)
