"""Channels in bulk, and channels that are put on file before their device names them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.authentication import Configurer, TheServer
from api.channel_forms import ChannelPatchIn
from api.channels import ChannelDetail, detailed
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath, Strict
from vms.errors import VmsError
from vms.gb28181.ids import ChannelId, DeviceId

router = APIRouter(tags=["channels"])

MOST_AT_ONCE = 5000

Digits = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


class ChannelKey(Strict):
    """A channel by its two IDs."""

    device_id: Digits
    channel_id: Digits


class ChannelList(Strict):
    """Which channels."""

    channels: Annotated[list[ChannelKey], Field(min_length=1, max_length=MOST_AT_ONCE)]

    def keys(self) -> list[tuple[DeviceId, ChannelId]]:
        """As the inventory is asked."""
        return [(DeviceId(each.device_id), ChannelId(each.channel_id)) for each in self.channels]


class BulkPatch(ChannelList):
    """The same for all of them."""

    patch: ChannelPatchIn


class ChannelOutcome(BaseModel):
    """What became of one."""

    device_id: str
    channel_id: str
    is_done: bool
    code: str | None = Field(description="Why not, for programs; null where it is done.")
    message: str | None = Field(description="Why not, for people.")


class ManyChannels(BaseModel):
    """What became of all, in the order they were named."""

    done: int
    refused: int
    items: list[ChannelOutcome]


class NewChannel(ChannelPatchIn):
    """A channel that its device has not named yet, and what is set of it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    channel_id: Digits


def outcomes_of(
    keys: Sequence[tuple[str, str]], outcomes: Sequence[VmsError | None]
) -> ManyChannels:
    """For each channel what became of it."""
    items = [
        ChannelOutcome(
            device_id=device_id,
            channel_id=channel_id,
            is_done=error is None,
            code=None if error is None else error.code,
            message=None if error is None else error.message,
        )
        for (device_id, channel_id), error in zip(keys, outcomes, strict=True)
    ]
    done = sum(item.is_done for item in items)
    return ManyChannels(done=done, refused=len(items) - done, items=items)


@router.post(
    "/channels/bulk",
    operation_id="changeChannels",
    summary="Set the same fields of many channels",
    responses=PROBLEMS,
)
async def change_channels(body: BulkPatch, server: TheServer, caller: Configurer) -> ManyChannels:
    """In one transaction; a channel that is refused keeps no other one back."""
    subject, detail = f"{len(body.channels)} channels", {"fields": body.patch.fields()}
    await server.accounts.record(caller.actor, "change channels", subject, detail=detail)
    keys = body.keys()
    return outcomes_of(keys, await server.inventory.change_channels(keys, body.patch.patch()))


@router.post(
    "/devices/{device_id}/channels",
    operation_id="addChannel",
    summary="Put a channel on file beforehand",
    status_code=201,
    responses=PROBLEMS,
)
async def add_channel(
    device_id: DeviceIdPath, body: NewChannel, server: TheServer, caller: Configurer
) -> ChannelDetail:
    """`not_commissioned` until the device's catalogue names it; then it is the same channel, with
    all that was set here."""
    server.inventory.device(device_id)
    subject = f"{device_id}/{body.channel_id}"
    await server.accounts.record(caller.actor, "add channel", subject)
    channel = await server.inventory.add_channel(
        DeviceId(device_id), ChannelId(body.channel_id), body.patch()
    )
    return detailed(server, channel)


@router.delete(
    "/devices/{device_id}/channels/{channel_id}",
    operation_id="removeChannel",
    summary="Take a channel off file",
    status_code=204,
    responses=PROBLEMS,
)
async def remove_channel(
    device_id: DeviceIdPath, channel_id: ChannelIdPath, server: TheServer, caller: Configurer
) -> None:
    """One that was put on file beforehand, or that the device leaves out by now; 409 for one that
    it reports. Its ledger stays."""
    server.inventory.channel(device_id, channel_id)
    await server.accounts.record(caller.actor, "remove channel", f"{device_id}/{channel_id}")
    await server.inventory.remove_channel(device_id, channel_id)
