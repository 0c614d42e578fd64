"""Is a device there (GB/T 28181-2022, 9.6)? Signs of life and deadlines in, changes out.

Pure: `now` is monotonic seconds, `deadline` says when `tick` may have something to say.

The rules, in the order they bite:

- Silence: nothing heard for `interval * misses` takes a device offline. The interval is the
  device's own, learned from its keepalives, within bounds; the one on file until then.
- A registration that ran out does no harm to a device that keeps sending keepalives (some never
  register again); without them it ends 10 s later.
- A closed TCP connection ends in 30 s, unless the device is heard again.
- Unregistering ends at once. So do the figures: none of this touches what was before.
- Any sign of life brings a device back at once, except where it fell silent three times within an
  hour: then it has to be heard twice within its limit, so that a lossy link does not flap. A
  REGISTER always brings it back.
- After an absence of ours a device is unknown until it is heard or its limit has passed.
"""

from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from vms.inventory.model import Cause

LEARNED_GAPS = 5
"""The learned interval is the median of so many gaps between keepalives."""

GAPS_TO_LEARN_FROM = 3
"""Fewer gaps teach nothing."""

SHORTEST_LEARNED_S = 30.0
"""A device that reports more often is not taken at its word: bursts are no promise."""

LONGEST_LEARNED_S = 600.0
"""A longer gap was a pause, not an interval."""

LONGER_RHYTHM = 1.25
"""A learned interval that is so much longer than the one on file is worth keeping over restarts."""

EXPIRY_GRACE_S = 10.0
RECONNECT_LIMIT_S = 30.0
FLAPS_BEFORE_SETTLING = 3
FLAP_MEMORY_S = 3600.0


class Reach(Enum):
    """Where a device stands."""

    NEVER_SEEN = auto()
    UNKNOWN = auto()
    ONLINE = auto()
    OFFLINE = auto()


@dataclass(frozen=True, slots=True)
class CameOnline:
    """The device is there (again)."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class WentOffline:
    """The device is gone; `silent_s` since it was last heard."""

    cause: Cause
    silent_s: float


Change = CameOnline | WentOffline
_NOTHING: tuple[Change, ...] = ()


class Presence:
    """One device. A sign of life that changes nothing costs a microsecond and no allocation."""

    __slots__ = (
        "_falls",
        "_gaps",
        "_interval_s",
        "_learned_s",
        "_lost_connection_at",
        "_misses",
        "_observed_from",
        "_settling_since",
        "expires_at",
        "heard_at",
        "keepalive_at",
        "reach",
        "registered_at",
    )

    def __init__(self, interval_s: float, misses: int) -> None:
        self.reach = Reach.NEVER_SEEN
        self.heard_at: float | None = None
        self.keepalive_at: float | None = None
        self.registered_at: float | None = None
        self.expires_at: float | None = None
        self._interval_s = interval_s
        self._misses = misses
        self._learned_s: float | None = None
        self._gaps: array[float] | None = None
        self._falls: deque[float] | None = None
        self._settling_since: float | None = None
        self._lost_connection_at: float | None = None
        self._observed_from: float | None = None

    @property
    def interval_s(self) -> float:
        """The keepalive interval believed in: learned, else as configured."""
        return self._interval_s if self._learned_s is None else self._learned_s

    @property
    def limit_s(self) -> float:
        """Silence beyond this is absence."""
        return self.interval_s * self._misses

    @property
    def deadline(self) -> float | None:
        """When `tick` may have something to say; None while there is nothing to wait for."""
        if self.reach is Reach.UNKNOWN and self._observed_from is not None:
            return self._observed_from + self.limit_s
        if self.reach is not Reach.ONLINE or self.heard_at is None:
            return None
        deadline = self.heard_at + self.limit_s
        if self._ends_with_its_registration(self.heard_at) and self.expires_at is not None:
            deadline = min(deadline, self.expires_at + EXPIRY_GRACE_S)
        if self._lost_connection_at is not None:
            deadline = min(deadline, self._lost_connection_at + RECONNECT_LIMIT_S)
        return deadline

    def is_expired(self, now: float) -> bool:
        """Its registration ran out, and it is online by its keepalives alone."""
        return self.expires_at is not None and now >= self.expires_at

    def is_flapping(self, now: float) -> bool:
        """It fell silent so often within the hour that it has to prove itself."""
        falls = self._falls
        return (
            falls is not None
            and len(falls) == FLAPS_BEFORE_SETTLING
            and now - falls[0] <= FLAP_MEMORY_S
        )

    def is_alive(self, now: float) -> bool:
        """Heard so recently that a second unit cannot be the same one on a new address."""
        return (
            self.reach is Reach.ONLINE
            and self._lost_connection_at is None
            and self.heard_at is not None
            and now - self.heard_at < 1.5 * self.interval_s
        )

    def configure(self, interval_s: float, misses: int) -> None:
        """New figures from a person; what was learned is forgotten."""
        self._interval_s = interval_s
        self._misses = misses
        self._learned_s = None
        self._gaps = None

    def registered(self, now: float, expires_s: float) -> Sequence[Change]:
        """A REGISTER with the right digest."""
        self.registered_at = now
        self.expires_at = now + expires_s
        self._hear(now)
        self._settling_since = None
        return self._come(Cause.REGISTERED)

    def keepalive(self, now: float) -> Sequence[Change]:
        """A Keepalive from where the device is registered."""
        last, self.keepalive_at = self.keepalive_at, now
        if last is not None:
            self._learn(now - last)
        return self.heard(now)

    def heard(self, now: float) -> Sequence[Change]:
        """Any request from where the device is registered, or its picture."""
        if self.reach is Reach.ONLINE:
            self.heard_at = now
            self._lost_connection_at = None
            return _NOTHING
        settled = self.reach is Reach.UNKNOWN or self._is_settled(now)
        self._hear(now)
        return self._come(Cause.KEEPALIVE) if settled else _NOTHING

    def unregistered(self, now: float) -> Sequence[Change]:
        """A REGISTER with `Expires: 0`, or an operator's removal of the binding."""
        self.expires_at = None
        self._lost_connection_at = None
        return self._go(Cause.UNREGISTERED, now)

    def connection_lost(self, now: float) -> None:
        """The TCP connection it registered over was closed."""
        if self.reach is Reach.ONLINE and self._lost_connection_at is None:
            self._lost_connection_at = now

    def observer_returned(self, now: float, remaining_s: float | None = None) -> None:
        """We were away: nothing is known until it is heard or its limit has passed.

        `remaining_s` is what is left of its registration where that is not known from before.
        """
        if self.reach is Reach.NEVER_SEEN and remaining_s is None:
            return
        if remaining_s is not None:
            self.expires_at = now + remaining_s
        self.reach = Reach.UNKNOWN
        self.keepalive_at = None
        self._observed_from = now
        self._lost_connection_at = None
        self._settling_since = None

    def tick(self, now: float) -> Sequence[Change]:
        """Let time pass."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return _NOTHING
        if self.reach is Reach.UNKNOWN:
            return self._go(Cause.GRACE_PASSED, now)
        if self._lost_connection_at is not None:
            return self._go(Cause.CONNECTION_LOST, now)
        if self._falls is None:
            self._falls = deque(maxlen=FLAPS_BEFORE_SETTLING)
        self._falls.append(now)
        return self._go(Cause.SILENT, now)

    def _hear(self, now: float) -> None:
        self.heard_at = now
        self._lost_connection_at = None

    def _come(self, cause: Cause) -> Sequence[Change]:
        if self.reach is Reach.ONLINE:
            return _NOTHING
        self.reach = Reach.ONLINE
        self._settling_since = None
        return (CameOnline(cause),)

    def _go(self, cause: Cause, now: float) -> Sequence[Change]:
        if self.reach is Reach.OFFLINE:
            return _NOTHING
        self.reach = Reach.OFFLINE
        self._lost_connection_at = None
        since = self._observed_from if self.heard_at is None else self.heard_at
        silent_s = 0.0 if since is None else now - since
        return (WentOffline(cause, silent_s),)

    def _ends_with_its_registration(self, heard_at: float) -> bool:
        """It registered, sent no keepalive since, and was not heard after the end either."""
        if self.expires_at is None or heard_at >= self.expires_at + EXPIRY_GRACE_S:
            return False
        keepalive_at, registered_at = self.keepalive_at, self.registered_at
        return keepalive_at is None or (registered_at is not None and keepalive_at < registered_at)

    def _is_settled(self, now: float) -> bool:
        """A device that flaps comes back at its second sign of life within the limit."""
        since = self._settling_since
        if not self.is_flapping(now) or (since is not None and now - since <= self.limit_s):
            return True
        self._settling_since = now
        return False

    def _learn(self, gap_s: float) -> None:
        if gap_s > LONGEST_LEARNED_S:
            return
        if self._gaps is None:
            self._gaps = array("d")  # a deque is six times as large, and there are many devices
        gaps = self._gaps
        if len(gaps) == LEARNED_GAPS:
            del gaps[0]
        gaps.append(gap_s)
        if len(gaps) < GAPS_TO_LEARN_FROM:
            return
        shortest_s = min(SHORTEST_LEARNED_S, self._interval_s)
        # The lower median; `statistics.median_low` takes three times as long.
        self._learned_s = max(shortest_s, sorted(gaps)[(len(gaps) - 1) // 2])
