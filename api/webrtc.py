"""WHEP: an SDP offer in, an SDP answer out, and a location to end it (wish-whep)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import (
    Caller,
    TheServer,
    credential_of,
    judge,
    media_tokens_of,
    server_of,
    source_of,
)
from api.errors import UnauthenticatedError
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath, StreamName
from vms.accounts.rights import Action
from vms.errors import InvalidError
from vms.sessions.admission import Watcher
from vms.sessions.tokens import LEAVE_LIMIT_S

SDP_TYPE = "application/sdp"
MAX_OFFER_BYTES = 65_536

# An empty requirement: the token of the URL counts as well.
WHEP_SECURITY: list[dict[str, list[str]]] = [{"HTTPBearer": []}, {"APIKeyCookie": []}, {}]

router = APIRouter(tags=["live"])

MediaToken = Annotated[
    str | None,
    Query(description="The token of the media URL, instead of a bearer token.", max_length=128),
]


async def _judge_media(
    request: Request, token: str | None, protocol: str, resource: tuple[str, ...]
) -> Caller:
    """By the URL's token where it has one, else as everywhere."""
    if token is None:
        return await judge(server_of(request), credential_of(request), source_of(request))
    credential = media_tokens_of(request).credential_of(token, protocol, resource)
    if credential is None:
        raise UnauthenticatedError("this media URL is no longer good; ask for another")
    return await judge(server_of(request), credential, source_of(request))


async def may_open(
    request: Request,
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    stream: StreamName = "main",
    token: MediaToken = None,
) -> Caller:
    """Who opens a channel by WHEP."""
    caller = await _judge_media(request, token, "whep", (device_id, channel_id, stream))
    caller.require(Action.WATCH)
    return caller


async def may_leave(request: Request, viewer_id: str, token: MediaToken = None) -> Caller:
    """Who ends a viewer: its own user."""
    return await _judge_media(request, token, "leave", (viewer_id,))


@router.post(
    "/devices/{device_id}/channels/{channel_id}/whep",
    operation_id="whepStart",
    summary="Watch by WebRTC (WHEP)",
    status_code=201,
    response_class=Response,
    responses={
        **PROBLEMS,
        201: {
            "description": "Our SDP answer; `Location` ends it.",
            "content": {SDP_TYPE: {"schema": {"type": "string"}}},
            "headers": {"Location": {"schema": {"type": "string"}}},
        },
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {SDP_TYPE: {"schema": {"type": "string", "description": "SDP offer."}}},
        },
        "security": WHEP_SECURITY,
    },
)
async def whep_start(
    request: Request,
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Annotated[Caller, Depends(may_open)],
    stream: StreamName = "main",
) -> Response:
    """The answer comes when there is a picture to show; a refusal names the cause."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP_TYPE:
        raise HTTPException(415, f"a WHEP offer is {SDP_TYPE}")
    body = await request.body()
    if len(body) > MAX_OFFER_BYTES:
        raise HTTPException(413, f"an offer has at most {MAX_OFFER_BYTES} bytes")
    try:
        offer = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidError("the offer is no text") from error
    await server.accounts.record(caller.actor, "watch", f"{device_id}/{channel_id}")
    answer = await server.viewing.webrtc(
        device_id,
        channel_id,
        offer,
        Watcher(caller.principal.user_id, caller.principal.name),
        stream=stream,
        source=caller.source,
        credential=caller.credential,
    )
    leave_token = media_tokens_of(request).lend(
        caller.credential, "leave", (answer.viewer_id,), LEAVE_LIMIT_S
    )
    location = f"{request.url.path}/{answer.viewer_id}?token={leave_token}"
    return Response(answer.sdp, 201, {"Location": location}, SDP_TYPE)


@router.delete(
    "/devices/{device_id}/channels/{channel_id}/whep/{viewer_id}",
    operation_id="whepEnd",
    summary="Stop watching",
    status_code=204,
    responses=PROBLEMS,
    openapi_extra={"security": WHEP_SECURITY},
)
async def whep_end(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    viewer_id: str,
    server: TheServer,
    caller: Annotated[Caller, Depends(may_leave)],
) -> None:
    """Ends one viewer of this user; the session ends with its last viewer."""
    _ = (device_id, channel_id)
    await server.viewing.leave(viewer_id, caller.principal.user_id)
