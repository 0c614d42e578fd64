"""An outage as it is kept: what was lost together, since when, and why; and its storage.

`vms.diagnosis.outages` writes them. Times are ledger seconds, UTC epoch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias


class OutageKind(StrEnum):
    """What is wrong with the members of an outage; one has members of one kind."""

    GONE = "gone"
    """Devices that are not there."""
    OFF = "off"
    """Channels that their device, which is there, reports as off, faulty or gone."""
    NO_MEDIA = "no_media"
    """Channels signalled online that send no picture."""
    CLOCK = "clock"
    """Devices whose clock is wrong."""
    CONFLICT = "conflict"
    """IDs that two units claim."""
    ABSENCE = "absence"
    """This server was not there; it has no members."""
    MERGED = "merged"
    """It turned out to be part of another one, which has its members."""


class OutageCause(StrEnum):
    """The likely cause of an outage; docs/outages.md says by which facts."""

    REGISTRATION_REFUSED = "registration_refused"
    REGISTRATION_EXPIRED = "registration_expired"
    REDIRECTED = "redirected"
    SERVER_OVERLOADED = "server_overloaded"
    UNREGISTERED = "unregistered"
    KEEPALIVES_STOPPED = "keepalives_stopped"
    CONNECTION_LOST = "connection_lost"
    RECORDER_LOST = "recorder_lost"
    PLATFORM_LOST = "platform_lost"
    SEGMENT_SILENT = "segment_silent"
    DIVISION_SILENT = "division_silent"
    FLAPPING = "flapping"
    CHANNEL_OFF = "channel_off"
    MEDIA_NEVER_ARRIVES = "media_never_arrives"
    CLOCK_DRIFT = "clock_drift"
    ID_CONFLICT = "id_conflict"
    SERVER_ABSENT = "server_absent"


EvidenceValue: TypeAlias = str | int | float | bool
Evidence: TypeAlias = Mapping[str, EvidenceValue]
"""Facts by name: numbers with their unit in the name, times as RFC 3339, addresses, words."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was thought to be the cause from `at_s` on."""

    at_s: int
    cause: OutageCause


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage. `ended_s` None while it lasts.

    `scope` names what its members have in common (`segment`, `division`, `parent_id`, ...);
    `devices` and `channels` count its members, the channels of lost devices included; `away` those
    devices (or channels, where it is of channels) that are not back yet; `falls` how often its
    members went. `judgements` are in order of time, the last one is `cause`.
    """

    outage_id: str
    kind: OutageKind
    cause: OutageCause
    started_s: int
    ended_s: int | None = None
    scope: Mapping[str, str] = field(default_factory=dict[str, str])
    evidence: Evidence = field(default_factory=dict[str, EvidenceValue])
    devices: int = 0
    channels: int = 0
    away: int = 0
    falls: int = 0
    judgements: tuple[Judgement, ...] = ()
    merged_into: str = ""


WITH_ITS_DEVICE = "device"
"""The way of a channel that only went along with its device."""


@dataclass(frozen=True, slots=True)
class OutageMember:
    """What was lost: a device (`channel_id` empty), or a channel of one.

    `key` is that of its row in the inventory, `way` how it was lost (a ledger cause, or the word of
    a fact), `heard_s` when it was last heard before. `until_s` None while it is not back; of one
    that came and went several times, `since_s` is the first time.
    """

    device_id: str
    channel_id: str
    key: int
    since_s: int
    until_s: int | None = None
    way: str = ""
    heard_s: int | None = None
    falls: int = 1


@dataclass(frozen=True, slots=True)
class OutageQuery:
    """Outages newest first, before `before_id`; None asks for all.

    `start_s` and `end_s` ask for those that overlap [start_s, end_s); `division` is a code of any
    level, by the members' device IDs.
    """

    is_open: bool | None = None
    start_s: int | None = None
    end_s: int | None = None
    cause: OutageCause | None = None
    division: str | None = None
    device_id: str | None = None
    before_id: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class OutageWrite:
    """What is written in one transaction: the outage as it is now, members that joined or changed,
    devices whose members are back by now with the second of their return, outages that were merged
    into it.

    `returned_devices` closes the channels that went along with a device; `left_again` opens them.
    """

    outage: Outage
    members: Sequence[OutageMember] = ()
    returned_devices: Sequence[tuple[str, int]] = ()
    left_again: Sequence[str] = ()
    merged: Sequence[str] = ()


class OutageStore(Protocol):
    """Rows of outages. Methods return after the commit and raise `UnavailableError` when the
    database cannot serve; then nothing was written."""

    async def write(self, change: OutageWrite) -> None:
        """Insert or update."""
        ...

    async def open_outages(self) -> Sequence[tuple[Outage, Sequence[OutageMember]]]:
        """Those that last, without the channels that only went along with their device."""
        ...

    async def outages(self, query: OutageQuery) -> Sequence[Outage]:
        """Newest first; merged ones are left out."""
        ...

    async def outage(self, outage_id: str) -> Outage | None:
        """One, merged ones included."""
        ...

    async def members(
        self, outage_id: str, after: tuple[str, str] | None, limit: int
    ) -> Sequence[OutageMember]:
        """In order of device and channel ID, behind `after`."""
        ...
