"""Odd IDs and parents are flagged, never refused, and told once (T11)."""

from collections.abc import Sequence

import pytest_asyncio

from tests.vms.inventory.site import CAMERA, GATE, SECOND, YARD, Site
from vms.events import AnomalyFound
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.anomalies import AnomalyKind
from vms.inventory.model import ReportedChannel
from vms.inventory.remedies import REMEDIES


@pytest_asyncio.fixture
async def site() -> Site:
    site = await Site().open()
    await site.register()
    return site


def listed(site: Site) -> Sequence[tuple[str, str | None, str]]:
    return [
        (anomaly.kind.value, anomaly.channel_id, anomaly.detail)
        for anomaly in site.inventory.anomalies().items
    ]


async def test_ids_of_odd_length_or_type_are_flagged_and_served(site: Site) -> None:
    short, odd = ChannelId("340200000013200001"), ChannelId("34020000000010000001")
    recorder = ChannelId("34020000001180000009")

    await site.report(*map(ReportedChannel, (short, odd, recorder, CAMERA)))

    assert listed(site) == [
        ("id_type", odd, "001"),
        ("camera_typed_as_recorder", recorder, "118"),
        ("id_length", short, "18"),
    ]
    assert site.inventory.channel_counts(GATE) == (4, 4)


async def test_a_recorder_that_says_it_is_a_platform_is_flagged(site: Site) -> None:
    platform = DeviceId("34020000002000000009")
    await site.register(platform)
    assert listed(site) == []

    await site.inventory.set_device_info(platform, "Yard", "Acme", "NVR-16", "1")

    [anomaly] = site.inventory.anomalies_of(platform)
    assert anomaly.kind is AnomalyKind.RECORDER_TYPED_AS_PLATFORM


async def test_a_channel_under_two_devices_is_flagged_at_both_and_stays_at_both(
    site: Site,
) -> None:
    await site.register(YARD)
    await site.report(ReportedChannel(CAMERA))
    await site.inventory.replace_channels(YARD, [ReportedChannel(CAMERA)], complete=True)

    assert listed(site) == [
        ("duplicate_channel", CAMERA, YARD),
        ("duplicate_channel", CAMERA, GATE),
    ]
    assert site.inventory.channel(YARD, CAMERA) != site.inventory.channel(GATE, CAMERA)

    await site.inventory.remove_device(YARD)
    assert listed(site) == []


async def test_parents_that_are_not_there_go_round_or_are_several_are_flagged(site: Site) -> None:
    third = ChannelId("34020000001320000003")
    recorders = "34020000001180000001", "34020000001180000002"
    round_trip = [
        ReportedChannel(CAMERA, parent_ids=(SECOND,)),
        ReportedChannel(SECOND, parent_ids=(CAMERA,)),
        ReportedChannel(third, parent_ids=recorders),
    ]

    await site.report(*round_trip)

    assert listed(site) == [
        ("parent_cycle", CAMERA, f"{CAMERA}/{SECOND}"),
        ("parent_cycle", SECOND, f"{SECOND}/{CAMERA}"),
        ("several_parents", third, "/".join(recorders)),
        ("unknown_parent", third, recorders[0]),
    ]


async def test_a_parent_may_come_later(site: Site) -> None:
    await site.inventory.upsert_channels(GATE, [ReportedChannel(CAMERA, parent_ids=(SECOND,))])
    assert listed(site) == [("unknown_parent", CAMERA, SECOND)]

    await site.inventory.upsert_channels(GATE, [ReportedChannel(SECOND)])

    assert listed(site) == []


async def test_each_is_told_once_and_not_again_after_a_restart(site: Site) -> None:
    for _ in range(2):
        await site.report(ReportedChannel(CAMERA, parent_ids=("34020000001180000001",)))
    assert sum(isinstance(event, AnomalyFound) for event in await site.told()) == 1

    await site.restart(5)

    assert listed(site) == [("unknown_parent", CAMERA, "34020000001180000001")]
    assert not any(isinstance(event, AnomalyFound) for event in await site.told())


async def test_so_many_are_kept_and_the_others_counted(site: Site) -> None:
    odd = [ReportedChannel(ChannelId(f"3402{number:06d}")) for number in range(10_001)]

    await site.report(*odd)

    assert site.inventory.anomaly_count == 10_001
    page = site.inventory.anomalies(limit=1000)
    assert len(page.items) == 1000
    assert site.inventory.anomalies(cursor=page.next_cursor).items[0] not in page.items


async def test_organisations_that_hang_in_nothing_are_found_when_asked_for(site: Site) -> None:
    group, first, second = (
        ChannelId(f"3402000000{kind}000001") for kind in ("2150", "2160", "2161")
    )
    nodes = [
        ReportedChannel(group, name="Group"),
        ReportedChannel(first, business_group_id=group),
        ReportedChannel(second, parent_ids=("34020000002160000009",)),
    ]
    await site.inventory.replace_channels(GATE, [], complete=True, nodes=nodes)

    page = site.inventory.anomalies(kinds={AnomalyKind.ORPHAN})

    assert [(each.channel_id, each.detail) for each in page.items] == [
        (second, "34020000002160000009")
    ]
    assert (await site.inventory.anomaly_counts())[AnomalyKind.ORPHAN] == 1
    assert listed(site) == []


async def test_what_is_looked_up_is_listed_page_by_page_with_what_is_kept(site: Site) -> None:
    await site.report(
        ReportedChannel(CAMERA, civil_code="999999"),
        ReportedChannel(SECOND, parent_ids=("34020000001180000001",), civil_code="340202"),
    )
    found: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        page = await site.inventory.anomalies_looked_up(None, cursor, 1, set(AnomalyKind))
        found += [f"{each.kind} {(each.channel_id or '')[-1:]}" for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert found == [
        "missing_fields 1",
        "unknown_division 1",
        "missing_fields 2",
        "unknown_parent 2",
    ]
    assert set(REMEDIES) == set(AnomalyKind)
