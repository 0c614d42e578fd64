"""RFC 4475's cases and our own; GAPS.md tells what becomes of each."""

from pathlib import Path

import pytest

from sip.agent import Agent
from sip.errors import ProtocolError
from sip.message import Address, Flow, Message, Request, Response
from sip.parser import parse_message

HERE = Path(__file__).parent
FLOW = Flow("UDP", Address("192.0.2.1", 5060), Address("192.0.2.4", 5060))


def named(folder: str) -> list[Path]:
    return sorted((HERE / folder).glob("*.sip"))


def read(name: str) -> Request:
    message = parse_message((HERE / "valid" / f"{name}.sip").read_bytes())
    assert isinstance(message, Request)
    return message


def use(message: Message) -> None:
    """Ask for everything the core and a registrar ask for, and let an agent take it."""
    _ = (message.from_, message.to, message.call_id, message.cseq, message.top_via)
    _ = (message.contact, message.expires, message.content_type)
    assert isinstance(message, Request | Response)
    Agent(lambda: "tag").receive(message, FLOW, 0.0)


@pytest.mark.parametrize("path", named("valid"), ids=lambda path: path.stem)
def test_a_valid_message_is_read_and_written_without_loss(path: Path) -> None:
    message = parse_message(path.read_bytes())
    again = parse_message(message.to_bytes())
    for each in (message, again):
        each.headers.remove("Content-Length")

    assert again == message
    use(message)


@pytest.mark.parametrize("path", named("invalid"), ids=lambda path: path.stem)
def test_an_invalid_message_is_refused_with_a_protocol_error(path: Path) -> None:
    with pytest.raises(ProtocolError):
        use(parse_message(path.read_bytes()))


def test_blanks_and_folds_everywhere() -> None:
    request = read("wsinv")

    assert request.cseq == (9, "INVITE")
    assert request.to.tag == "1918181833n"
    assert request.from_.display == 'J Rosenberg \\"'
    assert request.from_.tag == "98asjd8"
    assert [via.partition(";")[0].split()[-1] for via in request.headers.get_all("Via")] == [
        "192.0.2.2",
        "spindle.example.com",
        "192.168.255.111",
    ]
    assert request.top_via.branch == "390skdjuw"
    assert request.contact is not None
    assert request.contact.params["q"] == "0.33"
    assert request.body == b"v=0\r\n"


def test_an_unusual_method_and_unusual_tokens() -> None:
    request = read("intmeth")

    assert request.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert request.cseq.number == 139_122_385
    assert request.from_.uri.user == "mundane"
    assert request.from_.tag == "_token~1'+`*%!-."
    assert request.to.uri.host == "example.com"


def test_escapes_are_kept_as_sent() -> None:
    assert read("esc01").to.uri.user == "%75se%72"
    assert read("escnull").headers.get_all("Contact") == [
        "<sip:%00@host5.example.com>",
        "<sip:%00%00@host5.example.com>",
    ]
    # An escape in a method or a header name is no escape (3.1.1.5).
    assert read("esc02").method == "RE%47IST%45R"
    assert len(read("esc02").headers.get_all("Contact")) == 2


def test_a_user_part_with_a_semicolon() -> None:
    assert read("semiuri").uri == "sip:user;par=u%40example.net@example.com"
    assert read("semiuri").headers.get_all("Accept")[3] == "multipart/signed"


def test_what_follows_the_message_is_cut_off() -> None:
    assert read("dblreq").body == b""


def test_binary_bodies_are_kept() -> None:
    assert b"\x00\xff\x82" in read("mpart01").body


def test_other_schemes_in_addresses() -> None:
    assert (read("unksm2").to.uri.scheme, read("unksm2").from_.uri.scheme) == ("isbn", "http")


def test_a_caller_of_rfc_2543_without_tag_and_branch() -> None:
    assert read("inv2543").from_.tag == ""
    assert read("inv2543").top_via.branch == ""


def test_names_in_a_chinese_charset() -> None:
    display = read("own-gb2312-name").from_.display

    assert display.encode("utf-8", "surrogateescape").decode("gb18030") == "\u6444\u50cf\u673a"
