"""Circulars, over HTTP: made, had as files, proved again."""

import io
from collections.abc import AsyncGenerator
from datetime import timedelta

import httpx
import openpyxl
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pypdf import PdfReader

from tests.api.house import CAMERA, GATE, House, client_of
from tests.support.waiting import until_async
from vms.accounts.model import Role

REPORTS = "/api/v1/reports"
DAY = {"from": "2026-03-03", "to": "2026-03-04"}


@pytest_asyncio.fixture
async def later(house: House) -> House:
    """Two days on: the 3rd of March is over. The gate was heard for the first time of the two."""
    house.clock.advance(timedelta(days=2).total_seconds())
    await house.inventory.pass_time()
    return house


@pytest_asyncio.fixture
async def auditor(app: FastAPI, later: House) -> AsyncGenerator[httpx.AsyncClient]:
    """Reports, and may not watch. Signed in by then: nobody stays so for two days."""
    async with client_of(app, await later.sign_in(Role.AUDITOR)) as client:
        yield client


@pytest_asyncio.fixture
async def chief(app: FastAPI, later: House) -> AsyncGenerator[httpx.AsyncClient]:
    """The only administrator there is."""
    async with client_of(app, await later.sign_in(Role.ADMIN)) as client:
        yield client


async def made(client: httpx.AsyncClient, order: dict[str, str]) -> dict[str, object]:
    """Ordered, and over."""
    ordered = await client.post(REPORTS, json=order)
    assert ordered.status_code == 202, ordered.text
    place = ordered.headers["location"]

    async def report() -> dict[str, object]:
        return dict((await client.get(place)).json())

    return await until_async(report, lambda body: body["status"] != "running")


async def test_a_report_of_a_day_is_frozen_and_had_as_workbook_and_pdf(
    auditor: httpx.AsyncClient,
) -> None:
    report = await made(auditor, DAY)

    assert (report["status"], report["month"], report["problem"]) == ("frozen", None, "")
    # The 3rd begins at 16:00 of the 2nd, UTC.
    assert report["start"] == "2026-03-02T16:00:00Z"
    file = f"{REPORTS}/{report['report_id']}/file"
    book = openpyxl.load_workbook(io.BytesIO((await auditor.get(file)).content))
    sheet = book["点位明细"]
    assert (sheet["A2"].value, sheet["B2"].value) == (GATE, CAMERA)
    paper = await auditor.get(file, params={"format": "pdf", "language": "en"})
    assert paper.headers["content-type"] == "application/pdf"
    assert "Online rate" in PdfReader(io.BytesIO(paper.content)).pages[0].extract_text()


async def test_the_same_file_comes_each_time_and_the_audit_knows_who_had_it(
    auditor: httpx.AsyncClient,
) -> None:
    report = await made(auditor, DAY)
    file = f"{REPORTS}/{report['report_id']}/file"

    assert (await auditor.get(file)).content == (await auditor.get(file)).content

    [row, *_] = (await auditor.get("/api/v1/audit")).json()["items"]
    assert (row["action"], row["subject"]) == ("export report", report["report_id"])


async def test_a_report_made_again_is_the_same_until_an_exclusion_is_approved(
    auditor: httpx.AsyncClient, chief: httpx.AsyncClient
) -> None:
    report = await made(auditor, DAY)
    verify = f"{REPORTS}/{report['report_id']}/verify"
    same = (await auditor.post(verify)).json()
    assert same["is_same"] is True
    assert same["inputs_sha256"] == report["inputs_sha256"]

    asked = await chief.post(
        "/api/v1/exclusions",
        json={
            "reason": "power_cut",
            "order_number": "7",
            "start": "2026-03-03T02:00:00+08:00",
            "end": "2026-03-03T03:00:00+08:00",
            "scope": {"device_ids": [GATE]},
        },
    )
    assert asked.status_code == 201, asked.text
    approved = await chief.post(
        f"/api/v1/exclusions/{asked.json()['exclusion_id']}/approve", json={}
    )
    assert approved.status_code == 200, approved.text

    assert (await auditor.post(verify)).json()["is_same"] is False


async def test_making_and_proving_leave_rows_in_the_audit(
    auditor: httpx.AsyncClient, later: House
) -> None:
    report = await made(auditor, DAY)
    await auditor.post(f"{REPORTS}/{report['report_id']}/verify")

    rows = await later.accounts.audit(None, 10)

    assert [(row.entry.action, row.entry.subject) for row in rows][:2] == [
        ("verify report", report["report_id"]),
        ("make report", "2026-03-03 - 2026-03-04"),
    ]


async def test_reports_are_listed_newest_first(auditor: httpx.AsyncClient, later: House) -> None:
    first = await made(auditor, DAY)
    later.clock.advance(1)
    second = await made(auditor, DAY)

    page = (await auditor.get(REPORTS, params={"limit": 1})).json()
    rest = (await auditor.get(REPORTS, params={"cursor": page["next_cursor"]})).json()

    assert [each["report_id"] for each in page["items"] + rest["items"]] == [
        second["report_id"],
        first["report_id"],
    ]


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({}, 422),
        ({"from": "2026-03-03"}, 422),
        ({"from": "2026-03-04", "to": "2026-03-03"}, 422),
        ({"from": "2026-03-03", "to": "2026-03-09"}, 422),
        ({"from": "0001-01-01", "to": "0001-01-02"}, 422),
        ({"month": "2026-13"}, 422),
        ({"month": "2026-04"}, 422),
        ({"month": "2026-02", "from": "2026-03-03", "to": "2026-03-04"}, 422),
        ({**DAY, "level": 5}, 422),
    ],
)
async def test_a_report_of_nothing_sensible_is_refused(
    auditor: httpx.AsyncClient, order: dict[str, object], status: int
) -> None:
    answer = await auditor.post(REPORTS, json=order)

    assert answer.status_code == status, answer.text
    assert answer.json()["code"]


async def test_an_unknown_report_is_not_found(auditor: httpx.AsyncClient) -> None:
    assert (await auditor.get(f"{REPORTS}/none")).status_code == 404
    assert (await auditor.get(f"{REPORTS}/none/file")).status_code == 404


async def test_who_only_watches_makes_no_report(viewer: httpx.AsyncClient) -> None:
    assert (await viewer.post(REPORTS, json=DAY)).status_code == 403
