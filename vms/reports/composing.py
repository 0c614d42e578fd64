"""Puts a circular together out of the figures, the outages and the exclusions of its period."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vms.errors import ConflictError, InvalidError
from vms.figures.dimensions import Dimension
from vms.figures.model import Every, RateQuery, RateRow, Targets, Verdict
from vms.reports.model import (
    NOTHING,
    CameraLine,
    Circular,
    Day,
    ExclusionLine,
    Figure,
    OutageLine,
    Proof,
    Region,
)
from vms.reports.periods import Period

LEVELS: Mapping[int, Dimension] = {
    2: Dimension.DIVISION_2,
    4: Dimension.DIVISION_4,
    6: Dimension.DIVISION_6,
    8: Dimension.DIVISION_8,
}
"""Digits of a civil code by which a circular may rank."""

PERIODS_BACK = 12
"""So far back it is told for how many periods in a row a region stood under the target."""

MOST_OUTAGES = 1_000
MOST_CAMERAS = 200_000
TRIES = 3
TURN = 1_000
"""Cameras that are told in one go; then others have their turn."""


class FigureSource(Protocol):
    """What `vms.figures` answers."""

    async def online_rate(self, query: RateQuery) -> Sequence[RateRow]:
        """Rates by one dimension, or two crossed."""
        ...


class Facts(Protocol):
    """What a circular tells beside the figures."""

    async def outages(self, period: Period, most: int) -> Sequence[OutageLine]:
        """Those that overlap the period, in order of time; at most so many, the largest."""
        ...

    async def own_absence_s(self, period: Period) -> int:
        """Seconds of the period in which this server was not observing."""
        ...

    async def exclusions(self, period: Period) -> Sequence[ExclusionLine]:
        """Approved ones that overlap the period."""
        ...

    async def inputs_sha256(self, period: Period) -> str:
        """The hash over what the figures of the period are made from."""
        ...

    async def proof(self, period: Period) -> Proof:
        """The self-check, and that hash."""
        ...

    def department(self, device_id: str, channel_id: str) -> str:
        """Who owns a channel; empty where nobody told, or it is gone."""
        ...


STAGES = ("total", "regions", "days", "cameras", "history", "outages", "exclusions", "proof")
"""What is done one after the other; the page names them."""


@dataclass(frozen=True, slots=True)
class Composer:
    """Asks and puts together; changes nothing."""

    figures: FigureSource
    facts: Facts
    targets: Targets
    time_zone: str
    issuer: str

    async def has_figures(self, period: Period) -> bool:
        """Whether anything was on file in it."""
        return bool(await self._rates(period))

    async def compose(
        self, period: Period, level: int, on_stage: Callable[[str], None] = lambda _stage: None
    ) -> Circular:
        """The circular of a period that is over. `level` is one of `LEVELS`.

        Raises `InvalidError` where the ledger does not reach its end, `ConflictError` where what it
        is made from changes all the time, `UnavailableError` when the database cannot serve.
        """
        for _ in range(TRIES):
            inputs_sha256 = await self.facts.inputs_sha256(period)
            circular = await self._composed(period, level, on_stage)
            # Somebody may approve an exclusion meanwhile: half of it would know, half would not.
            if circular.proof.inputs_sha256 == inputs_sha256:
                return circular
        raise ConflictError("the figures changed while the report was made; make it again")

    async def _composed(
        self, period: Period, level: int, on_stage: Callable[[str], None]
    ) -> Circular:
        by = LEVELS[level]
        on_stage("total")
        whole = await self._rates(period)
        # Ledger time goes its own way when the wall clock is set.
        if any(row.window.end_s < period.end_s for row in whole):
            raise InvalidError("the ledger does not reach the end of the period", field="to")
        total = _whole(whole)
        previous = _whole(await self._rates(period.before))
        on_stage("regions")
        now = await self._rates(period, by)
        before = {row.key: row for row in await self._rates(period.before, by)}
        on_stage("days")
        days = await self._rates(period, every=Every.DAY)
        on_stage("cameras")
        cameras = await self._rates(period, Dimension.CHANNEL, Dimension.DIVISION)
        on_stage("history")
        under = await self._periods_under(period, by, now, before)
        on_stage("outages")
        outages = await self.facts.outages(period, MOST_OUTAGES + 1)
        absence_s = await self.facts.own_absence_s(period)
        on_stage("exclusions")
        exclusions = await self.facts.exclusions(period)
        on_stage("proof")
        cut = {"outages": len(outages) > MOST_OUTAGES, "cameras": len(cameras) > MOST_CAMERAS}
        return Circular(
            issuer=self.issuer,
            start_s=period.start_s,
            end_s=period.end_s,
            time_zone=self.time_zone,
            level=level,
            targets=self.targets,
            total=total or NOTHING,
            previous=previous,
            regions=tuple(
                Region(
                    Figure.of(row),
                    Figure.of(before[row.key]) if row.key in before else None,
                    under.get(row.key, 0),
                )
                for row in now
            ),
            days=tuple(Day(row.window.start_s, Figure.of(row)) for row in days),
            cameras=await self._cameras(cameras[:MOST_CAMERAS]),
            outages=tuple(outages[:MOST_OUTAGES]),
            exclusions=tuple(exclusions),
            proof=await self.facts.proof(period),
            own_absence_s=absence_s,
            truncated=tuple(name for name, is_cut in cut.items() if is_cut),
        )

    async def _rates(
        self, period: Period, *by: Dimension, every: Every = Every.WHOLE
    ) -> Sequence[RateRow]:
        query = RateQuery(period.start, period.end, group_by=by or (Dimension.ALL,), every=every)
        return await self.figures.online_rate(query)

    async def _periods_under(
        self,
        period: Period,
        by: Dimension,
        now: Sequence[RateRow],
        before: Mapping[str, RateRow],
    ) -> Mapping[str, int]:
        """How many periods in a row, this one included, each region missed the target."""
        still = {row.key for row in now if self._is_missed(row)}
        counts = dict.fromkeys(still, 1)
        earlier, rows = period.before, before
        for _ in range(PERIODS_BACK - 1):
            still = {key for key in still if key in rows and self._is_missed(rows[key])}
            if not still:
                break
            for key in still:
                counts[key] += 1
            earlier = earlier.before
            rows = {row.key: row for row in await self._rates(earlier, by)}
        return counts

    def _is_missed(self, row: RateRow) -> bool:
        return row.seconds.verdict(self.targets) is Verdict.MISSED

    async def _cameras(self, rows: Sequence[RateRow]) -> tuple[CameraLine, ...]:
        lines: list[CameraLine] = []
        for first in range(0, len(rows), TURN):
            lines += map(self._camera, rows[first : first + TURN])
            await asyncio.sleep(0)
        return tuple(lines)

    def _camera(self, row: RateRow) -> CameraLine:
        device_id, _, channel_id = row.key.partition("/")
        return CameraLine(
            device_id,
            channel_id,
            row.key2 or "",
            row.name2 or "",
            self.facts.department(device_id, channel_id),
            Figure.of(row),
        )


def _whole(rows: Sequence[RateRow]) -> Figure | None:
    """Of everything; None where nothing was on file."""
    return Figure.of(rows[0]) if rows else None
