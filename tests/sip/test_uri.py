"""Splitting and quoting, on which every structured header rests."""

import pytest

from sip.errors import ProtocolError
from sip.uri import SipUri, parse_params, quote, split_outside_quotes, unquote


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", [""]),
        ("a,b", ["a", "b"]),
        (",a,", ["", "a", ""]),
        ('"a,b",c', ['"a,b"', "c"]),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ("<a,b>,c", ["<a,b>", "c"]),
        ('"<",a', ['"<"', "a"]),
        ('a,"b,c', ["a", '"b,c']),
        ("a,<b,c", ["a", "<b,c"]),
        ('a,"b\\', ["a", '"b\\']),
    ],
)
def test_separators_in_quotes_and_brackets_do_not_count(text: str, pieces: list[str]) -> None:
    assert split_outside_quotes(text, ",") == pieces


def test_long_unfinished_text_is_split_in_linear_time() -> None:
    text = '"' + "\\" * 50_001 + "," + "<" * 50_000

    assert len(split_outside_quotes(text, ",")) == 1


def test_quoting_is_undone_by_unquoting() -> None:
    for text in ("", "plain", 'a "b" \\c\\', "\\\\", '"'):
        assert unquote(quote(text)) == text


def test_the_first_of_a_repeated_parameter_counts() -> None:
    assert parse_params('a=1;A=2;b;c="x;y"; ;=z') == {"a": "1", "b": None, "c": "x;y"}


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:1@3402000000", SipUri("sip", "1", "3402000000")),
        ("SIP:1@h:5060;A=b;lr", SipUri("sip", "1", "h", 5060, {"a": "b", "lr": None})),
        ("sips:h?a=b", SipUri("sips", "", "h", headers="a=b")),
        ("sip:u;x=1@h", SipUri("sip", "u;x=1", "h")),
        ("sip:1@[2001:db8::1]:5061", SipUri("sip", "1", "2001:db8::1", 5061)),
        ("sip:1@h:", SipUri("sip", "1", "h")),
        ("tel:+861012345678", SipUri("tel", "", "+861012345678")),
    ],
)  # fmt: skip
def test_uris_are_read_into_their_parts(text: str, uri: SipUri) -> None:
    assert SipUri.parse(text) == uri


@pytest.mark.parametrize(
    "text",
    ["", "sip", "sip:", ":x", "sip:@h", "sip:u@", "sip:u@:5060", "sip:u@h:0", "sip:u@h:65536",
     "sip:u@h:\u0661", "sip:u@[::1", "sip:u@[]", "sip:u@[::1]x", "sip:;lr"],
)  # fmt: skip
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        SipUri.parse(text)
