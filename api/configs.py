"""How devices are configured (9.5.3): read and written by POST, a GET asks no device."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.authentication import Configurer, Operator, TheServer
from api.config_blocks import BlockIn
from api.orders import Insistence, note
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath
from vms.gb28181.manscdp.messages import (
    AlarmReport,
    AudioParamConfig,
    AudioParamOpt,
    BasicParam,
    FrameMirror,
    OsdConfig,
    PictureMask,
    SnapShotConfig,
    SvacDecodeConfig,
    SvacEncodeConfig,
    VideoAlarmRecord,
    VideoParamAttribute,
    VideoParamConfig,
    VideoParamOpt,
    VideoRecordPlan,
)
from vms.signalling.configs import BLOCKS_AT_ONCE, TYPES

router = APIRouter(tags=["configuration"])


class ConfigQuestion(Insistence):
    """Which block is wanted."""

    config_type: Annotated[
        str,
        Field(
            max_length=40,
            json_schema_extra={"enum": list(TYPES)},
            description="See `GET /devices/{device_id}/commands`.",
        ),
    ]


class ConfigReadingOut(BaseModel):
    """One block as the device has it."""

    model_config = ConfigDict(from_attributes=True)

    config_type: str
    block: (
        BasicParam
        | VideoParamOpt
        | VideoParamConfig
        | AudioParamOpt
        | AudioParamConfig
        | VideoParamAttribute
        | VideoRecordPlan
        | VideoAlarmRecord
        | PictureMask
        | FrameMirror
        | AlarmReport
        | OsdConfig
        | SnapShotConfig
        | SvacEncodeConfig
        | SvacDecodeConfig
        | None
    ) = Field(description="Null where the device has none; mostly of the type asked for.")
    sentence: str


class ConfigOrder(Insistence):
    """What to write. BasicParam is the device's, the rest a channel's: not both at once."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"blocks": [{"config_type": "FrameMirror", "mode": 2}], "force": False}]
        },
    )

    blocks: list[BlockIn] = Field(min_length=1, max_length=BLOCKS_AT_ONCE)


class ConfigWritingOut(BaseModel):
    """What became of it."""

    model_config = ConfigDict(from_attributes=True)

    is_accepted: bool = Field(description="The device answered OK.")
    confirmed: list[str] = Field(
        description="Values that reading back showed as written.", examples=[["FrameMirror.mode"]]
    )
    differing: list[str] = Field(description="Values that reading back showed otherwise.")
    sentence: str


@router.post(
    "/devices/{device_id}/query/config",
    operation_id="queryDeviceConfig",
    summary="Read a block of a device's configuration",
    responses=PROBLEMS,
)
async def query_device_config(
    device_id: DeviceIdPath, server: TheServer, caller: Operator, body: ConfigQuestion
) -> ConfigReadingOut:
    """ConfigDownload of one type, since 2014."""
    return await query_config(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/query/config",
    operation_id="queryConfig",
    summary="Read a block of a camera's configuration",
    responses=PROBLEMS,
)
async def query_config(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: ConfigQuestion,
) -> ConfigReadingOut:
    """ConfigDownload of one type, since 2014. BasicParam is always asked of the device."""
    await note(server, caller, "read configuration", device_id, channel_id, type=body.config_type)
    reading = await server.commands.configs.read(
        device_id, body.config_type, channel_id, force=body.force
    )
    return ConfigReadingOut.model_validate(reading)


@router.post(
    "/devices/{device_id}/control/config",
    operation_id="writeDeviceConfig",
    summary="Configure a device",
    responses=PROBLEMS,
)
async def write_device_config(
    device_id: DeviceIdPath, server: TheServer, caller: Configurer, body: ConfigOrder
) -> ConfigWritingOut:
    """DeviceConfig, since 2014; what can be read back is."""
    return await write_config(device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/control/config",
    operation_id="writeConfig",
    summary="Configure a camera",
    responses=PROBLEMS,
)
async def write_config(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Configurer,
    body: ConfigOrder,
) -> ConfigWritingOut:
    """DeviceConfig, since 2014; what can be read back is. Takes seconds."""
    types = ", ".join(each.config_type for each in body.blocks)
    await note(server, caller, "write configuration", device_id, channel_id, types=types)
    writing = await server.commands.configs.write(
        device_id, [each.block() for each in body.blocks], channel_id, force=body.force
    )
    return ConfigWritingOut.model_validate(writing)
