"""Where a channel belongs, from what is known of it; and that every change is kept as a step."""

from dataclasses import replace

import pytest

from tests.support.clock import MIDDAY
from tests.vms.inventory.site import CAMERA, GATE, SECOND, Site, camera
from vms.errors import UnavailableError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.inventory.model import (
    Channel,
    ChannelKey,
    ChannelPatch,
    Device,
    DeviceKey,
    ReportedChannel,
)
from vms.inventory.placement import Place, place_of, segment_of
from vms.inventory.policy import BindingMove, InventoryPolicy

PLATFORM = DeviceId("34020000002000000001")
RECORDER = "34020000001180000001"
GROUP = "34020000002150000001"
ORGANISATION = "34020000002160000001"
START_S = int(MIDDAY.timestamp())


def channel(reported: ReportedChannel, device_id: DeviceId = GATE) -> Channel:
    return Channel(ChannelKey(1), DeviceKey(1), device_id, reported)


def device(device_id: DeviceId = GATE, manufacturer: str = "", model: str = "") -> Device:
    return Device(DeviceKey(1), device_id, manufacturer=manufacturer, model=model)


def test_a_camera_that_says_nothing_is_in_the_division_of_its_id_behind_its_device() -> None:
    assert place_of(channel(ReportedChannel(CAMERA)), device()) == Place(
        division="340200", parent_id="34020000001110000001"
    )


def test_a_place_is_what_was_reported_and_what_was_set_over_it() -> None:
    reported = ReportedChannel(
        CAMERA,
        manufacturer="Acme",
        model="C-1",
        owner="Parks",
        civil_code="34020003",
        parent_ids=(RECORDER, ORGANISATION),
        business_group_id=GROUP,
        extra={"PointType": "2", "CapturePositionType": "112"},
    )
    known = replace(
        channel(reported, PLATFORM),
        overrides={
            "builder": "Phase 3",
            "maintainer": "Fixers",
            "class": "1",
            "own_group_id": "east",
        },
    )

    assert place_of(known, device(PLATFORM, manufacturer="Bcme", model="P"), "127.0.0.0/24") == (
        Place(
            division="34020003",
            group_id="34020000002160000001",
            own_group_id="east",
            department="Parks",
            builder="Phase 3",
            maintainer="Fixers",
            point_class="1",
            site_type="112",
            manufacturer="Acme",
            model="C-1",
            parent_id="34020000001180000001",
            platform_id="34020000002000000001",
            segment="127.0.0.0/24",
        )
    )


def test_maker_and_model_are_the_devices_where_the_channel_names_none() -> None:
    place = place_of(
        channel(ReportedChannel(CAMERA, model="C-1")), device(manufacturer="Acme", model="N-9")
    )

    assert (place.manufacturer, place.model) == ("Acme", "C-1")


def test_a_channel_hangs_in_its_business_group_where_it_names_no_organisation() -> None:
    reported = ReportedChannel(CAMERA, parent_ids=(str(GATE),), business_group_id=GROUP)

    assert place_of(channel(reported), device()).group_id == "34020000002150000001"


@pytest.mark.parametrize(
    ("parents", "parent_id", "platform_id"),
    [
        ((), str(GATE), ""),
        ((str(GATE),), str(GATE), ""),
        ((str(CAMERA),), str(GATE), ""),
        (("340200", ORGANISATION), str(GATE), ""),
        ((ORGANISATION, RECORDER, str(GATE)), RECORDER, str(GATE)),
    ],
)
def test_the_parent_is_the_recorder_that_is_named_else_the_device(
    parents: tuple[str, ...], parent_id: str, platform_id: str
) -> None:
    place = place_of(channel(ReportedChannel(CAMERA, parent_ids=parents)), device())

    assert (place.parent_id, place.platform_id) == (parent_id, platform_id)


def test_what_a_platform_has_itself_is_on_the_platform() -> None:
    place = place_of(channel(ReportedChannel(CAMERA), PLATFORM), device(PLATFORM))

    assert (place.parent_id, place.platform_id) == (str(PLATFORM), str(PLATFORM))


@pytest.mark.parametrize(
    ("host", "segment"),
    [
        ("127.0.0.9", "127.0.0.0/24"),
        ("192.0.2.200", "192.0.2.0/24"),
        ("2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("", ""),
        ("camera", ""),
        ("one.two.three.four", ""),
        ("1:2:nonsense", ""),
    ],
)
def test_the_segment_of_an_address_is_its_24_or_its_64(host: str, segment: str) -> None:
    assert segment_of(host) == segment


async def stays(site: Site, channel_id: ChannelId = CAMERA) -> list[tuple[int, int | None, Place]]:
    """Where a channel on file was: seconds after the start of the test."""
    key = site.inventory.channel(GATE, channel_id).key
    return await _stays_of_key(site, key)


async def _stays_of_key(site: Site, key: ChannelKey) -> list[tuple[int, int | None, Place]]:
    return [
        (row.start_s - START_S, None if row.end_s is None else row.end_s - START_S, row.place)
        for row in await site.store.placements(key)
    ]


HOME = Place(division="340200", manufacturer="Acme", parent_id=str(GATE), segment="127.0.0.0/24")


async def placed(policy: InventoryPolicy | None = None) -> Site:
    """A registered device whose one channel came on file at the start."""
    site = await Site(policy).open()
    await site.register()
    await site.report(camera())
    site.clock.advance(60)
    return site


async def test_a_channel_has_a_place_from_the_second_it_is_on_file() -> None:
    site = await placed()

    assert await stays(site) == [(0, None, HOME)]


async def test_a_camera_that_is_moved_to_another_division_is_there_from_that_second_on() -> None:
    site = await placed()
    await site.inventory.patch_channel(GATE, CAMERA, ChannelPatch(division="34020002"))
    site.clock.advance(60)
    await site.report(replace(camera(), civil_code="34020003", model="C-2"))

    there = replace(HOME, division="34020002")
    assert await stays(site) == [
        (0, 60, HOME),
        (60, 120, there),
        (120, None, replace(there, model="C-2")),
    ]


async def test_what_says_nothing_of_places_writes_no_step() -> None:
    site = await placed()
    await site.report(replace(camera(name="New name"), is_on=False))
    await site.register()
    await site.inventory.unregister(GATE)
    site.clock.advance(60)
    await site.register()

    assert await stays(site) == [(0, None, HOME)]


async def test_a_device_that_registers_from_another_network_takes_its_channels_along() -> None:
    site = await placed()
    await site.report(camera(), camera(SECOND))
    await site.register(host="127.0.7.1")
    site.clock.advance(60)
    await site.register(host="127.0.7.200")

    there = replace(HOME, segment="127.0.7.0/24")
    assert await stays(site) == [(0, 60, HOME), (60, None, there)]
    assert await stays(site, SECOND) == [(60, None, there)]


async def test_so_does_one_that_is_followed_to_another_network() -> None:
    site = await placed(InventoryPolicy(binding_move=BindingMove.ANY))
    site.inventory.keepalive(GATE, "127.0.7.1", 5060)
    await site.inventory.pass_time()

    there = replace(HOME, segment="127.0.7.0/24")
    assert await stays(site) == [(0, 60, HOME), (60, None, there)]


async def test_what_a_device_says_of_its_maker_counts_for_channels_that_name_none() -> None:
    site = await Site().open()
    await site.register()
    await site.report(replace(camera(), manufacturer=""), camera(SECOND))
    site.clock.advance(60)
    await site.inventory.set_device_info(GATE, "Gate", "Bcme", "", "V2")

    assert await stays(site) == [
        (0, 60, replace(HOME, manufacturer="")),
        (60, None, replace(HOME, manufacturer="Bcme")),
    ]
    assert await stays(site, SECOND) == [(0, None, HOME)]


async def test_a_removal_ends_the_place_of_every_channel() -> None:
    site = await placed()
    key = site.inventory.channel(GATE, CAMERA).key
    await site.inventory.remove_device(GATE)

    assert await _stays_of_key(site, key) == [(0, 60, HOME)]


async def test_a_channel_that_three_catalogues_leave_out_has_its_place_ended() -> None:
    site = await placed()
    key = site.inventory.channel(GATE, CAMERA).key
    for _ in range(3):
        await site.report(camera(SECOND))

    assert await _stays_of_key(site, key) == [(0, 60, HOME)]


async def test_a_change_that_was_not_stored_moved_nobody() -> None:
    site = await placed()
    site.store.is_down = True
    with pytest.raises(UnavailableError):
        await site.register(host="127.0.7.1")
    site.store.is_down = False
    site.clock.advance(60)
    await site.register(host="127.0.7.1")

    assert await stays(site) == [
        (0, 120, HOME),
        (120, None, replace(HOME, segment="127.0.7.0/24")),
    ]


async def test_a_restart_changes_no_place_not_even_of_who_unregistered() -> None:
    site = await placed()
    await site.inventory.unregister(GATE)
    await site.restart(60)
    await site.inventory.patch_channel(GATE, CAMERA, ChannelPatch(name="Yard"))

    assert await stays(site) == [(0, None, HOME)]


async def test_what_came_on_file_before_there_were_places_gets_one_from_its_first_second() -> None:
    site = await placed()
    await site.report(camera(SECOND))
    removed = site.inventory.channel(GATE, CAMERA).key
    await site.report(camera(SECOND))
    await site.report(camera(SECOND))
    site.store.forget_placements()
    await site.restart(60)

    assert await stays(site, SECOND) == [(60, None, HOME)]
    # Its device may be gone by now: what it said of itself is not asked.
    assert await _stays_of_key(site, removed) == [(0, 60, replace(HOME, segment=""))]


async def test_a_place_that_is_read_otherwise_than_it_was_written_is_set_right_at_start() -> None:
    site = await placed()
    known = site.inventory.channel(GATE, CAMERA)
    await site.store.save_channels([replace(known, division_override="34020002")])
    await site.restart(60)

    assert await stays(site) == [
        (0, 120, HOME),
        (120, None, replace(HOME, division="34020002")),
    ]
