"""Server-sent events over a real HTTP server: in order, resumed, and ended with the right."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from api import events as api_events
from tests.api.house import GATE, House
from vms.accounts.model import Role
from vms.events import AlarmRaised, DeviceWentOffline, EventBus

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
LIMIT_S = 20.0


@dataclass(frozen=True)
class Told:
    """One event as it was received."""

    kind: str
    event_id: str
    data: dict[str, object]


@asynccontextmanager
async def _serving(app: FastAPI) -> AsyncGenerator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(LIMIT_S):
            while not server.started:  # noqa: ASYNC110  uvicorn offers no event to wait for
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/api/v1/events"
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def address(app: FastAPI) -> AsyncGenerator[str]:
    """Where the events are served."""
    async with _serving(app) as url:
        yield url


@asynccontextmanager
async def _reading(
    url: str, token: str, last_event_id: str | None = None
) -> AsyncGenerator[AsyncIterator[Told]]:
    headers = {"Authorization": f"Bearer {token}"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    async with (
        asyncio.timeout(LIMIT_S),
        httpx.AsyncClient(timeout=LIMIT_S) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        # The opening comment: the reader is subscribed.
        async for line in lines:
            if line.startswith("retry:"):
                break
        yield _told(lines)


async def _told(lines: AsyncIterator[str]) -> AsyncIterator[Told]:
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        elif "data" in fields:
            yield Told(fields["event"], fields["id"], json.loads(fields["data"]))
            fields = {}


def _went_offline(silent_s: float) -> DeviceWentOffline:
    return DeviceWentOffline(GATE, AT, "silent", silent_s)


def _alarm() -> AlarmRaised:
    return AlarmRaised("alarm-1", GATE, GATE, AT, priority=1, method=5, alarm_type=2)


async def test_what_happens_is_told_as_it_happens(address: str, house: House) -> None:
    async with _reading(address, await house.sign_in(Role.VIEWER)) as told:
        house.events.publish(_went_offline(180))
        event = await anext(told)

    assert event.kind == "device_went_offline"
    assert event.data == {
        "device_id": GATE,
        "at": "2026-03-01T08:00:00+00:00",
        "cause": "silent",
        "silent_s": 180,
        "is_flapping": False,
    }


async def test_a_reader_that_comes_back_misses_nothing(address: str, house: House) -> None:
    token = await house.sign_in(Role.VIEWER)
    async with _reading(address, token) as told:
        house.events.publish(_went_offline(1))
        last = (await anext(told)).event_id

    house.events.publish(_went_offline(2))
    house.events.publish(_went_offline(3))

    async with _reading(address, token, last) as told:
        seen = [(await anext(told)).data["silent_s"] for _ in range(2)]
    assert seen == [2, 3]


async def test_a_reader_chooses_kinds(address: str, house: House) -> None:
    async with _reading(f"{address}?types=alarm_raised", await house.sign_in(Role.VIEWER)) as told:
        house.events.publish(_went_offline(1))
        house.events.publish(_alarm())
        assert (await anext(told)).kind == "alarm_raised"

    async with httpx.AsyncClient() as client:
        bearer = {"Authorization": f"Bearer {await house.sign_in(Role.VIEWER)}"}
        refused = await client.get(f"{address}?types=weather", headers=bearer)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("last", ["0badcafe-3", "nonsense", "-", "0badcafe-"])
async def test_a_reader_from_before_a_restart_is_told_to_read_again(
    address: str, house: House, last: str
) -> None:
    async with _reading(address, await house.sign_in(Role.VIEWER), last) as told:
        assert (await anext(told)).kind == "resync"
        house.events.publish(_alarm())
        assert (await anext(told)).kind == "alarm_raised"


async def test_a_reader_that_was_away_for_too_long_is_told_to_read_again(
    address: str, house: House
) -> None:
    # given a bus that keeps three events, and a reader that saw the first
    house.events = EventBus(history=3)
    token = await house.sign_in(Role.VIEWER)
    async with _reading(address, token) as told:
        house.events.publish(_went_offline(0))
        last = (await anext(told)).event_id

    # when more happen than are kept
    for silent_s in range(1, 6):
        house.events.publish(_went_offline(silent_s))

    # then it is told so, and gets those that are left
    async with _reading(address, token, last) as told:
        assert (await anext(told)).kind == "resync"
        assert [(await anext(told)).data["silent_s"] for _ in range(3)] == [3, 4, 5]


async def test_a_stream_ends_when_its_sign_in_does(
    address: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_events, "JUDGED_EVERY_S", 0.05)
    token = await house.sign_in(Role.VIEWER)
    principal = await house.accounts.authenticate(token)
    assert principal is not None

    async with _reading(address, token) as told:
        await house.accounts.logout(principal, "")
        house.clock.advance(1)

        with pytest.raises(StopAsyncIteration):
            await anext(told)


async def test_a_stranger_hears_nothing(address: str) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(address)).status_code == 401


async def test_a_server_that_stops_does_not_wait_for_its_readers(
    app: FastAPI, house: House
) -> None:
    token = await house.sign_in(Role.VIEWER)
    async with asyncio.timeout(LIMIT_S):
        async with _serving(app) as url:
            reading = _reading(url, token)
            await reading.__aenter__()
        # the server is down here, with the reader still connected
        await reading.__aexit__(None, None, None)


async def test_a_user_has_so_many_streams_and_no_more(
    app: FastAPI, address: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_events, "STREAMS_A_USER", 1)
    token = await house.sign_in(Role.VIEWER)

    async with _reading(address, token), httpx.AsyncClient() as client:
        refused = await client.get(address, headers={"Authorization": f"Bearer {token}"})
    assert refused.json()["code"] == "exhausted"

    async with asyncio.timeout(LIMIT_S):
        while app.state.event_streams:  # noqa: ASYNC110  the server notices when it notices
            await asyncio.sleep(0.01)
    async with _reading(address, token):
        pass
