"""Done-criterion: a scripted month gives, to the second, what was worked out by hand before.

10,000 cameras register, fall silent, move, are switched off and seen; the server is stopped, killed
and has its clock set. Everything devices do comes as SIP from sockets, on a clock that the script
turns; nothing is inserted. `expected` has the seconds.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest

from tests.scenarios.month.expected import FATES, MONTH_S, MONTH_STARTS_S
from tests.scenarios.month.life import Life, steer
from tests.scenarios.month.script import LOOKS_S, Month, at
from tests.support.clock import FakeClock
from tests.support.town import settings_for
from vms.inventory.model import State, SubjectKind
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore

FIELDS = {
    State.ONLINE_PROVEN: "proven_s",
    State.ONLINE_SIGNALLED: "signalled_s",
    State.OFFLINE: "offline_s",
    State.UNKNOWN: "unknown_s",
    State.NOT_COMMISSIONED: "not_commissioned_s",
}


@pytest.fixture(autouse=True)
def steered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes when the script says so."""
    steer(monkeypatch)


async def ledger_seconds(url: str, fates: dict[tuple[str, str], str]) -> dict[str, Counter[str]]:
    """Of each group the seconds of the month as its channels' ledgers have them, raw."""
    start_s, end_s = MONTH_STARTS_S, MONTH_STARTS_S + MONTH_S
    found: dict[str, Counter[str]] = {}
    async with Database.open(url) as database:
        store = SqlDeviceStore(database)
        stored = await store.load_all()
        group_of: dict[int, str] = {
            channel.key: fates[channel.device_id, channel.channel_id]
            for channel in (*stored.channels, *await store.removed_channels())
        }
        for group in group_of.values():
            found.setdefault(group, Counter())["not_commissioned_s"] += MONTH_S
        for span in await store.intervals_of_all(SubjectKind.CHANNEL, start_s, end_s):
            seconds = found[group_of[span.subject.key]]
            until_s = end_s if span.end_s is None else min(span.end_s, end_s)
            lasts_s = until_s - max(span.start_s, start_s)
            seconds[FIELDS[span.state]] += lasts_s
            seconds["not_commissioned_s"] -= lasts_s
    return found


def ledger_expected() -> dict[str, Counter[str]]:
    """The same by hand. What is excluded is no matter of the ledger, but of what is laid over it:
    below lie the states that the arithmetic of `expected` took it from."""
    found: dict[str, Counter[str]] = {}
    for fate in FATES:
        of_group = found.setdefault(fate.group, Counter())
        for name in FIELDS.values():
            of_group[name] += fate.cameras * getattr(fate, name)
    for group, state, seconds in (
        ("power_cut", "offline_s", 100 * 32_400),
        ("maintained", "signalled_s", 100 * 6_840),
        ("maintained", "unknown_s", 100 * 360),
        ("under_construction", "signalled_s", 100 * 7_200),
    ):
        found[group][state] += seconds
    return found


@pytest.mark.timeout(600)
async def test_a_month_of_ten_thousand_cameras_to_the_second(
    database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    begun = perf_counter()
    clock = FakeClock(datetime.fromtimestamp(MONTH_STARTS_S + at(0), UTC))
    settings = settings_for(tmp_path, database__url=database_url)
    async with Life(settings, clock, LOOKS_S) as life:
        month = Month(life)
        await month.live()
        record_property("seconds it took to live the month", round(perf_counter() - begun, 1))

    fates = month.fates()
    assert len(fates) == 10_000
    found = await ledger_seconds(database_url, fates)
    assert found == ledger_expected()
