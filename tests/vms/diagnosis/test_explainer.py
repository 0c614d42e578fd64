"""Reading a trace holds nobody up."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from sip.message import Address, Flow
from tests.vms.signalling.stage import stage
from vms.server import Server

LONG = b"MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\n\r\n".ljust(60_000, b"<")
MESSAGES = 50


async def _captured(server: Server) -> int:
    return len(await server.explainer.capture(lambda _: True))


async def _listed(server: Server) -> int:
    return len(await server.explainer.messages(lambda _: True, limit=1_000))


@pytest.mark.parametrize("read", [_captured, _listed], ids=["capture", "list"])
async def test_others_have_their_turn_while_long_messages_are_read(
    tmp_path: Path, read: Callable[[Server], Coroutine[None, None, int]]
) -> None:
    async with stage(tmp_path) as server:
        flow = Flow("UDP", server.endpoint.address, Address("192.0.2.7", 5060))
        for _ in range(MESSAGES):
            server.wire_log.note(LONG, flow, False)
        turns = 0
        reading = asyncio.create_task(read(server))

        while not reading.done():
            turns += 1
            await asyncio.sleep(0)

        assert reading.result() >= MESSAGES
        assert turns >= MESSAGES // 2
