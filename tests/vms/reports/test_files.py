"""The files of a circular, read by libraries that did not write them."""

import io
import zipfile
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from pypdf import PdfReader

from tests.vms.reports.circulars import a_circular
from vms.reports import document, workbook
from vms.reports.wording import Wording, hours, percent, points

ZH = Wording("zh", ZoneInfo("Asia/Shanghai"))
EN = Wording("en", ZoneInfo("Asia/Shanghai"))


def test_the_workbook_has_a_sheet_for_each_part_in_the_language_asked_for() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook.bytes_of(a_circular(), ZH)))
    english = openpyxl.load_workbook(io.BytesIO(workbook.bytes_of(a_circular(), EN)))

    assert book.sheetnames == [
        "总体情况",
        "排名",
        "逐日",
        "未达标单位",
        "故障",
        "剔除",
        "离线最久的点位",
        "点位明细",
        "统计口径",
    ]
    assert english.sheetnames[1] == "Ranking"


def test_ids_are_text_and_rates_are_numbers_that_can_be_reckoned_with() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook.bytes_of(a_circular(), ZH)))
    cameras, ranking = book["点位明细"], book["排名"]

    assert cameras["A2"].value == "34020000001180000001"
    assert cameras["B2"].value == "34020000001320000000"
    assert cameras["A2"].data_type == "s"
    assert [ranking.cell(2, column).value for column in (1, 2, 3)] == [1, "镜湖区", "340202"]
    # 10 cameras for four days, 3,600 s of it offline
    assert ranking["H2"].value == pytest.approx(3_452_400 / 3_456_000)
    assert ranking["H2"].number_format == "0.00%"
    assert ranking["A4"].value == "\N{EN DASH}"


def test_a_camera_that_calls_itself_a_formula_stays_text() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook.bytes_of(a_circular(), ZH)))
    cell = book["点位明细"]["C2"]

    assert (cell.value, cell.data_type) == ('=HYPERLINK("x")', "s")


def test_the_workbook_carries_charts_that_point_at_its_own_cells() -> None:
    with zipfile.ZipFile(io.BytesIO(workbook.bytes_of(a_circular(), ZH))) as packed:
        charts = [name for name in packed.namelist() if name.startswith("xl/charts/chart")]
        first = packed.read(charts[0]).decode()

    assert len(charts) == 2
    assert "排名!$H$2:$H$4" in first.replace("'", "")


def test_the_printed_circular_holds_its_words_figures_and_hash() -> None:
    printed = document.bytes_of(a_circular(), ZH)
    reader = PdfReader(io.BytesIO(printed))
    text = "".join(page.extract_text() for page in reader.pages)

    for words in ("视频监控在线率通报", "示范市视频办", "镜湖区", "89.99%", "录像机断电", "示视办"):
        assert words in text
    assert "ab" * 32 in reader.pages[0].extract_text()
    assert b"/FontFile2" in printed


@pytest.mark.parametrize("bytes_of", [workbook.bytes_of, document.bytes_of])
def test_the_same_circular_makes_the_same_bytes(bytes_of: object) -> None:
    assert callable(bytes_of)
    assert bytes_of(a_circular(), EN) == bytes_of(a_circular(), EN)


def test_rates_are_cut_not_rounded_up_to_a_target() -> None:
    assert percent(0.899999) == "89.99%"
    assert percent(0.29) == "29.00%"
    assert percent(1.0) == "100.00%"
    assert percent(None) == "\N{EN DASH}"
    assert points(-0.0123) == "-1.23"
    assert hours(5_400) == "1.5"
