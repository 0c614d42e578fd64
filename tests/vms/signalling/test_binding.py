"""From where a device may speak (S-06), and what is told of those who try from elsewhere."""

from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.sip_peer import SipPeer
from tests.vms.signalling.stage import (
    DEVICE,
    OTHER_HOST,
    alarm,
    catalogue,
    channel_id,
    device,
    keepalive,
    registered,
    stage,
)
from vms.events import ForeignAddress
from vms.server import Server

BODIES = {
    "keepalive": keepalive(),
    "alarm": alarm(DEVICE),
    "catalogue": catalogue(1, 1, channel_id(1)),
    "position": (
        f"<Notify><CmdType>MobilePosition</CmdType><SN>7</SN><DeviceID>{DEVICE}</DeviceID>"
        "<Time>2024-05-01T16:00:05</Time><Longitude>118.3</Longitude>"
        "<Latitude>31.3</Latitude></Notify>"
    ),
}


async def tell(peer: SipPeer, method: str, body: str) -> int:
    answer = await (peer.tell(body) if method == "MESSAGE" else peer.notify(body))
    return answer.status


def bound_to(server: Server) -> tuple[str, str, int]:
    binding = server.inventory.device(DEVICE).binding
    assert binding is not None
    return binding.transport, binding.host, binding.port


@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("method", ["MESSAGE", "NOTIFY"])
async def test_under_strict_not_even_another_port_is_heard(
    tmp_path: Path, method: str, what: str
) -> None:
    async with stage(tmp_path, sip__binding_move="strict") as server, registered(server) as peer:
        before = bound_to(server)
        await peer.reopen()

        assert await tell(peer, method, BODIES[what]) == 403
        assert bound_to(server) == before


@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("method", ["MESSAGE", "NOTIFY"])
async def test_under_any_a_device_is_followed_wherever_it_speaks_from(
    tmp_path: Path, method: str, what: str
) -> None:
    async with (
        stage(tmp_path, sip__binding_move="any") as server,
        registered(server),
        device(server, host=OTHER_HOST) as moved,
    ):
        assert await tell(moved, method, BODIES[what]) == 200
        assert bound_to(server) == ("UDP", OTHER_HOST, moved.port)


async def test_a_device_that_goes_over_to_tcp_is_reached_over_tcp(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        peer.transport = "TCP"
        await peer.reopen()

        assert (await peer.tell(keepalive())).status == 200

        assert bound_to(server) == ("TCP", "127.0.0.1", peer.port)
        await server.link.query_catalog(DEVICE)
        asked = await peer.asked("MESSAGE", "Catalog")
        assert asked["Via"].startswith("SIP/2.0/TCP")


@pytest.mark.parametrize("move", ["strict", "same-ip"])
async def test_a_datagram_that_may_be_forged_takes_no_device_off_its_connection(
    tmp_path: Path, move: str
) -> None:
    async with (
        stage(tmp_path, sip__binding_move=move) as server,
        registered(server, transport="TCP") as peer,
        device(server) as thief,
    ):
        before = bound_to(server)
        is_heard = move == "same-ip"
        assert (await thief.tell(keepalive())).status == (200 if is_heard else 403)
        assert bound_to(server) == before
        await thief.reopen(peer.port)
        assert (await thief.tell(keepalive())).status == 200
        assert bound_to(server) == before

        await server.link.query_catalog(DEVICE)
        assert (await peer.asked("MESSAGE", "Catalog"))["Via"].startswith("SIP/2.0/TCP")


async def test_who_speaks_as_a_device_from_elsewhere_is_told_once_a_minute(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with (
        stage(tmp_path, clock) as server,
        registered(server),
        device(server, host=OTHER_HOST) as thief,
    ):
        for _ in range(3):
            assert (await thief.tell(keepalive())).status == 403
        assert await sources(server) == [f"{OTHER_HOST}:{thief.port}"]

        clock.advance(61)
        assert (await thief.tell(keepalive())).status == 403
        assert len(await sources(server)) == 2


async def sources(server: Server) -> list[str]:
    with server.events.subscribe(1000, after=0) as past:
        so_far = [(await past.next()).event for _ in range(server.events.last_number)]
    return [event.source for event in so_far if isinstance(event, ForeignAddress)]


async def test_who_only_fails_is_not_read_after_a_while_and_hurts_no_device(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    async with (
        stage(tmp_path, clock) as server,
        registered(server) as peer,
        device(server, host=OTHER_HOST) as thief,
    ):
        for _ in range(120):
            clock.advance(0.15)
            thief.send(thief.message(keepalive()))
            assert (await peer.tell(keepalive())).status == 200

        assert [ban.host for ban in server.endpoint.bans()] == [OTHER_HOST]
        assert (await peer.tell(keepalive())).status == 200


async def test_what_the_parser_put_up_with_is_counted_by_device(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        bare = peer.message(keepalive()).replace(b"\r\n", b"\n")

        peer.send(bare)
        await peer.tell(alarm(DEVICE))

        tolerances = server.inventory.device(DEVICE).tolerances
        assert tolerances["sip_lf_line_ends"] == 1
