"""The short way of catalogue parts, seen from a device: nothing differs from the general way."""

from pathlib import Path

from tests.support.sip_peer import SipPeer
from tests.support.waiting import until
from tests.vms.signalling.stage import DEVICE, catalogue, channel_id, device, registered, stage
from vms.inventory.queries import ChannelQuery
from vms.server import Server
from vms.signalling.jobs import JobState

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
