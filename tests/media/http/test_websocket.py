"""Frames of RFC 6455 in printed bytes, and what ends a connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.http.request import BadRequestError, Request
from media.http.websocket import WebSocket, binary_frame, handshake, text_frame

HEADERS = {
    "host": "a",
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def request(**changes: str) -> Request:
    """A handshake; underscores in the names of headers stand for hyphens."""
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    return Request("GET", "/x", "/x", {}, HEADERS | changed)


def masked(first: int, payload: bytes) -> bytes:
    """A frame as clients send it, its mask being 1, 2, 3, 4."""
    mask = bytes((1, 2, 3, 4))
    hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes((first, 0x80 | len(payload))) + mask + hidden


def test_the_handshake_is_that_of_the_standard() -> None:
    answer = handshake(request())

    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer


@pytest.mark.parametrize(
    "changes",
    [{"sec_websocket_version": "8"}, {"sec_websocket_key": "short"}, {"connection": "close"}],
)
def test_another_handshake_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(BadRequestError):
        handshake(request(**changes))


def test_frames_of_the_server_are_whole_and_unmasked() -> None:
    assert binary_frame(b"ab") == b"\x82\x02ab"
    assert text_frame("é") == b"\x81\x02\xc3\xa9"
    assert binary_frame(bytes(126))[:4] == b"\x82\x7e\x00\x7e"
    assert binary_frame(bytes(65_535))[:4] == b"\x82\x7e\xff\xff"
    assert binary_frame(bytes(65_536))[:10] == b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"


def test_a_ping_is_answered_whatever_comes_with_it() -> None:
    websocket = WebSocket()

    assert websocket.feed(masked(0x81, b"hello") + masked(0x89, b"x")) == b"\x8a\x01x"
    assert not websocket.is_over


def test_a_close_is_answered_and_ends_it() -> None:
    websocket = WebSocket()

    assert websocket.feed(masked(0x88, b"\x03\xe8")) == b"\x88\x02\x03\xe8"
    assert websocket.is_over
    assert websocket.close(1000, "again") == b""


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x02ab", 1002),
        (masked(0x83, b""), 1002),
        (masked(0xC1, b"a"), 1002),
        (b"\x82\xfe\x10\x01\x01\x02\x03\x04", 1009),
    ],
    ids=["unmasked", "reserved", "compressed", "too large"],
)
def test_a_frame_against_the_rules_ends_it(frame: bytes, code: int) -> None:
    websocket = WebSocket()

    answer = websocket.feed(frame)

    assert answer[0] == 0x88
    assert int.from_bytes(answer[2:4]) == code
    assert websocket.is_over


@given(data=st.binary(max_size=64), cut=st.integers(0, 64))
def test_any_bytes_are_put_up_with(data: bytes, cut: int) -> None:
    websocket = WebSocket()

    websocket.feed(data[:cut])
    websocket.feed(data[cut:])
