"""Subscriptions at devices (GB/T 28181-2022, 9.11; RFC 6665): one machine for each. Pure.

`now` is monotonic seconds; `deadline` says when `tick` has something to do. `dice` is a number from
0 to 1, thrown by the caller, that spreads repetitions. An attempt is one SUBSCRIBE and its answer:
what comes of an attempt that is over changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vms.gb28181.ids import IdParts, Kind, kind_of

REFRESH_AT = 0.8
"""Of the granted time."""

SHORTEST_ROUND_S = 30.0
"""A device that grants less is not asked more often."""

FIRST_PAUSE_S = 30.0
LONGEST_PAUSE_S = 3600.0
REFUSED_PAUSE_S = 86_400.0
"""A device that does not know the event may learn it with new firmware."""

UNSUPPORTED = frozenset({405, 415, 420, 488, 489, 501, 603, 606})
"""What a device answers that will not answer otherwise in an hour."""

FINAL_REASONS = frozenset({"rejected", "noresource", "invariant"})
"""Ends after which RFC 6665 (4.1.3) wants no new subscription."""


class SubscriptionKind(StrEnum):
    """What can be subscribed (9.11.1); the last since 2022."""

    CATALOG = "catalog"
    ALARM = "alarm"
    POSITION = "position"
    PTZ_POSITION = "ptz_position"


_MOBILE = 138
"""The type code of a mobile transmission device."""


def wanted_kinds(
    device_id: str, switches: Mapping[SubscriptionKind, bool | None]
) -> frozenset[SubscriptionKind]:
    """What to subscribe at a device: by its switches, and where they are None by what it is.

    Alarms of all; changes of the catalogue where there is more than one camera to change;
    positions of what moves.
    """
    parts = IdParts.of(device_id)
    by_nature = {
        SubscriptionKind.CATALOG: kind_of(device_id) is not Kind.CAMERA,
        SubscriptionKind.ALARM: True,
        SubscriptionKind.POSITION: parts is not None and parts.type_code == _MOBILE,
        SubscriptionKind.PTZ_POSITION: False,
    }
    return frozenset(
        kind
        for kind, is_usual in by_nature.items()
        if (is_usual if (switch := switches.get(kind)) is None else switch)
    )


class SubscriptionState(StrEnum):
    """How a subscription stands."""

    IDLE = "idle"
    """Not wanted, or its device is not there."""
    WAITING = "waiting"
    """For its turn."""
    ASKING = "asking"
    ACTIVE = "active"
    REFRESHING = "refreshing"
    FAILED = "failed"
    """To be tried again after a pause that grows."""
    REFUSED = "refused"
    """The device does not support it; asked again a day later."""
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send a SUBSCRIBE outside any dialog."""

    attempt: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class Refresh:
    """Send a SUBSCRIBE in the dialog."""

    attempt: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class End:
    """Send a SUBSCRIBE in the dialog with `Expires: 0`."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop the dialog without a word."""


Effect = Subscribe | Refresh | End | Forget
_NOTHING: tuple[Effect, ...] = ()
_ATTEMPTING = frozenset(
    {SubscriptionState.ASKING, SubscriptionState.REFRESHING, SubscriptionState.ENDING}
)


class SubscriptionMachine:
    """One (device, kind). `expires_at` is when the device lets it lapse, unless refreshed."""

    __slots__ = (
        "_attempt",
        "_expires_s",
        "_failures",
        "_is_present",
        "_is_wanted",
        "deadline",
        "error",
        "expires_at",
        "since",
        "state",
    )

    def __init__(self, expires_s: int, now: float) -> None:
        self.state = SubscriptionState.IDLE
        self.since = now
        self.deadline: float | None = None
        self.expires_at: float | None = None
        self.error = ""
        self._expires_s = expires_s
        self._attempt = 0
        self._failures = 0
        self._is_wanted = False
        self._is_present = False

    @property
    def is_wanted(self) -> bool:
        """Whether it is to be held while the device is there."""
        return self._is_wanted

    def is_current(self, attempt: int) -> bool:
        """Whether somebody still waits for what comes of `attempt`."""
        return attempt == self._attempt and self.state in _ATTEMPTING

    def want(self, now: float, delay_s: float = 0.0) -> Sequence[Effect]:
        """Hold it from now on; the first attempt comes after `delay_s`."""
        self._is_wanted = True
        return self._begin(now, delay_s)

    def unwant(self, now: float) -> Sequence[Effect]:
        """Hold it no more: what is there is ended."""
        self._is_wanted = False
        match self.state:
            case SubscriptionState.ACTIVE | SubscriptionState.REFRESHING:
                self._enter(SubscriptionState.ENDING, now)
                self._attempt += 1
                return (End(self._attempt),)
            case SubscriptionState.ENDING:
                return _NOTHING
            case _:
                self._enter(SubscriptionState.IDLE, now)
                return _NOTHING

    def appeared(self, now: float, delay_s: float = 0.0) -> Sequence[Effect]:
        """The device is there: the first attempt comes after `delay_s`."""
        self._is_present = True
        return self._begin(now, delay_s)

    def vanished(self, now: float) -> Sequence[Effect]:
        """The device is gone, and with it what it knew of us."""
        self._is_present = False
        self._failures = 0
        if self.state is SubscriptionState.IDLE:
            return _NOTHING
        self._enter(SubscriptionState.IDLE, now)
        return (Forget(),)

    def renew(self, now: float) -> Sequence[Effect]:
        """Somebody doubts that the device still knows: ask at once, whatever pause was left."""
        match self.state:
            case SubscriptionState.ACTIVE:
                return self._refresh(now)
            case SubscriptionState.FAILED | SubscriptionState.REFUSED | SubscriptionState.WAITING:
                self._wait(now, 0.0)
                return _NOTHING
            case _:
                return _NOTHING

    def accepted(self, attempt: int, granted_s: int | None, now: float) -> Sequence[Effect]:
        """A 2xx; without a usable Expires it lasts as long as we asked for."""
        if not self.is_current(attempt) or self.state is SubscriptionState.ENDING:
            return _NOTHING
        if granted_s is None or not 0 < granted_s < self._expires_s:
            granted_s = self._expires_s
        self._enter(SubscriptionState.ACTIVE, now)
        self._failures = 0
        self.expires_at = now + granted_s
        self.deadline = now + max(granted_s * REFRESH_AT, SHORTEST_ROUND_S)
        return _NOTHING

    def failed(
        self,
        attempt: int,
        status: int | None,
        now: float,
        dice: float,
        *,
        error: str = "",
        shortest_s: int | None = None,
    ) -> Sequence[Effect]:
        """A refusal, or with `status` None no answer. `shortest_s` is the Min-Expires of a 423.

        Many devices know no refresh: after a failed one comes a new dialog, at once.
        """
        if not self.is_current(attempt):
            return _NOTHING
        if self.state is SubscriptionState.ENDING:
            return self.ended(attempt, now)
        if self.state is SubscriptionState.REFRESHING:
            return (Forget(), *self._ask(now))
        if status == 423 and shortest_s is not None and self._expires_s < shortest_s < 2**31:
            self._expires_s = shortest_s
        self._give_up(status in UNSUPPORTED, now, dice, error)
        return _NOTHING

    def ended_by_device(self, reason: str, now: float, dice: float) -> Sequence[Effect]:
        """A NOTIFY with `Subscription-State: terminated`."""
        if self.state in {SubscriptionState.ACTIVE, SubscriptionState.REFRESHING}:
            error = f"ended by the device: {reason or 'no reason given'}"
            self._give_up(reason.lower() in FINAL_REASONS, now, dice, error)
            return (Forget(),)
        return _NOTHING

    def ended(self, attempt: int, now: float) -> Sequence[Effect]:
        """The answer to `End`, whatever it was; it may be wanted again by now."""
        if not self.is_current(attempt) or self.state is not SubscriptionState.ENDING:
            return _NOTHING
        self._enter(SubscriptionState.IDLE, now)
        return (Forget(), *self._begin(now, 0.0))

    def tick(self, now: float) -> Sequence[Effect]:
        """Let time pass."""
        if self.deadline is None or now < self.deadline:
            return _NOTHING
        if self.state is SubscriptionState.ACTIVE:
            return self._refresh(now)
        return self._ask(now)

    def _begin(self, now: float, delay_s: float) -> Sequence[Effect]:
        if self._is_wanted and self._is_present and self.state is SubscriptionState.IDLE:
            self._wait(now, delay_s)
        return _NOTHING

    def _wait(self, now: float, delay_s: float) -> None:
        self._enter(SubscriptionState.WAITING, now)
        self.deadline = now + delay_s

    def _ask(self, now: float) -> Sequence[Effect]:
        self._enter(SubscriptionState.ASKING, now, keeps_error=True)
        self._attempt += 1
        return (Subscribe(self._attempt, self._expires_s),)

    def _refresh(self, now: float) -> Sequence[Effect]:
        lasts_until = self.expires_at
        self._enter(SubscriptionState.REFRESHING, now)
        self.expires_at = lasts_until
        self._attempt += 1
        return (Refresh(self._attempt, self._expires_s),)

    def _give_up(self, is_final: bool, now: float, dice: float, error: str) -> None:
        state = SubscriptionState.REFUSED if is_final else SubscriptionState.FAILED
        self._enter(state, now)
        self.error = error
        self._failures += 1
        pause_s = min(FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10), LONGEST_PAUSE_S)
        if is_final:
            pause_s = REFUSED_PAUSE_S
        self.deadline = now + pause_s * (0.75 + dice / 2)

    def _enter(self, state: SubscriptionState, now: float, *, keeps_error: bool = False) -> None:
        self.state = state
        self.since = now
        self.deadline = None
        self.expires_at = None
        if not keeps_error:
            self.error = ""
