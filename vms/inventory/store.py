"""What `Inventory` needs of storage; `vms.persistence` provides it on SQLite and PostgreSQL.

Every method returns after the commit (group commit inside: many callers, one transaction, at most
20 ms of gathering). Whatever a method takes is written in one transaction, with its transitions.
Raises `vms.errors.UnavailableError` when the database cannot serve; then nothing was written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from vms.gb28181.ids import DeviceId
from vms.inventory.model import (
    Alarm,
    Channel,
    ChannelKey,
    Device,
    DeviceKey,
    Interval,
    Subject,
    SubjectKind,
    Transition,
    TreeNode,
    Waiting,
)
from vms.inventory.own_groups import OwnGroup
from vms.inventory.placement import Placement, PlaceStep, Unplaced
from vms.inventory.reported import Notice, Position


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything `Inventory` keeps in memory, as of the last commit.

    `last_life_s` is the newest life mark, None on a fresh database; `next_*_key` are above every
    key ever given, removed rows included.
    """

    devices: tuple[Device, ...]
    channels: tuple[Channel, ...]
    waiting: tuple[Waiting, ...]
    open_intervals: tuple[Interval, ...]
    last_life_s: int | None
    next_device_key: int
    next_channel_key: int
    nodes: tuple[TreeNode, ...] = ()
    open_placements: tuple[Placement, ...] = ()


class LastHeard(NamedTuple):
    """When a device was last heard, and its last keepalive: microseconds since 1970, UTC.

    None where no keepalive came since we began to listen: what is stored of it stays.
    """

    key: DeviceKey
    keepalive_us: int | None
    heard_us: int


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock was stepped by `step_s` while we ran; noted, never followed."""

    at_s: int
    step_s: float


class ReportStore(Protocol):
    """Rows of notices and positions."""

    async def add_notice(self, notice: Notice, keep: int | None = None) -> bool:
        """Store once; False when (device, fingerprint) is already there.

        With `keep`, only so many of the device's earlier ones stay, the newest, counted among those
        that are as known (`is_known`) as this one.
        """
        ...

    async def notices(
        self, device_id: DeviceId | None, cmd_type: str | None, before_id: str | None, limit: int
    ) -> Sequence[Notice]:
        """Newest first."""
        ...

    async def add_positions(
        self, positions: Sequence[Position], latest: Sequence[Position], keep: int | None = None
    ) -> int:
        """Store each once and say how many were new; `latest` are those of them to restart with.

        With `keep`, only so many of a device's earlier ones stay, the newest.
        """
        ...

    async def positions(
        self, key: DeviceKey, source_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Position]:
        """Those captured in [start, end), in order of time."""
        ...

    async def latest_positions(self, limit: int) -> Sequence[Position]:
        """The latest of every source of devices on file, the newest `limit` of them."""
        ...


class PlacementStore(Protocol):
    """Rows of placements: written with the change that caused them, read here."""

    async def placements(self, key: ChannelKey) -> Sequence[Placement]:
        """All of one channel, in order of start."""
        ...

    async def placements_of_all(self, from_s: int, to_s: int) -> Sequence[Placement]:
        """Those that overlap [from_s, to_s), removed channels included, by channel then start."""
        ...

    async def unplaced_channels(self) -> Sequence[Unplaced]:
        """Channels that never had a place, removed ones included."""
        ...


class GroupStore(Protocol):
    """Rows of our own tree, and of names that divisions were given here."""

    async def own_groups(self) -> Sequence[OwnGroup]:
        """All nodes."""
        ...

    async def save_own_group(self, group: OwnGroup) -> None:
        """Insert or update by ID."""
        ...

    async def delete_own_group(self, group_id: str) -> None:
        """One node."""
        ...

    async def division_names(self) -> Mapping[str, str]:
        """Names by code."""
        ...

    async def save_division_names(self, names: Mapping[str, str]) -> None:
        """Insert or update by code."""
        ...

    async def delete_division_name(self, code: str) -> None:
        """One name."""
        ...


class DeviceStore(ReportStore, PlacementStore, GroupStore, Protocol):
    """Rows of devices, channels, alarms, waiting room and ledger; those of `ReportStore`,
    `PlacementStore` and `GroupStore`.

    `places` are the steps of placements that follow from what is written, in order.
    """

    async def load_all(self) -> Stored:
        """At start-up."""
        ...

    async def save_device(
        self,
        device: Device,
        transitions: Sequence[Transition] = (),
        places: Sequence[PlaceStep] = (),
    ) -> None:
        """Insert or update by key, with what it changes in the ledger."""
        ...

    async def touch_devices(self, devices: Sequence[Device]) -> None:
        """Write the liveness fields of many at once; may lag by seconds (N3)."""
        ...

    async def note_heard(self, heard: Sequence[LastHeard]) -> None:
        """Write when many were last heard, and nothing else; may lag by seconds (N3).

        Of a time noted here and one saved with the device the later counts.
        """
        ...

    async def remove_device(
        self,
        key: DeviceKey,
        channels: Sequence[ChannelKey],
        transitions: Sequence[Transition],
        places: Sequence[PlaceStep] = (),
    ) -> None:
        """Hide a device and its channels; their ledgers stay."""
        ...

    async def save_channels(
        self,
        saved: Sequence[Channel],
        removed: Sequence[ChannelKey] = (),
        transitions: Sequence[Transition] = (),
        places: Sequence[PlaceStep] = (),
    ) -> None:
        """Insert or update by key; hide the removed."""
        ...

    async def save_nodes(
        self, key: DeviceKey, nodes: Sequence[TreeNode], *, replaces: bool
    ) -> None:
        """Insert or update the nodes of a device's tree; with `replaces` the others go."""
        ...

    async def append(
        self, transitions: Sequence[Transition], places: Sequence[PlaceStep] = ()
    ) -> None:
        """Steps of ledger and placements alone."""
        ...

    async def life_mark(self, at_s: int) -> None:
        """We were alive and observing at `at_s`."""
        ...

    async def clock_step(self, step: ClockStep) -> None:
        """Keep a note of a stepped wall clock."""
        ...

    async def add_alarm(self, alarm: Alarm) -> bool:
        """Store once; False when (device, fingerprint) is already there."""
        ...

    async def alarms(
        self, device_id: DeviceId | None, before_id: str | None, limit: int
    ) -> Sequence[Alarm]:
        """Newest first."""
        ...

    async def save_waiting(self, waiting: Waiting, evicted: Sequence[Waiting] = ()) -> None:
        """Insert or update by (device_id, source_host)."""
        ...

    async def drop_waiting(self, rows: Sequence[Waiting]) -> None:
        """These rows, by (device_id, source_host)."""
        ...

    async def delete_waiting(self, device_id: DeviceId) -> None:
        """All rows of one ID."""
        ...

    async def intervals(self, subject: Subject, from_s: int, to_s: int) -> Sequence[Interval]:
        """Those that overlap [from_s, to_s), in order of start."""
        ...

    async def intervals_of_all(
        self, kind: SubjectKind, from_s: int, to_s: int
    ) -> Sequence[Interval]:
        """The same for every subject of a kind, removed ones included, by subject then start."""
        ...

    async def removed_channels(self) -> Sequence[Channel]:
        """Channels that were on file once: the figures of the past need them."""
        ...
