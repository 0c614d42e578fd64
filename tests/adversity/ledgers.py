"""The ledger of the fleet's channels as the API tells it, against what was seen outside."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.adversity.expectation import (
    OFFLINE,
    ONLINE,
    UNKNOWN,
    happenings,
    possible_states,
    spread,
)
from tests.adversity.processes import FleetProcess, ServerProcess, channel_of
from tests.support.waiting import until


async def ledger_holds_what_was_seen(
    client: httpx.AsyncClient, server: ServerProcess, fleet: FleetProcess, began_s: int
) -> None:
    """Every second of every channel is in a state that it can have been in; the sums are exact."""
    # Who came on file in this second has a second in the window.
    ended_s = int(time.time()) + 2
    await until(lambda: time.time() > ended_s + 1)
    window = {"from": _moment(began_s), "to": _moment(ended_s)}
    answer = await client.get("/metrics/online-rate", params=window | {"group_by": "device"})
    rows = {row["key"]: row for row in answer.raise_for_status().json()["items"]}
    seen = happenings(fleet.read(), server.runs)
    leavers = {line.device for line in fleet.seen("copy", "unregister")}
    assert rows.keys() == seen.keys()
    certain: Counter[str] = Counter()
    for device_id, events in seen.items():
        path = f"/devices/{device_id}/channels/{channel_of(device_id)}/ledger"
        intervals = (await client.get(path, params=window)).raise_for_status().json()["items"]
        states = by_second(intervals, ended_s)
        assert min(states) >= int(min(event.after for event in events))
        expected = {second: possible_states(events, second) for second in states}
        wrong = [
            f"{second}: {state}, and could be {sorted(expected[second])}"
            for second, state in states.items()
            if state not in expected[second]
        ]
        assert not wrong, f"{device_id}: {wrong}\n{intervals}\n{server.runs}\n{events}"
        check_sums(rows[device_id], states, ended_s - began_s)
        bounds = spread(expected.values())
        for state, column in ((ONLINE, "online_s"), (OFFLINE, "offline_s"), (UNKNOWN, "unknown_s")):
            assert bounds.least[state] <= rows[device_id][column] <= bounds.most[state]
        if device_id not in leavers:
            assert rows[device_id]["offline_s"] == 0, f"{device_id} was never silent"
        certain.update(bounds.least)
    # Otherwise everything would have been allowed.
    assert certain[ONLINE] > 0
    assert (certain[UNKNOWN] > 0) == (len(server.runs) > 1)


def by_second(intervals: Sequence[Mapping[str, Any]], ended_s: int) -> dict[int, str]:
    """The state of each second; every second once, without a gap."""
    states: dict[int, str] = {}
    next_s: int | None = None
    for interval in intervals:
        start_s = _second(interval["start"])
        end_s = ended_s if interval["end"] is None else min(_second(interval["end"]), ended_s)
        assert next_s in (None, start_s), f"a gap or an overlap before {interval}"
        next_s = end_s
        states |= dict.fromkeys(range(start_s, end_s), str(interval["state"]))
    return states


def check_sums(row: Mapping[str, Any], states: Mapping[int, str], window_s: int) -> None:
    """The figures are the ledger's seconds, and add up to the window, as integers."""
    seconds: defaultdict[str, int] = defaultdict(int, Counter(states.values()))
    assert row["channels"] == 1
    assert row["signalled_s"] == row["online_s"] == seconds[ONLINE]
    assert row["offline_s"] == seconds[OFFLINE]
    assert row["unknown_s"] == seconds[UNKNOWN]
    assert row["not_commissioned_s"] == window_s - len(states)
    parts = ("proven_s", "signalled_s", "offline_s", "unknown_s", "excluded_s")
    assert sum(row[part] for part in parts) + row["not_commissioned_s"] == window_s


def _moment(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


def _second(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
