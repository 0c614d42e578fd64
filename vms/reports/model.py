"""A circular as it is frozen: whole seconds and words, nothing that has to be looked up again.

Only whole seconds are kept of the figures. Rates follow from them, so that the same facts give the
bytes, and the same bytes the same hash.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from json import JSONDecoder
from typing import Self

from pydantic import TypeAdapter

from vms.errors import InvalidError
from vms.figures.model import OutageFigures, RateRow, Seconds, Targets, Verdict

MOST_UNPACKED = 512 * 1024 * 1024
"""Bytes of a frozen circular; a hundred thousand cameras take a tenth of it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Seconds by state of `channels` channels together, and their outages."""

    key: str
    name: str
    channels: int
    seconds: Seconds
    outages: OutageFigures

    @classmethod
    def of(cls, row: RateRow) -> Self:
        """A row of the figures as it is kept."""
        outages = row.outage_figures or OutageFigures(0, 0, 0)
        return cls(row.key, row.name, row.channels, row.seconds, outages)

    @property
    def online_rate(self) -> float | None:
        """None where nothing was observed."""
        return self.seconds.online_rate

    @property
    def mttr_s(self) -> float | None:
        """Offline seconds for each outage that ended."""
        return self.seconds.offline_s / self.outages.ended if self.outages.ended else None

    @property
    def mtbf_s(self) -> float | None:
        """Online seconds for each outage that began."""
        return self.seconds.online_s / self.outages.outages if self.outages.outages else None


NOTHING = Figure("all", "", 0, Seconds(), OutageFigures(0, 0, 0))
"""Where nothing was on file."""


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
    """One channel in one division over the period; its figure's key is device and channel ID with
    a stroke. `code` is the division's, `division` its name."""

    device_id: str
    channel_id: str
    code: str
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
    """An approved exclusion; it lies over `excluded_s` channel-seconds of the period."""

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
    targets: Targets
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

    def verdict(self, figure: Figure) -> Verdict:
        """Against the target of this circular."""
        return figure.seconds.verdict(self.targets)

    def is_ranked(self, region: Region) -> bool:
        """Whether the evidence allows a place."""
        return self.verdict(region.figure) is not Verdict.INSUFFICIENT_EVIDENCE

    @property
    def under_the_line(self) -> Sequence[Region]:
        """Those that missed the target, the worst first."""
        missed = [region for region in self.ranked if self.verdict(region.figure) is Verdict.MISSED]
        return missed[::-1]

    def worst(self, most: int) -> Sequence[CameraLine]:
        """Cameras with the most offline seconds; none that was never offline."""
        offline = (camera for camera in self.cameras if camera.figure.seconds.offline_s)
        ordered = sorted(
            offline, key=lambda each: (-each.figure.seconds.offline_s, each.figure.key)
        )
        return ordered[:most]


_CIRCULAR = TypeAdapter(Circular)
_CAMERA = TypeAdapter(CameraLine)

_NO_CAMERAS = b'"cameras":[]'
"""What stands in a circular without any; not inside a text, where quotes are escaped."""


def freeze(circular: Circular) -> bytes:
    """The bytes that are kept: canonical JSON, compressed. Takes a second: call it in a thread."""
    return zlib.compress(canonical(circular), level=6)


def canonical(circular: Circular) -> bytes:
    """Fields in the order of their declaration, no spaces, UTF-8.

    One camera after the other: of fifty thousand at once nobody else would have a turn meanwhile,
    though this is a thread.
    """
    head, none, tail = _CIRCULAR.dump_json(replace(circular, cameras=())).partition(_NO_CAMERAS)
    cameras = b",".join(map(_CAMERA.dump_json, circular.cameras))
    return b"".join((head, none[:-1], cameras, none[-1:], tail))


def thaw(frozen: bytes) -> Circular:
    """What `freeze` made, read as `canonical` writes it. Raises `InvalidError` for anything else.
    Takes seconds: call it in a thread."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(frozen, MOST_UNPACKED)
    except zlib.error as error:
        raise InvalidError("the frozen report is damaged") from error
    if not unpacker.eof:
        raise InvalidError("the frozen report is cut off, or larger than any report")
    try:
        return _read(plain.decode())
    except (ValueError, IndexError, RecursionError) as error:
        raise InvalidError("the frozen report is damaged") from error


def _read(text: str) -> Circular:
    """Raises `ValueError` or `IndexError` for what is none."""
    opening = _NO_CAMERAS[:-1].decode()
    first = at = text.index(opening) + len(opening)
    decoder = JSONDecoder()
    cameras: list[CameraLine] = []
    while text[at] != "]":
        said, at = decoder.raw_decode(text, at + (text[at] == ","))
        cameras.append(_CAMERA.validate_python(said))
    return replace(_CIRCULAR.validate_json(text[:first] + text[at:]), cameras=tuple(cameras))


def figures_sha256(circular: Circular) -> str:
    """Over keys and whole numbers, not over names: a camera that was renamed since changes no
    figure, and outages are told as they were judged."""
    digest = hashlib.sha256()

    def add(kind: str, key: str, figure: Figure) -> None:
        numbers = astuple(figure.seconds) + astuple(figure.outages)
        line = f"{kind} {key} {figure.channels} {' '.join(map(str, numbers))}\n"
        digest.update(line.encode())

    add("total", "", circular.total)
    for region in sorted(circular.regions, key=lambda region: region.figure.key):
        add("region", region.figure.key, region.figure)
    for day in circular.days:
        add("day", str(day.start_s), day.figure)
    for camera in sorted(circular.cameras, key=lambda camera: (camera.figure.key, camera.code)):
        add("camera", f"{camera.figure.key} {camera.code}", camera.figure)
    return digest.hexdigest()
