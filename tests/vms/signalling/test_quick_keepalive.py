"""The short way of usual keepalives, seen from a device: nothing differs from the general way."""

from pathlib import Path

from tests.support.clock import FakeClock
from tests.support.sip_peer import Message, SipPeer
from tests.vms.signalling.stage import (
    DEVICE,
    OTHER_DEVICE,
    device,
    keepalive,
    registered,
    stage,
)
from vms.inventory.model import State
from vms.server import Server

ODD = [("X-Comment", "not in the standard's example")]


async def counts(server: Server) -> tuple[int, int]:
    return server.inventory.figures.keepalives, server.endpoint.stats.transactions


def without_numbers(answer: Message) -> list[tuple[str, str]]:
    """The headers but for what names this one message."""
    return [
        (name, value.partition(";tag=")[0])
        for name, value in answer.headers
        if name not in {"Via", "Call-ID", "CSeq"}
    ]


async def both_ways(camera: SipPeer) -> tuple[Message, Message]:
    usual = await camera.ask(camera.message(keepalive()))
    general = await camera.ask(camera.message(keepalive(), headers=ODD))
    return usual, general


async def test_both_ways_a_keepalive_is_answered_and_counted_alike(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as camera:
        before = server.endpoint.stats
        keepalives, transactions = await counts(server)
        received, sent = before.received, before.sent
        clock.advance(5)

        usual, general = await both_ways(camera)

        assert without_numbers(usual) == without_numbers(general)
        assert f"rport={camera.port};received=127.0.0.1" in usual["Via"]
        # only the general way remembered a transaction
        assert await counts(server) == (keepalives + 2, transactions + 1)
        after = server.endpoint.stats
        assert (after.received, after.sent) == (received + 2, sent + 2)
        found = server.inventory.device(DEVICE)
        assert (found.last_keepalive_at, found.tolerances) == (clock.wall(), {})


async def test_a_repeated_keepalive_is_answered_again_and_counted_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        sent = camera.message(keepalive())

        first, second = await camera.ask(sent), await camera.ask(sent)

        assert first.raw == second.raw
        assert server.inventory.figures.keepalives == 1
        assert server.endpoint.stats.repeats_absorbed == 1


async def test_over_tcp_it_is_the_same(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server, transport="TCP") as camera:
        usual, general = await both_ways(camera)

        assert without_numbers(usual) == without_numbers(general)
        assert server.inventory.figures.keepalives == 2


async def test_a_keepalive_brings_a_silent_device_back(tmp_path: Path) -> None:
    clock = FakeClock()
    async with stage(tmp_path, clock) as server, registered(server) as camera:
        clock.advance(1000)
        await server.inventory.pass_time()
        assert server.inventory.device(DEVICE).state is State.OFFLINE

        await camera.ask(camera.message(keepalive()))

        assert server.inventory.device(DEVICE).state is State.ONLINE_SIGNALLED


async def test_what_is_not_its_device_s_own_keepalive_is_judged_as_ever(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        registered(server) as camera,
        device(server, OTHER_DEVICE, host="127.0.0.2") as stranger,
    ):
        foreign_body = await camera.ask(camera.message(keepalive(OTHER_DEVICE)))
        foreign_host = await stranger.ask(stranger.message(keepalive(), from_id=DEVICE))

        assert (foreign_body.status, foreign_host.status) == (403, 403)
        assert server.inbound.refused == {"foreign_body_id": 1, "foreign_address": 1}
        assert server.inventory.figures.keepalives == 0


async def test_a_server_that_closes_takes_no_more_keepalives(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        await server.inbound.close()

        camera.send(camera.message(keepalive()))
        answer = await camera.ask(camera.request("OPTIONS", uri="tel:1"))

        assert answer.status == 416  # came after it, and was answered by the endpoint alone
        assert camera.responses == []
        assert server.inventory.figures.keepalives == 0
