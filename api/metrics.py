"""The figures operators are judged by, with the intervals behind them."""

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import Reader, TheServer
from api.figure_forms import (
    CSV_RESPONSE,
    FigureFilter,
    GroupedFilter,
    OnlineRate,
    OnlineRateFilter,
    OnlineRates,
    SecondsByState,
    Units,
    WindowQuery,
    as_csv,
    as_json,
    moment,
    rate_of,
    seconds_of,
    unit_of,
    wants_csv,
)
from api.pagination import MAX_LIMIT, PageOf, decode_cursor, encode_cursor, link_next
from api.schemas import PROBLEMS, ChannelIdPath, DeviceIdPath
from vms.errors import InvalidError
from vms.figures.dimensions import Dimension
from vms.figures.model import Every, HeatBy, RateQuery, WorstBy
from vms.figures.model import HeatCell as Cell
from vms.inventory.model import Cause, State

router = APIRouter(tags=["figures"])


class WorstFilter(GroupedFilter):
    """Whose worst list."""

    group_by: str = Field(default="channel", max_length=64, description="As for the rates.")
    by: WorstBy = Field(default=WorstBy.OFFLINE, description="What they are the worst in.")
    limit: int = Field(default=20, ge=1, le=1000)


class HeatFilter(FigureFilter):
    """Which heat map."""

    by: HeatBy = Field(default=HeatBy.WEEKDAY, description="What its lines are.")


class LineFilter(GroupedFilter):
    """Under which line, by which interval."""

    group_by: str = Field(default="division_6", max_length=64, description="As for the rates.")
    interval: Every = Field(default=Every.MONTH, description="What a period is.")
    target: float | None = Field(
        default=None, ge=0, le=1, description="Unset: `figures.online_target`."
    )
    least_periods: int = Field(default=1, ge=1, le=1000, description="So many in a row at least.")


class ChannelFilter(FigureFilter):
    """Which channels stand behind a row: its key or keys as filters, the window as it was."""

    by: WorstBy | None = Field(
        default=None, description="Worst first by this; unset: in order of device and channel ID."
    )
    cursor: str | None = Field(
        default=None, max_length=512, description="`next_cursor` of the page before; opaque."
    )
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="How many items at most.")


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
    sessions_limit: int | None = Field(description="Of this node; null: as many as come.")
    viewers: int
    viewers_limit: int | None = Field(description="Of this node; null: as many as come.")
    outgoing_bps: int = Field(description="What this node sends to all viewers, as last measured.")
    outgoing_limit_bps: int | None = Field(
        description="Nobody is let in beyond it; null: there is none."
    )


class HeatCell(SecondsByState):
    """One hour of the site's clock, on all days of its line together."""

    line: str = Field(description="0 (Monday) to 6, or the day as YYYY-MM-DD.")
    hour: int


class HeatMap(BaseModel):
    """By line, then hour; hours without a second are left out."""

    items: list[HeatCell]


class SelfCheckOut(BaseModel):
    """Whether the figures add up, as last looked."""

    ok: bool
    checked_at: datetime | None = Field(description="Null before the first look.")
    channels: int = Field(description="Counted in it.")
    seconds: int = Field(description="Counted in it.")
    breaches: list[str] = Field(description="What was wrong, in words.")


class CutInterval(BaseModel):
    """A stretch of a channel's past as it is counted."""

    start: datetime
    end: datetime
    state: State = Field(description="Approved exclusions laid over the ledger.")
    place: dict[str, str] = Field(description="Its dimensions then; those that nobody told go.")


class CutIntervals(BaseModel):
    """In order of time."""

    items: list[CutInterval]


class IntervalFilter(WindowQuery):
    """Whose intervals."""

    device_id: str = Field(pattern=r"^[0-9]{1,20}$")
    channel_id: str = Field(pattern=r"^[0-9]{1,20}$")


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
    load, limits = server.viewing.load(), server.viewing.limits
    return MetricsSummary(
        devices=summary.devices_on_file,
        devices_by_state=dict(summary.devices),
        channels=summary.channels_on_file,
        channels_by_state=dict(summary.channels),
        channels_online=summary.channels_online,
        instant_online_rate=summary.instant_online_rate,
        waiting=summary.waiting,
        sessions=load.streams,
        sessions_limit=limits.streams,
        viewers=load.viewers,
        viewers_limit=limits.viewers,
        outgoing_bps=load.outgoing_bps,
        outgoing_limit_bps=limits.outgoing_bps,
    )


@router.get(
    "/metrics/online-rate",
    operation_id="getOnlineRate",
    summary="Online rates with their evidence",
    response_model=OnlineRates,
    responses={**PROBLEMS, 200: {"content": CSV_RESPONSE}},
)
async def get_online_rate(
    request: Request,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[OnlineRateFilter, Query()],
) -> Response:
    """A window that reaches into the future ends now. Rows by key, then by interval."""
    _ = caller
    rows = await server.figures.online_rate(wanted.query())
    if wants_csv(request, wanted.format):
        return await asyncio.to_thread(as_csv, rows)
    return await asyncio.to_thread(as_json, map(rate_of, rows))


@router.get(
    "/metrics/online-rate/channels",
    operation_id="getOnlineRateChannels",
    summary="The channels behind a row",
    responses=PROBLEMS,
)
async def get_online_rate_channels(
    request: Request,
    response: Response,
    server: TheServer,
    caller: Reader,
    wanted: Annotated[ChannelFilter, Query()],
) -> PageOf[OnlineRate]:
    """With their seconds there; these add up to the row's."""
    _ = caller
    wanted.check()
    query = RateQuery(wanted.start, wanted.end, wanted.filters(), (Dimension.CHANNEL,))
    skip = _skipped(decode_cursor(wanted.cursor))
    if wanted.by is None:
        rows = await server.figures.online_rate(query)
    else:
        rows = await server.figures.worst(query, query.group_by, wanted.by, skip + wanted.limit + 1)
    shown = rows[skip : skip + wanted.limit]
    is_last = len(rows) <= skip + wanted.limit
    next_cursor = None if is_last else encode_cursor(str(skip + wanted.limit))
    link_next(request, response, next_cursor)
    return PageOf(items=[rate_of(row) for row in shown], next_cursor=next_cursor)


def _skipped(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise InvalidError("this cursor is none of ours", cursor=cursor)
    return int(cursor)


@router.get(
    "/metrics/online-rate/intervals",
    operation_id="getOnlineRateIntervals",
    summary="A channel's past as it is counted",
    responses=PROBLEMS,
)
async def get_online_rate_intervals(
    server: TheServer, caller: Reader, wanted: Annotated[IntervalFilter, Query()]
) -> CutIntervals:
    """The ledger with approved exclusions laid over it, cut where the channel moved."""
    _ = caller
    wanted.check()
    found = await server.figures.intervals(
        wanted.device_id, wanted.channel_id, wanted.start, wanted.end
    )
    return CutIntervals(
        items=[
            CutInterval(
                start=moment(each.start_s),
                end=moment(each.end_s),
                state=each.state,
                place={name: key for name, key in asdict(each.place).items() if key},
            )
            for each in found
        ]
    )


@router.get(
    "/metrics/worst",
    operation_id="getWorst",
    summary="Who was offline most",
    responses=PROBLEMS,
)
async def get_worst(
    server: TheServer, caller: Reader, wanted: Annotated[WorstFilter, Query()]
) -> OnlineRates:
    """Worst first, over the whole window; whoever has nothing of it is not among them."""
    _ = caller
    rows = await server.figures.worst(
        wanted.selection(), wanted.dimensions(), wanted.by, wanted.limit
    )
    return OnlineRates(items=[rate_of(row) for row in rows])


@router.get(
    "/metrics/heat",
    operation_id="getHeat",
    summary="When it was offline",
    response_model=HeatMap,
    responses=PROBLEMS,
)
async def get_heat(
    server: TheServer, caller: Reader, wanted: Annotated[HeatFilter, Query()]
) -> Response:
    """Seconds by hour of the site's clock, and by weekday or day."""
    _ = caller
    cells = await server.figures.heat(wanted.selection(), wanted.by)
    return await asyncio.to_thread(as_json, map(_cell_of, cells))


def _cell_of(cell: Cell) -> HeatCell:
    said = {"line": cell.line, "hour": cell.hour, **seconds_of(cell.seconds)}
    return HeatCell.model_validate(said)


@router.get(
    "/metrics/under-the-line",
    operation_id="getUnderTheLine",
    summary="Who is under the target, and for how long",
    response_model=Units,
    responses=PROBLEMS,
)
async def get_under_the_line(
    server: TheServer, caller: Reader, wanted: Annotated[LineFilter, Query()]
) -> Response:
    """By the latest interval that could be judged. Intervals without enough evidence neither count
    nor break a row."""
    _ = caller
    wanted.check()
    query = RateQuery(
        wanted.start, wanted.end, wanted.filters(), wanted.dimensions(), wanted.interval
    )
    target = server.figures.targets.online_rate if wanted.target is None else wanted.target
    found = await server.figures.under_the_line(query, target, wanted.least_periods)
    return await asyncio.to_thread(as_json, map(unit_of, found), target=target)


@router.get(
    "/metrics/self-check",
    operation_id="getSelfCheck",
    summary="Whether the figures add up",
    responses=PROBLEMS,
)
async def get_self_check(server: TheServer, caller: Reader) -> SelfCheckOut:
    """The last look; the server looks again by itself."""
    _ = caller
    found = server.upkeep.self_check
    return SelfCheckOut(
        ok=found.ok,
        checked_at=found.checked_at,
        channels=found.channels,
        seconds=found.seconds,
        breaches=list(found.breaches),
    )


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
                start=moment(interval.start_s),
                end=None if interval.end_s is None else moment(interval.end_s),
                state=interval.state,
                cause=interval.cause,
            )
            for interval in intervals
        ]
    )
