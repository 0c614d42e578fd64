"""Kills with -9 amid registrations and alarms: what was answered 200 is kept, and the ledger tells
no more and no less than what was there to be seen (N1-N3, N8)."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.adversity.expectation import (
    OFFLINE,
    ONLINE,
    UNKNOWN,
    happenings,
    possible_states,
    spread,
)
from tests.adversity.processes import (
    FleetProcess,
    ServerProcess,
    all_alarms,
    channel_of,
    fleet_process,
    server_process,
    until_all,
)
from tests.support.databases import sqlite_url
from tests.support.waiting import until, until_async

FIRST_DEVICES = 16
KILLS_ON_SQLITE, KILLS_ON_POSTGRESQL = 20, 5
CALLS_AT_ONCE = 8
PATIENCE_S = 60.0


@pytest.mark.timeout(600)
async def test_twenty_kills_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    await live_through_kills(tmp_path, sqlite_url(tmp_path), KILLS_ON_SQLITE, seed=28181)


@pytest.mark.timeout(300)
async def test_five_kills_lose_nothing_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    await live_through_kills(tmp_path, postgresql_url, KILLS_ON_POSTGRESQL, seed=5)


async def live_through_kills(folder: Path, database_url: str, kills: int, seed: int) -> None:
    """Kill, start again, and look; in the end compare the ledger with what the fleet saw."""
    dice = random.Random(seed)  # noqa: S311  a run that can be repeated
    began_s = int(time.time())
    async with (
        server_process(folder, database_url) as server,
        fleet_process(folder, server, FIRST_DEVICES, seed) as fleet,
    ):
        async with server.client() as client:
            await until_all(client, "/channels", lambda total: total == FIRST_DEVICES)
        for number in range(kills):
            await kill_amid_a_storm(server, fleet, dice)
            await server.start()
            summary = f"kill {number + 1} of {kills} (seed {seed})"
            async with server.client() as client:
                fleet.order("calm")
                await everybody_is_reached(client, fleet, summary)
                await every_alarm_is_kept_once(client, fleet, summary)

        await fleet.calm_down()
        async with server.client() as client:
            await until_all(client, "/channels", lambda total: total == FIRST_DEVICES + kills)
            await every_alarm_is_kept_once(client, fleet, "in the end")
            await ledger_holds_what_was_seen(client, server, fleet, began_s)


async def kill_amid_a_storm(
    server: ServerProcess, fleet: FleetProcess, dice: random.Random
) -> None:
    """At a random line of the fleet's log, and for a while that is random too."""
    fleet.order("storm 1")
    await fleet.until_more("copy", dice.randint(20, 400))
    await server.kill()
    if dice.random() < 0.5:
        await fleet.until_more("bounced", dice.randint(1, 150))


async def everybody_is_reached(client: httpx.AsyncClient, fleet: FleetProcess, when: str) -> None:
    """An INVITE gets to each device whose REGISTER was answered 200."""
    start = len(fleet.read())
    expected = fleet.registered()
    at_most = asyncio.Semaphore(CALLS_AT_ONCE)

    async def call(device_id: str) -> None:
        async with at_most:
            path = f"/devices/{device_id}/channels/{channel_of(device_id)}"

            # A device that was new may not have told its channel before the kill.
            async def is_known() -> bool:
                return (await client.get(path)).is_success

            await until_async(is_known, bool, PATIENCE_S)
            answer = await client.post(f"{path}/live", params={"wait_s": 15})
            problem = answer.json()
            has_left = device_id not in fleet.registered()
            assert has_left or (problem["code"], problem["status"]) == ("rejected", 502), (
                f"{when}: {device_id}: {problem}"
            )

    await asyncio.gather(*(call(device_id) for device_id in expected))
    missed = expected & fleet.registered() - fleet.invited(start)
    assert not missed, f"{when}: no INVITE reached {sorted(missed)}"


async def every_alarm_is_kept_once(
    client: httpx.AsyncClient, fleet: FleetProcess, when: str
) -> None:
    """Those answered 200 are there, and none is there twice."""
    fleet.read()
    acknowledged = fleet.acknowledged_alarms()
    stored = Counter(await all_alarms(client))
    lost = acknowledged - stored.keys()
    assert not lost, f"{when}: answered 200 and not stored: {sorted(lost)}"
    doubled = [alarm for alarm, times in stored.items() if times > 1]
    assert not doubled, f"{when}: stored more than once: {sorted(doubled)}"


async def ledger_holds_what_was_seen(
    client: httpx.AsyncClient, server: ServerProcess, fleet: FleetProcess, began_s: int
) -> None:
    """Every second of every channel is in a state that it can have been in; the sums are exact."""
    ended_s = int(time.time())
    await until(lambda: time.time() > ended_s + 1)
    window = {"from": _moment(began_s), "to": _moment(ended_s)}
    answer = await client.get("/metrics/online-rate", params=window | {"group_by": "device"})
    rows = {row["key"]: row for row in answer.raise_for_status().json()["items"]}
    seen = happenings(fleet.read(), server.runs)
    leavers = {line.device for line in fleet.seen("copy", "unregister")}
    assert rows.keys() == seen.keys()
    assert leavers
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
    assert certain[UNKNOWN] > 0


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
