"""Which subscriptions each device shall have, and how each stands (GB/T 28181-2022, 9.11)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from vms.clock import Clock
from vms.gb28181.ids import DeviceId
from vms.inventory.inventory import Inventory
from vms.inventory.subscriptions import (
    SubscriptionKind,
    SubscriptionMachine,
    SubscriptionState,
    wanted_kinds,
)
from vms.signalling.pending import Pending
from vms.signalling.subscription_entry import Entry, Keeper, SubscriptionView


class SubscriptionBook:
    """An entry for each kind that is or was wanted at a device since it came online."""

    def __init__(
        self, inventory: Inventory, pending: Pending, clock: Clock, keeper: Keeper, expires_s: int
    ) -> None:
        """`keeper` sees to the entries; `expires_s` is asked for each."""
        self._inventory = inventory
        self._pending = pending
        self._clock = clock
        self._keeper = keeper
        self._expires_s = expires_s
        self._entries: dict[DeviceId, tuple[Entry, ...]] = {}  # a few: one for each kind

    def __contains__(self, device_id: DeviceId) -> bool:
        """Whether it has come online since our start."""
        return device_id in self._entries

    def devices(self) -> set[DeviceId]:
        """Those that have come online since our start."""
        return set(self._entries)

    def of(self, device_id: DeviceId) -> Sequence[Entry]:
        """A device's; none where it never came online."""
        return self._entries.get(device_id, ())

    def find(self, device_id: DeviceId, kind: SubscriptionKind) -> Entry | None:
        """The device's of one kind."""
        return next((entry for entry in self.of(device_id) if entry.kind is kind), None)

    def add(self, device_id: DeviceId, wanted: Iterable[SubscriptionKind]) -> Sequence[Entry]:
        """Entries for what is wanted and not there yet; these are returned."""
        entries = self._entries.get(device_id, ())
        there = {entry.kind for entry in entries}
        added = tuple(self._fresh(device_id, kind) for kind in wanted if kind not in there)
        self._entries[device_id] = entries + added
        return added

    def drop(self, device_id: DeviceId) -> None:
        """The device is no more."""
        self._entries.pop(device_id, None)

    def wanted(self, device_id: DeviceId) -> frozenset[SubscriptionKind]:
        """By its profile, and where that says nothing by what it is."""
        profile = self._inventory.profile(device_id)
        switches = {
            SubscriptionKind.CATALOG: profile.subscribe_catalog,
            SubscriptionKind.ALARM: profile.subscribe_alarm,
            SubscriptionKind.POSITION: profile.subscribe_position,
            SubscriptionKind.PTZ_POSITION: profile.subscribe_ptz_position,
        }
        return wanted_kinds(device_id, switches)

    def states(self) -> Mapping[str, int]:
        """How many subscriptions stand how; costs a walk over them."""
        return Counter(
            entry.machine.state.value for entries in self._entries.values() for entry in entries
        )

    def views(self, device_id: DeviceId) -> Sequence[SubscriptionView]:
        """Every kind, held or not."""
        entries = {entry.kind: entry for entry in self.of(device_id)}
        wanted = self.wanted(device_id)
        return [
            self._view(entry)
            if (entry := entries.get(kind)) is not None
            else SubscriptionView(kind, SubscriptionState.IDLE, kind in wanted)
            for kind in SubscriptionKind
        ]

    def _fresh(self, device_id: DeviceId, kind: SubscriptionKind) -> Entry:
        # The id stays the same over refreshes (9.11.1.2).
        event = "presence"
        if kind is SubscriptionKind.CATALOG:
            event = f"Catalog;id={self._pending.next_sn()}"
        now = self._clock.monotonic()
        machine = SubscriptionMachine(self._expires_s, now)
        entry = Entry(device_id, kind, event, machine, self._keeper)
        entry.machine.want(now)
        return entry

    def _view(self, entry: Entry) -> SubscriptionView:
        machine = entry.machine
        return SubscriptionView(
            entry.kind,
            machine.state,
            machine.is_wanted,
            self._moment(machine.since),
            self._moment(machine.expires_at),
            self._moment(entry.last_notify_at),
            entry.notifies,
            machine.error,
        )

    def _moment(self, monotonic_s: float | None) -> datetime | None:
        if monotonic_s is None:
            return None
        return self._clock.wall() + timedelta(seconds=monotonic_s - self._clock.monotonic())
