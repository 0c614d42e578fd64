"""A circular as it is frozen: whole seconds and words, nothing that has to be looked up again.

Only integers are kept of the figures. Rates follow from them, so that the same facts give the same
bytes, and the same bytes the same hash.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError

from vms.errors import InvalidError

PER_TEN_THOUSAND = 10_000

MOST_UNPACKED = 512 * 1024 * 1024
"""Bytes of a frozen circular; a hundred thousand cameras take a tenth of it."""


class Verdict(StrEnum):
    """What a rate is worth, and whether it reaches the target."""

    MET = "met"
    MISSED = "missed"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"


@dataclass(frozen=True, slots=True)
class Figure:
    """Seconds by state of `channels` channels together, and their outages."""

    key: str
    name: str
    channels: int
    proven_s: int
    signalled_s: int
    offline_s: int
    unknown_s: int
    excluded_s: int
    not_commissioned_s: int
    outages: int = 0
    ended_outages: int = 0
    longest_outage_s: int = 0

    @property
    def online_s(self) -> int:
        """Proven and signalled."""
        return self.proven_s + self.signalled_s

    @property
    def observed_s(self) -> int:
        """What the online rate is taken of."""
        return self.online_s + self.offline_s

    @property
    def total_s(self) -> int:
        """Every second of the row, whatever its state."""
        return self.observed_s + self.unknown_s + self.excluded_s + self.not_commissioned_s

    @property
    def online_rate(self) -> float | None:
        """None where nothing was observed."""
        return self.online_s / self.observed_s if self.observed_s else None

    @property
    def coverage(self) -> float | None:
        """The share of the seconds that count in which somebody was observing."""
        counting_s = self.observed_s + self.unknown_s
        return self.observed_s / counting_s if counting_s else None

    @property
    def mttr_s(self) -> float | None:
        """Offline seconds for each outage that ended."""
        return self.offline_s / self.ended_outages if self.ended_outages else None

    @property
    def mtbf_s(self) -> float | None:
        """Online seconds for each outage that began."""
        return self.online_s / self.outages if self.outages else None


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What is asked of everybody, in ten-thousandths."""

    target_per_ten_thousand: int = 9_000
    coverage_per_ten_thousand: int = 9_500

    @property
    def target(self) -> float:
        """The online rate that is asked for."""
        return self.target_per_ten_thousand / PER_TEN_THOUSAND

    def verdict(self, figure: Figure) -> Verdict:
        """Compared as integers: no rounding decides over anybody."""
        counting_s = figure.observed_s + figure.unknown_s
        enough_s = self.coverage_per_ten_thousand * counting_s
        if not figure.observed_s or PER_TEN_THOUSAND * figure.observed_s < enough_s:
            return Verdict.INSUFFICIENT_EVIDENCE
        asked_s = self.target_per_ten_thousand * figure.observed_s
        is_met = PER_TEN_THOUSAND * figure.online_s >= asked_s
        return Verdict.MET if is_met else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Region:
    """A line of the ranking; `previous` is the period before, `periods_under` how many periods in
    a row, this one included, it stood under the target."""

    figure: Figure
    previous: Figure | None = None
    periods_under: int = 0

    @property
    def change(self) -> float | None:
        """Of the online rate, against the period before."""
        before = None if self.previous is None else self.previous.online_rate
        now = self.figure.online_rate
        return None if now is None or before is None else now - before


@dataclass(frozen=True, slots=True)
class Day:
    """Everything in one day of the site's calendar."""

    start_s: int
    figure: Figure


@dataclass(frozen=True, slots=True)
class CameraLine:
    """One channel over the period; its figure's key is device and channel ID with a stroke."""

    device_id: str
    channel_id: str
    division: str
    department: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class OutageLine:
    """Many that went together; `ended_s` None while it lasts. Sentences as they were judged."""

    started_s: int
    ended_s: int | None
    cause: str
    sentence_zh: str
    sentence_en: str
    scope: str
    devices: int
    channels: int


@dataclass(frozen=True, slots=True)
class ExclusionLine:
    """An approved exclusion; `excluded_s` channel-seconds of it lie in the period."""

    order_number: str
    reason: str
    start_s: int
    end_s: int
    channels: int
    excluded_s: int
    requested_by: str
    approved_by: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What the figures rest on: the self-check, and a hash over what they were made from."""

    self_check_ok: bool
    checked_at_s: int
    checked_channels: int
    breaches: int
    inputs_sha256: str


@dataclass(frozen=True, slots=True)
class Circular:
    """One period, up to but not including `end_s`; `level` digits of a civil code make a region."""

    issuer: str
    start_s: int
    end_s: int
    time_zone: str
    level: int
    yardstick: Yardstick
    total: Figure
    previous: Figure | None
    regions: tuple[Region, ...]
    days: tuple[Day, ...]
    cameras: tuple[CameraLine, ...]
    outages: tuple[OutageLine, ...]
    exclusions: tuple[ExclusionLine, ...]
    proof: Proof
    own_absence_s: int = 0
    """Seconds of the period in which this server was not observing."""
    truncated: tuple[str, ...] = field(default=())
    """Lists that were cut at their limit, by name."""

    @property
    def ranked(self) -> Sequence[Region]:
        """Best first, equals by code; those of whom too little is known come last."""
        return sorted(
            self.regions,
            key=lambda region: (
                not self.is_ranked(region),
                -(region.figure.online_rate or 0.0),
                region.figure.key,
            ),
        )

    def is_ranked(self, region: Region) -> bool:
        """Whether the evidence allows a place."""
        return self.yardstick.verdict(region.figure) is not Verdict.INSUFFICIENT_EVIDENCE

    @property
    def under_the_line(self) -> Sequence[Region]:
        """Those that missed the target, the worst first."""
        missed = [
            region
            for region in self.ranked
            if self.yardstick.verdict(region.figure) is Verdict.MISSED
        ]
        return missed[::-1]

    def worst(self, most: int) -> Sequence[CameraLine]:
        """Cameras with the most offline seconds; none that was never offline."""
        offline = (camera for camera in self.cameras if camera.figure.offline_s)
        ordered = sorted(offline, key=lambda each: (-each.figure.offline_s, each.figure.key))
        return ordered[:most]


_CIRCULAR = TypeAdapter(Circular)


def freeze(circular: Circular) -> bytes:
    """The bytes that are kept: canonical JSON, compressed."""
    return zlib.compress(canonical(circular), level=6)


def canonical(circular: Circular) -> bytes:
    """Fields in the order of their declaration, no spaces, UTF-8."""
    return _CIRCULAR.dump_json(circular)


def thaw(frozen: bytes) -> Circular:
    """What `freeze` made. Raises `InvalidError` for anything else."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(frozen, MOST_UNPACKED)
    except zlib.error as error:
        raise InvalidError("the frozen report is damaged") from error
    if not unpacker.eof:
        raise InvalidError("the frozen report is cut off, or larger than any report")
    try:
        return _CIRCULAR.validate_json(plain)
    except ValidationError as error:
        raise InvalidError("the frozen report is damaged") from error


def sha256_of(circular: Circular) -> str:
    """Of the canonical bytes: the same figures have the same one."""
    return hashlib.sha256(canonical(circular)).hexdigest()
