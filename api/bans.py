"""Sources that are not read for a while: scanners, floods, wrong passwords again and again."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Configurer, Operator, TheServer
from api.pagination import Cursor, Limit, PageOf, cut, link_next
from api.ports import Ban
from api.schemas import PROBLEMS
from vms.errors import NotFoundError

router = APIRouter(tags=["site"])


class BanOut(BaseModel):
    """A source that is not read now. Registered devices of that address are."""

    host: str = Field(description="An address, or a network such as `192.0.2.0/24`.")
    since: datetime
    until: datetime
    why: str = Field(description="What it failed in last.")
    dropped: int = Field(description="Messages dropped unread.")


@router.get("/bans", operation_id="listBans", summary="Banned sources", responses=PROBLEMS)
async def list_bans(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Operator,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PageOf[BanOut]:
    """By address. How many failures ban, and for how long: `sip.ban_after_failures`,
    `sip.ban_s`."""
    _ = caller
    by_host: defaultdict[str, list[Ban]] = defaultdict(list)
    for ban in server.bans():
        by_host[ban.host].append(ban)
    hosts, next_cursor = cut(by_host, str, limit, cursor)
    link_next(request, response, next_cursor)
    wall = server.clock.wall() - timedelta(seconds=server.clock.monotonic())
    items = [_shown(by_host[host], wall) for host in hosts]
    return PageOf(items=items, next_cursor=next_cursor)


def _shown(bans: Sequence[Ban], began: datetime) -> BanOut:
    """A host may be banned for its datagrams and for its connections. `began` is the wall clock
    when the monotonic one was 0."""
    last = max(bans, key=lambda ban: ban.until)
    return BanOut(
        host=last.host,
        since=began + timedelta(seconds=min(ban.since for ban in bans)),
        until=began + timedelta(seconds=last.until),
        why=last.why,
        dropped=sum(ban.dropped for ban in bans),
    )


@router.delete(
    "/bans/{host:path}",
    operation_id="liftBan",
    summary="Read a source again",
    status_code=204,
    responses=PROBLEMS,
)
async def lift_ban(
    host: Annotated[str, Path(max_length=64, description="As the list has it.")],
    server: TheServer,
    caller: Configurer,
) -> None:
    """At once; its failures are forgotten too."""
    if all(ban.host != host for ban in server.bans()):
        raise NotFoundError(f"{host} is not banned")
    await server.accounts.record(caller.actor, "lift ban", host)
    server.lift_ban(host)
