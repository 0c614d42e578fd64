"""Spreadsheets through the real server: sent, followed, mended, sent again, had back."""

import io
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import openpyxl
import pytest

from tests.support.served import Served, served
from tests.support.waiting import until_async

LIMIT_S = 60.0
FIRST_ROW = 2


def device_id(number: int) -> str:
    return f"3402000000118{number:07d}"


def channel_id(number: int) -> str:
    return f"3402000000132{number:07d}"


@pytest.fixture
async def up(tmp_path: Path) -> AsyncGenerator[Served]:
    async with served(tmp_path) as running:
        yield running


async def imported(up: Served, kind: str, body: bytes, **params: str) -> dict[str, Any]:
    """The job as it stands at its end."""
    begun = await up.api.post(f"/imports/{kind}", content=body, params=params)
    assert begun.status_code == 202, begun.text
    where = begun.headers["location"].removeprefix("/api/v1")

    async def job() -> dict[str, Any]:
        answer = await up.api.get(where)
        return cast("dict[str, Any]", answer.json())

    return await until_async(job, lambda stands: stands["state"] != "running", LIMIT_S)


def counts(job: dict[str, Any]) -> tuple[int, ...]:
    return tuple(job[name] for name in ("read", "added", "changed", "unchanged", "refused"))


def workbook(rows: list[list[object]]) -> bytes:
    """As another program writes it."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    to = io.BytesIO()
    book.save(to)
    return to.getvalue()


def rows_of(data: bytes) -> list[list[object]]:
    """As another program reads it."""
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


async def test_5000_rows_with_7_bad_ones_are_4993_imported_and_7_explained(up: Served) -> None:
    # given five recorders on file, and a sheet of 5,000 cameras of which seven are wrong
    recorders: list[list[object]] = [["设备编号", "名称"]]
    recorders.extend([device_id(n), f"录像机 {n}"] for n in range(1, 6))
    assert counts(await imported(up, "devices", workbook(recorders)))[1] == 5
    head: list[object] = [
        "设备编号",
        "通道编号",
        "名称",
        "点位类别",
        "经度",
        "纬度",
        "安装日期",
        "备注",
    ]
    rows: list[list[object]] = [
        [
            device_id((n - 1) // 1000 + 1),
            channel_id(n),
            f"路口 {n}",
            "1",
            117.25,
            31.5,
            "2024-03-01",
        ]
        for n in range(1, 5001)
    ]
    wrong: dict[int, tuple[int, object, str, str]] = {
        # row number: place, what stands there, column, code
        102: (1, 34020000001320000101, "channel_id", "id_number"),
        203: (1, "3.402E+19", "channel_id", "id_scientific"),
        1004: (1, "34020000001320000000", "channel_id", "id_zeros"),
        2005: (3, "7", "class", "wrong_value"),
        3006: (6, "2024-02-30", "installed_on", "wrong_value"),
        4007: (5, None, "latitude", "half_position"),
        5001: (0, "34020000001189999999", "device_id", "no_device"),
    }
    for number, (place, value, _, _) in wrong.items():
        rows[number - FIRST_ROW][place] = value

    # when it is imported
    job = await imported(up, "channels", workbook([head, *rows]))

    # then the good ones are on file and the bad ones are explained
    assert counts(job) == (5000, 4993, 0, 0, 7)
    assert (job["state"], job["unknown_columns"]) == ("incomplete", ["备注"])
    told = {each["row"]: (each["column"], each["code"]) for each in job["refusals"]}
    assert told == {number: (column, code) for number, (_, _, column, code) in wrong.items()}
    listed = (await up.api.get("/channels", params={"total": "true", "limit": "1"})).json()
    assert listed["total"] == 4993
    assert listed["items"][0]["name"] == "路口 1"
    assert listed["items"][0]["status"] == "not_commissioned"

    # when the file of errors is mended and sent again, with its column of errors
    errors = await up.api.get(
        f"/imports/{job['job_id']}/errors.xlsx", headers={"Accept-Language": "zh"}
    )
    bad = rows_of(errors.content)
    assert bad[0] == [*head, "错误"]
    told_rows = [str(row[-1]).partition("：")[0] for row in bad[1:]]
    assert told_rows == [f"第 {number} 行" for number in wrong]
    right: dict[int, tuple[int, object]] = {
        102: (1, channel_id(101)),
        203: (1, channel_id(202)),
        1004: (1, channel_id(1003)),
        2005: (3, "2"),
        3006: (6, "2024-02-29"),
        4007: (5, 31.5),
        5001: (0, device_id(5)),
    }
    for row, (place, value) in zip(bad[1:], right.values(), strict=True):
        row[place] = value
    again = await imported(up, "channels", workbook(bad))

    # then the seven are there as well, and the whole file says nothing new
    assert counts(again) == (7, 7, 0, 0, 0)
    for number, (place, value) in right.items():
        rows[number - FIRST_ROW][place] = value
    whole = await imported(up, "channels", workbook([head, *rows]))
    assert counts(whole) == (5000, 0, 0, 5000, 0)


async def test_a_form_carries_a_file_and_the_audit_tells_who_imported_and_exported(
    up: Served,
) -> None:
    sheet = {"file": ("点位.csv", b"device_id,name\n34020000001180000001,North\n")}
    begun = await up.api.post("/imports/devices", files=sheet, params={"dry_run": "true"})
    assert begun.status_code == 202, begun.text
    assert (begun.json()["file_name"], begun.json()["dry_run"]) == ("点位.csv", True)
    await up.server.spreadsheets.until_over()
    await imported(up, "devices", sheet["file"][1])

    given = await up.api.get("/exports/devices.csv", params={"encoding": "gb18030", "q": "north"})
    none = await up.api.get("/exports/devices.csv", params={"q": "south"})

    assert given.headers["content-type"] == "text/csv; charset=gb18030"
    assert "devices.csv" in given.headers["content-disposition"]
    assert b"34020000001180000001\t,North," in given.content
    assert len(none.content.splitlines()) == 1
    rows = (await up.api.get("/audit")).json()["items"]
    written = [(row["action"], row["outcome"], row["detail"].get("added")) for row in rows]
    assert written[:6] == [
        ("export devices", "done", None),
        ("export devices", "done", None),
        ("import devices", "done", "1"),
        ("import devices", "begun", None),
        ("import devices", "done", "1"),
        ("import devices", "begun", None),
    ]
    assert list((up.server.settings.storage.root / "spreadsheets").glob("*.upload")) == []


async def test_what_is_asked_wrongly_is_refused_with_its_reason(up: Served) -> None:
    form = await up.api.post("/imports/devices", files={"text": (None, "no file")})
    kind = await up.api.post("/imports/secrets", content=b"device_id\n1\n")
    gone = await up.api.get("/imports/0199c1a0-0000-7000-8000-000000000001")
    unread = await imported(up, "devices", b"\x89PNG\r\n\x1a\n\0\0")

    assert (form.status_code, kind.status_code) == (422, 422)
    assert (gone.status_code, "restarts" in gone.json()["detail"]) == (404, True)
    assert (unread["state"], unread["sentence"][:30]) == (
        "failed",
        "This is no spreadsheet that ca",
    )
