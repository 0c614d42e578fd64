"""The API of a real server, and a device of a few lines before it, on real sockets."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
from fastapi import FastAPI

from api.app import create_app
from tests.api.house import PASSWORD, client_of
from tests.support.sip_peer import Message, SipPeer
from tests.support.town import ADMIN_PASSWORD
from tests.vms.signalling.stage import CHANNEL, DEVICE, PATIENT, registered, stage
from vms.accounts.model import Actor, Role
from vms.gb28181.manscdp.messages import CatalogItem
from vms.server import Server

CAMERA = f"/api/v1/devices/{DEVICE}/channels/{CHANNEL}"
WHOLE = f"/api/v1/devices/{DEVICE}"


@dataclass(frozen=True, slots=True)
class OnAir:
    """A device with one channel, and the administrator's client."""

    server: Server
    app: FastAPI
    camera: SipPeer
    admin: httpx.AsyncClient

    @asynccontextmanager
    async def another(
        self, role: Role = Role.OPERATOR, name: str = "li"
    ) -> AsyncGenerator[httpx.AsyncClient]:
        """Somebody else who is signed in."""
        if name not in {user.username for user in await self.server.accounts.users()}:
            await self.server.accounts.add_user(name, PASSWORD, role, Actor("test"))
        token = (await self.server.accounts.login(name, PASSWORD, "127.0.0.1")).access_token
        async with client_of(self.app, token) as client:
            yield client

    async def answer(self, cmd_type: str, content: str = "<Result>OK</Result>") -> Message:
        """Take the next order of this kind and answer it; the order."""
        order = await self.camera.asked("MESSAGE", cmd_type)
        await self.camera.tell(
            f"<Response><CmdType>{cmd_type}</CmdType><SN>{order.element('SN')}</SN>"
            f"<DeviceID>{order.element('DeviceID')}</DeviceID>{content}</Response>"
        )
        return order

    async def audit(self) -> list[tuple[str, str]]:
        """Action and subject of each row, the latest first."""
        rows: list[dict[str, Any]] = (await self.admin.get("/api/v1/audit")).json()["items"]
        return [(row["action"], row["subject"]) for row in rows]


@asynccontextmanager
async def on_air(
    folder: Path,
    version: str = "3.0",
    transport: Literal["UDP", "TCP"] = "UDP",
    **overrides: str,
) -> AsyncGenerator[OnAir]:
    """`version` is the device's X-GB-Ver; `overrides` are settings with `__` for the dot."""
    async with (
        stage(folder, None, PATIENT, **overrides) as server,
        registered(server, version=version, transport=transport) as camera,
    ):
        await server.inventory.replace_channels(DEVICE, [CatalogItem(CHANNEL)], complete=True)
        server.commands.snapshots.serve_at("http", "127.0.0.1", 8080)
        app = create_app(server)
        signed_in = await server.accounts.login("admin", ADMIN_PASSWORD, "127.0.0.1")
        async with client_of(app, signed_in.access_token) as admin:
            yield OnAir(server, app, camera, admin)
