"""What each of many may ask at once, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from vms.signalling.buckets import Buckets


def test_a_burst_is_granted_and_then_the_rate() -> None:
    buckets = Buckets(per_s=2.0, burst=3.0)

    assert [buckets.spend("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.spend("a", 0.5) == 0.0
    assert buckets.spend("b", 0.5) == 0.0


def test_the_one_unseen_for_longest_gives_way() -> None:
    buckets = Buckets(per_s=1.0, burst=1.0, capacity=2)
    for key in "abc":
        assert buckets.spend(key, 0.0) == 0.0

    assert len(buckets) == 2
    assert buckets.spend("c", 0.0) > 0
    assert buckets.spend("a", 0.0) == 0.0


@given(st.lists(st.floats(0, 10), max_size=100))
def test_nobody_gets_more_than_burst_and_rate_together(pauses: list[float]) -> None:
    buckets, now, granted = Buckets(per_s=2.0, burst=5.0), 0.0, 0
    for pause in pauses:
        now += pause
        granted += buckets.spend("a", now) == 0.0

    assert granted <= 5 + 2 * now + 1e-6
