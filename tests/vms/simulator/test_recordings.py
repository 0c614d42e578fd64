"""What a simulated camera has recorded."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from vms.simulator.recordings import RETENTION, segments

CHANNEL = "34020000001320000001"
NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def test_the_same_camera_has_always_the_same_recordings() -> None:
    first = list(segments(CHANNEL, NOW - DAY, NOW - DAY / 2, NOW))
    later = list(segments(CHANNEL, NOW - DAY, NOW - DAY / 2, NOW + DAY))
    other = list(segments("34020000001320000002", NOW - 9 * DAY, NOW, NOW))

    assert first == later
    assert [one.kind for one in other] != [
        one.kind for one in segments(CHANNEL, NOW - 9 * DAY, NOW, NOW)
    ]


def test_recordings_follow_each_other_without_overlap_and_not_into_the_future() -> None:
    found = list(segments(CHANNEL, NOW - 3 * DAY, NOW + DAY, NOW))

    assert all(one.start < one.end for one in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
    assert found[-1].end == NOW
    assert {one.kind for one in found} == {"time", "alarm", "manual"}
    assert len({one.path for one in found}) == len(found)


def test_recordings_can_be_asked_for_by_type_and_stream() -> None:
    alarms = list(segments(CHANNEL, NOW - 9 * DAY, NOW, NOW, kind="alarm", stream_number=1))

    assert {(one.kind, one.stream_number) for one in alarms} == {("alarm", 1)}


def test_old_recordings_are_overwritten() -> None:
    found = list(segments(CHANNEL, NOW - 400 * DAY, NOW, NOW))

    assert found[0].end > NOW - RETENTION
    assert list(segments(CHANNEL, NOW - 400 * DAY, NOW - 300 * DAY, NOW)) == []


def test_a_question_from_end_to_start_finds_nothing() -> None:
    assert list(segments(CHANNEL, NOW, NOW - DAY, NOW)) == []
