"""Endpoints on loopback, for the tests of this folder."""

import itertools
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from sip.message import Flow, Request, response_to
from sip.net.endpoint import Endpoint, IncomingRequest, PeerPolicy

SERVER = "<sip:34020000002000000001@3402000000>"
DEVICE = "<sip:34020000001320000001@3402000000>"
Transport = Literal["UDP", "TCP"]
both_transports = pytest.mark.parametrize("transport", ["UDP", "TCP"])


def answer_ok(incoming: IncomingRequest) -> None:
    incoming.respond(response_to(incoming.request, 200))


@asynccontextmanager
async def opened(
    on_request: Callable[[IncomingRequest], None] = answer_ok,
    *,
    is_trusted: Callable[[Flow], bool] = lambda _: True,
    silence_limit_s: float = 30.0,
    registered_at: Callable[[str], int] = lambda _: 0,
    ban_after_failures: int = 60,
    host: str = "127.0.0.1",
    name: str = "a",
) -> AsyncGenerator[Endpoint]:
    counter = itertools.count(1)
    endpoint = await Endpoint.open(
        host,
        0,
        on_request=on_request,
        is_trusted=is_trusted,
        now=time.monotonic,
        token=lambda: f"{name}{next(counter):015d}",
        user_agent="test",
        receive_buffer_bytes=1 << 20,
        policy=PeerPolicy(
            registered_at=registered_at,
            ban_after_failures=ban_after_failures,
            silence_limit_s=silence_limit_s,
        ),
    )
    try:
        yield endpoint
    finally:
        await endpoint.close()


def towards(client: Endpoint, server: Endpoint, transport: Transport) -> Flow:
    return client.flow(transport, server.address.host, server.address.port)


def message(client: Endpoint, body: bytes = b"<Notify/>") -> Request:
    return client.new_request(
        "MESSAGE",
        "sip:34020000002000000001@3402000000",
        from_=DEVICE,
        to=SERVER,
        body=body,
        content_type="Application/MANSCDP+xml",
    )


def invitation(client: Endpoint) -> Request:
    return client.new_request(
        "INVITE",
        "sip:34020000001320000001@127.0.0.1",
        from_=SERVER,
        to=DEVICE,
        contact=f"<sip:34020000002000000001@{client.address}>",
        headers=[("Subject", "34020000001320000001:0200000001,34020000002000000001:1")],
        body=b"v=0\r\ny=0200000001\r\n",
        content_type="application/sdp",
    )
