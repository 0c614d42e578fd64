"""Moving cameras: while somebody holds them, and by what they remember (9.3, annex A.3)."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from api.authentication import Caller, Operator, Reader, TheServer
from api.orders import CommandOutcome, Insistence, check, note
from api.ports import Server
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath
from vms.accounts.model import Role
from vms.gb28181.ptz import (
    FASTEST_ZOOM,
    Auxiliary,
    CruiseAction,
    CruiseVerb,
    Focus,
    Iris,
    Lens,
    Move,
    Pan,
    PresetAction,
    PresetVerb,
    ScanAction,
    ScanVerb,
    Tilt,
    Zoom,
    speed_of,
)
from vms.signalling.motion import Holder
from vms.signalling.steering import HOLD_S, LONGEST_HOLD_S, Steered

router = APIRouter(tags=["ptz"])

Way = TypeVar("Way", bound=IntEnum)

PRIORITIES: Mapping[Role, int] = {Role.ADMIN: 6}
"""Who takes a camera over from whom; all others are equals."""
USUAL_PRIORITY = 5

Percent = Annotated[int, Field(ge=-100, le=100)]
ByteNumber = Annotated[int, Field(ge=0, le=255)]
PresetNumber = Annotated[int, Field(ge=1, le=255)]
TwelveBits = Annotated[int, Field(ge=0, le=4095)]
ShortName = Annotated[
    str,
    Field(max_length=32, pattern=r"^[^\x00-\x1f\x7f]*$", description="For devices of 2022 only."),
]


class PtzOrder(Insistence):
    """How fast to move where, in percent of the fastest; nothing but zeros stops."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"pan": 40, "tilt": 0, "zoom": 0}]}
    )

    pan: Percent = Field(default=0, description="To the right of the picture; negative: left.")
    tilt: Percent = Field(default=0, description="Up; negative: down.")
    zoom: Percent = Field(default=0, description="In; negative: out.")
    focus: Percent = Field(default=0, description="Far; negative: near.")
    iris: Percent = Field(default=0, description="Open; negative: close.")
    hold_s: float = Field(
        default=HOLD_S,
        gt=0,
        le=LONGEST_HOLD_S,
        allow_inf_nan=False,
        description="Stopped then, unless sent again.",
    )

    @model_validator(mode="after")
    def _one_word(self) -> "PtzOrder":
        if (self.pan or self.tilt or self.zoom) and (self.focus or self.iris):
            raise ValueError("one command moves the camera or its lens, not both")
        return self

    def is_stop(self) -> bool:
        """Nothing is to move."""
        return not (self.pan or self.tilt or self.zoom or self.focus or self.iris)

    def movement(self, fastest: int) -> Move | Lens:
        """As annex A.3 has it, at speeds up to `fastest`."""
        if self.focus or self.iris:
            return Lens(
                _way(self.focus, Focus.FAR, Focus.NEAR),
                _way(self.iris, Iris.OPEN, Iris.CLOSE),
                _speed(self.focus, fastest),
                _speed(self.iris, fastest),
            )
        return Move(
            _way(self.pan, Pan.RIGHT, Pan.LEFT),
            _way(self.tilt, Tilt.UP, Tilt.DOWN),
            _way(self.zoom, Zoom.IN, Zoom.OUT),
            _speed(self.pan, fastest),
            _speed(self.tilt, fastest),
            _speed(self.zoom, FASTEST_ZOOM),
        )


class Steering(BaseModel):
    """Who moves a camera, and until when unless they go on."""

    is_moving: bool = Field(description="By us; a cruise or a scan of its own does not count.")
    holder: str | None = Field(description="Who moves it.")
    is_yours: bool
    until: AwareDatetime | None


class PresetOrder(Insistence):
    """What to do with a preset."""

    action: Literal["set", "call", "delete"]
    preset: PresetNumber
    name: ShortName = ""


class CruiseOrder(Insistence):
    """What to do with a cruise. `stop` stops whatever the camera does."""

    action: Literal[
        "start", "stop", "add_point", "delete_point", "delete", "set_speed", "set_dwell"
    ]
    cruise: ByteNumber = 0
    preset: PresetNumber | None = Field(default=None, description="Of the point.")
    speed: TwelveBits | None = Field(default=None, description="For `set_speed`.")
    dwell_s: TwelveBits | None = Field(default=None, description="For `set_dwell`.")
    name: ShortName = ""

    @model_validator(mode="after")
    def _with_its_value(self) -> "CruiseOrder":
        if self.action in _CRUISE_VALUES and self.value() is None:
            raise ValueError(f"{self.action} needs {_CRUISE_VALUES[self.action]}")
        return self

    def value(self) -> int | None:
        """What goes with the action; None where nothing was given."""
        values = {"preset": self.preset, "speed": self.speed, "dwell_s": self.dwell_s}
        return values.get(_CRUISE_VALUES.get(self.action, ""))


_CRUISE_VALUES: Mapping[str, str] = {
    "add_point": "preset",
    "delete_point": "preset",
    "set_speed": "speed",
    "set_dwell": "dwell_s",
}


class ScanOrder(Insistence):
    """What to do with an automatic scan. `stop` stops whatever the camera does."""

    action: Literal["start", "stop", "set_left_border", "set_right_border", "set_speed"]
    scan: ByteNumber = 0
    speed: TwelveBits | None = Field(default=None, description="For `set_speed`.")

    @model_validator(mode="after")
    def _with_its_speed(self) -> "ScanOrder":
        if self.action == "set_speed" and self.speed is None:
            raise ValueError("set_speed needs speed")
        return self


class SwitchOrder(Insistence):
    """What to switch."""

    switch: ByteNumber = Field(default=1, description="1 is the wiper.")
    is_on: bool


def holder_of(caller: Caller) -> Holder:
    """One sign-in, or one API key, holds a camera."""
    principal = caller.principal
    priority = PRIORITIES.get(principal.role, USUAL_PRIORITY)
    return Holder(principal.credential_id, principal.name, priority)


def _way(percent: int, forth: Way, back: Way) -> Way | None:
    return None if percent == 0 else forth if percent > 0 else back


def _speed(percent: int, fastest: int) -> int:
    return speed_of(abs(percent), fastest) if percent else 0


def _shown(steered: Steered | None, caller: Caller) -> Steering:
    if steered is None:
        return Steering(is_moving=False, holder=None, is_yours=False, until=None)
    is_yours = steered.holder.holder_id == holder_of(caller).holder_id
    return Steering(
        is_moving=True, holder=steered.holder.name, is_yours=is_yours, until=steered.until
    )


async def _stopped(
    server: Server, caller: Caller, device_id: str, channel_id: str
) -> CommandOutcome:
    await note(server, caller, "stop camera", device_id, channel_id)
    outcome = await server.commands.steering.stop(device_id, channel_id, holder_of(caller))
    return CommandOutcome.model_validate(outcome)


@router.get(
    "/devices/{device_id}/channels/{channel_id}/ptz",
    operation_id="getSteering",
    summary="Who moves a camera",
    responses=PROBLEMS,
)
async def get_steering(
    device_id: DeviceIdPath, channel_id: ChannelIdPath, server: TheServer, caller: Reader
) -> Steering:
    """As it stands; the camera is not asked."""
    check(server, device_id, channel_id)
    return _shown(server.commands.steering.moving(device_id, channel_id), caller)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/ptz",
    operation_id="moveCamera",
    summary="Move a camera, for as long as it is held",
    responses=PROBLEMS,
)
async def move_camera(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: PtzOrder,
) -> Steering:
    """Begins a movement, changes it or renews it.

    The rule of the dead man's handle: a movement that is not sent again within `hold_s` seconds is
    stopped by the server, as is every movement of a sign-in that ends. Send it again every second
    while a key is held, and stop with zeros or `DELETE`. Two changes within half a second become
    one. Over UDP every stop goes out twice; a stop that the camera does not confirm is repeated,
    and reported as the event `movement_not_stopped`.

    One sign-in holds a camera: 409 names who else does (`facts.holder`). An administrator takes it
    over.
    """
    if body.is_stop():
        await _stopped(server, caller, device_id, channel_id)
        return _shown(server.commands.steering.moving(device_id, channel_id), caller)
    check(server, device_id, channel_id)
    holder, steering = holder_of(caller), server.commands.steering
    before = steering.moving(device_id, channel_id)
    if before is None or before.holder.holder_id != holder.holder_id:
        # What only goes on was noted when it began.
        way = body.model_dump(
            include={"pan", "tilt", "zoom", "focus", "iris"}, exclude_defaults=True
        )
        await note(server, caller, "move camera", device_id, channel_id, **way)
    fastest = server.inventory.profile(device_id).ptz_max_speed
    steered = await steering.move(
        device_id,
        channel_id,
        body.movement(fastest),
        holder,
        hold_s=body.hold_s,
        force=body.force,
    )
    return _shown(steered, caller)


@router.delete(
    "/devices/{device_id}/channels/{channel_id}/ptz",
    operation_id="stopCamera",
    summary="Stop a camera",
    responses=PROBLEMS,
)
async def stop_camera(
    device_id: DeviceIdPath, channel_id: ChannelIdPath, server: TheServer, caller: Operator
) -> CommandOutcome:
    """Ends a movement, a cruise or a scan. 504 or 502 where the camera did not confirm it: it may
    still be moving."""
    return await _stopped(server, caller, device_id, channel_id)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/presets",
    operation_id="actOnPreset",
    summary="Call, set or delete a preset",
    responses=PROBLEMS,
)
async def act_on_preset(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: PresetOrder,
) -> CommandOutcome:
    """A movement ends first. What there is: `POST .../query/presets`."""
    action = PresetAction(PresetVerb[body.action.upper()], body.preset)
    return await _act(server, caller, (device_id, channel_id), action, body, body.name)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/cruises",
    operation_id="actOnCruise",
    summary="Start, stop or change a cruise",
    responses=PROBLEMS,
)
async def act_on_cruise(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: CruiseOrder,
) -> CommandOutcome:
    """A cruise goes on by itself until something stops it."""
    if body.action == "stop":
        return await _stopped(server, caller, device_id, channel_id)
    action = CruiseAction(CruiseVerb(body.action), body.cruise, body.value() or 0)
    return await _act(server, caller, (device_id, channel_id), action, body, body.name)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/scan",
    operation_id="actOnScan",
    summary="Start, stop or change an automatic scan",
    responses=PROBLEMS,
)
async def act_on_scan(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: ScanOrder,
) -> CommandOutcome:
    """A scan goes on by itself until something stops it."""
    if body.action == "stop":
        return await _stopped(server, caller, device_id, channel_id)
    action = ScanAction(ScanVerb(body.action), body.scan, body.speed or 0)
    return await _act(server, caller, (device_id, channel_id), action, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/auxiliary",
    operation_id="switchAuxiliary",
    summary="Switch the wiper or something else",
    responses=PROBLEMS,
)
async def switch_auxiliary(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: SwitchOrder,
) -> CommandOutcome:
    """What hangs on the camera beside its own motors (annex A.3)."""
    action = Auxiliary(body.switch, body.is_on)
    return await _act(server, caller, (device_id, channel_id), action, body)


async def _act(
    server: Server,
    caller: Caller,
    camera: tuple[str, str],
    action: PresetAction | CruiseAction | ScanAction | Auxiliary,
    body: Insistence,
    name: str = "",
) -> CommandOutcome:
    detail = body.model_dump(exclude={"force"}, exclude_defaults=True, mode="json")
    kind = type(action).__name__.removesuffix("Action").lower()
    verb = str(detail.pop("action", "switch"))
    await note(server, caller, f"{kind} {verb}".replace("_", " "), *camera, **detail)
    outcome = await server.commands.steering.act(
        *camera, action, holder_of(caller), name=name, force=body.force
    )
    return CommandOutcome.model_validate(outcome)
