"""A simulated device: registers, keeps alive, answers queries, obeys controls, takes calls.

It behaves as the standard and its edition ask, except where its faults say otherwise.
"""

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable

from sip.message import response_to
from sip.net.endpoint import Endpoint, IncomingRequest
from sip.uri import SipUri
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId, DeviceId
from vms.gb28181.manscdp import codec
from vms.gb28181.manscdp.messages import (
    AlarmNotify,
    AlarmResponse,
    CatalogEvent,
    CatalogResponse,
    VideoUploadNotify,
)
from vms.simulator.calls import Calls
from vms.simulator.faults import FaultKind
from vms.simulator.interior import Interior, Surroundings
from vms.simulator.life import Life
from vms.simulator.link import ServerLink
from vms.simulator.plan import DevicePlan
from vms.simulator.unit import Unit
from vms.simulator.vocabulary import is_known, name_of
from vms.simulator.whereabouts import position_of

_ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, SUBSCRIBE")
_NEVER = math.inf


class Camera:
    """One device. `step` is its life; the rest happens when the server or a test asks.

    What only commands need is made by the first of them.
    """

    __slots__ = (
        "_around",
        "_away_until",
        "_interior",
        "_sns",
        "due_at",
        "life",
        "link",
        "plan",
    )

    def __init__(
        self,
        plan: DevicePlan,
        around: Surroundings,
        endpoint: Endpoint,
        rebind: Callable[["Camera"], Awaitable[None]],
    ) -> None:
        self.plan = plan
        self.due_at = _NEVER
        self._around = around
        self._sns = itertools.count(1)
        self.link = ServerLink(plan, around.options, endpoint, around.summary, around.clock)
        is_rebound = FaultKind.NAT_REBINDING in plan.faults and around.options.transport == "UDP"
        self.life = Life(
            plan,
            around.options,
            self.link,
            around.summary,
            self._sns,
            (lambda: rebind(self)) if is_rebound else None,
        )
        self._interior: Interior | None = None
        self._away_until = 0.0

    @property
    def is_registered(self) -> bool:
        """Whether the server knows it, as far as the device knows."""
        return self.life.is_registered

    @property
    def calls(self) -> Calls:
        """Its calls."""
        return self.interior.calls

    @property
    def unit(self) -> Unit:
        """What it remembers of commands."""
        return self.interior.unit

    @property
    def interior(self) -> Interior:
        """What it is beside its registration."""
        if self._interior is None:
            self._interior = Interior(
                self.plan, self._around, self.link, self.life, self._sns, self._restart
            )
        return self._interior

    async def step(self) -> float:
        """Do what its life has due; when there is something to do again (loop time)."""
        if self._loop_time() < self._away_until:
            return self._away_until
        was_registered = self.is_registered
        due_at = await self.life.step()
        if self.is_registered and not was_registered:
            self._came_up()
        return due_at

    async def leave(self) -> None:
        """End calls and subscriptions and unregister, as a device does that is shut down."""
        if self._interior is not None:
            await self._interior.leave()
        if self.is_registered:
            await self.life.unregister()

    def vanish(self) -> None:
        """End everything without a word, as a power cut does."""
        if self._interior is not None:
            self._interior.vanish()

    async def unregister(self) -> bool:
        """Leave as the standard asks; it comes back at its next refresh."""
        return await self.life.unregister()

    async def raise_alarm(
        self,
        *,
        source_id: str | None = None,
        priority: int = 4,
        method: int = 5,
        alarm_type: int | None = 2,
        description: str = "",
    ) -> bool:
        """Report an alarm, by default motion on the first channel; whether it was answered 200.

        To whoever subscribed, else in a MESSAGE. After one of method 2 there is no other of that
        method from the same source until it is reset.
        """
        summary = self._around.summary
        source = source_id or self.plan.channel_ids[0]
        is_idle = FaultKind.ALARMS_NEED_GUARD in self.plan.faults and not self.unit.is_armed
        if is_idle or not self.unit.alarms(source, method):
            summary.alarms_withheld += 1
            return False
        summary.alarms_sent += 1
        alarm = AlarmNotify(
            sn=next(self._sns),
            device_id=DeviceId(source),
            priority=priority,
            method=method,
            occurred_at=self.link.wall(),
            description=description,
            alarm_type=alarm_type,
        )
        is_heard = await self.interior.report(alarm)
        summary.alarms_answered += is_heard
        return is_heard

    async def change(self, event: CatalogEvent, *channel_ids: ChannelId) -> bool:
        """Let that happen to the channels; whether a subscriber heard of it."""
        for channel_id in channel_ids:
            self.unit.note(event, channel_id)
        notices = self.interior.notices
        return await notices.changed([(event, notices.item(one)) for one in channel_ids])

    async def offer_upload(self) -> bool:
        """Say that it wants to send live pictures (2022); whether it was answered 200."""
        position = position_of(self.plan.channel_ids[0], self.link.wall())
        notify = VideoUploadNotify(
            next(self._sns),
            DeviceId(self.plan.channel_ids[0]),
            position.captured_at,
            position.longitude,
            position.latitude,
        )
        return await self.link.send(notify) == 200

    def move_to(self, endpoint: Endpoint) -> None:
        """Be behind another port from now on; subscriptions stay behind."""
        self.link.move_to(endpoint)
        if self._interior is not None:
            self._interior.notices.drop()

    def connection_lost(self) -> None:
        """The server closed the device's connection, or it broke."""
        self.link.connection_lost()
        self.life.forget()
        self._around.rounds.call(self, self._loop_time())

    def receive(self, incoming: IncomingRequest) -> None:
        """A request of the server's, for the device or one of its channels."""
        if self._loop_time() < self._away_until:
            incoming.ignore()
            return
        waits_s = self.plan.faults.value(FaultKind.SLOW_ANSWER)
        if waits_s is None:
            self._handle(incoming)
            return
        if incoming.request.method == "INVITE":
            incoming.respond(response_to(incoming.request, 100))
        _ = self._around.spawn(self._handle_later(incoming, waits_s))

    async def _handle_later(self, incoming: IncomingRequest, waits_s: float) -> None:
        await asyncio.sleep(waits_s)
        self._handle(incoming)

    def _handle(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        match request.method:
            case "INVITE":
                user = SipUri.parse(request.uri).user
                contact = self.link.contact(user or self.plan.device_id)
                self.calls.invited(incoming, self.link.local_host, contact)
            case "MESSAGE":
                self._message_received(incoming)
            case "SUBSCRIBE":
                self.interior.notices.subscribed(incoming)
            case "OPTIONS":
                incoming.respond(response_to(request, 200, headers=[_ALLOW]))
            case _:
                incoming.respond(response_to(request, 405, headers=[_ALLOW]))

    # Commands

    def _message_received(self, incoming: IncomingRequest) -> None:
        body = incoming.request.body
        try:
            message = codec.decode(body).message
        except ProtocolError:
            incoming.respond(response_to(incoming.request, 400))
            return
        # The answer to a query is a MESSAGE of its own; the 200 only says "received" (9.5.3).
        incoming.respond(response_to(incoming.request, 200))
        summary = self._around.summary
        if isinstance(message, AlarmResponse):
            summary.alarm_responses += 1
            return
        name = name_of(message)
        if name is None or not is_known(message, self._around.options.edition, body):
            summary.commands_unknown += 1
            return
        summary.note_command(name, summary.commands_received)
        summary.queries += "/" not in name and name != "DeviceConfig"
        if FaultKind.NO_ANSWER not in self.plan.faults:
            _ = self._around.spawn(self.interior.obey(name, message))

    def _restart(self, away_s: float) -> None:
        """Gone, deaf, and back to register anew."""
        self.life.forget()
        self._away_until = self._loop_time() + away_s
        self._around.rounds.call(self, self._away_until)

    # What nobody asked for

    def _came_up(self) -> None:
        every_s = self.plan.faults.value(FaultKind.UNASKED_CATALOGUE)
        if every_s:
            _ = self._around.spawn(self._send_unasked(every_s))

    async def _send_unasked(self, every_s: float) -> None:
        """A catalogue of one item that no query announced, as long as the registration lasts."""
        while self.is_registered:
            item = self.interior.desk.item(1, self.plan.channel_ids[0])
            response = CatalogResponse(next(self._sns), self.plan.device_id, 1, (item,))
            await self.link.send(response)
            await asyncio.sleep(every_s)

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()
