"""WHEP: an SDP offer in, an SDP answer out, and a location to end it (wish-whep, RFC 9725)."""

from collections.abc import Generator
from contextlib import contextmanager
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
from vms.sessions.tokens import LEAVE_LIMIT_S, MediaTokens
from vms.site import IceServer

SDP_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
"""RFC 8840."""
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


@contextmanager
def _used(tokens: MediaTokens, token: str | None) -> Generator[None]:
    """A token that was judged is used up while its viewer is let in: of two at once one gets in.

    Where nothing came of it, it can be used again.
    """
    if token is None:
        yield
        return
    grant = tokens.take(token, "whep")
    if grant is None:
        raise UnauthenticatedError("this media URL is no longer good; ask for another")
    try:
        yield
    except BaseException:
        tokens.give_back(token, grant)
        raise


async def _text_of(request: Request, kind: str) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
        raise HTTPException(415, f"this has to be {kind}")
    body = await request.body()
    if len(body) > MAX_OFFER_BYTES:
        raise HTTPException(413, f"it has at most {MAX_OFFER_BYTES} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidError("it is no text") from error


def _require_accepted(request: Request, kind: str) -> None:
    accepted = request.headers.get("accept", "*/*").lower()
    kinds = {one.partition(";")[0].strip() for one in accepted.split(",")}
    if not kinds & {kind, "application/*", "*/*"}:
        raise HTTPException(406, f"the answer is {kind}")


def _link(server: IceServer) -> str:
    """RFC 9725, 4.6."""
    link = f'<{server.url}>; rel="ice-server"'
    if server.username:
        link += f'; username="{server.username}"; credential="{server.password}"'
        link += '; credential-type="password"'
    return link


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
            "headers": {
                "Location": {"schema": {"type": "string"}},
                "ETag": {"schema": {"type": "string"}},
                "Link": {
                    "schema": {"type": "string"},
                    "description": "STUN and TURN servers, where some are set.",
                },
            },
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
    token: MediaToken = None,
) -> Response:
    """The answer comes when there is a picture to show; a refusal names the cause."""
    _require_accepted(request, SDP_TYPE)
    offer = await _text_of(request, SDP_TYPE)
    with _used(media_tokens_of(request), token):
        await server.accounts.record(
            caller.actor,
            "watch",
            f"{device_id}/{channel_id}",
            detail={"form": "whep", "stream": stream},
        )
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
        caller.credential,
        "leave",
        (answer.viewer_id,),
        LEAVE_LIMIT_S,
        user_id=caller.principal.user_id,
    )
    headers = {
        "Location": f"{request.url.path}/{answer.viewer_id}?token={leave_token}",
        "ETag": f'"{answer.ice_tag}"',
        "Accept-Patch": FRAGMENT_TYPE,
    }
    response = Response(answer.sdp, 201, headers, SDP_TYPE)
    for server_there in server.ice_servers():
        response.headers.append("Link", _link(server_there))
    return response


@router.patch(
    "/devices/{device_id}/channels/{channel_id}/whep/{viewer_id}",
    operation_id="whepPatch",
    summary="Trickle a candidate or restart ICE",
    response_class=Response,
    responses={
        **PROBLEMS,
        200: {
            "description": "ICE was restarted: our credentials and candidates.",
            "content": {FRAGMENT_TYPE: {"schema": {"type": "string"}}},
            "headers": {"ETag": {"schema": {"type": "string"}}},
        },
        204: {"description": "The candidates were taken."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                FRAGMENT_TYPE: {"schema": {"type": "string", "description": "RFC 8840."}},
            },
        },
        "security": WHEP_SECURITY,
    },
)
async def whep_patch(
    request: Request,
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    viewer_id: str,
    server: TheServer,
    caller: Annotated[Caller, Depends(may_leave)],
) -> Response:
    """`If-Match` names the ICE credentials it is for, `*` where they are to be replaced."""
    _ = (device_id, channel_id)
    fragment = await _text_of(request, FRAGMENT_TYPE)
    wanted = request.headers.get("if-match", "").strip()
    user_id = caller.principal.user_id
    if not wanted:
        raise HTTPException(428, "If-Match says for which ICE credentials this is")
    if wanted not in {"*", f'"{server.viewing.ice_tag(viewer_id, user_id)}"'}:
        raise HTTPException(412, "these ICE credentials count no longer")
    answer = await server.viewing.patch(viewer_id, user_id, fragment)
    if not answer:
        return Response(status_code=204)
    headers = {"ETag": f'"{server.viewing.ice_tag(viewer_id, user_id)}"'}
    return Response(answer, 200, headers, FRAGMENT_TYPE)


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
