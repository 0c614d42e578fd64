"""`vms simulate` as a process, before a platform of literal bytes."""

import asyncio
import json
import os
import signal
import sys

from tests.support.sip_peer import Message
from tests.support.waiting import until
from tests.vms.simulator.peer_platform import DEVICE, DOMAIN, SERVER_ID, WirePlatform


def command(platform: WirePlatform, *more: str) -> tuple[str, ...]:
    peer = platform.peer
    return (
        *(sys.executable, "-m", "vms.simulator"),
        *("--server", f"{peer.host}:{peer.port}", "--server-id", SERVER_ID, "--domain", DOMAIN),
        *more,
    )


async def test_it_ends_at_a_signal_with_goodbyes_and_a_summary() -> None:
    async with WirePlatform.open() as platform:
        process = await asyncio.create_subprocess_exec(
            *command(platform, "--edition", "2022", "--brand", "dahua", "--devices", "3"),
            *("--devices-per-socket", "3", "--items-per-message", "2", "--channels", "3"),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"GB28181_PASSWORD": "right"},
        )
        catalogue = await first_answer(platform)
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()

    facts = json.loads(out)
    assert process.returncode == 0
    assert catalogue.body.count(b"<Item>") == 2
    assert catalogue["User-Agent"] == "Dahua SIP UAS V1.0"
    assert (facts["registered"], facts["unregistered"], facts["errors"]) == (3, 3, [])
    assert facts["commands_answered"] == {"Catalog": 1}
    assert facts["register_latency"]["count"] == 6


async def first_answer(platform: WirePlatform) -> Message:
    await until(lambda: len(platform.registers) >= 3)
    return await platform.query("Catalog", target=DEVICE)


async def test_options_that_make_no_sense_end_it_with_a_sentence() -> None:
    async with WirePlatform.open() as platform:
        process = await asyncio.create_subprocess_exec(
            *command(platform, "--brand", "acme"), stderr=asyncio.subprocess.PIPE
        )
        _, err = await process.communicate()
    assert process.returncode == 1
    assert err.startswith(b"no brand 'acme'; there are generic, hikvision, ")
