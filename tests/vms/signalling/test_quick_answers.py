"""The short way of answers, seen from a device: nothing differs from the general way."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.sip_peer import SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import DEVICE, catalogue, channel_id, device, registered, stage
from vms.inventory.queries import ChannelQuery
from vms.server import Server
from vms.signalling.jobs import JobState

if TYPE_CHECKING:
    from vms.gb28181.manscdp.messages import DeviceInfoResponse, DeviceStatusResponse

ODD = [("X-Comment", "not in the standard's example")]


def names(server: Server) -> list[tuple[str, str]]:
    found = server.inventory.channels(ChannelQuery()).items
    return [(channel.channel_id, channel.name) for channel in found]


async def asked(server: Server, camera: SipPeer) -> tuple[str, str]:
    """A job, and the SN of its query."""
    job = await server.link.query_catalog(DEVICE)
    return job.job_id, (await camera.asked("MESSAGE", "Catalog")).element("SN")


async def test_parts_of_both_ways_make_one_catalogue(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        job_id, sn = await asked(server, camera)
        transactions = server.endpoint.stats.transactions

        short = await camera.ask(camera.message(catalogue(sn, 2, channel_id(1))))
        assert server.endpoint.stats.transactions == transactions
        general = await camera.ask(camera.message(catalogue(sn, 2, channel_id(2)), headers=ODD))
        assert server.endpoint.stats.transactions == transactions + 1

        assert short.status == general.status == 200
        await until(lambda: server.link.catalog_job(job_id).finished)
        assert server.link.catalog_job(job_id).state is JobState.COMPLETE
        assert names(server) == [(channel_id(1), "Camera 01"), (channel_id(2), "Camera 02")]
        # both name the standard's own placeholders for owner and address
        assert server.inventory.device(DEVICE).tolerances == {"placeholder": 2}


async def test_what_was_forgiven_in_a_part_is_counted_once_though_it_is_repeated(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        _, sn = await asked(server, camera)
        part = camera.message(catalogue(sn, 2, channel_id(1)))

        first = await camera.ask(part)
        camera.send(part)
        again = await camera.ask(part)

        assert first.status == again.status == 200
        assert server.inventory.device(DEVICE).tolerances == {"placeholder": 1}


async def test_a_part_under_an_sn_that_nobody_asked_with_goes_the_general_way(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        _, sn = await asked(server, camera)

        told = await camera.tell(catalogue(int(sn) + 1000, 1, channel_id(1)))

        assert told.status == 200
        assert "unsolicited_catalog" in server.inventory.device(DEVICE).tolerances


async def test_a_part_from_elsewhere_is_refused_though_it_knows_the_sn(tmp_path: Path) -> None:
    async with (
        stage(tmp_path) as server,
        registered(server) as camera,
        device(server, host="127.0.0.2") as stranger,
    ):
        job_id, sn = await asked(server, camera)

        refused = await stranger.tell(catalogue(sn, 1, channel_id(1)))

        assert refused.status == 403
        assert server.link.catalog_job(job_id).received == 0


async def test_a_part_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as server, registered(server) as camera:
        _, sn = await asked(server, camera)
        nobody = catalogue(sn, 1, channel_id(1)).replace(f"<DeviceID>{DEVICE}<", "<DeviceID>gate<")

        assert (await camera.tell(nobody)).status == 400


async def test_who_a_device_is_comes_to_the_same_both_ways(tmp_path: Path) -> None:
    told: list[DeviceInfoResponse] = []
    transactions: list[int] = []
    async with stage(tmp_path) as server, registered(server) as camera:
        for headers in ([], ODD):
            asking = asyncio.create_task(server.link.query_info(DEVICE))
            sn = (await camera.asked("MESSAGE", "DeviceInfo")).element("SN")
            before = server.endpoint.stats.transactions
            body = (
                f"<Response><CmdType>DeviceInfo</CmdType><SN>{sn}</SN><DeviceID>{DEVICE}</DeviceID>"
                "<Result>OK</Result><Manufacturer>Acme</Manufacturer><Model>Eye</Model></Response>"
            )
            assert (await camera.ask(camera.message(body, headers=headers))).status == 200
            transactions.append(server.endpoint.stats.transactions - before)
            told.append(await asking)

    assert transactions == [0, 1]
    assert told[1] == replace(told[0], sn=told[1].sn)
    assert (told[0].manufacturer, told[0].model) == ("Acme", "Eye")


async def test_how_a_device_does_comes_to_the_same_both_ways(tmp_path: Path) -> None:
    told: list[DeviceStatusResponse] = []
    async with stage(tmp_path) as server, registered(server) as camera:
        for headers in ([], ODD):
            asking = asyncio.create_task(server.link.query_status(DEVICE))
            sn = (await camera.asked("MESSAGE", "DeviceStatus")).element("SN")
            body = (
                f"<Response><CmdType>DeviceStatus</CmdType><SN>{sn}</SN>"
                f"<DeviceID>{DEVICE}</DeviceID><Result>OK</Result><Online>ONLINE</Online>"
                "<Status>OK</Status><DeviceTime>2024-05-01T16:00:00</DeviceTime></Response>"
            )
            assert (await camera.ask(camera.message(body, headers=headers))).status == 200
            told.append(await asking)

    assert told[1] == replace(told[0], sn=told[1].sn)
    assert told[0].is_online
