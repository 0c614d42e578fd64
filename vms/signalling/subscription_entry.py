"""One subscription of one device: what is kept of it, what is shown of it, what it asks for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sip.net.calls import IncomingRequest
from sip.net.subscriptions import Subscription
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import (
    AlarmQuery,
    CatalogQuery,
    Message,
    MobilePositionQuery,
    PtzPositionQuery,
)
from vms.inventory.subscriptions import (
    SubscriptionKind,
    SubscriptionMachine,
    SubscriptionState,
)

POSITION_INTERVAL_S = 5
"""What the standard proposes (A.2.4.9)."""


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """How one subscription of a device stands. `error` says why the last attempt failed."""

    kind: SubscriptionKind
    state: SubscriptionState
    is_wanted: bool
    since: datetime | None = None
    expires_at: datetime | None = None
    last_notify_at: datetime | None = None
    notifies: int = 0
    error: str = ""


class Keeper(Protocol):
    """Who sees to all of them."""

    def told(self, entry: "Entry", incoming: IncomingRequest) -> None:
        """A NOTIFY came; it is to be answered."""
        ...

    def lost(self, entry: "Entry", dialog: Subscription, reason: str) -> None:
        """A dialog was ended, not by us."""
        ...


class Entry:
    """One (device, kind) that is or was wanted; hears what comes in its dialogs."""

    __slots__ = (
        "_keeper",
        "device_id",
        "dialog",
        "event",
        "kind",
        "last_notify_at",
        "machine",
        "notifies",
        "told",
    )

    def __init__(
        self,
        device_id: DeviceId,
        kind: SubscriptionKind,
        event: str,
        machine: SubscriptionMachine,
        keeper: Keeper,
    ) -> None:
        self.device_id = device_id
        self.kind = kind
        self.event = event
        self.machine = machine
        self._keeper = keeper
        self.dialog: Subscription | None = None
        self.notifies = 0
        self.last_notify_at: float | None = None
        self.told = SubscriptionState.IDLE
        """The last state that was an event."""

    def notified(self, subscription: Subscription, incoming: IncomingRequest) -> None:
        """A NOTIFY came."""
        self._keeper.told(self, incoming)

    def ended(self, subscription: Subscription, reason: str) -> None:
        """By the device, or by time."""
        self._keeper.lost(self, subscription, reason)

    def query(self, sn: int) -> Message:
        """The body of its SUBSCRIBE."""
        match self.kind:
            case SubscriptionKind.CATALOG:
                return CatalogQuery(sn, self.device_id)
            case SubscriptionKind.ALARM:
                return AlarmQuery(sn, self.device_id, 0, 0, methods=(0,))
            case SubscriptionKind.POSITION:
                return MobilePositionQuery(sn, self.device_id, POSITION_INTERVAL_S)
            case SubscriptionKind.PTZ_POSITION:
                return PtzPositionQuery(sn, self.device_id)
