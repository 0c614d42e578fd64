"""What happens, as server-sent events; resumes by `Last-Event-ID`."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, TypeVar, cast

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, JSONServerSentEvent, ServerSentEvent
from starlette.requests import Request

from api.authentication import Caller, Reader, TheServer
from api.ports import Server
from api.schemas import PROBLEMS
from vms.errors import ExhaustedError, InvalidError
from vms.events import Event, Numbered

QUEUE = 2_000
"""Events one reader may be behind; then the oldest give way and it is told to reload."""

STREAMS_A_USER = 100
"""A page opens one. Each costs a file, a queue and a look at its credential every few seconds."""

JUDGED_EVERY_S = 5.0
"""So often a stream's credential is judged again."""

Item = TypeVar("Item")

RETRY_MS = 3_000
PING_S = 15

NAMES: dict[str, type[Event]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in Event.__args__
}
"""`device_came_online` and so on, by the words of `vms.events`."""

_NAME_OF = {kind: name for name, kind in NAMES.items()}

router = APIRouter(tags=["events"])


@router.get(
    "/events",
    operation_id="streamEvents",
    summary="What happens, as it happens",
    response_class=EventSourceResponse,
    responses={
        **PROBLEMS,
        200: {
            "description": "`event:` is one of "
            + ", ".join(f"`{name}`" for name in NAMES)
            + ", or `resync` when events were missed: read the lists again. "
            "`data:` is a JSON object by the schema of that name (`DeviceCameOnline`, ...).",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
    },
)
async def stream_events(
    request: Request,
    server: TheServer,
    caller: Reader,
    types: Annotated[
        list[str] | None, Query(description="Only these kinds, may be repeated.")
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> EventSourceResponse:
    """Stays open. Each event has an `id`; a reader that comes back with it misses nothing."""
    unknown = set(types or ()) - set(NAMES)
    if unknown:
        raise InvalidError(f"no such kind of event: {', '.join(sorted(unknown))}", field="types")
    wanted = {NAMES[name] for name in types} if types else None
    run_id = str(request.app.state.run_id)
    stream = _stream(server, caller.credential, wanted, run_id, last_event_id)
    return EventSourceResponse(counted(stream, request, caller), ping=PING_S)


def counted(
    stream: AsyncGenerator[ServerSentEvent], request: Request, caller: Caller
) -> AsyncIterator[ServerSentEvent]:
    """The stream, as one of its user's; raises `ExhaustedError` where they have too many."""
    streams = cast("Counter[str]", request.app.state.event_streams)
    user_id = caller.principal.user_id
    if streams[user_id] >= STREAMS_A_USER:
        raise ExhaustedError(f"{STREAMS_A_USER} event streams are open already", what="streams")
    return _counted(stream, streams, user_id)


async def _counted(
    stream: AsyncGenerator[ServerSentEvent], streams: Counter[str], user_id: str
) -> AsyncIterator[ServerSentEvent]:
    streams[user_id] += 1
    try:
        async with aclosing(stream):
            async for event in stream:
                yield event
    finally:
        streams[user_id] -= 1
        if not streams[user_id]:
            del streams[user_id]


async def _stream(
    server: Server,
    credential: str,
    wanted: set[type[Event]] | None,
    run_id: str,
    last_event_id: str | None,
) -> AsyncGenerator[ServerSentEvent]:
    events = server.events
    after, has_gap = place(last_event_id, run_id, events.last_number, events.first_number)
    with events.subscribe(QUEUE, after) as subscription:
        yield ServerSentEvent(comment="events", retry=RETRY_MS)
        if has_gap:
            yield resync(run_id, events.last_number)
        missed = 0
        async with aclosing(while_it_counts(server, credential, subscription.next)) as upcoming:
            async for numbered in upcoming:
                if subscription.missed > missed:
                    missed = subscription.missed
                    yield resync(run_id, numbered.number - 1)
                is_wanted = wanted is None or type(numbered.event) in wanted
                # A device that flaps is told once, by `DeviceFlaps`.
                if is_wanted and not getattr(numbered.event, "is_flapping", False):
                    yield _shown(numbered, run_id)


async def while_it_counts(
    server: Server, credential: str, upcoming: Callable[[], Coroutine[None, None, Item]]
) -> AsyncGenerator[Item]:
    """What comes, as long as the credential counts."""
    judged_at = server.clock.monotonic()
    awaited: asyncio.Task[Item] | None = None
    try:
        while True:
            awaited = awaited or asyncio.create_task(upcoming())
            done, _ = await asyncio.wait({awaited}, timeout=JUDGED_EVERY_S)
            if server.clock.monotonic() - judged_at >= JUDGED_EVERY_S:
                judged_at = server.clock.monotonic()
                if await server.accounts.authenticate(credential) is None:
                    return
            if done:
                item, awaited = awaited.result(), None
                yield item
    finally:
        if awaited is not None:
            awaited.cancel()
            await asyncio.gather(awaited, return_exceptions=True)


def place(
    last_event_id: str | None, run_id: str, newest: int, oldest: int
) -> tuple[int | None, bool]:
    """Behind which number to go on, and whether something in between is lost."""
    if not last_event_id:
        return None, False
    run, _, number = last_event_id.partition("-")
    if run != run_id or not number.isdecimal() or int(number) > newest:
        return None, True
    after = int(number)
    return after, after + 1 < oldest


def resync(run_id: str, number: int) -> ServerSentEvent:
    """Something is missing from here on back."""
    return JSONServerSentEvent({}, event="resync", id=f"{run_id}-{number}")


def _shown(numbered: Numbered, run_id: str) -> ServerSentEvent:
    fields = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(numbered.event).items()
    }
    return JSONServerSentEvent(
        fields, event=_NAME_OF[type(numbered.event)], id=f"{run_id}-{numbered.number}"
    )
