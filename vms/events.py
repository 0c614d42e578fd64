"""What has happened, in the past tense, for those who only watch."""

import asyncio
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from vms.frozen import quickly_made


@dataclass(frozen=True, slots=True)
class DeviceCameOnline:
    """A device registered, or was heard again after a silence. `cause` is a ledger cause.

    `is_flapping`: it comes and goes; that is told to people once, by `DeviceFlaps`.
    """

    device_id: str
    at: datetime
    cause: str
    is_flapping: bool = False


@dataclass(frozen=True, slots=True)
class DeviceWentOffline:
    """A device fell silent past its limit, unregistered, or closed its connection."""

    device_id: str
    at: datetime
    cause: str
    silent_s: float
    is_flapping: bool = False


@dataclass(frozen=True, slots=True)
class DeviceAdded:
    """A device was put on file."""

    device_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """What is on file of a device was changed by a person, or the device said who it is."""

    device_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceRemoved:
    """A device was taken off file."""

    device_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceWaits:
    """An unknown device asks to be let in."""

    device_id: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class CatalogProgress:
    """A part of a catalogue arrived: `received` of `announced` items; `finished` on the last."""

    device_id: str
    at: datetime
    received: int
    announced: int
    finished: bool


@dataclass(frozen=True, slots=True)
class CatalogChanged:
    """Channels of a device were added, removed or changed."""

    device_id: str
    at: datetime
    added: int
    removed: int
    changed: int


@quickly_made
@dataclass(frozen=True, slots=True)
class ChannelStateChanged:
    """A channel's ledger state changed."""

    device_id: str
    channel_id: str
    at: datetime
    state: str
    cause: str


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """An alarm was stored."""

    alarm_id: str
    device_id: str
    source_id: str
    at: datetime
    priority: int
    method: int
    alarm_type: int | None


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """A session entered another state, or its viewers changed."""

    session_id: str
    device_id: str
    channel_id: str
    at: datetime
    state: str
    viewers: int
    reason: str


@dataclass(frozen=True, slots=True)
class DevicesWentOffline:
    """Many devices went within seconds: `common` says what they share, where they share anything
    (`10.20.0.0/16`, or a division such as `340200`). Each has its own `DeviceWentOffline` too."""

    at: datetime
    count: int
    common: str


@dataclass(frozen=True, slots=True)
class FaultReported:
    """The faults a device tells with its keepalives changed (9.6): `faulty` channels, and whether
    the device itself says that it works."""

    device_id: str
    at: datetime
    works: bool
    faulty: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignAddress:
    """Somebody spoke as a device from where it is not bound, and was refused."""

    device_id: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class SubscriptionChanged:
    """A subscription at a device (9.11) entered another state; `error` where it failed."""

    device_id: str
    kind: str
    at: datetime
    state: str
    error: str


@dataclass(frozen=True, slots=True)
class RegistrationFailed:
    """A REGISTER was refused, or goes round in circles. `device_id` is what it claims to be, `why`
    a cause of `vms.signalling.registration_history.Cause`. One a minute for each pair of them."""

    device_id: str
    at: datetime
    source: str
    why: str


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A job got on: `kind` is `records`, `snapshot` or `upgrade`, `state` as the job tells it.

    `done` of `total` are days, pictures or steps; `total` 0 where it is not known.
    """

    job_id: str
    device_id: str
    at: datetime
    kind: str
    state: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class MovementNotStopped:
    """A camera may still be moving: it did not confirm the order to stop."""

    device_id: str
    channel_id: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class NoticeReceived:
    """A notification of a device was stored; `cmd_type` as the standard names it, or the device."""

    notice_id: str
    device_id: str
    source_id: str
    at: datetime
    cmd_type: str


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """The latest position of a device or channel; told once a second at most for each."""

    device_id: str
    source_id: str
    at: datetime
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class AnomalyFound:
    """Something is odd about an ID or a parent; `kind` as in the list of anomalies."""

    device_id: str
    channel_id: str | None
    at: datetime
    kind: str


@dataclass(frozen=True, slots=True)
class DuplicateDevice:
    """A second unit asked to register with the ID of one that is there, and was refused."""

    device_id: str
    at: datetime
    bound_address: str
    refused_address: str


@dataclass(frozen=True, slots=True)
class DeviceFlaps:
    """A device fell silent so often within an hour that its comings and goings are told no more
    until it has settled (`is_over`); the ledger has them all."""

    device_id: str
    at: datetime
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class ClockDrifted:
    """A device's clock was found to be too far from ours (`offset_s` ahead, behind: negative), or
    right again (`is_over`)."""

    device_id: str
    at: datetime
    offset_s: float
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class ServerWasAbsent:
    """This server was not running, or stood still, from `since` until `at`: nobody was observing
    `devices` devices."""

    since: datetime
    at: datetime
    devices: int


@dataclass(frozen=True, slots=True)
class OutageBegan:
    """Devices or channels were lost together; `cause` is a word of
    `vms.inventory.outage_records.OutageCause`."""

    outage_id: str
    at: datetime
    cause: str
    devices: int
    channels: int


@dataclass(frozen=True, slots=True)
class OutageChanged:
    """More belongs to an outage, some of it is back, or its cause is judged otherwise."""

    outage_id: str
    at: datetime
    cause: str
    devices: int
    channels: int
    away: int


@dataclass(frozen=True, slots=True)
class OutageEnded:
    """All of it has been back for a while; `at` is when the last of it came back. Where it turned
    out to be part of another one, `merged_into` names that."""

    outage_id: str
    at: datetime
    cause: str
    merged_into: str = ""


Event = (
    DeviceCameOnline
    | DeviceWentOffline
    | DeviceAdded
    | DeviceRemoved
    | DeviceWaits
    | CatalogProgress
    | CatalogChanged
    | ChannelStateChanged
    | AlarmRaised
    | SessionChanged
    | DevicesWentOffline
    | FaultReported
    | ForeignAddress
    | SubscriptionChanged
    | RegistrationFailed
    | JobProgress
    | MovementNotStopped
    | NoticeReceived
    | PositionChanged
    | AnomalyFound
    | DuplicateDevice
    | DeviceFlaps
    | DeviceChanged
    | ClockDrifted
    | ServerWasAbsent
    | OutageBegan
    | OutageChanged
    | OutageEnded
)


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event with its place in the stream: what `Last-Event-ID` resumes from."""

    number: int
    event: Event


class Subscription:
    """A bounded view of the bus. When full, the oldest events give way and `missed` counts them."""

    def __init__(self, capacity: int) -> None:
        self.missed = 0
        self._waiting: deque[Numbered] = deque(maxlen=capacity)
        self._arrived = asyncio.Event()

    def offer(self, numbered: Numbered) -> None:
        """Called by the bus."""
        if len(self._waiting) == self._waiting.maxlen:
            self.missed += 1
        self._waiting.append(numbered)
        self._arrived.set()

    def next_there(self) -> Numbered | None:
        """The next event where one is there; waiting with a limit costs more than most events."""
        return self._waiting.popleft() if self._waiting else None

    async def next(self) -> Numbered:
        """Waits for the next event."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()


class EventBus:
    """Tells every subscriber what happened; never waits for one.

    Keeps the last `history` events so that a reader that lost its connection resumes.
    """

    def __init__(self, history: int = 10_000) -> None:
        self._history: deque[Numbered] = deque(maxlen=history)
        self._subscriptions: dict[Subscription, frozenset[type]] = {}
        """Each with the kinds of events that it wants; none: all."""
        self._number = 0

    @property
    def last_number(self) -> int:
        """The number of the newest event, 0 before the first."""
        return self._number

    @property
    def first_number(self) -> int:
        """The oldest number still kept; one above `last_number` where nothing is."""
        return self._history[0].number if self._history else self._number + 1

    def publish(self, event: Event) -> None:
        """Hand an event to all who watch."""
        self._number += 1
        numbered = Numbered(self._number, event)
        self._history.append(numbered)
        for subscription, kinds in self._subscriptions.items():
            if not kinds or type(event) in kinds:
                subscription.offer(numbered)

    @contextmanager
    def subscribe(
        self, capacity: int, after: int | None = None, kinds: Iterable[type] = ()
    ) -> Generator[Subscription]:
        """Watch while inside the block; `after` replays what is still kept behind that number.

        Whoever wants some `kinds` of events only should say so: a catalogue may bring thousands.
        """
        subscription = Subscription(capacity)
        wanted = frozenset(kinds)
        if after is not None:
            for numbered in self._history:
                if numbered.number > after and (not wanted or type(numbered.event) in wanted):
                    subscription.offer(numbered)
        self._subscriptions[subscription] = wanted
        try:
            yield subscription
        finally:
            self._subscriptions.pop(subscription, None)
