"""More devices register than can be served: some are put off, and those that are there notice
nothing. Time passes when the test says so, and storage is held by it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

import pytest

from tests.support.clock import FakeClock
from tests.support.sip_peer import SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import OTHER_DEVICE, device, keepalive, registered, stage
from vms.gb28181.ids import DeviceId
from vms.server import Server
from vms.signalling import overload
from vms.signalling.overload import (
    BRIEF_SPREAD_S,
    CALM_S,
    CROWD,
    LONGEST_RETRY_S,
    OVERLOADED_S,
    PROMISED_S,
    RELIEVED_S,
    SHORTEST_RETRY_S,
    Overload,
)
from vms.signalling.registration_asked import Asked, Said

P = ParamSpec("P")
T = TypeVar("T")

LONG_S = OVERLOADED_S + 0.5
HALFWAY = 0.5


def camera_id(number: int) -> DeviceId:
    return DeviceId(f"3402000000132{number:07d}")


def register(number: int = 1) -> bytes:
    return (
        b"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK%d\r\n"
        b'From: "Gate" <sip:%b@3402000000>;tag=1\r\n'
        b"To: <sip:%b@3402000000>\r\n"
        b"Call-ID: 1@192.0.2.7\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
        % (number, camera_id(number).encode(), camera_id(number).encode())
    )


class Load:
    """What an `Overload` is told; `dice` always falls on the same number."""

    def __init__(self, dice: float = HALFWAY) -> None:
        self.clock = FakeClock()
        self.under_way = 0
        self.backlog_s = 0.0
        self.overload = Overload(
            self.clock,
            lambda: dice,
            under_way=lambda: self.under_way,
            backlog_s=lambda: self.backlog_s,
        )

    def came(self, number: int = 1, *, waiting: int = 0, waited_s: float = 0.0) -> int:
        """A REGISTER without credentials; when it is to come back."""
        return self.overload.retry_after_s(register(number), waiting, waited_s)


def overloaded(dice: float = HALFWAY) -> Load:
    load = Load(dice)
    assert load.came(waiting=CROWD, waited_s=LONG_S)
    return load


def test_nobody_is_put_off_while_nobody_waits() -> None:
    load = Load()

    assert [load.came(number) for number in range(1_000)] == [0] * 1_000

    assert not load.overload.is_overloaded
    assert not load.overload.is_storming
    assert load.overload.warning == ""


def test_few_that_wait_for_long_are_no_overload() -> None:
    load = Load()

    assert load.came(waiting=CROWD - 1, waited_s=100.0) == 0
    assert load.overload.is_storming


def test_many_that_wait_briefly_are_no_overload() -> None:
    load = Load()

    assert load.came(waiting=10_000, waited_s=OVERLOADED_S) == 0
    assert load.overload.is_storming


def test_many_that_wait_for_long_are() -> None:
    load = Load()

    assert load.came(waiting=CROWD, waited_s=LONG_S) > 0

    assert load.overload.is_overloaded
    assert load.overload.warning
    assert (load.overload.put_off, load.overload.episodes) == (1, 1)


def test_a_database_that_is_behind_is_overload_where_many_wait() -> None:
    load = Load()
    load.backlog_s = LONG_S

    assert load.came(waiting=CROWD - 1, waited_s=0.1) == 0
    assert load.came(waiting=CROWD, waited_s=0.1) > 0


def test_overload_by_a_database_lasts_as_long_as_it_is_behind_and_is_one() -> None:
    load = Load()
    load.backlog_s = LONG_S
    put_off = [load.came(number, waiting=CROWD, waited_s=0.1) > 0 for number in range(10)]

    assert put_off == [True] * 10
    assert load.overload.episodes == 1
    load.backlog_s = 0.0
    assert load.came(10, waiting=CROWD, waited_s=0.1) == 0


@pytest.mark.parametrize("dice", [0.0, HALFWAY, 1.0])
def test_devices_are_told_to_come_back_at_different_times(dice: float) -> None:
    load = overloaded(dice)

    assert load.overload.retry_s() == round(
        SHORTEST_RETRY_S + dice * (LONGEST_RETRY_S - SHORTEST_RETRY_S)
    )
    told_s = load.came(2, waiting=CROWD, waited_s=LONG_S)
    assert told_s == round(SHORTEST_RETRY_S + dice * BRIEF_SPREAD_S)


def test_the_more_are_put_off_the_longer_the_time_over_which_they_come_back() -> None:
    load = overloaded(dice=1.0)

    told_s = [load.came(number, waiting=CROWD, waited_s=LONG_S) for number in range(2, 20_000)]

    assert told_s == sorted(told_s)
    assert (told_s[0], told_s[-1]) == (SHORTEST_RETRY_S + BRIEF_SPREAD_S, LONGEST_RETRY_S)


def test_a_machine_that_serves_quickly_has_them_back_sooner() -> None:
    load = overloaded(dice=1.0)
    for _ in range(100):
        load.overload.note_served(1_000, within_s=1.0)

    told_s = [load.came(number, waiting=CROWD, waited_s=LONG_S) for number in range(2, 20_000)]

    assert told_s[-1] == pytest.approx(SHORTEST_RETRY_S + BRIEF_SPREAD_S + 20, abs=1)


def test_what_is_served_without_hurry_tells_nothing_of_what_could_be() -> None:
    load = Load(dice=1.0)
    for _ in range(100):
        load.overload.note_served(0, within_s=1.0)

    assert load.came(waiting=CROWD, waited_s=LONG_S) == SHORTEST_RETRY_S + BRIEF_SPREAD_S
    told_s = [load.came(number, waiting=CROWD, waited_s=LONG_S) for number in range(2, 1_002)]
    assert told_s[-1] == SHORTEST_RETRY_S + BRIEF_SPREAD_S + 5


def test_who_never_came_back_does_not_keep_others_waiting() -> None:
    load = overloaded(dice=1.0)
    first_s = [load.came(number, waiting=CROWD, waited_s=LONG_S) for number in range(2, 20_000)]
    load.came(waiting=0, waited_s=0.0)

    load.clock.advance(2 * LONGEST_RETRY_S + 1)

    assert load.came(30_000, waiting=CROWD, waited_s=LONG_S) == first_s[0]


def test_it_goes_on_until_nearly_nobody_waits_and_begins_again_late() -> None:
    load = overloaded()

    assert load.came(2, waiting=CROWD, waited_s=RELIEVED_S + 0.1) > 0
    assert load.came(3, waiting=CROWD, waited_s=RELIEVED_S - 0.1) == 0
    assert load.came(4, waiting=CROWD, waited_s=RELIEVED_S + 0.1) == 0
    assert not load.overload.is_overloaded
    assert load.overload.episodes == 1


def test_who_comes_back_when_told_is_let_in_while_others_are_put_off() -> None:
    load = overloaded()
    told_s = load.came(7, waiting=CROWD, waited_s=LONG_S)

    load.clock.advance(told_s)

    assert load.came(7, waiting=CROWD, waited_s=LONG_S) == 0
    assert load.came(8, waiting=CROWD, waited_s=LONG_S) > 0


def test_who_comes_back_when_told_is_put_off_again_where_he_would_wait_in_vain() -> None:
    load = overloaded()
    load.clock.advance(load.came(7, waiting=CROWD, waited_s=LONG_S))

    told_s = load.came(7, waiting=CROWD, waited_s=PROMISED_S)

    assert SHORTEST_RETRY_S <= told_s <= LONGEST_RETRY_S
    load.clock.advance(told_s)
    assert load.came(7, waiting=CROWD, waited_s=LONG_S) == 0


def test_who_comes_back_early_is_told_the_time_that_is_left() -> None:
    load = overloaded()
    told_s = load.came(7, waiting=CROWD, waited_s=LONG_S)

    load.clock.advance(3)

    assert load.came(7, waiting=CROWD, waited_s=LONG_S) == told_s - 3


def test_appointments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "APPOINTMENTS", 3)
    load = overloaded()
    told_s = [load.came(number, waiting=CROWD, waited_s=LONG_S) for number in range(10, 15)]

    load.clock.advance(max(told_s))

    let_in = [not load.came(number, waiting=CROWD, waited_s=LONG_S) for number in range(10, 15)]
    assert sum(let_in) <= 3


def test_a_register_without_a_readable_sender_gets_the_usual_answer() -> None:
    load = overloaded()
    odd = register().replace(b"From:", b"X:")

    assert load.overload.retry_after_s(odd, CROWD, LONG_S) == 0


def test_no_more_is_begun_than_can_be_stored() -> None:
    load = Load()
    assert load.overload.may_begin()

    load.under_way = overload.UNDER_WAY
    assert not load.overload.may_begin()

    load.under_way, load.backlog_s = 0, overload.BACKLOG_S
    assert not load.overload.may_begin()


async def test_what_has_no_hurry_waits_until_the_storm_is_over() -> None:
    load = overloaded()
    waiting = asyncio.create_task(load.overload.calm())
    await asyncio.sleep(0)
    assert not waiting.done()

    load.clock.advance(CALM_S)

    async with asyncio.timeout(5):
        await waiting


# The whole server


def held(work: Callable[P, Awaitable[T]], may_go_on: asyncio.Event) -> Callable[P, Awaitable[T]]:
    """The same, once the event is set."""

    async def later(*args: P.args, **kwargs: P.kwargs) -> T:
        await may_go_on.wait()
        return await work(*args, **kwargs)

    return later


@contextmanager
def held_registrations(server: Server, monkeypatch: pytest.MonkeyPatch) -> Generator[asyncio.Event]:
    """REGISTERs wait to be stored until the event is set, at the latest at the end of the block."""
    may_store = asyncio.Event()
    inventory = server.inventory
    monkeypatch.setattr(inventory, "register", held(inventory.register, may_store))
    try:
        yield may_store
    finally:
        may_store.set()


@asynccontextmanager
async def crowd(
    server: Server, size: int, transport: Literal["UDP", "TCP"] = "UDP"
) -> AsyncGenerator[list[SipPeer]]:
    """Devices with hosts of their own that have not registered."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                device(server, camera_id(number), host=f"127.0.1.{number + 1}", transport=transport)
            )
            for number in range(size)
        ]


async def test_a_crowd_is_put_off_and_served_while_those_there_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overload, "UNDER_WAY", 1)
    monkeypatch.setattr(overload, "CROWD", 4)
    clock = FakeClock()
    async with (
        stage(tmp_path, clock) as server,
        registered(server) as there,
        crowd(server, 5) as early,
        device(server, camera_id(99), host="127.0.2.1") as late,
        device(server, OTHER_DEVICE, host="127.0.3.1") as first,
    ):
        lobby = server.lobby
        authorization = first.authorization(await first.challenge())
        with held_registrations(server, monkeypatch) as may_store:
            storing = first.register_request(authorization)
            first.send(storing)
            await until(lambda: server.inbound.under_way == 1)
            asked = [(peer, peer.register_request()) for peer in early]
            for peer, raw in asked:
                peer.send(raw)
            await until(lambda: len(lobby) == len(early))
            for peer, raw in asked:
                peer.send(raw)
            await until(lambda: lobby.copies == len(early))
            clock.advance(LONG_S)

            refused = await late.ask(late.register_request())

            assert refused.status == 503
            assert SHORTEST_RETRY_S <= int(refused["Retry-After"]) <= LONGEST_RETRY_S
            assert (await there.tell(keepalive())).status == 200
            readiness = await server.readiness()
            assert readiness["warning.overloaded"]
            assert b'vms_registers_total{result="put_off"} 1.0' in server.collector.exposition()
            assert b"vms_registers_waiting 5.0" in server.collector.exposition()

            may_store.set()
            assert (await first.answer_to(storing)).status == 200
            for peer, raw in asked:
                assert (await peer.answer_to(raw)).status == 401
        await until(lambda: not server.overload.is_overloaded)
        assert "warning.overloaded" not in await server.readiness()
        assert (await late.register()).status == 200


async def test_a_crowd_by_tcp_is_put_off_like_one_by_udp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overload, "UNDER_WAY", 1)
    monkeypatch.setattr(overload, "CROWD", 4)
    clock = FakeClock()
    async with (
        stage(tmp_path, clock) as server,
        device(server, transport="TCP") as there,
        crowd(server, 5, "TCP") as early,
        device(server, camera_id(99), host="127.0.2.1", transport="TCP") as late,
        device(server, OTHER_DEVICE, host="127.0.3.1") as first,
    ):
        assert (await there.register()).status == 200
        authorization = first.authorization(await first.challenge())
        with held_registrations(server, monkeypatch) as may_store:
            storing = first.register_request(authorization)
            first.send(storing)
            await until(lambda: server.inbound.under_way == 1)
            asked = [(peer, peer.register_request()) for peer in early]
            for peer, raw in asked:
                peer.send(raw)
            await until(lambda: len(server.lobby) == len(early))
            clock.advance(LONG_S)

            refused = await late.ask(late.register_request())

            assert refused.status == 503
            assert SHORTEST_RETRY_S <= int(refused["Retry-After"]) <= LONGEST_RETRY_S
            assert (await there.tell(keepalive())).status == 200
            await early[0].close()
            await until(lambda: server.endpoint.stats.connections == len(early) + 1)
            may_store.set()
            assert (await first.answer_to(storing)).status == 200
            for peer, raw in asked[1:]:
                assert (await peer.answer_to(raw)).status == 401
        # Whose connection is gone by then is not even challenged.
        assert server.registrar.results["challenged"] == 1 + 1 + len(early) - 1


async def test_those_with_credentials_go_before_those_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overload, "UNDER_WAY", 1)
    async with (
        stage(tmp_path) as server,
        crowd(server, 2) as newcomers,
        device(server, OTHER_DEVICE, host="127.0.3.1") as first,
        device(server, camera_id(50), host="127.0.4.1") as proven,
    ):
        proofs = [each.authorization(await each.challenge()) for each in (first, proven)]
        answered: list[str] = []
        judge = server.registrar.at_once

        def judged(asked: Asked) -> Said | None:
            answered.append(asked.device_id)
            return judge(asked)

        monkeypatch.setattr(server.registrar, "at_once", judged)
        with held_registrations(server, monkeypatch) as may_store:
            first.send(first.register_request(proofs[0]))
            await until(lambda: server.inbound.under_way == 1)
            asked = [(peer, peer.register_request()) for peer in newcomers]
            for peer, raw in asked:
                peer.send(raw)
            await until(lambda: len(server.lobby) == 2)
            proof = proven.register_request(proofs[1])
            proven.send(proof)
            await until(lambda: len(server.lobby) == 3)
            may_store.set()

            assert (await proven.answer_to(proof)).status == 200
            for peer, raw in asked:
                assert (await peer.answer_to(raw)).status == 401
        assert answered == [OTHER_DEVICE, camera_id(50), camera_id(0), camera_id(1)]
