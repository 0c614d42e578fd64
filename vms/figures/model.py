"""What is asked of the figures, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vms.figures.dimensions import Dimension
from vms.inventory.model import State
from vms.inventory.placement import Place

SAMPLE_S = 3600
"""What a sample stands for."""


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open, in ledger seconds."""

    start_s: int
    end_s: int

    @property
    def length_s(self) -> int:
        """Whole seconds."""
        return self.end_s - self.start_s


class Method(StrEnum):
    """How seconds are counted."""

    INTEGRAL = "integral"
    """Every one of them."""
    SAMPLED = "sampled"
    """By the state at each full hour of the site's clock, 3600 s a sample: as cities did it."""


class Every(StrEnum):
    """How a window is cut, at the borders of the site's calendar; weeks begin on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    WHOLE = "whole"


class Verdict(StrEnum):
    """What a rate is worth, and whether it reaches the target."""

    MET = "met"
    MISSED = "missed"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"


@dataclass(frozen=True, slots=True)
class Targets:
    """What a rate has to reach, and how much of the time has to be covered for a verdict."""

    online_rate: float = 0.90
    coverage: float = 0.95


@dataclass(frozen=True, slots=True)
class Seconds:
    """Whole seconds by ledger state."""

    proven_s: int = 0
    signalled_s: int = 0
    offline_s: int = 0
    unknown_s: int = 0
    excluded_s: int = 0
    not_commissioned_s: int = 0

    @property
    def online_s(self) -> int:
        """Proven and signalled."""
        return self.proven_s + self.signalled_s

    @property
    def total_s(self) -> int:
        """All of them."""
        return (
            self.online_s
            + self.offline_s
            + self.unknown_s
            + self.excluded_s
            + self.not_commissioned_s
        )

    @property
    def online_rate(self) -> float | None:
        """Online over observed seconds; None where nothing was observed."""
        observed_s = self.online_s + self.offline_s
        return self.online_s / observed_s if observed_s else None

    @property
    def coverage(self) -> float | None:
        """The share of the seconds that count in which somebody was observing; None: none count."""
        observed_s = self.online_s + self.offline_s
        counting_s = observed_s + self.unknown_s
        # Not 1 - unknown / counting: of 7 % unknown that leaves less than 0.93.
        return observed_s / counting_s if counting_s else None

    def verdict(self, targets: Targets) -> Verdict:
        """Against the target, where the evidence allows one."""
        rate, coverage = self.online_rate, self.coverage
        if rate is None or coverage is None or coverage < targets.coverage:
            return Verdict.INSUFFICIENT_EVIDENCE
        return Verdict.MET if rate >= targets.online_rate else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class OutageFigures:
    """Outages of the channels of a row: runs of offline that no online interrupts.

    One that reaches over the window's border counts with what lies within. `ended`: an online
    second followed it in the window. `longest_s` is the longest of any channel of the row.
    """

    outages: int
    ended: int
    longest_s: int


@dataclass(frozen=True, slots=True)
class RateRow:
    """Seconds by state of `channels` channels together, in one window, for one key or two.

    By `Method.SAMPLED`, `samples` were counted and the seconds are 3600 each; else it is None.
    `outage_figures` is None for windows of an hour, of which no outages are kept.
    """

    key: str
    name: str
    window: Window
    channels: int
    seconds: Seconds
    targets: Targets
    outage_figures: OutageFigures | None = None
    samples: int | None = None
    key2: str | None = None
    name2: str | None = None

    @property
    def total_s(self) -> int:
        """All seconds of the row."""
        return self.seconds.total_s

    @property
    def online_rate(self) -> float | None:
        """Online over observed seconds; None where nothing was observed."""
        return self.seconds.online_rate

    @property
    def coverage(self) -> float | None:
        """The share of the seconds that count in which somebody was observing; None: none count."""
        return self.seconds.coverage

    @property
    def verdict(self) -> Verdict:
        """Against the target, where the evidence allows one."""
        return self.seconds.verdict(self.targets)

    @property
    def mtbf_s(self) -> float | None:
        """Mean time between failures: online seconds an outage; None without outages."""
        found = self.outage_figures
        return self.seconds.online_s / found.outages if found and found.outages else None

    @property
    def mttr_s(self) -> float | None:
        """Mean time to repair: offline seconds an outage that ended; None where none did."""
        found = self.outage_figures
        return self.seconds.offline_s / found.ended if found and found.ended else None


NO_FILTERS: Mapping[Dimension, str] = {}


@dataclass(frozen=True, slots=True)
class Selection:
    """From `start` up to `end` (both aware; the end is cut at now), and of what.

    `filters` narrow it: seconds of channels whose place, at that time, has these keys. An empty key
    takes what nobody told.
    """

    start: datetime
    end: datetime
    filters: Mapping[Dimension, str] = field(default_factory=lambda: NO_FILTERS)


@dataclass(frozen=True, slots=True)
class RateQuery(Selection):
    """Rates by one dimension, or two crossed, in each interval of the window."""

    group_by: tuple[Dimension, ...] = (Dimension.ALL,)
    every: Every = Every.WHOLE
    method: Method = Method.INTEGRAL


class WorstBy(StrEnum):
    """In which order the worst come."""

    OFFLINE = "offline_s"
    OUTAGES = "outages"
    LONGEST = "longest_outage_s"


@dataclass(frozen=True, slots=True)
class UnderTheLine:
    """Who stands under the target, and since how many intervals without a break.

    Intervals without enough evidence neither count nor break the row. `latest` is the last interval
    that was judged.
    """

    latest: RateRow
    periods: int


@dataclass(frozen=True, slots=True)
class CutInterval:
    """A stretch of a channel's past as the figures count it: exclusions laid over the ledger."""

    start_s: int
    end_s: int
    state: State
    place: Place


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Whether the figures add up, as last looked: `channels` and `seconds` that were counted, and
    what was wrong, in words; nothing, nearly always. Before the first look `checked_at` is None.
    """

    checked_at: datetime | None = None
    channels: int = 0
    seconds: int = 0
    breaches: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing was wrong."""
        return not self.breaches


@dataclass(frozen=True, slots=True)
class DivisionNow:
    """Channels on file in a division and below it, and how many of them are online now."""

    code: str
    name: str
    channels: int
    online: int

    @property
    def online_rate(self) -> float | None:
        """The instant online rate."""
        return self.online / self.channels if self.channels else None


class HeatBy(StrEnum):
    """What the lines of a heat map are; its columns are hours of the day."""

    WEEKDAY = "weekday"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class HeatCell:
    """Seconds by state in one hour of the site's clock, in all such hours of the window.

    `line` is 0 (Monday) to 6, or the day as YYYY-MM-DD.
    """

    line: str
    hour: int
    seconds: Seconds


STATE_FIELDS: Mapping[State, str] = {
    State.ONLINE_PROVEN: "proven_s",
    State.ONLINE_SIGNALLED: "signalled_s",
    State.OFFLINE: "offline_s",
    State.UNKNOWN: "unknown_s",
    State.EXCLUDED: "excluded_s",
    State.NOT_COMMISSIONED: "not_commissioned_s",
}
"""The field of `Seconds` that counts a state; in the order of `State`."""
