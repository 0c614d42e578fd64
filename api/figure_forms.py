"""How figures are asked for and shown: filters by every dimension, rows as JSON and as CSV."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from vms.errors import InvalidError
from vms.figures.dimensions import Dimension
from vms.figures.grouping import MOST_DIMENSIONS
from vms.figures.model import (
    Every,
    Method,
    RateQuery,
    RateRow,
    Seconds,
    Selection,
    UnderTheLine,
    Verdict,
)
from vms.spreadsheets.cells import for_csv

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
CSV = "text/csv"
GROUPS = ", ".join(f"`{dimension}`" for dimension in Dimension)

CSV_RESPONSE = {
    CSV: {
        "schema": {"type": "string"},
        "example": "key,name,start,end,channels,...",
    }
}


class WindowQuery(BaseModel):
    """From one moment up to, not including, another."""

    model_config = ConfigDict(extra="forbid")

    start: AwareDatetime = Field(
        alias="from",
        description="RFC 3339 with offset.",
        examples=["2026-03-01T00:00:00+08:00"],
    )
    end: AwareDatetime = Field(
        alias="to", description="Not included.", examples=["2026-04-01T00:00:00+08:00"]
    )

    def check(self) -> None:
        """Raises `InvalidError` for a window that ends before it begins, or begins before time."""
        if self.start < EARLIEST:
            raise InvalidError(f"there is nothing before {EARLIEST:%Y-%m-%d}", field="from")
        if self.end <= self.start:
            raise InvalidError("the window ends before it begins", field="to")


_CODE = r"^[0-9]{0,20}$"


class FigureFilter(WindowQuery):
    """Of what: seconds of channels whose place had these keys then; an empty one takes what nobody
    told."""

    division: str | None = Field(
        default=None, pattern=r"^[0-9]{1,20}$", description="A civil code, and those below it."
    )
    division_2: str | None = Field(default=None, pattern=_CODE, description="As a row's key is.")
    division_4: str | None = Field(default=None, pattern=_CODE, description="As a row's key is.")
    division_6: str | None = Field(default=None, pattern=_CODE, description="As a row's key is.")
    division_8: str | None = Field(default=None, pattern=_CODE, description="As a row's key is.")
    group: str | None = Field(default=None, max_length=64, description="Group or organisation.")
    own_group: str | None = Field(default=None, max_length=64, description="Node of our own tree.")
    department: str | None = Field(default=None, max_length=255)
    builder: str | None = Field(default=None, max_length=255)
    maintainer: str | None = Field(default=None, max_length=255)
    point_class: str | None = Field(default=None, alias="class", max_length=16)
    site_type: str | None = Field(default=None, max_length=64)
    manufacturer: str | None = Field(default=None, max_length=255)
    model: str | None = Field(default=None, max_length=255)
    device_id: str | None = Field(default=None, pattern=r"^[0-9]{1,20}$")
    parent: str | None = Field(default=None, max_length=64, description="Recorder or platform.")
    platform: str | None = Field(default=None, max_length=64)
    segment: str | None = Field(default=None, max_length=64, examples=["192.0.2.0/24"])
    channel: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,20}/[0-9]{1,20}$",
        description="`device_id/channel_id`.",
    )

    def filters(self) -> Mapping[Dimension, str]:
        """By dimension; those that were asked for."""
        wanted: dict[Dimension, str | None] = {
            **{dimension: getattr(self, dimension.value, None) for dimension in _PLAIN},
            Dimension.DEVICE: self.device_id,
            Dimension.CLASS: self.point_class,
        }
        return {dimension: key for dimension, key in wanted.items() if key is not None}

    def selection(self) -> Selection:
        """As `vms.figures` takes it; raises `InvalidError`."""
        self.check()
        return Selection(self.start, self.end, self.filters())


_PLAIN = [
    dimension
    for dimension in Dimension
    if dimension not in {Dimension.ALL, Dimension.DEVICE, Dimension.CLASS}
]


def dimensions(text: str) -> tuple[Dimension, ...]:
    """`division_4,maintainer`; raises `InvalidError`."""
    words = text.split(",")
    if len(words) > MOST_DIMENSIONS or len(set(words)) < len(words):
        raise InvalidError(f"one dimension, or {MOST_DIMENSIONS} different ones", field="group_by")
    try:
        return tuple(Dimension(word) for word in words)
    except ValueError:
        raise InvalidError(
            f"group_by is one or two of {', '.join(Dimension)}", field="group_by"
        ) from None


class GroupedFilter(FigureFilter):
    """With what a row stands for."""

    group_by: str = Field(
        default="all",
        max_length=64,
        description=f"What a row stands for: one of {GROUPS}, or two, with a comma between them.",
        examples=["division_4", "division_4,maintainer"],
    )

    def dimensions(self) -> tuple[Dimension, ...]:
        """What a row stands for; raises `InvalidError`."""
        return dimensions(self.group_by)


class OnlineRateFilter(GroupedFilter):
    """Which rates are wanted."""

    interval: Every = Field(
        default=Every.WHOLE, description="How the window is cut, by the site's calendar."
    )
    method: Method = Field(
        default=Method.INTEGRAL,
        description="`integral`: by the seconds of the ledger. `sampled`: by the state at each "
        "full hour of the site's clock, 3600 s a sample, as cities computed it.",
    )
    format: Literal["json", "csv"] | None = Field(
        default=None, description="Else by `Accept`; CSV is UTF-8 with a byte-order mark."
    )

    def query(self) -> RateQuery:
        """As `vms.figures` takes it; raises `InvalidError`."""
        self.check()
        return RateQuery(
            self.start, self.end, self.filters(), self.dimensions(), self.interval, self.method
        )


class SecondsByState(BaseModel):
    """Seconds by state, and the rate that follows."""

    online_s: int = Field(description="`proven_s` + `signalled_s`.")
    proven_s: int = Field(description="A picture proved it.")
    signalled_s: int = Field(description="Registered, alive and on by its catalogue.")
    offline_s: int
    unknown_s: int = Field(description="Nobody was observing.")
    excluded_s: int = Field(description="Approved exclusions.")
    not_commissioned_s: int
    online_rate: float | None = Field(
        description="online / (window - excluded - unknown - not_commissioned)."
    )
    coverage: float | None = Field(
        description="1 - unknown / (window - excluded - not_commissioned)."
    )


class OnlineRate(SecondsByState):
    """Seconds by state of one key, or two crossed, in one window, and what follows from them."""

    key: str
    name: str
    key2: str | None = Field(description="Of the second dimension, where there are two.")
    name2: str | None
    start: datetime
    end: datetime
    channels: int
    verdict: Verdict
    samples: int | None = Field(description="How many were counted; null by the integral method.")
    outages: int | None = Field(
        description="Runs of offline that no online interrupts; null by the hour."
    )
    mtbf_s: float | None = Field(description="Online seconds an outage.")
    mttr_s: float | None = Field(description="Offline seconds an outage that ended.")
    longest_outage_s: int | None = Field(description="Of any channel of the row.")


class OnlineRates(BaseModel):
    """The rows; their seconds add up to the seconds of all their channels."""

    items: list[OnlineRate]


class Unit(OnlineRate):
    """Who stands under the line, as of the latest interval that could be judged."""

    periods: int = Field(description="Intervals in a row under the line, this one included.")


class Units(BaseModel):
    """Those for longest first."""

    target: float
    items: list[Unit]


def moment(seconds: int) -> datetime:
    """A ledger second."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds_of(seconds: Seconds) -> dict[str, int | float | None]:
    """The fields of `SecondsByState`."""
    return {
        "online_s": seconds.online_s,
        "proven_s": seconds.proven_s,
        "signalled_s": seconds.signalled_s,
        "offline_s": seconds.offline_s,
        "unknown_s": seconds.unknown_s,
        "excluded_s": seconds.excluded_s,
        "not_commissioned_s": seconds.not_commissioned_s,
        "online_rate": seconds.online_rate,
        "coverage": seconds.coverage,
    }


def rate_of(row: RateRow) -> OnlineRate:
    """A row as it is shown."""
    return OnlineRate.model_validate(_fields(row))


def unit_of(unit: UnderTheLine) -> Unit:
    """Who stands under the line, as it is shown."""
    return Unit.model_validate({**_fields(unit.latest), "periods": unit.periods})


def _fields(row: RateRow) -> dict[str, object]:
    found = row.outage_figures
    return {
        "key": row.key,
        "name": row.name,
        "key2": row.key2,
        "name2": row.name2,
        "start": moment(row.window.start_s),
        "end": moment(row.window.end_s),
        "channels": row.channels,
        **seconds_of(row.seconds),
        "verdict": row.verdict,
        "samples": row.samples,
        "outages": None if found is None else found.outages,
        "mtbf_s": row.mtbf_s,
        "mttr_s": row.mttr_s,
        "longest_outage_s": None if found is None else found.longest_s,
    }


COLUMNS: Sequence[str] = (
    *("key", "name", "key2", "name2", "start", "end", "channels"),
    *(name for name in SecondsByState.model_fields),
    *("verdict", "samples", "outages", "mtbf_s", "mttr_s", "longest_outage_s"),
)


def wants_csv(request: Request, asked: str | None) -> bool:
    """By `format`, else by whether `Accept` names CSV and not JSON before it."""
    if asked is not None:
        return asked == "csv"
    accepted = [part.partition(";")[0].strip() for part in _accept(request).split(",")]
    return CSV in accepted and "application/json" not in accepted[: accepted.index(CSV)]


def _accept(request: Request) -> str:
    return request.headers.get("accept", "").lower()


def csv_of(rows: Iterable[RateRow]) -> bytes:
    """The rows as a file for a spreadsheet: no cell is a formula, and no ID a number."""
    stream = StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for row in rows:
        fields = _fields(row)
        writer.writerow([_cell(fields[name]) for name in COLUMNS])
    return stream.getvalue().encode("utf-8-sig")


def as_json(items: Iterable[BaseModel], **said: float) -> Response:
    """`{"items": [...]}`, and what else is to be said, as an answer. Of tens of thousands it takes
    seconds: call it in a thread, where one after the other is made, so that others have a turn."""
    head = "".join(f"{json.dumps(name)}:{json.dumps(value)}," for name, value in said.items())
    body = ",".join(item.model_dump_json() for item in items)
    return Response(f'{{{head}"items":[{body}]}}', media_type="application/json")


def as_csv(rows: Iterable[RateRow]) -> Response:
    """The same as an answer."""
    return Response(
        csv_of(rows),
        media_type=f"{CSV}; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="online-rate.csv"'},
    )


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, int | float):
        return for_csv(value)
    return for_csv(str(value))
