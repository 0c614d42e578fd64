"""The figures operators are judged by, with the intervals behind them."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.authentication import Reader, TheServer
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath
from vms.errors import InvalidError
from vms.inventory.model import Cause, State
from vms.inventory.online_rate import Every, GroupBy, OnlineRateQuery, OnlineRateRow, Verdict

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

router = APIRouter(tags=["figures"])


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


class OnlineRateFilter(WindowQuery):
    """Which rates are wanted."""

    group_by: GroupBy = Field(default=GroupBy.ALL, description="What a row stands for.")
    interval: Every = Field(
        default=Every.WHOLE, description="How the window is cut, by the site's calendar."
    )
    method: Literal["integral"] = Field(
        default="integral", description="By the seconds of the ledger."
    )
    device_id: str | None = Field(default=None, pattern=r"^[0-9]{1,20}$")
    division: str | None = Field(default=None, pattern=r"^[0-9]{1,8}$")
    manufacturer: str | None = Field(default=None, max_length=255)


class MetricsSummary(BaseModel):
    """How everything stands now."""

    devices: int = Field(description="On file.")
    devices_by_state: dict[State, int]
    channels: int = Field(description="On file.")
    channels_by_state: dict[State, int]
    channels_online: int
    instant_online_rate: float | None = Field(
        description="Channels online now over channels on file; null without channels."
    )
    waiting: int = Field(description="Rows of the waiting room.")
    sessions: int = Field(description="Live sessions that run.")
    viewers: int


class OnlineRate(BaseModel):
    """Seconds by state of one group in one window, and the rate that follows."""

    key: str
    name: str
    start: datetime
    end: datetime
    channels: int
    online_s: int = Field(description="`proven_s` + `signalled_s`.")
    proven_s: int = Field(description="A picture proved it.")
    signalled_s: int = Field(description="Registered, alive and on by its catalogue.")
    offline_s: int
    unknown_s: int = Field(description="Nobody was observing.")
    excluded_s: int = Field(description="Approved outages.")
    not_commissioned_s: int
    online_rate: float | None = Field(
        description="online / (window - excluded - unknown - not_commissioned)."
    )
    coverage: float | None = Field(
        description="1 - unknown / (window - excluded - not_commissioned)."
    )
    verdict: Verdict


class OnlineRates(BaseModel):
    """The rows; their seconds add up to the seconds of all their channels."""

    items: list[OnlineRate]


class LedgerInterval(BaseModel):
    """Half-open; the last one lasts while `end` is null."""

    start: datetime
    end: datetime | None
    state: State
    cause: Cause = Field(description="Why it began.")


class Ledger(BaseModel):
    """The intervals that overlap the window, in order."""

    items: list[LedgerInterval]


@router.get(
    "/metrics/summary",
    operation_id="getSummary",
    summary="How everything stands",
    responses=PROBLEMS,
)
async def get_summary(server: TheServer, caller: Reader) -> MetricsSummary:
    """From memory; cheap."""
    _ = caller
    summary = server.inventory.summary()
    sessions = await server.viewing.sessions()
    return MetricsSummary(
        devices=summary.devices_on_file,
        devices_by_state=dict(summary.devices),
        channels=summary.channels_on_file,
        channels_by_state=dict(summary.channels),
        channels_online=summary.channels_online,
        instant_online_rate=summary.instant_online_rate,
        waiting=summary.waiting,
        sessions=len(sessions),
        viewers=sum(session.viewers for session in sessions),
    )


@router.get(
    "/metrics/online-rate",
    operation_id="getOnlineRate",
    summary="Online rates with their evidence",
    responses=PROBLEMS,
)
async def get_online_rate(
    server: TheServer,
    caller: Reader,
    wanted: Annotated[OnlineRateFilter, Query()],
) -> OnlineRates:
    """A window that reaches into the future ends now."""
    _ = caller
    wanted.check()
    rows = await server.inventory.online_rate(
        OnlineRateQuery(
            wanted.start,
            wanted.end,
            wanted.group_by,
            wanted.interval,
            wanted.device_id,
            wanted.division,
            wanted.manufacturer,
        )
    )
    return OnlineRates(items=[_rate(row) for row in rows])


def _rate(row: OnlineRateRow) -> OnlineRate:
    return OnlineRate(
        key=row.key,
        name=row.name,
        start=_moment(row.window.start_s),
        end=_moment(row.window.end_s),
        channels=row.channels,
        online_s=row.online_s,
        proven_s=row.proven_s,
        signalled_s=row.signalled_s,
        offline_s=row.offline_s,
        unknown_s=row.unknown_s,
        excluded_s=row.excluded_s,
        not_commissioned_s=row.not_commissioned_s,
        online_rate=row.online_rate,
        coverage=row.coverage,
        verdict=row.verdict,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@router.get(
    "/devices/{device_id}/channels/{channel_id}/ledger",
    operation_id="getLedger",
    summary="The intervals behind the figures",
    responses=PROBLEMS,
)
async def get_ledger(
    device_id: DeviceIdPath,
    channel_id: ChannelIdPath,
    server: TheServer,
    caller: Reader,
    window: Annotated[WindowQuery, Query()],
) -> Ledger:
    """Whole seconds, without gap and without overlap."""
    _ = caller
    window.check()
    intervals = await server.inventory.ledger(device_id, channel_id, window.start, window.end)
    return Ledger(
        items=[
            LedgerInterval(
                start=_moment(interval.start_s),
                end=None if interval.end_s is None else _moment(interval.end_s),
                state=interval.state,
                cause=interval.cause,
            )
            for interval in intervals
        ]
    )
