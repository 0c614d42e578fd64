"""Kills with -9 amid registrations and alarms: what was answered 200 is kept, and the ledger tells
no more and no less than what was there to be seen (N1-N3, N8)."""

import asyncio
import random
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.adversity.ledgers import ledger_holds_what_was_seen
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
from tests.support.waiting import until_async

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
        assert fleet.count("answer", "unregister", 200) > 0


async def kill_amid_a_storm(
    server: ServerProcess, fleet: FleetProcess, dice: random.Random
) -> None:
    """At a random line of the fleet's log, and for a while that is random too."""
    fleet.order("storm 1")
    await fleet.until_more("copy", dice.randint(20, 700))
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
            assert device_id in fleet.leaving(start) or problem["code"] == "rejected", (
                f"{when}: {device_id}: {problem}"
            )

    await asyncio.gather(*(call(device_id) for device_id in expected))
    missed = expected - fleet.leaving(start) - fleet.invited(start)
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
