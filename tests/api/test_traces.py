"""SIP traces over HTTP: who may read them, what they show, and how a reader goes on."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from sip.message import Address, Flow
from tests.api.house import CAMERA, CHANNEL, GATE, YARD, House, client_of
from vms.accounts.model import Role
from vms.diagnosis import pcap

LIMIT_S = 20.0
SERVER = "34020000002000000001"
HERE = Address("192.0.2.1", 5060)
ROAD = Flow("UDP", HERE, Address("127.0.0.9", 5060))
TRACE = f"/api/v1/devices/{GATE}/sip-trace"


def note(house: House, method: str = "REGISTER", of: str = GATE, call_id: str = "1") -> None:
    """A message of a device comes in."""
    house.wire_log.note(
        (
            f"{method} sip:{SERVER}@3402000000 SIP/2.0\r\nFrom: <sip:{of}@3402000000>;tag=1\r\n"
            f"To: <sip:{of}@3402000000>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n"
            'Authorization: Digest username="x", response="canary-digest"\r\n'
            "Content-Length: 0\r\n\r\n"
        ).encode(),
        ROAD,
        False,
    )


@pytest.fixture
async def operator(app: FastAPI, house: House) -> AsyncGenerator[httpx.AsyncClient]:
    """May ask devices, and read what they say."""
    async with client_of(app, await house.sign_in(Role.OPERATOR)) as client:
        yield client


async def test_a_trace_shows_what_went_over_the_wire_without_its_secrets(
    operator: httpx.AsyncClient, house: House
) -> None:
    note(house)
    note(house, of=YARD, call_id="yard")

    body = (await operator.get(TRACE)).json()

    [message] = body["items"]
    assert body["next_cursor"] is None
    assert "canary" not in message.pop("raw")
    assert message == {
        "number": 1,
        "at": house.clock.wall().isoformat().replace("+00:00", "Z"),
        "direction": "in",
        "transport": "UDP",
        "from_address": "127.0.0.9:5060",
        "to_address": "192.0.2.1:5060",
        "summary": f"REGISTER sip:{SERVER}@3402000000 SIP/2.0",
        "call_id": "1",
    }


async def test_a_trace_is_read_page_by_page_and_from_a_time_on(
    operator: httpx.AsyncClient, house: House
) -> None:
    for _ in range(3):
        note(house)
        house.clock.advance(60)

    first = (await operator.get(f"{TRACE}?limit=2")).json()
    second = (await operator.get(f"{TRACE}?limit=2&cursor={first['next_cursor']}")).json()
    since = (house.clock.wall() - timedelta(seconds=61)).isoformat()
    late = (await operator.get(TRACE, params={"since": since})).json()

    assert [item["number"] for item in first["items"] + second["items"]] == [1, 2, 3]
    assert second["next_cursor"] is None
    assert [item["number"] for item in late["items"]] == [3]


@pytest.mark.parametrize("query", ["cursor=nonsense", "cursor=LTE", "since=2026-03-01T08:00:00"])
async def test_what_makes_no_sense_is_refused(operator: httpx.AsyncClient, query: str) -> None:
    answer = await operator.get(f"{TRACE}?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_whoever_may_not_ask_devices_reads_no_trace(
    viewer: httpx.AsyncClient, house: House
) -> None:
    note(house)

    for path in (TRACE, f"{TRACE}.pcap", f"{TRACE}/stream"):
        assert (await viewer.get(path)).status_code == 403


async def test_each_reading_leaves_a_row_in_the_audit(
    operator: httpx.AsyncClient, house: House
) -> None:
    await operator.get(TRACE)
    await operator.get(f"{TRACE}.pcap")
    await operator.post(f"{TRACE}/watch", json={})

    rows = [row.entry for row in await house.accounts.audit(None, 3)]

    assert [(row.actor, row.action, row.subject) for row in rows] == [
        ("operator", "watch SIP", GATE),
        ("operator", "read SIP trace", GATE),
        ("operator", "read SIP trace", GATE),
    ]


async def test_a_device_that_is_on_no_file_has_a_trace_too(
    operator: httpx.AsyncClient, house: House
) -> None:
    note(house, of="34020000001110000099")

    body = (await operator.get("/api/v1/devices/34020000001110000099/sip-trace")).json()

    assert len(body["items"]) == 1


async def test_a_trace_is_downloaded_as_a_capture(
    operator: httpx.AsyncClient, house: House
) -> None:
    note(house)

    answer = await operator.get(f"{TRACE}.pcap")

    [packet] = pcap.read(answer.content)
    assert answer.headers["content-type"] == "application/vnd.tcpdump.pcap"
    assert f'filename="{GATE}.pcap"' in answer.headers["content-disposition"]
    assert (packet.source, packet.target) == (("127.0.0.9", 5060), ("192.0.2.1", 5060))
    assert packet.payload.startswith(b"REGISTER ")
    assert b"canary" not in packet.payload


async def test_a_session_has_a_trace_of_its_own(operator: httpx.AsyncClient, house: House) -> None:
    session_id = (await operator.post(f"{CHANNEL}/live")).json()["session_id"]
    note(house)
    note(house, "INVITE", call_id="call-1")

    path = f"/api/v1/sessions/{session_id}/sip-trace"
    shown = (await operator.get(path)).json()
    capture = (await operator.get(f"{path}.pcap")).content

    assert [item["call_id"] for item in shown["items"]] == ["call-1"]
    assert len(list(pcap.read(capture))) == 1
    assert (await operator.get("/api/v1/sessions/none/sip-trace")).status_code == 404


async def test_keepalives_are_kept_while_a_device_is_watched(
    operator: httpx.AsyncClient, house: House
) -> None:
    def keepalive() -> None:
        body = f"<Notify><CmdType>Keepalive</CmdType><DeviceID>{GATE}</DeviceID></Notify>"
        house.wire_log.note(
            f"MESSAGE sip:x@y SIP/2.0\r\nFrom: <sip:{GATE}@y>\r\n\r\n{body}".encode(), ROAD, False
        )
        house.wire_log.note(b"SIP/2.0 200 OK\r\nCSeq: 1 MESSAGE\r\n\r\n", ROAD, True)

    assert (await operator.get(f"{TRACE}/watch")).json() == {"until": None}
    watched = (await operator.post(f"{TRACE}/watch", json={"limit_s": 60})).json()
    assert (await operator.get(f"{TRACE}/watch")).json() == watched
    keepalive()
    assert (await operator.delete(f"{TRACE}/watch")).status_code == 204
    [row] = await house.accounts.audit(None, 1)
    assert row.entry.action == "stop watching SIP"
    keepalive()

    items = (await operator.get(TRACE)).json()["items"]
    assert [item["summary"] for item in items] == [
        "MESSAGE Keepalive",
        "SIP/2.0 200 OK (MESSAGE)",
    ]
    assert watched["until"].startswith(
        (house.clock.wall() + timedelta(seconds=60)).isoformat()[:19]
    )
    assert (await operator.post(f"{TRACE}/watch", json={"limit_s": 3601})).status_code == 422


@asynccontextmanager
async def _serving(app: FastAPI) -> AsyncGenerator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(LIMIT_S):
            while not server.started:  # noqa: ASYNC110  uvicorn offers no event to wait for
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{TRACE}/stream"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def _reading(
    url: str, token: str, last_event_id: str | None = None
) -> AsyncGenerator[AsyncIterator[tuple[str, str, dict[str, object]]]]:
    headers = {"Authorization": f"Bearer {token}"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    async with (
        asyncio.timeout(LIMIT_S),
        httpx.AsyncClient(timeout=LIMIT_S) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        lines = answer.aiter_lines()
        async for line in lines:
            if line.startswith("retry:"):
                break
        yield _told(lines)


async def _told(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str, dict[str, object]]]:
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        elif "data" in fields:
            yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}


async def test_a_trace_is_told_as_it_happens_and_goes_on_where_a_reader_left(
    app: FastAPI, house: House
) -> None:
    token = await house.sign_in(Role.OPERATOR)
    note(house)
    async with _serving(app) as url:
        async with _reading(url, token) as told:
            note(house, of=YARD, call_id="yard")
            note(house, "OPTIONS")
            kind, last, message = await anext(told)
            assert (kind, message["number"]) == ("sip_message", 3)
            assert "canary" not in str(message["raw"])

        note(house, "OPTIONS")
        note(house, "OPTIONS")
        async with _reading(url, token, last) as told:
            assert [(await anext(told))[2]["number"] for _ in range(2)] == [4, 5]


async def test_a_reader_from_before_a_restart_is_told_to_read_again(
    app: FastAPI, house: House
) -> None:
    token = await house.sign_in(Role.OPERATOR)
    async with _serving(app) as url, _reading(url, token, "0badcafe-7") as told:
        assert (await anext(told))[0] == "resync"
        note(house)
        assert (await anext(told))[0] == "sip_message"


async def test_a_device_that_never_came_is_explained(viewer: httpx.AsyncClient) -> None:
    body = (await viewer.get("/api/v1/devices/34020000001110000099/diagnosis")).json()

    assert body["diagnosis"]["cause"] == "no_register"
    assert "SIP server ID 34020000002000000001" in body["diagnosis"]["next_step_en"]
    assert "SIP服务器ID 34020000002000000001" in body["diagnosis"]["next_step_zh"]
    assert body["plays"] == []


async def test_a_play_is_explained_by_session_and_by_channel(viewer: httpx.AsyncClient) -> None:
    nothing = await viewer.get(f"{CHANNEL}/last-play")
    session_id = (await viewer.post(f"{CHANNEL}/live")).json()["session_id"]

    trace = (await viewer.get(f"/api/v1/sessions/{session_id}/trace")).json()
    last = (await viewer.get(f"{CHANNEL}/last-play?shows=h264")).json()
    device = (await viewer.get(f"/api/v1/devices/{GATE}/diagnosis")).json()

    assert nothing.status_code == 404
    assert trace == last
    assert (trace["device_id"], trace["channel_id"]) == (GATE, CAMERA)
    assert trace["told_address"] == "127.0.0.1:30000"
    assert trace["missing"][:2] == ["trying", "answered"]
    assert trace["diagnosis"]["cause"] == "pending"
    assert trace["figures"]["sources"][0]["remote_address"] == "127.0.0.9:15060"
    assert device["plays"][0]["session_id"] == session_id
