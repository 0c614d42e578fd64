"""Whatever the bytes: a value, or ProtocolError."""

import contextlib
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from sip.agent import Agent
from sip.digest import parse_challenge, parse_credentials
from sip.errors import ProtocolError
from sip.headers import CSeq, NameAddr, Via
from sip.message import Address, Flow, Request, Response, response_to
from sip.parser import parse_message
from sip.stream import StreamFramer
from sip.uri import SipUri

PIECES = [
    b"MESSAGE sip:a@b SIP/2.0",
    b"INVITE sip:a@b SIP/2.0",
    b"SIP/2.0 200 OK",
    b"Via: SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport",
    b"From: <sip:a@b>;tag=1",
    b"To: <sip:c@d>;tag=2",
    b"Call-ID: x",
    b"CSeq: 1 MESSAGE",
    b"CSeq: 1 INVITE",
    b"Contact: <sip:a@b>",
    b"Expires: 1",
    b"Content-Length: 5",
    b"Content-Type: application/sdp",
    b"<Notify>",
    b"</Notify>",
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b" folded",
    b":",
    b";",
    b'"',
    b"<",
    b"\0",
    b"\xb1\xb1\xbe\xa9",
]
messy = st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=30).map(b"".join)
lined = st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=30).map(b"\r\n".join)
texts = st.text(st.sampled_from('sip:a@b;=<>"\\,/ 12.0[]?\udcb1\tUDP'), max_size=40)


@given(data=messy | lined)
def test_the_parser_and_every_typed_header(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        message = parse_message(data)
        for read in (
            lambda: message.call_id,
            lambda: message.cseq,
            lambda: message.from_,
            lambda: message.to,
            lambda: message.top_via,
            lambda: message.contact,
            lambda: message.expires,
        ):
            with contextlib.suppress(ProtocolError):
                read()
        assert parse_message(message.to_bytes()).body == message.body


@given(data=lined)
def test_the_agent(data: bytes) -> None:
    agent = Agent(lambda: "t")
    flow = Flow("UDP", Address("192.0.2.1", 5060), Address("192.0.2.2", 5060))
    with contextlib.suppress(ProtocolError):
        message = parse_message(data)
        assert len(agent.receive(message, flow, 0.0)) <= 3
        if isinstance(message, Request):
            response_to(message, 200).to_bytes()
    agent.tick(100.0)


READERS: list[Callable[[str], object]] = [
    SipUri.parse,
    NameAddr.parse,
    Via.parse,
    CSeq.parse,
    lambda text: parse_credentials(f"Digest {text}"),
    lambda text: parse_challenge(f"Digest {text}"),
]


@given(text=texts)
def test_the_parts(text: str) -> None:
    for read in READERS:
        with contextlib.suppress(ProtocolError):
            read(text)


@given(chunks=st.lists(messy, max_size=10))
def test_the_framer(chunks: list[bytes]) -> None:
    framer = StreamFramer()
    with contextlib.suppress(ProtocolError):
        for chunk in chunks:
            for frame in framer.feed(chunk):
                with contextlib.suppress(ProtocolError):
                    assert isinstance(parse_message(frame), Request | Response)
