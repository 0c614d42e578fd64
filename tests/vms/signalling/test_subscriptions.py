"""SUBSCRIBE and its NOTIFYs on the wire, as GB/T 28181 prints them (9.11) and as devices differ."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from tests.support.clock import FakeClock
from tests.support.sip_peer import Message, SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import (
    CHANNEL,
    DEVICE,
    OTHER_DEVICE,
    OTHER_HOST,
    alarm,
    catalogue,
    device,
    keepalive,
    registered,
    stage,
)
from vms.events import DeviceCameOnline
from vms.gb28181.ids import DeviceId
from vms.inventory.model import Cause, State
from vms.inventory.subscriptions import SubscriptionKind, SubscriptionState
from vms.server import Server
from vms.signalling import subscriptions as module
from vms.signalling.subscription_entry import Entry, SubscriptionView

NOBODY = "34020000001180000003"
CATALOG, ALARM = SubscriptionKind.CATALOG, SubscriptionKind.ALARM

CATALOG_OFF = (
    '<?xml version="1.0" encoding="GB2312"?>\n<Notify>\n<CmdType>Catalog</CmdType>\n<SN>162</SN>\n'
    "<DeviceID>34020000001180000001</DeviceID>\n<SumNum>1</SumNum>\n"
    '<DeviceList Num="1">\n<Item>\n<DeviceID>34020000001320000001</DeviceID>\n'
    "<Event>OFF</Event>\n</Item>\n</DeviceList>\n</Notify>\n"
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices are subscribed as soon as they come."""
    monkeypatch.setattr(module, "AFTER_GREETING_S", 0.0)
    monkeypatch.setattr(module, "WATCH_S", 0.01)


@asynccontextmanager
async def subscribed(
    server: Server,
    *,
    transport: Literal["UDP", "TCP"] = "UDP",
    expires: str | None = "600",
    host: str = "127.0.0.1",
) -> AsyncGenerator[tuple[SipPeer, dict[str, Message]]]:
    """A recorder that accepted what it was asked; the SUBSCRIBEs by CmdType."""
    async with registered(server, transport=transport, host=host) as peer:
        yield peer, await accept_both(peer, expires=expires)


async def accept_both(peer: SipPeer, *, expires: str | None = "600") -> dict[str, Message]:
    asked: dict[str, Message] = {}
    for cmd_type in ("Catalog", "Alarm"):
        asked[cmd_type] = subscribe = await peer.asked("SUBSCRIBE", cmd_type)
        grant(peer, subscribe, expires)
    return asked


def grant(peer: SipPeer, subscribe: Message, expires: str | None = "600") -> None:
    headers = [("Contact", peer.contact)]
    if expires is not None:
        headers.append(("Expires", expires))
    peer.respond(subscribe, 200, headers=headers)


def views(server: Server) -> dict[SubscriptionKind, SubscriptionView]:
    return {view.kind: view for view in server.notifications.subscriptions.of(DEVICE)}


def states(server: Server) -> Sequence[SubscriptionState]:
    shown = views(server)
    return shown[CATALOG].state, shown[ALARM].state


async def until_active(server: Server) -> None:
    await until(lambda: set(states(server)) == {SubscriptionState.ACTIVE})


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_device_that_comes_online_is_subscribed_as_the_standard_prints_it(
    tmp_path: Path, transport: Literal["UDP", "TCP"]
) -> None:
    async with (
        stage(tmp_path) as server,
        subscribed(server, transport=transport) as (peer, asked),
    ):
        await until_active(server)

        catalog, alarms = asked["Catalog"], asked["Alarm"]
        assert catalog.start == f"SUBSCRIBE sip:{DEVICE}@127.0.0.1:{peer.port} SIP/2.0"
        assert catalog["Event"].startswith("Catalog;id=")
        assert alarms["Event"] == "presence"
        for each in (catalog, alarms):
            assert each["Expires"] == "3600"
            assert each["Content-Type"] == "Application/MANSCDP+xml"
            assert each["Contact"].startswith(f"<sip:{peer.server_id}@127.0.0.1:")
            assert each.element("DeviceID") == DEVICE
        assert alarms.element("StartAlarmPriority") == alarms.element("AlarmMethod") == "0"
        assert views(server)[SubscriptionKind.POSITION].state is SubscriptionState.IDLE


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_notify_inside_the_dialog_is_applied_and_counted(
    tmp_path: Path, transport: Literal["UDP", "TCP"]
) -> None:
    async with (
        stage(tmp_path) as server,
        subscribed(server, transport=transport) as (peer, asked),
    ):
        await until_active(server)
        await peer.tell(catalogue(1, 1, CHANNEL))

        event = asked["Catalog"]["Event"]
        answer = await peer.notify(CATALOG_OFF, inside=asked["Catalog"], event=event)

        assert answer.status == 200
        assert server.inventory.channel(DEVICE, CHANNEL).state is State.OFFLINE
        view = views(server)[CATALOG]
        assert view.notifies == 1
        assert view.last_notify_at is not None


async def test_a_notify_that_overtakes_the_200_is_not_lost(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        subscribe = await peer.asked("SUBSCRIBE", "Alarm")
        raw = peer.inside(
            subscribe,
            "NOTIFY",
            body=alarm(DEVICE).encode(),
            headers=[("Event", "presence"), ("Subscription-State", "active")],
        )
        early = Message.parse(raw.replace(b";tag=32128", b"", 1))
        peer.send(raw)
        grant(peer, subscribe)

        assert (await peer.answer_to(raw)).status == 200
        assert early.method == "NOTIFY"
        assert len(await server.inventory.alarms(DEVICE)) == 1


async def test_a_200_without_expires_lasts_as_long_as_we_asked_for(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, subscribed(server, expires=None):
        await until_active(server)

        expires_at = views(server)[CATALOG].expires_at
        assert expires_at is not None
        assert (expires_at - clock.wall()).total_seconds() == 3600


async def test_a_refresh_comes_in_the_dialog_before_the_end(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, subscribed(server) as (peer, asked):
        await until_active(server)
        clock.advance(481)

        again = await peer.asked("SUBSCRIBE", "Catalog")

        first = asked["Catalog"]
        assert (again["Call-ID"], again["From"]) == (first["Call-ID"], first["From"])
        assert again["To"].endswith(";tag=32128")
        assert again["Event"] == first["Event"]
        assert again["CSeq"] == "2 SUBSCRIBE"
        assert again["Expires"] == "3600"
        grant(peer, again)
        grant(peer, await peer.asked("SUBSCRIBE", "Alarm"))
        await until_active(server)


@pytest.mark.parametrize("status", [481, 408, 400])
async def test_a_device_that_knows_no_refresh_gets_a_new_dialog(
    tmp_path: Path, status: int
) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, subscribed(server) as (peer, asked):
        await until_active(server)
        clock.advance(481)
        peer.respond(await peer.asked("SUBSCRIBE", "Catalog"), status, "No")
        grant(peer, await peer.asked("SUBSCRIBE", "Alarm"))

        anew = await peer.asked("SUBSCRIBE", "Catalog")

        assert anew["Call-ID"] != asked["Catalog"]["Call-ID"]
        assert anew["Event"] == asked["Catalog"]["Event"]
        assert ";tag=" not in anew["To"]
        grant(peer, anew)
        await until_active(server)


async def test_a_device_that_does_not_know_the_event_is_left_alone_for_a_day(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as peer:
        for cmd_type in ("Catalog", "Alarm"):
            peer.respond(await peer.asked("SUBSCRIBE", cmd_type), 489, "Bad Event")
        await until(lambda: set(states(server)) == {SubscriptionState.REFUSED})

        view = views(server)[CATALOG]
        assert view.error == f"{DEVICE} answered 489 Bad Event to SUBSCRIBE"
        server.notifications.subscriptions.refresh_now(DEVICE)
        await accept_both(peer)
        await until_active(server)


async def test_a_device_that_fell_silent_is_forgotten_and_subscribed_anew_when_it_is_back(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, subscribed(server) as (peer, asked):
        await until_active(server)
        clock.advance(200)
        await server.inventory.pass_time()
        await until(lambda: set(states(server)) == {SubscriptionState.IDLE})

        await peer.tell(keepalive())

        anew = await accept_both(peer)
        assert anew["Alarm"]["Call-ID"] != asked["Alarm"]["Call-ID"]
        await until_active(server)


async def test_a_device_that_ends_a_subscription_is_asked_again_after_a_pause(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, subscribed(server) as (peer, asked):
        await until_active(server)

        answer = await peer.notify("", inside=asked["Alarm"], state="terminated;reason=deactivated")

        assert answer.status == 200
        await until(lambda: views(server)[ALARM].state is SubscriptionState.FAILED)
        assert views(server)[ALARM].error == "ended by the device: deactivated"
        clock.advance(40)
        grant(peer, await peer.asked("SUBSCRIBE", "Alarm"))
        await until_active(server)


async def test_a_device_that_registers_anew_may_have_forgotten_and_is_asked(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, subscribed(server) as (peer, _):
        await until_active(server)
        clock.advance(60)
        peer.call_id = "restarted@127.0.0.1"
        assert (await peer.register()).status == 200

        for cmd_type in ("Catalog", "Alarm"):
            again = await peer.asked("SUBSCRIBE", cmd_type)
            assert again["CSeq"] == "2 SUBSCRIBE"
            grant(peer, again)
        await until_active(server)


async def test_notifies_of_our_life_before_are_taken(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, subscribed(server) as (peer, _):
        assert (await peer.notify(alarm(DEVICE))).status == 200
        assert len(await server.inventory.alarms(DEVICE)) == 1


async def test_a_subscription_that_nobody_wants_can_be_ended_by_481(tmp_path: Path) -> None:
    position = (
        "<Notify><CmdType>MobilePosition</CmdType><SN>7</SN>"
        f"<DeviceID>{DEVICE}</DeviceID><Time>2024-05-01T16:00:05</Time>"
        "<Longitude>118.376451</Longitude><Latitude>31.326319</Latitude></Notify>"
    )
    async with (
        stage(tmp_path, sip__refuse_unwanted_notify="true") as server,
        subscribed(server) as (peer, _),
    ):
        assert (await peer.notify(position)).status == 481
        assert (await peer.notify(alarm(DEVICE))).status == 200
        assert (await peer.tell(position)).status == 200


async def test_a_notify_from_elsewhere_does_nothing_in_the_dialog_and_out_of_it(
    tmp_path: Path,
) -> None:
    async with (
        stage(tmp_path) as server,
        subscribed(server) as (_, asked),
        device(server, host=OTHER_HOST) as thief,
    ):
        await until_active(server)

        assert (await thief.notify(alarm(DEVICE), inside=asked["Alarm"])).status == 403
        assert (await thief.notify(alarm(DEVICE))).status == 403

        assert await server.inventory.alarms(DEVICE) == []


async def test_a_device_may_not_subscribe_here(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        answer = await peer.ask(peer.request("SUBSCRIBE", headers=[("Event", "presence")]))

        assert answer.status == 489


async def test_a_removed_device_leaves_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, subscribed(server):
        await until_active(server)
        await server.inventory.remove_device(DEVICE)

        subscriptions = server.notifications.subscriptions
        await until(lambda: not subscriptions.is_held(DeviceId(DEVICE), ALARM))


async def test_news_of_a_device_that_is_gone_already_stops_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server, OTHER_DEVICE):
        now = server.clock.wall()
        server.events.publish(DeviceCameOnline(NOBODY, now, Cause.REGISTERED))

        async with subscribed(server):
            await until_active(server)


async def test_a_fault_of_ours_with_one_attempt_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.inventory.subscriptions.FIRST_PAUSE_S", 0.05)
    async with stage(tmp_path) as server:
        with monkeypatch.context() as broken:
            broken.delattr(Entry, "query")
            async with registered(server) as peer:
                await until(lambda: set(states(server)) == {SubscriptionState.FAILED})
                broken.undo()

                await accept_both(peer)
                await until_active(server)
