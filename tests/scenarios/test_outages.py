"""What is lost together is one outage with the right cause, on real sockets (docs/outages.md)."""

import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.support.outage_injector import Case, Injector
from tests.support.town import LIMITS, PASSWORD, Town, settings_for
from tests.support.waiting import until, until_async
from vms.diagnosis.outage_state import OutagePolicy
from vms.errors import VmsError
from vms.gb28181.ids import DeviceId
from vms.inventory.model import NewDevice, State
from vms.inventory.outage_records import Outage, OutageCause, OutageQuery
from vms.server import Server

QUICK = OutagePolicy(quiet_s=0.5, longest_s=2.0, join_s=8.0, hold_s=60.0, calm_s=60.0)
SILENCE_LIMIT_S = (2.0, 3)
"""Keepalive interval and misses of the devices here."""

PATIENCE_S = 60.0
CONTROLS = 3


@asynccontextmanager
async def watched(folder: Path, policy: OutagePolicy = QUICK) -> AsyncGenerator[Town]:
    async with Server.open(settings_for(folder), limits=LIMITS, grouping=policy) as server:
        yield Town(server)


async def on_file(server: Server, device_id: str) -> None:
    interval_s, misses = SILENCE_LIMIT_S
    await server.inventory.add_device(
        NewDevice(DeviceId(device_id), keepalive_interval_s=interval_s, keepalive_misses=misses)
    )


async def outages(server: Server) -> Sequence[Outage]:
    return await server.outages.outages(OutageQuery())


async def test_44_cameras_that_come_and_go_are_one_outage(tmp_path: Path) -> None:
    def is_flapping(found: Sequence[Outage]) -> bool:
        return [each.cause for each in found] == [OutageCause.FLAPPING] and found[0].falls >= 176

    async with watched(tmp_path) as place, place.cameras(44, faults=("flapping=0.5",)):
        [outage] = await until_async(lambda: outages(place.server), is_flapping, limit_s=PATIENCE_S)

        assert (outage.devices, outage.ended_s) == (44, None)
        assert outage.scope == {"segment": "127.0.0.0/24"}
        assert outage.judgements[-1].cause is OutageCause.FLAPPING


async def test_a_recorder_with_64_channels_that_loses_its_power_is_one_outage(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as place:
        recorder = "34020000001180000001"
        await on_file(place.server, recorder)
        async with place.cameras(channels=64, keepalive_s=1.0, vanish=True):
            await place.until_ready(channels=64)

        [outage] = await until_async(lambda: outages(place.server), bool, limit_s=PATIENCE_S)

        assert outage.cause is OutageCause.RECORDER_LOST
        assert (outage.devices, outage.channels, outage.away) == (1, 64, 1)
        assert str(outage.evidence["address"]).startswith("127.0.0.1:")
        members = await place.server.outages.members(outage.outage_id, None, 1000)
        assert len(members) == 65
        assert {member.until_s for member in members} == {None}


async def test_thirteen_causes_in_an_order_that_nobody_told_the_diagnoser(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    seed = secrets.randbits(32)
    async with watched(tmp_path) as place:
        server = place.server
        address = server.endpoint.address
        async with (
            place.cameras(CONTROLS, keepalive_s=1.0),
            Injector.open(
                (address.host, address.port),
                PASSWORD,
                seed,
                lambda device_id: on_file(server, device_id),
            ) as injector,
        ):
            await place.until_ready(CONTROLS, CONTROLS)
            controls = [f"3402000000118000000{number}" for number in range(1, CONTROLS + 1)]
            await server.viewing.live(controls[0], "34020000001320000001", wait_s=20)
            await injector.prepare()
            await injector.strike()
            for case in injector.cases:
                if case.played:
                    await fails_to_play(server, case)

            def everybody_is_judged(named: dict[str, list[str]]) -> bool:
                return all(
                    any(device_id in named for device_id in case.device_ids)
                    for case in injector.cases
                )

            with suppress(TimeoutError):  # the table tells who is missing
                await until_async(lambda: judged(server), everybody_is_judged, 20)
            await until(lambda: server.outages.tracker.due_in_s(0.0) is None, PATIENCE_S)
            named = await judged(server)

        right = 0
        for case in injector.cases:
            told = {cause for each in case.device_ids for cause in named.get(each, ["nothing"])}
            record_property(f"{case.cause}", " and ".join(sorted(told)))
            right += told == {case.cause}
        record_property("seed", seed)
        record_property("named rightly", f"{right} of {len(injector.cases)}")
        assert right >= len(injector.cases) - 1, named
        assert [each for each in controls if each in named] == []


async def judged(server: Server) -> dict[str, list[str]]:
    """By device, the causes of all its outages, told apart where they are several."""
    named: dict[str, list[str]] = {}
    for outage in await outages(server):
        for member in await server.outages.members(outage.outage_id, None, 1000):
            if not member.channel_id or member.way != "device":
                named.setdefault(member.device_id, []).append(outage.cause.value)
    return {device_id: sorted(set(causes)) for device_id, causes in named.items()}


async def fails_to_play(server: Server, case: Case) -> None:
    try:
        await server.viewing.live(case.device_ids[0], case.played, wait_s=20)
    except VmsError:
        return
    raise AssertionError("it played")


async def test_our_own_absence_is_an_outage_without_members_and_others_go_on(
    tmp_path: Path,
) -> None:
    recorder = "34020000001180000001"
    async with watched(tmp_path) as place:
        await on_file(place.server, recorder)
        async with place.cameras(channels=2, keepalive_s=1.0, vanish=True):
            await place.until_ready(channels=2)
        [before] = await until_async(lambda: outages(place.server), bool, limit_s=PATIENCE_S)
        gone_s = int(place.server.clock.wall().timestamp())

    clock = place.server.clock
    await until(lambda: clock.wall().timestamp() >= gone_s + 2)
    async with watched(tmp_path) as place:
        found = await until_async(lambda: outages(place.server), lambda all_: len(all_) == 2)

        absence = next(each for each in found if each.cause is OutageCause.SERVER_ABSENT)
        lasting = next(each for each in found if each.outage_id == before.outage_id)
        assert lasting == before
        assert absence.devices == absence.channels == 0
        assert absence.ended_s is not None
        assert absence.evidence["absent_s"] == absence.ended_s - absence.started_s >= 1
        assert place.server.inventory.device(recorder).state is State.UNKNOWN
