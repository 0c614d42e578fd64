"""Header text before it is kept, shown or logged."""

import pytest

from vms.signalling.header_text import LONGEST_TEXT, readable


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"Embedded NVR/4.0", "Embedded NVR/4.0"),
        ("摄像机".encode(), "摄像机"),
        ("摄像机".encode("gb18030"), "摄像机"),
        (b"A\x00B\x1b[31m", "A\ufffdB\ufffd[31m"),
        (b"\xff\xff", "\ufffd\ufffd"),
        (b"x" * 10_000, "x" * LONGEST_TEXT),
        (b"", ""),
    ],
)
def test_bytes_of_any_kind_become_printable_text_of_bounded_length(
    octets: bytes, text: str
) -> None:
    as_the_parser_has_it = octets.decode("utf-8", "surrogateescape")

    assert readable(as_the_parser_has_it) == text
    assert readable(text) == text


def test_an_absent_header_is_empty() -> None:
    assert readable(None) == ""
