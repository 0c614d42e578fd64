"""A server with two media processes before simulated cameras: what lives where, and what dies."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support.served import Served, served
from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, settings_for
from tests.support.waiting import until, until_async
from vms.serving import running
from vms.sessions.machine import State

FLV_HEADER = b"FLV\x01"


async def live_url(it: Served, form: str) -> str:
    """Of the first camera, once its picture is there."""
    answer = await it.api.post(
        f"/devices/{FIRST_DEVICE}/channels/{FIRST_CHANNEL}/live", params={"wait_s": "15"}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["urls"][form])


@asynccontextmanager
async def viewer(url: str) -> AsyncGenerator[asyncio.StreamReader]:
    """Somebody who watches by HTTP."""
    parts = urlsplit(url)
    assert parts.port is not None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        yield reader
    finally:
        writer.close()


async def watch(url: str) -> None:
    """Until pictures flow."""
    async with viewer(url) as reader, asyncio.timeout(10):
        head = await reader.readuntil(FLV_HEADER)
        assert head.startswith(b"HTTP/1.1 200 "), head
        await reader.readexactly(10_000)


async def metrics(it: Served) -> dict[str, float]:
    text = (await it.api.get(f"{it.url}/metrics")).text
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("vms_media")]
    return {name: float(value) for name, _, value in lines}


async def test_pictures_live_in_a_worker_and_come_back_when_it_is_killed(tmp_path: Path) -> None:
    async with (
        served(tmp_path, media__workers="2", media__idle_s="60") as it,
        it.cameras("--devices", "1"),
    ):
        await it.until_online(FIRST_DEVICE)
        async with viewer(await live_url(it, "flv")) as first:
            async with asyncio.timeout(10):
                await first.readuntil(FLV_HEADER)
            seen = await until_async(
                lambda: metrics(it), lambda found: 'vms_media_resident_bytes{worker="1"}' in found
            )
            assert seen["vms_media_workers_up"] == 2
            assert seen['vms_media_streams{worker="0"}'] == 1
            assert seen['vms_media_viewers{worker="0"}'] == 1
            assert seen['vms_media_viewers{worker="1"}'] == 0
            ready = (await it.api.get(f"{it.url}/readyz")).json()
            assert (ready["status"], ready["checks"]["media"]) == ("ready", "ok")

            workers = it.server.media.workers
            pid = workers()[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(10):
                await first.read()

        (session,) = it.server.broker.sessions()
        await until(lambda: [each.streams for each in workers()] == [0, 1])
        await until(lambda: session.state is State.STREAMING)
        await watch(await live_url(it, "flv"))
        assert it.server.broker.sessions() == [session]


async def test_media_urls_are_served_with_the_certificate_of_the_page(tmp_path: Path) -> None:
    tls = {"http__tls": "self-signed", "rtsp__tls": "true"}
    settings = settings_for(tmp_path, media__workers="1", **tls)
    async with running(settings, tmp_path) as up:
        ports = up.server.relay.ports(0)
        trusted = ssl.create_default_context(cafile=str(tmp_path / "tls" / "authority.pem"))

        async with httpx.AsyncClient(verify=trusted) as client:
            answer = await client.get(f"https://127.0.0.1:{ports.http}/live/x/y.flv?token=wrong")
        reader, writer = await asyncio.open_connection("127.0.0.1", ports.rtsp, ssl=trusted)
        writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        by_rtsps = await reader.readline()
        writer.close()

    assert by_rtsps == b"RTSP/1.0 200 OK\r\n"
    assert ports.is_tls
    assert ports.is_rtsp_tls
    assert answer.status_code == 403
