"""What is known of devices and channels. Everything is frozen; `Inventory` alone makes new ones."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType, TypeAlias, TypedDict

from vms.frozen import quickly_made
from vms.gb28181.ids import DeviceId
from vms.gb28181.manscdp.messages import CatalogItem
from vms.gb28181.version import Edition
from vms.inventory.effective import Effective

DeviceKey = NewType("DeviceKey", int)
"""A device's row; never used again after removal. The ledger hangs on it."""

ChannelKey = NewType("ChannelKey", int)
"""A channel's row; never used again after removal."""


class State(StrEnum):
    """The states of the ledger (definitions in docs/figures.md)."""

    ONLINE_PROVEN = "online_proven"
    ONLINE_SIGNALLED = "online_signalled"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    EXCLUDED = "excluded"
    NOT_COMMISSIONED = "not_commissioned"


class Status(StrEnum):
    """What lists show of a device or channel; a device in the waiting room has no row yet."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    NOT_COMMISSIONED = "not_commissioned"


class Cause(StrEnum):
    """Why a ledger interval began."""

    ADDED = "added"
    REGISTERED = "registered"
    KEEPALIVE = "keepalive"
    UNREGISTERED = "unregistered"
    SILENT = "silent"
    CONNECTION_LOST = "connection_lost"
    CATALOG = "catalog"
    PICTURE = "picture"
    PROOF_EXPIRED = "proof_expired"
    SERVER_ABSENT = "server_absent"
    GRACE_PASSED = "grace_passed"
    DEVICE = "device"
    REMOVED = "removed"


@quickly_made
@dataclass(frozen=True, slots=True)
class Binding:
    """Where a device is, by its last authenticated REGISTER: requests go to `host`:`port`.

    `contact` is what the device claimed, kept for diagnosis, never a target. `local_host` is our
    address as that device reaches it (empty when unknown).
    """

    transport: str
    host: str
    port: int
    contact: str
    local_host: str
    call_id: str
    registered_at: datetime
    expires_at: datetime


# Shared by all that have none; nobody changes a mapping of the model.
_NO_COUNTS: Mapping[str, int] = {}
_NO_FIELDS: "Mapping[str, ProfileValue]" = {}
_NO_OVERRIDES: Mapping[str, str | float] = {}


@quickly_made
@dataclass(frozen=True, slots=True)
class Device:
    """A SIP device on file. `secret` None means the derived or the shared one.

    `profile_override`, `profile_fields` and `edition_override` are what a person set over the
    profile chosen by maker; `clock_offset_s` is how far its clock is ahead of ours, as measured;
    `faulty` the sub-devices it called out of order; `is_flapping`: it fell silent so often within
    the hour that it has to prove itself.
    """

    key: DeviceKey
    device_id: DeviceId
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    user_agent: str = ""
    edition: Edition = Edition.UNKNOWN
    sip_username: str = ""
    secret: str | None = None
    name_override: str | None = None
    media_transport: str = ""
    binding: Binding | None = None
    last_keepalive_at: datetime | None = None
    last_heard_at: datetime | None = None
    keepalive_interval_s: float = 60.0
    keepalive_misses: int = 3
    state: State = State.NOT_COMMISSIONED
    state_since: datetime | None = None
    created_at: datetime | None = None
    tolerances: Mapping[str, int] = field(default_factory=lambda: _NO_COUNTS)
    profile_override: str | None = None
    profile_fields: "Mapping[str, ProfileValue]" = field(default_factory=lambda: _NO_FIELDS)
    edition_override: Edition | None = None
    clock_offset_s: float | None = None
    faulty: tuple[str, ...] = ()
    is_flapping: bool = False


ProfileValue: TypeAlias = str | int | float | bool
"""The value of one field of a `vms.gb28181.profiles.Profile` as a person sets it."""


ReportedChannel: TypeAlias = CatalogItem
"""A channel as its device reported it: the catalogue's item, kept as it was read."""


NEVER_REPORTED: Final = -1
"""In place of a count of absences."""


@quickly_made
@dataclass(frozen=True, slots=True)
class Channel(Effective):
    """A channel on file: what was reported, what was set here, what follows from both.

    `absent_syncs` counts the complete catalogues in a row that left it out; `NEVER_REPORTED` where
    a person put it on file and no device has named it yet.
    """

    key: ChannelKey
    device_key: DeviceKey
    device_id: DeviceId
    reported: ReportedChannel
    name_override: str | None = None
    division_override: str | None = None
    overrides: Mapping[str, str | float] = field(default_factory=lambda: _NO_OVERRIDES)
    state: State = State.NOT_COMMISSIONED
    state_since: datetime | None = None
    absent_syncs: int = 0

    @property
    def is_planned(self) -> bool:
        """A person put it on file, and its device has not named it yet: no catalogue misses it."""
        return self.absent_syncs == NEVER_REPORTED

    def in_state(self, state: State, since: datetime) -> "Channel":
        """The same channel in another state."""
        # Not `replace`, which takes twice as long: every new channel comes through here.
        return Channel(
            self.key,
            self.device_key,
            self.device_id,
            self.reported,
            self.name_override,
            self.division_override,
            self.overrides,
            state,
            since,
            self.absent_syncs,
        )


@dataclass(frozen=True, slots=True)
class TreeNode:
    """What a device reported to build its tree, or to hold cameras, and is no channel (4.5.1):
    a system, a business group, a virtual organisation, a division, a recorder."""

    device_key: DeviceKey
    node_id: str
    name: str
    parent_id: str = ""
    business_group_id: str = ""


@dataclass(frozen=True, slots=True)
class NewDevice:
    """What a person says of a device beforehand. None: the policy's figure, the derived secret."""

    device_id: DeviceId
    name: str | None = None
    secret: str | None = None
    sip_username: str = ""
    media_transport: str = ""
    keepalive_interval_s: float | None = None
    keepalive_misses: int | None = None


class DevicePatch(TypedDict, total=False):
    """What a person may change of a device; `name` and `secret` None go back to the default."""

    name: str | None
    secret: str | None
    sip_username: str
    media_transport: str
    keepalive_interval_s: float
    keepalive_misses: int
    profile: str | None
    profile_fields: Mapping[str, "ProfileValue | None"]
    edition_override: Edition | None


class ChannelPatch(TypedDict, total=False):
    """What a person may set over a report; None goes back to it."""

    name: str | None
    division: str | None
    overrides: Mapping[str, "str | float | Sequence[str] | None"]
    """Further fields by the names of `vms.inventory.overriding.OVERRIDABLE`; others stay."""


class WaitingVerdict(StrEnum):
    """What an unknown device's digest showed under admission `approve`."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWABLE = "unknowable"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the waiting room: one per (ID, source)."""

    device_id: DeviceId
    source_host: str
    source_port: int
    transport: str
    user_agent: str
    verdict: WaitingVerdict
    first_seen_at: datetime
    last_seen_at: datetime
    attempts: int
    refused: bool = False


@dataclass(frozen=True, slots=True)
class ReportedAlarm:
    """An alarm as a device reported it; `raw` is the message body, `cmd_type` its CmdType.

    Where it carries no time of its own, `occasion` names the request that brought it, which a
    repetition has in common with the first; `occurred_at` is then when that came.
    """

    source_id: str
    sn: int
    priority: int
    method: int
    alarm_type: int | None
    occurred_at: datetime
    description: str
    longitude: float | None
    latitude: float | None
    raw: bytes
    cmd_type: str = "Alarm"
    occasion: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An Alarm notify as stored (annex A.2.5); unique by `fingerprint` within a device."""

    alarm_id: str
    device_key: DeviceKey
    device_id: DeviceId
    source_id: str
    sn: int
    priority: int
    method: int
    alarm_type: int | None
    occurred_at: datetime
    received_at: datetime
    description: str
    longitude: float | None
    latitude: float | None
    fingerprint: str
    raw: bytes

    @property
    def event_type(self) -> int | None:
        """What an intrusion was, 1 entering or 2 leaving (AlarmTypeParam), as the body has it."""
        found = _EVENT_TYPE.search(self.raw)
        return int(found[1]) if found else None


_EVENT_TYPE: Final = re.compile(rb"<EventType>\s*([0-9]{1,9})\s*</EventType>")


class SubjectKind(StrEnum):
    """Whose ledger."""

    DEVICE = "device"
    CHANNEL = "channel"


@quickly_made
@dataclass(frozen=True, slots=True)
class Subject:
    """One line of the ledger."""

    kind: SubjectKind
    key: int


@quickly_made
@dataclass(frozen=True, slots=True)
class Transition:
    """One step of a ledger: the open interval that began at `closes_s` (None: there was none) ends
    at `at_s`, and a new one in `state` opens there. A zero-length interval is never stored: when
    `closes_s == at_s` the open row's state and cause are replaced. Ledger seconds, UTC epoch.
    `opens` False ends the ledger of a removed subject.
    """

    subject: Subject
    at_s: int
    closes_s: int | None
    state: State
    cause: Cause
    opens: bool = True


@dataclass(frozen=True, slots=True)
class Interval:
    """Half-open [start_s, end_s) in ledger seconds; `end_s` None while it lasts."""

    subject: Subject
    start_s: int
    end_s: int | None
    state: State
    cause: Cause
