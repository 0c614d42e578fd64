"""What every `DeviceStore` keeps, and what it refuses."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.vms.persistence.rows_of_every_kind import (
    NOW,
    alarm,
    bare_channel,
    bare_device,
    channel,
    device,
    of_channel,
    of_device,
    step,
    waiting,
)
from vms.errors import ConflictError
from vms.gb28181.ids import DeviceId
from vms.inventory.model import (
    Cause,
    ChannelKey,
    DeviceKey,
    Interval,
    State,
    SubjectKind,
    Transition,
)
from vms.inventory.store import ClockStep, DeviceStore, LastHeard


async def test_an_empty_store_holds_nothing_and_gives_keys_from_one(store: DeviceStore) -> None:
    stored = await store.load_all()

    assert (stored.devices, stored.channels, stored.waiting, stored.open_intervals) == ((),) * 4
    assert stored.last_life_s is None
    assert (stored.next_device_key, stored.next_channel_key) == (1, 1)


async def test_devices_come_back_as_they_were_saved(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_device(bare_device(2))

    assert (await store.load_all()).devices == (device(1), bare_device(2))


async def test_times_come_back_aware_in_utc_whatever_zone_they_were_saved_in(
    store: DeviceStore,
) -> None:
    in_shanghai = NOW.astimezone(timezone(timedelta(hours=8)))

    await store.save_device(replace(bare_device(1), created_at=in_shanghai))

    [loaded] = (await store.load_all()).devices
    assert loaded.created_at == NOW
    assert loaded.created_at is not None
    assert loaded.created_at.utcoffset() == timedelta(0)


async def test_saving_again_replaces_every_field(store: DeviceStore) -> None:
    await store.save_device(device(1))

    await store.save_device(bare_device(1))

    assert (await store.load_all()).devices == (bare_device(1),)


async def test_a_touch_writes_liveness_and_leaves_the_rest(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_device(bare_device(2))
    later = NOW + timedelta(minutes=1)
    binding = device(1).binding
    assert binding is not None
    touched = replace(
        device(1),
        last_keepalive_at=later,
        last_heard_at=later,
        keepalive_interval_s=30.0,
        keepalive_misses=5,
        binding=replace(binding, port=5099),
        state=State.OFFLINE,
        state_since=later,
        tolerances={"late-nonce": 9},
    )

    await store.touch_devices([replace(touched, name="not liveness"), bare_device(2)])

    assert (await store.load_all()).devices == (touched, bare_device(2))


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


async def test_what_was_heard_of_many_is_noted_of_each_and_leaves_the_rest(
    store: DeviceStore,
) -> None:
    """Keys on both sides of where a row of a database may end."""
    keys = (1, 2, 119, 120, 121, 240)
    for key in keys:
        await store.save_device(bare_device(key))
    later = NOW + timedelta(minutes=1, microseconds=7)

    await store.note_heard([LastHeard(DeviceKey(key), _us(NOW), _us(NOW)) for key in keys])
    await store.note_heard([LastHeard(DeviceKey(120), _us(later), _us(later))])

    assert {each.key: each.last_heard_at for each in (await store.load_all()).devices} == {
        key: later if key == 120 else NOW for key in keys
    }
    assert (await store.load_all()).devices[3] == replace(
        bare_device(120), last_keepalive_at=later, last_heard_at=later
    )


async def test_of_what_was_noted_and_what_was_saved_the_later_counts(store: DeviceStore) -> None:
    earlier, later = NOW, NOW + timedelta(minutes=1)
    await store.save_device(replace(bare_device(1), last_keepalive_at=later, last_heard_at=later))
    await store.save_device(replace(bare_device(2), last_keepalive_at=later, last_heard_at=earlier))

    await store.note_heard(
        [
            LastHeard(DeviceKey(1), _us(earlier), _us(earlier)),
            LastHeard(DeviceKey(2), _us(earlier), _us(later)),
        ]
    )

    for loaded in (await store.load_all()).devices:
        assert (loaded.last_keepalive_at, loaded.last_heard_at) == (later, later)


async def test_whoever_sent_no_keepalive_keeps_the_last_one(store: DeviceStore) -> None:
    later = NOW + timedelta(minutes=1)
    await store.save_device(bare_device(1))
    await store.save_device(replace(bare_device(2), last_keepalive_at=NOW))
    await store.note_heard([LastHeard(DeviceKey(1), _us(NOW), _us(NOW))])

    await store.note_heard([LastHeard(DeviceKey(key), None, _us(later)) for key in (1, 2)])

    for loaded in (await store.load_all()).devices:
        assert (loaded.last_keepalive_at, loaded.last_heard_at) == (NOW, later)


async def test_touching_nobody_is_no_change(store: DeviceStore) -> None:
    await store.touch_devices([])

    assert (await store.load_all()).devices == ()


async def test_channels_come_back_as_they_were_saved(store: DeviceStore) -> None:
    await store.save_device(device(1))

    await store.save_channels([channel(1), bare_channel(2)])

    assert (await store.load_all()).channels == (channel(1), bare_channel(2))


async def test_a_catalogue_of_thousands_is_saved_in_one_call(store: DeviceStore) -> None:
    await store.save_device(device(1))
    channels = [channel(key) for key in range(1, 3001)]

    await store.save_channels(
        channels, transitions=[step(of_channel(c.key), 100, None) for c in channels]
    )

    stored = await store.load_all()
    assert stored.channels == tuple(channels)
    assert len(stored.open_intervals) == 3000


async def test_removed_channels_are_hidden_and_stay_known(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_channels([channel(1), channel(2)])
    changed = replace(channel(2), name_override="Kept")

    await store.save_channels([changed], removed=[ChannelKey(1)])

    assert (await store.load_all()).channels == (changed,)
    assert await store.removed_channels() == [channel(1)]


async def test_a_channel_that_comes_back_may_have_a_new_key_at_once(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_channels([channel(1, channel_id="34020000001310000001")])
    again = channel(2, channel_id="34020000001310000001")

    await store.save_channels([again], removed=[ChannelKey(1)])

    assert (await store.load_all()).channels == (again,)


async def test_two_devices_may_carry_the_same_channel_id(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_device(device(2))
    here = channel(1, device_key=1, channel_id="34020000001310000001")
    there = channel(2, device_key=2, channel_id="34020000001310000001")

    await store.save_channels([here, there])

    assert (await store.load_all()).channels == (here, there)


async def test_a_removed_device_leaves_with_its_channels_but_its_ledger_stays(
    store: DeviceStore,
) -> None:
    await store.save_device(device(1), [step(of_device(1), 100, None)])
    await store.save_channels([channel(1)], transitions=[step(of_channel(1), 100, None)])

    await store.remove_device(
        DeviceKey(1),
        [ChannelKey(1)],
        [
            step(of_device(1), 160, 100, cause=Cause.REMOVED, opens=False),
            step(of_channel(1), 160, 100, cause=Cause.REMOVED, opens=False),
        ],
    )

    stored = await store.load_all()
    assert (stored.devices, stored.channels, stored.open_intervals) == ((), (), ())
    assert await store.intervals(of_device(1), 0, 1000) == [
        Interval(of_device(1), 100, 160, State.ONLINE_SIGNALLED, Cause.REGISTERED)
    ]
    assert await store.removed_channels() == [channel(1)]


async def test_keys_of_removed_rows_are_never_given_again(store: DeviceStore) -> None:
    await store.save_device(device(7))
    await store.save_channels([channel(41, device_key=7)])
    await store.remove_device(DeviceKey(7), [ChannelKey(41)], [])

    stored = await store.load_all()

    assert (stored.next_device_key, stored.next_channel_key) == (8, 42)


async def test_a_device_removed_and_added_again_is_another_row(store: DeviceStore) -> None:
    await store.save_device(device(1, "34020000001110000001"))
    await store.remove_device(DeviceKey(1), [], [])
    again = device(2, "34020000001110000001")

    await store.save_device(again)

    assert (await store.load_all()).devices == (again,)


async def test_a_ledger_step_ends_one_interval_and_opens_the_next(store: DeviceStore) -> None:
    await store.append([step(of_device(1), 100, None, State.NOT_COMMISSIONED, Cause.ADDED)])

    await store.append([step(of_device(1), 160, 100)])

    assert await store.intervals(of_device(1), 0, 1000) == [
        Interval(of_device(1), 100, 160, State.NOT_COMMISSIONED, Cause.ADDED),
        Interval(of_device(1), 160, None, State.ONLINE_SIGNALLED, Cause.REGISTERED),
    ]
    assert (await store.load_all()).open_intervals == (
        Interval(of_device(1), 160, None, State.ONLINE_SIGNALLED, Cause.REGISTERED),
    )


async def test_steps_of_one_subject_in_one_call_follow_each_other(store: DeviceStore) -> None:
    await store.append(
        [
            step(of_device(1), 100, None, State.UNKNOWN, Cause.SERVER_ABSENT),
            step(of_device(2), 100, None, State.UNKNOWN, Cause.SERVER_ABSENT),
            step(of_device(1), 130, 100, State.OFFLINE, Cause.SILENT),
            step(of_device(1), 190, 130, State.ONLINE_SIGNALLED, Cause.KEEPALIVE),
        ]
    )

    assert await store.intervals_of_all(SubjectKind.DEVICE, 0, 1000) == [
        Interval(of_device(1), 100, 130, State.UNKNOWN, Cause.SERVER_ABSENT),
        Interval(of_device(1), 130, 190, State.OFFLINE, Cause.SILENT),
        Interval(of_device(1), 190, None, State.ONLINE_SIGNALLED, Cause.KEEPALIVE),
        Interval(of_device(2), 100, None, State.UNKNOWN, Cause.SERVER_ABSENT),
    ]


async def test_many_that_begin_together_begin_each_as_it_is(store: DeviceStore) -> None:
    beginnings = [
        *(step(of_channel(key), 100, None, State.ONLINE_SIGNALLED) for key in range(1, 21)),
        step(of_device(7), 100, None, State.ONLINE_SIGNALLED),
        *(step(of_channel(key), 100, None, State.OFFLINE) for key in range(21, 41)),
        *(step(of_channel(key), 101, None, State.OFFLINE) for key in (41, 42)),
    ]

    await store.append(beginnings)

    said = await store.intervals_of_all(SubjectKind.CHANNEL, 0, 1000)
    assert [(each.subject.key, each.start_s, each.end_s, each.state) for each in said] == [
        *((key, 100, None, State.ONLINE_SIGNALLED) for key in range(1, 21)),
        *((key, 100, None, State.OFFLINE) for key in range(21, 41)),
        *((key, 101, None, State.OFFLINE) for key in (41, 42)),
    ]
    assert len(await store.intervals(of_device(7), 0, 1000)) == 1


async def test_of_many_that_begin_together_one_that_has_begun_spoils_all(
    store: DeviceStore,
) -> None:
    await store.append([step(of_channel(5), 90, None)])

    with pytest.raises(ConflictError):
        await store.append([step(of_channel(key), 100, None) for key in range(1, 21)])

    assert len(await store.intervals_of_all(SubjectKind.CHANNEL, 0, 1000)) == 1


async def test_a_step_in_the_same_second_replaces_the_open_interval(store: DeviceStore) -> None:
    await store.append([step(of_device(1), 100, None, State.OFFLINE, Cause.SILENT)])

    await store.append([step(of_device(1), 100, 100, State.ONLINE_SIGNALLED, Cause.KEEPALIVE)])

    assert await store.intervals(of_device(1), 0, 1000) == [
        Interval(of_device(1), 100, None, State.ONLINE_SIGNALLED, Cause.KEEPALIVE)
    ]


async def test_a_ledger_that_ends_in_the_second_it_began_leaves_nothing(store: DeviceStore) -> None:
    await store.append([step(of_device(1), 100, None)])

    await store.append([step(of_device(1), 100, 100, cause=Cause.REMOVED, opens=False)])

    assert await store.intervals(of_device(1), 0, 1000) == []


async def test_appending_nothing_is_no_change(store: DeviceStore) -> None:
    await store.append([])

    assert (await store.load_all()).open_intervals == ()


async def test_intervals_are_those_that_overlap_the_window(store: DeviceStore) -> None:
    for at_s in (100, 200, 300, 400):
        await store.append([step(of_channel(5), at_s, at_s - 100 if at_s > 100 else None)])
    await store.append([step(of_channel(6), 150, None)])
    await store.append([step(of_device(5), 150, None)])

    starts = [i.start_s for i in await store.intervals(of_channel(5), 200, 300)]
    everybody = await store.intervals_of_all(SubjectKind.CHANNEL, 199, 301)

    assert starts == [200]
    assert [(i.subject.key, i.start_s) for i in everybody] == [
        (5, 100),
        (5, 200),
        (5, 300),
        (6, 150),
    ]


async def test_the_newest_life_mark_counts(store: DeviceStore) -> None:
    await store.life_mark(1000)
    await store.life_mark(1002)
    await store.life_mark(1001)

    assert (await store.load_all()).last_life_s == 1002


async def test_a_clock_step_is_noted(store: DeviceStore) -> None:
    await store.clock_step(ClockStep(at_s=1000, step_s=-3600.5))
    await store.clock_step(ClockStep(at_s=1001, step_s=2.5))


async def test_an_alarm_is_stored_once(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_device(device(2))

    assert await store.add_alarm(alarm(1, fingerprint="same"))
    assert not await store.add_alarm(alarm(2, fingerprint="same"))
    assert await store.add_alarm(alarm(3, device_key=2, fingerprint="same"))

    assert await store.alarms(None, None, 10) == [
        alarm(3, device_key=2, fingerprint="same"),
        alarm(1, fingerprint="same"),
    ]


async def test_an_alarm_that_arrives_many_times_at_once_is_stored_once(store: DeviceStore) -> None:
    await store.save_device(device(1))

    new = await asyncio.gather(
        *(store.add_alarm(alarm(number, fingerprint="same")) for number in range(20))
    )

    assert sorted(new) == [False] * 19 + [True]
    assert len(await store.alarms(None, None, 100)) == 1


async def test_alarms_are_read_in_pages_from_the_newest(store: DeviceStore) -> None:
    await store.save_device(device(1))
    await store.save_device(device(2))
    for number in range(1, 6):
        await store.add_alarm(alarm(number))
    await store.add_alarm(alarm(6, device_key=2))
    of_one = DeviceId("34020000001110000001")

    first = await store.alarms(of_one, None, 2)
    second = await store.alarms(of_one, first[-1].alarm_id, 2)

    assert [*first, *second] == [alarm(5), alarm(4), alarm(3), alarm(2)]


async def test_the_waiting_room_has_one_row_for_an_id_and_its_source(store: DeviceStore) -> None:
    await store.save_waiting(waiting())
    again = replace(waiting(), attempts=4, source_port=5099, refused=True)
    await store.save_waiting(again)
    elsewhere = waiting(source="127.0.0.78")
    await store.save_waiting(elsewhere)

    assert (await store.load_all()).waiting == (again, elsewhere)


async def test_saving_at_the_door_evicts_the_oldest(store: DeviceStore) -> None:
    await store.save_waiting(waiting(source="127.0.0.1"))
    await store.save_waiting(waiting(source="127.0.0.2"))

    await store.save_waiting(waiting(source="127.0.0.3"), evicted=[waiting(source="127.0.0.1")])

    hosts = [row.source_host for row in (await store.load_all()).waiting]
    assert hosts == ["127.0.0.2", "127.0.0.3"]


async def test_leaving_the_waiting_room_takes_every_row_of_an_id(store: DeviceStore) -> None:
    other = waiting(device_id="34020000001110000078")
    await store.save_waiting(waiting(source="127.0.0.1"))
    await store.save_waiting(waiting(source="127.0.0.2"))
    await store.save_waiting(other)

    await store.delete_waiting(waiting().device_id)

    assert (await store.load_all()).waiting == (other,)


@pytest.mark.parametrize("knock_last", [True, False])
async def test_what_is_asked_at_once_happens_in_the_order_of_asking(
    store: DeviceStore, *, knock_last: bool
) -> None:
    knock, leave = store.save_waiting(waiting()), store.delete_waiting(waiting().device_id)

    await asyncio.gather(*((leave, knock) if knock_last else (knock, leave)))

    assert len((await store.load_all()).waiting) == knock_last


async def test_many_registrations_at_once_are_all_stored(store: DeviceStore) -> None:
    devices = [device(key) for key in range(1, 301)]

    await asyncio.gather(
        *(store.save_device(d, [step(of_device(d.key), 100, None)]) for d in devices)
    )

    stored = await store.load_all()
    assert stored.devices == tuple(devices)
    assert len(stored.open_intervals) == 300


@pytest.mark.parametrize(
    "steps",
    [
        [step(of_device(1), 300, 200)],
        [step(of_device(1), 300, None)],
        [step(of_device(1), 50, 100)],
        [step(of_device(1), 200, 100), step(of_device(1), 300, 100)],
        [step(of_device(2), 300, 100)],
    ],
    ids=["another beginning", "a second open one", "backwards", "ended twice", "never begun"],
)
async def test_a_ledger_step_that_does_not_fit_is_refused_whole(
    store: DeviceStore, steps: Sequence[Transition]
) -> None:
    await store.append([step(of_device(1), 100, None)])

    with pytest.raises(ConflictError):
        await store.append([step(of_device(3), 100, None), *steps])

    assert await store.intervals_of_all(SubjectKind.DEVICE, 0, 1000) == [
        Interval(of_device(1), 100, None, State.ONLINE_SIGNALLED, Cause.REGISTERED)
    ]
