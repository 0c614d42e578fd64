"""Ports lent in pairs, and rested after use."""

import pytest

from media.rtp.ports import NoPortError, PortLender


def test_even_ports_are_lent_and_the_odd_one_above_belongs_to_them() -> None:
    lender = PortLender(30_001, 30_007, lambda: 0.0)

    assert [lender.lend(), lender.lend(), lender.lend()] == [30_002, 30_004, 30_006]
    with pytest.raises(NoPortError, match="3 ports lent"):
        lender.lend()


def test_an_even_port_without_its_odd_neighbour_is_not_lent() -> None:
    with pytest.raises(ValueError, match="no pair"):
        PortLender(30_001, 30_002, lambda: 0.0)


def test_a_returned_port_rests_before_it_is_lent_again() -> None:
    seconds = [0.0]
    lender = PortLender(30_000, 30_001, lambda: seconds[0], quarantine_s=30)
    lender.give_back(lender.lend())

    seconds[0] = 29.9
    with pytest.raises(NoPortError, match="1 at rest"):
        lender.lend()
    seconds[0] = 30.0
    assert lender.lend() == 30_000


def test_the_port_returned_longest_ago_is_lent_first() -> None:
    lender = PortLender(30_000, 30_005, lambda: 0.0, quarantine_s=0)
    first, second = lender.lend(), lender.lend()
    lender.give_back(second)
    lender.give_back(first)

    assert [lender.lend(), lender.lend(), lender.lend()] == [30_004, second, first]
    assert lender.lent == 3


def test_a_port_that_was_not_lent_cannot_be_returned() -> None:
    lender = PortLender(30_000, 30_001, lambda: 0.0)

    with pytest.raises(ValueError, match="was not lent"):
        lender.give_back(30_000)


@pytest.mark.parametrize(("first", "last"), [(0, 10), (20, 10), (65_000, 70_000)])
def test_impossible_ranges_are_refused(first: int, last: int) -> None:
    with pytest.raises(ValueError, match="no range"):
        PortLender(first, last, lambda: 0.0)
