import pytest

from vms.errors import ExhaustedError
from vms.sessions.ssrc_pool import SsrcPool

SERVER_ID = "34020000002000000001"


def test_the_first_live_ssrc_is_that_of_the_standards_rule() -> None:
    assert SsrcPool(SERVER_ID).lend() == 200000001


def test_no_number_is_lent_twice_and_running_out_is_said() -> None:
    pool = SsrcPool(SERVER_ID)

    lent = [pool.lend() for _ in range(9_999)]

    assert len(set(lent)) == 9_999
    with pytest.raises(ExhaustedError, match="SSRC"):
        pool.lend()


def test_a_number_given_back_is_lent_last() -> None:
    pool = SsrcPool(SERVER_ID)
    first = pool.lend()

    pool.give_back(first)
    pool.give_back(first)

    assert pool.lent == 0
    assert [pool.lend() for _ in range(9_999)][-1] == first
