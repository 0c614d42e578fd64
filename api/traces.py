"""The SIP trace of a device or of a session: as a list, as it happens, and as a capture."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, JSONServerSentEvent, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Caller, Operator, TheServer
from api.events import PING_S, RETRY_MS, counted, place, resync, while_it_counts
from api.pagination import Cursor, Limit, PageOf, decode_cursor, encode_cursor, link_next
from api.ports import Server
from api.schemas import PROBLEMS, DeviceIdPath, Strict
from vms.diagnosis.explainer import Keeps
from vms.diagnosis.pcap import CONTENT_TYPE
from vms.diagnosis.wire_log import WATCH_LIMIT_S, ShownMessage
from vms.errors import InvalidError

EVENT = "sip_message"

router = APIRouter(tags=["diagnosis"])

Since = Annotated[datetime | None, Query(description="Nothing from before; with an offset.")]

CAPTURE: dict[str, Any] = {
    "description": "A capture that Wireshark and tshark open.",
    "content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}
STREAM: dict[str, Any] = {
    "description": f"`event:` is `{EVENT}`, `data:` a `SipMessageOut`; or `resync` when messages "
    "were missed: read the list again.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


class SipMessageOut(BaseModel):
    """A message as it went over the wire, without passwords, digests and tokens."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="Rises from message to message.")
    at: datetime
    direction: str = Field(description="`in` or `out`.")
    transport: str = Field(description="`UDP` or `TCP`.")
    from_address: str
    to_address: str
    summary: str = Field(description="What it is, in a line.")
    call_id: str
    raw: str = Field(description="The text; what was secret is overwritten with `*`.")


class WatchRequest(Strict):
    """For how long."""

    limit_s: float = Field(default=WATCH_LIMIT_S, ge=1, le=WATCH_LIMIT_S)


class Watch(BaseModel):
    """A device whose keepalives are kept too."""

    until: datetime


class WatchState(BaseModel):
    """Whether a device's keepalives are kept too."""

    until: datetime | None = Field(description="Null where they are left out.")


async def _page(
    server: Server,
    keeps: Keeps,
    request: Request,
    response: Response,
    since: datetime | None,
    limit: int,
    cursor: str | None,
) -> PageOf[SipMessageOut]:
    if since is not None and since.tzinfo is None:
        raise InvalidError("a time needs its offset", field="since")
    after = decode_cursor(cursor) or "0"
    if not (after.isascii() and after.isdigit() and len(after) < 20):
        raise InvalidError("this is no cursor of ours", field="cursor")
    found = await server.explainer.messages(keeps, after=int(after), since=since, limit=limit + 1)
    shown = found[:limit]
    next_cursor = encode_cursor(str(shown[-1].number)) if len(found) > limit else None
    link_next(request, response, next_cursor)
    items = [SipMessageOut.model_validate(message) for message in shown]
    return PageOf(items=items, next_cursor=next_cursor)


async def _capture(server: Server, keeps: Keeps, name: str) -> Response:
    return Response(
        await server.explainer.capture(keeps),
        media_type=CONTENT_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}.pcap"'},
    )


def _stream(
    request: Request, server: Server, caller: Caller, keeps: Keeps, last_event_id: str | None
) -> EventSourceResponse:
    events = _events(server, caller, keeps, str(request.app.state.run_id), last_event_id)
    return EventSourceResponse(counted(events, request, caller), ping=PING_S)


async def _events(
    server: Server, caller: Caller, keeps: Keeps, run_id: str, last_event_id: str | None
) -> AsyncGenerator[ServerSentEvent]:
    explainer = server.explainer
    newest = explainer.last_number
    after, has_gap = place(last_event_id, run_id, newest, explainer.first_number)
    yield ServerSentEvent(comment="messages", retry=RETRY_MS)
    if has_gap:
        yield resync(run_id, newest)
    following = explainer.follow(keeps, newest if after is None else after)

    async def following_one() -> ShownMessage:
        return await anext(following)

    async with (
        aclosing(following),
        aclosing(while_it_counts(server, caller.credential, following_one)) as messages,
    ):
        async for message in messages:
            fields = asdict(message) | {"at": message.at.isoformat()}
            yield JSONServerSentEvent(fields, event=EVENT, id=f"{run_id}-{message.number}")


@router.get(
    "/devices/{device_id}/sip-trace",
    operation_id="getDeviceSipTrace",
    summary="The SIP messages of a device",
    responses=PROBLEMS,
)
async def get_device_trace(
    request: Request,
    response: Response,
    device_id: DeviceIdPath,
    server: TheServer,
    caller: Operator,
    since: Since = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[SipMessageOut]:
    """The oldest kept first; of any ID, on file or not. Answered keepalives only while watched."""
    await server.accounts.record(caller.actor, "read SIP trace", device_id)
    keeps = server.explainer.of_device(device_id)
    return await _page(server, keeps, request, response, since, limit, cursor)


@router.get(
    "/devices/{device_id}/sip-trace/stream",
    operation_id="streamDeviceSipTrace",
    summary="The SIP messages of a device, as they come",
    response_class=EventSourceResponse,
    responses={**PROBLEMS, 200: STREAM},
)
async def stream_device_trace(
    request: Request,
    device_id: DeviceIdPath,
    server: TheServer,
    caller: Operator,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> EventSourceResponse:
    """Stays open. A reader that comes back with the last `id` misses nothing that is kept."""
    await server.accounts.record(caller.actor, "read SIP trace", device_id)
    return _stream(request, server, caller, server.explainer.of_device(device_id), last_event_id)


@router.get(
    "/devices/{device_id}/sip-trace.pcap",
    operation_id="downloadDeviceSipTrace",
    summary="The SIP messages of a device as a capture",
    response_class=Response,
    responses={**PROBLEMS, 200: CAPTURE},
)
async def download_device_trace(
    device_id: DeviceIdPath, server: TheServer, caller: Operator
) -> Response:
    """UDP and TCP as they were; secrets are overwritten, lengths are kept."""
    await server.accounts.record(caller.actor, "read SIP trace", device_id)
    return await _capture(server, server.explainer.of_device(device_id), device_id)


@router.get(
    "/devices/{device_id}/sip-trace/watch",
    operation_id="getDeviceWatch",
    summary="Whether a device's keepalives are kept too",
    responses=PROBLEMS,
)
async def get_watch(device_id: DeviceIdPath, server: TheServer, caller: Operator) -> WatchState:
    """Of any ID, on file or not."""
    _ = caller
    return WatchState(until=server.explainer.watched_until(device_id))


@router.post(
    "/devices/{device_id}/sip-trace/watch",
    operation_id="watchDevice",
    summary="Keep a device's keepalives too",
    responses=PROBLEMS,
)
async def watch_device(
    device_id: DeviceIdPath, wanted: WatchRequest, server: TheServer, caller: Operator
) -> Watch:
    """For an hour at most; asked again, it begins anew."""
    await server.accounts.record(caller.actor, "watch SIP", device_id)
    return Watch(until=server.explainer.watch(device_id, wanted.limit_s))


@router.delete(
    "/devices/{device_id}/sip-trace/watch",
    operation_id="unwatchDevice",
    summary="Leave a device's keepalives out again",
    status_code=204,
    responses=PROBLEMS,
)
async def unwatch_device(device_id: DeviceIdPath, server: TheServer, caller: Operator) -> None:
    """Nothing happens where it is not watched."""
    await server.accounts.record(caller.actor, "stop watching SIP", device_id)
    server.explainer.unwatch(device_id)


@router.get(
    "/sessions/{session_id}/sip-trace",
    operation_id="getSessionSipTrace",
    summary="The SIP messages of a session",
    responses=PROBLEMS,
)
async def get_session_sip_trace(
    request: Request,
    response: Response,
    session_id: str,
    server: TheServer,
    caller: Operator,
    since: Since = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[SipMessageOut]:
    """Of all its calls, the oldest first."""
    keeps = await server.explainer.of_session(session_id)
    await server.accounts.record(caller.actor, "read SIP trace", session_id)
    return await _page(server, keeps, request, response, since, limit, cursor)


@router.get(
    "/sessions/{session_id}/sip-trace.pcap",
    operation_id="downloadSessionSipTrace",
    summary="The SIP messages of a session as a capture",
    response_class=Response,
    responses={**PROBLEMS, 200: CAPTURE},
)
async def download_session_sip_trace(
    session_id: str, server: TheServer, caller: Operator
) -> Response:
    """Of all its calls."""
    keeps = await server.explainer.of_session(session_id)
    await server.accounts.record(caller.actor, "read SIP trace", session_id)
    return await _capture(server, keeps, session_id)
