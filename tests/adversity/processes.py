"""The server and the fleet as processes of their own, and what can be seen of them from outside."""

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.tools import ROOT
from tests.support.waiting import until, until_async

HOST = "127.0.0.1"
SERVER_ID = "34020000002000000001"
DOMAIN = "3402000000"
PASSWORD = "a-password-for-tests"  # noqa: S105
ADMIN_PASSWORD = "correct horse battery staple"  # noqa: S105
START_LIMIT_S = 60.0
DRAIN_LIMIT_S = 10.0
"""SIGTERM under load: what a supervisor waits for."""

PATIENCE_S = 60.0
UNAVAILABLE = 503


def free_ports(count: int) -> int:
    """The first of so many neighbouring ports that are free on UDP and TCP.

    Below the kernel's own range, so that nobody is given them while the server is away.
    """
    while True:
        first = 12_000 + secrets.randbelow(16_000)
        with suppress(OSError):
            for port in range(first, first + count):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind((HOST, port))
            return first


@dataclass
class Run:
    """One life of the server, by our wall clock; the end lies between `ends_from` and `ends_by`."""

    began_at: float
    ends_from: float = float("inf")
    ends_by: float = float("inf")
    was_killed: bool = False


class ServerProcess:
    """`vms serve` with its own folder and fixed ports; started, killed and started again.

    `overrides` are settings with `__` for the dot.
    """

    def __init__(self, folder: Path, database_url: str, **overrides: str) -> None:
        first = free_ports(3)
        self.sip_port, self.http_port, webrtc_port = first, first + 1, first + 2
        self.runs: list[Run] = []
        self._log = folder / "server.log"
        self._settings = {
            "http.host": HOST,
            "http.port": self.http_port,
            "sip.host": HOST,
            "sip.port": self.sip_port,
            "sip.server_id": SERVER_ID,
            "sip.domain": DOMAIN,
            "sip.shared_password": PASSWORD,
            "sip.admission": "open",
            "webrtc.port": webrtc_port,
            "media.workers": 0,
            "media.http_port": 0,
            "rtsp.port": 0,
            "media.rtp_port_range": "28100-28999",
            "database.url": database_url,
            "storage.root": folder / "media",
            "admin.password": ADMIN_PASSWORD,
        } | {key.replace("__", "."): value for key, value in overrides.items()}
        self._process: asyncio.subprocess.Process | None = None
        self._token = ""

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    @property
    def url(self) -> str:
        """Of its page and API."""
        return f"http://{HOST}:{self.http_port}"

    async def start(self) -> None:
        """Returns when it is ready."""
        options = [
            part for key, value in self._settings.items() for part in ("--set", f"{key}={value}")
        ]
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("VMS_")
        }
        self.runs.append(Run(time.time()))
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "vms", "serve", *options),
                cwd=ROOT,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        async with self.client() as client:
            # Asked more often, it would be kept from its start.
            await until_async(lambda: self._is_ready(client), bool, START_LIMIT_S, every_s=0.1)

            # Amid a storm the row of the audit may have to wait: 503, come back.
            async def signed_in() -> httpx.Response:
                return await client.post(
                    "/auth/login", json={"username": "admin", "password": ADMIN_PASSWORD}
                )

            answer = await until_async(
                signed_in, lambda answer: answer.status_code != UNAVAILABLE, START_LIMIT_S
            )
            self._token = answer.raise_for_status().json()["access_token"]

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        assert self.process.returncode is None, f"the server ended:\n{self.last_words()}"
        try:
            return (await client.get(f"{self.url}/readyz")).is_success
        except httpx.TransportError:
            return False

    def client(self) -> httpx.AsyncClient:
        """For the API; signed in once the server was ready."""
        return httpx.AsyncClient(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self._token}"} if self._token else {},
            timeout=30,
        )

    async def kill(self) -> None:
        """With -9."""
        await self._end(signal.SIGKILL)

    async def stop(self, limit_s: float = DRAIN_LIMIT_S) -> None:
        """With SIGTERM; fails unless it ends by itself and well."""
        async with asyncio.timeout(limit_s):
            await self._end(signal.SIGTERM)
        assert self.process.returncode == 0, self.last_words()

    async def _end(self, number: signal.Signals) -> None:
        run = self.runs[-1]
        run.was_killed = number is signal.SIGKILL
        run.ends_from = time.time()
        self.process.send_signal(number)
        await self.process.wait()
        run.ends_by = time.time()

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-4000:]


@asynccontextmanager
async def server_process(
    folder: Path, database_url: str, **overrides: str
) -> AsyncGenerator[ServerProcess]:
    """A server that is ready; at the end it is gone. `overrides` as `ServerProcess` takes them."""
    server = ServerProcess(folder, database_url, **overrides)
    try:
        await server.start()
        yield server
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.process.wait()


@dataclass(frozen=True)
class Line:
    """One line of the fleet's log; see `tests/support/fleet.py`."""

    at: float
    what: str
    device: str = ""
    kind: str = ""
    key: str = ""
    sn: int = 0
    status: int = 0


def channel_of(device_id: str) -> str:
    """The one channel of a device of the fleet."""
    return device_id[:10] + "132" + device_id[13:]


@dataclass
class FleetProcess:
    """The fleet: it is told what to do, and its log is read."""

    path: Path
    process: asyncio.subprocess.Process
    lines: list[Line] = field(default_factory=list[Line])
    _read_to: int = 0

    def read(self) -> list[Line]:
        """All of its log so far."""
        with self.path.open("rb") as log:
            log.seek(self._read_to)
            fresh = log.read()
        fresh = fresh[: fresh.rfind(b"\n") + 1]
        self._read_to += len(fresh)
        self.lines += [Line(**json.loads(line)) for line in fresh.splitlines()]
        return self.lines

    def seen(self, what: str, kind: str = "", status: int = 0, start: int = 0) -> Iterator[Line]:
        """Lines from the `start`-th on of that sort."""
        for line in self.read()[start:]:
            if line.what == what and kind in ("", line.kind) and status in (0, line.status):
                yield line

    def count(self, what: str, kind: str = "", status: int = 0, start: int = 0) -> int:
        """How many of them there are."""
        return sum(1 for _ in self.seen(what, kind, status, start))

    def order(self, command: str) -> None:
        """`storm N` or `calm`."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())

    async def calm_down(self, limit_s: float = PATIENCE_S) -> None:
        """Nothing new, and everything begun comes to its end."""
        start = len(self.read())
        self.order("calm")
        await until(lambda: self.count("rest", start=start) > 0, limit_s)

    async def until_more(
        self, what: str, count: int, kind: str = "", status: int = 0, limit_s: float = PATIENCE_S
    ) -> None:
        """Until so many more lines of that sort are written."""
        start = len(self.read())
        await until(lambda: self.count(what, kind, status, start) >= count, limit_s)

    def registered(self) -> set[str]:
        """Devices whose last word about a registration was a REGISTER that was answered 200, and
        that did not try to leave since."""
        found: set[str] = set()
        for line in self.read():
            if line.kind == "register" and line.what == "answer" and line.status == 200:
                found.add(line.device)
            elif line.kind in {"unregister", "unregister-asked"}:
                found.discard(line.device)
        return found

    def leaving(self, start: int) -> set[str]:
        """Devices that unregistered, or tried to, from the `start`-th line on."""
        kinds = {"unregister", "unregister-asked"}
        return {line.device for line in self.read()[start:] if line.kind in kinds}

    def acknowledged_alarms(self) -> set[tuple[str, int]]:
        """(device, SN) of each alarm that was answered 200."""
        return {(line.device, line.sn) for line in self.seen("answer", "alarm", 200)}

    def invited(self, start: int = 0) -> set[str]:
        """Devices that an INVITE reached."""
        return {line.device for line in self.seen("invite", start=start)}


@asynccontextmanager
async def fleet_process(
    folder: Path,
    server: ServerProcess,
    devices: int,
    seed: int,
    *,
    keepalive_s: float = 1.0,
    refuses_calls: bool = True,
) -> AsyncGenerator[FleetProcess]:
    """Devices that register at once; the process ends with the block."""
    log = folder / "fleet.log"
    log.touch()
    process = await asyncio.create_subprocess_exec(
        # Isolated and without site-packages: it cannot import anything of ours.
        *(sys.executable, "-I", "-S", str(ROOT / "tests" / "support" / "fleet.py")),
        *("--port", str(server.sip_port), "--devices", str(devices), "--seed", str(seed)),
        *("--server-id", SERVER_ID, "--domain", DOMAIN, "--password", PASSWORD),
        *("--log", str(log), "--keepalive", str(keepalive_s)),
        *(["--refuse-calls"] if refuses_calls else []),
        stdin=asyncio.subprocess.PIPE,
    )
    fleet = FleetProcess(log, process)
    try:
        yield fleet
        assert process.returncode is None, "the fleet has broken down"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with suppress(ConnectionError):
                await process.stdin.wait_closed()


async def until_all(client: httpx.AsyncClient, path: str, is_enough: Callable[[int], bool]) -> None:
    """Until the list at `path` is long enough."""

    async def total() -> int:
        answer = await client.get(path, params={"limit": 1, "total": True})
        return int(answer.raise_for_status().json()["total"])

    await until_async(total, is_enough, PATIENCE_S)


async def all_alarms(client: httpx.AsyncClient) -> list[tuple[str, int]]:
    """(device, SN) of every stored alarm, as often as it is stored."""
    found: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        params = {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/alarms", params=params)).raise_for_status().json()
        found += [(alarm["device_id"], alarm["sn"]) for alarm in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
