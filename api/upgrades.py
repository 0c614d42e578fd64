"""Firmware upgrades of devices (9.13)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Configurer, Reader, TheServer
from api.orders import LOCATION, Insistence, note
from api.schemas import PROBLEMS, DeviceIdPath
from vms.errors import NotFoundError
from vms.signalling.upgrades import LONGEST_NAME, LONGEST_URL

router = APIRouter(tags=["control"])


class UpgradeOrder(Insistence):
    """What to install."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"firmware": "V5.7.3", "file_url": "http://192.0.2.10/firmware/v573.bin"}]
        },
    )

    firmware: str = Field(min_length=1, max_length=LONGEST_NAME, description="Its version.")
    file_url: str = Field(
        max_length=LONGEST_URL,
        pattern=r"^(?:https?|ftp)://[\x21-\x7e]+$",
        description="Where the device fetches it: http, https or ftp.",
    )
    manufacturer: str = Field(
        default="", max_length=LONGEST_NAME, description="By default as the device says."
    )


class Upgrade(BaseModel):
    """An upgrade as it stands."""

    model_config = ConfigDict(from_attributes=True)

    job_id: str
    device_id: str
    firmware: str = Field(description="The one that is wanted.")
    state: str = Field(description="`running`, `complete`, `incomplete` or `failed`.")
    started_at: datetime
    finished_at: datetime | None
    is_accepted: bool = Field(description="The device answered OK to the order.")
    running: str = Field(description="What the device told that it runs afterwards.")
    sentence: str


@router.post(
    "/devices/{device_id}/control/upgrade",
    operation_id="upgradeDevice",
    summary="Make a device install a firmware",
    status_code=202,
    responses={**PROBLEMS, 202: LOCATION},
)
async def upgrade_device(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    server: TheServer,
    caller: Configurer,
    body: UpgradeOrder,
) -> Upgrade:
    """DeviceUpgrade, since 2022. The device fetches and installs it, starts anew, registers and
    tells how it went: within an hour. One at a time for each device."""
    await note(server, caller, "upgrade device", device_id, firmware=body.firmware)
    job = server.commands.upgrades.start(
        device_id,
        firmware=body.firmware,
        file_url=body.file_url,
        manufacturer=body.manufacturer,
        force=body.force,
    )
    path = {"device_id": device_id, "job_id": job.job_id}
    response.headers["Location"] = request.url_for("get_upgrade", **path).path
    return Upgrade.model_validate(job)


@router.get(
    "/devices/{device_id}/upgrades/{job_id}",
    operation_id="getUpgrade",
    summary="How far an upgrade is",
    responses=PROBLEMS,
)
async def get_upgrade(
    device_id: DeviceIdPath,
    job_id: Annotated[str, Path(max_length=64)],
    server: TheServer,
    caller: Reader,
) -> Upgrade:
    """A running or a recent one."""
    _ = caller
    job = server.commands.upgrades.job(job_id)
    if job.device_id != device_id:
        raise NotFoundError(f"no upgrade {job_id} of {device_id}")
    return Upgrade.model_validate(job)
