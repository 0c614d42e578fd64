"""503 without a transaction: put together from lines of the request, or not at all."""

from functools import partial

import pytest

from sip.message import Address, Flow
from sip.net import lobby
from sip.net.lobby import Lobby, unavailable
from sip.parser import parse_message
from tests.support.waiting import until

FLOW = Flow("UDP", Address("192.0.2.1", 5060), Address("192.0.2.7", 40_000))
REGISTER = (
    b"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.7:5060;rport;branch=z9hG4bK1371463273\r\n"
    b"From: <sip:34020000001320000001@3402000000>;tag=2043466181\r\n"
    b"To: <sip:34020000001320000001@3402000000>\r\n"
    b"Call-ID: 1011047669\r\n"
    b"CSeq: 1 REGISTER\r\n"
    b"Contact: <sip:34020000001320000001@10.0.0.7:5060>\r\n"
    b"Max-Forwards: 70\r\n"
    b"Expires: 3600\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def test_the_answer_goes_back_along_the_road_of_its_request() -> None:
    assert unavailable(REGISTER, FLOW, 0x1234, 37) == (
        b"SIP/2.0 503 Service Unavailable\r\n"
        b"Via: SIP/2.0/UDP 10.0.0.7:5060;rport=40000;received=192.0.2.7"
        b";branch=z9hG4bK1371463273\r\n"
        b"From: <sip:34020000001320000001@3402000000>;tag=2043466181\r\n"
        b"To: <sip:34020000001320000001@3402000000>;tag=0000000000001234\r\n"
        b"Call-ID: 1011047669\r\n"
        b"CSeq: 1 REGISTER\r\n"
        b"Retry-After: 37\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("plain", "odd"),
    [
        (b"Via:", b"v:"),
        (b"From:", b"FROM :"),
        (b"Call-ID:", b"i:"),
        (b";rport", b""),
        (b";rport;branch=z9hG4bK1371463273", b";branch=z9hG4bK1371463273;rport"),
    ],
)
def test_other_spellings_are_answered_alike(plain: bytes, odd: bytes) -> None:
    answer = unavailable(REGISTER.replace(plain, odd), FLOW, 1, 5)

    assert answer is not None
    headers = parse_message(answer).headers
    assert headers.get("Retry-After") == "5"
    assert headers.get("Call-ID") == "1011047669"
    assert "received=192.0.2.7" in (headers.get("Via") or "")


@pytest.mark.parametrize(
    ("plain", "odd"),
    [
        (b"Via: ", b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK9\r\nVia: "),
        (b"Via: ", b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK9, "),
        (b"To: ", b"To:\r\n "),
        (b"Call-ID: ", b"Call-Id-: "),
        (b"CSeq: 1 REGISTER\r\n", b"CSeq: 1 REGISTER\r\nCSeq: 2 REGISTER\r\n"),
        (b"From: ", b"From: " + b" " * 600),
    ],
)
def test_what_is_written_oddly_is_left_to_those_who_take_it_apart(plain: bytes, odd: bytes) -> None:
    assert unavailable(REGISTER.replace(plain, odd), FLOW, 1, 5) is None


def test_the_body_is_not_taken_for_headers() -> None:
    assert unavailable(REGISTER + b"Via: SIP/2.0/UDP 192.0.2.9\r\n", FLOW, 1, 5) is not None


def test_an_answer_is_no_longer_than_a_reflector_would_like() -> None:
    answer = unavailable(REGISTER, FLOW, 1, 60)

    assert answer is not None
    assert len(answer) < len(REGISTER)


class Closed:
    """Nobody may begin, and nobody is sent away."""

    def may_begin(self) -> bool:
        return False

    def retry_after_s(self, datagram: bytes, waiting: int, waited_s: float) -> int:
        return 0


def closed_lobby() -> Lobby:
    return Lobby(
        Closed(),
        now=lambda: 0.0,
        is_heard=lambda _data, _flow: True,
        deliver=lambda _data, _flow: None,
        send_away=lambda _request, _answer, _flow: None,
    )


async def test_what_finds_no_room_is_counted_and_large_ones_take_more_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lobby, "ROOM", 2)
    monkeypatch.setattr(lobby, "ROOM_BYTES", 5 * len(REGISTER))
    waiting = closed_lobby()
    proof = REGISTER.replace(b"Expires", b"Authorization: Digest x\r\nExpires")

    def found_no_room(kind: str) -> bool:
        return waiting.given_up[kind] == 1

    for request, kind in ((REGISTER, "without"), (proof, "with")):
        for number in range(3):
            assert waiting.takes(request.replace(b"CSeq: 1", b"CSeq: %d" % number), FLOW)
        await until(partial(found_no_room, kind))

    assert len(waiting) == 4
    assert waiting.given_up == {"with": 1, "without": 1}
    large = closed_lobby()
    assert large.takes(REGISTER + b"x" * 4 * len(REGISTER), FLOW)
    assert large.takes(proof, FLOW)
    assert (len(large), large.given_up) == (1, {"with": 1, "without": 0})
    waiting.close()
    large.close()


async def test_what_comes_faster_than_it_can_be_read_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lobby, "UNREAD", 2)
    waiting = closed_lobby()

    for number in range(3):
        assert waiting.takes(REGISTER.replace(b"CSeq: 1", b"CSeq: %d" % number), FLOW)

    assert len(waiting) == 2
    assert waiting.given_up == {"with": 0, "without": 1}
    waiting.close()


async def test_what_is_no_register_goes_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lobby, "UNREAD", 0)

    assert not closed_lobby().takes(REGISTER.replace(b"REGISTER sip", b"MESSAGE sip"), FLOW)
