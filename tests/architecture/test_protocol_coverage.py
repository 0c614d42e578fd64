"""The table of what is covered is what the code and the tests say today, without holes."""

from scripts.protocol_coverage import DOCUMENT, document, empty_cells, reasons_gone


def test_the_table_is_the_one_that_the_code_and_the_tests_give() -> None:
    assert DOCUMENT.read_text() == document(), "make protocol-coverage writes it"


def test_no_cell_is_empty_without_a_reason() -> None:
    assert empty_cells() == []


def test_no_reason_outlives_its_cell() -> None:
    assert reasons_gone() == []
