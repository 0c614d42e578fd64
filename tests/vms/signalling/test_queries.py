"""What the server asks devices, and what becomes of answers that are late, cut, double or wrong."""

import asyncio
from pathlib import Path

import pytest

from tests.support.sip_peer import SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import (
    DEVICE,
    OTHER_DEVICE,
    catalogue,
    channel_id,
    registered,
    stage,
)
from vms.errors import DeviceOfflineError, NoAnswerError, RejectedError
from vms.inventory.queries import ChannelQuery
from vms.server import Server
from vms.signalling.device_queries import CatalogJob
from vms.signalling.jobs import JobState


def channels(server: Server) -> list[str]:
    return [each.channel_id for each in server.inventory.channels(ChannelQuery()).items]


async def finished(server: Server, job: CatalogJob) -> CatalogJob:
    await until(lambda: server.link.catalog_job(job.job_id).finished)
    return server.link.catalog_job(job.job_id)


async def fetched(server: Server, camera: SipPeer, *ids: str) -> None:
    """A complete answer with these channels."""
    job = await server.link.query_catalog(DEVICE)
    sn = (await camera.asked("MESSAGE", "Catalog")).element("SN")
    await camera.tell(catalogue(sn, len(ids), *ids))
    assert (await finished(server, job)).state is JobState.COMPLETE


async def test_a_device_that_came_online_is_asked_who_it_is_and_what_it_has(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        query = await camera.asked("MESSAGE", "DeviceInfo")

        assert query.start == f"MESSAGE sip:{DEVICE}@127.0.0.1:{camera.port} SIP/2.0"
        assert query["From"].startswith("<sip:34020000002000000001@3402000000>;tag=")
        assert query["To"] == f"<sip:{DEVICE}@3402000000>"
        assert query["Content-Type"] == "Application/MANSCDP+xml"
        assert query["Max-Forwards"] == "70"
        sn = query.element("SN")
        await camera.tell(
            "<Response><CmdType>DeviceInfo</CmdType>"
            f"<SN>{sn}</SN><DeviceID>{DEVICE}</DeviceID><DeviceName>东门</DeviceName>"
            "<Result>OK</Result><Manufacturer>Acme</Manufacturer></Response>"
        )
        await camera.asked("MESSAGE", "Catalog")

        await until(lambda: server.inventory.device(DEVICE).name == "东门")


async def test_parts_come_in_any_order_and_twice(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        job = await server.link.query_catalog(DEVICE)
        sn = (await camera.asked("MESSAGE", "Catalog")).element("SN")
        one, two, three = (channel_id(number) for number in (1, 2, 3))

        for part in ((three,), (two,), (three,), (two, one)):
            assert (await camera.tell(catalogue(sn, 3, *part))).status == 200

        done = await finished(server, job)
        assert (done.state, done.received, done.announced) == (JobState.COMPLETE, 3, 3)
        assert channels(server) == [one, two, three]


async def test_what_only_builds_the_tree_is_no_channel(tmp_path: Path) -> None:
    division, platform = "340200", "34020000002000000009"
    group, organisation = "34020000002150000001", "34020000002160000001"
    async with stage(tmp_path) as server, registered(server) as camera:
        await fetched(
            server, camera, division, platform, group, organisation, DEVICE, channel_id(1)
        )

        assert channels(server) == [channel_id(1)]


async def test_a_second_wish_joins_the_query_that_runs(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        first = await server.link.query_catalog(DEVICE)
        second = await server.link.query_catalog(DEVICE)

        assert first.job_id == second.job_id
        sn = (await camera.asked("MESSAGE", "Catalog")).element("SN")
        await camera.tell(catalogue(sn, 1, channel_id(1)))
        assert (await finished(server, first)).state is JobState.COMPLETE


async def test_what_is_missing_is_asked_for_again_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.inventory.catalog.GAP_LIMIT_S", 0.2)
    async with stage(tmp_path) as server, registered(server) as camera:
        await fetched(server, camera, *(channel_id(number) for number in (1, 2, 3)))
        job = await server.link.query_catalog(DEVICE)

        for _ in range(2):
            sn = (await camera.asked("MESSAGE", "Catalog")).element("SN")
            await camera.tell(catalogue(sn, 3, channel_id(1), channel_id(2)))

        done = await finished(server, job)
        assert done.state is JobState.INCOMPLETE
        assert done.error == "2 of 3 items came"
        assert len(channels(server)) == 3


async def test_what_comes_unasked_adds_and_never_takes_away(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        await fetched(server, camera, channel_id(1), channel_id(2))

        for _ in range(3):
            await camera.tell(catalogue(9999, 1, channel_id(3)))

        await until(lambda: len(channels(server)) == 3)
        assert server.inventory.device(DEVICE).tolerances["unsolicited_catalog"] == 3


async def test_a_catalogue_with_another_sn_is_no_answer(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        job = await server.link.query_catalog(DEVICE)
        sn = int((await camera.asked("MESSAGE", "Catalog")).element("SN"))

        await camera.tell(catalogue(sn + 1, 1, channel_id(1)))
        await until(lambda: channels(server) == [channel_id(1)])

        assert server.link.catalog_job(job.job_id).state is JobState.RUNNING
        await camera.tell(catalogue(sn, 1, channel_id(2)))
        assert (await finished(server, job)).received == 1


async def test_other_answers_may_carry_a_wrong_sn(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        asked = server.link.query_status(DEVICE)

        async def answer() -> None:
            await camera.asked("MESSAGE", "DeviceStatus")
            await camera.tell(
                "<Response><CmdType>DeviceStatus</CmdType><SN>0</SN>"
                f"<DeviceID>{OTHER_DEVICE}</DeviceID><Result>OK</Result>"
                "<Online>ONLINE</Online><Status>OK</Status></Response>"
            )

        status, _ = await asyncio.gather(asked, answer())

        assert status.sn == 0


async def test_a_refused_query_is_told_in_a_sentence(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        camera.answers["MESSAGE"] = 403

        job = await finished(server, await server.link.query_catalog(DEVICE))

        assert job.state is JobState.FAILED
        assert job.error == f"{DEVICE} answered 403 No to a MESSAGE"
        with pytest.raises(RejectedError):
            await server.link.query_info(DEVICE)


async def test_a_query_without_any_answer_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.messenger.MESSAGE_LIMIT_S", 0.3)
    async with stage(tmp_path) as server, registered(server) as camera:
        del camera.answers["MESSAGE"]

        job = await finished(server, await server.link.query_catalog(DEVICE))

        assert job.state is JobState.FAILED
        assert job.error.startswith(f"no answer from {DEVICE} to a MESSAGE")


async def test_a_query_that_is_only_received_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.messenger.ANSWER_LIMIT_S", 0.3)
    async with stage(tmp_path) as server, registered(server):
        with pytest.raises(NoAnswerError, match=f"no DeviceStatus answer from {DEVICE}"):
            await server.link.query_status(DEVICE)


async def test_a_device_that_left_cannot_be_asked(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        await camera.register(expires=0)

        with pytest.raises(DeviceOfflineError):
            await server.link.query_catalog(DEVICE)


async def test_a_query_that_takes_long_outlasts_many_that_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.signalling.jobs.JOBS_KEPT", 2)
    async with (
        stage(tmp_path) as server,
        registered(server) as slow,
        registered(server, OTHER_DEVICE) as quick,
    ):
        long = await server.link.query_catalog(DEVICE)
        sn = (await slow.asked("MESSAGE", "Catalog")).element("SN")
        for _ in range(3):
            job = await server.link.query_catalog(OTHER_DEVICE)
            its_sn = (await quick.asked("MESSAGE", "Catalog")).element("SN")
            await quick.tell(catalogue(its_sn, 1, channel_id(1), device_id=OTHER_DEVICE))
            assert (await finished(server, job)).state is JobState.COMPLETE

        await slow.tell(catalogue(sn, 1, channel_id(2)))

        assert (await finished(server, long)).state is JobState.COMPLETE
