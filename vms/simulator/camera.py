"""A simulated device: registers, keeps alive, answers queries and calls, raises alarms.

It behaves as the standard asks, except where its faults say otherwise.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator, Sequence

from sip.message import response_to
from sip.net.endpoint import Endpoint, IncomingRequest
from sip.uri import SipUri
from vms.clock import Clock
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp import codec
from vms.gb28181.manscdp.messages import (
    AlarmNotify,
    CatalogItem,
    CatalogQuery,
    CatalogResponse,
    DeviceInfoQuery,
    DeviceInfoResponse,
    DeviceStatusQuery,
    DeviceStatusResponse,
    Keepalive,
    KeyFrameControl,
    Message,
)
from vms.simulator.calls import Calls, Spawn
from vms.simulator.faults import FaultKind, spoil
from vms.simulator.link import ServerLink
from vms.simulator.plan import DevicePlan, SimulatorOptions
from vms.simulator.studio import Studio
from vms.simulator.summary import Summary

MANUFACTURER = "Simulated"
MODEL = "Test card"
FIRMWARE = "1.0"

MAX_ITEMS_PER_PART = 4
"""A catalogue goes out in parts of 1, 2, 3, 4, 1, 2, ... items."""

MISSED_KEEPALIVES_LIMIT = 3
SHORTEST_KEEPALIVE_LIMIT_S = 4.0
REFRESH_AT = 0.8
"""The part of a registration's life after which it is refreshed."""

_ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE")


class Camera:
    """One device. `run` is its life; the rest happens when the server or a test asks."""

    def __init__(
        self,
        plan: DevicePlan,
        options: SimulatorOptions,
        endpoint: Endpoint,
        studio: Studio,
        summary: Summary,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self.plan = plan
        self.is_registered = False
        is_mistaken = FaultKind.WRONG_PASSWORD in plan.faults
        password = f"{options.password}-wrong" if is_mistaken else options.password
        self.link = ServerLink(plan.device_id, password, options, endpoint, summary)
        self.calls = Calls(
            plan.device_id,
            plan.channel_ids,
            options.edition,
            plan.faults,
            studio,
            summary,
            spawn,
        )
        self._options = options
        self._local_host = endpoint.local_address(options.platform.host).host
        self._summary = summary
        self._clock = clock
        self._spawn = spawn
        self._sns = itertools.count(1)
        self._was_registered = False
        self._is_lost = asyncio.Event()

    async def run(self, delay_s: float) -> None:
        """Register and stay registered, for ever."""
        await asyncio.sleep(delay_s)
        flaps_after_s = self.plan.faults.value(FaultKind.FLAPPING)
        while True:
            granted_s = await self._register()
            if granted_s is None:
                await asyncio.sleep(self._options.retry_s)
                continue
            if flaps_after_s is None:
                await self._stay(granted_s)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(flaps_after_s):
                    await self._stay(granted_s)
            await self.unregister()
            await asyncio.sleep(flaps_after_s)

    async def unregister(self) -> bool:
        """Leave as the standard asks; `run` does not know and comes back at its next refresh."""
        granted_s = await self.link.register(0)
        self.is_registered = False
        if granted_s is None:
            return False
        self._summary.unregistered += 1
        return True

    async def raise_alarm(
        self,
        *,
        source_id: str | None = None,
        priority: int = 4,
        method: int = 5,
        alarm_type: int | None = 2,
        description: str = "",
    ) -> bool:
        """Report an alarm, by default motion on the first channel; whether it was answered 200."""
        self._summary.alarms_sent += 1
        status = await self.link.send(
            AlarmNotify(
                sn=next(self._sns),
                device_id=DeviceId(source_id or self.plan.channel_ids[0]),
                priority=priority,
                method=method,
                occurred_at=self._clock.wall(),
                description=description,
                alarm_type=alarm_type,
            )
        )
        self._summary.alarms_answered += status == 200
        return status == 200

    def connection_lost(self) -> None:
        """The server closed the device's connection, or it broke."""
        self.link.connection_lost()
        self._is_lost.set()

    def receive(self, incoming: IncomingRequest) -> None:
        """A request of the server's, for the device or one of its channels."""
        waits_s = self.plan.faults.value(FaultKind.SLOW_ANSWER)
        if waits_s is None:
            self._handle(incoming)
            return
        if incoming.request.method == "INVITE":
            incoming.respond(response_to(incoming.request, 100))
        _ = self._spawn(self._handle_later(incoming, waits_s))

    async def _handle_later(self, incoming: IncomingRequest, waits_s: float) -> None:
        await asyncio.sleep(waits_s)
        self._handle(incoming)

    def _handle(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        match request.method:
            case "INVITE":
                user = SipUri.parse(request.uri).user
                contact = self.link.contact(user or self.plan.device_id)
                self.calls.invited(incoming, self._local_host, contact)
            case "MESSAGE":
                self._message_received(incoming)
            case "OPTIONS":
                incoming.respond(response_to(request, 200, headers=[_ALLOW]))
            case _:
                incoming.respond(response_to(request, 405, headers=[_ALLOW]))

    def _message_received(self, incoming: IncomingRequest) -> None:
        try:
            message = codec.decode(incoming.request.body).message
        except ProtocolError:
            incoming.respond(response_to(incoming.request, 400))
            return
        # The answer to a query is a MESSAGE of its own; the 200 only says "received" (9.5.3).
        incoming.respond(response_to(incoming.request, 200))
        match message:
            case CatalogQuery():
                self._summary.queries += 1
                _ = self._spawn(self._send_catalog(message))
            case DeviceInfoQuery() | DeviceStatusQuery():
                self._summary.queries += 1
                _ = self._spawn(self._send_answer(message))
            case KeyFrameControl():
                self.calls.want_key_picture(message.device_id)
            case _:
                pass

    # Registration and keepalives

    async def _register(self) -> int | None:
        self._is_lost.clear()
        granted_s = await self.link.register(self._options.expires_s)
        self.is_registered = granted_s is not None
        if granted_s is None:
            return None
        self._summary.registrations += 1
        if not self._was_registered:
            self._was_registered = True
            self._summary.registered += 1
        return granted_s

    async def _stay(self, granted_s: int) -> None:
        """Keep the registration alive until it is due for renewal, or the server knows it not."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        refresh_at = began + granted_s * REFRESH_AT
        falls_silent_s = self.plan.faults.value(FaultKind.SILENT)
        missed = 0
        for number in itertools.count(1):
            keepalive_at = began + number * self._options.keepalive_s
            if falls_silent_s is not None and keepalive_at > began + falls_silent_s:
                keepalive_at = refresh_at = float("inf")
            if await self._is_lost_before(min(keepalive_at, refresh_at)):
                return
            if loop.time() >= refresh_at:
                return
            status = await self._keep_alive()
            missed = missed + 1 if status is None else 0
            if missed == MISSED_KEEPALIVES_LIMIT or status not in (None, 200):
                self.is_registered = False
                return

    async def _is_lost_before(self, at: float) -> bool:
        """Wait until `at` (loop time); True where the connection is lost before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(None if at == float("inf") else at):
                await self._is_lost.wait()
                self.is_registered = False
                return True
        return False

    async def _keep_alive(self) -> int | None:
        self._summary.keepalives_sent += 1
        status = await self.link.send(
            Keepalive(next(self._sns), self.plan.device_id),
            limit_s=max(self._options.keepalive_s, SHORTEST_KEEPALIVE_LIMIT_S),
        )
        self._summary.keepalives_answered += status == 200
        return status

    # Answers to queries

    async def _send_answer(self, query: DeviceInfoQuery | DeviceStatusQuery) -> None:
        answer: Message
        if isinstance(query, DeviceInfoQuery):
            answer = DeviceInfoResponse(
                sn=query.sn,
                device_id=query.device_id,
                device_name=self._device_name(),
                manufacturer=MANUFACTURER,
                model=MODEL,
                firmware=FIRMWARE,
                channel_count=len(self.plan.channel_ids),
            )
        else:
            answer = DeviceStatusResponse(
                sn=query.sn,
                device_id=query.device_id,
                is_online=True,
                is_working=True,
                is_encoding=len(self.calls) > 0,
                is_recording=False,
                device_time=self._clock.wall(),
            )
        await self.link.send(answer)

    async def _send_catalog(self, query: CatalogQuery) -> None:
        """The parts one after the other, each when the last was answered (annex M)."""
        numbered = list(enumerate(self.plan.channel_ids, start=1))
        asked = [one for one in numbered if one[1] == ChannelId(query.device_id)]
        items = [self._item(number, channel_id) for number, channel_id in asked or numbered]
        for part in _parts(items):
            response = CatalogResponse(query.sn, query.device_id, len(items), part)
            body = codec.encode(response, self._options.edition)
            if FaultKind.BAD_XML in self.plan.faults:
                body = spoil(body)
            if await self.link.send_body(body) is None:
                return
            self._summary.catalog_parts += 1

    def _item(self, number: int, channel_id: ChannelId) -> CatalogItem:
        return CatalogItem(
            channel_id=channel_id,
            name=f"{self._device_name()}-{number} 测试画面",
            manufacturer=MANUFACTURER,
            model=MODEL,
            owner="Nobody",
            civil_code=channel_id[:6],
            address="Bench",
            parent_ids=(self.plan.device_id,),
            ptz_type=3,
            extra={"RegisterWay": "1"},
        )

    def _device_name(self) -> str:
        return f"Camera {self.plan.number:04d}"


def _parts(items: Sequence[CatalogItem]) -> Iterator[tuple[CatalogItem, ...]]:
    start = 0
    for size in itertools.cycle(range(1, MAX_ITEMS_PER_PART + 1)):
        if start >= len(items):
            return
        yield tuple(items[start : start + size])
        start += size
