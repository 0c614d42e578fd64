"""The one writer: what it acknowledges, what it observes, what it remembers."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.clock import MIDDAY
from tests.support.waiting import until
from tests.vms.inventory.site import (
    CAMERA,
    FOREVER,
    GATE,
    HOST,
    SECOND,
    YARD,
    Site,
    camera,
    lasted_s,
)
from vms.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from vms.events import (
    AlarmRaised,
    CatalogChanged,
    ChannelStateChanged,
    DeviceAdded,
    DeviceCameOnline,
    DeviceRemoved,
    DeviceWaits,
    DeviceWentOffline,
)
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp.tolerances import Tolerance
from vms.inventory.model import (
    Cause,
    DevicePatch,
    NewDevice,
    ReportedAlarm,
    State,
    Status,
    Subject,
    SubjectKind,
    WaitingVerdict,
)
from vms.inventory.policy import BindingMove, Heard, InventoryPolicy
from vms.inventory.queries import ChannelQuery, DeviceQuery

ITS_OWN = "known to it alone"


@pytest.fixture
async def site() -> Site:
    return await Site().open()


class TestRegistering:
    async def test_a_registered_device_is_online_and_its_binding_is_stored(
        self, site: Site
    ) -> None:
        await site.register()

        device = site.inventory.device(GATE)
        assert site.inventory.status(device) is Status.ONLINE
        assert device.binding == (await site.store.load_all()).devices[0].binding
        assert [type(event) for event in await site.told()] == [DeviceAdded, DeviceCameOnline]

    async def test_without_its_database_nothing_is_registered_and_nobody_is_told(
        self, site: Site
    ) -> None:
        site.store.is_down = True

        with pytest.raises(UnavailableError):
            await site.register()

        assert site.inventory.find_device(GATE) is None
        assert await site.told() == []

    async def test_a_device_that_moved_keeps_its_old_binding_until_the_new_one_is_stored(
        self, site: Site
    ) -> None:
        await site.register()
        site.store.is_down = True

        with pytest.raises(UnavailableError):
            await site.register(host="127.0.0.10")

        binding = site.inventory.device(GATE).binding
        assert binding is not None
        assert binding.host == HOST

    async def test_a_refresh_is_no_second_coming(self, site: Site) -> None:
        await site.register()
        await site.pass_time(60)
        await site.register()

        assert len(await site.history()) == 1
        assert sum(isinstance(event, DeviceCameOnline) for event in await site.told()) == 1

    async def test_unregistering_is_offline_at_once_until_it_registers_again(
        self, site: Site
    ) -> None:
        await site.register()
        await site.pass_time(10)

        await site.inventory.unregister(GATE)
        site.clock.advance(5)
        heard = site.inventory.keepalive(GATE, HOST, 5060)

        assert heard is Heard.UNKNOWN_DEVICE
        assert await site.history() == [
            (State.ONLINE_SIGNALLED, Cause.REGISTERED, 10),
            (State.OFFLINE, Cause.UNREGISTERED, None),
        ]

    async def test_what_is_begun_is_finished_though_the_asker_went_away(self, site: Site) -> None:
        site.store.is_open.clear()
        asker = asyncio.create_task(site.register())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asker
        site.store.is_open.set()

        await site.inventory.stop()

        assert site.inventory.device(GATE).state is State.ONLINE_SIGNALLED
        assert len((await site.store.load_all()).devices) == 1

    async def test_registrations_of_one_device_happen_one_after_the_other(self, site: Site) -> None:
        hosts = [f"127.0.0.{number}" for number in range(20, 30)]

        await asyncio.gather(*(site.register(host=host) for host in hosts))

        [stored] = (await site.store.load_all()).devices
        assert stored.binding is not None
        assert stored.binding == site.inventory.device(GATE).binding
        assert stored.binding.host == hosts[-1]


class TestKeepingAlive:
    async def test_a_keepalive_of_a_stranger_is_worth_nothing(self, site: Site) -> None:
        assert site.inventory.keepalive(GATE, HOST, 5060) is Heard.UNKNOWN_DEVICE

    async def test_a_keepalive_writes_nothing_until_the_flush(self, site: Site) -> None:
        await site.register()
        before = site.store.writes

        for _ in range(100):
            site.inventory.keepalive(GATE, HOST, 5060)

        assert site.store.writes == before

    async def test_signs_of_life_are_stored_within_seconds(self, site: Site) -> None:
        await site.register()
        site.clock.advance(30)
        site.inventory.keepalive(GATE, HOST, 5060)
        await site.pass_time(6)

        [stored] = (await site.store.load_all()).devices
        assert stored.last_keepalive_at == MIDDAY + timedelta(seconds=30)
        assert stored.last_keepalive_at == site.inventory.device(GATE).last_keepalive_at

    async def test_silence_past_the_limit_is_offline_with_every_channel(self, site: Site) -> None:
        await site.register()
        await site.report(camera())

        await site.pass_time(200)

        assert await site.history() == [
            (State.ONLINE_SIGNALLED, Cause.REGISTERED, 180),
            (State.OFFLINE, Cause.SILENT, None),
        ]
        assert await site.history(CAMERA) == [
            (State.ONLINE_SIGNALLED, Cause.CATALOG, 180),
            (State.OFFLINE, Cause.DEVICE, None),
        ]
        [gone] = [event for event in await site.told() if isinstance(event, DeviceWentOffline)]
        assert gone.silent_s == 180

    async def test_a_keepalive_brings_a_silent_device_back(self, site: Site) -> None:
        await site.register()
        await site.pass_time(200)

        site.inventory.keepalive(GATE, HOST, 5060)
        await site.inventory.pass_time()

        assert site.inventory.device(GATE).state is State.ONLINE_SIGNALLED
        assert (await site.history())[-1] == (State.ONLINE_SIGNALLED, Cause.KEEPALIVE, None)

    async def test_keepalives_outlive_a_registration_that_ran_out_and_it_is_counted(
        self, site: Site
    ) -> None:
        await site.register()

        await site.keep_alive(3 * 3600)

        device = site.inventory.device(GATE)
        assert device.state is State.ONLINE_SIGNALLED
        assert device.tolerances == {"registration_expired": 1}

    async def test_a_new_port_on_the_same_host_is_followed_and_stored(self, site: Site) -> None:
        await site.register()

        assert site.inventory.keepalive(GATE, HOST, 6000) is Heard.KNOWN
        await site.pass_time(6)

        [stored] = (await site.store.load_all()).devices
        assert stored.binding is not None
        assert stored.binding.port == 6000

    async def test_another_host_moves_nothing(self, site: Site) -> None:
        await site.register()

        assert site.inventory.keepalive(GATE, "127.0.0.66", 5060) is Heard.FOREIGN_ADDRESS
        assert site.inventory.heard(GATE, "127.0.0.66", 5060) is Heard.FOREIGN_ADDRESS

        binding = site.inventory.device(GATE).binding
        assert binding is not None
        assert binding.host == HOST

    @pytest.mark.parametrize(
        ("move", "port_worth", "host_worth"),
        [
            (BindingMove.STRICT, Heard.FOREIGN_ADDRESS, Heard.FOREIGN_ADDRESS),
            (BindingMove.ANY, Heard.KNOWN, Heard.KNOWN),
        ],
    )
    async def test_the_policy_says_how_far_a_binding_moves(
        self, move: BindingMove, port_worth: Heard, host_worth: Heard
    ) -> None:
        site = await Site(InventoryPolicy(binding_move=move)).open()
        await site.register()

        assert site.inventory.keepalive(GATE, HOST, 6000) is port_worth
        assert site.inventory.keepalive(GATE, "127.0.0.66", 5060) is host_worth

    async def test_a_slow_rhythm_is_learned_and_kept_over_a_restart(self, site: Site) -> None:
        await site.register()
        await site.keep_alive(1500, every_s=150)

        await site.restart(absent_s=5)

        assert site.inventory.device(GATE).keepalive_interval_s == 150

    async def test_a_lost_connection_is_offline_unless_heard_within_half_a_minute(
        self, site: Site
    ) -> None:
        await site.register()
        await site.inventory.connection_lost(GATE, HOST, 5060)

        await site.pass_time(31)

        assert (await site.history())[-1][:2] == (State.OFFLINE, Cause.CONNECTION_LOST)

    async def test_the_end_of_an_older_connection_means_nothing(self, site: Site) -> None:
        await site.register()
        await site.inventory.connection_lost(GATE, HOST, 4999)

        await site.pass_time(60)

        assert site.inventory.device(GATE).state is State.ONLINE_SIGNALLED

    async def test_while_the_database_is_away_devices_live_and_nothing_is_forgotten(
        self, site: Site
    ) -> None:
        await site.register()
        await site.pass_time(10)
        site.store.is_down = True
        await site.pass_time(200)
        assert site.inventory.keepalive(GATE, HOST, 5060) is Heard.KNOWN
        await site.inventory.pass_time()
        assert [event for event in await site.told() if isinstance(event, DeviceWentOffline)] == []

        site.store.is_down = False
        await site.pass_time(2)

        assert await site.history() == [
            (State.ONLINE_SIGNALLED, Cause.REGISTERED, 180),
            (State.OFFLINE, Cause.SILENT, 30),
            (State.ONLINE_SIGNALLED, Cause.KEEPALIVE, None),
        ]
        assert any(isinstance(event, DeviceWentOffline) for event in await site.told())

    async def test_what_is_observed_during_a_write_follows_it(self, site: Site) -> None:
        await site.register()
        await site.pass_time(10)
        site.store.is_open.clear()
        writing = asyncio.create_task(site.inventory.patch_device(GATE, {"name": "Gate"}))
        await until(lambda: site.inventory.is_writing(GATE))
        site.clock.advance(300)
        passing = asyncio.create_task(site.inventory.pass_time())
        await asyncio.sleep(0)
        assert site.inventory.device(GATE).state is State.ONLINE_SIGNALLED

        site.store.is_open.set()
        await asyncio.gather(writing, passing)
        await site.inventory.pass_time()

        assert site.inventory.device(GATE).state is State.OFFLINE
        assert site.inventory.device(GATE).name_override == "Gate"
        assert (await site.history())[-1][:2] == (State.OFFLINE, Cause.SILENT)


class TestAbsence:
    async def test_after_a_crash_our_absence_is_unknown_from_the_last_life_mark(
        self, site: Site
    ) -> None:
        await site.register()
        await site.report(camera())
        await site.keep_alive(60)

        await site.restart(absent_s=60)
        site.inventory.keepalive(GATE, HOST, 5060)
        await site.inventory.pass_time()

        assert await site.history() == [
            (State.ONLINE_SIGNALLED, Cause.REGISTERED, 60),
            (State.UNKNOWN, Cause.SERVER_ABSENT, 60),
            (State.ONLINE_SIGNALLED, Cause.KEEPALIVE, None),
        ]
        assert [state for state, _, _ in await site.history(CAMERA)] == [
            State.ONLINE_SIGNALLED,
            State.UNKNOWN,
            State.ONLINE_SIGNALLED,
        ]
        assert not any(isinstance(event, DeviceWentOffline) for event in await site.told())

    async def test_after_a_restart_a_device_is_unknown_until_its_limit_has_passed(
        self, site: Site
    ) -> None:
        await site.register()
        await site.restart(absent_s=60)

        await site.pass_time(179)
        before = site.inventory.device(GATE).state
        await site.pass_time(2)

        assert before is State.UNKNOWN
        assert await site.history() == [
            (State.UNKNOWN, Cause.SERVER_ABSENT, 240),
            (State.OFFLINE, Cause.GRACE_PASSED, None),
        ]

    async def test_a_clean_stop_marks_the_moment_from_which_all_is_unknown(
        self, site: Site
    ) -> None:
        await site.register()
        site.clock.advance(1)
        await site.inventory.stop()

        await site.restart(absent_s=30)

        assert (await site.history())[0] == (State.ONLINE_SIGNALLED, Cause.REGISTERED, 1)

    async def test_a_device_that_never_registered_stays_so_through_our_absence(
        self, site: Site
    ) -> None:
        await site.inventory.add_device(NewDevice(GATE))

        await site.restart(absent_s=60)
        await site.pass_time(300)

        assert await site.history() == [(State.NOT_COMMISSIONED, Cause.ADDED, None)]

    async def test_a_stopped_process_saw_nothing_and_says_so(self, site: Site) -> None:
        await site.register()
        await site.keep_alive(60)
        stopped_at = site.clock.monotonic()

        site.clock.advance(600)
        site.inventory.was_absent(stopped_at)
        site.inventory.keepalive(GATE, HOST, 5060)
        await site.inventory.pass_time()

        assert await site.history() == [
            (State.ONLINE_SIGNALLED, Cause.REGISTERED, 60),
            (State.UNKNOWN, Cause.SERVER_ABSENT, 600),
            (State.ONLINE_SIGNALLED, Cause.KEEPALIVE, None),
        ]

    @pytest.mark.parametrize("step_s", [3600, -3600, 86_400])
    async def test_a_stepped_wall_clock_takes_nobody_offline_and_bends_no_interval(
        self, site: Site, step_s: int
    ) -> None:
        await site.register()
        await site.pass_time(100)

        site.clock.step_wall(step_s)
        await site.pass_time(20)
        await site.inventory.unregister(GATE)

        assert await site.history() == [
            (State.ONLINE_SIGNALLED, Cause.REGISTERED, 120),
            (State.OFFLINE, Cause.UNREGISTERED, None),
        ]
        [step] = site.store.clock_steps
        assert step.step_s == pytest.approx(step_s)

    async def test_a_restart_after_the_wall_clock_was_set_back_goes_on_where_the_ledger_ended(
        self, site: Site
    ) -> None:
        await site.register()
        await site.pass_time(100)
        site.clock.step_wall(-3600)

        await site.restart(absent_s=60)
        await site.pass_time(10)

        assert await site.history() == [
            (State.ONLINE_SIGNALLED, Cause.REGISTERED, 100),
            (State.UNKNOWN, Cause.SERVER_ABSENT, None),
        ]


class TestChannels:
    async def test_a_complete_catalogue_puts_channels_on_file(self, site: Site) -> None:
        await site.register()

        await site.report(camera(), camera(SECOND, is_on=False))

        assert site.inventory.channel(GATE, CAMERA).state is State.ONLINE_SIGNALLED
        assert site.inventory.channel(GATE, SECOND).state is State.OFFLINE
        assert site.inventory.channel_counts(GATE) == (2, 1)
        [changed] = [event for event in await site.told() if isinstance(event, CatalogChanged)]
        assert (changed.added, changed.removed, changed.changed) == (2, 0, 0)

    async def test_the_same_catalogue_again_changes_and_writes_nothing(self, site: Site) -> None:
        await site.register()
        await site.report(camera())
        before = site.store.writes

        await site.report(camera())

        assert site.store.writes == before

    async def test_a_missing_channel_is_absent_for_two_answers_and_then_removed(
        self, site: Site
    ) -> None:
        await site.register()
        await site.report(camera(), camera(SECOND))

        for absent_syncs in (1, 2):
            await site.report(camera())
            second = site.inventory.channel(GATE, SECOND)
            assert (second.absent_syncs, second.state) == (absent_syncs, State.OFFLINE)
        await site.report(camera())

        with pytest.raises(NotFoundError):
            site.inventory.channel(GATE, SECOND)

    async def test_a_channel_that_comes_back_in_time_is_the_same_channel(self, site: Site) -> None:
        await site.register()
        await site.report(camera(), camera(SECOND))
        key = site.inventory.channel(GATE, SECOND).key
        await site.report(camera())

        await site.report(camera(), camera(SECOND))

        assert site.inventory.channel(GATE, SECOND).key == key
        assert site.inventory.channel(GATE, SECOND).state is State.ONLINE_SIGNALLED

    async def test_an_incomplete_answer_only_adds(self, site: Site) -> None:
        await site.register()
        await site.report(camera(), camera(SECOND))

        await site.report(camera(ChannelId("34020000001320000003")), complete=False)

        assert site.inventory.channel_counts(GATE) == (3, 3)

    async def test_an_unsolicited_part_wipes_nothing(self, site: Site) -> None:
        await site.register()
        await site.report(camera(), camera(SECOND))

        await site.inventory.upsert_channels(GATE, [camera(name="Renamed")])

        assert site.inventory.channel(GATE, CAMERA).name == "Renamed"
        assert site.inventory.channel_counts(GATE) == (2, 2)

    async def test_a_complete_and_empty_answer_turns_all_off_and_removes_none(
        self, site: Site
    ) -> None:
        await site.register()
        await site.report(camera(), camera(SECOND))

        for _ in range(4):
            await site.report()

        assert site.inventory.channel_counts(GATE) == (2, 0)

    async def test_a_catalogue_that_cannot_be_stored_changes_nothing(self, site: Site) -> None:
        await site.register()
        await site.report(camera())
        site.store.is_down = True

        with pytest.raises(UnavailableError):
            await site.report(camera(is_on=False), camera(SECOND))

        assert site.inventory.channel(GATE, CAMERA).state is State.ONLINE_SIGNALLED
        assert site.inventory.channel_counts(GATE) == (1, 1)

    async def test_after_a_restart_an_item_is_known_by_its_text_once_it_was_told(
        self, site: Site
    ) -> None:
        await site.register()
        await site.report(camera())
        await site.restart(absent_s=10)
        told = camera()
        told.bear(28181, frozenset({Tolerance.PLACEHOLDER}))

        await site.report(told)

        on_file = site.inventory.reported_by(GATE)(CAMERA)
        assert on_file is not None
        assert (on_file.mark, on_file.forgiven) == (28181, told.forgiven)

    async def test_two_devices_may_have_the_same_channel_id(self, site: Site) -> None:
        await site.register()
        await site.register(YARD, host="127.0.0.10")
        await site.report(camera(name="here"))
        await site.inventory.replace_channels(YARD, [camera(name="there")], complete=True)

        assert site.inventory.channel(GATE, CAMERA).name == "here"
        assert site.inventory.channel(YARD, CAMERA).name == "there"

    async def test_a_picture_proves_a_channel_for_the_window(self, site: Site) -> None:
        await site.register()
        await site.report(camera())
        await site.inventory.picture_proven(GATE, CAMERA)

        await site.keep_alive(3660)

        assert await site.history(CAMERA) == [
            (State.ONLINE_PROVEN, Cause.PICTURE, 3600),
            (State.ONLINE_SIGNALLED, Cause.PROOF_EXPIRED, None),
        ]

    async def test_a_further_picture_extends_the_proof(self, site: Site) -> None:
        await site.register()
        await site.report(camera())
        await site.inventory.picture_proven(GATE, CAMERA)
        await site.keep_alive(1800)
        await site.inventory.picture_proven(GATE, CAMERA)

        await site.keep_alive(3000)

        assert site.inventory.channel(GATE, CAMERA).state is State.ONLINE_PROVEN

    async def test_a_picture_outweighs_a_catalogue_that_says_off(self, site: Site) -> None:
        await site.register()
        await site.report(camera(is_on=False))

        await site.inventory.picture_proven(GATE, CAMERA)
        await site.inventory.pass_time()

        assert site.inventory.channel(GATE, CAMERA).state is State.ONLINE_PROVEN
        assert any(isinstance(event, ChannelStateChanged) for event in await site.told())

    async def test_a_catalogue_that_turns_to_off_ends_the_proof(self, site: Site) -> None:
        await site.register()
        await site.report(camera())
        await site.inventory.picture_proven(GATE, CAMERA)

        await site.report(camera(is_on=False))

        assert site.inventory.channel(GATE, CAMERA).state is State.OFFLINE

    async def test_a_picture_is_a_sign_of_life_of_its_device(self, site: Site) -> None:
        await site.register()
        await site.report(camera())
        await site.pass_time(200)

        await site.inventory.picture_proven(GATE, CAMERA)

        assert site.inventory.device(GATE).state is State.ONLINE_SIGNALLED
        assert site.inventory.channel(GATE, CAMERA).state is State.ONLINE_PROVEN

    async def test_names_and_divisions_set_here_stand_over_the_report(self, site: Site) -> None:
        await site.register()
        await site.report(camera())

        await site.inventory.patch_channel(GATE, CAMERA, {"name": "Ours", "division": "340203"})
        await site.report(camera(name="Theirs"))

        channel = site.inventory.channel(GATE, CAMERA)
        assert (channel.name, channel.division) == ("Ours", "340203")
        with pytest.raises(InvalidError):
            await site.inventory.patch_channel(GATE, CAMERA, {"division": "north"})


class TestAlarms:
    def alarm(self, sn: int = 1, raw: bytes = b"<Notify/>") -> ReportedAlarm:
        return ReportedAlarm(
            source_id=CAMERA,
            sn=sn,
            priority=1,
            method=5,
            alarm_type=2,
            occurred_at=MIDDAY,
            description="",
            longitude=None,
            latitude=None,
            raw=raw,
        )

    async def test_an_alarm_sent_twice_is_stored_and_told_once(self, site: Site) -> None:
        await site.register()

        first = await site.inventory.record_alarm(GATE, self.alarm())
        again = await site.inventory.record_alarm(GATE, self.alarm())

        assert (first, again) == (True, False)
        assert len(await site.inventory.alarms()) == 1
        assert sum(isinstance(event, AlarmRaised) for event in await site.told()) == 1

    async def test_an_alarm_without_a_time_is_known_again_by_the_request_that_brought_it(
        self, site: Site
    ) -> None:
        await site.register()
        first = replace(self.alarm(), occasion="call 20")
        repeated = replace(first, occurred_at=MIDDAY + timedelta(seconds=4))
        another = replace(first, occasion="call 21")

        stored = [
            await site.inventory.record_alarm(GATE, alarm) for alarm in (first, repeated, another)
        ]

        assert stored == [True, False, True]

    async def test_of_a_body_without_end_the_beginning_is_kept(self, site: Site) -> None:
        await site.register()

        assert await site.inventory.record_alarm(GATE, self.alarm(raw=b"<" * 1_000_000))

        [alarm] = await site.inventory.alarms()
        assert len(alarm.raw) == 65_536

    async def test_another_number_or_body_is_another_alarm_and_the_newest_comes_first(
        self, site: Site
    ) -> None:
        await site.register()
        for alarm in (self.alarm(), self.alarm(sn=2), self.alarm(raw=b"<Notify>2</Notify>")):
            assert await site.inventory.record_alarm(GATE, alarm)

        alarms = await site.inventory.alarms(GATE, limit=2)

        assert [alarm.sn for alarm in alarms] == [1, 2]

    async def test_without_its_database_no_alarm_is_acknowledged(self, site: Site) -> None:
        await site.register()
        site.store.is_down = True

        with pytest.raises(UnavailableError):
            await site.inventory.record_alarm(GATE, self.alarm())


class TestWaitingRoom:
    async def knock(
        self,
        site: Site,
        device_id: DeviceId = GATE,
        host: str = HOST,
        verdict: WaitingVerdict = WaitingVerdict.RIGHT,
    ) -> None:
        await site.inventory.note_waiting(
            device_id, host, 5060, transport="UDP", user_agent="IP Camera", verdict=verdict
        )

    async def test_a_stranger_who_asks_again_has_one_row_and_is_told_of_once(
        self, site: Site
    ) -> None:
        for _ in range(3):
            await self.knock(site)

        [row] = site.inventory.waiting()
        assert row.attempts == 3
        assert site.inventory.summary().waiting == 1
        assert sum(isinstance(event, DeviceWaits) for event in await site.told()) == 1

    async def test_repeated_attempts_are_written_with_the_flush_only(self, site: Site) -> None:
        await self.knock(site)
        before = site.store.writes
        for _ in range(50):
            await self.knock(site)
        assert site.store.writes == before

        await site.pass_time(6)

        assert (await site.store.load_all()).waiting[0].attempts == 51

    async def test_when_the_room_is_full_the_oldest_gives_way_but_a_refusal_stays(
        self, site: Site
    ) -> None:
        ids = [DeviceId(f"3402000000111{number:07d}") for number in range(1001)]
        await self.knock(site, ids[0])
        await site.inventory.refuse(ids[0])
        for device_id in ids[1:]:
            site.clock.advance(1)
            await self.knock(site, device_id)

        waiting = {row.device_id for row in site.inventory.waiting()}

        assert len(waiting) == 1000
        assert ids[1] not in waiting
        assert {row.device_id for row in (await site.store.load_all()).waiting} == waiting

    async def test_approval_puts_the_device_on_file_and_empties_its_rows(self, site: Site) -> None:
        await self.knock(site)
        await self.knock(site, host="127.0.0.10")

        device = await site.inventory.approve(GATE, ITS_OWN, trust=False)

        assert device.secret == ITS_OWN
        assert site.inventory.status(device) is Status.NOT_COMMISSIONED
        assert site.inventory.waiting() == []
        assert (await site.store.load_all()).waiting == ()

    async def test_trust_needs_a_password_that_was_proved(self, site: Site) -> None:
        await self.knock(site, verdict=WaitingVerdict.UNKNOWABLE)

        with pytest.raises(ConflictError):
            await site.inventory.approve(GATE, None, trust=True)

        await self.knock(site, verdict=WaitingVerdict.RIGHT)
        assert (await site.inventory.approve(GATE, None, trust=True)).secret is None

    async def test_the_refused_stay_refused_over_a_restart(self, site: Site) -> None:
        await self.knock(site)
        await site.inventory.refuse(GATE)
        await self.knock(site)

        await site.restart(absent_s=5)

        facts = site.inventory.registration_facts(
            GATE, to_id=GATE, username=GATE, expires_s=3600, host=HOST, call_id="x"
        )
        assert facts.is_refused

    async def test_nobody_is_approved_who_does_not_wait(self, site: Site) -> None:
        with pytest.raises(NotFoundError):
            await site.inventory.approve(GATE, None, trust=False)
        with pytest.raises(NotFoundError):
            await site.inventory.refuse(GATE)

    async def test_a_second_unit_is_seen_while_the_first_is_heard(self, site: Site) -> None:
        await site.register()

        def is_double() -> bool:
            return site.inventory.registration_facts(
                GATE, to_id=GATE, username=GATE, expires_s=60, host="127.0.0.66", call_id="other"
            ).is_alive_elsewhere

        while_heard = is_double()
        await site.pass_time(91)

        assert (while_heard, is_double()) == (True, False)


class TestDevicesOnFile:
    async def test_a_device_put_on_file_is_not_commissioned_until_it_registers(
        self, site: Site
    ) -> None:
        device = await site.inventory.add_device(NewDevice(GATE, name="Gate"))
        assert site.inventory.status(device) is Status.NOT_COMMISSIONED
        await site.pass_time(30)

        await site.register()

        assert await site.history() == [
            (State.NOT_COMMISSIONED, Cause.ADDED, 30),
            (State.ONLINE_SIGNALLED, Cause.REGISTERED, None),
        ]
        assert site.inventory.device(GATE).name_override == "Gate"

    async def test_an_id_is_on_file_once(self, site: Site) -> None:
        await site.inventory.add_device(NewDevice(GATE))

        with pytest.raises(ConflictError):
            await site.inventory.add_device(NewDevice(GATE))

    async def test_removal_keeps_the_ledger_and_a_new_device_has_a_new_one(
        self, site: Site
    ) -> None:
        await site.register()
        await site.report(camera())
        await site.pass_time(10)
        await site.inventory.remove_device(GATE)
        await site.pass_time(10)
        await site.register()

        with pytest.raises(NotFoundError):
            site.inventory.channel(GATE, CAMERA)
        assert await site.history() == [(State.ONLINE_SIGNALLED, Cause.REGISTERED, None)]
        [removed] = await site.inventory.removed_channels()
        rows = await site.store.intervals(Subject(SubjectKind.CHANNEL, removed.key), 0, 2**40)
        assert [lasted_s(row) for row in rows] == [10]
        assert any(isinstance(event, DeviceRemoved) for event in await site.told())

    @pytest.mark.parametrize(
        "patch",
        [
            {"keepalive_interval_s": 0.0},
            {"keepalive_misses": 0},
            {"media_transport": "pigeon"},
            {"secret": ""},
            {"name": "x" * 300},
            {"name": "a\0b"},
            {"sip_username": "a\nb"},
        ],
    )
    async def test_nonsense_is_refused(self, site: Site, patch: DevicePatch) -> None:
        await site.inventory.add_device(NewDevice(GATE))

        with pytest.raises(InvalidError):
            await site.inventory.patch_device(GATE, patch)

    async def test_a_patched_limit_counts_at_once(self, site: Site) -> None:
        await site.register()

        await site.inventory.patch_device(
            GATE, {"keepalive_interval_s": 10.0, "keepalive_misses": 2}
        )
        await site.pass_time(21)

        assert site.inventory.device(GATE).state is State.OFFLINE

    async def test_device_info_fills_in_what_it_knows(self, site: Site) -> None:
        await site.register()
        await site.inventory.set_device_info(GATE, "Gate", "Acme", "N16", "V4")

        device = await site.inventory.set_device_info(GATE, "", "", "N17", "")

        known = (device.name, device.manufacturer, device.model, device.firmware)
        assert known == ("Gate", "Acme", "N17", "V4")

    async def test_tolerances_are_counted_and_stored(self, site: Site) -> None:
        await site.register()
        for _ in range(3):
            site.inventory.count_tolerance(GATE, "bodiless_message")

        await site.pass_time(6)

        assert (await site.store.load_all()).devices[0].tolerances == {"bodiless_message": 3}


class TestLists:
    async def test_devices_come_in_pages_without_gap_or_repeat(self, site: Site) -> None:
        ids = [DeviceId(f"3402000000111{number:07d}") for number in range(25)]
        for device_id in reversed(ids):
            await site.inventory.add_device(NewDevice(device_id))

        seen: list[str] = []
        query = DeviceQuery(limit=10, with_total=True)
        while True:
            page = site.inventory.devices(query)
            assert page.total == 25
            seen += [device.device_id for device in page.items]
            if page.next_cursor is None:
                break
            query = replace(query, cursor=page.next_cursor)

        assert seen == ids

    async def test_channels_come_in_pages_across_devices(self, site: Site) -> None:
        for device_id, host in ((GATE, "127.0.0.9"), (YARD, "127.0.0.10")):
            await site.register(device_id, host)
            await site.inventory.replace_channels(
                device_id,
                [camera(ChannelId(f"3402000000132{n:07d}")) for n in range(7)],
                complete=True,
            )

        seen: list[tuple[str, str]] = []
        query = ChannelQuery(limit=3)
        while True:
            page = site.inventory.channels(query)
            seen += [(channel.device_id, channel.channel_id) for channel in page.items]
            if page.next_cursor is None:
                break
            query = replace(query, cursor=page.next_cursor)

        assert seen == sorted(seen)
        assert len(set(seen)) == 14
        of_yard = site.inventory.channels(ChannelQuery(device_id=YARD, limit=5, with_total=True))
        assert (len(of_yard.items), of_yard.total) == (5, 7)

    async def test_filters_narrow_a_list(self, site: Site) -> None:
        await site.register()
        await site.report(camera(name="North Gate"), camera(SECOND, is_on=False, name="yard"))

        def found(query: ChannelQuery) -> list[str]:
            return [channel.name for channel in site.inventory.channels(query).items]

        assert found(ChannelQuery(q="north")) == ["North Gate"]
        assert found(ChannelQuery(q=SECOND)) == ["yard"]
        assert found(ChannelQuery(status=Status.OFFLINE)) == ["yard"]
        assert found(ChannelQuery(division="3402")) == ["North Gate", "yard"]
        assert found(ChannelQuery(division="35")) == []
        assert found(ChannelQuery(manufacturer="Acme", point_type="1")) == []
        assert site.inventory.devices(DeviceQuery(status=Status.OFFLINE)).items == ()

    async def test_a_cursor_that_is_none_of_ours_is_invalid(self, site: Site) -> None:
        with pytest.raises(InvalidError):
            site.inventory.channels(ChannelQuery(cursor="elsewhere"))

    async def test_the_summary_counts_by_state(self, site: Site) -> None:
        await site.register()
        await site.inventory.add_device(NewDevice(YARD))
        await site.report(camera(), camera(SECOND, is_on=False))

        summary = site.inventory.summary()

        assert summary.devices[State.ONLINE_SIGNALLED] == 1
        assert summary.devices[State.NOT_COMMISSIONED] == 1
        assert summary.channels[State.OFFLINE] == 1
        assert summary.instant_online_rate == 0.5

    async def test_divisions_are_counted_with_what_lies_below(self, site: Site) -> None:
        await site.register()
        await site.report(camera(), camera(SECOND, is_on=False))
        await site.inventory.patch_channel(GATE, SECOND, {"division": "3402"})

        [province] = site.inventory.divisions()

        assert (province.code, province.channels, province.online_channels) == ("34", 2, 1)
        assert [child.code for child in province.children] == ["3402"]


class TestConservation:
    async def test_the_ledger_adds_up_and_says_so(self, site: Site) -> None:
        await site.register()
        await site.report(camera())
        await site.pass_time(300)
        await site.restart(absent_s=30)

        assert await site.inventory.check_conservation(*FOREVER) == []


class TestRunning:
    async def test_it_marks_its_life_and_notices_silence_by_itself(self) -> None:
        site = await Site(InventoryPolicy(keepalive_interval_s=5, keepalive_misses=1)).open()
        await site.register()
        running = asyncio.create_task(site.inventory.run())

        site.clock.advance(6)
        await until(lambda: site.inventory.device(GATE).state is State.OFFLINE)
        await until(lambda: site.store.last_life_s == int(MIDDAY.timestamp()) + 6)

        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await site.history())[-1] == (State.OFFLINE, Cause.SILENT, None)
