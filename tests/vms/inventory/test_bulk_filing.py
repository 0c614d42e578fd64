"""Many at once: each wish stands alone, what is stored is stored together."""

import pytest

from tests.vms.inventory.site import CAMERA, GATE, SECOND, YARD, Site, camera
from vms.errors import InvalidError, NotFoundError, UnavailableError
from vms.gb28181.ids import ChannelId
from vms.inventory.bulk_filing import ChannelWish, DeviceWish, Filed
from vms.inventory.model import Cause, State

THIRD = ChannelId("34020000001320000003")


async def test_devices_are_added_changed_or_left_and_a_wrong_one_alone_is_refused() -> None:
    site = await Site().open()
    await site.register(GATE)
    wishes = [
        DeviceWish(GATE, {"name": "Gate"}),
        DeviceWish(YARD, {"keepalive_interval_s": 0.0}),
        DeviceWish(YARD, {"name": "Yard", "keepalive_misses": 5}),
    ]

    tried = await site.inventory.file_devices(wishes, is_trial=True)
    assert site.inventory.find_device(YARD) is None
    outcomes = await site.inventory.file_devices(wishes)
    again = await site.inventory.file_devices([wishes[0], wishes[2]])

    assert [type(each) if isinstance(each, InvalidError) else each for each in outcomes] == [
        Filed.CHANGED,
        InvalidError,
        Filed.ADDED,
    ]
    assert tried[0] is Filed.CHANGED
    assert tried[2] is Filed.ADDED
    assert again == [Filed.UNCHANGED, Filed.UNCHANGED]
    stored = {device.device_id: device for device in (await site.store.load_all()).devices}
    assert (stored[YARD].name_override, stored[YARD].keepalive_misses) == ("Yard", 5)


async def test_a_planned_camera_is_not_commissioned_until_its_device_names_it() -> None:
    # given a recorder that is online, and a camera put on file before the recorder names it
    site = await Site().open()
    await site.register(GATE)
    await site.report(camera(SECOND))
    wish = ChannelWish(GATE, CAMERA, {"name": "North", "overrides": {"builder": "Bau"}})

    assert await site.inventory.file_channels([wish]) == [Filed.ADDED]

    # then it is not commissioned, and catalogues without it leave it there
    assert site.inventory.channel(GATE, CAMERA).state is State.NOT_COMMISSIONED
    for _ in range(4):
        await site.pass_time(10)
        await site.report(camera(SECOND))
    assert site.inventory.channel(GATE, CAMERA).is_planned
    await site.restart(5)
    await site.register(GATE)
    assert site.inventory.channel(GATE, CAMERA).state is State.NOT_COMMISSIONED

    # when the recorder names it
    await site.report(camera(SECOND), camera(CAMERA, name="IPC"))

    # then it is online, as it was named here, and what it was before is in the ledger
    channel = site.inventory.channel(GATE, CAMERA)
    assert (channel.state, channel.name, channel.builder) == (
        State.ONLINE_SIGNALLED,
        "North",
        "Bau",
    )
    assert not channel.is_planned
    states = [(state, cause) for state, cause, _ in await site.history(CAMERA)]
    assert states == [
        (State.NOT_COMMISSIONED, Cause.ADDED),
        (State.ONLINE_SIGNALLED, Cause.CATALOG),
    ]


async def test_of_many_channels_all_that_are_right_are_stored_together_or_none() -> None:
    site = await Site().open()
    await site.register(GATE)
    await site.report(camera(CAMERA), camera(SECOND))
    wishes = [
        ChannelWish(GATE, CAMERA, {"division": "340203"}),
        ChannelWish(GATE, SECOND, {"overrides": {"class": "7"}}),
        ChannelWish(GATE, THIRD, {}),
        ChannelWish(YARD, CAMERA, {}),
    ]

    site.store.is_down = True
    with pytest.raises(UnavailableError):
        await site.inventory.file_channels(wishes)
    assert site.inventory.channel(GATE, CAMERA).division == "340200"
    assert not site.inventory.has_channel(GATE, THIRD)

    site.store.is_down = False
    outcomes = await site.inventory.file_channels(wishes)
    assert outcomes[0] is Filed.CHANGED
    assert isinstance(outcomes[1], InvalidError)
    assert outcomes[2] is Filed.ADDED
    assert isinstance(outcomes[3], NotFoundError)
    assert site.inventory.channel(GATE, CAMERA).division == "340203"
    assert {node.code: node.channels for node in site.inventory.divisions()} == {"34": 3}


async def test_where_cameras_belonged_before_and_after_a_change_of_many_is_kept() -> None:
    site = await Site().open()
    await site.register(GATE)
    await site.report(camera(CAMERA), camera(SECOND))
    await site.pass_time(60)

    wishes = [
        ChannelWish(GATE, each, {"overrides": {"maintainer": "Nord"}}) for each in (CAMERA, SECOND)
    ]
    await site.inventory.file_channels(wishes)

    for channel_id in (CAMERA, SECOND):
        key = site.inventory.channel(GATE, channel_id).key
        before, after = await site.store.placements(key)
        assert (before.place.maintainer, after.place.maintainer) == ("", "Nord")
        assert (before.end_s, after.end_s) == (before.start_s + 60, None)
        assert after.start_s == before.end_s
