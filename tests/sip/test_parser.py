"""What a message may look like and still be read (tolerances), and what goes out."""

from collections.abc import Callable

import pytest

from sip.errors import ProtocolError
from sip.headers import NameAddr
from sip.message import Address, Request, Response, response_to
from sip.oddities import ODDITIES as NAMED_ODDITIES
from sip.oddities import oddities_of
from sip.parser import parse_message

QUERY = (
    b"MESSAGE sip:34020000001180000001@192.168.1.64:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.1.10:5060;rport;branch=z9hG4bK7d1f0a3c\r\n"
    b"From: <sip:34020000002000000001@3402000000>;tag=51a3c9f0\r\n"
    b"To: <sip:34020000001180000001@3402000000>\r\n"
    b"Call-ID: 5f1b2c33a1@192.168.1.10\r\n"
    b"CSeq: 20 MESSAGE\r\n"
    b"Max-Forwards: 70\r\n"
    b"Content-Type: Application/MANSCDP+xml\r\n"
    b"Content-Length: 8\r\n"
    b"\r\n"
    b"<Query/>"
)


def parsed(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def test_a_request_is_read_into_its_parts() -> None:
    request = parsed(QUERY)

    assert request.method == "MESSAGE"
    assert request.uri == "sip:34020000001180000001@192.168.1.64:5060"
    assert request.call_id == "5f1b2c33a1@192.168.1.10"
    assert request.cseq == (20, "MESSAGE")
    assert request.from_.uri.user == "34020000002000000001"
    assert request.from_.tag == "51a3c9f0"
    assert request.to.uri.host == "3402000000"
    assert request.to.tag == ""
    assert request.top_via.branch == "z9hG4bK7d1f0a3c"
    assert request.content_type == "application/manscdp+xml"
    assert request.body == b"<Query/>"
    assert request.contact is None
    assert request.expires is None


def test_what_was_read_goes_out_as_it_came_in() -> None:
    assert parsed(QUERY).to_bytes() == QUERY


def test_a_response_is_built_byte_for_byte() -> None:
    request = parsed(QUERY)
    request.note_source(Address("192.168.1.10", 5060))

    assert response_to(request, 200, to_tag="852843529").to_bytes() == (
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/UDP 192.168.1.10:5060;rport=5060;received=192.168.1.10;"
        b"branch=z9hG4bK7d1f0a3c\r\n"
        b"From: <sip:34020000002000000001@3402000000>;tag=51a3c9f0\r\n"
        b"To: <sip:34020000001180000001@3402000000>;tag=852843529\r\n"
        b"Call-ID: 5f1b2c33a1@192.168.1.10\r\n"
        b"CSeq: 20 MESSAGE\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_a_response_is_read_into_its_parts() -> None:
    response = parse_message(b"SIP/2.0 401 Unauthorized\r\nCSeq: 1 REGISTER\r\n\r\n")

    assert isinstance(response, Response)
    assert (response.status, response.reason) == (401, "Unauthorized")


def test_a_response_may_lack_its_reason() -> None:
    response = parse_message(b"SIP/2.0 200\r\n\r\n")

    assert isinstance(response, Response)
    assert (response.status, response.reason) == (200, "")


Change = Callable[[bytes], bytes]
ODDITIES: list[tuple[str, Change]] = [
    ("line feeds only", lambda data: data.replace(b"\r\n", b"\n")),
    ("blank lines before the message", lambda data: b"\r\n\r\n" + data),
    ("NULs before the message", lambda data: b"\0\0" + data),
    ("no blank after the colon", lambda data: data.replace(b": ", b":")),
    ("a blank before the colon", lambda data: data.replace(b"Call-ID:", b"Call-ID :")),
    ("names in capitals", lambda data: data.replace(b"Call-ID", b"CALL-ID")),
    ("names in small letters", lambda data: data.replace(b"CSeq", b"cseq")),
    (
        "compact names",
        lambda data: (
            data.replace(b"Via:", b"v:")
            .replace(b"From:", b"f:")
            .replace(b"To:", b"t:")
            .replace(b"Call-ID:", b"i:")
            .replace(b"Content-Type:", b"c:")
            .replace(b"Content-Length:", b"L:")
        ),
    ),
    ("a folded line", lambda data: data.replace(b"CSeq: 20", b"CSeq:\r\n  20")),
    ("no Max-Forwards", lambda data: data.replace(b"Max-Forwards: 70\r\n", b"")),
    ("no Content-Length", lambda data: data.replace(b"Content-Length: 8\r\n", b"")),
    ("Content-Length too short", lambda data: data.replace(b"Length: 8", b"Length: 3")),
    ("Content-Length too long", lambda data: data.replace(b"Length: 8", b"Length: 80")),
    ("Content-Length zero", lambda data: data.replace(b"Length: 8", b"Length: 0")),
    ("Content-Length no number", lambda data: data.replace(b"Length: 8", b"Length: x")),
    ("a line without a colon", lambda data: data.replace(b"CSeq", b"nonsense\r\nCSeq")),
    ("NUL after the message", lambda data: data + b"\0"),
    ("line breaks after the message", lambda data: data + b"\r\n\r\n"),
    ("the method in mixed case", lambda data: data.replace(b"MESSAGE", b"Message")),
    (
        "several blanks in the start line",
        lambda data: data.replace(b" SIP/2.0\r", b"  SIP/2.0\r"),
    ),
    ("the version in small letters", lambda data: data.replace(b" SIP/2.0\r", b" sip/2.0\r")),
    (
        "bytes of a Chinese charset in a header",
        lambda data: data.replace(b"Max-Forwards: 70", b"User-Agent: \xc9\xe3\xcf\xf1\xbb\xfa"),
    ),
]


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in ODDITIES])
def test_oddities_do_not_hide_the_message(change: Change) -> None:
    request = parsed(change(QUERY))

    assert request.method == "MESSAGE"
    assert request.cseq == (20, "MESSAGE")
    assert request.call_id == "5f1b2c33a1@192.168.1.10"
    assert request.from_.tag == "51a3c9f0"
    assert request.content_type == "application/manscdp+xml"
    assert request.body == b"<Query/>"


def test_bytes_of_another_charset_go_out_as_they_came_in() -> None:
    odd = QUERY.replace(b"Max-Forwards: 70", b"User-Agent: \xc9\xe3\xcf\xf1\xbb\xfa\xff")

    assert parsed(odd).to_bytes() == odd


def test_only_padding_is_cut_behind_the_declared_length() -> None:
    assert parsed(QUERY.replace(b"Length: 8", b"Length: 3")).body == b"<Query/>"
    assert parsed(QUERY + b"\0\r\n \t").body == b"<Query/>"


def test_the_first_blank_line_ends_the_head() -> None:
    assert parsed(QUERY.replace(b"<Query/>", b"a\r\n\r\nb")).body == b"a\r\n\r\nb"
    assert parsed(QUERY.replace(b"\r\n\r\n<Query/>", b"\n\n<a>\r\n\r\n</a>")).body == (
        b"<a>\r\n\r\n</a>"
    )


def test_the_method_as_written_is_kept_for_the_digest() -> None:
    request = parsed(QUERY.replace(b"MESSAGE", b"Message"))

    assert (request.method, request.literal_method) == ("MESSAGE", "Message")


@pytest.mark.parametrize(
    ("text", "user", "host", "tag"),
    [
        ("<sip:1@d>;tag=t", "1", "d", "t"),
        ("sip:1@d;tag=t", "1", "d", "t"),
        ('"a <b>, \\"c\\"" <sip:1@d>;tag=t', "1", "d", "t"),
        ("\u6444\u50cf\u673a <sip:1@d> ; tag = t", "1", "d", "t"),
        ("<sip:1@192.0.2.1:5060;transport=tcp>;tag=", "1", "192.0.2.1", ""),
        ("<sip:1@[2001:db8::1]:5060;lr>", "1", "2001:db8::1", ""),
        ("<sip:d>", "", "d", ""),
    ],
)
def test_addresses_in_many_shapes(text: str, user: str, host: str, tag: str) -> None:
    address = NameAddr.parse(text)

    assert (address.uri.user, address.uri.host, address.tag) == (user, host, tag)


def test_expiry_of_the_contact_wins_over_the_header() -> None:
    head = QUERY.replace(b"Max-Forwards: 70", b"Expires: 100\r\nContact: <sip:1@d>;expires=7")

    assert parsed(head).expires == 7
    assert parsed(head.replace(b";expires=7", b"")).expires == 100
    assert parsed(head.replace(b"<sip:1@d>;expires=7", b"*")).expires == 100


def test_lists_are_taken_apart_and_other_commas_are_not() -> None:
    request = parsed(
        QUERY.replace(
            b"Max-Forwards: 70",
            b'Contact: "a,b" <sip:1@d;x=1,2>, <sip:2@d>\r\nSubject: 1:2,3:4\r\nContact: <sip:3@d>',
        )
    )

    assert request.headers.get_all("m") == ['"a,b" <sip:1@d;x=1,2>', "<sip:2@d>", "<sip:3@d>"]
    assert request.headers.get_all("Subject") == ["1:2,3:4"]


def test_two_vias_in_one_line_are_both_kept() -> None:
    two = QUERY.replace(b"7d1f0a3c", b"7d1f0a3c, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKold")
    request = parsed(two)
    request.note_source(Address("198.51.100.1", 9))

    assert request.top_via.branch == "z9hG4bK7d1f0a3c"
    assert response_to(request, 200).headers.get_all("Via") == [
        "SIP/2.0/UDP 192.168.1.10:5060;rport=9;branch=z9hG4bK7d1f0a3c;received=198.51.100.1",
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKold",
    ]


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        ("1.1.1.1;branch=b", "1.1.1.1;branch=b;received=2.2.2.2"),
        ("2.2.2.2;branch=b", "2.2.2.2;branch=b"),
        ("1.1.1.1;branch=b;rport", "1.1.1.1;branch=b;rport=7;received=2.2.2.2"),
        ("1.1.1.1;rport=9;received=8.8.8.8", "1.1.1.1;rport=7;received=2.2.2.2"),
    ],
)
def test_the_source_is_written_into_the_via(via: str, expected: str) -> None:
    request = parsed(QUERY.replace(b"192.168.1.10:5060;rport;branch=z9hG4bK7d1f0a3c", via.encode()))
    request.note_source(Address("2.2.2.2", 7))

    assert request.headers.get("Via") == f"SIP/2.0/UDP {expected}"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0",
        b"ping",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SIP/2.0 abc\r\n\r\n",
        b"SIP/2.0 \xb2\xb2\xb2 OK\r\n\r\n",
        b"SIP/7.0 200 OK\r\n\r\n",
        b"M(SS sip:a@b SIP/2.0\r\n\r\n",
        b"MESSAGE sip:a@b SIP/2.0\r\nX: " + b"x" * 9_000 + b"\r\n\r\n",
        b"MESSAGE sip:a@b SIP/2.0\r\nX: x\r\n" + b" y" * 3_000 + b"\r\n" + b" z" * 3_000,
        b"MESSAGE sip:a@b SIP/2.0\r\n" + b"X: x\r\n" * 600 + b"\r\n",
        b"MESSAGE sip:a@b SIP/2.0\r\n" + b"X: xxxxxxxxxxxxxxxxxxxxxxxxx\r\n" * 3_000 + b"\r\n",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_message(data)


@pytest.mark.parametrize(
    ("header", "value"),
    [("Via", "x"), ("Via", "SIP/2.0/UDP"), ("Via", "SIP/2.0/UDP h:99999;branch=b"),
     ("Via", "HTTP/1.1/TCP h"), ("CSeq", "x MESSAGE"), ("CSeq", "4294967296 MESSAGE"),
     ("CSeq", "20"), ("From", "<sip:a@b"), ("From", "nonsense"), ("From", "<sip:@b>"),
     ("Contact", "<sip:a@b:0>"), ("Contact", "<sip:a@[::1>")],
)  # fmt: skip
def test_a_nonsense_header_is_refused_when_asked_for(header: str, value: str) -> None:
    request = parsed(QUERY)
    request.headers.set(header, value)

    with pytest.raises(ProtocolError):
        _ = (request.top_via, request.cseq, request.from_, request.contact)


def test_a_line_break_in_a_header_of_ours_is_our_mistake() -> None:
    request = parsed(QUERY)

    for name, value in (("X", "a\r\nb"), ("X\n", "a"), ("X:", "a")):
        with pytest.raises(ValueError, match="would break"):
            request.headers.add(name, value)


def test_headers_are_set_in_their_place_added_and_removed() -> None:
    headers = parsed(QUERY).headers
    headers.set("i", "new")
    headers.add("X-GB-Ver", "3.0")
    headers.remove("MAX-FORWARDS")

    assert [name for name, _ in headers.items()] == [
        "Via", "From", "To", "i", "CSeq", "Content-Type", "Content-Length", "X-GB-Ver",
    ]  # fmt: skip
    assert headers.get("Call-ID") == "new"
    assert "x-gb-ver" in headers
    assert "Max-Forwards" not in headers


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"MESSAGE sip:a@b SIP/3.0\r\n\r\n", 505),
        (b"MESSAGE sip:a b@c SIP/2.0\r\n\r\n", 400),
        (b"MESSAGE sip:a@b SIP/2.0\r\nFrom: sip:a@b\r\nFrom: sip:c@b\r\n\r\n", 400),
    ],
)
def test_what_is_wrong_but_can_be_answered_is_read_with_its_fault(data: bytes, status: int) -> None:
    message = parse_message(data)

    assert isinstance(message, Request)
    assert message.findings.fault is not None
    assert message.findings.fault.status == status


def test_a_clean_message_has_no_findings() -> None:
    message = parse_message(
        b"MESSAGE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;rport;branch=z9hG4bK1\r\n"
        b"f: <sip:a@b>;tag=1\r\nt: <sip:c@d>\r\ni: 1\r\nCSeq: 1 MESSAGE\r\n"
        b"Max-Forwards: 70\r\nc: Application/MANSCDP+xml\r\nl: 9\r\n\r\n<Notify/>"
    )

    assert isinstance(message, Request)
    assert (message.oddities, message.findings.fault) == ((), None)
    assert oddities_of(message) == ()


@pytest.mark.parametrize(
    ("data", "oddity"),
    [
        (b"MESSAGE sip:a@b SIP/2.0\nVia: x\n\n", "lf_line_ends"),
        (b"MESSAGE sip:a@b  SIP/2.0\r\nVia: x\r\n\r\n", "blanks_in_start_line"),
        (b"MESSAGE sip:a@b SIP/2.0\r\nnonsense\r\n\r\n", "line_without_colon"),
        (b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 7\r\n\r\n<a/>", "content_length_lies"),
        (b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 2\r\n\r\n<a/>", "content_length_lies"),
        (b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 2\r\n\r\n", "content_length_lies"),
        (b"MESSAGE sip:a@b SIP/2.0\r\nExpires: 1\r\nExpires: 1\r\n\r\n", "duplicate_header"),
        (b"Message sip:a@b SIP/2.0\r\n\r\n", "mixed_case_method"),
        (b"REGISTER sip:a@b SIP/2.0\r\n\r\n", "missing_contact"),
        (b"MESSAGE sip:a@b SIP/2.0\r\n\r\n<a/>", "missing_content_type"),
        (b"MESSAGE sip:a@b SIP/2.0\r\n\r\n", "missing_max_forwards"),
        (b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n", "rport_missing"),
        (b"MESSAGE sip:a@b SIP/2.0\r\nVia: a\r\nVia: b\r\n\r\n", "duplicate_via"),
    ],
)
def test_what_is_put_up_with_is_told_by_name(data: bytes, oddity: str) -> None:
    message = parse_message(data)

    assert isinstance(message, Request)
    assert oddity in oddities_of(message)
    assert oddity in NAMED_ODDITIES
