"""Recordings are searched in the background; what is missing is said in words (9.7)."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.on_air import CAMERA, on_air
from tests.support.served import Served, served
from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE
from tests.support.waiting import until_async
from vms.accounts.model import Role

THERE = f"/devices/{FIRST_DEVICE}/channels/{FIRST_CHANNEL}"
DAY = {"start": "2026-03-01T00:00:00+08:00", "end": "2026-03-02T00:00:00+08:00"}


async def searched(
    place: Served, wanted: dict[str, Any], channel: str = THERE
) -> tuple[str, dict[str, Any]]:
    """The job's address, and how it ended."""
    begun = await place.api.post(f"{channel}/records", json=wanted)
    assert begun.status_code == 202, begun.text
    location = begun.headers["location"].removeprefix("/api/v1")

    async def job() -> dict[str, Any]:
        shown: dict[str, Any] = (await place.api.get(location)).json()
        return shown

    return location, await until_async(job, lambda shown: shown["state"] != "running", 60.0)


def a_past_day(place: Served) -> dict[str, Any]:
    now: datetime = place.server.clock.wall()
    return {
        "start": (now - timedelta(days=3)).isoformat(),
        "end": (now - timedelta(days=2)).isoformat(),
    }


async def test_a_search_tells_its_progress_and_its_pages(tmp_path: Path) -> None:
    async with served(tmp_path) as place, place.cameras("--fault", "clock-skew=90"):
        await place.until_online(FIRST_DEVICE)

        location, job = await searched(place, a_past_day(place))

        # all came, and times are ours as well as the device's
        assert (job["state"], job["is_complete"], job["sentence"]) == ("complete", True, "")
        assert job["received"] == job["announced"] > 0
        assert job["slices"] == job["slices_done"] >= 1
        assert 80 < job["clock_offset_s"] < 100
        first = job["items"][0]
        ahead = datetime.fromisoformat(first["device_start"]) - datetime.fromisoformat(
            first["start"]
        )
        assert 80 < ahead.total_seconds() < 100

        # page by page
        seen: list[str] = []
        cursor: str | None = None
        while True:
            query = httpx.QueryParams({"limit": 7} | ({"cursor": cursor} if cursor else {}))
            page = (await place.api.get(f"{location}?{query}")).json()
            seen += [each["start"] for each in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == job["received"]
        assert seen == sorted(seen)
        assert (await place.api.get(f"{location}?cursor=eA")).status_code == 422


async def test_what_did_not_come_is_said_in_a_sentence(tmp_path: Path) -> None:
    lossy = ("--fault", "lost-parts=12.7", "--channels", "16")
    async with served(tmp_path) as place, place.cameras(*lossy):
        await place.until_online(FIRST_DEVICE)
        channels = (await place.api.get(f"/devices/{FIRST_DEVICE}/channels")).json()["items"]
        channel = f"/devices/{FIRST_DEVICE}/channels/{channels[0]['channel_id']}"

        _, job = await searched(place, a_past_day(place), channel)

        assert job["state"] == "incomplete"
        assert 0 < job["received"] < job["announced"]
        told = f"{job['received']} of {job['announced']} recordings came"
        assert job["sentence"].startswith(told)


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"start": DAY["start"]},
        {"start": DAY["end"], "end": DAY["start"]},
        {"start": "2026-03-01T00:00:00", "end": "2026-03-02T00:00:00"},
        {"start": "2020-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"},
        DAY | {"record_type": "motion"},
        DAY | {"stream_number": 16},
        DAY | {"methods": [8]},
        DAY | {"address": "a\nb"},
    ],
)
async def test_nonsense_is_not_searched(admin: httpx.AsyncClient, nonsense: dict[str, Any]) -> None:
    channel = "/api/v1/devices/34020000001110000001/channels/34020000001320000001"
    answer = await admin.post(f"{channel}/records", json=nonsense)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_a_search_is_found_under_its_channel_only_by_those_who_may_watch(
    tmp_path: Path,
) -> None:
    async with on_air(tmp_path) as air, air.another(Role.AUDITOR) as auditor:
        begun = await air.admin.post(f"{CAMERA}/records", json=DAY)
        again = await air.admin.post(f"{CAMERA}/records", json=DAY)

        job_id = begun.json()["job_id"]
        assert again.json()["job_id"] == job_id
        assert (await air.admin.get(f"{CAMERA}/records/{job_id}")).status_code == 200
        assert (await auditor.get(f"{CAMERA}/records/{job_id}")).status_code == 403
        assert (await air.admin.get(f"{CAMERA}/records/other")).status_code == 404
        elsewhere = CAMERA.replace("/channels/34", "/channels/35")
        assert (await air.admin.get(f"{elsewhere}/records/{job_id}")).status_code == 404
