"""Figures by HTTP: dimensions, CSV, drill-down, heat, the line, the self-check."""

import csv
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from io import StringIO

import httpx
import pytest
from fastapi import FastAPI

from api.figure_forms import OnlineRates, Units
from api.metrics import HeatMap
from tests.api.house import CAMERA, GATE, SECOND, House, client_of
from vms.accounts.model import Role
from vms.inventory.model import ReportedChannel

API = "/api/v1/metrics"
ClientOf = Callable[[Role], Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def client_as(app: FastAPI, house: House) -> AsyncGenerator[ClientOf]:
    """Clients by role."""
    async with AsyncExitStack() as stack:

        async def client(role: Role) -> httpx.AsyncClient:
            return await stack.enter_async_context(client_of(app, await house.sign_in(role)))

        yield client


def window(house: House, **more: str) -> dict[str, str]:
    now = house.clock.wall()
    return {"from": (now - timedelta(hours=2)).isoformat(), "to": now.isoformat(), **more}


@pytest.fixture
async def lived(house: House) -> House:
    """Half an hour: CAMERA was on, SECOND was off."""
    house.clock.advance(1800)
    await house.inventory.pass_time()
    return house


async def test_two_dimensions_are_crossed_and_named(
    viewer: httpx.AsyncClient, lived: House
) -> None:
    asked = window(lived, group_by="manufacturer,device")

    rows = (await viewer.get(f"{API}/online-rate", params=asked)).json()["items"]

    assert [(row["key"], row["key2"], row["channels"]) for row in rows] == [
        ("Example", GATE, 1),
        ("Other", GATE, 1),
    ]
    assert [row["outages"] for row in rows] == [0, 1]
    assert rows[1]["longest_outage_s"] == rows[1]["offline_s"]
    assert (rows[1]["samples"], rows[1]["mttr_s"]) == (None, None)


@pytest.mark.parametrize(
    "group_by", ["division,division", "a", "", "all,class,model", "division_4,", "DIVISION"]
)
async def test_dimensions_that_are_none_are_refused(
    viewer: httpx.AsyncClient, lived: House, group_by: str
) -> None:
    answer = await viewer.get(f"{API}/online-rate", params=window(lived, group_by=group_by))

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_filters_by_any_dimension_leave_the_others_out(
    viewer: httpx.AsyncClient, lived: House
) -> None:
    for name, key, channels in (
        ("division", "3402", 2),
        ("division_6", "340203", 1),
        ("manufacturer", "Other", 1),
        ("device_id", GATE, 2),
        ("channel", f"{GATE}/{SECOND}", 1),
        ("class", "", 2),
        ("segment", "127.0.0.0/24", 2),
    ):
        rows = (await viewer.get(f"{API}/online-rate", params=window(lived, **{name: key}))).json()
        assert [row["channels"] for row in rows["items"]] == [channels], name


async def test_samples_are_counted_and_told(viewer: httpx.AsyncClient, lived: House) -> None:
    asked = window(lived, method="sampled", interval="hour")

    rows = (await viewer.get(f"{API}/online-rate", params=asked)).json()["items"]

    assert {row["samples"] for row in rows} <= {0, 2}
    assert all(
        row["online_s"] + row["offline_s"] + row["not_commissioned_s"] == row["samples"] * 3600
        for row in rows
    )
    assert {row["outages"] for row in rows} == {None}


async def test_csv_opens_in_a_spreadsheet_and_is_no_program(
    viewer: httpx.AsyncClient, house: House
) -> None:
    # given a maker who means ill
    evil = ReportedChannel(CAMERA, name="x", manufacturer="=cmd|' /C calc'!A0")
    await house.inventory.replace_channels(GATE, [evil], complete=True)
    house.clock.advance(60)
    await house.inventory.pass_time()

    answer = await viewer.get(
        f"{API}/online-rate",
        params=window(house, group_by="manufacturer,device"),
        headers={"Accept": "text/csv"},
    )

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
    assert "'=cmd|' /C calc'!A0" in {row["key"] for row in rows}
    # a TAB behind them keeps 20 digits from being a number
    assert {row["key2"] for row in rows} == {f"{GATE}\t"}
    by_word = await viewer.get(f"{API}/online-rate", params=window(house, format="csv"))
    assert by_word.headers["content-type"] == "text/csv; charset=utf-8"


async def test_a_row_leads_down_to_its_channels_and_these_to_their_intervals(
    viewer: httpx.AsyncClient, lived: House
) -> None:
    row = (await viewer.get(f"{API}/online-rate", params=window(lived, division="34"))).json()
    first = await viewer.get(
        f"{API}/online-rate/channels", params=window(lived, division="34", limit="1")
    )
    rest = await viewer.get(first.links["next"]["url"])

    channels = [*first.json()["items"], *rest.json()["items"]]
    assert [each["key"] for each in channels] == [f"{GATE}/{CAMERA}", f"{GATE}/{SECOND}"]
    assert rest.json()["next_cursor"] is None
    for name in ("online_s", "offline_s", "unknown_s", "not_commissioned_s"):
        assert sum(each[name] for each in channels) == row["items"][0][name]

    asked = window(lived, device_id=GATE, channel_id=CAMERA)
    intervals = (await viewer.get(f"{API}/online-rate/intervals", params=asked)).json()["items"]
    assert [each["state"] for each in intervals] == ["online_signalled"]
    assert intervals[0]["place"]["division"] == "340203"

    worst = await viewer.get(
        f"{API}/online-rate/channels", params=window(lived, division="34", by="offline_s")
    )
    assert [each["key"] for each in worst.json()["items"]] == [f"{GATE}/{SECOND}"]


async def test_a_cursor_that_is_none_of_ours_is_refused(
    viewer: httpx.AsyncClient, lived: House
) -> None:
    for cursor in ("LTE", "eA"):
        asked = window(lived, cursor=cursor)
        assert (await viewer.get(f"{API}/online-rate/channels", params=asked)).status_code == 422


async def test_the_worst_the_heat_and_the_line(viewer: httpx.AsyncClient, lived: House) -> None:
    worst = (await viewer.get(f"{API}/worst", params=window(lived))).json()["items"]
    heat = (await viewer.get(f"{API}/heat", params=window(lived, by="day"))).json()["items"]
    line = (
        await viewer.get(
            f"{API}/under-the-line",
            params=window(lived, group_by="channel", interval="whole", target="0.5"),
        )
    ).json()

    assert [row["key"] for row in worst] == [f"{GATE}/{SECOND}"]
    assert sum(cell["offline_s"] for cell in heat) == worst[0]["offline_s"] == 1800
    assert {cell["line"] for cell in heat} == {"2026-03-02"}
    assert line["target"] == 0.5
    assert [(unit["key"], unit["periods"]) for unit in line["items"]] == [(f"{GATE}/{SECOND}", 1)]


async def test_the_self_check_says_what_it_added_up(
    viewer: httpx.AsyncClient, lived: House
) -> None:
    before = (await viewer.get(f"{API}/self-check")).json()
    assert (before["ok"], before["checked_at"]) == (True, None)

    await lived.upkeep.check()

    found = (await viewer.get(f"{API}/self-check")).json()
    assert (found["ok"], found["channels"], found["seconds"]) == (True, 2, 7200)
    assert found["breaches"] == []


async def test_an_exclusion_is_asked_for_approved_counted_and_audited(
    client_as: ClientOf, lived: House
) -> None:
    operator = await client_as(Role.OPERATOR)
    admin = await client_as(Role.ADMIN)
    auditor = await client_as(Role.AUDITOR)
    now = lived.clock.wall()
    form = {
        "reason": "power_cut",
        "order_number": "2026-031",
        "start": (now - timedelta(minutes=10)).isoformat(),
        "end": now.isoformat(),
        "scope": {"device_ids": [GATE]},
    }

    assert (await auditor.post("/api/v1/exclusions", json=form)).status_code == 403
    made = await operator.post("/api/v1/exclusions", json=form)
    assert (made.status_code, made.json()["status"]) == (201, "requested")
    place = f"/api/v1/exclusions/{made.json()['exclusion_id']}"
    assert (await operator.post(f"{place}/approve", json={})).status_code == 403
    approved = await admin.post(f"{place}/approve", json={"note": "fits"})
    assert approved.json()["decided_by"] == Role.ADMIN

    rows = (await auditor.get(f"{API}/online-rate", params=window(lived))).json()["items"]
    assert rows[0]["excluded_s"] == 2 * 600
    listed = (await auditor.get("/api/v1/exclusions?status=approved")).json()["items"]
    assert [each["exclusion_id"] for each in listed] == [made.json()["exclusion_id"]]
    assert (await admin.post(f"{place}/approve", json={})).json()["code"] == "conflict"
    withdrawn = await admin.post(f"{place}/withdraw", json={"note": "mistake"})
    assert withdrawn.json()["status"] == "withdrawn"
    rows = (await auditor.get(f"{API}/online-rate", params=window(lived))).json()["items"]
    assert rows[0]["excluded_s"] == 0
    audited = [row.entry.action for row in await lived.accounts.audit(None, 20)]
    for action in ("request exclusion", "approve exclusion", "withdraw exclusion"):
        assert action in audited


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "holiday"},
        {"order_number": ""},
        {"scope": {}},
        {"scope": {"device_ids": ["x"]}},
        {"daily_start": "22:00"},
        {"daily_start": "22:00", "daily_end": "22:00"},
        {"end": "2020-01-01T00:00:00Z"},
        {"colour": "red"},
    ],
)
async def test_an_exclusion_without_sense_is_refused(
    client_as: ClientOf, lived: House, change: dict[str, object]
) -> None:
    operator = await client_as(Role.OPERATOR)
    now = lived.clock.wall()
    form = {
        "reason": "move",
        "order_number": "1",
        "start": now.isoformat(),
        "end": (now + timedelta(hours=1)).isoformat(),
        "scope": {"divisions": ["34"]},
    }

    answer = await operator.post("/api/v1/exclusions", json={**form, **change})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert (await operator.get("/api/v1/exclusions")).json()["items"] == []


async def test_what_lists_tell_is_what_their_schemas_promise(
    viewer: httpx.AsyncClient, lived: House
) -> None:
    for path, schema in (
        ("online-rate", OnlineRates),
        ("heat", HeatMap),
        ("under-the-line", Units),
    ):
        answer = await viewer.get(f"{API}/{path}", params=window(lived))
        assert answer.headers["content-type"] == "application/json"
        schema.model_validate_json(answer.content, strict=True)
