"""What all routes share that ask or order devices: who is meant, the audit row, the outcome."""

from typing import Annotated

from fastapi import Body
from pydantic import BaseModel, ConfigDict, Field

from api.authentication import Caller
from api.ports import Server
from api.schemas import Strict

LOCATION = {"headers": {"Location": {"schema": {"type": "string"}}}}
"""Of a 202: where the job is."""


class Insistence(Strict):
    """Whether to insist."""

    force: bool = Field(
        default=False,
        description="Send it although the device's edition does not have it (else 409 with the "
        "code `unsupported`): devices know more than they say.",
    )


Insisting = Annotated[Insistence, Body(default_factory=Insistence)]
"""The body of an order that has nothing else to say; may be left out."""


class CommandOutcome(BaseModel):
    """What became of a command that the device took."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "is_confirmed": True,
                    "sentence": "34020000001320000001 answered OK to GuardCmd",
                }
            ]
        },
    )

    is_confirmed: bool = Field(
        description="False: the device said 200 and nothing more, where a Response should have "
        "come; whether it did as told is unknown."
    )
    sentence: str


def check(server: Server, device_id: str, channel_id: str = "") -> None:
    """Raises `NotFoundError` for what is not on file; a device may be its own channel."""
    server.inventory.device(device_id)
    if channel_id and channel_id != device_id:
        server.inventory.channel(device_id, channel_id)


async def note(
    server: Server,
    caller: Caller,
    action: str,
    device_id: str,
    channel_id: str = "",
    **detail: object,
) -> None:
    """The audit row that stands before the deed; none for what is not on file."""
    check(server, device_id, channel_id)
    subject = f"{device_id}/{channel_id}" if channel_id else device_id
    told = {name: str(value) for name, value in detail.items() if value is not None and value != ""}
    await server.accounts.record(caller.actor, action, subject, detail=told)
