"""How often a password may be tried."""

from vms.accounts.throttle import FORGOTTEN_AFTER_S, PAIRS_KEPT, Throttle, lock_s


def test_five_failures_lock_the_pair_and_each_further_one_doubles_the_lock() -> None:
    throttle = Throttle()

    assert [throttle.begin("ann", "127.0.0.1", now=0) for _ in range(6)] == [0, 0, 0, 0, 0, 30]
    assert throttle.begin("ann", "127.0.0.1", now=29) == 1
    assert throttle.begin("ann", "127.0.0.1", now=30) == 0
    assert throttle.begin("ann", "127.0.0.1", now=30) == 60


def test_the_lock_grows_to_a_quarter_of_an_hour_and_no_further() -> None:
    assert [lock_s(n) for n in (0, 4, 5, 6, 9, 10, 1000)] == [0, 0, 30, 60, 480, 900, 900]


def test_a_lock_is_for_one_account_from_one_source() -> None:
    throttle = Throttle()
    for _ in range(5):
        throttle.begin("ann", "127.0.0.1", now=0)

    assert throttle.begin("ann", "127.0.0.2", now=0) == 0
    assert throttle.begin("bob", "127.0.0.1", now=0) == 0


def test_a_success_forgets_the_failures_before_it() -> None:
    throttle = Throttle()
    for _ in range(5):
        throttle.begin("ann", "127.0.0.1", now=0)

    throttle.succeeded("ann", "127.0.0.1")

    assert throttle.begin("ann", "127.0.0.1", now=0) == 0


def test_failures_are_forgotten_after_a_quiet_hour() -> None:
    throttle = Throttle()
    for _ in range(4):
        throttle.begin("ann", "127.0.0.1", now=0)

    later = [throttle.begin("ann", "127.0.0.1", now=FORGOTTEN_AFTER_S) for _ in range(5)]

    assert later == [0] * 5


def test_memory_is_bounded_and_the_quietest_pair_gives_way() -> None:
    throttle = Throttle()
    for _ in range(5):
        throttle.begin("first", "127.0.0.1", now=0)
    for number in range(PAIRS_KEPT):
        throttle.begin(f"name {number}", "127.0.0.1", now=1)

    assert throttle.begin("first", "127.0.0.1", now=2) == 0
