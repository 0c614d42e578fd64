"""Who was in which state, and since when: the clock, the derivation and the rules of the ledger.

The ledger of a subject is a row of intervals, half-open, in whole UTC seconds, without gap and
without overlap, from the moment the subject was put on file. Facts are stored, states are derived:
`device_state` and `channel_state` are the only places where a state is decided.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from vms.clock import Clock
from vms.inventory.model import Cause, Interval, State, Subject, Transition
from vms.inventory.presence import Reach
from vms.inventory.store import ClockStep

STEP_TOLERANCE_S = 2.0
"""A wall clock that moved further against the monotonic one was stepped."""

PROOF_WINDOW_S = 3600.0
"""So long a picture proves a channel."""

_OBSERVED = frozenset({State.ONLINE_PROVEN, State.ONLINE_SIGNALLED, State.OFFLINE})


class LedgerClock:
    """Ledger time: the wall clock as it was at start, plus monotonic time since.

    A step of the wall clock while we run is noted and not followed; the next start takes the wall
    clock of that moment. It never begins before `not_before_s`, the last second already written.
    """

    def __init__(self, clock: Clock, not_before_s: int | None = None) -> None:
        self._clock = clock
        self._started_at = clock.monotonic()
        wall = clock.wall()
        if not_before_s is not None:
            wall = max(wall, datetime.fromtimestamp(not_before_s, UTC))
        self._anchor = wall
        self._anchor_us = round(wall.timestamp() * 1_000_000)
        self._drift_s = self._measure_drift_s()

    def moment(self, monotonic_s: float | None = None) -> datetime:
        """The label of a monotonic reading, by default of now."""
        if monotonic_s is None:
            monotonic_s = self._clock.monotonic()
        return self._anchor + timedelta(seconds=monotonic_s - self._started_at)

    def moment_us(self, monotonic_s: float) -> int:
        """The same in microseconds since 1970: for those that are made by the thousand."""
        return self._anchor_us + round((monotonic_s - self._started_at) * 1_000_000)

    def now_s(self) -> int:
        """The whole ledger second that is running."""
        return int(self.moment().timestamp())

    def step(self) -> ClockStep | None:
        """The wall clock's step since the last call, if there was one."""
        drift_s = self._measure_drift_s()
        step_s = drift_s - self._drift_s
        if abs(step_s) <= STEP_TOLERANCE_S:
            return None
        self._drift_s = drift_s
        return ClockStep(at_s=self.now_s(), step_s=step_s)

    def _measure_drift_s(self) -> float:
        return (self._clock.wall() - self.moment()).total_seconds()


def device_state(reach: Reach) -> State:
    """What the ledger says of a device; whether its pictures play is its channels' affair."""
    match reach:
        case Reach.NEVER_SEEN:
            return State.NOT_COMMISSIONED
        case Reach.UNKNOWN:
            return State.UNKNOWN
        case Reach.ONLINE:
            return State.ONLINE_SIGNALLED
        case Reach.OFFLINE:
            return State.OFFLINE


def channel_state(
    device: State, *, is_listed_on: bool, is_proven: bool, is_planned: bool = False
) -> State:
    """What the ledger says of a channel.

    The device comes first: nobody reaches a camera behind an unreachable device, and what is not
    known of the device is not known of the camera. Then the picture: a camera that was just seen is
    there, whatever the catalogue says. Then the catalogue: `is_listed_on` when its last word was ON
    and its last complete answer named the channel. Ahead of all of it: a camera that is planned
    only, for no device has named it yet, is not commissioned, whatever its device does.
    """
    if is_planned and not is_proven:
        return State.NOT_COMMISSIONED
    if device is not State.ONLINE_SIGNALLED:
        return device
    if is_proven:
        return State.ONLINE_PROVEN
    return State.ONLINE_SIGNALLED if is_listed_on else State.OFFLINE


def is_online(state: State) -> bool:
    """The two states that count as online seconds."""
    return state in {State.ONLINE_PROVEN, State.ONLINE_SIGNALLED}


def absence(open_intervals: Iterable[Interval], last_life_s: int | None) -> list[Transition]:
    """What nobody observed: from the last sign of our own life, every observed state is unknown.

    An interval that was opened after the last life mark becomes unknown from its beginning. What
    needs no observer stays: nobody can register with a server that is not there, and an order that
    excludes a camera holds without us.
    """
    return [
        Transition(
            subject=interval.subject,
            at_s=max(interval.start_s, last_life_s or interval.start_s),
            closes_s=interval.start_s,
            state=State.UNKNOWN,
            cause=Cause.SERVER_ABSENT,
        )
        for interval in open_intervals
        if interval.state in _OBSERVED
    ]


@dataclass(frozen=True, slots=True)
class Breach:
    """A place where a subject's intervals do not add up.

    `missing_s` are seconds without a state; negative where two intervals claim the same seconds;
    None where an interval was left open and another followed.
    """

    subject: Subject
    at_s: int
    missing_s: int | None


def breaches(intervals: Sequence[Interval]) -> list[Breach]:
    """Where conservation fails. `intervals` by subject, then start; an open one comes last."""
    found: list[Breach] = []
    for earlier, later in pairwise(intervals):
        if earlier.subject != later.subject:
            continue
        if earlier.end_s is None:
            found.append(Breach(later.subject, later.start_s, None))
        elif earlier.end_s != later.start_s:
            found.append(Breach(later.subject, later.start_s, later.start_s - earlier.end_s))
    return found
