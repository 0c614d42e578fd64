"""How long it is remembered that a device's media came by UDP only."""

from tests.support.clock import FakeClock
from vms.sessions.fallbacks import DEVICES_KEPT, FIRST_TRUST_S, LONGEST_TRUST_S, Fallbacks

GATE = "34020000001180000001"


def test_tcp_is_tried_again_after_ten_minutes_then_twenty_up_to_a_day() -> None:
    clock = FakeClock()
    fallbacks = Fallbacks(clock.monotonic)
    trusted_s: list[float] = []
    for _ in range(10):
        fallbacks.tcp_failed(GATE, "refused with 488")
        began_s = clock.monotonic()
        while fallbacks.reason(GATE):
            clock.advance(60.0)
        trusted_s.append(clock.monotonic() - began_s)

    assert trusted_s[:3] == [600.0, 1_200.0, 2_400.0]
    assert trusted_s[-2:] == [LONGEST_TRUST_S, LONGEST_TRUST_S] == [86_400.0, 86_400.0]


def test_the_reason_is_kept_with_it_and_tcp_that_works_clears_it() -> None:
    clock = FakeClock()
    fallbacks = Fallbacks(clock.monotonic)

    fallbacks.tcp_failed(GATE, "refused with 488")
    assert (fallbacks.reason(GATE), fallbacks.reason("another")) == ("refused with 488", "")
    fallbacks.tcp_works(GATE)
    assert fallbacks.reason(GATE) == ""

    fallbacks.tcp_failed(GATE, "nothing came")
    clock.advance(FIRST_TRUST_S)
    assert fallbacks.reason(GATE) == ""


def test_devices_beyond_the_limit_are_forgotten_the_oldest_failure_first() -> None:
    fallbacks = Fallbacks(FakeClock().monotonic)
    for number in range(DEVICES_KEPT):
        fallbacks.tcp_failed(f"{number:020d}", "refused")
    fallbacks.tcp_failed(f"{0:020d}", "refused again")
    fallbacks.tcp_failed(GATE, "refused")

    assert fallbacks.reason(f"{0:020d}") == "refused again"
    assert fallbacks.reason(f"{1:020d}") == ""
