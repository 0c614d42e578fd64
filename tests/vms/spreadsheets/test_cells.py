"""What Excel does to IDs is seen, and what could become a formula does not."""

import csv
import io

import pytest

from vms.spreadsheets.cells import CellError, for_csv, looks_cut, read_id, said
from vms.spreadsheets.unpacking import Cell


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (3.402000000132e19, "id_number"),
        (34020000001320000001, "id_number"),
        ("3.402E+19", "id_scientific"),
        ("3.402e19", "id_scientific"),
        ("3E+19", "id_scientific"),
        ("340200000013200000011", "wrong_value"),
        ("3402-0000", "wrong_value"),
        ("３４０２", "wrong_value"),
        (True, "wrong_value"),
    ],
)
def test_an_id_that_excel_took_for_a_number_is_refused(cell: Cell, code: str) -> None:
    with pytest.raises(CellError) as refused:
        read_id(cell, said(cell, from_csv=False))

    assert refused.value.code == code


@pytest.mark.parametrize(
    "cell",
    [
        "34020000001320000001",
        " 34020000001320000001\t",
        "'34020000001320000001",
        '="34020000001320000001"',
    ],
)
def test_the_ways_in_which_people_keep_an_id_a_text_are_understood(cell: str) -> None:
    assert read_id(cell, said(cell, from_csv=True)) == "34020000001320000001"


def test_a_short_code_may_be_a_number() -> None:
    assert read_id(340203.0, said(340203.0, from_csv=False)) == "340203"


def test_only_zeros_behind_the_fifteenth_digit_look_cut() -> None:
    assert looks_cut("34020000001320000000")
    assert not looks_cut("34020000001320000010")
    assert not looks_cut("340200000013200000")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("'quoted", "''quoted"),
        ("34020000001320000001", "34020000001320000001\t"),
        ("007", "007\t"),
        ("North gate", "North gate"),
        (-12.5, "-12.5"),
    ],
)
def test_a_text_in_a_csv_is_no_formula_and_comes_back_as_it_was(
    text: str | float, written: str
) -> None:
    cell = for_csv(text)
    stream = io.StringIO()
    csv.writer(stream).writerow([cell])
    [[read]] = csv.reader([stream.getvalue()])

    assert cell == written
    assert said(read, from_csv=True) == str(text)
