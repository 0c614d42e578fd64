"""`vms demo`: a server in a scratch folder, cameras on the wire, a past to look at."""

import asyncio
import itertools
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from config.settings import Settings, load
from vms.console import until_signal
from vms.demo_history import write_history
from vms.persistence.database import Database
from vms.persistence.device_store import SqlDeviceStore
from vms.serving import Running, running
from vms.simulator.plan import DevicePlan, Platform, SimulatorOptions, plan_devices

log = structlog.get_logger(__name__)

HOST = "127.0.0.1"
WORKERS = min(2, os.cpu_count() or 1)
END_LIMIT_S = 5.0
H265_SHARE = 4
"""Every fourth camera sends H.265."""

FIRST_IDS = {"h264": "34020000001180000001", "h265": "34020000001180000501"}
AUDIO = {"h264": "g711a", "h265": "aac"}
EDITIONS = {"h264": "2016", "h265": "2022"}
FAULTS = {
    "h264": ("no-media@4", "flapping=40@6", "wrong-password@8", "loss=5@10", "slow-answer=2@11"),
    "h265": ("silent=60@3",),
}
"""What is wrong with some of them, so that there is something to see."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The cameras of one codec, run by one simulator process."""

    codec: str
    options: SimulatorOptions

    @property
    def plans(self) -> list[DevicePlan]:
        """The devices."""
        return plan_devices(self.options)


async def demonstrate(cameras: int, http_port: int) -> None:
    """Until SIGINT or SIGTERM; then everything is gone, the folder too."""
    folder = Path(tempfile.mkdtemp(prefix="vms-demo-"))
    try:
        sign_in, shared = secrets.token_urlsafe(9), secrets.token_urlsafe(12)
        settings = _settings(folder, http_port, sign_in, shared)
        fleets = _fleets(cameras)
        await _prepare(settings, fleets)
        async with running(settings, folder) as up, _cameras(up, fleets, shared):
            _introduce(up, sign_in, cameras)
            await until_signal()
            sys.stdout.write("\nStopping.\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path, http_port: int, sign_in: str, shared: str) -> Settings:
    """Everything on this machine alone; other ports where the usual ones are taken."""
    overrides = {
        "http.host": HOST,
        "http.port": str(_port_or_any(http_port, socket.SOCK_STREAM)),
        "sip.host": HOST,
        "sip.port": str(_port_or_any(5060, socket.SOCK_STREAM, socket.SOCK_DGRAM)),
        "sip.shared_password": shared,
        "webrtc.port": str(_port_or_any(8189, socket.SOCK_DGRAM, count=WORKERS)),
        "media.workers": str(WORKERS),
        "media.http_port": str(_port_or_any(8090, socket.SOCK_STREAM, count=WORKERS)),
        "rtsp.port": str(_port_or_any(8554, socket.SOCK_STREAM, count=WORKERS)),
        "database.url": f"sqlite+aiosqlite:///{folder / 'vms.db'}",
        "storage.root": str(folder / "media"),
        "admin.password": sign_in,
    }
    return load(None, {}, overrides).settings


def _port_or_any(port: int, *kinds: socket.SocketKind, count: int = 1) -> int:
    """The first of `count` neighbouring ports when all are free, else 0."""
    for number, kind in itertools.product(range(port, port + count), kinds):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, number))
            except OSError:
                return 0
    return port


def _fleets(cameras: int) -> list[Fleet]:
    h265 = cameras // H265_SHARE
    nowhere = Platform("", "", HOST, 0)
    return [
        Fleet(codec, SimulatorOptions(nowhere, devices=count, first_id=FIRST_IDS[codec]))
        for codec, count in (("h264", cameras - h265), ("h265", h265))
        if count
    ]


async def _prepare(settings: Settings, fleets: Sequence[Fleet]) -> None:
    """All but the last camera have been on file for a week, with the ups and downs of one."""
    plans = [plan for fleet in fleets for plan in fleet.plans]
    known = plans[:-1] if len(plans) > 1 else plans
    async with Database.open(settings.database.url) as database:
        await write_history(SqlDeviceStore(database), known)


@asynccontextmanager
async def _cameras(up: Running, fleets: Sequence[Fleet], shared: str) -> AsyncGenerator[None]:
    """The simulators as processes of their own, on the wire."""
    address = up.server.endpoint.address
    sip = up.server.settings.sip
    processes: list[asyncio.subprocess.Process] = []
    try:
        for fleet in fleets:
            options = fleet.options
            faults = [
                part
                for fault in FAULTS[fleet.codec]
                if int(fault.partition("@")[2]) <= options.devices
                for part in ("--fault", fault)
            ]
            processes.append(
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "vms.simulator"),
                    *("--server", f"{address.host}:{address.port}"),
                    *("--server-id", sip.server_id, "--domain", sip.domain),
                    *("--devices", str(options.devices), "--first-id", options.first_id),
                    *("--codec", fleet.codec, "--audio", AUDIO[fleet.codec]),
                    *("--edition", EDITIONS[fleet.codec]),
                    *("--keepalive", "20", *faults),
                    env=os.environ | {"GB28181_PASSWORD": shared},
                    stdout=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        yield
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
        for process in processes:
            try:
                async with asyncio.timeout(END_LIMIT_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def _introduce(up: Running, sign_in: str, cameras: int) -> None:
    lines = (
        "",
        f"  Open        {up.url}",
        f"  Sign in     admin / {sign_in}",
        f"  {cameras} simulated cameras register now; some are faulty on purpose.",
        "  Ctrl-C ends everything and leaves nothing behind.",
        "",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
