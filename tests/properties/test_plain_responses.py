"""The short way of `sip.plain_response` reads what the general way reads, or nothing."""

from hypothesis import event, example, given
from hypothesis import strategies as st

from sip.agent import Agent
from sip.effects import Answered, ClientKey
from sip.headers import Headers
from sip.message import Address, Flow, Request, Response
from sip.parser import parse_message
from sip.plain_response import read_plain_response

FLOW = Flow("UDP", Address("192.0.2.1", 5060), Address("192.0.2.64", 5060))
BRANCH = b"z9hG4bK00ff00ff00ff00ff"

ANSWER = (
    b"SIP/2.0 200 OK\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;received=192.0.2.1;branch=z9hG4bK00ff00ff00ff00ff"
    b"\r\n"
    b"From: <sip:34020000002000000001@3402000000>;tag=ab12\r\n"
    b"To: <sip:34020000001180000001@3402000000>;tag=1525634312\r\n"
    b"Call-ID: 00aa11bb@192.0.2.1\r\n"
    b"CSeq: 1 MESSAGE\r\n"
    b"User-Agent: IP Camera\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)

starts = st.sampled_from(
    [
        b"SIP/2.0 200 OK",
        b"SIP/2.0 100 Trying",
        b"SIP/2.0 403 Forbidden",
        b"SIP/2.0 481 Call/Transaction Does Not Exist",
        b"SIP/2.0 200 ",
        b"SIP/2.0 200 OK ",
        b"SIP/2.0  200 OK",
        b"sip/2.0 200 OK",
        b"SIP/2.0 099 No",
        b"SIP/2.0 200 \xc3\xa9",
    ]
)
vias = st.sampled_from(
    [
        b"SIP/2.0/UDP 192.0.2.1:5060;rport=5060;received=192.0.2.1;branch=" + BRANCH,
        b"SIP/2.0/UDP 192.0.2.1:5060;rport;branch=" + BRANCH,
        b"SIP/2.0/TCP 192.0.2.1;branch=" + BRANCH + b";received=192.0.2.1;rport=9",
        b"SIP/2.0/UDP vms.example:5060;branch=" + BRANCH,
        b"SIP/2.0/UDP 192.0.2.1:70000;branch=" + BRANCH,
        b"SIP/2.0/UDP 192.0.2.1:0;branch=" + BRANCH,
        b"SIP/2.0/UDP 192.0.2.1;branch=" + BRANCH + b";branch=z9hG4bKx",
        b"SIP/2.0/UDP 192.0.2.1;BRANCH=" + BRANCH,
        b"SIP/2.0/UDP 192.0.2.1 ;branch=" + BRANCH,
        b"SIP / 2.0 / UDP 192.0.2.1;branch=" + BRANCH,
        b"SIP/2.0/UDP 192.0.2.1;branch=" + BRANCH + b", SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKy",
        b"SIP/2.0/UDP 192.0.2.1;rport=",
        b"",
    ]
)
cseqs = st.sampled_from(
    [
        b"1 MESSAGE",
        b"2 SUBSCRIBE",
        b"1  MESSAGE",
        b"1 Message",
        b"1 INVITE",
        b"99999999999 MESSAGE",
        b"MESSAGE",
    ]
)
lines = st.sampled_from(
    [
        b"Expires: 3600",
        b"Contact: <sip:34020000001180000001@192.0.2.64:5060>",
        b"User-Agent:   Camera \t",
        b"Server: \xd6\xd0",
        b"Record-Route: <sip:192.0.2.7;lr>",
        b"v: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKx",
        b"CSeq: 2 SUBSCRIBE",
        b"Content-Length: 4",
        b" folded",
        b"no colon",
        b"",
    ]
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """200s as devices write them, and some that only resemble them."""
    head = [
        draw(starts),
        b"Via: " + draw(vias),
        b"From: <sip:34020000002000000001@3402000000>;tag=ab12",
        b"To: <sip:34020000001180000001@3402000000>;tag=1525634312",
        b"Call-ID: 00aa11bb@192.0.2.1",
        b"CSeq: " + draw(cseqs),
        *draw(st.lists(lines, max_size=3)),
        b"Content-Length: 0",
    ]
    if draw(st.booleans()):
        where = draw(st.integers(0, len(head) - 1))
        head.insert(where, head.pop(draw(st.integers(0, len(head) - 1))))
    end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\n"]))
    return end.join(head) + end + end + draw(st.sampled_from([b"", b"", b"body"]))


@given(answers())
@example(ANSWER)
@example(ANSWER.replace(b"Content-Length: 0\r\n", b""))
def test_what_is_read_in_short_is_what_the_parser_reads(data: bytes) -> None:
    plain = read_plain_response(data)
    event("short" if plain else "general")
    if plain is None:
        return

    parsed = parse_message(data)

    assert isinstance(parsed, Response)
    assert plain.response == parsed
    assert list(plain.response.headers.items()) == list(parsed.headers.items())
    assert plain.key == ClientKey(parsed.top_via.branch, parsed.cseq.method)
    assert plain.response.call_id == parsed.call_id


def test_the_usual_answers_are_read_in_short() -> None:
    assert read_plain_response(ANSWER) is not None
    subscribed = ANSWER.replace(b"1 MESSAGE", b"1 SUBSCRIBE").replace(
        b"Content-Length: 0\r\n",
        b"Contact: <sip:34020000001180000001@192.0.2.64:5060>\r\nExpires: 3600\r\n",
    )
    assert read_plain_response(subscribed) is not None
    assert read_plain_response(ANSWER.replace(b"1 MESSAGE", b"1 INVITE")) is None


@given(st.integers(1, 100))
def test_both_ways_answer_the_same_transaction(status: int) -> None:
    """Final or not, known or not: a transaction hears of it once."""
    data = ANSWER.replace(b"200 OK", b"%d Said so" % (status + 99))
    request = Request(
        "MESSAGE", "sip:34020000001180000001@192.0.2.64", Headers([("CSeq", "1 MESSAGE")])
    )
    short, general = (Agent(iter(["00ff00ff00ff00ff"]).__next__) for _ in range(2))
    for agent in (short, general):
        agent.send(request, FLOW, "192.0.2.1:5060", 0.0)
    plain, parsed = read_plain_response(data), parse_message(data)
    assert plain is not None

    for _ in range(2):
        ours = short.receive_plain(plain.key, plain.response, 0.1)
        theirs = general.receive(parsed, FLOW, 0.1)
        assert ours == theirs
        assert all(isinstance(effect, Answered) for effect in ours)
        assert (short.transactions, short.deadline) == (general.transactions, general.deadline)
