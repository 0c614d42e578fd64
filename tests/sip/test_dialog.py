"""A call as both ends know it, byte for byte where we are the author."""

from sip.agent import Agent
from sip.dialog import Dialog
from sip.effects import Answered, Send
from sip.headers import Headers
from sip.message import Address, Flow, Request, response_to
from sip.parser import parse_message
from tests.sip.requests import request

PLATFORM = Address("192.168.1.10", 5060)
FLOW = Flow("UDP", PLATFORM, Address("192.168.1.64", 5060))

INVITE = (
    b"INVITE sip:34020000001320000001@192.168.1.64:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.1.10:5060;rport;branch=z9hG4bK3c1a0e77\r\n"
    b"From: <sip:34020000002000000001@3402000000>;tag=f569d024\r\n"
    b"To: <sip:34020000001320000001@3402000000>\r\n"
    b"Call-ID: e680b2c1730beb63@192.168.1.10\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:34020000002000000001@192.168.1.10:5060>\r\n"
    b"Max-Forwards: 70\r\n"
    b"Subject: 34020000001320000001:0200000001,34020000002000000001:1\r\n"
    b"User-Agent: pyVMS\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 5\r\n\r\n"
    b"v=0\r\n"
)
OK = (
    b"SIP/2.0 200 OK\r\n"
    b"Via: SIP/2.0/UDP 192.168.1.10:5060;rport=5060;branch=z9hG4bK3c1a0e77\r\n"
    b"From: <sip:34020000002000000001@3402000000>;tag=f569d024\r\n"
    b"To: <sip:34020000001320000001@3402000000>;tag=32128\r\n"
    b"Call-ID: e680b2c1730beb63@192.168.1.10\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:34020000001320000001@192.168.1.64:5060>\r\n"
    b"Content-Length: 0\r\n\r\n"
)
ACK = (
    b"ACK sip:34020000001320000001@192.168.1.64:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.1.10:5060;rport;branch=z9hG4bK99e1c2d3\r\n"
    b"From: <sip:34020000002000000001@3402000000>;tag=f569d024\r\n"
    b"To: <sip:34020000001320000001@3402000000>;tag=32128\r\n"
    b"Call-ID: e680b2c1730beb63@192.168.1.10\r\n"
    b"CSeq: 1 ACK\r\n"
    b"Max-Forwards: 70\r\n"
    b"Content-Length: 0\r\n\r\n"
)
BYE = ACK.replace(b"ACK", b"BYE").replace(b"1 BYE", b"2 BYE").replace(b"99e1c2d3", b"4455aabb")


def invitation() -> Request:
    read = parse_message(INVITE)
    assert isinstance(read, Request)
    read.headers.remove("Via")
    return read


def established() -> tuple[Agent, Dialog, list[bytes]]:
    """An agent that has invited and been accepted, its dialog, and what it sent."""
    tokens = iter(["3c1a0e77", "99e1c2d3", "4455aabb"])
    agent = Agent(lambda: next(tokens))
    _, effects = agent.send(invitation(), FLOW, str(PLATFORM), 0.0)
    effects = [*effects, *agent.receive(parse_message(OK), FLOW, 0.1)]
    (dialog,) = [each.dialog for each in effects if isinstance(each, Answered)]
    assert dialog is not None
    return agent, dialog, [each.data for each in effects if isinstance(each, Send)]


def test_invite_ack_and_bye_go_out_byte_for_byte() -> None:
    agent, dialog, sent = established()
    _, effects = agent.send(dialog.request("BYE"), FLOW, str(PLATFORM), 1.0)

    assert [*sent, *(each.data for each in effects if isinstance(each, Send))] == [INVITE, ACK, BYE]


def test_requests_of_a_call_are_numbered_one_after_the_other() -> None:
    _, dialog, _ = established()

    assert [dialog.request(method).cseq for method in ("INFO", "INFO", "BYE")] == [
        (2, "INFO"),
        (3, "INFO"),
        (4, "BYE"),
    ]


def test_without_a_contact_the_address_that_was_invited_stands_in() -> None:
    accepted = response_to(invitation(), 200, to_tag="1")

    assert Dialog.of_caller(invitation(), accepted, FLOW).target == invitation().uri


def test_a_nonsense_contact_does_not_cost_the_call() -> None:
    accepted = response_to(invitation(), 200, to_tag="1", headers=[("Contact", "<sip:")])

    assert Dialog.of_caller(invitation(), accepted, FLOW).target == invitation().uri


def test_the_called_end_sends_to_the_contact_of_the_caller() -> None:
    dialog = Dialog.of_callee(invitation(), response_to(invitation(), 200, to_tag="9"), FLOW)
    bye = dialog.request("BYE")

    assert bye.uri == "sip:34020000002000000001@192.168.1.10:5060"
    assert (bye.from_.tag, bye.to.tag) == ("9", "f569d024")
    assert bye.cseq == (1, "BYE")


def test_routes_are_kept_in_the_order_of_each_end() -> None:
    routes = ["<sip:one;lr>", "<sip:two;lr>"]
    invite = invitation()
    for route in routes:
        invite.headers.add("Record-Route", route)
    accepted = response_to(invite, 200, to_tag="9")

    caller = Dialog.of_caller(invite, accepted, FLOW).request("BYE")
    callee = Dialog.of_callee(invite, accepted, FLOW).request("BYE")
    assert caller.headers.get_all("Route") == routes[::-1]
    assert callee.headers.get_all("Route") == routes


def test_a_request_belongs_to_the_call_whose_tags_it_carries() -> None:
    _, dialog, _ = established()
    inside = request("INFO")
    inside.headers.set("To", "<sip:34020000002000000001@3402000000>;tag=f569d024")

    for from_tag, is_ours in (("32128", True), ("other", False)):
        belonging = Request("INFO", inside.uri, Headers(inside.headers.items()))
        belonging.headers.set("From", f"<sip:34020000001320000001@3402000000>;tag={from_tag}")
        assert dialog.owns(belonging) is is_ours


def test_a_lower_number_than_one_seen_is_out_of_order() -> None:
    _, dialog, _ = established()

    assert dialog.is_in_order(request("INFO", cseq=5))
    assert not dialog.is_in_order(request("INFO", cseq=4))
    assert dialog.is_in_order(request("INFO", cseq=6))
