"""The subscriptions a simulated device serves, and what it reports to them (chapter 5)."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sip.errors import TransactionTimeoutError, TransportError
from sip.message import response_to
from sip.net.endpoint import IncomingRequest, Notifier
from vms.gb28181.errors import ProtocolError
from vms.gb28181.ids import ChannelId
from vms.gb28181.manscdp import codec
from vms.gb28181.manscdp.messages import (
    AlarmNotify,
    AlarmQuery,
    CatalogChange,
    CatalogEvent,
    CatalogItem,
    CatalogNotify,
    CatalogQuery,
    Message,
    MobilePositionNotify,
    MobilePositionQuery,
    PtzPositionNotify,
    PtzPositionQuery,
)
from vms.gb28181.version import Edition
from vms.simulator.answers import Desk, ptz_position
from vms.simulator.faults import FaultKind
from vms.simulator.life import Spawn
from vms.simulator.link import ServerLink
from vms.simulator.summary import Summary
from vms.simulator.vocabulary import is_known
from vms.simulator.whereabouts import position_of

DEFAULT_EXPIRES_S = 600
DEFAULT_INTERVAL_S = 5
TURNING_INTERVAL_S = 0.5
"""How often a turning head is looked at."""
MAX_CHANGES_A_NOTIFY = 100

_Topic = CatalogQuery | AlarmQuery | MobilePositionQuery | PtzPositionQuery


@dataclass(slots=True)
class _Served:
    """One subscription. NOTIFYs go out one after the other, each when the last was answered."""

    topic: _Topic
    event: str
    notifier: Notifier
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    task: asyncio.Task[None] | None = None

    def end(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Notices:
    """The subscriptions of one device, one of each kind; a new one replaces the old."""

    def __init__(
        self,
        desk: Desk,
        link: ServerLink,
        summary: Summary,
        spawn: Spawn,
        sns: Iterator[int],
    ) -> None:
        self._desk = desk
        self._plan = desk.plan
        self._link = link
        self._summary = summary
        self._spawn = spawn
        self._sns = sns
        self._served: dict[type[_Topic], _Served] = {}

    def __len__(self) -> int:
        return len(self._served)

    @property
    def has_alarms(self) -> bool:
        """Whether somebody subscribed to alarms."""
        return AlarmQuery in self._served

    def subscribed(self, incoming: IncomingRequest) -> None:
        """Answer a SUBSCRIBE that begins a subscription."""
        request = incoming.request
        topic = self._topic_of(incoming)
        if topic is None:
            self._summary.subscriptions_refused += 1
            incoming.respond(response_to(request, 489))
            return
        expires_s = DEFAULT_EXPIRES_S if request.expires is None else request.expires
        notifier = self._accept(incoming, expires_s)
        if expires_s == 0:
            return
        self._summary.subscriptions += 1
        self._drop(type(topic))
        served = _Served(topic, request.headers.get("Event") or "presence", notifier)
        self._served[type(topic)] = served
        notifier.on_refresh = lambda again: self._refreshed(served, again)
        notifier.on_ended = lambda reason: self._ended(served, reason)
        served.task = self._spawn(self._serve(served))

    async def changed(self, changes: Sequence[tuple[CatalogEvent, CatalogItem]]) -> bool:
        """Report changes of the catalogue; whether every NOTIFY of them was answered 200."""
        served = self._served.get(CatalogQuery)
        if served is None:
            return False
        return await self._notify_changes(served, changes)

    async def alarmed(self, alarm: AlarmNotify) -> bool:
        """Report an alarm to whoever subscribed to alarms; whether it was answered 200."""
        served = self._served.get(AlarmQuery)
        return served is not None and await self._notify(served, alarm)

    async def terminate(self) -> None:
        """End all subscriptions with a last NOTIFY."""
        for served in list(self._served.values()):
            self._drop(type(served.topic), is_forgotten=False)
            await self._notify(served, None, state="terminated;reason=noresource")

    def drop(self) -> None:
        """Forget all subscriptions without a word."""
        for topic in list(self._served):
            self._drop(topic)

    # Accepting

    def _topic_of(self, incoming: IncomingRequest) -> _Topic | None:
        body = incoming.request.body
        try:
            topic = codec.decode(body).message
        except ProtocolError:
            return None
        match topic:
            case CatalogQuery() | AlarmQuery() | MobilePositionQuery() | PtzPositionQuery():
                return topic if is_known(topic, self._desk.options.edition, body) else None
            case _:
                return None

    def _accept(self, incoming: IncomingRequest, expires_s: int) -> Notifier:
        response = response_to(
            incoming.request, 200, headers=[("Contact", self._link.contact(self._plan.device_id))]
        )
        is_silent = FaultKind.NO_EXPIRES_IN_SUBSCRIBE in self._plan.faults
        return incoming.accept_subscription(response, expires_s, states_expires=not is_silent)

    def _refreshed(self, served: _Served, incoming: IncomingRequest) -> None:
        request = incoming.request
        if FaultKind.SUBSCRIBE_REFRESH_481 in self._plan.faults:
            incoming.respond(response_to(request, 481))
            self._drop(type(served.topic))
            return
        expires_s = DEFAULT_EXPIRES_S if request.expires is None else request.expires
        if expires_s:
            self._summary.subscriptions_refreshed += 1
        self._accept(incoming, expires_s)

    def _ended(self, served: _Served, reason: str) -> None:
        served.end()
        if self._served.get(type(served.topic)) is served:
            del self._served[type(served.topic)]
        self._summary.subscriptions_ended += 1
        if reason == "unsubscribed" and self._desk.options.edition is Edition.E2022:
            # RFC 6665, 4.4.1; up to 2016 devices say nothing any more.
            _ = self._spawn(self._farewell(served))

    async def _farewell(self, served: _Served) -> None:
        await self._notify(served, None, state="terminated;reason=timeout")

    def _drop(self, topic: type[_Topic], *, is_forgotten: bool = True) -> None:
        served = self._served.pop(topic, None)
        if served is not None:
            served.end()
            served.notifier.on_ended = None
            if is_forgotten:
                served.notifier.forget()

    # Reporting

    async def _serve(self, served: _Served) -> None:
        """What a subscriber gets without anything having happened."""
        match served.topic:
            case CatalogQuery():
                await self._report_abnormal(served)
                await self._flood(served)
            case MobilePositionQuery(interval_s=interval_s):
                await self._report_positions(served, max(interval_s or DEFAULT_INTERVAL_S, 1))
            case PtzPositionQuery():
                await self._report_turns(served)
            case AlarmQuery():
                pass

    async def _report_abnormal(self, served: _Served) -> None:
        """At the beginning only what is off, without video or defective (5.1)."""
        abnormal = self._desk.unit.abnormal()
        changes = [(event, self.item(channel_id)) for channel_id, event in abnormal.items()]
        if changes:
            await self._notify_changes(served, changes)

    async def _flood(self, served: _Served) -> None:
        rate_per_s = self._plan.faults.value(FaultKind.CATALOGUE_FLOOD)
        if not rate_per_s:
            return
        channels = itertools.cycle(self._plan.channel_ids)
        for number in itertools.count():
            event = CatalogEvent.OFF if number % 2 else CatalogEvent.ON
            _ = self._spawn(self._flood_once(served, event, next(channels)))
            await asyncio.sleep(1 / rate_per_s)

    async def _flood_once(
        self, served: _Served, event: CatalogEvent, channel_id: ChannelId
    ) -> None:
        await self._notify_changes(served, [(event, self.item(channel_id))], is_serial=False)

    async def _report_positions(self, served: _Served, interval_s: int) -> None:
        burst = int(self._plan.faults.value(FaultKind.POSITION_BURST) or 1)
        while True:
            for _ in range(burst):
                await self._notify(served, self._position())
            await asyncio.sleep(interval_s)

    def _position(self) -> MobilePositionNotify:
        now = self._desk.wall()
        position = position_of(self._plan.channel_ids[0], now)
        return MobilePositionNotify(
            next(self._sns), self._plan.device_id, now, (position,), total=1
        )

    async def _report_turns(self, served: _Served) -> None:
        """Where the head points: at once, and as long as it turns."""
        told = None
        while True:
            head = self._desk.unit.head(served.topic.device_id, self._desk.now())
            position = ptz_position(head, self._desk.now()) if head else None
            if position is not None and position != told:
                told = position
                topic_id = served.topic.device_id
                await self._notify(served, PtzPositionNotify(next(self._sns), topic_id, position))
            await asyncio.sleep(TURNING_INTERVAL_S)

    def item(self, channel_id: ChannelId) -> CatalogItem:
        """The channel's Item; a channel that is new has a number of its own."""
        known = self._plan.channel_ids
        number = known.index(channel_id) + 1 if channel_id in known else len(known) + 1
        return self._desk.item(number, channel_id)

    async def _notify_changes(
        self,
        served: _Served,
        changes: Sequence[tuple[CatalogEvent, CatalogItem]],
        *,
        is_serial: bool = True,
    ) -> bool:
        is_heard = True
        for start in range(0, len(changes), MAX_CHANGES_A_NOTIFY):
            batch = tuple(
                CatalogChange(event, _item_for(event, item))
                for event, item in changes[start : start + MAX_CHANGES_A_NOTIFY]
            )
            message = CatalogNotify(next(self._sns), served.topic.device_id, len(batch), batch)
            is_heard = await self._notify(served, message, is_serial=is_serial) and is_heard
        return is_heard

    async def _notify(
        self,
        served: _Served,
        message: Message | None,
        *,
        state: str = "active",
        is_serial: bool = True,
    ) -> bool:
        self._summary.notifies_sent += 1
        try:
            if not is_serial:
                status = await self._send(served, message, state)
            else:
                async with served.lock:
                    status = await self._send(served, message, state)
        except (TransactionTimeoutError, TransportError) as error:
            self._summary.unanswered += 1
            self._summary.note_error(f"{self._plan.device_id}: {error}")
            return False
        self._summary.notifies_acknowledged += status == 200
        return status == 200

    async def _send(self, served: _Served, message: Message | None, state: str) -> int | None:
        if message is not None and FaultKind.NOTIFY_OUT_OF_DIALOG in self._plan.faults:
            return await self._link.notify_outside(message, served.event)
        body = self._link.body_of(message) if message is not None else b""
        response = await served.notifier.notify(
            body, state=state, content_type=codec.CONTENT_TYPE if body else None
        )
        return response.status


def _item_for(event: CatalogEvent, item: CatalogItem) -> CatalogItem:
    """ADD and UPDATE carry all fields, the others only the ID (5.2)."""
    if event in (CatalogEvent.ADD, CatalogEvent.UPDATE):
        return item
    return CatalogItem(item.channel_id)
