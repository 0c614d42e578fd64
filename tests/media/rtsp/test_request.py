"""RTSP requests out of bytes cut anyhow, and what is refused."""

import pytest

from media.errors import ProtocolError
from media.rtsp.request import Interleaved, Request, RequestReader, answer_bytes

STREAM = (
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    b"$\x01\x00\x04\x80\xc9\x00\x01"
    b"\r\n"
    b"SET_PARAMETER rtsp://h/live/d/c RTSP/1.0\r\ncseq:  2 \r\nCSeq: 9\r\n"
    b"Content-Length: 5\r\n\r\na: b\n"
    b"$\x00\x00\x00"
)
EXPECTED: list[Request | Interleaved] = [
    Request("OPTIONS", "*", "RTSP/1.0", {"cseq": "1"}, b""),
    Interleaved(1, b"\x80\xc9\x00\x01"),
    Request(
        "SET_PARAMETER",
        "rtsp://h/live/d/c",
        "RTSP/1.0",
        {"cseq": "2", "content-length": "5"},
        b"a: b\n",
    ),
    Interleaved(0, b""),
]


@pytest.mark.parametrize("size", [1, 7, len(STREAM)])
def test_requests_and_frames_are_the_same_however_they_are_cut(size: int) -> None:
    reader = RequestReader()
    found: list[Request | Interleaved] = []
    for at in range(0, len(STREAM), size):
        reader.feed(STREAM[at : at + size])
        while (one := reader.next()) is not None:
            found.append(one)

    assert found == EXPECTED
    assert reader.waiting_bytes == 0


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1 more\r\n\r\n",
        b"OPTIONS rtsp://h/\x00 RTSP/1.0\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\nTwo: 2\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 8193\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\n" + b"a: b\r\n" * 65 + b"\r\n",
        b"O" * 8_192,
    ],
)
def test_what_is_no_request_is_a_protocol_error(data: bytes) -> None:
    reader = RequestReader()
    reader.feed(data)

    with pytest.raises(ProtocolError):
        reader.next()


def test_an_answer_repeats_the_number_and_tells_its_length() -> None:
    assert answer_bytes(454, "7", [("Session", "x")]) == (
        b"RTSP/1.0 454 Session Not Found\r\nCSeq: 7\r\nSession: x\r\n\r\n"
    )
    assert answer_bytes(200, "8", (), b"v=0\r\n", "application/sdp") == (
        b"RTSP/1.0 200 OK\r\nCSeq: 8\r\nContent-Type: application/sdp\r\n"
        b"Content-Length: 5\r\n\r\nv=0\r\n"
    )
