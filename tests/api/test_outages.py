"""What was lost together, over HTTP."""

from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.api.house import CAMERA, GATE, YARD, House, database_url
from vms.inventory.outage_records import (
    Judgement,
    Outage,
    OutageCause,
    OutageKind,
    OutageMember,
    OutageWrite,
)
from vms.persistence.database import Database
from vms.persistence.outage_store import SqlOutageStore

FIRST = "019cad5c-7b40-7000-8000-000000000001"
SECOND = "019cad5c-7b40-7000-8000-000000000002"
NINE_S = 1_772_413_200
"""2026-03-02, 09:00 in Shanghai."""

LOST = Outage(
    FIRST,
    OutageKind.GONE,
    OutageCause.RECORDER_LOST,
    NINE_S,
    scope={"device_id": GATE},
    evidence={
        "device_id": GATE,
        "address": "127.0.0.9:5060",
        "channels": 1,
        "silent_s": 181,
        "last_heard_at": "2026-03-02T00:56:59+00:00",
    },
    devices=1,
    channels=1,
    away=1,
    falls=1,
    judgements=(Judgement(NINE_S, OutageCause.RECORDER_LOST),),
)
ABSENT = Outage(
    SECOND,
    OutageKind.ABSENCE,
    OutageCause.SERVER_ABSENT,
    NINE_S + 3600,
    ended_s=NINE_S + 3660,
    evidence={"absent_s": 60},
)


@pytest_asyncio.fixture
async def kept(house: House, folder: Path) -> House:
    """A house with two outages on file."""
    members = [
        OutageMember(GATE, "", 1, NINE_S, way="silent", heard_s=NINE_S - 181),
        OutageMember(GATE, CAMERA, 1, NINE_S, way="device"),
    ]
    async with Database.open(database_url(folder)) as database:
        store = SqlOutageStore(database)
        await store.write(OutageWrite(LOST, members))
        await store.write(OutageWrite(ABSENT))
    return house


async def test_an_outage_tells_cause_evidence_and_members_in_both_languages(
    viewer: httpx.AsyncClient, kept: House
) -> None:
    _ = kept
    shown = (await viewer.get(f"/api/v1/outages/{FIRST}")).raise_for_status().json()

    assert (shown["cause"], shown["state"], shown["ended_at"]) == ("recorder_lost", "open", None)
    assert shown["started_at"] == "2026-03-02T01:00:00Z"
    assert shown["judgements"] == [{"at": "2026-03-02T01:00:00Z", "cause": "recorder_lost"}]
    assert shown["evidence"]["silent_s"] == 181
    assert shown["sentence_en"] == (
        f"The recorder {GATE} at 127.0.0.9:5060 is gone with all its 1 channels; last heard at "
        "2026-03-02T00:56:59+00:00."
    )
    assert shown["next_step_zh"].startswith("检查录像机")
    assert [(each["device_id"], each["channel_id"]) for each in shown["members"]] == [
        (GATE, None),
        (GATE, CAMERA),
    ]
    assert shown["members"][0]["last_heard_at"] == "2026-03-02T00:56:59Z"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [SECOND, FIRST]),
        ("open=true", [FIRST]),
        ("open=false", [SECOND]),
        ("cause=server_absent", [SECOND]),
        ("from=2026-03-02T10:30:00%2B08:00", [FIRST]),
        ("to=2026-03-02T09:30:00%2B08:00", [FIRST]),
        ("division=3402", [FIRST]),
        ("division=3403", []),
        (f"device_id={GATE}", [FIRST]),
        (f"device_id={YARD}", []),
    ],
)
async def test_outages_are_found_by_what_is_asked(
    viewer: httpx.AsyncClient, kept: House, query: str, found: list[str]
) -> None:
    _ = kept
    listed = (await viewer.get(f"/api/v1/outages?{query}")).raise_for_status().json()

    assert [each["outage_id"] for each in listed["items"]] == found


async def test_lists_go_on_where_they_stopped(viewer: httpx.AsyncClient, kept: House) -> None:
    _ = kept
    for path, key in (("/outages", "outage_id"), (f"/outages/{FIRST}/members", "channel_id")):
        first = (await viewer.get(f"/api/v1{path}?limit=1")).raise_for_status().json()
        query = {"limit": "1", "cursor": first["next_cursor"]}
        second = (await viewer.get(f"/api/v1{path}", params=query)).raise_for_status().json()

        assert first["items"][0][key] != second["items"][0][key]


async def test_an_outage_that_is_none_is_not_found(viewer: httpx.AsyncClient) -> None:
    for path in ("", "/members"):
        answer = await viewer.get(f"/api/v1/outages/{FIRST}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
