"""What every command needs."""

import pytest

from tests.support.clock import FakeClock
from vms.console import LONG_LOOK_S, OLDEST, LongLooks


@pytest.mark.parametrize(
    ("generation", "took_s", "is_left_out"),
    [
        (OLDEST, LONG_LOOK_S * 2, True),
        (OLDEST, LONG_LOOK_S / 2, False),
        (OLDEST - 1, LONG_LOOK_S * 2, False),
    ],
)
def test_what_survives_a_long_look_for_garbage_is_left_out_of_the_next(
    generation: int, took_s: float, is_left_out: bool
) -> None:
    clock = FakeClock()
    left_out: list[float] = []
    looks = LongLooks(clock.monotonic, lambda: left_out.append(clock.monotonic()))

    looks("start", {"generation": generation})
    clock.advance(took_s)
    looks("stop", {"generation": generation})

    assert bool(left_out) is is_left_out
