"""A circular of three districts, with every part that a circular can have."""

from vms.figures.model import OutageFigures, Seconds, Targets
from vms.reports.model import (
    CameraLine,
    Circular,
    Day,
    ExclusionLine,
    Figure,
    OutageLine,
    Proof,
    Region,
)

DAY_S = 86_400
START_S = 1_793_203_200  # 2026-10-29 00:00 +08:00
DAYS = 4


def figure(key: str, name: str, channels: int, offline_s: int, unknown_s: int = 0) -> Figure:
    """All that was not offline or unknown was online, a third of it proven."""
    online_s = channels * DAYS * DAY_S - offline_s - unknown_s
    seconds = Seconds(
        proven_s=online_s // 3,
        signalled_s=online_s - online_s // 3,
        offline_s=offline_s,
        unknown_s=unknown_s,
    )
    return Figure(key, name, channels, seconds, OutageFigures(3, 2, offline_s // 2))


def a_circular(cameras: int = 30, hostile_name: str = '=HYPERLINK("x")') -> Circular:
    """Good, just under the line, and hardly observed."""
    good = figure("340202", "镜湖区", 10, 3_600)
    poor = figure("340203", "弋江区", 10, 345_601)  # one second more than a tenth of 3,456,000
    dark = figure("340207", "鸠江区", 10, 0, 1_728_000)
    lines = tuple(
        CameraLine(
            "34020000001180000001",
            f"3402000000132{number:07}",
            "340203",
            "弋江区",
            "浉河泵站",
            figure(
                f"34020000001180000001/3402000000132{number:07}",
                hostile_name if number == 0 else f"卡口 {number}",
                1,
                number * 100,
            ),
        )
        for number in range(cameras)
    )
    return Circular(
        issuer="示范市视频办",
        start_s=START_S,
        end_s=START_S + DAYS * DAY_S,
        time_zone="Asia/Shanghai",
        level=6,
        targets=Targets(),
        total=figure("all", "", 30, 349_201, 1_728_000),
        previous=figure("all", "", 30, 500_000),
        regions=(
            Region(poor, figure("340203", "弋江区", 10, 400_000), 2),
            Region(good, figure("340202", "镜湖区", 10, 7_200)),
            Region(dark),
        ),
        days=tuple(
            Day(START_S + day * DAY_S, figure("", "", 30, 100_000 * day)) for day in range(DAYS)
        ),
        cameras=lines,
        outages=(
            OutageLine(
                START_S + 3_600,
                START_S + 7_200,
                "recorder_lost",
                "录像机断电，64 路通道同时离线。",
                "A recorder lost power; its 64 channels went together.",
                "34020000001180000001",
                1,
                64,
            ),
            OutageLine(START_S + 9_000, None, "segment_silent", "网段中断。", "Silent.", "x", 2, 2),
        ),
        exclusions=(
            ExclusionLine(
                "示视办〔2026〕7号", "power_cut", START_S, START_S + 3_600, 5, 18_000, "jia", "yi"
            ),
        ),
        proof=Proof(True, START_S + DAYS * DAY_S, 30, 0, "ab" * 32),
        own_absence_s=600,
    )
