"""The short way of `sip.plain` and the general way say and do the same."""

import re

from hypothesis import event, example, given
from hypothesis import strategies as st

from sip.agent import Agent
from sip.effects import Deliver, Send
from sip.errors import ProtocolError
from sip.message import Address, Flow, Request, response_to
from sip.parser import parse_message
from sip.plain import PlainMessages
from sip.timers import LIMIT_S

HERE = Address("192.0.2.1", 5060)
CAMERA = Address("192.0.2.64", 5060)
FLOW = Flow("UDP", HERE, CAMERA)
TAG_OF_TO = re.compile(rb"(\r\nTo: [^\r]*;tag=)[0-9a-z]+(?=\r\n)")

ASKED = (
    b"MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.1.64:5060;rport;branch=z9hG4bK2108523571\r\n"
    b"From: <sip:34020000001180000001@3402000000>;tag=1525634312\r\n"
    b"To: <sip:34020000002000000001@3402000000>\r\n"
    b"Call-ID: 937462516@192.168.1.64\r\n"
    b"CSeq: 20 MESSAGE\r\n"
    b"Content-Type: Application/MANSCDP+xml\r\n"
    b"Max-Forwards: 70\r\n"
    b"User-Agent: IP Camera\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"body"
)
"""As in the standard's example of a keepalive (J.13), but for the body."""

vias = st.sampled_from(
    [
        b"SIP/2.0/UDP 192.168.1.64:5060;rport;branch=z9hG4bK1",
        b"SIP/2.0/UDP 192.0.2.64;branch=z9hG4bK1;rport",
        b"SIP/2.0/UDP 192.0.2.64:5060;branch=z9hG4bK1",
        b"SIP/2.0/TCP 192.168.1.64;branch=z9hG4bK.1-a_b",
        b"SIP/2.0/UDP 192.168.1.64;rport;branch=z9hG4bK1;rport",
        b"SIP/2.0/UDP 192.168.1.64;branch=z9hG4bKreceived",
        b"SIP/2.0/UDP 192.168.1.64;rport=9;branch=z9hG4bK1;received=192.0.2.9",
        b"SIP/2.0/UDP camera.example;branch=z9hG4bK1",
        b"SIP/2.0/UDP 192.168.1.64;branch=1",
        b"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK2",
        b"SIP/2.0/UDP 192.168.1.64:70000;branch=z9hG4bK1",
        b"SIP/2.0/UDP 192.168.1.64:65535;branch=z9hG4bK1",
        b"SIP/2.0/UDP 192.168.1.64:0;branch=z9hG4bK1",
    ]
)
people = st.sampled_from(
    [
        b"<sip:34020000001180000001@3402000000>;tag=1525634312",
        b'"Gate 1" <sip:34020000001180000001@192.168.1.64:5060>;tag=a.b-c',
        b"<sip:34020000001180000001@3402000000>",
        b"sip:34020000001180000001@3402000000;tag=1",
        b'"a;tag=b" <sip:34020000001180000001@3402000000>',
        b"<sip:gate@3402000000>;tag=1",
        b"<sip:34020000001180000001@3402000000:99999>;tag=1",
    ]
)
unusual = st.sampled_from(
    [
        b"Require: gruu",
        b"Max-Forwards: 0",
        b"Max-Forwards: 69",
        b"Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKx",
        b"v: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKx",
        b"To: <sip:1@a>",
        b"Content-Length: 9",
        b"Content-Length: 0",
        b"Contact: <sip:34020000001180000001@192.168.1.64:5060>",
        b"User-Agent:   Kamera \t",
        b" folded",
        b"no colon",
        b"X: \xd6\xd0",
        b"",
    ]
)
changes = st.lists(
    st.one_of(
        st.tuples(st.just(b"Via"), vias),
        st.tuples(st.just(b"From"), people),
        st.tuples(st.just(b"To"), people),
        st.tuples(
            st.just(b"CSeq"), st.sampled_from([b"1 MESSAGE", b"x", b"20 NOTIFY", b"007 MESSAGE"])
        ),
        st.tuples(st.just(b"Call-ID"), st.sampled_from([b"a@b", b"a b", b"<>", b"-._"])),
        st.tuples(st.just(b"+"), unusual),
        st.tuples(st.just(b"swap"), st.integers(1, 8).map(lambda place: b"%d" % place)),
    ),
    max_size=3,
)


def changed(data: bytes, changes: list[tuple[bytes, bytes]]) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for name, value in changes:
        if name == b"+":
            lines.append(value)
        elif name == b"swap":
            place = int(value)
            lines[place], lines[place + 1] = lines[place + 1], lines[place]
        else:
            lines = [
                b"%b: %b" % (name, value) if line.startswith(name + b":") else line
                for line in lines
            ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def in_general(data: bytes, flow: Flow) -> tuple[Request, bytes] | None:
    """What the general way delivers, and what it answers with an empty 200."""
    agent = Agent(lambda: "0123456789abcdef")
    try:
        message = parse_message(data)
        [effect] = agent.receive(message, flow, 0.0)
    except (ProtocolError, ValueError):
        return None
    if not isinstance(effect, Deliver):
        return None
    [answer] = agent.respond(effect.key, response_to(effect.request, 200), 0.0)
    assert isinstance(answer, Send)
    return effect.request, answer.data


class Taker:
    """Takes whatever it is asked, and notes it."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []

    def __call__(self, user: str, body: bytes, flow: Flow) -> bool:
        self.taken.append((user, body))
        return True


def plain(taker: Taker) -> PlainMessages:
    return PlainMessages(taker, lambda call_id: False, lambda flow: True)


@given(changes, st.binary(max_size=8), st.sampled_from([CAMERA, Address("2001:db8::64", 5060)]))
@example([], b"", CAMERA)
def test_what_is_answered_in_short_is_answered_the_same_in_general(
    changes: list[tuple[bytes, bytes]], body: bytes, source: Address
) -> None:
    flow = Flow("UDP", HERE, source)
    data = changed(ASKED.replace(b"Length: 4", b"Length: %d" % len(body))[:-4], changes) + body
    taker = Taker()

    answer = plain(taker).answer(data, flow, 0.0)
    event("in short" if answer else "in general")
    if answer is None:
        assert taker.taken == []
        return
    general = in_general(data, flow)

    assert general is not None
    request, expected = general
    assert request.oddities == ()
    assert TAG_OF_TO.sub(rb"\1", answer) == TAG_OF_TO.sub(rb"\1", expected)
    assert taker.taken == [(request.from_.uri.user, request.body)]


def test_a_message_as_in_the_standard_goes_the_short_way() -> None:
    assert plain(Taker()).answer(ASKED, FLOW, 0.0) is not None


@given(changes)
def test_a_repeated_message_gets_its_answer_again_and_has_no_second_effect(
    changes: list[tuple[bytes, bytes]],
) -> None:
    data = changed(ASKED, changes)
    taker = Taker()
    messages = plain(taker)
    answers = {messages.answer(data, FLOW, at) for at in (0.0, 0.5, 1.5, LIMIT_S - 0.1)}

    assert len(answers) == 1
    assert len(taker.taken) <= 1


def test_after_timer_j_the_same_bytes_are_another_message() -> None:
    taker = Taker()
    messages = plain(taker)
    messages.answer(ASKED, FLOW, 100.0)
    messages.answer(ASKED, FLOW, 100.0 + 2 * LIMIT_S)

    assert len(taker.taken) == 2


def test_the_same_bytes_from_elsewhere_are_another_message() -> None:
    taker = Taker()
    messages = plain(taker)
    messages.answer(ASKED, FLOW, 0.0)
    messages.answer(ASKED, FLOW._replace(remote=Address("192.0.2.65", 5060)), 0.0)

    assert len(taker.taken) == 2


def test_what_went_the_general_way_goes_it_again() -> None:
    asked: list[str] = []
    answers = [False, True]

    def take(user: str, _body: bytes, _flow: Flow) -> bool:
        asked.append(user)
        return answers.pop(0)

    messages = PlainMessages(take, lambda call_id: False, lambda flow: True)

    assert messages.answer(ASKED, FLOW, 0.0) is None
    assert messages.answer(ASKED, FLOW, 0.5) is None
    assert len(asked) == 1


def test_what_belongs_to_a_call_goes_the_general_way() -> None:
    messages = PlainMessages(Taker(), "937462516@192.168.1.64".__eq__, lambda flow: True)

    assert messages.answer(ASKED, FLOW, 0.0) is None
