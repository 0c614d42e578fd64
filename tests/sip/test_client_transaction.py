"""RFC 3261, 17.1, over a link on a fake clock."""

import pytest

from sip.message import Request
from sip.parser import parse_message
from tests.sip.requests import request
from tests.support.wire import Link, Wire, losing


def test_a_request_is_repeated_until_it_is_answered() -> None:
    wire = Wire(losing(b"MESSAGE", 3))

    wire.send(wire.a, request("MESSAGE"))
    wire.run(until_s=60)

    assert wire.a.sent_starts() == ["MESSAGE"] * 4
    assert wire.a.final_statuses == [200]
    assert len(wire.b.delivered) == 1


def test_unanswered_requests_are_repeated_with_growing_pauses_and_given_up_after_32_s() -> None:
    wire = Wire(Link(loss=1))

    key = wire.send(wire.a, request("MESSAGE"))
    wire.run(until_s=60)

    assert wire.a.sent_at == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert wire.a.timed_out == [key]
    assert wire.a.agent.transactions == 0


def test_an_invite_is_repeated_with_doubling_pauses() -> None:
    wire = Wire(Link(loss=1))

    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=60)

    assert wire.a.sent_at == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert len(wire.a.timed_out) == 1


def test_nothing_is_repeated_over_a_reliable_transport() -> None:
    wire = Wire(Link(loss=1, is_reliable=True))

    wire.send(wire.a, request("MESSAGE"))
    wire.run(until_s=60)

    assert wire.a.sent_starts() == ["MESSAGE"]
    assert len(wire.a.timed_out) == 1


def test_a_provisional_stops_the_repeats_of_an_invite() -> None:
    wire = Wire()
    wire.b.on_deliver = lambda delivered: wire.respond(wire.b, delivered, 180)

    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=60)

    assert wire.a.sent_starts() == ["INVITE"]
    assert [each.response.status for each in wire.a.answered] == [180]


def test_an_invite_with_provisionals_only_ends_after_three_minutes() -> None:
    wire = Wire()
    wire.b.on_deliver = lambda delivered: wire.respond(wire.b, delivered, 180)

    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=181)

    assert len(wire.a.timed_out) == 1


def test_a_refusal_is_acknowledged_hop_by_hop_each_time_it_comes() -> None:
    wire = Wire(losing(b"ACK", 1))
    wire.b.on_deliver = lambda delivered: wire.respond(wire.b, delivered, 486)

    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=60)
    acks = [each for each in wire.a.sent if isinstance(each, Request) and each.method == "ACK"]

    assert wire.a.final_statuses == [486]
    assert wire.b.sent_starts() == ["486", "486"]
    assert len(acks) == 2
    assert acks[0].top_via.branch == wire.a.sent[0].top_via.branch
    assert acks[0].to.tag == wire.b.sent[0].to.tag
    assert wire.a.agent.transactions == wire.b.agent.transactions == 0


def test_a_repeated_2xx_gets_the_same_ack_again_and_one_call_comes_of_it() -> None:
    wire = Wire(losing(b"ACK", 2))

    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=10)
    acks = [each for each in wire.a.sent if isinstance(each, Request) and each.method == "ACK"]

    assert wire.b.sent_starts() == ["200", "200", "200"]
    assert acks[0] == acks[1] == acks[2]
    assert acks[0].uri == "sip:camera@192.0.2.2:5060"
    assert acks[0].top_via.branch != wire.a.sent[0].top_via.branch
    assert wire.a.final_statuses == [200]
    assert wire.a.agent.dialogs == wire.b.agent.dialogs == 1


def test_a_cancel_waits_for_a_provisional() -> None:
    wire = Wire()
    wire.b.on_deliver = None

    key = wire.send(wire.a, request("INVITE"))
    wire.perform(wire.a, wire.a.agent.cancel(key, wire.now))
    before = wire.a.sent_starts()
    wire.run(until_s=60)

    assert before == ["INVITE"]
    assert wire.a.sent_starts() == ["INVITE", "CANCEL", "ACK"]
    assert sorted(wire.b.sent_starts()) == ["100", "200", "487"]
    assert wire.a.sent[1].top_via.branch == wire.a.sent[0].top_via.branch
    assert [each.key for each in wire.b.cancelled] == [wire.b.delivered[0].key]


def test_two_answers_of_a_forked_invite_make_two_calls() -> None:
    wire = Wire()
    wire.send(wire.a, request("INVITE"))
    wire.run(until_s=1)
    second = wire.b.sent[0]
    second.headers.set("To", "<sip:34020000001320000001@3402000000>;tag=other")

    wire.perform(
        wire.a, wire.a.agent.receive(parse_message(second.to_bytes()), wire.a.flow, wire.now)
    )

    assert wire.a.agent.dialogs == 2
    assert len(wire.a.answered) == 2


@pytest.mark.parametrize("seed", range(20))
def test_a_bad_link_delivers_every_request_once_or_tells_that_it_did_not(seed: int) -> None:
    wire = Wire(Link(loss=0.3, repetition=0.3, jitter_s=0.8, seed=seed))

    for number in range(20):
        wire.send(wire.a, request("MESSAGE", call_id=f"call-{number}"))
    wire.run(until_s=120)
    calls = [each.request.call_id for each in wire.b.delivered]

    assert len(calls) == len(set(calls))
    assert len(wire.a.final_statuses) + len(wire.a.timed_out) == 20
    assert wire.a.agent.transactions == wire.b.agent.transactions == 0
