"""Which recordings a device has: a search that goes on after the answer (9.7)."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import TheServer, Watcher
from api.orders import LOCATION, Insistence, note
from api.pagination import MAX_LIMIT, decode_cursor, encode_cursor, link_next
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath
from vms.errors import InvalidError, NotFoundError
from vms.gb28181.manscdp.messages import RecordType
from vms.signalling.record_search import Recording, RecordSearchJob
from vms.signalling.record_slices import RecordQuery

router = APIRouter(tags=["records"])

Words = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
JobId = Annotated[str, Path(max_length=64)]


class RecordSearchOrder(Insistence):
    """Which recordings are wanted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"start": "2026-03-01T00:00:00+08:00", "end": "2026-03-02T00:00:00+08:00"}]
        },
    )

    start: AwareDatetime
    end: AwareDatetime = Field(description="A second to a year after `start`.")
    record_type: Literal["time", "alarm", "manual", "all"] | None = Field(
        default=None, description="Null: as the device's profile has it, mostly `all`."
    )
    stream_number: int | None = Field(default=None, ge=0, le=15, description="Since 2022.")
    is_indistinct: bool | None = Field(
        default=None, description="Centre and front-end storage at once; since 2014."
    )
    file_path: Words | None = Field(default=None, description="The file, as the device calls it.")
    address: Words | None = Field(default=None, description="A part of the address.")
    recorder_id: str | None = Field(
        default=None, pattern=r"^[0-9]{1,20}$", description="Who had it recorded."
    )
    methods: list[Annotated[int, Field(ge=1, le=7)]] = Field(
        default_factory=list,
        max_length=7,
        description="Of the alarm that was recorded; since 2022, 409 for others.",
    )
    types: list[Annotated[int, Field(ge=1, le=99)]] = Field(
        default_factory=list, max_length=20, description="The same for its type."
    )

    @model_validator(mode="after")
    def _in_order(self) -> "RecordSearchOrder":
        if self.start >= self.end:
            raise ValueError("start comes before end")
        return self


class RecordPage(BaseModel):
    """Which part of what was found."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="How many items at most.")
    cursor: str | None = Field(
        default=None, max_length=512, description="`next_cursor` of the page before; opaque."
    )


class RecordingOut(BaseModel):
    """One recording."""

    start: datetime = Field(description="By our clock.")
    end: datetime
    device_start: datetime = Field(description="By the device's clock, as playback wants it.")
    device_end: datetime
    name: str
    file_path: str
    address: str
    record_type: str | None
    recorder_id: str
    file_size: int | None = Field(description="In bytes.")
    location: str
    stream_number: int | None
    secrecy: bool


class RecordSearch(BaseModel):
    """A search, and a page of what it found so far."""

    job_id: str
    device_id: str
    channel_id: str
    state: str = Field(description="`running`, `complete`, `incomplete` or `failed`.")
    is_complete: bool
    start: datetime
    end: datetime
    started_at: datetime
    finished_at: datetime | None
    slices: int = Field(description="A long span is asked for in pieces.")
    slices_done: int
    received: int = Field(description="Recordings received so far.")
    announced: int = Field(description="Recordings the device said it has, so far.")
    clock_offset_s: float = Field(description="Taken off the device's times.")
    sentence: str = Field(
        description="What is missing (`261 of 299 recordings came`) or why there is nothing; "
        "empty else."
    )
    items: list[RecordingOut] = Field(description="In order of their start.")
    next_cursor: str | None = Field(description="For the next page; null on the last.")


@router.post(
    "/devices/{device_id}/channels/{channel_id}/records",
    operation_id="searchRecords",
    summary="Search the recordings of a channel at its device",
    status_code=202,
    responses={**PROBLEMS, 202: LOCATION},
)
async def search_records(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Watcher,
    body: RecordSearchOrder,
) -> RecordSearch:
    """RecordInfo. Who searches for the same while it runs joins; one search at a time at each
    device. Times are corrected by the measured offset of the device's clock."""
    await note(
        server,
        caller,
        "search records",
        device_id,
        channel_id,
        start=body.start.isoformat(),
        end=body.end.isoformat(),
    )
    query = RecordQuery(
        device_id,
        channel_id,
        body.start,
        body.end,
        RecordType(body.record_type) if body.record_type else None,
        body.stream_number,
        body.is_indistinct,
        body.file_path or "",
        body.address or "",
        body.recorder_id or "",
        tuple(body.methods),
        tuple(body.types),
    )
    job = server.commands.records.start(query, force=body.force)
    path = {"device_id": device_id, "channel_id": channel_id, "job_id": job.job_id}
    response.headers["Location"] = request.url_for("get_record_search", **path).path
    return _shown(job, [], None)


@router.get(
    "/devices/{device_id}/channels/{channel_id}/records/{job_id}",
    operation_id="getRecordSearch",
    summary="How far a search is, and what it found",
    responses=PROBLEMS,
)
async def get_record_search(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    job_id: JobId,
    server: TheServer,
    caller: Watcher,
    wanted: Annotated[RecordPage, Query()],
) -> RecordSearch:
    """A running or a recent one. While it runs recordings may still come in between."""
    _ = caller
    job = server.commands.records.job(job_id)
    if (job.query.device_id, job.query.channel_id) != (device_id, channel_id):
        raise NotFoundError(f"no search {job_id} of {device_id}/{channel_id}")
    first = _place(wanted.cursor)
    last = first + wanted.limit
    page = job.recordings[first:last]
    next_cursor = encode_cursor(str(last)) if last < len(job.recordings) else None
    link_next(request, response, next_cursor)
    return _shown(job, page, next_cursor)


def _place(cursor: str | None) -> int:
    text = decode_cursor(cursor)
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidError("this is no cursor of ours", field="cursor")
    return int(text)


def _shown(
    job: RecordSearchJob,
    recordings: list[Recording] | tuple[Recording, ...],
    next_cursor: str | None,
) -> RecordSearch:
    return RecordSearch(
        job_id=job.job_id,
        device_id=job.query.device_id,
        channel_id=job.query.channel_id,
        state=job.state.value,
        is_complete=job.is_complete,
        start=job.query.start,
        end=job.query.end,
        started_at=job.started_at,
        finished_at=job.finished_at,
        slices=job.slices,
        slices_done=job.slices_done,
        received=job.received,
        announced=job.announced,
        clock_offset_s=job.clock_offset_s,
        sentence=job.sentence,
        items=[_recording(each) for each in recordings],
        next_cursor=next_cursor,
    )


def _recording(recording: Recording) -> RecordingOut:
    item = recording.item
    return RecordingOut(
        start=recording.start,
        end=recording.end,
        device_start=item.start,
        device_end=item.end,
        name=item.name,
        file_path=item.file_path,
        address=item.address,
        record_type=None if item.record_type is None else item.record_type.value,
        recorder_id=item.recorder_id,
        file_size=item.file_size,
        location=item.location,
        stream_number=item.stream_number,
        secrecy=item.secrecy,
    )
