"""What is written is read back; a stream comes out the same however it is cut."""

from hypothesis import given
from hypothesis import strategies as st

from sip.digest import Challenge, authorization, parse_credentials, verify
from sip.errors import ProtocolError
from sip.headers import CSeq, Headers, NameAddr, Via
from sip.message import Request, Response
from sip.parser import parse_message
from sip.stream import StreamFramer
from sip.uri import SipUri
from tests.properties.cutting import cut

words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
# As the parser cleans values: no line breaks, no blanks at the ends.
values = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=["Cs"]),
    max_size=40,
).map(str.strip)
names = words.filter(lambda name: name.lower() not in {"l", "content-length"})
fields = st.lists(st.tuples(names, values), max_size=10)
bodies = st.binary(max_size=200)
uris = st.builds(
    SipUri,
    st.sampled_from(["sip", "sips"]),
    words | st.just(""),
    words | st.sampled_from(["192.0.2.1", "2001:db8::1", "3402000000"]),
    st.none() | st.integers(1, 65_535),
    st.dictionaries(words.map(str.lower), st.none() | words, max_size=3),
    st.sampled_from(["", "subject=x&priority=urgent"]),
)
params = st.dictionaries(words.map(str.lower), st.none() | values, max_size=3)


@given(method=words, uri=uris, headers=fields, body=bodies)
def test_requests(method: str, uri: SipUri, headers: list[tuple[str, str]], body: bytes) -> None:
    request = Request(method, str(uri), Headers(headers), body)
    read = parse_message(request.to_bytes())
    read.headers.remove("Content-Length")

    assert read == request


@given(status=st.integers(100, 699), reason=values, headers=fields, body=bodies)
def test_responses(status: int, reason: str, headers: list[tuple[str, str]], body: bytes) -> None:
    response = Response(status, " ".join(reason.split()), Headers(headers), body)
    read = parse_message(response.to_bytes())
    read.headers.remove("Content-Length")

    assert read == response


@given(uri=uris)
def test_uris(uri: SipUri) -> None:
    assert SipUri.parse(str(uri)) == uri


@given(address=st.builds(NameAddr, values, uris, params))
def test_addresses(address: NameAddr) -> None:
    assert NameAddr.parse(str(address)) == address


@given(
    via=st.builds(
        Via, st.sampled_from(["UDP", "TCP", "TLS"]), words, st.none() | st.just(5060), params
    )
)
def test_vias(via: Via) -> None:
    assert Via.parse(str(via)) == via


@given(cseq=st.builds(CSeq, st.integers(0, 2**32 - 1), words))
def test_sequence_numbers(cseq: CSeq) -> None:
    assert CSeq.parse(str(cseq)) == cseq


@given(
    challenge=st.builds(
        Challenge,
        values,
        values.filter(bool),
        st.sampled_from(["MD5", "SHA-256"]),
        st.sampled_from([(), ("auth",), ("auth-int", "auth")]),
    ),
    username=values.filter(bool),
    password=values,
    nc=st.integers(1, 2**32 - 1),
)
def test_an_answer_to_a_challenge_is_right_with_its_password_only(
    challenge: Challenge, username: str, password: str, nc: int
) -> None:
    if not challenge.realm:
        return
    header = authorization(challenge, "REGISTER", "sip:a@b", username, password, "cnonce", nc)
    credentials = parse_credentials(header)

    assert credentials.username == username
    for tried, is_right in ((password, True), (password + "x", False)):
        verified = verify(credentials, "REGISTER", tried, request_uri="sip:a@b")
        assert verified.is_right is is_right


BODIES = [
    b"",
    b"<Notify>\r\n<SN>1</SN>\r\n</Notify>\r\n",
    b"<Query/>",
    b"v=0\r\n",
    b"<Notify>broken",
    b"\xb1\xb1\xbe\xa9",
]


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Messages one after the other, some with a wrong or no length, some with padding between."""
    stream = b""
    for _ in range(draw(st.integers(1, 5))):
        body = draw(st.sampled_from(BODIES))
        length = max(0, len(body) + draw(st.sampled_from([0, 0, 0, -3, 4])))
        head = draw(st.sampled_from([b"MESSAGE sip:a@b SIP/2.0", b"SIP/2.0 200 OK"]))
        typed = draw(st.sampled_from([b"", b"Content-Type: a/b\r\n"]))
        declared = draw(st.sampled_from([b"Content-Length: %d\r\n" % length, b""]))
        stream += head + b"\r\nCSeq: 1 MESSAGE\r\n" + typed + declared + b"\r\n" + body
        stream += draw(st.sampled_from([b"", b"\r\n\r\n", b"\0", b"junk\r\n"]))
    return stream


@given(stream=streams(), data=st.data())
def test_a_stream_comes_out_the_same_however_it_is_cut(stream: bytes, data: st.DataObject) -> None:
    whole = StreamFramer().feed(stream)
    framer = StreamFramer()
    try:
        pieces = [frame for piece in cut(stream, data) for frame in framer.feed(piece)]
    except ProtocolError:
        raise AssertionError("cut to pieces, the stream is refused") from None

    assert pieces == whole
