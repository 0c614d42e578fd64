"""The server as people meet it: HTTP and page on loopback, cameras in processes of their own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.tools import ROOT
from tests.support.town import ADMIN_PASSWORD, PASSWORD, settings_for
from tests.support.waiting import until_async
from vms.errors import NotFoundError
from vms.server import Server
from vms.serving import running

END_LIMIT_S = 20.0
ONLINE_LIMIT_S = 30.0
PICTURE_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers at `url`, and an API client that is signed in."""

    server: Server
    url: str
    api: httpx.AsyncClient

    async def until_online(self, device_id: str) -> None:
        """Until the device has registered and told its channels."""

        async def channels() -> int:
            answer = await self.api.get(f"/devices/{device_id}")
            return answer.json()["channel_count"] if answer.status_code == 200 else 0

        await until_async(channels, lambda count: count > 0, ONLINE_LIMIT_S)

    async def whep_url(self, device_id: str, channel_id: str, transport: str | None = None) -> str:
        """Starts or joins the live session, waits for its picture; the URL carries its token."""
        params = {"wait_s": str(PICTURE_LIMIT_S)} | ({"transport": transport} if transport else {})
        response = await self.api.post(
            f"/devices/{device_id}/channels/{channel_id}/live", params=params
        )
        assert response.status_code == 201, response.text
        body = response.json()
        assert body["state"] == "streaming", body
        return str(body["urls"]["whep"])

    async def end_sessions(self) -> None:
        """While the devices are still there to take the BYE: else it is repeated for seconds."""
        for session in await self.server.viewing.sessions():
            with suppress(NotFoundError):
                await self.server.viewing.end(session.session_id)

    @asynccontextmanager
    async def cameras(self, *options: str) -> AsyncGenerator[dict[str, Any]]:
        """`vms simulate` with these options; its summary is there once the block has ended."""
        sip, address = self.server.settings.sip, self.server.endpoint.address
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vms.simulator"),
            *("--server", f"{address.host}:{address.port}"),
            *("--server-id", sip.server_id, "--domain", sip.domain, *options),
            cwd=ROOT,
            env=os.environ | {"GB28181_PASSWORD": PASSWORD},
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        summary: dict[str, Any] = {}
        output = b""
        try:
            yield summary
        finally:
            await self.end_sessions()
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(END_LIMIT_S):
                    output, _ = await process.communicate()
            except TimeoutError:
                process.kill()
                await process.communicate()
                raise
            summary |= json.loads(output)


@asynccontextmanager
async def served(folder: Path, **overrides: str) -> AsyncGenerator[Served]:
    """On free ports; `overrides` are settings with `__` for the dot."""
    async with (
        running(settings_for(folder, **overrides), folder) as up,
        httpx.AsyncClient(base_url=f"{up.url}/api/v1", timeout=60) as api,
    ):
        login = {"username": "admin", "password": ADMIN_PASSWORD}
        answer = await api.post("/auth/login", json=login)
        assert answer.status_code == 200, answer.text
        api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        api.cookies.clear()
        yield Served(up.server, up.url, api)
