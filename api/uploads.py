"""Pictures that devices take and upload themselves (9.14).

`doors` stands outside the sign-in: a device has no account, it has the token in the address that
our SnapShotConfig gave it. The token is looked at before a byte of the body is read.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.authentication import Operator, TheServer, Watcher
from api.guard import MAX_UPLOAD_BYTES
from api.multipart import file_of, is_form
from api.orders import LOCATION, Insistence, check, note
from api.pagination import PageOf
from api.ports import Server
from api.schemas import JPEG, PROBLEMS, ChannelIdPath, DeviceIdPath
from vms.errors import ExhaustedError, InvalidError, NotFoundError
from vms.signalling.snapshot_folder import SnapshotJob, UploadedPicture
from vms.signalling.snapshots import (
    LONGEST_INTERVAL_S,
    MOST_PICTURES,
    UPLOAD_PATH,
)

UPLOADS_AT_ONCE = 16
"""Each is held in memory while it comes."""

UPLOAD_LIMIT_S = 60.0

doors = APIRouter(tags=["uploads"])
router = APIRouter(tags=["uploads"])


class SnapshotOrder(Insistence):
    """How many pictures, and how far apart."""

    count: int = Field(default=1, ge=1, le=MOST_PICTURES)
    interval_s: int = Field(default=1, ge=1, le=LONGEST_INTERVAL_S)


class UploadedPictureOut(BaseModel):
    """A picture that came."""

    picture_id: str = Field(description="For `GET /snapshots/uploaded/{picture_id}`.")
    file_id: str = Field(description="The device's name for it: 41 digits, empty where none.")
    received_at: datetime
    size_bytes: int
    width: int
    height: int


class SnapshotJobOut(BaseModel):
    """Pictures that were asked of a device."""

    model_config = ConfigDict(from_attributes=True)

    job_id: str
    device_id: str
    channel_id: str
    state: str = Field(description="`running`, `complete`, `incomplete` or `failed`.")
    wanted: int
    announced: list[str] | None = Field(
        description="The names the device told when it was done; null until then."
    )
    started_at: datetime
    finished_at: datetime | None
    sentence: str = Field(description="What is missing and why, empty else.")
    pictures: list[UploadedPictureOut]


class Uploads:
    """How many come in now."""

    def __init__(self) -> None:
        self.now = 0


@router.post(
    "/devices/{device_id}/control/snapshot-config",
    operation_id="takeDeviceSnapshots",
    summary="Make a device that is a camera take pictures and upload them",
    status_code=202,
    responses={**PROBLEMS, 202: LOCATION},
)
async def take_device_snapshots(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    server: TheServer,
    caller: Operator,
    body: SnapshotOrder,
) -> SnapshotJobOut:
    """SnapShotConfig with the device's own ID, since 2022."""
    return await take_snapshots(request, response, device_id, device_id, server, caller, body)


@router.post(
    "/devices/{device_id}/channels/{channel_id}/control/snapshot-config",
    operation_id="takeSnapshots",
    summary="Make a camera take pictures and upload them",
    status_code=202,
    responses={**PROBLEMS, 202: LOCATION},
)
async def take_snapshots(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Operator,
    body: SnapshotOrder,
) -> SnapshotJobOut:
    """SnapShotConfig, since 2022. The device has to reach us by HTTP: 503 where it cannot.
    A picture of now without its help: `POST .../snapshot`."""
    await note(server, caller, "take device snapshots", device_id, channel_id, count=body.count)
    job = server.commands.snapshots.take(
        device_id,
        channel_id,
        count=body.count,
        interval_s=body.interval_s,
        force=body.force,
    )
    path = {"device_id": device_id, "channel_id": channel_id}
    response.headers["Location"] = request.url_for("list_uploaded_snapshots", **path).path
    return _shown(job)


@router.get(
    "/devices/{device_id}/channels/{channel_id}/snapshots/uploaded",
    operation_id="listUploadedSnapshots",
    summary="Pictures that a camera uploaded",
    responses=PROBLEMS,
)
async def list_uploaded_snapshots(
    device_id: DeviceIdPath, channel_id: ChannelIdPath, server: TheServer, caller: Watcher
) -> PageOf[SnapshotJobOut]:
    """By order, the latest first; of orders before our start those of which pictures are kept."""
    _ = caller
    check(server, device_id, channel_id)
    jobs = server.commands.snapshots.jobs_of(device_id, channel_id)
    return PageOf(items=[_shown(job) for job in reversed(jobs)], next_cursor=None)


@router.get(
    "/snapshots/uploaded/{picture_id}",
    operation_id="getUploadedSnapshot",
    summary="A picture that a camera uploaded",
    response_class=Response,
    responses={**PROBLEMS, 200: JPEG},
)
async def get_uploaded_snapshot(
    picture_id: Annotated[str, Path(max_length=80)], server: TheServer, caller: Watcher
) -> Response:
    """As it came."""
    job_id, _, number = picture_id.rpartition("-")
    job = server.commands.snapshots.job(job_id)
    found = [each for each in job.pictures if _picture_id(job, each) == picture_id]
    if not found:
        raise NotFoundError(f"no picture {number} of {job_id}")
    await note(server, caller, "view device snapshot", job.device_id, job.channel_id)
    data = await server.commands.snapshots.picture(job, found[0])
    return Response(data, media_type="image/jpeg")


def _picture_id(job: SnapshotJob, picture: UploadedPicture) -> str:
    return f"{job.job_id}-{picture.number}"


def _shown(job: SnapshotJob) -> SnapshotJobOut:
    return SnapshotJobOut(
        job_id=job.job_id,
        device_id=job.device_id,
        channel_id=job.channel_id,
        state=job.state.value,
        wanted=job.wanted,
        announced=None if job.announced is None else list(job.announced),
        started_at=job.started_at,
        finished_at=job.finished_at,
        sentence=job.sentence,
        pictures=[
            UploadedPictureOut(
                picture_id=_picture_id(job, each),
                file_id=each.file_id,
                received_at=each.received_at,
                size_bytes=each.size_bytes,
                width=each.width,
                height=each.height,
            )
            for each in job.pictures
        ],
    )


# The door for devices

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


@doors.put(
    UPLOAD_PATH + "{token}",
    operation_id="putSnapshot",
    summary="For devices: upload a picture",
    status_code=204,
    openapi_extra=_BODY,
    responses=PROBLEMS,
)
@doors.post(
    UPLOAD_PATH + "{token}",
    operation_id="postSnapshot",
    summary="For devices: upload a picture",
    status_code=204,
    openapi_extra=_BODY,
    responses=PROBLEMS,
)
async def upload_snapshot(request: Request, token: str, server: TheServer) -> None:
    """A JPEG of at most 8 MiB, bare or as the file of a form. 404 unless the token is one that
    a SnapShotConfig of ours gave away and that still waits for pictures."""
    await _accept(request, server, token, "")


@doors.put(UPLOAD_PATH + "{token}/{filename:path}", status_code=204, include_in_schema=False)
@doors.post(UPLOAD_PATH + "{token}/{filename:path}", status_code=204, include_in_schema=False)
async def upload_named_snapshot(
    request: Request, token: str, filename: str, server: TheServer
) -> None:
    """The same; the name counts where it holds the 41 digits of the standard."""
    await _accept(request, server, token, filename)


async def _accept(request: Request, server: Server, token: str, filename: str) -> None:
    snapshots = server.commands.snapshots
    if not snapshots.expects(token):
        raise NotFoundError("nothing is to be uploaded here")
    uploads: Uploads = request.app.state.uploads
    if uploads.now >= UPLOADS_AT_ONCE:
        raise ExhaustedError(f"{UPLOADS_AT_ONCE} pictures come in already", what="uploads")
    uploads.now += 1
    try:
        async with asyncio.timeout(UPLOAD_LIMIT_S):
            body = await _read(request.stream())
    except TimeoutError as error:
        raise HTTPException(408, "the picture came too slowly") from error
    except ClientDisconnect as error:
        raise InvalidError("the picture broke off", field="data") from error
    finally:
        uploads.now -= 1
    content_type = request.headers.get("content-type", "")
    data = body
    if is_form(content_type):
        name, data = file_of(content_type, body)
        filename = filename or name
    await snapshots.accept_upload(token, filename or request.url.query[:255], data)


async def _read(stream: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for chunk in stream:
        body += chunk
        if len(body) > MAX_UPLOAD_BYTES:
            raise HTTPException(413, f"a picture has at most {MAX_UPLOAD_BYTES} bytes")
    return bytes(body)
