"""Everything that computes and keeps the figures of an inventory, put together for tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.support.clock import FakeClock
from tests.support.figure_stores import InMemoryExclusionStore, InMemoryFigureStore
from tests.support.stores import InMemoryDeviceStore
from vms.figures.dimensions import Dimension
from vms.figures.exclusion_model import Exclusion, ExclusionStore, Reason, Scope
from vms.figures.exclusions import Asked, ExclusionLimits, Exclusions
from vms.figures.freshness import Freshness
from vms.figures.model import Every, RateQuery, RateRow, Targets, Window
from vms.figures.service import Figures
from vms.figures.store import FigureStore
from vms.figures.upkeep import Upkeep, UpkeepPolicy
from vms.inventory.identifiers import Identifiers
from vms.inventory.inventory import Inventory
from vms.persistence.circular_store import SqlCircularStore
from vms.persistence.database import Database
from vms.persistence.exclusion_store import SqlExclusionStore
from vms.persistence.figure_store import SqlFigureStore
from vms.persistence.outage_store import SqlOutageStore
from vms.reports.composing import Composer
from vms.reports.facts import SiteFacts
from vms.reports.service import ReportPolicy, Reports

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Books:
    """The figures of one run of a server."""

    store: FigureStore
    kept: ExclusionStore
    figures: Figures
    exclusions: Exclusions
    upkeep: Upkeep

    async def rates(
        self,
        start: datetime,
        end: datetime,
        *group_by: Dimension,
        every: Every = Every.WHOLE,
    ) -> Sequence[RateRow]:
        return await self.figures.online_rate(
            RateQuery(start, end, group_by=group_by or (Dimension.ALL,), every=every)
        )

    async def excuse(
        self, window: Window, scope: Scope, daily: tuple[int, int] | None = None
    ) -> Exclusion:
        """Asked for and approved."""
        asked = Asked(Reason.POWER_CUT, "2026-001", "", window, scope, daily)
        exclusion = await self.exclusions.request(asked, "li")
        return await self.exclusions.approve(
            exclusion.exclusion_id, "wang", "", is_only_admin=False
        )


def books_of(
    store: FigureStore,
    kept: ExclusionStore,
    inventory: Inventory,
    clock: FakeClock,
    *,
    zone: ZoneInfo = SHANGHAI,
    limits: ExclusionLimits | None = None,
    policy: UpkeepPolicy | None = None,
) -> Books:
    """On any stores."""
    freshness, identifiers = Freshness(), Identifiers()
    return Books(
        store,
        kept,
        Figures(store, kept, inventory, zone, Targets()),
        Exclusions(
            kept,
            inventory,
            clock,
            zone,
            freshness,
            limits or ExclusionLimits(),
            lambda: identifiers.next(clock.wall()),
        ),
        Upkeep(store, kept, inventory, clock, zone, freshness, policy or UpkeepPolicy()),
    )


def reports_in(database: Database, books: Books, inventory: Inventory, clock: FakeClock) -> Reports:
    """Circulars of an inventory, kept in a database."""
    identifiers = Identifiers()

    facts = SiteFacts(
        books.store,
        books.kept,
        books.upkeep.check,
        SqlOutageStore(database),
        lambda outage: (outage.cause.value, outage.cause.value),
        inventory.find_channel,
        SHANGHAI,
    )
    return Reports(
        SqlCircularStore(database),
        Composer(books.figures, facts, Targets(), SHANGHAI.key, ""),
        clock,
        lambda: identifiers.next(clock.wall()),
        SHANGHAI,
        ReportPolicy(),
    )


def books_in_memory(devices: InMemoryDeviceStore, inventory: Inventory, clock: FakeClock) -> Books:
    """Over an inventory that is in memory itself."""
    store = InMemoryFigureStore(devices)
    return books_of(store, InMemoryExclusionStore(store), inventory, clock)


def books_in(
    database: Database,
    inventory: Inventory,
    clock: FakeClock,
    *,
    policy: UpkeepPolicy | None = None,
) -> Books:
    """Over an inventory in the same database."""
    store, kept = SqlFigureStore(database), SqlExclusionStore(database)
    return books_of(store, kept, inventory, clock, policy=policy)
