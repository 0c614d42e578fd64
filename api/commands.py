"""What devices are ordered beside moving (annex A.2.3.1), and which commands their edition has."""

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from api.authentication import Configurer, Operator, Reader, TheServer
from api.orders import CommandOutcome, Insistence, Insisting, note
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.editions import ORDER, assumed
from vms.gb28181.manscdp.registry import COMMANDS, CONFIG_TYPES
from vms.gb28181.version import Edition

router = APIRouter(tags=["control"])


class CommandOut(BaseModel):
    """A message of the standard."""

    name: str = Field(description="As people know it.", examples=["IFrameCmd"])
    cmd_type: str = Field(description="The CmdType on the wire.", examples=["DeviceControl"])
    root: str = Field(description="`Control`, `Query`, `Notify` or `Response`.")
    direction: str = Field(description="`to_device` or `from_device`.")
    answer: str = Field(description="`none`, `result` or `data`, beside the SIP answer.")
    editions: list[Edition] = Field(description="Those that have it.")
    is_supported: bool = Field(description="The device's edition has it.")


class ConfigTypeOut(BaseModel):
    """A block of a configuration."""

    config_type: str = Field(examples=["BasicParam"])
    editions: list[Edition] = Field(description="Those that have it.")
    is_supported: bool = Field(description="The device's edition has it.")
    is_writable: bool = Field(description="False: it can only be read.")


class CommandTable(BaseModel):
    """What can be asked and told, in the device's edition."""

    edition: Edition = Field(description="The edition we speak to it.")
    items: list[CommandOut] = Field(description="In the order of annex A.2.")
    config_types: list[ConfigTypeOut]


class RecordOrder(Insistence):
    """Whether to record."""

    is_start: bool
    stream_number: int | None = Field(
        default=None, ge=0, le=15, description="0 is the main one; others since 2022."
    )


class GuardOrder(Insistence):
    """Whether to be on guard."""

    is_set: bool


class AlarmReset(Insistence):
    """Which alarms are to be forgotten; all where nothing is said. Both lists since 2016."""

    methods: list[Annotated[int, Field(ge=1, le=7)]] = Field(default_factory=list, max_length=7)
    types: list[Annotated[int, Field(ge=0, le=99)]] = Field(default_factory=list, max_length=20)


AnyAlarms = Annotated[AlarmReset, Body(default_factory=AlarmReset)]


class CardOrder(Insistence):
    """Which memory card."""

    card: int = Field(ge=0, le=8, description="They count from 1; 0 is all of them.")


@router.get(
    "/devices/{device_id}/commands",
    operation_id="listCommands",
    summary="Which commands a device's edition has",
    responses=PROBLEMS,
)
async def list_commands(device_id: DeviceIdPath, server: TheServer, caller: Reader) -> CommandTable:
    """Every message of the standard. What the edition lacks is refused with 409, code
    `unsupported`, unless the request says `force`."""
    _ = caller
    server.inventory.device(device_id)
    edition = server.inventory.profile(device_id).edition
    spoken = assumed(edition)
    return CommandTable(
        edition=edition,
        items=[
            CommandOut(
                name=each.name,
                cmd_type=each.cmd_type,
                root=each.root.value,
                direction=each.direction.value,
                answer=each.answer.value,
                editions=[one for one in ORDER if one in each.editions],
                is_supported=spoken in each.editions,
            )
            for each in COMMANDS
        ],
        config_types=[
            ConfigTypeOut(
                config_type=each.name,
                editions=[one for one in ORDER if one in each.editions],
                is_supported=spoken in each.editions,
                is_writable=each.control_form is not None,
            )
            for each in CONFIG_TYPES
        ],
    )


@router.post(
    "/devices/{device_id}/control/reboot",
    operation_id="rebootDevice",
    summary="Start a device anew",
    responses=PROBLEMS,
)
async def reboot_device(
    device_id: DeviceIdPath, server: TheServer, caller: Configurer, body: Insisting
) -> CommandOutcome:
    """TeleBoot. The device is gone for a minute or two and registers again; nothing but its 200
    is waited for."""
    await note(server, caller, "reboot device", device_id)
    outcome = await server.commands.controls.reboot(device_id, force=body.force)
    return CommandOutcome.model_validate(outcome)


@router.post(
    "/devices/{device_id}/control/record",
    operation_id="recordDevice",
    summary="Start or stop recording at a device that is a camera",
    responses=PROBLEMS,
)
async def record_device(
    device_id: DeviceIdPath, server: TheServer, caller: Operator, body: RecordOrder
) -> CommandOutcome:
    """RecordCmd with the device's own ID."""
    return await record_channel(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/control/record",
    operation_id="recordChannel",
    summary="Start or stop recording at the device",
    responses=PROBLEMS,
)
async def record_channel(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: RecordOrder,
) -> CommandOutcome:
    """RecordCmd: the device records by itself, on its own disk or card."""
    action = "start recording" if body.is_start else "stop recording"
    await note(server, caller, action, device_id, channel_id, stream=body.stream_number)
    outcome = await server.commands.controls.record(
        device_id,
        channel_id,
        is_start=body.is_start,
        stream_number=body.stream_number,
        force=body.force,
    )
    return CommandOutcome.model_validate(outcome)


@router.post(
    "/devices/{device_id}/control/guard",
    operation_id="guardDevice",
    summary="Arm or disarm a device",
    responses=PROBLEMS,
)
async def guard_device(
    device_id: DeviceIdPath, server: TheServer, caller: Operator, body: GuardOrder
) -> CommandOutcome:
    """GuardCmd."""
    return await guard_channel(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/control/guard",
    operation_id="guardChannel",
    summary="Arm or disarm an alarm input",
    responses=PROBLEMS,
)
async def guard_channel(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: GuardOrder,
) -> CommandOutcome:
    """GuardCmd."""
    await note(server, caller, "set guard" if body.is_set else "reset guard", device_id, channel_id)
    outcome = await server.commands.controls.guard(
        device_id, channel_id, is_set=body.is_set, force=body.force
    )
    return CommandOutcome.model_validate(outcome)


@router.post(
    "/devices/{device_id}/control/reset-alarm",
    operation_id="resetDeviceAlarm",
    summary="Make a device forget its alarms",
    responses=PROBLEMS,
)
async def reset_device_alarm(
    device_id: DeviceIdPath, server: TheServer, caller: Operator, body: AnyAlarms
) -> CommandOutcome:
    """AlarmCmd. Until then a device tells no further alarm of method 2."""
    return await reset_channel_alarm(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/control/reset-alarm",
    operation_id="resetChannelAlarm",
    summary="Make a device forget the alarms of a channel",
    responses=PROBLEMS,
)
async def reset_channel_alarm(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: AnyAlarms,
) -> CommandOutcome:
    """AlarmCmd. Of a channel, or of another source that the device names among those that wait."""
    if channel_id in server.alarms.awaiting_reset(DeviceId(device_id)):
        await note(server, caller, "reset alarm", device_id, source=channel_id)
    else:
        await note(server, caller, "reset alarm", device_id, channel_id)
    outcome = await server.commands.controls.reset_alarm(
        device_id, channel_id, methods=body.methods, types=body.types, force=body.force
    )
    return CommandOutcome.model_validate(outcome)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/control/key-picture",
    operation_id="askKeyPicture",
    summary="Make a camera send a key picture",
    responses=PROBLEMS,
)
async def ask_key_picture(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: Insisting,
) -> CommandOutcome:
    """IFrameCmd, spelt IFameCmd up to 2016. There is no answer but the 200."""
    await note(server, caller, "ask key picture", device_id, channel_id)
    outcome = await server.commands.controls.key_picture(device_id, channel_id, force=body.force)
    return CommandOutcome.model_validate(outcome)


@router.post(
    "/devices/{device_id}/control/format-sd",
    operation_id="formatDeviceSdCard",
    summary="Format a memory card of a device",
    responses=PROBLEMS,
)
async def format_device_sd_card(
    device_id: DeviceIdPath, server: TheServer, caller: Configurer, body: CardOrder
) -> CommandOutcome:
    """FormatSDCard, since 2022. What is on the card is lost."""
    return await format_sd_card(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/control/format-sd",
    operation_id="formatSdCard",
    summary="Format a memory card of a camera",
    responses=PROBLEMS,
)
async def format_sd_card(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Configurer,
    body: CardOrder,
) -> CommandOutcome:
    """FormatSDCard, since 2022. What is on the card is lost."""
    await note(server, caller, "format SD card", device_id, channel_id, card=body.card)
    outcome = await server.commands.controls.format_sd_card(
        device_id, body.card, channel_id, force=body.force
    )
    return CommandOutcome.model_validate(outcome)
