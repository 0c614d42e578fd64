"""What devices tell unasked and what is subscribed of them, put together."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sip.net.endpoint import IncomingRequest
from vms.clock import Clock
from vms.events import EventBus
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import (
    AlarmNotify,
    CatalogNotify,
    Message,
    MobilePositionNotify,
    PtzPositionNotify,
    Unknown,
)
from vms.inventory.inventory import Inventory
from vms.inventory.subscriptions import SubscriptionKind
from vms.signalling.alarms import AlarmKeeper
from vms.signalling.catalog_changes import CatalogKeeper
from vms.signalling.device_link import DeviceLink
from vms.signalling.device_queries import DeviceQueries
from vms.signalling.faults import Faults
from vms.signalling.flows import Flows
from vms.signalling.notices import Keeper, Notices, Told
from vms.signalling.pending import Pending
from vms.signalling.reports import CMD_TYPES, NoticeKeeper, PositionKeeper
from vms.signalling.subscriptions import Subscriptions

KINDS: Mapping[type[Message], SubscriptionKind] = {
    CatalogNotify: SubscriptionKind.CATALOG,
    AlarmNotify: SubscriptionKind.ALARM,
    MobilePositionNotify: SubscriptionKind.POSITION,
    PtzPositionNotify: SubscriptionKind.PTZ_POSITION,
}
"""By which subscription what comes."""


@dataclass(frozen=True, slots=True)
class NotifyPolicy:
    """Plain values from the settings."""

    expires_s: int = 3600
    """Asked for with each SUBSCRIBE."""
    refuse_unwanted: bool = False
    """Answer 481 to NOTIFYs of subscriptions neither held nor wanted."""


class Notifications:
    """Builds the parts; `run` in the server's task group."""

    def __init__(
        self,
        link: DeviceLink,
        queries: DeviceQueries,
        inventory: Inventory,
        flows: Flows,
        pending: Pending,
        events: EventBus,
        clock: Clock,
        policy: NotifyPolicy,
        *,
        dice: Callable[[], float],
        on_notify: Callable[[DeviceId, IncomingRequest], None],
    ) -> None:
        self._policy = policy
        self.faults = Faults(inventory, events, clock)
        self.subscriptions = Subscriptions(
            link,
            inventory,
            flows,
            pending,
            events,
            clock,
            expires_s=policy.expires_s,
            dice=dice,
            on_notify=on_notify,
        )
        self.alarms = AlarmKeeper(inventory, link, clock)
        self.catalog = CatalogKeeper(inventory, queries, clock)
        self.reports = NoticeKeeper(inventory)
        keepers: dict[type[Message], Keeper] = {
            **dict.fromkeys((*CMD_TYPES, Unknown), self.reports),
            AlarmNotify: self.alarms,
            CatalogNotify: self.catalog,
            MobilePositionNotify: PositionKeeper(inventory, clock),
        }
        self.notices = Notices(inventory, clock, keepers, self._is_wanted)

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be stored or confirmed."""
        return self.notices.is_idle and self.alarms.is_idle

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.subscriptions.run())
            group.create_task(self.catalog.run())

    async def close(self) -> None:
        """Wait for what is queued and for what has to be confirmed."""
        await self.notices.close()
        await self.alarms.close()

    def _is_wanted(self, told: Told) -> bool:
        """Judges, and counts, what came by NOTIFY."""
        kind = None if told.message is None else KINDS.get(type(told.message))
        if kind is None:
            return True
        self.subscriptions.notified(told.device_id, kind)
        return (
            told.is_subscribed
            or not self._policy.refuse_unwanted
            or self.subscriptions.is_wanted(told.device_id, kind)
        )
