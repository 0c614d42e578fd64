"""What a simulated device says to the server: REGISTER with digest, MESSAGE, stray NOTIFYs."""

import asyncio
import ipaddress
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from sip.digest import authorization, choose_challenge
from sip.errors import ProtocolError as SipError
from sip.errors import TransactionTimeoutError, TransportError
from sip.message import Flow, Request, Response
from sip.net.endpoint import Endpoint
from vms.clock import Clock
from vms.gb28181.manscdp import codec
from vms.gb28181.manscdp.fields import read_time
from vms.gb28181.manscdp.messages import Message
from vms.gb28181.version import HEADER, Edition, version_of
from vms.simulator.faults import FaultKind
from vms.simulator.handwriting import written
from vms.simulator.plan import DevicePlan, SimulatorOptions
from vms.simulator.summary import Latencies, Summary

MAX_REDIRECTS = 3

_MISTAKEN_DOMAIN = "3409999999"
_FOREIGN_USERNAME = "admin"


class ServerLink:
    """One device's road to the server; over TCP a connection of its own."""

    __slots__ = (
        "_clock",
        "_clock_ahead",
        "_connecting",
        "_endpoint",
        "_flow",
        "_is_connected",
        "_message_cseq",
        "_options",
        "_plan",
        "_register_call_id",
        "_register_cseq",
        "_server",
        "_summary",
    )

    def __init__(
        self,
        plan: DevicePlan,
        options: SimulatorOptions,
        endpoint: Endpoint,
        summary: Summary,
        clock: Clock,
    ) -> None:
        self._plan = plan
        self._options = options
        self._endpoint = endpoint
        self._summary = summary
        self._clock = clock
        self._clock_ahead = timedelta(seconds=plan.faults.value(FaultKind.CLOCK_SKEW) or 0)
        self._server = (options.platform.host, options.platform.port)
        self._flow = endpoint.flow("UDP", *self._server)
        self._is_connected = options.transport == "UDP"
        self._connecting: asyncio.Lock | None = None
        # One Call-ID over all registrations, with a rising CSeq (RFC 3261, 10.2.4).
        self._register_call_id = secrets.token_hex(8)
        self._register_cseq = 0
        self._message_cseq = 0

    @property
    def connection(self) -> int:
        """The number of the TCP connection; 0 over UDP and while there is none."""
        return self._flow.connection

    @property
    def endpoint(self) -> Endpoint:
        """The socket it shares or owns."""
        return self._endpoint

    @property
    def local_host(self) -> str:
        """The device's own address, for its SDP."""
        return self._endpoint.local_address(self._options.platform.host).host

    def contact(self, user: str) -> str:
        """A Contact of the device or one of its channels."""
        return f"<sip:{user}@{self._endpoint.local_address(self._options.platform.host)}>"

    def wall(self) -> datetime:
        """What the device's clock shows; the server's Date sets it (9.10), unless it is skewed."""
        return self._clock.wall() + self._clock_ahead

    def connection_lost(self) -> None:
        """The TCP connection is gone; the next request opens another."""
        self._is_connected = False

    def move_to(self, endpoint: Endpoint) -> None:
        """Send from another port from now on, over UDP."""
        self._endpoint = endpoint
        self._flow = endpoint.flow("UDP", *self._server)

    async def register(self, expires_s: int) -> int | None:
        """Register for `expires_s` (0 unregisters); the seconds granted, or None.

        The first REGISTER carries no credentials, as the standard asks. A 302 is followed to
        where it says (2022, 9.1.2.3), and only there until that server refuses.
        """
        response = await self._register_by_digest(expires_s)
        for _ in range(MAX_REDIRECTS):
            if response is None or response.status != 302:
                break
            self._summary.redirected += 1
            if not self._follow(response):
                break
            response = await self._register_by_digest(expires_s)
        if response is None or not response.is_success:
            self._refused(response)
            return None
        self._set_clock(response)
        granted = response.expires
        return expires_s if granted is None else granted

    async def send(self, message: Message, *, limit_s: float | None = None) -> int | None:
        """Send a MANSCDP message; the status it was answered with, None where it was not."""
        response = await self._ask(lambda: self._message_request(message), limit_s=limit_s)
        return None if response is None else response.status

    async def keep_alive(self, message: Message, *, limit_s: float | None) -> int | None:
        """Send a keepalive; like `send`, and timed."""
        latency = self._summary.keepalive_latency
        response = await self._ask(
            lambda: self._message_request(message), limit_s=limit_s, latency=latency
        )
        return None if response is None else response.status

    async def notify_outside(self, message: Message, event: str) -> int | None:
        """Send a NOTIFY that belongs to no dialog, as some devices do after a restart."""
        response = await self._ask(lambda: self._stray_notify(message, event))
        return None if response is None else response.status

    def body_of(self, message: Message) -> bytes:
        """The message as this device writes it."""
        return written(codec.encode(message, self._options.edition), self._plan.faults)

    # Registration

    async def _register_by_digest(self, expires_s: int) -> Response | None:
        latency = self._summary.register_latency
        response = await self._ask(lambda: self._register_request(expires_s), latency=latency)
        if response is None or response.status != 401:
            return response
        challenge = choose_challenge(response.headers.get_all("WWW-Authenticate"))
        if challenge is None:
            self._summary.note_error(f"{self._plan.device_id}: a challenge nobody can answer")
            return response
        value = authorization(
            challenge,
            "REGISTER",
            self._server_uri,
            self._username,
            self._password,
            secrets.token_hex(4),
        )
        return await self._ask(lambda: self._register_request(expires_s, value), latency=latency)

    def _refused(self, response: Response | None) -> None:
        self._server = (self._options.platform.host, self._options.platform.port)
        if self._options.transport == "UDP":
            self._flow = self._endpoint.flow("UDP", *self._server)
        if response is not None:
            self._summary.refused += 1
            self._summary.note_error(f"{self._plan.device_id}: REGISTER answered {response.status}")

    def _follow(self, response: Response) -> bool:
        """Turn to the server a 302 names; only one at the same address, or on this machine."""
        try:
            contact = response.contact
            uri = contact.uri if contact else None
        except SipError:
            uri = None
        if uri is None or not _is_near(uri.host, self._options.platform.host):
            self._summary.note_error(f"{self._plan.device_id}: a redirection that leads nowhere")
            return False
        self._server = (uri.host, uri.port or 5060)
        self._flow = self._endpoint.flow("UDP", *self._server)
        self._is_connected = self._options.transport == "UDP"
        return True

    def _set_clock(self, response: Response) -> None:
        told = read_time(response.headers.get("Date") or "")
        if told is not None and FaultKind.CLOCK_SKEW not in self._plan.faults:
            self._clock_ahead = told - self._clock.wall()

    @property
    def _domain(self) -> str:
        if FaultKind.WRONG_DOMAIN in self._plan.faults:
            return _MISTAKEN_DOMAIN
        return self._options.platform.domain

    @property
    def _own_uri(self) -> str:
        return f"sip:{self._plan.device_id}@{self._domain}"

    @property
    def _server_uri(self) -> str:
        return f"sip:{self._options.platform.server_id}@{self._domain}"

    @property
    def _username(self) -> str:
        is_foreign = FaultKind.MISMATCHED_USERNAME in self._plan.faults
        return _FOREIGN_USERNAME if is_foreign else self._plan.device_id

    @property
    def _password(self) -> str:
        is_mistaken = FaultKind.WRONG_PASSWORD in self._plan.faults
        return f"{self._options.password}-wrong" if is_mistaken else self._options.password

    # Requests

    async def _ask(
        self,
        build: Callable[[], Request],
        *,
        limit_s: float | None = None,
        latency: Latencies | None = None,
    ) -> Response | None:
        loop = asyncio.get_running_loop()
        try:
            flow = self._flow if self._is_connected else await self._connect()
            began = loop.time()
            response = await self._endpoint.request(build(), flow, limit_s=limit_s)
        except (TransactionTimeoutError, TransportError) as error:
            self._summary.unanswered += 1
            self._summary.note_error(f"{self._plan.device_id}: {error}")
            return None
        if latency is not None:
            latency.note(loop.time() - began)
        return response

    async def _connect(self) -> Flow:
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if not self._is_connected:
                self._flow = await self._endpoint.connect(*self._server)
                self._is_connected = True
        return self._flow

    def _register_request(self, expires_s: int, credentials: str | None = None) -> Request:
        self._register_cseq += 1
        headers = [("Expires", str(expires_s))]
        version = version_of(self._options.edition)
        if version is not None and self._options.edition is Edition.E2022:
            headers.append((HEADER, version))
        if credentials is not None:
            headers.append(("Authorization", credentials))
        own = f"<{self._own_uri}>"
        return self._endpoint.new_request(
            "REGISTER",
            self._server_uri,
            from_=own,
            to=own,
            call_id=self._register_call_id,
            cseq=self._register_cseq,
            headers=headers,
            contact=self.contact(self._plan.device_id),
        )

    def _message_request(self, message: Message) -> Request:
        self._message_cseq += 1
        return self._endpoint.new_request(
            "MESSAGE",
            self._server_uri,
            from_=f"<{self._own_uri}>",
            to=f"<{self._server_uri}>",
            cseq=self._message_cseq,
            body=self.body_of(message),
            content_type=codec.CONTENT_TYPE,
        )

    def _stray_notify(self, message: Message, event: str) -> Request:
        self._message_cseq += 1
        return self._endpoint.new_request(
            "NOTIFY",
            self._server_uri,
            from_=f"<{self._own_uri}>",
            to=f"<{self._server_uri}>;tag={secrets.token_hex(4)}",
            cseq=self._message_cseq,
            headers=[("Event", event), ("Subscription-State", "active")],
            body=self.body_of(message),
            content_type=codec.CONTENT_TYPE,
            contact=self.contact(self._plan.device_id),
        )


def _is_near(host: str, server_host: str) -> bool:
    if host == server_host:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
