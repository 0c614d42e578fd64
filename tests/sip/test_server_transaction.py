"""RFC 3261, 17.2 and 13.3.1.4, over a link on a fake clock."""

import pytest

from sip.agent import MAX_SERVER_TRANSACTIONS, Agent
from sip.effects import Deliver
from sip.headers import Headers
from sip.message import Address, Flow, Request, response_to
from tests.sip.requests import request
from tests.support.wire import Link, Wire, losing


def test_a_repeated_request_is_answered_again_without_reaching_the_application() -> None:
    wire = Wire(losing(b"SIP/2.0 200", 3))

    wire.send(wire.a, request("MESSAGE"))
    wire.run(until_s=20)

    assert wire.b.sent_starts() == ["200"] * 4
    assert len(wire.b.delivered) == 1
    assert wire.b.agent.absorbed == 3


def test_the_same_answer_goes_out_with_the_same_tag() -> None:
    wire = Wire(losing(b"SIP/2.0 200", 2))

    wire.send(wire.a, request("MESSAGE"))
    wire.run(until_s=20)

    assert len({each.to.tag for each in wire.b.sent}) == 1
    assert wire.b.sent[0].to.tag


def test_an_answered_transaction_is_forgotten_after_32_s() -> None:
    wire = Wire()

    wire.send(wire.a, request("MESSAGE"))
    wire.run(until_s=32)
    before = wire.b.agent.transactions
    wire.run(until_s=34)

    assert before == 1
    assert wire.b.agent.transactions == 0
    assert wire.b.agent.deadline is None


def test_over_a_reliable_transport_it_is_forgotten_at_once() -> None:
    wire = Wire(Link(is_reliable=True))

    wire.send(wire.a, request("MESSAGE"))
    wire.run(until_s=1)

    assert wire.b.agent.transactions == 0


def test_an_invite_without_an_answer_yet_gets_100() -> None:
    wire = Wire()
    wire.b.on_deliver = None

    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=1)

    assert wire.b.sent_starts() == ["100"]
    assert wire.b.sent[0].to.tag == ""


def test_a_refusal_is_repeated_until_its_ack() -> None:
    wire = Wire(losing(b"ACK", 3))
    wire.b.on_deliver = lambda delivered: wire.respond(wire.b, delivered, 488)

    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=60)

    assert wire.b.sent_starts() == ["488"] * 4
    assert wire.b.agent.transactions == 0


def test_a_2xx_is_repeated_until_its_ack_on_any_transport() -> None:
    link = losing(b"ACK", 2)
    link.is_reliable = True
    wire = Wire(link)

    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=60)

    assert wire.b.sent_starts() == ["200"] * 3
    assert len(wire.b.acknowledged) == 1
    assert wire.b.agent.dialogs == 1


def test_a_2xx_that_is_never_acknowledged_ends_the_call() -> None:
    wire = Wire(losing(b"ACK", 1_000))

    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=60)

    assert [each.reason for each in wire.b.ended] == ["no ack"]
    assert wire.b.agent.dialogs == 0


def test_accepting_twice_is_refused() -> None:
    wire = Wire()
    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=1)

    with pytest.raises(LookupError):
        wire.accept(wire.b.delivered[0])


def test_a_bye_of_a_known_call_is_answered_and_told() -> None:
    wire = Wire()
    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=1)
    dialog = wire.a.answered[0].dialog
    assert dialog is not None

    wire.send(wire.a, dialog.request("BYE"))
    wire.run(until_s=2)

    assert [each.reason for each in wire.b.ended] == ["bye"]
    assert wire.a.final_statuses == [200, 200]
    assert [each.key.method for each in wire.b.delivered] == ["INVITE"]


@pytest.mark.parametrize("method", ["BYE", "INFO"])
def test_a_request_of_an_unknown_call_gets_481(method: str) -> None:
    wire = Wire()
    stray = request(method)
    stray.headers.set("To", "<sip:34020000001320000001@3402000000>;tag=gone")

    wire.send(wire.a, stray)
    wire.run(until_s=1)

    assert wire.a.final_statuses == [481]
    assert wire.b.delivered == []


def test_a_bye_from_another_address_is_refused_and_changes_nothing() -> None:
    wire = Wire()
    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=1)
    dialog = wire.a.answered[0].dialog
    assert dialog is not None
    bye = dialog.request("BYE")
    bye.headers.add_first("Via", "SIP/2.0/UDP 198.51.100.9:5060;rport;branch=z9hG4bKforeign")
    foreign = Flow("UDP", wire.b.flow.local, Address("198.51.100.9", 5060))

    effects = wire.b.agent.receive(bye, foreign, wire.now)
    wire.perform(wire.b, effects)

    assert wire.b.sent_starts()[-1] == "403"
    assert wire.b.agent.dialogs == 1


def test_a_request_of_a_call_that_came_too_late_is_not_taken() -> None:
    wire = Wire()
    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=1)
    dialog = wire.a.answered[0].dialog
    assert dialog is not None
    statuses: list[str] = []
    for number, sequence in enumerate((9, 8)):
        info = dialog.request("INFO")
        info.headers.set("CSeq", f"{sequence} INFO")
        info.headers.add_first("Via", f"SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKlate{number}")
        wire.perform(wire.b, wire.b.agent.receive(info, wire.b.flow, wire.now))
        statuses.append(wire.b.sent_starts()[-1])

    assert statuses == ["200", "500"]


def test_an_ack_from_another_address_does_not_stand_for_the_caller_s() -> None:
    wire = Wire(losing(b"ACK", 99))
    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=0.1)
    dialog = wire.a.answered[0].dialog
    assert dialog is not None
    ack = dialog.request("ACK")
    ack.headers.add_first("Via", "SIP/2.0/UDP 198.51.100.9:5060;rport;branch=z9hG4bKforeign")
    foreign = Flow("UDP", wire.b.flow.local, Address("198.51.100.9", 5060))

    assert wire.b.agent.receive(ack, foreign, wire.now) == ()
    wire.run(until_s=2)

    # At once, after 0.5 s and after 1.5 s.
    assert wire.b.sent_starts().count("200") == 3


def test_a_cancel_of_nothing_gets_481() -> None:
    wire = Wire()

    wire.send(wire.a, request("CANCEL"))
    wire.run(until_s=1)

    assert wire.a.final_statuses == [481]


def test_a_message_of_the_call_with_tags_of_its_own_is_matched_by_call_id() -> None:
    wire = Wire()
    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=1)
    wire.a.on_deliver = lambda delivered: wire.respond(wire.a, delivered, 200)

    wire.send(wire.b, request("MESSAGE", cseq=7))
    wire.run(until_s=2)

    assert wire.a.delivered[0].dialog is wire.a.answered[0].dialog


def test_devices_that_use_one_branch_for_all_are_still_understood() -> None:
    wire = Wire()
    delivered: list[Deliver] = []
    wire.b.on_deliver = delivered.append
    for number in (1, 2):
        made = request("MESSAGE", call_id=f"call-{number}")
        made.headers.add_first("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKsame")
        wire.perform(wire.b, wire.b.agent.receive(made, wire.b.flow, wire.now))

    assert len(delivered) == 2


def test_a_stranger_s_transaction_is_forgotten_with_its_answer() -> None:
    agent = Agent(lambda: "tag")
    flow = Flow("UDP", Address("192.0.2.2", 5060), Address("192.0.2.1", 5060))
    made = request("REGISTER")
    made.headers.add_first("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone")

    (delivered,) = agent.receive(made, flow, 0.0)
    assert isinstance(delivered, Deliver)
    effects = agent.respond(delivered.key, response_to(made, 401), 0.0, may_repeat=False)

    assert len(effects) == 1
    assert agent.transactions == 0
    assert agent.deadline is None


def test_answered_transactions_make_room_when_there_are_too_many() -> None:
    agent = Agent(lambda: "tag")
    flow = Flow("UDP", Address("192.0.2.2", 5060), Address("192.0.2.1", 5060))
    for number in range(MAX_SERVER_TRANSACTIONS + 10):
        made = Request(
            "MESSAGE",
            "sip:x@y",
            Headers(
                [
                    ("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number}"),
                    ("From", "<sip:a@b>;tag=1"),
                    ("To", "<sip:c@d>"),
                    ("Call-ID", str(number)),
                    ("CSeq", "1 MESSAGE"),
                ]
            ),
        )
        (delivered,) = agent.receive(made, flow, 0.0)
        assert isinstance(delivered, Deliver)
        agent.respond(delivered.key, response_to(made, 200), 0.0)

    assert agent.transactions == MAX_SERVER_TRANSACTIONS
    assert agent.overflows == 10
