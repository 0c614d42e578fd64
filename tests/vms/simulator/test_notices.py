"""Subscriptions at a simulated device, in the standard's bytes."""

from dataclasses import replace

from tests.support.sip_peer import Message
from tests.support.waiting import until
from tests.vms.simulator.peer_platform import CHANNEL, DEVICE, WirePlatform, one_device
from vms.gb28181.ids import ChannelId
from vms.gb28181.manscdp.messages import CatalogEvent
from vms.gb28181.version import Edition
from vms.simulator.simulation import Simulation, running

THE_CHANNEL = ChannelId(CHANNEL)


async def notified(platform: WirePlatform, cmd_type: str) -> Message:
    return await platform.peer.asked("NOTIFY", cmd_type)


async def test_catalogue_changes_go_to_the_subscriber_inside_its_dialogue() -> None:
    async with one_device() as (platform, simulation):
        accepted = await platform.subscribe("Catalog", event="Catalog;id=1894")
        assert await simulation.cameras[0].change(CatalogEvent.VIDEO_LOST, THE_CHANNEL)
        lost = await notified(platform, "Catalog")
        assert await simulation.cameras[0].change(CatalogEvent.UPDATE, THE_CHANNEL)
        updated = await notified(platform, "Catalog")

    assert (accepted.status, accepted["Expires"]) == (200, "600")
    assert f"<sip:{DEVICE}@" in accepted["Contact"]
    assert lost["Call-ID"] == accepted["Call-ID"]
    assert lost["From"] == accepted["To"]
    assert lost["Event"] == "Catalog;id=1894"
    assert lost["Subscription-State"] == "active;expires=600"
    assert (lost.element("DeviceID"), lost.element("Event")) == (DEVICE, "VLOST")
    assert f"<DeviceID>{CHANNEL}</DeviceID>".encode() in lost.body
    assert b"<Name>" not in lost.body
    assert updated.element("Event") == "UPDATE"
    assert b"<Name>Camera 0001-1" in updated.body
    assert updated["CSeq"] == "2 NOTIFY"
    assert simulation.summary.notifies_acknowledged == 3  # with the one at the end


async def test_a_new_subscriber_hears_of_what_is_not_in_order() -> None:
    async with one_device(channels=3) as (platform, simulation):
        camera = simulation.cameras[0]
        assert not await camera.change(CatalogEvent.OFF, camera.plan.channel_ids[1])
        await platform.subscribe("Catalog")
        first = await notified(platform, "Catalog")

    assert (first.element("SumNum"), first.element("Event")) == ("1", "OFF")
    assert camera.plan.channel_ids[1].encode() in first.body


async def test_a_catalogue_shows_what_happened_to_its_channels() -> None:
    async with one_device(channels=2) as (platform, simulation):
        camera = simulation.cameras[0]
        first, second = camera.plan.channel_ids
        await camera.change(CatalogEvent.DELETE, first)
        await camera.change(CatalogEvent.DEFECT, second)
        catalogue = await platform.query("Catalog", target=DEVICE)
        await camera.change(CatalogEvent.ADD, first)
        await camera.change(CatalogEvent.ON, second)
        again = await platform.query("Catalog", target=DEVICE)

    assert (catalogue.element("SumNum"), catalogue.element("Status")) == ("1", "OFF")
    assert (again.element("SumNum"), again.element("Status")) == ("2", "ON")


async def test_a_subscription_is_refreshed_in_its_dialogue_and_ended_by_expires_0() -> None:
    async with one_device() as (platform, simulation):
        accepted = await platform.subscribe("Catalog")
        refreshed = await platform.subscribe("Catalog", again=accepted, expires=300)
        ended = await platform.subscribe("Catalog", again=accepted, expires=0)
        last = await platform.peer.asked("NOTIFY")
        await until(lambda: simulation.summary.subscriptions_ended == 1)

        assert not await simulation.cameras[0].change(CatalogEvent.OFF, THE_CHANNEL)
    assert [one.status for one in (refreshed, ended)] == [200, 200]
    assert refreshed["Expires"] == "300"
    assert last["Subscription-State"].startswith("terminated")
    assert simulation.summary.subscriptions_refreshed == 1


async def test_a_refresh_of_an_unknown_dialogue_gets_481() -> None:
    async with one_device() as (platform, simulation):
        accepted = await platform.subscribe("Catalog")
        foreign = Message(
            accepted.start,
            tuple(
                (name, value + "0" if name in ("Call-ID", "To") else value)
                for name, value in accepted.headers
            ),
            b"",
            b"",
        )
        assert (await platform.subscribe("Catalog", again=foreign)).status == 481
    assert simulation.summary.subscriptions == 1


async def test_a_new_subscription_replaces_the_old_one_of_its_kind() -> None:
    async with one_device() as (platform, simulation):
        await platform.subscribe("Catalog")
        second = await platform.subscribe("Catalog")
        await simulation.cameras[0].change(CatalogEvent.OFF, THE_CHANNEL)
        told = await notified(platform, "Catalog")
    assert told["Call-ID"] == second["Call-ID"]
    assert simulation.summary.notifies_sent == 2


async def test_an_alarm_goes_to_the_subscriber_instead_of_by_message() -> None:
    async with one_device() as (platform, simulation):
        await platform.subscribe("Alarm")
        assert await simulation.cameras[0].raise_alarm(alarm_type=6)
        alarm = await notified(platform, "Alarm")
        assert [one for one in platform.peer.requests if one.element("CmdType") == "Alarm"] == []
    assert [alarm.element(name) for name in ("AlarmMethod", "AlarmType")] == ["5", "6"]


async def test_positions_come_in_their_interval_as_a_list_since_2022() -> None:
    async with one_device() as (platform, _):
        await platform.subscribe("MobilePosition", more="<Interval>-1</Interval>")
        first = await notified(platform, "MobilePosition")
        second = await notified(platform, "MobilePosition")

    assert first.element("SumNum") == "1"
    assert first.element("CaptureTime") != second.element("CaptureTime")
    assert first.element("Longitude") != ""


async def test_positions_are_flat_in_2016() -> None:
    async with one_device(edition=Edition.E2016) as (platform, _):
        await platform.subscribe("MobilePosition")
        told = await notified(platform, "MobilePosition")
    assert b"DeviceList" not in told.body
    assert told.element("Speed") != ""


async def test_a_turning_head_is_reported_while_it_turns() -> None:
    async with one_device() as (platform, _):
        await platform.subscribe("PTZPosition", target=CHANNEL)
        resting = await notified(platform, "PTZPosition")
        await platform.ptz("A50F000180000035")
        turning = await notified(platform, "PTZPosition")

    assert resting.element("Pan") == "0.0"
    assert float(turning.element("Pan")) > 0
    assert b"<Notify>" in turning.body


async def test_what_the_edition_cannot_report_is_refused() -> None:
    async with one_device(edition=Edition.E2016) as (platform, simulation):
        assert (await platform.subscribe("PTZPosition")).status == 489
        assert (await platform.subscribe("Keepalive")).status == 489
    assert simulation.summary.subscriptions_refused == 2


async def test_a_clean_stop_ends_subscriptions_and_the_registration() -> None:
    seen: Simulation
    async with WirePlatform.open() as platform:
        async with running(replace(platform.options(), keepalive_s=60)) as seen:
            await until(lambda: seen.cameras[0].is_registered)
            await platform.subscribe("Catalog")
        last = await platform.peer.asked("NOTIFY")
        assert platform.registers[-1]["Expires"] == "0"
    assert last["Subscription-State"] == "terminated;reason=noresource"
    assert seen.summary.unregistered == 1


async def test_a_device_that_vanishes_says_nothing() -> None:
    async with WirePlatform.open() as platform:
        async with running(replace(platform.options(), vanish=True)) as seen:
            await until(lambda: seen.cameras[0].is_registered)
            await platform.subscribe("Catalog")
        assert len(platform.registers) == 1
    assert platform.peer.requests == []


async def test_changes_flood_in_at_the_rate_the_fault_names() -> None:
    async with one_device("catalogue-flood=200") as (platform, simulation):
        await platform.subscribe("Catalog")
        await until(lambda: simulation.summary.notifies_acknowledged >= 50)


async def test_positions_burst() -> None:
    async with one_device("position-burst=5") as (platform, simulation):
        await platform.subscribe("MobilePosition")
        await until(lambda: simulation.summary.notifies_acknowledged == 5)


async def test_a_subscription_may_be_accepted_without_a_time() -> None:
    async with one_device("no-expires-in-subscribe") as (platform, _):
        assert "Expires" not in await platform.subscribe("Catalog")


async def test_a_refresh_may_find_a_device_that_forgot() -> None:
    async with one_device("subscribe-refresh-481") as (platform, _):
        accepted = await platform.subscribe("Catalog")
        assert (await platform.subscribe("Catalog", again=accepted)).status == 481


async def test_a_notification_may_come_outside_its_dialogue() -> None:
    async with one_device("notify-out-of-dialog") as (platform, simulation):
        accepted = await platform.subscribe("Catalog", event="Catalog;id=7")
        await simulation.cameras[0].change(CatalogEvent.OFF, THE_CHANNEL)
        told = await notified(platform, "Catalog")
    assert told["Call-ID"] != accepted["Call-ID"]
    assert told["Event"] == "Catalog;id=7"
