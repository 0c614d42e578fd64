"""Wherever channels are moved: at every second of its life each is in one place, and in the right
one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from tests.vms.inventory.site import CAMERA, GATE, SECOND, Site, camera
from vms.errors import ConflictError, NotFoundError, UnavailableError
from vms.inventory.model import ChannelKey, ChannelPatch, Subject, SubjectKind
from vms.inventory.placement import place_of
from vms.inventory.policy import BindingMove, InventoryPolicy
from vms.inventory.queries import ChannelQuery

FOREVER_S = 1 << 40
HOME, AWAY = "127.0.0.9", "127.0.7.9"


async def lose_and_find_database(site: Site) -> None:
    site.store.is_down = not site.store.is_down


async def restart(site: Site) -> None:
    site.store.is_down = False
    await site.restart(absent_s=45.5)


async def step_back(site: Site) -> None:
    """The wall clock is wrong by an hour when the server starts again."""
    site.store.is_down = False
    site.clock.step_wall(-3600)
    await site.restart(absent_s=1)


async def come_from(site: Site, host: str) -> None:
    site.inventory.keepalive(GATE, host, 5060)


async def at_once(site: Site) -> None:
    """What a device says and what people set, while it speaks from elsewhere."""
    begun = asyncio.gather(
        site.report(camera(), replace(camera(SECOND), civil_code="34020004")),
        site.inventory.patch_channel(GATE, CAMERA, ChannelPatch(division="34020005")),
        site.register(host=AWAY),
        site.inventory.set_device_info(GATE, "", "Acme", "", ""),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    site.inventory.keepalive(GATE, HOME, 5060)
    for outcome in await begun:
        assert not isinstance(outcome, ConflictError)


DEEDS: tuple[Callable[[Site], Awaitable[object]], ...] = (
    lambda site: site.register(host=HOME),
    lambda site: site.register(host=AWAY),
    lambda site: come_from(site, HOME),
    lambda site: come_from(site, AWAY),
    lambda site: site.inventory.unregister(GATE),
    lambda site: site.report(camera(), replace(camera(SECOND), manufacturer="")),
    lambda site: site.report(replace(camera(), civil_code="34020003")),
    lambda site: site.report(replace(camera(), parent_ids=("34020000001180000001",))),
    lambda site: site.report(),
    lambda site: site.inventory.patch_channel(GATE, CAMERA, ChannelPatch(division="34020002")),
    lambda site: site.inventory.patch_channel(GATE, SECOND, ChannelPatch(name="Yard")),
    lambda site: site.inventory.set_device_info(GATE, "", "Bcme", "N-9", ""),
    lambda site: site.inventory.remove_device(GATE),
    lambda site: site.pass_time(1),
    lambda site: site.pass_time(70, step_s=10),
    at_once,
    restart,
    step_back,
    lose_and_find_database,
)


async def live(site: Site, data: DataObject) -> None:
    """Random deeds; what the world refuses is refused, and nothing else may be raised."""
    for deed in data.draw(st.lists(st.sampled_from(DEEDS), min_size=1, max_size=30)):
        try:
            await deed(site)
        except (NotFoundError, UnavailableError):
            continue
    site.store.is_down = False
    # Where a device speaks from without registering is written every few seconds.
    await site.pass_time(7)


async def check_one_place_at_a_time(site: Site) -> None:
    """Placements last as the ledger does, one after the other, without gap and overlap."""
    placements = await site.store.placements_of_all(0, FOREVER_S)
    intervals = await site.store.intervals_of_all(SubjectKind.CHANNEL, 0, FOREVER_S)
    for key in {interval.subject.key for interval in intervals}:
        own = [row for row in placements if row.channel_key == key]
        ledger = [row for row in intervals if row.subject == Subject(SubjectKind.CHANNEL, key)]
        assert own[0].start_s == ledger[0].start_s
        assert own[-1].end_s == ledger[-1].end_s
        for before, after in pairwise(own):
            assert before.end_s == after.start_s
        assert all(row.end_s is None or row.end_s > row.start_s for row in own)


async def check_the_right_place(site: Site) -> None:
    """What lasts is what follows from memory, and from the rows after a restart."""
    device = site.inventory.find_device(GATE)
    lasting = {row.channel_key: row.place for row in (await site.store.load_all()).open_placements}
    if device is None:
        assert lasting == {}
        return
    on_file = site.inventory.channels(ChannelQuery(device_id=GATE)).items
    assert lasting.keys() == {ChannelKey(channel.key) for channel in on_file}
    for channel in on_file:
        place = lasting[channel.key]
        # One that unregistered stays where it was last.
        segment = None if device.binding is not None else place.segment
        assert place == place_of(channel, device, segment)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_channel_is_in_one_place_at_a_time_and_in_the_right_one(data: DataObject) -> None:
    async def whole() -> None:
        site = await Site(InventoryPolicy(binding_move=BindingMove.ANY)).open()
        await site.register()
        await site.report(camera())
        await live(site, data)
        await check_one_place_at_a_time(site)
        await check_the_right_place(site)
        written = await site.store.placements_of_all(0, FOREVER_S)
        await site.restart(absent_s=30)
        assert await site.store.placements_of_all(0, FOREVER_S) == written

    asyncio.run(whole())
