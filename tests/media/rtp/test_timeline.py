"""Which of a device's clocks is believed."""

from media.rtp.timeline import JUMP_TICKS, Timeline
from media.unit import PTS_HZ, PTS_MODULUS


def test_a_right_pts_is_taken_as_it_is() -> None:
    timeline = Timeline()

    assert [timeline.picture(903_600 + n * 3600, 0, 0.0) for n in range(3)] == [
        903_600,
        907_200,
        910_800,
    ]


def test_time_goes_on_over_the_wrap() -> None:
    timeline = Timeline()

    assert timeline.picture(PTS_MODULUS - 1800, 0, 0.0) == PTS_MODULUS - 1800
    assert timeline.picture(1800, 0, 0.0) == PTS_MODULUS + 1800


def test_pictures_out_of_display_order_keep_their_times() -> None:
    timeline = Timeline()

    assert [timeline.picture(n * 3600, 0, 0.0) for n in (0, 3, 1, 2)] == [0, 10_800, 3600, 7200]


def test_a_pts_that_stands_still_gives_way_to_the_rtp_timestamp() -> None:
    timeline = Timeline()

    assert [timeline.picture(0, 5 + n * 3600, 0.0) for n in range(3)] == [0, 3600, 7200]


def test_without_any_clock_the_arrival_counts() -> None:
    timeline = Timeline()

    assert [timeline.picture(None, 7, n / 25) for n in range(3)] == [7, 3607, 7207]


def test_a_picture_without_a_pts_is_placed_between_its_neighbours() -> None:
    timeline = Timeline()

    times = [
        timeline.picture(0, 0, 0.0),
        timeline.picture(None, 3600, 0.04),
        timeline.picture(7200, 7200, 0.08),
    ]

    assert times == [0, 3600, 7200]


def test_a_jump_leaves_no_gap() -> None:
    timeline = Timeline()
    timeline.picture(0, 0, 0.0)

    assert timeline.picture(JUMP_TICKS + 1, 3600, 0.04) == 3600
    assert timeline.picture(JUMP_TICKS + 3601, 7200, 0.08) == 7200


def test_sound_keeps_its_place_beside_the_pictures() -> None:
    timeline = Timeline()
    timeline.picture(900 * PTS_HZ, 0, 0.0)
    timeline.picture(0, 3600, 0.04)

    assert timeline.sound(1800, 0, 0.05) == 900 * PTS_HZ + 3600 + 1800


def test_sound_that_came_before_the_first_picture_does_not_move_it() -> None:
    timeline = Timeline()

    assert timeline.sound(903_600, 0, 0.0) == 903_600
    assert timeline.picture(903_600, 0, 0.0) == 903_600


def test_sound_alone_leads_for_hours() -> None:
    timeline = Timeline()
    times = [timeline.sound(n * 3600 % PTS_MODULUS, 0, n / 25) for n in range(1000)]

    assert times == [n * 3600 for n in range(1000)]


def test_sound_with_a_clock_of_its_own_is_placed_by_its_arrival() -> None:
    timeline = Timeline()
    timeline.picture(0, 0, 10.0)

    assert timeline.sound(500 * PTS_HZ, 0, 10.02) == 1800
    assert timeline.at_arrival(10.04) == 3600
