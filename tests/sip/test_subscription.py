"""The table of subscriptions: what is like what, and what has run out."""

import pytest

from sip.headers import Headers
from sip.message import Address, Flow, Request
from sip.subscription import (
    GRACE_S,
    LONGEST_S,
    Event,
    Usage,
    Usages,
    expires_of,
    termination_of,
)
from tests.sip.requests import request

FLOW = Flow("UDP", Address("192.0.2.1", 5060), Address("192.0.2.2", 5060))


def a_usage(call_id: str = "1") -> Usage:
    return Usage(call_id, "Catalog;id=7", "ours", FLOW)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("Catalog;id=1894", ("catalog", "1894")),
        ("catalog ; ID = 1894", ("catalog", "1894")),
        ("presence", ("presence", "")),
        ("presence;x=1", ("presence", "")),
        ("", ("", "")),
    ],
)
def test_an_event_is_a_package_and_an_id(text: str, event: tuple[str, str]) -> None:
    assert Event.parse(text) == event


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("active;expires=600", None),
        ("", None),
        ("terminated", "terminated"),
        ("Terminated;reason=noresource;retry-after=5", "noresource"),
        ("terminated;reason=", "terminated"),
    ],
)
def test_a_notify_tells_whether_the_subscription_goes_on(state: str, reason: str | None) -> None:
    notify = Request("NOTIFY", "sip:a@b", Headers([("Subscription-State", state)]))

    assert termination_of(notify) == reason


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("", None), ("soon", None), ("-1", None), ("9" * 19, LONGEST_S), ("9" * 50, None)],
)
def test_what_was_granted_is_a_number_or_unknown(text: str, seconds: int | None) -> None:
    assert expires_of(Request("SUBSCRIBE", "sip:a@b", Headers([("Expires", text)]))) == seconds


def test_a_subscription_without_a_refresh_is_forgotten_soon_after_its_time() -> None:
    usages, usage = Usages[Usage](), a_usage()
    usages.add(usage, 600, 1000.0)

    assert usages.run_out(1000.0 + 600) == []
    assert usages.run_out(1000.0 + 600 + GRACE_S + 16) == [usage]
    assert (len(usages), usages.deadline) == (0, None)


def test_a_refresh_moves_the_end() -> None:
    usages, usage = Usages[Usage](), a_usage()
    usages.add(usage, 600, 0.0)
    usages.keep(usage, 600, 500.0)

    assert usages.run_out(600 + GRACE_S + 16) == []
    assert usages.run_out(1100 + GRACE_S + 16) == [usage]


def test_one_that_is_gone_is_not_kept() -> None:
    usages, usage = Usages[Usage](), a_usage()
    usages.add(usage, 600, 0.0)

    assert usages.remove(usage)
    assert not usages.remove(usage)
    usages.keep(usage, 600, 0.0)
    assert usages.run_out(10_000.0) == []


def test_nothing_is_left_behind_after_many() -> None:
    usages = Usages[Usage]()
    for number in range(1_000):
        usages.add(a_usage(str(number)), number, float(number))
    for number in range(0, 1_000, 2):
        (usage,) = [each for each in usages if each.call_id == str(number)]
        usages.keep(usage, 5_000, 1_000.0)
    ended = usages.run_out(3_000.0)
    ended += usages.run_out(10_000.0)

    assert len(ended) == 1_000
    assert (len(usages), list(usages), usages.deadline) == (0, [], None)


def test_a_notify_before_the_answer_is_known_by_our_tag() -> None:
    usages, usage = Usages[Usage](), a_usage("call-1")
    usages.add(usage, 600, 0.0)
    early = request("NOTIFY")
    early.headers.set("To", "<sip:a@b>;tag=ours")

    assert usage.owns(early)
    assert usages.of_notify(early, FLOW) is usage
    elsewhere = FLOW._replace(remote=Address("192.0.2.3", 5060))
    assert usages.of_notify(early, elsewhere) is None
