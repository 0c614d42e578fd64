"""What a simulated device says to the server: REGISTER with digest, and MESSAGE."""

import asyncio
import secrets
from collections.abc import Callable

from sip.digest import authorization, choose_challenge
from sip.errors import TransactionTimeoutError, TransportError
from sip.message import Flow, Request, Response
from sip.net.endpoint import Endpoint
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp import codec
from vms.gb28181.manscdp.messages import Message
from vms.gb28181.version import HEADER, version_of
from vms.simulator.plan import SimulatorOptions
from vms.simulator.summary import Summary


class ServerLink:
    """One device's road to the server; over TCP a connection of its own."""

    def __init__(
        self,
        device_id: DeviceId,
        password: str,
        options: SimulatorOptions,
        endpoint: Endpoint,
        summary: Summary,
    ) -> None:
        self._device_id = device_id
        self._password = password
        self._options = options
        self._endpoint = endpoint
        self._summary = summary
        platform = options.platform
        self._flow = endpoint.flow("UDP", platform.host, platform.port)
        self._is_connected = options.transport == "UDP"
        self._connecting = asyncio.Lock()
        self._own_uri = f"sip:{device_id}@{platform.domain}"
        # One Call-ID over all registrations, with a rising CSeq (RFC 3261, 10.2.4).
        self._register_call_id = secrets.token_hex(8)
        self._register_cseq = 0
        self._message_cseq = 0

    @property
    def connection(self) -> int:
        """The number of the TCP connection; 0 over UDP and while there is none."""
        return self._flow.connection

    def contact(self, user: str) -> str:
        """A Contact of the device or one of its channels."""
        return f"<sip:{user}@{self._endpoint.local_address(self._options.platform.host)}>"

    def connection_lost(self) -> None:
        """The TCP connection is gone; the next request opens another."""
        self._is_connected = False

    async def register(self, expires_s: int) -> int | None:
        """Register for `expires_s` (0 unregisters); the seconds granted, or None.

        The first REGISTER carries no credentials, as the standard asks.
        """
        response = await self._ask(lambda: self._register_request(expires_s))
        if response is not None and response.status == 401:
            challenge = choose_challenge(response.headers.get_all("WWW-Authenticate"))
            if challenge is None:
                self._summary.note_error(f"{self._device_id}: a challenge nobody can answer")
                return None
            value = authorization(
                challenge,
                "REGISTER",
                self._options.platform.uri,
                self._device_id,
                self._password,
                secrets.token_hex(4),
            )
            response = await self._ask(lambda: self._register_request(expires_s, value))
        if response is None:
            return None
        if not response.is_success:
            self._summary.refused += 1
            self._summary.note_error(f"{self._device_id}: REGISTER answered {response.status}")
            return None
        granted = response.expires
        return expires_s if granted is None else granted

    async def send(self, message: Message, *, limit_s: float | None = None) -> int | None:
        """Send a MANSCDP message; the status it was answered with, None where it was not."""
        return await self.send_body(codec.encode(message, self._options.edition), limit_s=limit_s)

    async def send_body(self, body: bytes, *, limit_s: float | None = None) -> int | None:
        """Send these bytes as a MANSCDP message; the status they were answered with."""
        response = await self._ask(lambda: self._message_request(body), limit_s=limit_s)
        return None if response is None else response.status

    async def _ask(
        self, build: Callable[[], Request], *, limit_s: float | None = None
    ) -> Response | None:
        try:
            flow = await self._ready()
            return await self._endpoint.request(build(), flow, limit_s=limit_s)
        except (TransactionTimeoutError, TransportError) as error:
            self._summary.unanswered += 1
            self._summary.note_error(f"{self._device_id}: {error}")
            return None

    async def _ready(self) -> Flow:
        async with self._connecting:
            if not self._is_connected:
                platform = self._options.platform
                self._flow = await self._endpoint.connect(platform.host, platform.port)
                self._is_connected = True
        return self._flow

    def _register_request(self, expires_s: int, credentials: str | None = None) -> Request:
        self._register_cseq += 1
        headers = [("Expires", str(expires_s))]
        version = version_of(self._options.edition)
        if version is not None:
            headers.append((HEADER, version))
        if credentials is not None:
            headers.append(("Authorization", credentials))
        return self._endpoint.new_request(
            "REGISTER",
            self._options.platform.uri,
            from_=f"<{self._own_uri}>",
            to=f"<{self._own_uri}>",
            call_id=self._register_call_id,
            cseq=self._register_cseq,
            headers=headers,
            contact=self.contact(self._device_id),
        )

    def _message_request(self, body: bytes) -> Request:
        self._message_cseq += 1
        return self._endpoint.new_request(
            "MESSAGE",
            self._options.platform.uri,
            from_=f"<{self._own_uri}>",
            to=f"<{self._options.platform.uri}>",
            cseq=self._message_cseq,
            body=body,
            content_type=codec.CONTENT_TYPE,
        )
