"""The whole server and simulated cameras in one process, on loopback: the stage of scenarios."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from config.settings import Settings, load
from media.unit import Codec
from tests.support.waiting import until
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.version import Edition
from vms.inventory.model import Device, Status
from vms.inventory.queries import ChannelQuery, DeviceQuery
from vms.server import Server
from vms.sessions.broker import BrokerPolicy
from vms.simulator.faults import Fault
from vms.simulator.packing import Container
from vms.simulator.plan import Platform, SimulatorOptions
from vms.simulator.simulation import Simulation, running

PASSWORD = "a-password-for-tests"  # noqa: S105
ADMIN_PASSWORD = "correct horse battery staple"  # noqa: S105
FIRST_DEVICE = DeviceId("34020000001180000001")
FIRST_CHANNEL = ChannelId("34020000001320000001")
LIMITS = BrokerPolicy(first_byte_limit_s=1.0, first_picture_limit_s=5.0)
PATIENCE_S = 30.0


def settings_for(folder: Path, **overrides: str) -> Settings:
    """Free ports on loopback and a database in `folder`; keys with `__` for the dot."""
    values = {
        "http.host": "127.0.0.1",
        "http.port": "0",
        "sip.host": "127.0.0.1",
        "sip.port": "0",
        "sip.shared_password": PASSWORD,
        "sip.admission": "open",
        "webrtc.port": "0",
        "media.workers": "0",
        "media.http_port": "0",
        "rtsp.port": "0",
        "media.idle_s": "5",
        "media.rtp_port_range": "31000-31999",
        "database.url": f"sqlite+aiosqlite:///{folder / 'vms.db'}",
        "storage.root": str(folder / "media"),
        "admin.password": ADMIN_PASSWORD,
    }
    values |= {key.replace("__", "."): value for key, value in overrides.items()}
    return load(None, {}, values).settings


@dataclass(frozen=True, slots=True)
class Town:
    """A server that runs, and how to put cameras before it."""

    server: Server

    @asynccontextmanager
    async def cameras(
        self,
        devices: int = 1,
        *,
        channels: int = 1,
        transport: Literal["UDP", "TCP"] = "UDP",
        edition: Edition = Edition.E2016,
        codec: Codec = Codec.H264,
        audio: Codec | None = Codec.PCMA,
        container: Container = Container.PS,
        password: str = PASSWORD,
        first_id: str = FIRST_DEVICE,
        keepalive_s: float = 60.0,
        retry_s: float = 0.5,
        reboot_s: float = 5.0,
        faults: tuple[str, ...] = (),
        vanish: bool = False,
    ) -> AsyncGenerator[Simulation]:
        """Simulated devices, alive inside the block."""
        sip = self.server.settings.sip
        address = self.server.endpoint.address
        options = SimulatorOptions(
            platform=Platform(sip.server_id, sip.domain, address.host, address.port),
            password=password,
            devices=devices,
            channels=channels,
            first_id=first_id,
            transport=transport,
            edition=edition,
            codec=codec,
            audio=audio,
            container=container,
            keepalive_s=keepalive_s,
            retry_s=retry_s,
            reboot_s=reboot_s,
            faults=tuple(Fault.parse(fault) for fault in faults),
            vanish=vanish,
        )
        async with running(options) as simulation:
            yield simulation

    def devices(self) -> tuple[Device, ...]:
        """All on file."""
        return self.server.inventory.devices(DeviceQuery(limit=1000)).items

    def online(self) -> int:
        """Devices that are."""
        status = self.server.inventory.status
        return sum(status(device) is Status.ONLINE for device in self.devices())

    def channels(self) -> int:
        """Channels on file."""
        return len(self.server.inventory.channels(ChannelQuery(limit=1000)).items)

    async def until_ready(self, devices: int = 1, channels: int = 1) -> None:
        """Until so many devices are online and their catalogues are in."""
        await until(lambda: self.online() >= devices and self.channels() >= channels, PATIENCE_S)


@asynccontextmanager
async def town(
    folder: Path, limits: BrokerPolicy = LIMITS, **overrides: str
) -> AsyncGenerator[Town]:
    """A server on free ports; `overrides` are settings with `__` for the dot."""
    async with Server.open(settings_for(folder, **overrides), limits=limits) as server:
        yield Town(server)
