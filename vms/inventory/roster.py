"""Everything on file, in memory, in order. Only `Inventory` changes it."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator
from typing import Any

from vms.errors import InvalidError
from vms.frozen import altered
from vms.inventory.ledger import LedgerClock, is_online
from vms.inventory.model import Cause, Channel, Device, State, TreeNode
from vms.inventory.presence import Presence

WORTH_REMEMBERING = 8
"""Channels of a device; most have one."""


class Record:
    """A device with all that changes about it.

    `device` is as last committed; what is noted without anybody waiting for it (signs of life,
    tolerances, its clock, its faults) is laid over it by `seen`. What is observed while a write for
    the device is under way waits in `missed`. `unwritten` counts batches of ledger steps not yet
    committed.
    """

    __slots__ = (
        "_order",
        "_seen",
        "channels",
        "clock_offset_s",
        "clock_offsets",
        "device",
        "faulty",
        "flagged_expiry",
        "is_flapping",
        "is_removed",
        "missed",
        "nodes",
        "online_channels",
        "presence",
        "proofs",
        "segment",
        "tolerances",
        "unwritten",
    )

    def __init__(self, device: Device) -> None:
        self.device = device
        self.presence = Presence(device.keepalive_interval_s, device.keepalive_misses)
        self.channels: dict[str, Channel] = {}
        self.online_channels = 0
        self.proofs: dict[str, float] | None = None
        """Until when (monotonic) a picture proves a channel."""
        self.tolerances = device.tolerances
        """Shared with snapshots: a count makes new ones."""
        self.clock_offset_s = device.clock_offset_s
        self.clock_offsets: tuple[float, ...] = ()
        """The last few measured, of which `clock_offset_s` is the median."""
        self.faulty: tuple[str, ...] = ()
        self.is_flapping = False
        self.nodes: dict[str, TreeNode] | None = None
        """What the device reported to build its tree."""
        self.segment = ""
        """The network in which its channels are placed: that of its last binding, by itself."""
        self.is_removed = False
        self.flagged_expiry: float | None = None
        """The registration whose end was already counted as a tolerance."""
        self.missed: Cause | None = None
        self.unwritten = 0
        self._order: list[str] | None = None
        self._seen: Device | None = None

    @property
    def order(self) -> list[str]:
        """Channel IDs in order; remembered where sorting them again would tell."""
        if self._order is not None:
            return self._order
        order = sorted(self.channels)
        if len(order) > WORTH_REMEMBERING:
            self._order = order
        return order

    def forget_order(self) -> None:
        """A channel came or went."""
        self._order = None

    def proven_until(self, channel_id: str) -> float | None:
        """Until when a picture proves a channel; None where none does."""
        return None if self.proofs is None else self.proofs.get(channel_id)

    def prove(self, channel_id: str, until: float) -> None:
        """A picture of a channel was seen."""
        if self.proofs is None:
            self.proofs = {}
        self.proofs[channel_id] = until

    def unprove(self, channel_id: str) -> None:
        """No picture proves a channel any more."""
        if self.proofs is not None:
            self.proofs.pop(channel_id, None)
            self.proofs = self.proofs or None

    def forget_seen(self) -> None:
        """A sign of life came: the next reader gets a new snapshot."""
        self._seen = None

    def seen(self, clock: LedgerClock) -> Device:
        """The device with its latest signs of life."""
        if self._seen is not None:
            return self._seen
        noted = self.noted(clock)
        self._seen = altered(self.device, **noted) if noted else self.device
        return self._seen

    def noted(self, clock: LedgerClock) -> dict[str, Any]:
        """What is laid over `device`, by field: for whoever changes more in the same copy."""
        device, presence = self.device, self.presence
        noted: dict[str, Any] = {}
        if presence.heard_at is not None:
            noted["last_heard_at"] = clock.moment(presence.heard_at)
            if presence.keepalive_at is not None:
                noted["last_keepalive_at"] = clock.moment(presence.keepalive_at)
        if self.tolerances != device.tolerances:
            noted["tolerances"] = self.tolerances
        if (device.clock_offset_s, device.faulty, device.is_flapping) != (
            self.clock_offset_s,
            self.faulty,
            self.is_flapping,
        ):
            noted["clock_offset_s"] = self.clock_offset_s
            noted["faulty"] = self.faulty
            noted["is_flapping"] = self.is_flapping
        return noted


class Roster:
    """Devices and their channels by ID, with counts by state kept as they change."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.device_states: Counter[State] = Counter()
        self.channel_states: Counter[State] = Counter()
        self.divisions: Counter[tuple[str, bool]] = Counter()
        """Channels by division, and whether they are online."""
        self.own_groups: Counter[tuple[str, bool]] = Counter()
        """The same by node of our own tree; those that hang in none are not counted."""
        self._order: list[str] = []

    def add(self, record: Record) -> None:
        """A device without channels."""
        self.records[record.device.device_id] = record
        insort(self._order, record.device.device_id)
        self.device_states[record.device.state] += 1

    def fill(self, records: list[Record]) -> None:
        """Many devices at once, at start."""
        for record in records:
            self.records[record.device.device_id] = record
            self.device_states[record.device.state] += 1
        self._order = sorted(self.records)

    def remove(self, record: Record) -> None:
        """A device and its channels."""
        record.is_removed = True
        for channel_id in list(record.channels):
            self.drop_channel(record, channel_id)
        del self.records[record.device.device_id]
        del self._order[bisect_left(self._order, record.device.device_id)]
        self.device_states[record.device.state] -= 1

    def put_device(self, record: Record, device: Device) -> None:
        """A device as it is from now on."""
        self.device_states[record.device.state] -= 1
        self.device_states[device.state] += 1
        record.device = device
        record.forget_seen()

    def put_channel(self, record: Record, channel: Channel) -> None:
        """A channel as it is from now on, new or known."""
        known = record.channels.get(channel.channel_id)
        if known is None:
            record.forget_order()
        else:
            self._count(record, known, -1)
        record.channels[channel.channel_id] = channel
        self._count(record, channel, +1)

    def fill_channels(self, record: Record, channels: list[Channel]) -> None:
        """All channels of a device at once, at start."""
        record.channels = {channel.channel_id: channel for channel in channels}
        record.forget_order()
        for channel in channels:
            self._count(record, channel, +1)

    def drop_channel(self, record: Record, channel_id: str) -> None:
        """A channel that is no longer on file."""
        channel = record.channels.pop(channel_id)
        record.forget_order()
        record.unprove(channel_id)
        self._count(record, channel, -1)

    def records_after(self, cursor: str | None) -> Iterator[Record]:
        """Devices in order of ID, behind `cursor`. Not across an await."""
        start = 0 if cursor is None else bisect_right(self._order, cursor)
        for index in range(start, len(self._order)):
            yield self.records[self._order[index]]

    def channels_after(self, cursor: str | None) -> Iterator[Channel]:
        """Channels in order of device and channel ID, behind `cursor`. Not across an await."""
        start = 0
        if cursor is not None:
            device_id, separator, _ = cursor.partition("/")
            if not separator:
                raise InvalidError("this cursor is none of ours", cursor=cursor)
            record = self.records.get(device_id)
            if record is not None:
                yield from channels_of(record, cursor)
            start = bisect_right(self._order, device_id)
        for index in range(start, len(self._order)):
            yield from channels_of(self.records[self._order[index]], None)

    def _count(self, record: Record, channel: Channel, by: int) -> None:
        self.channel_states[channel.state] += by
        is_there = is_online(channel.state)
        if is_there:
            record.online_channels += by
        self.divisions[channel.division, is_there] += by
        if channel.overrides and (group_id := channel.own_group_id):
            self.own_groups[group_id, is_there] += by


def channels_of(record: Record, cursor: str | None) -> Iterator[Channel]:
    """A device's channels in order, behind `cursor`."""
    channel_id = None if cursor is None else cursor.partition("/")[2]
    order = record.order
    start = 0 if channel_id is None else bisect_right(order, channel_id)
    return map(record.channels.__getitem__, order[start:])


def channel_cursor(channel: Channel) -> str:
    """Where a list goes on."""
    return f"{channel.device_id}/{channel.channel_id}"
