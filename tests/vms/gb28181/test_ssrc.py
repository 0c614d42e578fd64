"""SSRCs as the standard composes them."""

import pytest

from vms.gb28181.ssrc import Ssrc, history_ssrc, is_history, live_ssrc, ten_digits

PLATFORM = "34020000002000000001"


def test_a_live_ssrc_holds_the_domain_and_a_sequence() -> None:
    ssrc = live_ssrc(PLATFORM, 1)

    assert ten_digits(ssrc) == "0200000001"
    assert ssrc == 0x0BEBC201
    assert not is_history(ssrc)


def test_a_history_ssrc_begins_with_one() -> None:
    ssrc = history_ssrc(PLATFORM, 23)

    assert ten_digits(ssrc) == "1200000023"
    assert ssrc == 0x47868C17
    assert is_history(ssrc)


def test_a_domain_of_ten_digits_serves_as_well() -> None:
    assert ten_digits(live_ssrc("1301000000", 0)) == "0100000000"


@pytest.mark.parametrize("sequence", [-1, 10_000])
def test_a_sequence_beyond_four_digits_is_the_callers_mistake(sequence: int) -> None:
    with pytest.raises(ValueError, match="four digits"):
        live_ssrc(PLATFORM, sequence)


def test_an_ssrc_a_device_made_up_is_no_history() -> None:
    assert not is_history(Ssrc(4_000_000_000))
