"""Cutting messages out of a TCP stream."""

import re

import pytest

from sip import stream
from sip.errors import ProtocolError
from sip.stream import MAX_JUNK_BYTES, TRUSTED_LIMIT_BYTES, StreamFramer


def notify(body: bytes, length: int | None = None, number: int = 1) -> bytes:
    declared = len(body) if length is None else length
    return (
        b"MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\n"
        b"CSeq: %d MESSAGE\r\nContent-Type: Application/MANSCDP+xml\r\n"
        b"Content-Length: %d\r\n\r\n" % (number, declared)
    ) + body


BODY = b"<Notify>\r\n<SN>1</SN>\r\n</Notify>\r\n"
NEXT = notify(b"<Query>2</Query>", number=2)


def test_several_messages_in_one_segment_come_apart() -> None:
    assert StreamFramer().feed(notify(BODY) + NEXT) == [notify(BODY), NEXT]


def test_one_message_in_many_segments_comes_together() -> None:
    framer = StreamFramer()
    frames = [frame for byte in notify(BODY) for frame in framer.feed(bytes([byte]))]

    assert frames == [notify(BODY)]
    assert framer.pending_bytes == 0


def test_keep_alives_between_messages_are_skipped() -> None:
    stream = b"\r\n\r\n" + notify(BODY) + b"\r\n\r\n\0\0" + NEXT + b"\r\n"

    assert StreamFramer().feed(stream) == [notify(BODY), NEXT]


def test_line_feeds_alone_end_lines_too() -> None:
    first = notify(BODY).replace(b"\r\n", b"\n", 4)

    assert StreamFramer().feed(first + NEXT) == [first, NEXT]


def test_the_compact_length_counts() -> None:
    first = notify(BODY).replace(b"Content-Length", b"l")

    assert StreamFramer().feed(first + NEXT) == [first, NEXT]


@pytest.mark.parametrize("declared", [0, 3, len(BODY) - 5])
def test_a_body_counted_too_short_is_taken_up_to_its_root_s_end(declared: int) -> None:
    frames = StreamFramer().feed(notify(BODY, declared) + NEXT)

    if declared == 0:
        # Nothing says that there is a body, so it is junk between two messages.
        assert frames == [notify(b"", 0), NEXT]
    else:
        assert frames == [notify(BODY, declared).rstrip(), NEXT]


def test_a_count_that_ends_before_the_root_s_name_holds_however_the_stream_is_cut() -> None:
    # Found by the fuzzer: the name was taken into account when it had come along, and only then.
    head = b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length:3\r9\n\r\n"
    declared, rest = b"\r\n<", b"Nsip:fy/>"
    cut = StreamFramer()

    assert StreamFramer().feed(head + declared + rest) == [head + declared]
    assert [cut.feed(head + declared), cut.feed(rest)] == [[head + declared], []]


def test_a_body_counted_too_long_gives_the_next_message_back() -> None:
    frames = StreamFramer().feed(notify(BODY, len(BODY) + 7) + NEXT)

    assert frames == [notify(BODY, len(BODY) + 7).rstrip(), NEXT]


def test_without_a_length_the_root_s_end_or_the_next_start_line_ends_the_body() -> None:
    xml = notify(BODY).replace(b"Content-Length", b"X-Length")
    sdp = notify(b"v=0\r\n").replace(b"Content-Length", b"X-Length")
    bare = b"SIP/2.0 200 OK\r\nCSeq: 1 MESSAGE\r\n\r\n"

    assert StreamFramer().feed(xml) == [xml.rstrip()]
    assert StreamFramer().feed(sdp + NEXT) == [sdp, NEXT]
    assert StreamFramer().feed(bare) == [bare]


def test_a_body_that_never_closes_its_root_is_taken_as_declared() -> None:
    broken = notify(b"<Notify><SN>1</SN>")

    assert StreamFramer().feed(broken + NEXT) == [broken, NEXT]


@pytest.mark.parametrize("end", [b"</Notify >", b"</notify>", b""])
def test_a_body_that_closes_its_root_oddly_is_whole_when_nothing_follows(end: bytes) -> None:
    odd = notify(b"<Notify><SN>1</SN>" + end)
    framer = StreamFramer()

    assert framer.feed(odd[:-1]) == []
    assert (framer.is_whole_as_declared, framer.take_as_declared()) == (False, [])
    assert framer.feed(odd[-1:]) == []
    assert framer.is_whole_as_declared
    assert framer.take_as_declared() == [odd]
    assert framer.pending_bytes == 0
    assert framer.feed(NEXT) == [NEXT]


def test_the_tail_of_a_miscounted_body_glued_to_the_next_message_is_dropped() -> None:
    assert StreamFramer().feed(notify(b"ab>", 2) + NEXT) == [notify(b"ab"), NEXT]


@pytest.mark.parametrize("limit_bytes", [1_000, 65_536])
def test_a_message_beyond_the_limit_is_refused_before_it_is_stored(limit_bytes: int) -> None:
    framer = StreamFramer(limit_bytes)

    with pytest.raises(ProtocolError):
        framer.feed(notify(b"", limit_bytes + 1))


def test_a_large_catalogue_of_a_trusted_peer_comes_through() -> None:
    body = b"<Response>" + b"x" * (TRUSTED_LIMIT_BYTES - 1_000) + b"</Response>"
    framer = StreamFramer(TRUSTED_LIMIT_BYTES)
    stream = notify(body)
    frames: list[bytes] = []
    for start in range(0, len(stream), 65_536):
        frames += framer.feed(stream[start : start + 65_536])

    assert frames == [stream]


@pytest.mark.parametrize(
    "junk",
    [
        b"x" * 9_000,
        b"x\r\n" * MAX_JUNK_BYTES,
        b"MESSAGE sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 20_000,
        b"GET / HTTP/1.1\r\n" * 1_000,
    ],
)
def test_a_peer_that_does_not_speak_sip_is_refused(junk: bytes) -> None:
    with pytest.raises(ProtocolError):
        StreamFramer().feed(junk)


class CountingPattern:
    """A regular expression, and over how many bytes it was let loose."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self.pattern = pattern
        self.looked_at = 0

    def search(self, data: bytes, start: int, end: int) -> re.Match[bytes] | None:
        self.looked_at += min(end, len(data)) - start
        return self.pattern.search(data, start, end)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("drop", [b"x", b"x\n"])
def test_a_peer_that_sends_drop_by_drop_does_not_have_everything_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, drop: bytes, *, length: bool
) -> None:
    looking = CountingPattern(stream.NEXT_START)
    body = b"<Notify>" + b"x" * 50_000
    head = notify(body) if length else notify(body).replace(b"Content-Length", b"X")
    framer = StreamFramer()
    framer.feed(head)
    monkeypatch.setattr(stream, "NEXT_START", looking)

    drops = 1_000
    for _ in range(drops):
        assert framer.feed(drop) == []

    assert looking.looked_at <= len(head) + drops * len(drop)
