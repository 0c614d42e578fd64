"""Absences and ailments that are no crash: a clean stop, an outage longer than any limit, SIGTERM
under load, a database that somebody else has locked."""

import asyncio
import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from tests.adversity.expectation import OF_COMMITS
from tests.adversity.ledgers import ledger_holds_what_was_seen
from tests.adversity.processes import (
    FleetProcess,
    Line,
    all_alarms,
    channel_of,
    fleet_process,
    server_process,
    until_all,
)
from tests.support.databases import sqlite_url
from tests.support.waiting import until
from vms.signalling.registrar import STORM_S

DEVICES = 6
LIMIT_S = 5
"""Silence that takes a device offline, the shortest that the API takes: 5 s, once missed."""

OUTAGE_S = 1.6 * LIMIT_S
LIFE_S = 5.0
"""How long each life of the server lasts at least: a life mark's period, and something to see."""

DEVICES_AT_THE_STOP = 24
PATIENCE_S = 60.0
ANSWER_LIMIT_S = 3.0
"""How long after it was judged an answer may be seen."""


async def everybody_is_there(client: httpx.AsyncClient, devices: int = DEVICES) -> None:
    await until_all(client, "/channels", lambda total: total == devices)


async def make_impatient(client: httpx.AsyncClient) -> None:
    """Offline after `LIMIT_S` of silence."""
    for device in (await client.get("/devices")).raise_for_status().json()["items"]:
        patch = {"keepalive_interval_s": LIMIT_S, "keepalive_misses": 1}
        path = f"/devices/{device['device_id']}"
        (await client.patch(path, json=patch)).raise_for_status()


async def until_seen(fleet: FleetProcess, what: str, at: float) -> None:
    """The fleet wrote down such a thing at that moment or later."""
    await until(lambda: any(line.at >= at for line in fleet.seen(what)), PATIENCE_S)


async def test_an_outage_longer_than_every_limit_takes_nobody_offline(tmp_path: Path) -> None:
    began_s = int(time.time())
    async with (
        server_process(tmp_path, sqlite_url(tmp_path)) as server,
        fleet_process(tmp_path, server, DEVICES, seed=60) as fleet,
    ):
        async with server.client() as client:
            await everybody_is_there(client)
            await make_impatient(client)

        for end in (server.stop, server.kill):
            await end()
            await until_seen(fleet, "bounced", server.runs[-1].ends_by + OUTAGE_S)
            await server.start()
            await until_seen(fleet, "answer", time.time() + LIFE_S)

        await fleet.calm_down()
        async with server.client() as client:
            await ledger_holds_what_was_seen(client, server, fleet, began_s)
            devices = (await client.get("/devices")).raise_for_status().json()["items"]
            assert {device["status"] for device in devices} == {"online"}


async def test_a_stop_under_load_ends_every_call_and_loses_nothing(tmp_path: Path) -> None:
    async with (
        server_process(tmp_path, sqlite_url(tmp_path)) as server,
        fleet_process(tmp_path, server, DEVICES_AT_THE_STOP, seed=22, refuses_calls=False) as fleet,
    ):
        async with server.client() as client:
            await everybody_is_there(client, DEVICES_AT_THE_STOP)
            await asyncio.gather(*(watch(client, each) for each in fleet.registered()))
        await until(lambda: fleet.count("ack") >= DEVICES_AT_THE_STOP, PATIENCE_S)
        fleet.order("storm")
        await fleet.until_more("answer", 50, "alarm", 200)

        await server.stop()

        await until(lambda: calls(fleet, "ack") <= calls(fleet, "bye"), PATIENCE_S)
        await server.start()
        await fleet.calm_down()
        async with server.client() as client:
            stored = await all_alarms(client)
            assert fleet.acknowledged_alarms() <= set(stored)
            assert len(stored) == len(set(stored))


async def watch(client: httpx.AsyncClient, device_id: str) -> None:
    """Start a live session; it need not get a picture."""
    path = f"/devices/{device_id}/channels/{channel_of(device_id)}/live"
    (await client.post(path)).raise_for_status()


def calls(fleet: FleetProcess, what: str) -> set[str]:
    """Call-IDs that were acknowledged, or hung up."""
    return {line.key for line in fleet.seen(what)}


async def test_what_a_locked_database_cannot_take_is_not_acknowledged(tmp_path: Path) -> None:
    database_url = sqlite_url(tmp_path)
    async with (
        server_process(tmp_path, database_url) as server,
        fleet_process(tmp_path, server, DEVICES, seed=7) as fleet,
    ):
        began_s = int(time.time())
        async with server.client() as client:
            await everybody_is_there(client)
            fleet.order("storm")
            await fleet.until_more("answer", 20, "alarm", 200)

            with locked(Path(database_url.partition("///")[2])):
                start, locked_at = len(fleet.read()), time.time()
                for kind in ("alarm", "register"):
                    await fleet.until_more("answer", 2, kind, 503)
                await fleet.until_more("answer", 2 * DEVICES, "keepalive", 200)
                lines = list(fleet.read())

            fresh = {
                line.key
                for line in lines[start:]
                if line.what == "copy" and line.kind in OF_COMMITS and line.at > locked_at
            }
            old = {line.key for line in lines[:start]}
            taken = [
                line
                for line in lines[start:]
                if line.what == "answer" and line.status == 200 and line.key in fresh - old
            ]
            assert [line for line in taken if not was_stored(line, lines[:start])] == []

            await fleet.calm_down()
            stored = await all_alarms(client)
            assert fleet.acknowledged_alarms() <= set(stored)
            assert len(stored) == len(set(stored))
            await ledger_holds_what_was_seen(client, server, fleet, began_s)


def was_stored(line: Line, before: Sequence[Line]) -> bool:
    """A REGISTER that repeats one of a moment ago, which is stored: it needs no commit again."""
    return line.kind == "register" and any(
        earlier.what == "answer"
        and (earlier.kind, earlier.device, earlier.status) == ("register", line.device, 200)
        and line.at - earlier.at < STORM_S + ANSWER_LIMIT_S
        for earlier in before
    )


@contextmanager
def locked(database: Path) -> Generator[None]:
    """Nobody else can write to it."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
