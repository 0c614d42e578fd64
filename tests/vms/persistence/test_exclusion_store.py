"""Planned absences: what is kept of them, and which count when."""

from dataclasses import replace

import pytest

from tests.vms.persistence.rows_of_every_kind import NOW
from vms.errors import ConflictError
from vms.figures.exclusion_model import Exclusion, ExclusionStatus, Reason, Scope
from vms.figures.model import Window
from vms.figures.store import StoredDay
from vms.persistence.database import Database
from vms.persistence.exclusion_store import SqlExclusionStore
from vms.persistence.figure_store import SqlFigureStore

FIRST = Exclusion(
    exclusion_id="0001",
    reason=Reason.POWER_CUT,
    order_number="2026-17",
    note="变电站检修",
    start_s=100,
    end_s=200,
    daily_start_s=None,
    daily_end_s=None,
    scope=Scope(device_ids=("34020000001110000001",), divisions=("3402",)),
    channels=3,
    status=ExclusionStatus.REQUESTED,
    requested_by="lin",
    requested_at=NOW,
)
NIGHTLY = replace(
    FIRST,
    exclusion_id="0002",
    reason=Reason.PLANNED_SLEEP,
    start_s=150,
    end_s=900,
    daily_start_s=79_200,
    daily_end_s=21_600,
    scope=Scope(own_group_ids=("east",), channels=("34020000001110000001/1",)),
    channels=1,
)
APPROVED = replace(
    FIRST,
    status=ExclusionStatus.APPROVED,
    decided_by="wu",
    decided_at=NOW,
    decision_note="as announced",
)


async def asked(database: Database) -> SqlExclusionStore:
    """Both were asked for."""
    store = SqlExclusionStore(database)
    await store.add_exclusion(FIRST, [1, 3, 5])
    await store.add_exclusion(NIGHTLY, [3])
    return store


async def test_what_was_asked_for_comes_back_newest_first(database: Database) -> None:
    store = await asked(database)

    assert await store.exclusions(None, None, None, 10) == [NIGHTLY, FIRST]
    assert await store.exclusions(None, None, None, 1) == [NIGHTLY]
    assert await store.exclusions(None, None, "0002", 10) == [FIRST]
    assert await store.exclusions(None, Window(200, 300), None, 10) == [NIGHTLY]
    assert await store.exclusions(ExclusionStatus.APPROVED, None, None, 10) == []
    assert await store.exclusion("0001") == FIRST
    assert await store.exclusion("0003") is None
    assert await store.excluded_channels("0001") == [1, 3, 5]


async def test_only_what_is_approved_counts_and_only_in_its_time(database: Database) -> None:
    store = await asked(database)
    assert await store.approved(Window(0, 1000)) == []

    await store.decide(APPROVED, ExclusionStatus.REQUESTED, [])

    assert await store.approved(Window(0, 101)) == [(APPROVED, [1, 3, 5])]
    assert await store.approved(Window(200, 300)) == []
    assert await store.approved_of([3, 4, 5], Window(0, 1000)) == [(APPROVED, [3, 5])]
    assert await store.approved_of([2, 4], Window(0, 1000)) == []
    assert await store.exclusions(ExclusionStatus.APPROVED, None, None, 10) == [APPROVED]


async def test_a_decision_drops_the_days_it_touches_in_its_transaction(database: Database) -> None:
    store, figures = await asked(database), SqlFigureStore(database)
    for start_s in (0, 100, 200):
        await figures.save_day(StoredDay(start_s, start_s + 100, 1, b"s", b"h", "ab"))

    await store.decide(APPROVED, ExclusionStatus.REQUESTED, [Window(100, 200)])

    assert await figures.rolled_days(0, 300) == [(0, 100), (200, 300)]


async def test_of_two_who_decide_at_once_the_second_is_told(database: Database) -> None:
    store, figures = await asked(database), SqlFigureStore(database)
    refused = replace(APPROVED, status=ExclusionStatus.REFUSED)
    await store.decide(refused, ExclusionStatus.REQUESTED, [])
    await figures.save_day(StoredDay(100, 200, 1, b"s", b"h", "ab"))

    with pytest.raises(ConflictError, match="not requested any more"):
        await store.decide(APPROVED, ExclusionStatus.REQUESTED, [Window(100, 200)])

    assert await store.exclusion("0001") == refused
    assert await figures.rolled_days(0, 300) == [(100, 200)]


async def test_the_same_request_is_not_stored_twice(database: Database) -> None:
    store = await asked(database)

    with pytest.raises(ConflictError):
        await store.add_exclusion(replace(FIRST, note="again"), [7])

    assert await store.exclusion("0001") == FIRST


async def test_an_exclusion_of_a_whole_city_is_kept(database: Database) -> None:
    store = SqlExclusionStore(database)
    keys = list(range(1, 2002))
    await store.add_exclusion(replace(FIRST, channels=2001), keys)
    await store.decide(
        replace(APPROVED, channels=2001), ExclusionStatus.REQUESTED, [Window(100, 200)]
    )

    [(_, found)] = await store.approved_of(keys, Window(100, 101))
    assert found == keys
