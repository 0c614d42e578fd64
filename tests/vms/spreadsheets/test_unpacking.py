"""Files as people send them, and as nobody should: opened in a process of its own."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from vms.spreadsheets.reading import Sheet, unpacked
from vms.spreadsheets.unpacking import MOST_COLUMNS, UnpackError

GB18030 = (
    # 设备编号,名称 / 34020000001180000001,北门录像机
    b"\xc9\xe8\xb1\xb8\xb1\xe0\xba\xc5,\xc3\xfb\xb3\xc6\r\n"
    b"34020000001180000001,\xb1\xb1\xc3\xc5\xc2\xbc\xcf\xf1\xbb\xfa\r\n"
)
UTF_8 = (
    b"\xe8\xae\xbe\xe5\xa4\x87\xe7\xbc\x96\xe5\x8f\xb7,\xe5\x90\x8d\xe7\xa7\xb0\n"
    b"34020000001180000001,\xe5\x8c\x97\xe9\x97\xa8\xe5\xbd\x95\xe5\x83\x8f\xe6\x9c\xba\n"
)
ROWS = [(1, ["设备编号", "名称"]), (2, ["34020000001180000001", "北门录像机"])]


async def unpack(folder: Path, data: bytes) -> Sheet:
    file = folder / "sent"
    file.write_bytes(data)
    return await unpacked(file, folder / "lines")


def rows_of(sheet: Sheet) -> list[tuple[int, list[object]]]:
    return [(row.number, list(row.cells)) for row in sheet.rows()]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (GB18030, "gb18030"),
        (UTF_8, "utf-8"),
        (b"\xef\xbb\xbf" + UTF_8, "utf-8-sig"),
        (UTF_8.replace(b",", b";"), "utf-8"),
        (UTF_8.replace(b",", b"\t"), "utf-8"),
        (UTF_8.decode().encode("utf-16"), "utf-16"),
    ],
)
async def test_encoding_and_delimiter_of_a_csv_are_seen_by_its_bytes(
    tmp_path: Path, data: bytes, encoding: str
) -> None:
    sheet = await unpack(tmp_path, data)

    assert (sheet.is_csv, sheet.encoding, rows_of(sheet)) == (True, encoding, ROWS)


async def test_a_workbook_gives_its_first_shown_sheet_with_the_numbers_that_excel_shows(
    tmp_path: Path,
) -> None:
    book = openpyxl.Workbook()
    hidden, shown = book.worksheets[0], book.create_sheet("点位")
    hidden.append(["not this one"])
    hidden.sheet_state = "hidden"
    book.active = 1
    shown["B3"] = "34020000001320000001"
    shown["C3"] = 34020000001320000001
    shown["D3"] = "=1+1"
    shown["B7"] = 117.25
    to = io.BytesIO()
    book.save(to)

    sheet = await unpack(tmp_path, to.getvalue())

    assert (sheet.is_csv, sheet.name) == (False, "点位")
    # A formula that no program has calculated has no value.
    assert rows_of(sheet) == [
        (3, [None, "34020000001320000001", 3.402000000132e19]),
        (7, [None, 117.25]),
    ]


def with_far_corners() -> bytes:
    """Five kilobytes that claim a table of seventeen thousand million cells."""
    book = openpyxl.Workbook()
    book.worksheets[0]["A1"] = 1
    book.worksheets[0]["XFD1048576"] = 2
    to = io.BytesIO()
    book.save(to)
    return to.getvalue()


def swollen() -> bytes:
    """Half a megabyte that unpacks to 520 MiB."""
    to = io.BytesIO()
    zeros = b"\0" * 2**20
    with (
        zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as book,
        book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(520):
            part.write(zeros)
    return to.getvalue()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: b"", "file_empty"),
        (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "format_unknown"),
        (lambda: b"PK\x03\x04 and then nothing of the kind", "workbook_damaged"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 nor here", "workbook_damaged"),
        (swollen, "unpacks_too_large"),
        (with_far_corners, "unreadable"),
        (lambda: b"device_id\n" + b"1\n" * 200_003, "too_many_rows"),
        (lambda: b"device_id\n" + b"1," * MOST_COLUMNS + b"1\n", "too_many_columns"),
        (lambda: b'device_id\n"' + b"1" * 100_000 + b"\n", "csv_damaged"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_its_reason(
    tmp_path: Path, make: Callable[[], bytes], code: str
) -> None:
    with pytest.raises(UnpackError) as refused:
        await unpack(tmp_path, make())

    assert refused.value.code == code
