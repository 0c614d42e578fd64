"""Requests out of bytes: what is taken, what is refused, and that cutting changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.http.request import HEAD_LIMIT_BYTES, BadRequestError, Request, RequestReader

GET = b"GET /live/a/b.flv?token=x%20y&token=z&video=h264 HTTP/1.1\r\nHost: a\r\nX-Y: 1\r\n\r\n"


def refused(data: bytes) -> int:
    """The status with which the bytes are refused."""
    try:
        read(data)
    except BadRequestError as error:
        return error.status
    return 0


def read(data: bytes) -> Request | None:
    """The request that the bytes begin with."""
    reader = RequestReader()
    reader.feed(data)
    return reader.next()


def test_a_request_is_read_with_its_query_and_headers() -> None:
    reader = RequestReader()
    reader.feed(GET)

    request = reader.next()

    assert request is not None
    assert (request.method, request.path) == ("GET", "/live/a/b.flv")
    assert request.query == {"token": "z", "video": "h264"}
    assert request.headers == {"host": "a", "x-y": "1"}
    assert not request.wants_websocket


@given(cuts=st.lists(st.integers(0, len(GET)), max_size=6))
def test_however_a_request_is_cut_it_is_the_same(cuts: list[int]) -> None:
    reader = RequestReader()
    found: list[Request | None] = []
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(GET)], strict=True):
        reader.feed(GET[begin:end])
        found.append(reader.next())

    assert [request.path for request in found if request] == ["/live/a/b.flv"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n", 400),
        (b"GET /?" + b"a=1&" * 20 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + bytes([0x61]) * HEAD_LIMIT_BYTES, 431),
        (b"G" * (2 * HEAD_LIMIT_BYTES + 1), 431),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_request_for_media_is_refused(data: bytes, status: int) -> None:
    assert refused(data) == status


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert refused(data) in {0, 400, 405, 431, 501}


def test_requests_that_come_together_are_answered_one_by_one() -> None:
    reader = RequestReader()
    reader.feed(GET + b"HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n")

    first = reader.next()
    waiting = reader.next()
    answer = reader.answer(200, [("Content-Type", "text/plain")], b"abc")
    second = reader.next()
    bodiless = reader.answer(200, [], b"abcd", is_last=True)

    assert (first and first.path, waiting, second and second.path) == ("/live/a/b.flv", None, "/2")
    assert answer == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert bodiless == b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
    assert not reader.keeps_open
