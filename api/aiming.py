"""Orders after which a camera looks somewhere by itself: exactly there, into a box, after a target,
and home (annex A.2.3.1)."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import ConfigDict, Field, model_validator

from api.authentication import Operator, TheServer
from api.orders import CommandOutcome, Insistence, note
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath, Strict
from vms.gb28181.manscdp.messages import HomePosition, TrackMode, ZoomBox

router = APIRouter(tags=["ptz"])

Pixels = Annotated[int, Field(ge=0, le=16_384)]
Extent = Annotated[int, Field(ge=1, le=16_384)]


class PreciseView(Insistence):
    """Where to look; what is not given stays."""

    pan_deg: float | None = Field(default=None, ge=0, le=360, allow_inf_nan=False)
    tilt_deg: float | None = Field(
        default=None, ge=-90, le=90, allow_inf_nan=False, description="Negative is upwards."
    )
    zoom: float | None = Field(default=None, ge=1, le=1000, allow_inf_nan=False)

    @model_validator(mode="after")
    def _somewhere(self) -> "PreciseView":
        if self.pan_deg is None and self.tilt_deg is None and self.zoom is None:
            raise ValueError("where to: pan_deg, tilt_deg or zoom")
        return self


class Box(Strict):
    """A box drawn into a play window; pixels from its top left corner."""

    window_width_px: Extent
    window_height_px: Extent
    middle_x_px: Pixels
    middle_y_px: Pixels
    box_width_px: Extent
    box_height_px: Extent

    def of_the_standard(self) -> ZoomBox:
        """As the commands have it."""
        return ZoomBox(**self.model_dump())


class TrackOrder(Insistence):
    """What to follow."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"mode": "Auto", "force": False}]}
    )

    mode: TrackMode
    panorama_channel_id: str | None = Field(
        default=None, pattern=r"^[0-9]{1,20}$", description="In whose picture the area is drawn."
    )
    area: Box | None = Field(default=None, description="For `Manual`.")

    @model_validator(mode="after")
    def _drawn(self) -> "TrackOrder":
        if self.mode is TrackMode.MANUAL and self.area is None:
            raise ValueError("following by hand needs an area")
        return self


class ZoomOrder(Insistence):
    """A box, and whether it fills the window (`in`) or the window shrinks into it (`out`)."""

    direction: Literal["in", "out"]
    box: Box


class HomeOrder(Insistence):
    """Where to return to when left alone."""

    is_enabled: bool
    reset_time_s: int | None = Field(default=None, ge=0, le=86_400)
    preset: int | None = Field(default=None, ge=0, le=255, description="0 to 255.")


@router.post(
    "/devices/{device_id}/channels/{channel_id}/control/precise",
    operation_id="lookAt",
    summary="Make a camera look exactly there",
    responses=PROBLEMS,
)
async def look_at(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: PreciseView,
) -> CommandOutcome:
    """PTZPreciseCtrl, since 2022. What the camera cannot reach becomes its limit."""
    await note(server, caller, "look at", device_id, channel_id, **body.model_dump())
    outcome = await server.commands.controls.look_at(
        device_id,
        channel_id,
        pan_deg=body.pan_deg,
        tilt_deg=body.tilt_deg,
        zoom=body.zoom,
        force=body.force,
    )
    return CommandOutcome.model_validate(outcome)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/control/track",
    operation_id="trackTarget",
    summary="Make a camera follow what moves",
    responses=PROBLEMS,
)
async def track_target(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: TrackOrder,
) -> CommandOutcome:
    """TargetTrack, since 2022."""
    await note(server, caller, "track target", device_id, channel_id, mode=body.mode.value)
    outcome = await server.commands.controls.track_target(
        device_id,
        channel_id,
        body.mode,
        panorama_channel_id=body.panorama_channel_id,
        area=None if body.area is None else body.area.of_the_standard(),
        force=body.force,
    )
    return CommandOutcome.model_validate(outcome)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/drag-zoom",
    operation_id="dragZoom",
    summary="Zoom into a box, or out into one",
    responses=PROBLEMS,
)
async def drag_zoom(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: ZoomOrder,
) -> CommandOutcome:
    """DragZoomIn, DragZoomOut."""
    await note(server, caller, f"drag zoom {body.direction}", device_id, channel_id)
    outcome = await server.commands.controls.drag_zoom(
        device_id,
        channel_id,
        body.box.of_the_standard(),
        is_in=body.direction == "in",
        force=body.force,
    )
    return CommandOutcome.model_validate(outcome)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/home-position",
    operation_id="setHomePosition",
    summary="Tell a camera where to return to",
    responses=PROBLEMS,
)
async def set_home_position(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: HomeOrder,
) -> CommandOutcome:
    """HomePosition: the preset, and after how many seconds of being left alone. Since 2016."""
    await note(
        server,
        caller,
        "set home position",
        device_id,
        channel_id,
        enabled=body.is_enabled,
        preset=body.preset,
    )
    outcome = await server.commands.controls.set_home_position(
        device_id,
        channel_id,
        HomePosition(body.is_enabled, body.reset_time_s, body.preset),
        force=body.force,
    )
    return CommandOutcome.model_validate(outcome)
