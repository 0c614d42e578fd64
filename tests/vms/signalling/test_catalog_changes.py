"""Changes of a catalogue that meet a query of the whole, or make one necessary."""

from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.sip_peer import SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import CHANNEL, DEVICE, catalogue, channel_id, registered, stage
from vms.gb28181.ids import DeviceId
from vms.inventory.model import State
from vms.inventory.queries import ChannelQuery
from vms.server import Server
from vms.signalling import catalog_changes, greeter

OTHER_CHANNEL = channel_id(2)

# As printed in 5.2: one channel deleted, one added.
DELETED_AND_ADDED = (
    "<Notify><CmdType>Catalog</CmdType><SN>213</SN><DeviceID>34020000001180000001</DeviceID>"
    '<SumNum>2</SumNum><DeviceList Num="2"><Item><DeviceID>34020000001320000004</DeviceID>'
    "<Event>DEL</Event></Item><Item><DeviceID>34020000001320000005</DeviceID><Event>ADD</Event>"
    "<Name>New camera</Name><Manufacturer>Vendor</Manufacturer><Model>IPC</Model>"
    "<CivilCode>340200</CivilCode><Address>Gate 2</Address><Parental>0</Parental>"
    "<ParentID>34020000001180000001</ParentID><RegisterWay>1</RegisterWay><Secrecy>0</Secrecy>"
    "<Status>ON</Status></Item></DeviceList></Notify>"
)


@pytest.fixture(autouse=True)
def no_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue is asked for when the test says so."""
    monkeypatch.setattr(greeter, "GREETING_DELAY_S", 3600.0)
    monkeypatch.setattr(catalog_changes, "LOOK_S", 0.01)


def change(event: str, channel: str = CHANNEL, more: str = "") -> str:
    return (
        f"<Notify><CmdType>Catalog</CmdType><SN>5</SN><DeviceID>{DEVICE}</DeviceID>"
        f'<SumNum>1</SumNum><DeviceList Num="1"><Item><DeviceID>{channel}</DeviceID>'
        f"<Event>{event}</Event>{more}</Item></DeviceList></Notify>"
    )


def states(server: Server) -> dict[str, State]:
    listed = server.inventory.channels(ChannelQuery()).items
    return {each.channel_id: each.state for each in listed}


async def has_channels(peer: SipPeer, *channels: str) -> None:
    assert (await peer.tell(catalogue(1, len(channels), *channels))).status == 200


async def test_the_printed_change_takes_one_away_adds_one_and_is_looked_into(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as peer:
        await has_channels(peer, channel_id(4))

        assert (await peer.notify(DELETED_AND_ADDED)).status == 200

        assert states(server) == {
            channel_id(4): State.OFFLINE,
            channel_id(5): State.ONLINE_SIGNALLED,
        }
        clock.advance(59)
        assert server.notifications.catalog.puzzles == (DEVICE,)
        assert not [each for each in peer.requests if each.element("CmdType") == "Catalog"]
        clock.advance(1)
        query = await peer.asked("MESSAGE", "Catalog")
        await peer.tell(catalogue(query.element("SN"), 1, channel_id(5)))


async def test_changes_that_come_in_crowds_make_one_query(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as peer:
        for number in range(5):
            await peer.notify(change("OFF", channel_id(number)))
            clock.advance(5)

        assert server.notifications.catalog.puzzles == (DEVICE,)
        clock.advance(60)
        query = await peer.asked("MESSAGE", "Catalog")
        await peer.tell(catalogue(query.element("SN"), 1, CHANNEL))
        await until(lambda: list(states(server)) == [CHANNEL])
        assert not server.notifications.catalog.puzzles


async def test_a_change_that_overtakes_a_running_query_is_applied_again_after_it(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        await has_channels(peer, CHANNEL, OTHER_CHANNEL)
        job = await server.link.query_catalog(DEVICE)
        sn = (await peer.asked("MESSAGE", "Catalog")).element("SN")

        assert (await peer.notify(change("OFF"))).status == 200
        assert states(server)[CHANNEL] is State.OFFLINE
        # the answer was made before the channel went
        await peer.tell(catalogue(sn, 2, CHANNEL, OTHER_CHANNEL))

        await until(lambda: server.link.catalog_job(job.job_id).finished)
        await until(lambda: states(server)[CHANNEL] is State.OFFLINE)
        assert states(server)[OTHER_CHANNEL] is State.ONLINE_SIGNALLED


async def test_more_late_changes_than_are_kept_make_another_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_changes, "LATE_LIMIT", 2)
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as peer:
        await has_channels(peer, CHANNEL)
        await server.link.query_catalog(DEVICE)
        for event in ("OFF", "ON", "OFF"):
            await peer.notify(change(event))

        assert server.notifications.catalog.puzzles == (DEVICE,)


@pytest.mark.parametrize(
    ("event", "state", "text"),
    [
        ("ON", State.ONLINE_SIGNALLED, ""),
        ("OFF ", State.OFFLINE, ""),
        ("VLOST", State.OFFLINE, "VLOST"),
        ("DEFECT", State.OFFLINE, "DEFECT"),
    ],
)
async def test_why_a_channel_is_off_is_kept(
    tmp_path: Path, event: str, state: State, text: str
) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        await has_channels(peer, CHANNEL)
        await peer.notify(change("OFF"))

        assert (await peer.notify(change(event))).status == 200

        channel = server.inventory.channel(DEVICE, CHANNEL)
        assert (channel.state, channel.reported.status_text) == (state, text)


async def test_an_event_nobody_knows_with_all_its_fields_is_an_update(tmp_path: Path) -> None:
    renamed = "<Name>North gate</Name><Manufacturer>A</Manufacturer><Status>ON</Status>"
    async with stage(tmp_path) as server, registered(server) as peer:
        await has_channels(peer, CHANNEL)

        assert (await peer.notify(change("MODIFIED", more=renamed))).status == 200

        assert server.inventory.channel(DEVICE, CHANNEL).name == "North gate"


async def test_a_device_that_tells_wrong_states_can_be_heard_without_them(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        await has_channels(peer, CHANNEL)
        await server.inventory.patch_device(
            DEVICE, {"profile_fields": {"ignore_catalog_on_off": True}}
        )

        assert (await peer.notify(change("OFF"))).status == 200
        assert states(server)[CHANNEL] is State.ONLINE_SIGNALLED
        assert (await peer.notify(change("VLOST"))).status == 200
        assert states(server)[CHANNEL] is State.OFFLINE


async def test_a_query_of_a_device_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as peer:
        await peer.notify(change("DEL"))
        await server.inventory.remove_device(DEVICE)
        clock.advance(61)

        await until(lambda: not server.notifications.catalog.puzzles)
        assert server.inventory.find_device(DeviceId(DEVICE)) is None


@pytest.mark.parametrize("event", ["<Event>UPDATE</Event>", ""])
async def test_a_change_that_tells_no_more_than_a_status_leaves_the_rest_alone(
    tmp_path: Path, event: str
) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        await has_channels(peer, CHANNEL)
        before = server.inventory.channel(DEVICE, CHANNEL).reported

        told = change("", more="<Status>OFF</Status><Longitude>118.5</Longitude>")
        assert (await peer.notify(told.replace("<Event></Event>", event))).status == 200

        reported = server.inventory.channel(DEVICE, CHANNEL).reported
        assert states(server)[CHANNEL] is State.OFFLINE
        assert (reported.name, reported.manufacturer) == ("Camera 01", "Acme")
        assert (reported.civil_code, reported.parent_ids) == ("340200", (DEVICE,))
        assert (reported.longitude, reported.extra) == (118.5, before.extra)
        assert not server.notifications.catalog.puzzles


async def test_a_nameless_change_of_what_is_not_known_is_looked_into(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        assert (await peer.notify(change("UPDATE", more="<Status>ON</Status>"))).status == 200

        assert server.notifications.catalog.puzzles == (DEVICE,)
