"""Decoding times that browsers take, whatever the camera's pauses; shown when they were before."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.outputs.pacing import Pacer
from media.outputs.samples import Sample


def placed(*shown: int) -> list[Sample]:
    """Pictures shown at these ticks, dated for a browser."""
    pacer = Pacer()
    return [pacer.place(Sample(True, not at, time, 0, b"")) for at, time in enumerate(shown)]


def test_pictures_that_come_evenly_stay_as_they_are() -> None:
    assert [(each.time, each.duration, each.offset) for each in placed(0, 3_600, 7_200)] == [
        (0, 3_600, 0),
        (3_600, 3_600, 0),
        (7_200, 3_600, 0),
    ]


def test_a_picture_after_a_pause_is_decoded_early_and_shown_when_it_should_be() -> None:
    _, _, late, following = placed(0, 3_600, 18_000, 21_600)

    # Two usual pictures after the last, less a millisecond; a quarter of the long step is learnt.
    assert (late.time, late.offset, late.duration) == (10_710, 7_290, 6_300)
    assert (following.time, following.offset) == (21_600, 0)


def test_a_pause_of_more_than_ten_seconds_stays_one() -> None:
    _, late = placed(0, 908_000)

    assert (late.time, late.offset) == (908_000, 0)


@given(steps=st.lists(st.integers(90, 90_000), min_size=1, max_size=60))
def test_no_picture_is_decoded_later_than_two_durations_after_the_one_before(
    steps: list[int],
) -> None:
    shown = [sum(steps[:number]) for number in range(len(steps) + 1)]

    pictures = placed(*shown)

    assert [each.time + each.offset for each in pictures] == shown
    for last, each in pairwise(pictures):
        # A picture that is ten seconds late begins anew.
        assert last.time < each.time <= last.time + 2 * last.duration or each.offset == 0
