"""The server with its HTTP side, from start to signal."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn

from api.app import create_app
from config.settings import Settings, Tls
from vms.certificates import self_signed
from vms.server import Server
from vms.site import ANYWHERE, LOOPBACK, addresses_of

log = structlog.get_logger(__name__)

GRACE_S = 3
"""Open HTTP requests get this long at the end: event streams never end by themselves."""

STARTING_PERIOD_S = 0.02


class _Http(uvicorn.Server):
    """uvicorn without its signal handlers, which end the process before all is given back, and
    without its look ten times a second whether it is to end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._end = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # which sets the Date of answers, each second
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._end.wait()

    def end(self) -> None:
        """No further connections; those that are open get `GRACE_S`."""
        self.should_exit = True
        self._end.set()


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers HTTP at `url`."""

    server: Server
    url: str


@asynccontextmanager
async def running(settings: Settings, folder: Path) -> AsyncGenerator[Running]:
    """Everything up, HTTP included. `folder` keeps what TLS needs.

    Raises `VmsError` or `OSError` as `Server.open` does.
    """
    http = settings.http
    listening = _listen(http.host, http.port)
    port = int(listening.getsockname()[1])
    files = _tls_files(settings, folder)
    async with Server.open(settings, tls=files) as server:
        config = uvicorn.Config(
            create_app(server),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(http.trusted_proxies),
            forwarded_allow_ips=list(http.trusted_proxies),
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=GRACE_S,
            ssl_certfile=files[0] if files else None,
            ssl_keyfile=files[1] if files else None,
        )
        web = _Http(config)
        serving = asyncio.get_running_loop().create_task(web.serve(sockets=[listening]))
        try:
            while not web.started and not serving.done():  # noqa: ASYNC110  uvicorn has no event
                await asyncio.sleep(STARTING_PERIOD_S)
            scheme = "https" if files else "http"
            server.commands.snapshots.serve_at(scheme, http.host, port)
            host = LOOPBACK if http.host in ANYWHERE else http.host
            yield Running(server, f"{scheme}://{host}:{port}")
        finally:
            web.end()
            await serving


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if port:
            # A port that was chosen freely could be shared until somebody listens.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def _tls_files(settings: Settings, folder: Path) -> tuple[Path, Path] | None:
    match settings.http.effective_tls:
        case Tls.OFF:
            return None
        case Tls.FILES:
            certificate, key = settings.http.certificate, settings.http.key
            return (certificate, key) if certificate and key else None
        case Tls.SELF_SIGNED:
            hosts = addresses_of(settings.http.host, settings.sip.advertised_addresses.values())
            return self_signed(folder / "tls", hosts)
