"""What a circular tells beside the rates: outages, exclusions, our own absence, and the proof."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vms.figures.exclusion_model import Exclusion
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


class SelfCheck(Protocol):
    """What came of the last look over the whole ledger."""

    @property
    def ok(self) -> bool: ...
    @property
    def checked_at_s(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def breaches(self) -> int: ...


class Evidence(Protocol):
    """What `vms.figures` knows of what its figures rest on."""

    async def fingerprint(self, start_s: int, end_s: int) -> str:
        """A hash over what the figures of the window are made from."""
        ...

    async def self_check(self) -> SelfCheck:
        """Looks over the ledger now."""
        ...

    async def exclusions(self, start_s: int, end_s: int) -> Sequence[tuple[Exclusion, int]]:
        """Approved ones that overlap the window, with the channel-seconds they took of it."""
        ...


Sentences = Callable[[Outage], tuple[str, str]]
"""An outage in words, Chinese and English."""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """Asks those who know; see `vms.reports.composing.Facts`."""

    evidence: Evidence
    book: OutageBook
    sentences: Sentences
    find_channel: Callable[[str, str], Channel | None]

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
        found = await self.evidence.exclusions(period.start_s, period.end_s)
        return [
            ExclusionLine(
                exclusion.order_number,
                exclusion.reason.value,
                exclusion.start_s,
                exclusion.end_s,
                exclusion.channels,
                excluded_s,
                exclusion.requested_by,
                exclusion.decided_by,
            )
            for exclusion, excluded_s in found
        ]

    async def proof(self, period: Period) -> Proof:
        """The self-check, and the hash over what the figures of the period are made from."""
        checked = await self.evidence.self_check()
        inputs_sha256 = await self.evidence.fingerprint(period.start_s, period.end_s)
        return Proof(
            checked.ok, checked.checked_at_s, checked.channels, checked.breaches, inputs_sha256
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
