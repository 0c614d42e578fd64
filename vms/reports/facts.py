"""What a circular tells beside the rates: outages, exclusions, our own absence, and the proof."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from vms.figures.exclusion_model import Exclusion, ExclusionStore
from vms.figures.fingerprint import fingerprint
from vms.figures.model import SelfCheck, Window
from vms.figures.pieces import Pieces
from vms.figures.store import FigureStore
from vms.inventory.model import Channel
from vms.inventory.outage_records import Outage, OutageCause, OutageQuery
from vms.reports.model import ExclusionLine, OutageLine, Proof
from vms.reports.periods import Period

PAGE = 500


class OutageBook(Protocol):
    """Outages on file; `vms.inventory.outage_records.OutageStore` has them."""

    async def outages(self, query: OutageQuery) -> Sequence[Outage]:
        """Newest first."""
        ...


Sentences = Callable[[Outage], tuple[str, str]]
"""An outage in words, Chinese and English."""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """Asks those who know; see `vms.reports.composing.Facts`."""

    store: FigureStore
    approved: ExclusionStore
    check: Callable[[], Awaitable[SelfCheck]]
    book: OutageBook
    sentences: Sentences
    find_channel: Callable[[str, str], Channel | None]
    zone: ZoneInfo

    async def outages(self, period: Period, most: int) -> Sequence[OutageLine]:
        """Those that overlap the period, in order of time; at most so many, the largest."""
        found = [
            outage
            for outage in await self._overlapping(period)
            if outage.cause is not OutageCause.SERVER_ABSENT
        ]
        found.sort(key=lambda outage: (-outage.channels, -outage.devices, outage.started_s))
        kept = sorted(found[:most], key=lambda outage: (outage.started_s, outage.outage_id))
        return [self._line(outage, period) for outage in kept]

    async def own_absence_s(self, period: Period) -> int:
        """Seconds of the period in which this server was not observing."""
        return sum(
            min(period.end_s, outage.ended_s or period.end_s)
            - max(period.start_s, outage.started_s)
            for outage in await self._overlapping(period, OutageCause.SERVER_ABSENT)
        )

    async def exclusions(self, period: Period) -> Sequence[ExclusionLine]:
        """Approved ones that overlap the period, in order of time."""
        window = Window(period.start_s, period.end_s)
        found = [
            self._exclusion(exclusion, len(keys), window)
            for exclusion, keys in await self.approved.approved(window)
        ]
        return sorted(found, key=lambda each: (each.start_s, each.order_number))

    def _exclusion(self, exclusion: Exclusion, channels: int, window: Window) -> ExclusionLine:
        lasted_s = sum(
            max(0, min(window.end_s, stretch.end_s) - max(window.start_s, stretch.start_s))
            for stretch in exclusion.windows(self.zone)
        )
        return ExclusionLine(
            exclusion.order_number,
            exclusion.reason.value,
            exclusion.start_s,
            exclusion.end_s,
            channels,
            channels * lasted_s,
            exclusion.requested_by,
            exclusion.decided_by,
        )

    async def inputs_sha256(self, period: Period) -> str:
        """The hash over what the figures of the period are made from."""
        window = Window(period.start_s, period.end_s)
        pieces = Pieces(self.store, self.approved, self.zone)
        return await fingerprint(self.store, pieces, window, self.zone)

    async def proof(self, period: Period) -> Proof:
        """The self-check, and that hash."""
        checked = await self.check()
        inputs_sha256 = await self.inputs_sha256(period)
        checked_at = checked.checked_at
        return Proof(
            checked.ok and checked_at is not None,
            0 if checked_at is None else int(checked_at.timestamp()),
            checked.channels,
            len(checked.breaches),
            inputs_sha256,
        )

    def department(self, device_id: str, channel_id: str) -> str:
        """Who owns a channel; empty where nobody told, or it is gone."""
        channel = self.find_channel(device_id, channel_id)
        return "" if channel is None else channel.department

    async def _overlapping(self, period: Period, cause: OutageCause | None = None) -> list[Outage]:
        found: list[Outage] = []
        before_id: str | None = None
        while True:
            page = await self.book.outages(
                OutageQuery(
                    start_s=period.start_s,
                    end_s=period.end_s,
                    cause=cause,
                    before_id=before_id,
                    limit=PAGE,
                )
            )
            found += page
            if len(page) < PAGE:
                return found
            before_id = page[-1].outage_id

    def _line(self, outage: Outage, period: Period) -> OutageLine:
        zh, en = self.sentences(outage)
        ended_s = outage.ended_s
        return OutageLine(
            outage.started_s,
            # What ended behind the period still lasted when it closed.
            None if ended_s is None or ended_s > period.end_s else ended_s,
            outage.cause.value,
            zh,
            en,
            " ".join(outage.scope.values()),
            outage.devices,
            outage.channels,
        )
