"""Devices that are let in and mean no good, or were written carelessly."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support.sip_peer import SipPeer
from tests.support.town import PASSWORD
from tests.support.waiting import until
from tests.vms.signalling.stage import (
    CHANNEL,
    DEVICE,
    OTHER_DEVICE,
    OTHER_HOST,
    alarm,
    catalogue,
    device,
    registered,
    stage,
)
from vms.errors import RejectedError
from vms.gb28181.manscdp.messages import DeviceInfoResponse
from vms.server import Server
from vms.signalling import greeter, jobs
from vms.signalling.jobs import JobState

GARBLED = "摄像机".encode("gb18030")
PLACE = b"@@"
"""Where `GARBLED` goes: the peer writes UTF-8 only."""


class GarbledPeer(SipPeer):
    """Writes headers in the charset of its country."""

    def send(self, raw: bytes) -> None:
        super().send(raw.replace(PLACE, GARBLED))


@asynccontextmanager
async def garbled(server: Server) -> AsyncGenerator[SipPeer]:
    ours = server.endpoint.address
    async with GarbledPeer.open(DEVICE, (ours.host, ours.port), PASSWORD) as peer:
        yield peer


def is_over(server: Server, job_id: str) -> bool:
    return server.link.catalog_job(job_id).finished


async def test_a_user_agent_in_another_charset_is_no_reason_to_refuse(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, garbled(server) as camera:
        answer = await camera.register(headers=[("User-Agent", "@@")])

        assert answer.status == 200
        assert server.inventory.device(DEVICE).user_agent == "摄像机"


async def test_a_reason_in_another_charset_can_be_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, garbled(server) as camera:
        await camera.register()
        del camera.answers["MESSAGE"]
        asking = asyncio.create_task(server.link.query_status(DEVICE))

        camera.respond(await camera.asked("MESSAGE", "DeviceStatus"), 488, "@@")

        with pytest.raises(RejectedError, match="488 摄像机"):
            await asking


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00"])
async def test_an_alarm_at_the_end_of_time_does_not_hide_the_others(
    tmp_path: Path, when: str
) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        await camera.tell(alarm(DEVICE, 1).replace("2024-05-01T16:23:32", when))
        await camera.tell(alarm(DEVICE, 2))

        assert [each.sn for each in await server.inventory.alarms()] == [2, 1]


async def test_a_slow_catalogue_outlives_the_memory_of_those_that_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "JOBS_KEPT", 2)
    async with stage(tmp_path) as server, registered(server) as slow:
        job = await server.link.query_catalog(DEVICE)
        sn = (await slow.asked("MESSAGE", "Catalog")).element("SN")
        async with registered(server, OTHER_DEVICE) as other:
            other.answers["MESSAGE"] = 403
            for _ in range(5):
                failing = await server.link.query_catalog(OTHER_DEVICE)
                await until(partial(is_over, server, failing.job_id))

        await slow.tell(catalogue(sn, 1, CHANNEL))

        await until(partial(is_over, server, job.job_id))
        assert server.link.catalog_job(job.job_id).state is JobState.COMPLETE


async def test_our_own_mistake_with_one_device_is_logged_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greeter, "GREETED_AT_ONCE", 1)
    monkeypatch.setattr(greeter, "GREETING_DELAY_S", 0.0)
    async with stage(tmp_path) as server:
        ask = server.link.query_info

        async def mistaken(device_id: str) -> DeviceInfoResponse:
            if device_id == DEVICE:
                raise LookupError(device_id)
            return await ask(device_id)

        monkeypatch.setattr(server.link, "query_info", mistaken)

        async with registered(server), registered(server, OTHER_DEVICE) as other:
            await other.asked("MESSAGE", "DeviceInfo")


@pytest.mark.parametrize("is_on_file", [True, False])
async def test_the_body_of_a_stranger_s_message_is_not_even_read(
    tmp_path: Path, *, is_on_file: bool
) -> None:
    async with stage(tmp_path) as server, registered(server):
        wanted = DEVICE if is_on_file else OTHER_DEVICE
        async with device(server, wanted, host=OTHER_HOST) as stranger:
            answer = await stranger.tell("<Notify><a " + "b=c " * 1000)

        assert answer.status == 403
        assert server.inbound.refused["body"] == 0
