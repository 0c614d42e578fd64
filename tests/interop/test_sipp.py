"""SIPp as a device: a SIP stack that is not ours, with scenarios from the printed dialogues."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, PASSWORD, Town, town
from tests.support.waiting import until
from vms.inventory.model import State
from vms.inventory.queries import ChannelQuery
from vms.sessions.broker import BrokerPolicy

SCENARIOS = Path(__file__).parent / "sipp"
LIMIT_S = 60
PATIENT = BrokerPolicy(first_byte_limit_s=LIMIT_S)
"""SIPp answers the call and sends no pictures."""


class Sipp:
    """A run of SIPp and the files it writes."""

    begun_by_platform = 5
    """Three queries (who it is, what time it has, what it has), two invitations."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    async def passed(self) -> None:
        """Wait for its end; fails the test with what it says unless everything went as written."""
        status = await self._process.wait()
        told = (self._folder / "errors").read_text()
        assert status == 0, told
        # One such line for each request that the platform began is what it says when all is well.
        assert told.count("Received out-of-call") == self.begun_by_platform, told
        assert "Aborting" not in told, told

    async def stop(self) -> None:
        """Twice is fine."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def sipp(place: Town, folder: Path, transport: str) -> AsyncGenerator[Sipp]:
    """SIPp as one device; it ends by itself."""
    server = place.server
    names = {"id": FIRST_DEVICE, "domain": server.settings.sip.domain}
    keys = [word for name, value in names.items() for word in ("-key", name, value)]
    mode = {"UDP": "u1", "TCP": "t1"}[transport]
    with (folder / "screens").open("wb") as screens:
        process = await asyncio.create_subprocess_exec(
            "sipp",
            str(server.endpoint.address),
            *("-sf", SCENARIOS / "device.xml", "-oocsf", SCENARIOS / "asked.xml"),
            *("-s", server.settings.sip.server_id, "-au", FIRST_DEVICE, "-ap", PASSWORD, *keys),
            *("-t", mode, "-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", f"{LIMIT_S}s"),
            *("-trace_err", "-error_file", folder / "errors"),
            *("-trace_msg", "-message_file", folder / "messages"),
            cwd=folder,
            stdout=screens,
            stderr=asyncio.subprocess.STDOUT,
        )
    run = Sipp(process, folder)
    try:
        yield run
    finally:
        await run.stop()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_sipp_lives_the_life_of_a_device(tmp_path: Path, transport: str) -> None:
    async with town(tmp_path, PATIENT) as place, sipp(place, tmp_path, transport) as device:
        inventory, viewing = place.server.inventory, place.server.viewing

        # it registered, keeps alive, and answered both queries
        await place.until_ready(channels=3)
        await until(lambda: inventory.device(FIRST_DEVICE).model == "AC-7816N")
        channels = inventory.channels(ChannelQuery()).items
        assert [(each.reported.name, each.state) for each in channels] == [
            ("Camera 01", State.ONLINE_SIGNALLED),
            ("Camera 02", State.ONLINE_SIGNALLED),
            ("Camera 03", State.OFFLINE),
        ]
        binding = inventory.device(FIRST_DEVICE).binding
        assert binding is not None
        assert binding.transport == transport

        # it refuses the offer of TCP, accepts the next, and is acknowledged
        view = await viewing.live(FIRST_DEVICE, FIRST_CHANNEL)
        session = place.server.broker.session(view.session_id)
        await until(lambda: any(entry.stage == "acknowledged" for entry in session.trace))
        assert [entry.stage for entry in session.trace] == [
            "invite_sent",
            "trying",
            "invite_sent",
            "trying",
            "answered",
            "acknowledged",
        ]
        assert session.transport == "udp"

        # it is hung up on, and goes
        await viewing.end(view.session_id)
        await device.passed()
        assert inventory.figures.keepalives >= 2
        assert place.server.registrar.results == {
            "challenged": 3,
            "accepted": 2,
            "unregistered": 1,
        }
        assert inventory.device(FIRST_DEVICE).state is State.OFFLINE
