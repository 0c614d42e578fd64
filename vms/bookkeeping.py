"""Builds all that counts and reports, over a database and the inventory that writes or reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from config.settings import Settings
from vms.clock import Clock
from vms.diagnosis.outage_causes import told
from vms.figures.exclusions import ExclusionLimits, Exclusions
from vms.figures.freshness import Freshness
from vms.figures.model import Targets
from vms.figures.service import Figures
from vms.figures.upkeep import Upkeep, UpkeepPolicy
from vms.inventory.inventory import Inventory
from vms.inventory.outage_records import Outage
from vms.persistence.circular_store import SqlCircularStore
from vms.persistence.database import Database
from vms.persistence.exclusion_store import SqlExclusionStore
from vms.persistence.figure_store import SqlFigureStore
from vms.persistence.outage_store import SqlOutageStore
from vms.reports.composing import Composer
from vms.reports.facts import SiteFacts
from vms.reports.service import ReportPolicy, Reports


@dataclass(frozen=True, slots=True)
class Books:
    """Figures and what is made of them. `upkeep.run` and `reports.run` go beside everything else;
    `reports.start` comes first and `reports.close` last."""

    figures: Figures
    exclusions: Exclusions
    upkeep: Upkeep
    composer: Composer
    reports: Reports


def open_books(
    database: Database,
    inventory: Inventory,
    clock: Clock,
    settings: Settings,
    new_id: Callable[[], str],
) -> Books:
    """As the settings say; nothing is read or written yet."""
    wanted, reporting = settings.figures, settings.reports
    zone = ZoneInfo(settings.site.time_zone)
    store, kept = SqlFigureStore(database), SqlExclusionStore(database)
    freshness = Freshness()
    targets = Targets(wanted.online_target, wanted.coverage_limit)
    figures = Figures(store, kept, inventory, zone, targets)
    limits = ExclusionLimits(
        wanted.exclusion_longest_days, wanted.exclusion_latest_hours, wanted.exclusion_days_a_month
    )
    exclusions = Exclusions(kept, inventory, clock, zone, freshness, limits, new_id)
    upkeep = Upkeep(
        store, kept, inventory, clock, zone, freshness, UpkeepPolicy(wanted.keep_raw_months)
    )

    facts = SiteFacts(
        store,
        kept,
        upkeep.check,
        SqlOutageStore(database),
        _sentences,
        inventory.find_channel,
        zone,
    )
    composer = Composer(figures, facts, targets, settings.site.time_zone, reporting.issuer)
    policy = ReportPolicy(
        reporting.cut_off_day,
        reporting.level,
        reporting.automatic,
        timedelta(hours=reporting.freeze_after_h),
    )
    reports = Reports(SqlCircularStore(database), composer, clock, new_id, zone, policy)
    return Books(figures, exclusions, upkeep, composer, reports)


def _sentences(outage: Outage) -> tuple[str, str]:
    words = told(outage)
    return words.sentence_zh, words.sentence_en
