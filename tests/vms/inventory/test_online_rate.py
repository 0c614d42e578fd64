"""Seconds into rates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from vms.errors import InvalidError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory import online_rate
from vms.inventory.model import (
    Cause,
    Channel,
    ChannelKey,
    Device,
    DeviceKey,
    Interval,
    ReportedChannel,
    State,
    Subject,
    SubjectKind,
)
from vms.inventory.online_rate import (
    Every,
    GroupBy,
    OnlineRateQuery,
    OnlineRateRow,
    Verdict,
    Window,
    online_rates,
    windows,
)

GATE = DeviceId("34020000001110000001")
YARD = DeviceId("34020000001110000002")
SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = Window(0, 3600)


def channel(
    key: int, device_id: DeviceId = GATE, civil_code: str = "340203", manufacturer: str = "Acme"
) -> Channel:
    reported = ReportedChannel(
        ChannelId(f"3402000000132{key:07d}"), civil_code=civil_code, manufacturer=manufacturer
    )
    return Channel(ChannelKey(key), DeviceKey(1), device_id, reported)


def lasting(key: int, *spans: tuple[int, int | None, State]) -> list[Interval]:
    subject = Subject(SubjectKind.CHANNEL, key)
    return [Interval(subject, start, end, state, Cause.CATALOG) for start, end, state in spans]


EVERYTHING = OnlineRateQuery(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))


def rates(
    intervals: list[Interval],
    channels: list[Channel],
    query: OnlineRateQuery = EVERYTHING,
    cut: tuple[Window, ...] = (HOUR,),
) -> list[OnlineRateRow]:
    devices: dict[str, Device] = {GATE: Device(DeviceKey(1), GATE, name="Gate")}
    return online_rates(intervals, channels, devices, query, cut)


def test_every_state_is_counted_by_itself() -> None:
    intervals = lasting(
        1,
        (0, 600, State.ONLINE_PROVEN),
        (600, 1200, State.ONLINE_SIGNALLED),
        (1200, 1500, State.OFFLINE),
        (1500, 2500, State.UNKNOWN),
        (2500, 3000, State.EXCLUDED),
        (3000, None, State.NOT_COMMISSIONED),
    )

    [row] = rates(intervals, [channel(1)])

    assert (row.proven_s, row.signalled_s, row.offline_s) == (600, 600, 300)
    assert (row.unknown_s, row.excluded_s, row.not_commissioned_s) == (1000, 500, 600)
    assert row.online_s == 1200
    assert row.total_s == 3600
    assert row.online_rate == 1200 / (3600 - 500 - 1000 - 600)
    assert row.coverage == 1 - 1000 / (3600 - 500 - 600)


def test_seconds_before_a_channel_was_on_file_and_after_lower_no_rate() -> None:
    [row] = rates(lasting(1, (1000, 2000, State.ONLINE_SIGNALLED)), [channel(1)])

    assert (row.signalled_s, row.not_commissioned_s, row.total_s) == (1000, 2600, 3600)
    assert (row.online_rate, row.coverage) == (1, 1)


def test_a_window_nobody_observed_has_no_rate() -> None:
    [row] = rates(lasting(1, (0, None, State.UNKNOWN)), [channel(1)])

    assert (row.online_rate, row.coverage) == (None, 0)
    assert row.verdict is Verdict.INSUFFICIENT_EVIDENCE


@pytest.mark.parametrize(
    ("unknown_s", "offline_s", "verdict"),
    [
        (0, 360, Verdict.MET),
        (0, 361, Verdict.MISSED),
        (180, 0, Verdict.MET),
        (181, 0, Verdict.INSUFFICIENT_EVIDENCE),
    ],
)
def test_the_verdict_wants_coverage_first_and_then_the_target(
    unknown_s: int, offline_s: int, verdict: Verdict
) -> None:
    intervals = lasting(
        1,
        (0, unknown_s, State.UNKNOWN),
        (unknown_s, unknown_s + offline_s, State.OFFLINE),
        (unknown_s + offline_s, None, State.ONLINE_SIGNALLED),
    )

    [row] = rates(intervals, [channel(1)])

    assert row.verdict is verdict


def test_rows_are_grouped_and_named() -> None:
    channels = [channel(1), channel(2, YARD, "340204", "Other")]
    intervals = [
        *lasting(1, (0, None, State.ONLINE_SIGNALLED)),
        *lasting(2, (0, None, State.OFFLINE)),
    ]

    def keys(group_by: GroupBy) -> list[tuple[str, str]]:
        return [
            (row.key, row.name)
            for row in rates(intervals, channels, replace(EVERYTHING, group_by=group_by))
        ]

    assert keys(GroupBy.ALL) == [("all", "all")]
    assert keys(GroupBy.DEVICE) == [(GATE, "Gate"), (YARD, YARD)]
    assert keys(GroupBy.DIVISION) == [("340203", "340203"), ("340204", "340204")]
    assert keys(GroupBy.MANUFACTURER) == [("Acme", "Acme"), ("Other", "Other")]
    assert len(keys(GroupBy.CHANNEL)) == 2


def test_filters_leave_channels_out() -> None:
    channels = [channel(1), channel(2, YARD, "340204", "Other")]
    intervals = [
        *lasting(1, (0, None, State.ONLINE_SIGNALLED)),
        *lasting(2, (0, None, State.OFFLINE)),
    ]

    assert rates(intervals, channels)[0].channels == 2
    for query in (
        replace(EVERYTHING, device_id=GATE),
        replace(EVERYTHING, division="340203"),
        replace(EVERYTHING, manufacturer="Acme"),
    ):
        [row] = rates(intervals, channels, query)
        assert (row.channels, row.online_rate) == (1, 1)


def test_an_interval_across_windows_is_cut_and_a_window_without_channels_has_no_row() -> None:
    cut = (Window(0, 3600), Window(3600, 7200), Window(7200, 10_800))

    rows = rates(lasting(1, (3000, 4000, State.OFFLINE)), [channel(1)], cut=cut)

    assert [(row.window.start_s, row.offline_s) for row in rows] == [(0, 600), (3600, 400)]


def test_a_whole_window_is_not_cut() -> None:
    assert windows(Window(5, 10**9), Every.WHOLE, SHANGHAI) == [Window(5, 10**9)]


@pytest.mark.parametrize(
    ("every", "zone", "start", "borders"),
    [
        (Every.DAY, SHANGHAI, "2026-03-01T10:00", ["2026-03-02T00:00", "2026-03-03T00:00"]),
        (Every.WEEK, SHANGHAI, "2026-03-01T10:00", ["2026-03-02T00:00", "2026-03-09T00:00"]),
        (Every.MONTH, SHANGHAI, "2026-01-31T10:00", ["2026-02-01T00:00", "2026-03-01T00:00"]),
        (Every.HOUR, SHANGHAI, "2026-03-01T10:30", ["2026-03-01T11:00", "2026-03-01T12:00"]),
        (Every.DAY, BERLIN, "2026-03-28T12:00", ["2026-03-29T00:00", "2026-03-30T00:00"]),
        (Every.DAY, BERLIN, "2026-10-24T12:00", ["2026-10-25T00:00", "2026-10-26T00:00"]),
    ],
)
def test_windows_are_cut_at_the_borders_of_the_sites_calendar(
    every: Every, zone: ZoneInfo, start: str, borders: list[str]
) -> None:
    first = datetime.fromisoformat(start).replace(tzinfo=zone)
    start_s = int(first.timestamp())
    end_s = int((first + timedelta(days=90)).timestamp())

    cut = windows(Window(start_s, end_s), every, zone)

    assert [
        datetime.fromtimestamp(window.end_s, zone).isoformat()[:16] for window in cut[:2]
    ] == borders
    assert (cut[0].start_s, cut[-1].end_s) == (start_s, end_s)
    assert all(a.end_s == b.start_s for a, b in pairwise(cut))


def test_a_zone_with_a_half_hour_has_its_own_hours() -> None:
    zone = ZoneInfo("Asia/Kolkata")

    cut = windows(Window(0, 7200), Every.HOUR, zone)

    assert [window.end_s for window in cut] == [1800, 5400, 7200]


def test_no_more_windows_are_cut_than_anybody_could_look_at() -> None:
    with pytest.raises(InvalidError, match="more than 10000"):
        windows(Window(0, 10**10), Every.HOUR, SHANGHAI)


def test_no_more_rows_are_made_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online_rate, "MOST_ROWS", 2)
    cut = (Window(0, 3600), Window(3600, 7200), Window(7200, 10_800))

    with pytest.raises(InvalidError, match="more than 2 rows"):
        rates(lasting(1, (0, 10_800, State.OFFLINE)), [channel(1)], cut=cut)
