"""From a file to the inventory and back: what is applied, what is left alone, what is told."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import openpyxl
import pytest

from tests.vms.inventory.site import CAMERA, GATE, SECOND, YARD, Site, camera
from vms.errors import ConflictError, NotFoundError
from vms.inventory.identifiers import Identifiers
from vms.signalling.jobs import JobState
from vms.spreadsheets.columns import Kind
from vms.spreadsheets.importing import ImportJob
from vms.spreadsheets.service import Spreadsheets
from vms.spreadsheets.writing import Encoding, FileFormat

Rows = Sequence[Sequence[str]]


class Desk:
    """An inventory with a registered recorder of two cameras, and somebody with spreadsheets."""

    def __init__(self, site: Site, spreadsheets: Spreadsheets, folder: Path) -> None:
        self.site = site
        self.spreadsheets = spreadsheets
        self.folder = folder

    async def sends(self, kind: Kind, rows: Rows | bytes, *, is_trial: bool = False) -> ImportJob:
        data = rows if isinstance(rows, bytes) else as_csv(rows)
        async with self.spreadsheets.file() as path:
            path.write_bytes(data)
            job = self.spreadsheets.begin(
                kind, path, "sent.csv", is_trial=is_trial, at_its_end=self._note
            )
        await self.spreadsheets.until_over()
        return job

    async def takes(self, kind: Kind, **how: Encoding) -> bytes:
        path = self.folder / "taken"
        await self.spreadsheets.export(kind, None, path, FileFormat.CSV, "en", **how)
        return path.read_bytes()

    async def takes_back(self, job: ImportJob) -> bytes:
        path = self.folder / "errors"
        await self.spreadsheets.write_refusals(job.job_id, path, FileFormat.CSV, "en")
        return path.read_bytes()

    async def _note(self, job: ImportJob) -> None:
        assert job.finished_at is not None


def as_csv(rows: Rows) -> bytes:
    to = io.StringIO()
    csv.writer(to).writerows(rows)
    return to.getvalue().encode()


def table(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def counts(job: ImportJob) -> tuple[int, int, int, int]:
    return job.added, job.changed, job.unchanged, job.refused


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    site = await Site().open()
    await site.register(GATE)
    await site.report(camera(CAMERA, name="IPC 1"), camera(SECOND, name="IPC 2"))
    identifiers = Identifiers()
    spreadsheets = Spreadsheets(
        site.inventory,
        site.bus,
        site.clock,
        lambda: identifiers.next(site.clock.wall()),
        tmp_path / "spreadsheets",
    )
    await spreadsheets.start()
    yield Desk(site, spreadsheets, tmp_path)
    await spreadsheets.close()


async def test_columns_may_stand_anywhere_below_a_title_and_strange_ones_are_named(
    desk: Desk,
) -> None:
    job = await desk.sends(
        Kind.CHANNELS,
        [
            ["2026 年度点位表"],
            [],
            ["备注", "标签", "Channel ID", "状态", "维护单位（全称）", "*设备编号"],
            ["x", "学校、路口", CAMERA, "online", "Nord", GATE],
        ],
    )

    assert counts(job) == (0, 1, 0, 0)
    assert (list(job.unknown_columns), list(job.told_columns)) == (["备注"], ["状态"])
    channel = desk.site.inventory.channel(GATE, CAMERA)
    assert (channel.tags, channel.maintainer) == (("学校", "路口"), "Nord")
    assert (channel.name, channel.reported.name) == ("IPC 1", "IPC 1")


async def test_an_empty_cell_leaves_what_is_there_and_a_hyphen_goes_back_to_the_report(
    desk: Desk,
) -> None:
    head = ["device_id", "channel_id", "name", "builder", "longitude", "latitude"]
    await desk.sends(Kind.CHANNELS, [head, [GATE, CAMERA, "North", "Bau", "117.2", "31.8"]])

    await desk.sends(Kind.CHANNELS, [head, [GATE, CAMERA, "-", "", "117.3", ""]])

    channel = desk.site.inventory.channel(GATE, CAMERA)
    assert (channel.name, channel.name_override, channel.builder) == ("IPC 1", None, "Bau")
    assert channel.declared_position == (117.3, 31.8)


async def test_what_is_exported_changes_nothing_when_it_is_imported_again(desk: Desk) -> None:
    # given cameras with names that a program might take for something else
    head = ["device_id", "channel_id", "name", "address", "longitude", "latitude", "坐标系"]
    rows = [
        [GATE, CAMERA, "'=HYPERLINK(1)", "'-", "-0.5", "51.25", "gcj02"],
        [GATE, SECOND, "''quoted", '+86, "x"', "117.1", "31.5", ""],
    ]
    assert counts(await desk.sends(Kind.CHANNELS, [head, *rows])) == (0, 2, 0, 0)
    first = desk.site.inventory.channel(GATE, CAMERA)
    assert (first.name, first.address) == ("=HYPERLINK(1)", "-")

    for encoding in Encoding:
        again = await desk.sends(Kind.CHANNELS, await desk.takes(Kind.CHANNELS, encoding=encoding))
        assert counts(again) == (0, 0, 2, 0)
    assert desk.site.inventory.channel(GATE, CAMERA) == first
    devices = await desk.sends(Kind.DEVICES, await desk.takes(Kind.DEVICES))
    assert counts(devices) == (0, 0, 1, 0)


async def test_a_trial_says_what_would_become_and_changes_nothing(desk: Desk) -> None:
    rows = [["device_id", "name"], [YARD, "Yard"], [GATE, "Gate"], ["1.5", "x"]]

    trial = await desk.sends(Kind.DEVICES, rows, is_trial=True)

    assert counts(trial) == (1, 1, 0, 1)
    assert desk.site.inventory.find_device(YARD) is None
    assert counts(await desk.sends(Kind.DEVICES, rows)) == (1, 1, 0, 1)


async def test_secrets_are_taken_and_never_told(desk: Desk) -> None:
    job = await desk.sends(
        Kind.DEVICES,
        [["device_id", "密码"], [YARD, "canary-secret"], [GATE, "canary-too-long" * 10]],
    )

    assert counts(job) == (1, 0, 0, 1)
    assert desk.site.inventory.device(YARD).secret == "canary-secret"  # noqa: S105
    assert b"canary" not in await desk.takes(Kind.DEVICES)
    [problem] = job.refusals[0].problems
    assert (problem.value, "canary" in problem.sentence("en")) == ("***", False)
    assert job.refusals[0].cells == ()


async def test_the_file_of_errors_is_as_harmless_and_as_exact_as_the_one_that_came(
    desk: Desk,
) -> None:
    head = ["device_id", "channel_id", "name", "class", "builder", "remarks"]
    bad = [GATE, CAMERA, "=cmd()", "7", "-", "'@x"]
    job = await desk.sends(Kind.CHANNELS, [head, bad, [GATE, CAMERA, "twice", "1", "", ""]])

    [title, row, twice] = table(await desk.takes_back(job))

    assert title == [*head, "Error"]
    assert row[:-1] == [f"{GATE}\t", f"{CAMERA}\t", "'=cmd()", "7", "-", "'@x"]
    assert row[-1] == "Row 2: 7 does not fit the column Class: it takes 1, 2, 3 or 9 (other)."
    assert twice[-1] == "Row 3: Row 2 is about the same already; keep one of the two."
    mended = await desk.sends(Kind.CHANNELS, [title, [*row[:3], "2", *row[4:]]])
    assert counts(mended) == (0, 1, 0, 0)
    assert desk.site.inventory.channel(GATE, CAMERA).name == "=cmd()"


async def test_groups_may_stand_in_any_order_and_hang_below_each_other(desk: Desk) -> None:
    rows = [
        ["分组编号", "名称", "上级分组"],
        ["c", "Street", "b"],
        ["b", "District", "a"],
        ["a", "City", "-"],
        ["e", "Orphan", "nobody"],
        ["f", "Ring", "g"],
        ["g", "Ring", "f"],
    ]

    trial = await desk.sends(Kind.GROUPS, rows, is_trial=True)
    assert desk.site.inventory.own_group_list() == []
    job = await desk.sends(Kind.GROUPS, rows)
    again = await desk.sends(Kind.GROUPS, rows)

    assert counts(trial) == counts(job) == (3, 0, 0, 3)
    assert counts(again) == (0, 0, 3, 3)
    assert desk.site.inventory.own_group_path("c") == ("City", "District", "Street")
    put = await desk.sends(
        Kind.CHANNELS,
        [["device_id", "channel_id", "own_group"], [GATE, CAMERA, "c"], [GATE, SECOND, "zz"]],
    )
    assert counts(put) == (0, 1, 0, 1)
    assert put.refusals[0].problems[0].code == "no_group"
    assert table(await desk.takes(Kind.GROUPS))[1:] == [
        ["a", "City", "", "0", "1", "1"],
        ["b", "District", "a", "0", "1", "1"],
        ["c", "Street", "b", "0", "1", "1"],
    ]


async def test_divisions_get_local_names(desk: Desk) -> None:
    rows = [
        ["区划代码", "名称"],
        ["34020301", "北街"],
        ["340203001", "北村"],
        ["3", "x"],
        ["34020302", ""],
    ]

    assert counts(await desk.sends(Kind.DIVISIONS, rows)) == (2, 0, 0, 2)
    assert counts(await desk.sends(Kind.DIVISIONS, rows)) == (0, 0, 2, 2)
    assert dict(desk.site.inventory.division_names())["340203001"] == "北村"


async def test_a_file_without_our_headings_is_refused_whole(desk: Desk) -> None:
    job = await desk.sends(Kind.CHANNELS, [["device_id", "name"], [GATE, "x"]])
    twice = await desk.sends(Kind.DEVICES, [["device_id", "设备编号"], [GATE, GATE]])

    assert (job.state, job.failure, job.read) == (JobState.FAILED, "no_heading", 0)
    assert "channel_id (通道编号)" in job.sentence("en")
    assert twice.failure == "heading_twice"


async def test_a_lost_database_ends_an_import_with_a_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.spreadsheets.importing.TRY_AGAIN_S", 0)
    desk.site.store.is_down = True

    job = await desk.sends(Kind.DEVICES, [["device_id"], [YARD]])

    assert (job.state, job.failure) == (JobState.FAILED, "storage")
    assert job.finished_at is not None


async def test_one_import_runs_at_a_time_and_old_ones_are_forgotten(desk: Desk) -> None:
    async with desk.spreadsheets.file() as first, desk.spreadsheets.file() as second:
        for path in (first, second):
            path.write_bytes(as_csv([["device_id"], [YARD]]))

        async def nothing(_job: ImportJob) -> None: ...

        job = desk.spreadsheets.begin(
            Kind.DEVICES, first, "a.csv", is_trial=False, at_its_end=nothing
        )
        with pytest.raises(ConflictError):
            desk.spreadsheets.begin(
                Kind.DEVICES, second, "b.csv", is_trial=False, at_its_end=nothing
            )
        await desk.spreadsheets.until_over()
    assert desk.spreadsheets.job(job.job_id).added == 1
    with pytest.raises(NotFoundError, match="until the server restarts"):
        desk.spreadsheets.job("0199c1a0-0000-7000-8000-000000000001")


async def test_a_workbook_that_goes_out_has_text_cells_a_fixed_head_and_a_filter(
    desk: Desk,
) -> None:
    await desk.sends(Kind.CHANNELS, [["device_id", "channel_id", "name"], [GATE, CAMERA, "'=1+1"]])
    # A number that a workbook cannot keep to its last digit, and one that is written with an e.
    here = ["device_id", "channel_id", "longitude", "latitude"]
    await desk.sends(Kind.CHANNELS, [here, [GATE, CAMERA, "117.20100000000001", "0.00001"]])
    path, template = desk.folder / "out.xlsx", desk.folder / "template.xlsx"

    await desk.spreadsheets.export(Kind.CHANNELS, None, path, FileFormat.XLSX, "zh")
    await desk.spreadsheets.write_template(Kind.CHANNELS, template, "zh")

    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert [cell.value for cell in sheet[2]][:3] == [GATE, CAMERA, "=1+1"]
    # As text: s, not f for a formula and not n for a number.
    assert [cell.data_type for cell in sheet[2]][:3] == ["s", "s", "s"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:AA3")
    assert sheet["A1"].value == "设备编号"
    empty, explained = openpyxl.load_workbook(template).worksheets
    assert empty.column_dimensions["A"].width > 20
    assert empty["A2000"].value is None
    assert explained.title == "填写说明"
    again = await desk.sends(Kind.CHANNELS, path.read_bytes())
    assert counts(again) == (0, 0, 2, 0)
