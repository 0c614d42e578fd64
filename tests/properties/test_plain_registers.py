"""The short way of `sip.plain_register` and the general way read and say the same."""

import re

from hypothesis import event, example, given
from hypothesis import strategies as st

from sip.agent import Agent
from sip.effects import Deliver, Send
from sip.errors import ProtocolError
from sip.message import Address, Flow, Request, response_to
from sip.oddities import oddities_of
from sip.parser import parse_message
from sip.plain_register import PlainRegister, PlainRegisters
from sip.timers import LIMIT_S

HERE = Address("192.0.2.1", 5060)
CAMERA = Address("192.0.2.64", 5060)
FLOW = Flow("UDP", HERE, CAMERA)
TAG_OF_TO = re.compile(rb"(\r\nTo: [^\r]*;tag=)[0-9a-z]+(?=\r\n)")
SAID = [("Contact", "<sip:34020000001320000001@192.168.1.64:5060>"), ("Expires", "3600")]

ASKED = (
    b"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.1.64:5060;rport;branch=z9hG4bK1371463273\r\n"
    b"From: <sip:34020000001320000001@3402000000>;tag=2043466181\r\n"
    b"To: <sip:34020000001320000001@3402000000>\r\n"
    b"Call-ID: 1011047669@192.168.1.64\r\n"
    b"CSeq: 2 REGISTER\r\n"
    b"Contact: <sip:34020000001320000001@192.168.1.64:5060>\r\n"
    b'Authorization: Digest username="34020000001320000001", realm="3402000000", nonce="6fe9ba44",'
    b' uri="sip:34020000002000000001@3402000000", response="f7422de107fdd2a3be7b7ee1c0e6d0a4",'
    b" algorithm=MD5\r\n"
    b"Max-Forwards: 70\r\n"
    b"User-Agent: IP Camera\r\n"
    b"Expires: 3600\r\n"
    b"X-GB-Ver: 3.0\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)
LINES = ASKED.count(b"\n") - 1

values = {
    b"Via": st.sampled_from(
        [
            b"SIP/2.0/UDP 192.0.2.64;branch=z9hG4bK1;rport",
            b"SIP/2.0/UDP 192.0.2.64:5060;branch=z9hG4bK1",
            b"SIP/2.0/UDP 192.168.1.64;rport;branch=z9hG4bK1;rport",
            b"SIP/2.0/UDP 192.168.1.64;rport;branch=z9hG4bKreceived",
            b"SIP/2.0/UDP 192.168.1.64;rport=9;branch=z9hG4bK1",
            b"SIP/2.0/TCP 192.168.1.64;rport;branch=z9hG4bK1",
            b"SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK2",
            b"SIP/2.0/UDP 192.168.1.64:70000;rport;branch=z9hG4bK1",
            b"SIP/2.0/UDP 192.168.1.64:65535;rport;branch=z9hG4bK1",
            b"SIP/2.0/UDP 192.168.1.64:0;rport;branch=z9hG4bK1",
        ]
    ),
    b"From": st.sampled_from(
        [
            b'"Gate 1" <sip:34020000001320000001@192.168.1.64:5060>;tag=a.b-c',
            b"<sip:34020000001320000001@3402000000>",
            b"sip:34020000001320000001@3402000000;tag=1",
            b"<sip:gate@3402000000>;tag=1",
            b"<sip:34020000001320000001@3402000000:99999>;tag=1",
        ]
    ),
    b"To": st.sampled_from(
        [
            b"<sip:34020000001320000009@3402000000>",
            b"<sip:34020000001320000001@3402000000>;tag=1",
            b'"tag=" <sip:34020000001320000001@3402000000>',
        ]
    ),
    b"CSeq": st.sampled_from([b"1 MESSAGE", b"x", b"007 REGISTER", b"4294967296 REGISTER"]),
    b"Call-ID": st.sampled_from([b"a@b", b"a b", b"<>", b"-._", b"x" * 256]),
    b"Contact": st.sampled_from(
        [b"*", b"<sip:a@b>;expires=60", b"sip:a@b", b"<sip:a@b>, <sip:c@d>", b"<sip:1@a-b.c:5>"]
    ),
    b"Authorization": st.sampled_from(
        [b"Basic x", b"Digest", b"Digest a=b,  c", b"\xd6\xd0", b"x "]
    ),
    b"User-Agent": st.sampled_from([b"  Kamera \t", b"\xe6\x91\x84", b"", b"x" * 300, b"a  b"]),
    b"Expires": st.sampled_from([b"0", b"007", b"-1", b"x", b"", b"99999999999"]),
    b"X-GB-Ver": st.sampled_from([b"2.0", b"", b"x"]),
    b"Content-Length": st.sampled_from([b"1", b"00", b"x"]),
}
more = st.sampled_from(
    [
        b"Require: gruu",
        b"Max-Forwards: 0",
        b"Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKx",
        b"t: <sip:1@a>",
        b"Expires: 60",
        b"m: <sip:a@b>",
        b"Supported: path",
        b" folded",
        b"no colon",
        b"",
    ]
)
changes = st.lists(
    st.one_of(
        *(st.tuples(st.just(name), each) for name, each in values.items()),
        st.tuples(st.just(b"+"), more),
        st.tuples(st.just(b"-"), st.integers(1, LINES - 1).map(lambda place: b"%d" % place)),
        st.tuples(st.just(b"swap"), st.integers(1, LINES - 2).map(lambda place: b"%d" % place)),
    ),
    max_size=3,
)


def changed(data: bytes, changes: list[tuple[bytes, bytes]]) -> bytes:
    lines = data[:-4].split(b"\r\n")
    for name, value in changes:
        if name == b"+":
            lines.append(value)
        elif name == b"-":
            del lines[min(int(value), len(lines) - 1)]
        elif name == b"swap":
            place = min(int(value), len(lines) - 2)
            lines[place], lines[place + 1] = lines[place + 1], lines[place]
        else:
            lines = [
                b"%b: %b" % (name, value) if line.startswith(name + b":") else line
                for line in lines
            ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def in_general(data: bytes, flow: Flow) -> tuple[Request, bytes] | None:
    """What the general way delivers, and a 200 that it sends."""
    agent = Agent(lambda: "0123456789abcdef")
    try:
        message = parse_message(data)
        [effect] = agent.receive(message, flow, 0.0)
    except (ProtocolError, ValueError):
        return None
    if not isinstance(effect, Deliver):
        return None
    made = response_to(effect.request, 200, headers=SAID)
    [answer] = agent.respond(effect.key, made, 0.0)
    assert isinstance(answer, Send)
    return effect.request, answer.data


class Town:
    """Takes what comes, answers when told to, and keeps what is sent."""

    def __init__(self, *, trusts: bool = True) -> None:
        self.taken: list[PlainRegister] = []
        self.heard = 0
        self.sent: list[bytes] = []
        self.registers = PlainRegisters(
            self.taken.append, lambda flow: trusts, self._hear, self._send
        )

    def _hear(self, data: bytes, flow: Flow) -> None:
        self.heard += 1

    def _send(self, answer: bytes, flow: Flow, request_bytes: int) -> None:
        self.sent.append(answer)


@given(changes, st.sampled_from([CAMERA, Address("2001:db8::64", 5060)]))
@example([], CAMERA)
@example([(b"-", b"7")], CAMERA)
def test_what_is_read_and_answered_in_short_is_so_in_general(
    changes: list[tuple[bytes, bytes]], source: Address
) -> None:
    flow = Flow("UDP", HERE, source)
    data = changed(ASKED, changes)
    town = Town()
    is_taken = town.registers.takes(data, flow, 0.0)
    event("in short" if is_taken else "in general")
    if not is_taken:
        assert not town.taken
        assert not town.heard
        assert changes  # the usual one always is
        return
    [register] = town.taken
    register.respond(200, None, SAID)

    general = in_general(data, flow)
    assert general is not None
    request, answer = general
    assert (
        register.uri,
        register.user,
        register.to_user,
        register.call_id,
        register.contact,
        register.authorization,
        register.user_agent,
        register.version,
        register.expires_s,
        register.received_bytes,
    ) == (
        request.uri,
        request.from_.uri.user,
        request.to.uri.user,
        request.call_id,
        request.headers.get("Contact"),
        request.headers.get("Authorization"),
        request.headers.get("User-Agent"),
        request.headers.get("X-GB-Ver"),
        request.expires,
        request.received_bytes,
    )
    assert request.literal_method == "REGISTER"
    assert oddities_of(request) == ()
    assert TAG_OF_TO.sub(rb"\1", town.sent[0]) == TAG_OF_TO.sub(rb"\1", answer)
    size = register.size_of(200, None, SAID)
    assert size == response_to(request, 200, headers=SAID).size


def test_a_copy_of_what_is_under_way_is_dropped_and_one_of_what_was_answered_gets_the_same() -> (
    None
):
    town = Town()
    for _ in range(2):
        assert town.registers.takes(ASKED, FLOW, 0.0)
    assert town.registers.under_way == 1
    assert not town.sent

    town.taken[0].respond(200, None, SAID)
    town.taken[0].respond(500, None, ())
    assert town.registers.takes(ASKED, FLOW, LIMIT_S - 1)

    assert len(town.taken) == 1
    assert town.heard == 3
    assert len(town.sent) == 2
    assert town.sent[0] == town.sent[1]
    assert town.registers.absorbed == 2


def test_a_stranger_that_repeats_itself_is_heard_anew() -> None:
    town = Town(trusts=False)
    for _ in range(2):
        assert town.registers.takes(ASKED, FLOW, 0.0)
        town.taken[-1].respond(401, None, ())

    assert len(town.taken) == 2


def test_a_stranger_that_was_let_in_gets_the_same_answer_again() -> None:
    town = Town(trusts=False)
    for _ in range(2):
        assert town.registers.takes(ASKED, FLOW, 0.0)
        town.taken[-1].respond(200, None, SAID)

    assert len(town.taken) == 1
    assert len(town.sent) == 2
    assert town.sent[0] == town.sent[1]


def test_an_answer_is_forgotten_as_a_transaction_is() -> None:
    town = Town()
    for now in (0.0, 2 * LIMIT_S + 1):
        assert town.registers.takes(ASKED, FLOW, now)
        town.taken[-1].respond(200, None, SAID)

    assert len(town.taken) == 2


def test_answers_are_forgotten_though_nobody_registers_any_more() -> None:
    town = Town()
    assert town.registers.takes(ASKED, FLOW, LIMIT_S)
    town.taken[0].respond(200, None, SAID)

    assert town.registers.forget(2 * LIMIT_S)
    assert town.registers.takes(ASKED, FLOW, 2 * LIMIT_S + 1)
    assert len(town.taken) == 1
    assert not town.registers.forget(4 * LIMIT_S + 1)


def test_the_same_bytes_from_elsewhere_are_another_request() -> None:
    town = Town()
    for host in ("192.0.2.64", "192.0.2.65"):
        assert town.registers.takes(ASKED, Flow("UDP", HERE, Address(host, 5060)), 0.0)

    assert len(town.taken) == 2
