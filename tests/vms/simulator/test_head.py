"""A simulated head: where it points, worked out from what was commanded and when."""

import pytest

from vms.simulator.head import (
    PAN_SPEED_LIMIT,
    TILT_MAX,
    TILT_MIN,
    ZOOM_MAX,
    Area,
    Head,
    Home,
    Pose,
)


def test_it_moves_while_it_is_told_to_and_stops_on_a_stop() -> None:
    head = Head(now=0)

    head.move(0.5, 0, 0, now=0)
    half_way = head.pose(now=1)
    head.stop(now=2)

    assert half_way.pan == PAN_SPEED_LIMIT / 2
    assert head.pose(now=2) == head.pose(now=60) == Pose(pan=PAN_SPEED_LIMIT)
    assert not head.is_moving(now=60)


def test_it_turns_round_and_round_and_tilts_and_zooms_to_its_limits() -> None:
    head = Head(now=0)

    head.move(1, -1, 1, now=0)

    pose = head.pose(now=5)
    assert pose == Pose(5 * PAN_SPEED_LIMIT % 360, TILT_MIN, 26.0)
    assert head.pose(now=20).zoom == ZOOM_MAX
    head.move(0, 1, -1, now=20)
    assert head.pose(now=60) == Pose(head.pose(now=20).pan, TILT_MAX, 1.0)


def test_a_movement_of_no_speed_is_a_stop() -> None:
    head = Head(now=0)
    head.move(1, 0, 0, now=0)

    head.move(0, 0, 0, now=1)

    assert not head.is_moving(now=2)


def test_a_preset_is_where_it_pointed_and_is_reached_the_short_way() -> None:
    head = Head(now=0)
    head.go_to(Pose(350, 10, 5), now=0)
    assert head.pose(now=30) == Pose(350, 10, 5)
    assert head.set_preset(7, "Gate", now=30)
    head.go_to(Pose(20, 10, 5), now=30)
    assert head.pose(now=60).pan == 20

    assert head.call_preset(7, now=60)

    on_the_way = head.pose(now=60 + 25 / PAN_SPEED_LIMIT)
    assert on_the_way.pan == pytest.approx(355)
    assert head.pose(now=70) == Pose(350, 10, 5)
    assert head.presets[7][0] == "Gate"


def test_presets_outside_1_to_255_do_not_exist() -> None:
    head = Head(now=0)

    assert not head.set_preset(0, "", now=0)
    assert not head.set_preset(256, "", now=0)
    assert not head.call_preset(9, now=0)
    assert head.set_preset(255, "", now=0)
    head.delete_preset(255)
    assert head.presets == {}


def with_presets(*poses: Pose) -> Head:
    head = Head(now=0)
    for number, pose in enumerate(poses, start=1):
        head.go_to(pose, now=100 * number - 100)
        head.set_preset(number, "", now=100 * number - 1)
    return head


def test_a_cruise_goes_from_preset_to_preset_and_stays_at_each() -> None:
    head = with_presets(Pose(pan=0), Pose(pan=45))
    head.add_cruise_point(1, 1)
    head.add_cruise_point(1, 2, "Round")
    head.cruise(1).speed, head.cruise(1).stay_s = 15, 10
    head.go_to(Pose(), now=200)

    assert head.start_cruise(1, now=300)

    assert head.pose(now=309).pan == 0
    assert head.pose(now=310.25).pan == pytest.approx(22.5)
    assert head.pose(now=315).pan == 45
    assert head.pose(now=320.75).pan == pytest.approx(22.5)
    assert head.pose(now=325).pan == 0
    assert head.is_moving(now=325)
    head.stop(now=326)
    assert head.pose(now=400).pan == 0


def test_a_cruise_nobody_looked_at_for_a_day_is_somewhere_on_its_track() -> None:
    head = with_presets(Pose(pan=0), Pose(pan=45))
    for preset in (1, 2):
        head.add_cruise_point(1, preset)
    head.start_cruise(1, now=300)

    assert 0 <= head.pose(now=300 + 86_400).pan <= 45


def test_a_cruise_without_points_does_not_start() -> None:
    head = with_presets(Pose(pan=10))
    head.add_cruise_point(1, 1)
    head.add_cruise_point(1, 200)

    head.delete_cruise_point(1, 1)
    assert not head.start_cruise(1, now=200)
    head.delete_cruise_point(1, 0)

    assert head.cruises == {}


def test_a_scan_sweeps_between_its_borders() -> None:
    head = with_presets(Pose(pan=350), Pose(pan=10))
    head.call_preset(1, now=200)
    head.set_scan_border(1, is_left=True, now=210)
    head.call_preset(2, now=210)
    head.set_scan_border(1, is_left=False, now=220)
    head.scan(1).speed = 255

    head.start_scan(1, now=220)

    pans = [head.pose(now=220 + tenth / 10).pan for tenth in range(100)]
    assert all(pan >= 350 or pan <= 10 for pan in pans)
    assert min(pans) < 5
    assert max(pans) > 355
    assert head.is_moving(now=240)


def test_a_scan_without_borders_goes_round() -> None:
    head = Head(now=0)

    head.start_scan(1, now=0)

    assert len({round(head.pose(now=second).pan) for second in range(20)}) == 20


def test_it_returns_home_by_itself_when_nobody_commands_it() -> None:
    head = with_presets(Pose(pan=45))
    head.set_home(Home(is_enabled=True, reset_s=30, preset=1), now=200)
    head.move(1, 0, 0, now=210)
    head.stop(now=212)

    assert head.pose(now=241).pan == 45 + 2 * PAN_SPEED_LIMIT
    assert head.pose(now=243).pan == 45 + PAN_SPEED_LIMIT
    assert head.pose(now=250).pan == 45


def test_dragging_a_box_brings_it_to_the_middle_and_fills_the_window() -> None:
    head = Head(now=0)
    box = Area(window_width=1280, window_height=720, x=960, y=360, width=320, height=180)

    assert head.drag_zoom(box, is_in=True, now=0)

    assert head.pose(now=10) == Pose(pan=15, tilt=0, zoom=4)
    assert head.drag_zoom(Area(1280, 720, 640, 360, 320, 180), is_in=False, now=10)
    assert head.pose(now=20).zoom == 1
    assert not head.drag_zoom(Area(0, 720, 640, 360, 320, 180), is_in=True, now=20)


def test_tracking_sways_around_what_it_follows_until_a_stop() -> None:
    head = Head(now=0)

    head.track(Area(1280, 720, 960, 360, 10, 10), now=0)

    assert head.is_tracking
    assert 5 <= head.pose(now=100).pan <= 25
    head.stop(now=100)
    assert not head.is_tracking


def test_focus_and_iris_turn_until_they_are_told_to_stop() -> None:
    head = Head(now=0)

    head.turn_lens(1, -0.5, now=0)
    turning = head.lens(now=0.5)
    head.turn_lens(0, 0, now=0.5)

    assert turning == head.lens(now=9) == (750, 375)
