"""Outages on both databases."""

from dataclasses import replace

from vms.inventory.outage_records import (
    Judgement,
    Outage,
    OutageCause,
    OutageKind,
    OutageMember,
    OutageQuery,
    OutageWrite,
)
from vms.persistence.database import Database
from vms.persistence.outage_store import SqlOutageStore

RECORDER, OTHER = "34020000001180000001", "34030000001320000002"
CHANNEL = "34020000001320000001"

LOST = Outage(
    outage_id="0001",
    kind=OutageKind.GONE,
    cause=OutageCause.KEEPALIVES_STOPPED,
    started_s=100,
    scope={"device_id": RECORDER},
    evidence={"silent_s": 180, "address": "192.0.2.7:5060", "share": 0.5, "is_whole": True},
    devices=1,
    channels=1,
    away=1,
    falls=1,
    judgements=(Judgement(100, OutageCause.KEEPALIVES_STOPPED),),
)
DEVICE = OutageMember(RECORDER, "", 1, 100, way="silent", heard_s=-80)
FOLLOWER = OutageMember(RECORDER, CHANNEL, 1, 100, way="device")


async def test_an_outage_is_kept_with_its_members_and_changes_with_them(
    database: Database,
) -> None:
    store = SqlOutageStore(database)
    await store.write(OutageWrite(LOST, [DEVICE, FOLLOWER]))

    assert await store.open_outages() == [(LOST, [DEVICE])]

    flapping = replace(
        LOST,
        cause=OutageCause.FLAPPING,
        falls=3,
        judgements=(*LOST.judgements, Judgement(150, OutageCause.FLAPPING)),
    )
    again = replace(DEVICE, since_s=140, falls=3)
    await store.write(OutageWrite(flapping, [again], returned_devices=[(RECORDER, 160)]))

    assert await store.outage("0001") == flapping
    # The first second stays; the channels follow their device.
    kept = replace(again, since_s=100)
    assert await store.members("0001", None, 10) == [kept, replace(FOLLOWER, until_s=160)]
    assert await store.members("0001", (RECORDER, ""), 10) == [replace(FOLLOWER, until_s=160)]

    await store.write(OutageWrite(flapping, left_again=[RECORDER]))
    assert (await store.members("0001", None, 10))[1] == FOLLOWER

    over = replace(flapping, ended_s=200, away=0)
    await store.write(OutageWrite(over, [replace(again, until_s=200)]))
    assert await store.open_outages() == []
    assert await store.outages(OutageQuery(is_open=False)) == [over]


async def test_an_outage_that_was_part_of_another_gives_it_its_members(
    database: Database,
) -> None:
    store = SqlOutageStore(database)
    second = replace(LOST, outage_id="0002", scope={"device_id": OTHER})
    member = OutageMember(OTHER, "", 2, 110, way="silent")
    await store.write(OutageWrite(LOST, [DEVICE]))
    await store.write(OutageWrite(second, [member]))
    segment = replace(
        LOST, cause=OutageCause.SEGMENT_SILENT, scope={"segment": "192.0.2.0/24"}, devices=2
    )

    await store.write(OutageWrite(segment, [replace(member, falls=2)], merged=["0002"]))

    assert await store.outages(OutageQuery()) == [segment]
    assert await store.members("0001", None, 10) == [DEVICE, replace(member, falls=2)]
    assert await store.members("0002", None, 10) == []
    merged = await store.outage("0002")
    assert merged is not None
    assert (merged.kind, merged.merged_into) == (OutageKind.MERGED, "0001")
    assert await store.outage("0003") is None


async def test_outages_are_found_by_time_division_and_device(database: Database) -> None:
    store = SqlOutageStore(database)
    await store.write(OutageWrite(replace(LOST, ended_s=200), [replace(DEVICE, until_s=200)]))
    elsewhere = OutageMember(OTHER, "", 2, 300, way="silent")
    later = replace(LOST, outage_id="0002", started_s=300, cause=OutageCause.UNREGISTERED)
    await store.write(OutageWrite(later, [elsewhere]))

    async def found(query: OutageQuery) -> list[str]:
        return [outage.outage_id for outage in await store.outages(query)]

    assert await found(OutageQuery()) == ["0002", "0001"]
    assert await found(OutageQuery(limit=1)) == ["0002"]
    assert await found(OutageQuery(before_id="0002")) == ["0001"]
    assert await found(OutageQuery(start_s=200)) == ["0002"]
    assert await found(OutageQuery(start_s=199, end_s=300)) == ["0001"]
    assert await found(OutageQuery(cause=OutageCause.UNREGISTERED)) == ["0002"]
    assert await found(OutageQuery(division="3402")) == ["0001"]
    assert await found(OutageQuery(division="34")) == ["0002", "0001"]
    assert await found(OutageQuery(device_id=OTHER)) == ["0002"]
    assert await found(OutageQuery(is_open=True)) == ["0002"]
