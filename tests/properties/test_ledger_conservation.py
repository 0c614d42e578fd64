"""Every second of every subject is accounted for, whatever happens (conservation)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from tests.support.books import books_in_memory
from tests.support.clock import MIDDAY
from tests.vms.inventory.site import CAMERA, FOREVER, GATE, HOST, SECOND, YARD, Site, camera
from vms.errors import ConflictError, NotFoundError, UnavailableError
from vms.figures.dimensions import Dimension
from vms.figures.model import Every, RateRow
from vms.inventory.model import Cause, NewDevice, State, Subject, SubjectKind

MIDDAY_S = int(MIDDAY.timestamp())


async def lose_and_find_database(site: Site) -> None:
    site.store.is_down = not site.store.is_down


async def step_wall(site: Site) -> None:
    site.clock.step_wall(-5000)


async def step_wall_forward(site: Site) -> None:
    site.clock.step_wall(7200)


async def restart(site: Site) -> None:
    site.store.is_down = False
    await site.restart(absent_s=45.5)


async def stop_and_start(site: Site) -> None:
    site.store.is_down = False
    await site.inventory.stop()
    await site.restart(absent_s=3.2)


async def freeze(site: Site) -> None:
    """The watch ran for the last time a moment before the last thing that was noted."""
    since = site.clock.monotonic() - 3
    site.clock.advance(90)
    site.inventory.was_absent(since)


async def keep_alive(site: Site) -> None:
    site.inventory.keepalive(GATE, HOST, 5060)


async def add_device(site: Site) -> None:
    """On file already is a conflict; the ledger's own conflicts would be a fault of ours."""
    if site.inventory.find_device(GATE) is None:
        await site.inventory.add_device(NewDevice(GATE))
    else:
        with pytest.raises(ConflictError):
            await site.inventory.add_device(NewDevice(GATE))


async def at_once(site: Site) -> None:
    """Changes of one device that race each other, with what is observed in between."""
    writes = (
        site.register(),
        site.report(camera(is_on=False), camera(SECOND)),
        site.inventory.patch_device(GATE, {"name": "Gate"}),
        site.inventory.unregister(GATE),
        site.register(),
    )
    begun = asyncio.gather(*writes, return_exceptions=True)
    await asyncio.sleep(0)
    site.inventory.keepalive(GATE, HOST, 5060)
    for outcome in await begun:
        assert not isinstance(outcome, ConflictError)


DEEDS: tuple[Callable[[Site], Awaitable[object]], ...] = (
    lambda site: site.register(),
    lambda site: site.register(YARD, host="127.0.0.10"),
    keep_alive,
    keep_alive,
    lambda site: site.inventory.unregister(GATE),
    lambda site: site.inventory.connection_lost(GATE),
    lambda site: site.report(camera(), camera(SECOND)),
    lambda site: site.report(camera(is_on=False)),
    lambda site: site.report(),
    lambda site: site.inventory.upsert_channels(GATE, [camera(SECOND)]),
    lambda site: site.inventory.picture_proven(GATE, CAMERA),
    add_device,
    lambda site: site.inventory.remove_device(GATE),
    lambda site: site.pass_time(1),
    lambda site: site.pass_time(70, step_s=10),
    lambda site: site.pass_time(200, step_s=10),
    lambda site: site.pass_time(4000, step_s=100),
    at_once,
    freeze,
    restart,
    stop_and_start,
    step_wall,
    step_wall_forward,
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
    await site.pass_time(2)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_second_since_a_subject_was_on_file_has_exactly_one_state(data: DataObject) -> None:
    async def story() -> None:
        site = await Site().open()
        await live(site, data)

        assert await site.inventory.check_conservation(*FOREVER) == []
        for kind in SubjectKind:
            rows = await site.store.intervals_of_all(kind, 0, 2**40)
            assert all(row.end_s is None or row.end_s > row.start_s for row in rows)
            by_subject = {row.subject: row for row in rows}
            on_file = {row.subject for row in (await site.store.load_all()).open_intervals}
            assert {s for s, row in by_subject.items() if row.end_s is None} == {
                s for s in on_file if s.kind is kind
            }

    asyncio.run(story())


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_rows_of_the_online_rate_add_up_to_their_channels_times_their_window(
    data: DataObject,
) -> None:
    async def story() -> None:
        site = await Site().open()
        await live(site, data)
        await site.register()
        await site.report(camera())
        await site.pass_time(10)

        books = books_in_memory(site.store, site.inventory, site.clock)
        dimensions = st.lists(st.sampled_from(Dimension), min_size=1, max_size=2, unique=True)
        wanted = [(Dimension.ALL,), (Dimension.CHANNEL,), tuple(data.draw(dimensions))]
        start, every = MIDDAY - timedelta(hours=2), data.draw(intervals)
        tables = [
            await books.rates(start, FOREVER[1], *group_by, every=every) for group_by in wanted
        ]

        # Nobody moves in this story, so each row has whole channels; but a device that registers
        # for the first time gets its network by it.
        for group_by, rows in zip(wanted, tables, strict=True):
            assert rows
            if Dimension.SEGMENT not in group_by:
                assert all(row.total_s == row.channels * row.window.length_s for row in rows)
        totals = {tuple(_seconds(rows)) for rows in tables}
        assert len(totals) == 1

    intervals = st.sampled_from([Every.WHOLE, Every.HOUR, Every.DAY])
    asyncio.run(story())


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_memory_and_rows_say_the_same(data: DataObject) -> None:
    async def story() -> None:
        site = await Site().open()
        await live(site, data)
        stored = await site.store.load_all()
        open_rows = {row.subject: row for row in stored.open_intervals}

        summary = site.inventory.summary()

        assert {device.device_id for device in stored.devices} == {
            device_id for device_id in (GATE, YARD) if site.inventory.find_device(device_id)
        }
        for device in stored.devices:
            known = site.inventory.device(device.device_id)
            row = open_rows[Subject(SubjectKind.DEVICE, device.key)]
            assert (known.state, known.binding is None) == (row.state, device.binding is None)
            assert known.state_since is not None
            assert int(known.state_since.timestamp()) == row.start_s
        for channel in stored.channels:
            held = site.inventory.channel(channel.device_id, channel.channel_id)
            assert held.state is open_rows[Subject(SubjectKind.CHANNEL, channel.key)].state
            assert held.reported == channel.reported
        for state in State:
            assert summary.channels[state] == sum(
                row.state is state
                for row in stored.open_intervals
                if row.subject.kind is SubjectKind.CHANNEL
            )

    asyncio.run(story())


@settings(max_examples=100, deadline=None)
@given(absences=st.lists(st.floats(0.1, 59), min_size=1, max_size=8))
def test_absences_of_ours_never_take_a_living_device_offline(absences: list[float]) -> None:
    async def story() -> None:
        site = await Site().open()
        await site.register()
        await site.report(camera())
        for absent_s in absences:
            await site.restart(absent_s)
            await site.keep_alive(120)

        states = [state for state, _, _ in await site.history(CAMERA)]
        causes = {cause for _, cause, _ in await site.history()}

        assert State.OFFLINE not in states
        assert causes <= {Cause.REGISTERED, Cause.SERVER_ABSENT, Cause.KEEPALIVE}

    asyncio.run(story())


def _seconds(rows: Sequence[RateRow]) -> Iterator[int]:
    """All rows together, by state."""
    for name in ("proven_s", "signalled_s", "offline_s", "unknown_s", "excluded_s"):
        yield sum(getattr(row.seconds, name) for row in rows)
