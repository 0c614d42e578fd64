"""Many notifications at once: who registers goes first, memory is bounded, what is acknowledged is
stored. Storage is held by the test; no time is measured."""

import asyncio
from collections.abc import Collection, Generator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.sip_peer import SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import (
    CHANNEL,
    DEVICE,
    alarm,
    catalogue,
    device,
    keepalive,
    registered,
    stage,
)
from vms.gb28181.ids import DeviceId
from vms.inventory.model import ReportedAlarm, ReportedChannel
from vms.server import Server
from vms.signalling import notices


@contextmanager
def held_alarms(server: Server, monkeypatch: pytest.MonkeyPatch) -> Generator[asyncio.Event]:
    """Alarms wait to be stored until the event is set, at the latest at the end of the block."""
    may_store = asyncio.Event()
    record = server.inventory.record_alarm

    async def held(device_id: str, reported: ReportedAlarm) -> bool:
        await may_store.wait()
        return await record(device_id, reported)

    monkeypatch.setattr(server.inventory, "record_alarm", held)
    try:
        yield may_store
    finally:
        may_store.set()


def recorder_id(number: int) -> DeviceId:
    return DeviceId(f"34020000001180000{number:03d}")


def told(peer: SipPeer, count: int, first: int = 1) -> list[bytes]:
    """That many alarms, sent and not waited for."""
    raws = [
        peer.request("NOTIFY", body=alarm(peer.device_id, sn).encode())
        for sn in range(first, first + count)
    ]
    for raw in raws:
        peer.send(raw)
    return raws


async def test_who_registers_is_answered_while_a_storm_waits_for_its_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "WORKERS", 4)
    async with stage(tmp_path) as server, AsyncExitStack() as stack:
        peers = [
            await stack.enter_async_context(
                registered(server, recorder_id(number), host=f"127.0.0.{number}")
            )
            for number in range(10, 20)
        ]
        with held_alarms(server, monkeypatch) as may_store:
            raws = [(peer, raw) for peer in peers for raw in told(peer, 30)]
            queue = server.notifications.notices
            await until(lambda: queue.waiting >= 100)

            async with registered(server) as newcomer:
                assert (await newcomer.tell(keepalive())).status == 200
            assert not any(peer.responses for peer in peers[:-1])

            may_store.set()
            for peer, raw in raws:
                assert (await peer.answer_to(raw)).status == 200
            assert queue.waiting == 0
            assert queue.stored == 300


async def test_a_queue_that_is_full_refuses_alarms_and_takes_registrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "WAITING_LIMIT", 5)
    monkeypatch.setattr(notices, "WORKERS", 1)
    monkeypatch.setattr(notices, "BATCH", 1)
    async with stage(tmp_path) as server, registered(server) as peer:
        with held_alarms(server, monkeypatch) as may_store:
            first = told(peer, 1)
            await until(lambda: not server.notifications.notices.is_idle)
            kept, refused = told(peer, 5, first=2), told(peer, 3, first=10)

            for raw in refused:
                answer = await peer.answer_to(raw)
                assert answer.status == 503
                assert 5 <= int(answer["Retry-After"]) <= 60
            async with registered(server, recorder_id(77)):
                pass
            may_store.set()
            for raw in (*first, *kept):
                assert (await peer.answer_to(raw)).status == 200
        assert server.notifications.notices.refused["queue_full"] == 3
        assert len(await server.inventory.alarms(DEVICE)) == 6


async def test_a_queue_is_full_of_few_large_ones_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "LINE_BYTES", 3 * len(alarm(DEVICE, 1)))
    monkeypatch.setattr(notices, "BATCH", 1)
    async with (
        stage(tmp_path) as server,
        registered(server) as peer,
        registered(server, recorder_id(2)) as other,
    ):
        with held_alarms(server, monkeypatch) as may_store:
            first = told(peer, 1)
            queue = server.notifications.notices
            await until(lambda: not queue.is_idle and not queue.waiting)
            kept, refused = told(peer, 3, first=2), told(peer, 2, first=5)

            for raw in refused:
                assert (await peer.answer_to(raw)).status == 503
            others = told(other, 1)
            may_store.set()
            for raw in (*first, *kept):
                assert (await peer.answer_to(raw)).status == 200
            assert (await other.answer_to(others[0])).status == 200
            assert (await peer.notify(alarm(DEVICE, 9))).status == 200


async def test_a_device_that_tells_too_much_is_to_come_back_and_hurts_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "TOLD_AT_ONCE", 10.0)
    clock = FakeClock()
    async with (
        stage(tmp_path, clock) as server,
        registered(server) as mad,
        registered(server, recorder_id(2)) as sane,
    ):
        raws = told(mad, 13)
        answers = [await mad.answer_to(raw) for raw in raws]

        assert [each.status for each in answers] == [200] * 10 + [503] * 3
        assert answers[-1]["Retry-After"] == "1"
        assert (await sane.notify(alarm(sane.device_id))).status == 200
        assert (await mad.tell(keepalive())).status == 200

        clock.advance(1)
        assert (await mad.notify(alarm(DEVICE, 99))).status == 200
        assert server.notifications.notices.refused == {"device_over_limit": 3}
        assert server.inventory.device(DEVICE).tolerances["told_too_fast"] == 3


async def test_what_one_device_tells_is_kept_in_its_order_whatever_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flap of many changes comes to its last word, in few commits."""
    async with stage(tmp_path) as server, registered(server) as peer:
        await peer.tell(catalogue(1, 1, CHANNEL))
        upsert = server.inventory.upsert_channels
        words: list[bool] = []
        gate = asyncio.Event()

        async def watched(
            device_id: str, items: Sequence[ReportedChannel], absent: Collection[str]
        ) -> None:
            words.append(items[-1].is_on)
            await gate.wait()
            await upsert(device_id, items, absent)

        monkeypatch.setattr(server.inventory, "upsert_channels", watched)
        raws = [
            peer.request("NOTIFY", body=change("OFF" if number % 2 else "ON", number))
            for number in range(40)
        ]
        for raw in raws:
            peer.send(raw)
        await until(lambda: bool(words))
        gate.set()
        for raw in raws:
            assert (await peer.answer_to(raw)).status == 200

        assert not server.inventory.channel(DEVICE, CHANNEL).reported.is_on
        assert not words[-1]
        assert len(words) < 40


def change(event: str, sn: int) -> bytes:
    return (
        f"<Notify><CmdType>Catalog</CmdType><SN>{sn}</SN><DeviceID>{DEVICE}</DeviceID>"
        f'<SumNum>1</SumNum><DeviceList Num="1"><Item><DeviceID>{CHANNEL}</DeviceID>'
        f"<Event>{event}</Event></Item></DeviceList></Notify>"
    ).encode()


async def test_a_server_that_stops_stores_what_it_took_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as server, registered(server) as peer:
        with held_alarms(server, monkeypatch) as may_store:
            told(peer, 20)
            await until(lambda: not server.notifications.notices.is_idle)
            closing = asyncio.create_task(server.inbound.close())
            may_store.set()
            await closing

            assert server.inbound.is_idle
            stored = len(await server.inventory.alarms(DEVICE))
            await until(lambda: len(peer.responses) == stored)


async def test_strangers_do_not_even_get_into_the_queue(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        registered(server),
        device(server, host="127.0.0.2") as stranger,
    ):
        assert (await stranger.notify(alarm(DEVICE))).status == 403
        assert server.notifications.notices.is_idle
