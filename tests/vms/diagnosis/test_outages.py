"""From events to outages on file: an inventory, a real database, a clock of the test's."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sip.message import Address, Flow
from tests.support.databases import sqlite_url
from tests.support.waiting import until
from tests.vms.inventory.site import CAMERA, GATE, HOST, SECOND, Site, camera
from vms.diagnosis.explainer import ExplainedPlay
from vms.diagnosis.outage_facts import OutageFacts
from vms.diagnosis.outage_news import parts_of
from vms.diagnosis.outage_state import OutagePolicy
from vms.diagnosis.outages import Outages
from vms.errors import InvalidError, NotFoundError, UnavailableError
from vms.events import (
    DevicesWentOffline,
    DeviceWentOffline,
    DuplicateDevice,
    Event,
    OutageBegan,
    OutageChanged,
    OutageEnded,
    RegistrationFailed,
)
from vms.gb28181.ids import DeviceId
from vms.inventory.model import Cause, WaitingVerdict
from vms.inventory.outage_records import (
    Outage,
    OutageCause,
    OutageKind,
    OutageMember,
    OutageQuery,
    OutageWrite,
)
from vms.persistence.database import Database
from vms.persistence.outage_store import SqlOutageStore
from vms.signalling.registration_history import Cause as Came
from vms.signalling.registration_history import RegistrationHistory

POLICY = OutagePolicy(quiet_s=2.0, longest_s=10.0, hold_s=5.0, calm_s=5.0)


class Fallible(SqlOutageStore):
    """A database that is away when the test says so."""

    is_away = False
    refused = 0
    fault: Exception | None = None
    """What is wrong with the next that is written."""

    async def write(self, change: OutageWrite) -> None:
        if self.is_away:
            self.refused += 1
            raise UnavailableError("away")
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        await super().write(change)


@dataclass
class Watched:
    """`pass_until` lets the fake clock run."""

    place: Site
    outages: Outages
    store: Fallible
    history: RegistrationHistory

    async def pass_until(self, holds: Callable[[], bool]) -> None:
        def tick() -> bool:
            self.place.clock.advance(0.25)
            return holds()

        await until(tick)

    async def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in await self.place.told() if isinstance(event, kind)]

    async def on_file(self) -> Sequence[Outage]:
        return await self.outages.outages(OutageQuery())

    async def begun(self, number: int = 1) -> Sequence[Outage]:
        await self.pass_until(lambda: sum(self.outages.begun_by_cause.values()) >= number)
        return await self.on_file()


async def nothing_played(session_id: str) -> ExplainedPlay:
    raise NotFoundError(session_id)


@asynccontextmanager
async def watched(folder: Path, place: Site | None = None) -> AsyncGenerator[Watched]:
    place = place or await Site().open()
    async with Database.open(sqlite_url(folder)) as database:
        store, history = Fallible(database), RegistrationHistory()
        facts = OutageFacts(place.inventory, history.of)
        outages = Outages(
            store, place.inventory, place.bus, place.clock, facts, nothing_played, POLICY
        )
        await outages.start()
        work = asyncio.create_task(outages.run())
        await asyncio.sleep(0)
        try:
            yield Watched(place, outages, store, history)
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work


async def cameras(place: Site, hosts: Iterable[str]) -> list[DeviceId]:
    found: list[DeviceId] = []
    for number, host in enumerate(hosts):
        found.append(DeviceId(f"340203{number % 10:02d}00132{number:07d}"))
        await place.register(found[-1], host)
    return found


def lose(place: Site, device_ids: Iterable[DeviceId], cause: Cause = Cause.SILENT) -> None:
    for device_id in device_ids:
        place.bus.publish(DeviceWentOffline(device_id, place.clock.wall(), cause, 180.0))


async def test_many_devices_that_go_at_once_are_news_and_one_outage(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        gone = await cameras(watch.place, [f"10.20.30.{last}" for last in range(1, 31)])
        await watch.place.pass_time(179)
        lose(watch.place, gone)

        [outage] = await watch.begun()

        assert (outage.cause, outage.devices) == (OutageCause.SEGMENT_SILENT, 30)
        assert outage.scope == {"segment": "10.20.30.0/24"}
        [news] = await watch.told(DevicesWentOffline)
        assert isinstance(news, DevicesWentOffline)
        assert (news.count, news.common) == (30, "10.20.30.0/24")
        [began] = await watch.told(OutageBegan)
        assert isinstance(began, OutageBegan)
        assert (began.outage_id, began.devices) == (outage.outage_id, 30)


async def test_a_few_devices_and_those_that_say_goodbye_are_no_news(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        gone = await cameras(watch.place, [f"10.20.30.{last}" for last in range(1, 41)])
        lose(watch.place, gone[:19])
        lose(watch.place, gone[19:], Cause.UNREGISTERED)

        await watch.begun(2)

        assert await watch.told(DevicesWentOffline) == []


async def test_devices_that_are_heard_on_keep_a_segment_from_being_called_silent(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as watch:
        all_ = await cameras(watch.place, [f"10.20.30.{last}" for last in range(1, 11)])
        lose(watch.place, all_[:5])

        found = await watch.begun(5)

        assert {outage.cause for outage in found} == {OutageCause.KEEPALIVES_STOPPED}


async def test_a_recorder_takes_its_channels_along_and_brings_them_back(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        place = watch.place
        await place.register()
        await place.report(camera(CAMERA), camera(SECOND))
        lose(place, [GATE])
        [outage] = await watch.begun()
        assert (outage.cause, outage.channels) == (OutageCause.RECORDER_LOST, 2)

        await place.inventory.unregister(GATE)
        await place.register()
        await watch.pass_until(lambda: watch.outages.open_by_cause == {})
        await watch.pass_until(lambda: watch.outages.tracker.is_idle)

        [outage] = await watch.on_file()
        members = await watch.outages.members(outage.outage_id, None, 10)
        assert [each.channel_id for each in members] == ["", CAMERA, SECOND]
        assert {each.until_s for each in members} == {outage.ended_s}
        assert outage.evidence["address"] == f"{HOST}:5060"
        [ended] = await watch.told(OutageEnded)
        assert isinstance(ended, OutageEnded)
        assert ended.outage_id == outage.outage_id


async def test_channels_that_a_recorder_calls_off_are_one_outage(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.place.register()
        await watch.place.report(camera(CAMERA), camera(SECOND))
        lost = replace(camera(CAMERA, is_on=False), status_text="VLOST")
        await watch.place.report(lost, camera(SECOND))

        [outage] = await watch.begun()

        assert (outage.cause, outage.channels) == (OutageCause.CHANNEL_OFF, 1)
        assert outage.evidence["reported"] == "VLOST"
        assert (outage.evidence["parent_channels"], outage.evidence["parent_channels_off"]) == (
            2,
            1,
        )

        await watch.place.report(camera(CAMERA), camera(SECOND))
        await watch.pass_until(lambda: watch.outages.open_by_cause == {})


async def test_a_goodbye_becomes_a_refusal_when_the_device_is_not_let_in_again(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as watch:
        place = watch.place
        await place.register()
        await place.inventory.unregister(GATE)
        [outage] = await watch.begun()
        assert outage.cause is OutageCause.UNREGISTERED
        watch.history.note(
            GATE,
            Came.WRONG_PASSWORD,
            is_on_file=True,
            flow=Flow("UDP", Address("192.0.2.1", 5060), Address("192.0.2.7", 5060)),
            at=place.clock.wall(),
            asked_for="",
            names_us=True,
        )
        place.bus.publish(
            RegistrationFailed(GATE, place.clock.wall(), "192.0.2.7:5060 UDP", "wrong_password")
        )
        before = place.bus.last_number
        await watch.pass_until(lambda: place.bus.last_number > before)

        [changed] = await watch.told(OutageChanged)
        assert isinstance(changed, OutageChanged)
        assert (changed.cause, changed.away) == ("registration_refused", 1)
        [outage] = await watch.on_file()
        assert outage.cause is OutageCause.REGISTRATION_REFUSED
        assert outage.evidence["refused_source"] == "192.0.2.7:5060 UDP"


async def test_a_clock_that_is_off_is_an_outage_until_it_is_right(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.place.register()
        watch.place.inventory.note_clock_offset(GATE, 29.0)
        watch.place.inventory.note_clock_offset(GATE, -420.0)
        watch.place.inventory.note_clock_offset(GATE, -420.0)
        [outage] = await watch.begun()
        assert (outage.cause, outage.devices) == (OutageCause.CLOCK_DRIFT, 1)
        assert outage.evidence["clock_offset_s"] == -420.0

        for _ in range(3):
            watch.place.inventory.note_clock_offset(GATE, 0.4)
        await watch.pass_until(lambda: watch.outages.open_by_cause == {})


async def test_a_second_unit_counts_once_the_first_is_heard_again(tmp_path: Path) -> None:
    """Before that it may be the same one at a new address."""
    async with watched(tmp_path) as watch:
        place = watch.place
        await place.register()
        await place.pass_time(1)
        await place.inventory.note_waiting(
            GATE,
            "192.0.2.9",
            5060,
            transport="UDP",
            user_agent="",
            verdict=WaitingVerdict.RIGHT,
        )
        await watch.pass_until(lambda: watch.outages.suspicions > 0)
        assert await watch.on_file() == []

        place.inventory.keepalive(GATE, HOST, 5060)
        [outage] = await watch.begun()

        assert outage.cause is OutageCause.ID_CONFLICT
        assert outage.evidence["other_address"] == "192.0.2.9:5060"


async def test_what_the_database_cannot_take_is_written_and_told_later(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.place.register()
        watch.store.is_away = True
        lose(watch.place, [GATE])
        await watch.pass_until(lambda: watch.store.refused > 1)
        assert await watch.told(OutageBegan) == []

        watch.store.is_away = False

        [outage] = await watch.begun()
        assert outage.cause is OutageCause.KEEPALIVES_STOPPED
        assert len(await watch.told(OutageBegan)) == 1


@pytest.mark.parametrize("fault", [InvalidError("no text for a database"), RuntimeError("ours")])
async def test_an_outage_that_cannot_be_stored_keeps_no_other_waiting(
    tmp_path: Path, fault: Exception
) -> None:
    async with watched(tmp_path) as watch:
        await watch.place.register()
        watch.store.fault = fault
        lose(watch.place, [GATE])
        await watch.pass_until(lambda: watch.store.fault is None)
        [other] = await cameras(watch.place, ["192.0.2.7"])
        lose(watch.place, [other])

        await watch.begun(2)
        found = {outage.scope["device_id"] for outage in await watch.on_file()}
        assert str(other) in found


async def test_others_have_their_turn_while_a_city_comes_and_goes(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        [device_id] = await cameras(watch.place, ["192.0.2.7"])
        turns = 0

        async def others() -> None:
            nonlocal turns
            while not watch.outages.suspicions:
                turns += 1
                await asyncio.sleep(0)

        for _ in range(5_000):
            lose(watch.place, [device_id])
        watch.place.bus.publish(
            DuplicateDevice(device_id, watch.place.clock.wall(), "192.0.2.7:5060", "192.0.2.9:5060")
        )
        await others()
        assert turns >= 50


def test_what_a_city_comes_to_is_written_in_steps_others_can_wait_for() -> None:
    outage = Outage("1", OutageKind.GONE, OutageCause.SEGMENT_SILENT, 100)
    members = [OutageMember(f"{number}", "", number, 100) for number in range(4_001)]
    back = [(f"{number}", 160) for number in range(5_000)]

    parts = list(parts_of(OutageWrite(outage, members, back, ["7"], ["0"])))

    assert [len(part.members) for part in parts] == [2_000, 2_000, 1]
    assert [len(part.returned_devices) for part in parts] == [2_000, 2_000, 1_000]
    assert [(part.left_again, part.merged) for part in parts] == [
        (["7"], ["0"]),
        ([], ()),
        ([], ()),
    ]
    assert list(parts_of(OutageWrite(outage))) == [OutageWrite(outage)]


async def test_an_absence_of_ours_has_no_members_and_takes_nobody_offline(tmp_path: Path) -> None:
    place = await Site().open()
    await place.register()
    await place.inventory.stop()
    await place.restart(absent_s=75)
    async with watched(tmp_path, place) as watch:
        await watch.pass_until(lambda: watch.place.bus.last_number >= 3)

        [outage] = await watch.on_file()
        assert (outage.cause, outage.devices) == (OutageCause.SERVER_ABSENT, 0)
        assert outage.evidence["absent_s"] == 75
        assert outage.evidence["devices_unknown"] == 1
        assert outage.ended_s == outage.started_s + 75


async def test_a_device_that_is_removed_is_lost_no_more(tmp_path: Path) -> None:
    async with watched(tmp_path) as watch:
        await watch.place.register()
        lose(watch.place, [GATE])
        await watch.begun()

        await watch.place.inventory.remove_device(GATE)

        await watch.pass_until(lambda: watch.outages.open_by_cause == {})
