"""What a server process writes while devices register: no password, no digest, no nonce."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.sip_peer import SipPeer, challenge_of
from tests.support.tools import ROOT
from tests.support.waiting import LIMIT_S
from tests.vms.signalling.stage import DEVICE, OTHER_DEVICE, keepalive

SHARED_CANARY = "canary-shared-7f3a91"
WRONG_CANARY = "canary-wrong-52be08"
ADMIN_CANARY = "canary admin 18d4c6"


@asynccontextmanager
async def serving(folder: Path) -> AsyncGenerator[tuple[int, Path]]:
    """`vms serve` as a process: its SIP port, and what it writes."""
    settings = {
        "http.host": "127.0.0.1",
        "http.port": "0",
        "sip.host": "127.0.0.1",
        "sip.port": "0",
        "sip.shared_password": SHARED_CANARY,
        "sip.admission": "open",
        "webrtc.port": "0",
        "media.workers": "1",
        "media.http_port": "0",
        "rtsp.port": "0",
        "database.url": f"sqlite+aiosqlite:///{folder / 'vms.db'}",
        "storage.root": str(folder / "media"),
        "admin.password": ADMIN_CANARY,
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    log = folder / "log"
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vms", "serve", *words),
            cwd=ROOT,
            stdout=written,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        async with asyncio.timeout(3 * LIMIT_S):
            while (port := port_in(log.read_text())) is None:
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.02)
        yield port, log
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def port_in(written: str) -> int | None:
    """The SIP port, once it is told."""
    for line in written.splitlines():
        if '"server is up"' in line:
            told: dict[str, str] = json.loads(line)
            return int(told["sip"].rpartition(":")[2])
    return None


async def test_no_secret_reaches_the_log(tmp_path: Path) -> None:
    secrets = [SHARED_CANARY, WRONG_CANARY, ADMIN_CANARY]

    async def register(port: int, device_id: str, password: str, algorithm: str) -> int:
        server = ("127.0.0.1", port)
        async with SipPeer.open(device_id, server, password) as camera:
            challenged = await camera.challenge()
            authorization = camera.authorization(challenged, algorithm=algorithm)
            digest = re.search(r'response="(\w+)"', authorization)
            assert digest is not None
            secrets.extend([digest.group(1), challenge_of(challenged)["nonce"]])
            answer = await camera.ask(camera.register_request(authorization))
            await camera.ask(camera.register_request(authorization))
            await camera.tell(keepalive(device_id))
            return answer.status

    async with serving(tmp_path) as (port, log):
        assert await register(port, DEVICE, SHARED_CANARY, "MD5") == 200
        assert await register(port, OTHER_DEVICE, SHARED_CANARY, "SHA-256") == 200
        assert await register(port, OTHER_DEVICE, WRONG_CANARY, "MD5") == 403

    written = log.read_text()
    assert "registration refused" in written
    assert [secret for secret in secrets if secret in written] == []
