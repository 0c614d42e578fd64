"""The rules for nginx in docs/operations.md, in a real nginx: one HTTPS port for all of it."""

import asyncio
import json
import re
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import httpx
import pytest
from websockets.asyncio.client import connect

from tests.support.chromium import open_page
from tests.support.console import GATE, PATIENCE_MS, Console
from tests.support.served import Served, served
from tests.support.tools import ROOT, missing_chromium
from tests.support.town import ADMIN_PASSWORD
from tests.support.waiting import until
from vms.certificates import self_signed

pytestmark = pytest.mark.skipif(missing_chromium() is not None, reason=str(missing_chromium()))

VISITOR = "127.0.0.7"
LIMIT_S = 20.0
CHANNEL = f"/devices/{GATE.device_id}/channels/{GATE.channel_id}"


def documented() -> tuple[str, str]:
    """The server's rule, and the file that it includes."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rule, included = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    return rule, included


def adapted(rule: str, changes: dict[str, str]) -> str:
    """With the addresses and files of this test; each is named once."""
    for said, meant in changes.items():
        assert rule.count(said) == 1, said
        rule = rule.replace(said, meant)
    return rule


def free_port() -> int:
    """nginx cannot tell which one it took."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@asynccontextmanager
async def nginx(folder: Path, port: int, place: Served) -> AsyncGenerator[ssl.SSLContext]:
    """It listens at `port`; the authority that its certificate is of."""
    certificate, key = self_signed(folder / "tls", ["127.0.0.1"])
    media = place.server.relay.ports(0).http
    rule, included = documented()
    rule = adapted(
        rule,
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "/etc/vms/tls/chain.pem": str(certificate),
            "/etc/vms/tls/key.pem": str(key),
            "http://127.0.0.1:8080;": f"{place.url};",
            "http://127.0.0.1:8090/;": f"http://127.0.0.1:{media}/;",
        },
    )
    own = "".join(
        f"{name}_temp_path {folder / name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"pid {folder / 'nginx.pid'};\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{own}{rule}}}\n",
        encoding="utf-8",
    )
    (folder / "vms-media.conf").write_text(included, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *("nginx", "-c", configuration, "-g", "daemon off;"), stderr=asyncio.subprocess.PIPE
    )
    try:
        await until(lambda: answers(port) or process.returncode is not None, LIMIT_S)
        assert process.returncode is None, (await process.communicate())[1].decode()
        yield ssl.create_default_context(cafile=folder / "tls" / "authority.pem")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def answers(port: int) -> bool:
    """Somebody listens."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def behind_nginx(folder: Path) -> AsyncGenerator[tuple[Served, ssl.SSLContext]]:
    """The place as visitors from `VISITOR` meet it, signed in."""
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    options = {"http__trusted_proxies": "127.0.0.1", "media__public_url": f"{url}/media"}
    async with (
        served(folder, **options) as place,
        nginx(folder, port, place) as authority,
        httpx.AsyncClient(
            base_url=f"{url}/api/v1",
            transport=httpx.AsyncHTTPTransport(verify=authority, local_address=VISITOR),
            headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"},
            timeout=60,
        ) as api,
    ):
        login = {"username": "admin", "password": ADMIN_PASSWORD}
        answer = await api.post("/auth/login", json=login)
        assert answer.status_code == 200, answer.text
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "strict-transport-security" in answer.headers
        api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        api.cookies.clear()
        yield Served(place.server, url, api), authority


def pictures_of(url: str) -> int:
    """FFmpeg has decoded so many, and then stops."""
    count = 0
    with av.open(url, timeout=LIMIT_S) as container:
        for _ in container.decode(video=0):
            count += 1
            if count == 10:
                break
    return count


async def fragments_of(url: str, authority: ssl.SSLContext, place: Served) -> list[bytes]:
    """What the messages of a WebSocket begin with, the announcement left out.

    Meanwhile the stream's list of viewers tells who it is.
    """
    async with (
        asyncio.timeout(LIMIT_S),
        connect(url, ssl=authority, max_size=None, local_addr=(VISITOR, 0)) as opened,
    ):
        assert "avc1" in json.loads(await opened.recv())["codecs"]
        [session] = await place.server.viewing.sessions()
        told = (await place.api.get(f"/sessions/{session.session_id}")).json()
        assert VISITOR in {viewer["remote_address"] for viewer in told["figures"]["viewers"]}
        return [bytes((await opened.recv(decode=False))[4:8]) for _ in range(3)]


async def test_one_port_behind_nginx_serves_the_page_and_every_form_but_webrtc_and_rtsp(
    tmp_path: Path,
) -> None:
    async with (
        behind_nginx(tmp_path) as (place, authority),
        place.cameras(*GATE.options),
        open_page(takes_any_certificate=True) as page,
    ):
        # what the audit knows of who signed in is what nginx saw, not what the visitor claimed
        audit = (await place.api.get("/audit")).json()
        assert VISITOR in {row["source"] for row in audit["items"]}
        assert "203.0.113.9" not in str(audit)

        # the page signs in with a cookie, hears of the camera and plays it, by WHEP beside nginx
        somebody = await Console.open(place, page)
        tile = await somebody.click(GATE)
        await tile.and_(page.locator("[data-state=playing]")).wait_for(timeout=PATIENCE_MS)
        assert somebody.complaints == []

        # the other forms go through nginx
        started = await place.api.post(f"{CHANNEL}/live", params={"wait_s": "15"})
        urls = started.json()["urls"]
        assert urls["whep"].startswith(f"{place.url}/api/v1{CHANNEL}")
        assert urls["fmp4"].startswith(f"wss{place.url[5:]}/media/0/live/")
        assert await asyncio.to_thread(pictures_of, urls["flv"]) == 10
        assert await asyncio.to_thread(pictures_of, urls["hls"]) == 10
        assert await fragments_of(urls["fmp4"], authority, place) == [b"ftyp", b"moof", b"moof"]
