"""MESSAGE, OPTIONS and other requests on the wire: what a device may tell, and from where."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.clock import FakeClock
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
from vms.gb28181.ids import ChannelId
from vms.gb28181.manscdp.messages import CatalogItem
from vms.inventory.model import State
from vms.inventory.queries import ChannelQuery
from vms.server import Server


def channels(server: Server) -> list[str]:
    return [each.channel_id for each in server.inventory.channels(ChannelQuery()).items]


def tolerances(server: Server) -> dict[str, int]:
    return dict(server.inventory.device(DEVICE).tolerances)


NEW_COMMAND = (
    '<?xml version="1.0"?>\n<Notify>\n<CmdType>TimeSync</CmdType>\n<SN>1</SN>\n'
    f"<DeviceID>{DEVICE}</DeviceID>\n</Notify>\n"
)
MEDIA_STATUS = (
    "<Notify><CmdType>MediaStatus</CmdType><SN>8</SN>"
    f"<DeviceID>{CHANNEL}</DeviceID><NotifyType>121</NotifyType></Notify>"
)


# From where


@pytest.mark.parametrize(
    "body",
    [keepalive(), alarm(DEVICE), catalogue(1, 1, CHANNEL), NEW_COMMAND, MEDIA_STATUS, ""],
    ids=["keepalive", "alarm", "catalogue", "new command", "media status", "nothing"],
)
async def test_from_another_host_nothing_is_taken(tmp_path: Path, body: str) -> None:
    clock = FakeClock()
    async with (
        stage(tmp_path, clock) as server,
        registered(server) as camera,
        device(server, host=OTHER_HOST) as thief,
    ):
        before = server.inventory.device(DEVICE)
        clock.advance(5)

        assert (await thief.tell(body)).status == 403

        after = server.inventory.device(DEVICE)
        assert (after.last_heard_at, after.binding) == (before.last_heard_at, before.binding)
        assert server.inventory.figures.foreign_addresses == 1
        assert server.inbound.refused == {"foreign_address": 1}
        assert await server.inventory.alarms(DEVICE) == []
        assert channels(server) == []
        assert (await camera.tell(keepalive())).status == 200


@pytest.mark.parametrize("method", ["BYE", "NOTIFY", "INFO", "INVITE", "SUBSCRIBE", "PUBLISH"])
async def test_other_requests_of_strangers_do_nothing(tmp_path: Path, method: str) -> None:
    async with (
        stage(tmp_path) as server,
        registered(server),
        device(server, host=OTHER_HOST) as stranger,
    ):
        padding = [("User-Agent", "x" * 200)]

        answer = await stranger.ask(stranger.request(method, headers=padding))

        assert answer.status in {403, 405, 481, 488, 489}
        assert channels(server) == []


async def test_nobody_knows_a_device_that_never_registered(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as camera:
        assert (await camera.tell(keepalive())).status == 403
        assert server.inbound.refused == {"unknown_device": 1}


async def test_options_tell_strangers_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, device(server) as stranger:
        stranger.send(stranger.request("OPTIONS"))
        await stranger.challenge()

        assert stranger.responses == []


async def test_options_keep_a_path_open_for_a_device(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        answer = await camera.ask(camera.request("OPTIONS"))

        assert answer.status == 200
        needed = {"INVITE", "ACK", "INFO", "CANCEL", "BYE", "OPTIONS", "MESSAGE"}
        assert needed <= set(answer["Allow"].split(", "))


# Keepalives


async def test_a_keepalive_is_a_sign_of_life(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as camera:
        clock.advance(5)

        answer = await camera.tell(keepalive())

        assert (answer.status, answer.body) == (200, b"")
        assert server.inventory.device(DEVICE).last_keepalive_at == clock.wall()


async def test_a_keepalive_from_a_new_port_of_the_same_host_is_followed(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        await camera.tell(catalogue(1, 1, CHANNEL))
        await until(lambda: channels(server) == [CHANNEL])
        old_port = camera.port
        await camera.reopen()
        assert camera.port != old_port

        assert (await camera.tell(keepalive())).status == 200

        await server.viewing.live(DEVICE, CHANNEL)
        invite = await camera.asked("INVITE")
        assert invite.start == f"INVITE sip:{CHANNEL}@127.0.0.1:{camera.port} SIP/2.0"
        camera.respond(invite, 486, "Busy Here")
        await until(lambda: not server.broker.sessions())


async def test_nobody_keeps_another_alive(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        assert (await camera.tell(keepalive(OTHER_DEVICE))).status == 403
        assert (await camera.tell(keepalive(OTHER_DEVICE), from_id=OTHER_DEVICE)).status == 403

        assert server.inbound.refused == {"foreign_body_id": 1, "unknown_device": 1}


async def test_a_message_without_a_body_is_a_sign_of_life_and_noted(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        assert (await camera.tell("")).status == 200

        assert tolerances(server) == {"empty_body": 1}


# What it says


async def test_a_command_we_do_not_know_is_taken_and_counted(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        assert (await camera.tell(NEW_COMMAND)).status == 200

        assert tolerances(server)["unknown_command"] == 1


@pytest.mark.parametrize(
    "body",
    [
        "no XML at all",
        '<!DOCTYPE Notify [<!ENTITY a "b">]>\n' + keepalive().split("\n", 1)[1],
        "<Notify><CmdType>Keepalive</CmdType>",
    ],
    ids=["text", "entities", "cut"],
)
async def test_a_body_that_cannot_be_read_is_a_bad_request(tmp_path: Path, body: str) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        assert (await camera.tell(body)).status == 400
        assert server.inbound.refused == {"body": 1}


# Alarms


async def test_an_alarm_is_stored_answered_and_confirmed(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        assert (await camera.tell(alarm(DEVICE, sn=7))).status == 200

        [stored] = await server.inventory.alarms(DEVICE)
        assert (stored.source_id, stored.priority, stored.method) == (DEVICE, 4, 5)
        confirmed = await camera.asked("MESSAGE", "Alarm")
        assert confirmed.body.decode().strip().endswith("</Response>")
        told = [confirmed.element(name) for name in ("SN", "DeviceID", "Result")]
        assert told == ["7", DEVICE, "OK"]


async def test_an_alarm_told_twice_is_stored_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        request = camera.message(alarm(DEVICE))
        for raw in (request, request, camera.message(alarm(DEVICE))):
            assert (await camera.ask(raw)).status == 200

        assert len(await server.inventory.alarms(DEVICE)) == 1


async def test_text_in_gb2312_is_read(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        assert (await camera.tell(alarm(DEVICE, description="东门 2 号楼有人"))).status == 200

        [stored] = await server.inventory.alarms(DEVICE)
        assert stored.description == "东门 2 号楼有人"


async def test_nobody_raises_alarms_for_channels_of_others(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        assert (await camera.tell(alarm(CHANNEL))).status == 403
        assert await server.inventory.alarms(DEVICE) == []

        await camera.tell(catalogue(1, 1, CHANNEL))
        await until(lambda: channels(server) == [CHANNEL])
        assert (await camera.tell(alarm(CHANNEL))).status == 200


@pytest.mark.parametrize("source", ["34020000001340000001", "34020000001350000001", "3402000000"])
async def test_an_alarm_of_an_input_or_a_centre_that_no_catalogue_names_is_stored(
    tmp_path: Path, source: str
) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        assert (await camera.tell(alarm(source))).status == 200

        [stored] = await server.inventory.alarms(DEVICE)
        assert stored.source_id == source
        assert server.inventory.device(DEVICE).tolerances["unlisted_alarm_source"] == 1
        confirmed = await camera.asked("MESSAGE", "Alarm")
        assert confirmed.element("DeviceID") == source


async def test_nobody_raises_alarms_for_the_alarm_inputs_of_others(tmp_path: Path) -> None:
    alarm_input = ChannelId("34020000001340000001")
    async with stage(tmp_path) as server, registered(server) as camera:
        async with registered(server, OTHER_DEVICE, host=OTHER_HOST):
            listed = [CatalogItem(alarm_input)]
            await server.inventory.replace_channels(OTHER_DEVICE, listed, complete=True)

            assert (await camera.tell(alarm(alarm_input))).status == 403

        assert await server.inventory.alarms(DEVICE) == []


async def test_an_alarm_that_cannot_be_stored_is_to_be_told_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        with closing(sqlite3.connect(tmp_path / "vms.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            answer = await camera.tell(alarm(DEVICE))

            assert answer.status == 503
            assert 5 <= int(answer["Retry-After"]) <= 60
            # a keepalive costs no commit, so it is answered all the same
            assert (await camera.tell(keepalive())).status == 200
            other.execute("ROLLBACK")
        assert (await camera.tell(alarm(DEVICE))).status == 200
        assert len(await server.inventory.alarms(DEVICE)) == 1


# Catalogues and their changes


async def test_nobody_adds_channels_to_another_device(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        foreign = catalogue(1, 1, CHANNEL, device_id=OTHER_DEVICE)
        notify = camera.request("NOTIFY", body=notification(OTHER_DEVICE, "ADD").encode())
        for request in (camera.message(foreign), notify):
            assert (await camera.ask(request)).status == 403

        assert channels(server) == []
        assert server.inbound.refused == {"foreign_body_id": 2}


async def test_a_catalogue_that_cannot_be_stored_is_to_be_told_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        with closing(sqlite3.connect(tmp_path / "vms.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert (await camera.tell(catalogue(1, 1, CHANNEL))).status == 503
            assert channels(server) == []
            other.execute("ROLLBACK")
        assert (await camera.tell(catalogue(1, 1, CHANNEL))).status == 200
        assert channels(server) == [CHANNEL]


async def test_changes_of_channels_are_followed(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:

        async def notified(event: str) -> State:
            body = notification(DEVICE, event).encode()
            assert (await camera.ask(camera.request("NOTIFY", body=body))).status == 200
            return server.inventory.channel(DEVICE, CHANNEL).state

        assert await notified("ADD") is State.ONLINE_SIGNALLED
        assert await notified("OFF") is State.OFFLINE
        assert await notified("ON") is State.ONLINE_SIGNALLED
        assert await notified("VLOST") is State.OFFLINE
        assert server.inventory.channel(DEVICE, CHANNEL).reported.status_text == "VLOST"
        assert await notified("ON") is State.ONLINE_SIGNALLED
        assert await notified("DEL") is State.OFFLINE  # and a catalogue has to say so too
        assert server.notifications.catalog.puzzles == (DEVICE,)
        assert await notified("UPDATE") is State.ONLINE_SIGNALLED


def notification(device_id: str, event: str) -> str:
    """A change of one channel (A.2.5.6)."""
    return (
        '<?xml version="1.0" encoding="GB2312"?>\n<Notify>\n<CmdType>Catalog</CmdType>\n'
        f"<SN>5</SN>\n<DeviceID>{device_id}</DeviceID>\n<SumNum>1</SumNum>\n"
        f'<DeviceList Num="1">\n<Item>\n<DeviceID>{CHANNEL}</DeviceID>\n'
        f"<Event>{event}</Event>\n<Name>Camera 01</Name>\n<Status>ON</Status>\n</Item>\n"
        "</DeviceList>\n</Notify>\n"
    )
