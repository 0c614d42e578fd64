"""A platform of a hundred lines: registers devices, asks them, invites them, takes their packets.

For specifying what stands on the other side (the simulator) without the server it was made for.
"""

import asyncio
import secrets
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from media.rtp.framing import Deframer
from media.rtp.packet import RtpPacket, parse
from sip.digest import challenge_header, parse_credentials, verify
from sip.message import Address, Flow, Request, response_to
from sip.net.endpoint import CallLeg, Endpoint, IncomingRequest, PendingInvite
from vms.gb28181 import sdp
from vms.gb28181.manscdp import codec
from vms.gb28181.manscdp.messages import Message
from vms.gb28181.ssrc import Ssrc
from vms.gb28181.version import Edition

SERVER_ID = "34020000002000000001"
DOMAIN = "3402000000"
HOST = "127.0.0.1"
PASSWORD = "right"  # noqa: S105  (of this test's platform)


@dataclass
class Seen:
    """What came in."""

    registers: list[Request] = field(default_factory=list[Request])
    flows: dict[str, Flow] = field(default_factory=dict[str, Flow])
    messages: list[codec.Decoded] = field(default_factory=list[codec.Decoded])
    bodies: list[bytes] = field(default_factory=list[bytes])
    sources: list[Address] = field(default_factory=list[Address])
    """Where the bodies came from."""


class LittlePlatform:
    """Answers 200 to whoever knows the password; `refuses_messages` makes it forget them."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.refuses_messages = False
        self.expires_granted: int | None = None
        self._endpoint: Endpoint | None = None

    @property
    def endpoint(self) -> Endpoint:
        assert self._endpoint is not None
        return self._endpoint

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncGenerator["LittlePlatform"]:
        platform = cls()
        platform._endpoint = await Endpoint.open(
            HOST,
            0,
            on_request=platform._received,
            is_trusted=lambda _: True,
            now=asyncio.get_running_loop().time,
            token=lambda: secrets.token_hex(8),
            user_agent="little platform",
            receive_buffer_bytes=2**20,
        )
        try:
            yield platform
        finally:
            await platform._endpoint.close()

    async def tell(self, target_id: str, message: Message, device_id: str) -> int:
        """Send a MANSCDP message to a registered device; the status of the answer."""
        flow = self.seen.flows[device_id]
        request = self.endpoint.new_request(
            "MESSAGE",
            f"sip:{target_id}@{flow.remote}",
            from_=f"<sip:{SERVER_ID}@{DOMAIN}>",
            to=f"<sip:{target_id}@{DOMAIN}>",
            body=codec.encode(message, Edition.E2016),
            content_type=codec.CONTENT_TYPE,
        )
        return (await self.endpoint.request(request, flow)).status

    def call(self, channel_id: str, device_id: str, offer: bytes) -> PendingInvite:
        """Invite a channel."""
        flow = self.seen.flows[device_id]
        request = self.endpoint.new_request(
            "INVITE",
            f"sip:{channel_id}@{flow.remote}",
            from_=f"<sip:{SERVER_ID}@{DOMAIN}>",
            to=f"<sip:{channel_id}@{DOMAIN}>",
            body=offer,
            content_type=sdp.CONTENT_TYPE,
            contact=f"<sip:{SERVER_ID}@{self.endpoint.address}>",
        )
        return self.endpoint.invite(request, flow)

    async def invite(self, channel_id: str, device_id: str, offer: bytes) -> CallLeg:
        """Invite a channel and acknowledge; raises what `PendingInvite.final` raises."""
        return await self.call(channel_id, device_id, offer).final()

    def _received(self, incoming: IncomingRequest) -> None:
        if incoming.request.method == "REGISTER":
            self._register(incoming)
            return
        self.seen.bodies.append(incoming.request.body)
        self.seen.sources.append(incoming.flow.remote)
        self.seen.messages.append(codec.decode(incoming.request.body))
        status = 403 if self.refuses_messages else 200
        incoming.respond(response_to(incoming.request, status))

    def _register(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        self.seen.registers.append(request)
        header = request.headers.get("Authorization")
        if header is None:
            challenge = challenge_header(DOMAIN, secrets.token_hex(16), qop="auth")
            headers = [("WWW-Authenticate", challenge)]
            incoming.respond(response_to(request, 401, headers=headers))
        elif not verify(
            parse_credentials(header), "REGISTER", PASSWORD, request_uri=request.uri
        ).is_right:
            incoming.respond(response_to(request, 403))
        else:
            device_id = request.from_.uri.user or ""
            self.seen.flows[device_id] = incoming.flow
            granted = self.expires_granted or request.expires or 0
            headers = [("Expires", str(granted))]
            incoming.respond(response_to(request, 200, headers=headers))


class RtpCatcher:
    """One port that collects RTP packets, over UDP or from one TCP connection."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.port = 0
        self.connections = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, transport: Literal["UDP", "TCP"]) -> AsyncGenerator["RtpCatcher"]:
        catcher = cls()
        loop = asyncio.get_running_loop()
        if transport == "UDP":
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((HOST, 0))
            catcher.port = sock.getsockname()[1]
            datagrams, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(catcher), sock=sock
            )
            try:
                yield catcher
            finally:
                datagrams.close()
            return
        server = await loop.create_server(lambda: _Stream(catcher), HOST, 0)
        catcher.port = server.sockets[0].getsockname()[1]
        async with server:
            yield catcher

    def offer(self, ssrc: int, setup: sdp.Setup | None = None) -> bytes:
        """An SDP that asks for RTP here."""
        return sdp.live_offer(
            platform_id=SERVER_ID, host=HOST, port=self.port, ssrc=Ssrc(ssrc), setup=setup
        )


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, catcher: RtpCatcher) -> None:
        self._catcher = catcher

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        self._catcher.packets.append(parse(data, 0))


class _Stream(asyncio.Protocol):
    def __init__(self, catcher: RtpCatcher) -> None:
        self._catcher = catcher
        self._deframer = Deframer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._catcher.connections += 1

    def data_received(self, data: bytes) -> None:
        for packet in self._deframer.feed(data):
            self._catcher.packets.append(parse(packet, 0))

    def connection_lost(self, exc: Exception | None) -> None:
        self._catcher.connections -= 1
        self._transport.close()
