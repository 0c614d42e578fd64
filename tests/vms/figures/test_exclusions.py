"""Who may be excused, by whom, and for how long."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from tests.support.books import SHANGHAI, Books, books_in_memory
from tests.vms.inventory.site import CAMERA, GATE, SECOND, Site, camera
from vms.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from vms.figures.exclusion_model import Exclusion, ExclusionStatus, Reason, Scope
from vms.figures.exclusions import Asked
from vms.figures.model import Window

DAY_S, HOUR_S = 86_400, 3_600
EVERYTHING = Scope(device_ids=(GATE,))


@dataclass
class Desk:
    """A gate with two cameras, at noon of the 2nd of March in Shanghai."""

    site: Site
    books: Books

    @property
    def now_s(self) -> int:
        return int(self.site.clock.wall().timestamp())

    def asked(
        self,
        start_s: int = 0,
        length_s: int = HOUR_S,
        *,
        order_number: str = "2026-031",
        note: str = "road works",
        scope: Scope = EVERYTHING,
        daily: tuple[int, int] | None = None,
    ) -> Asked:
        """From `start_s` on, counted from now."""
        window = Window(self.now_s + start_s, self.now_s + start_s + length_s)
        return Asked(Reason.CONSTRUCTION, order_number, note, window, scope, daily)

    async def approved(self, asked: Asked) -> Exclusion:
        exclusion = await self.books.exclusions.request(asked, "li")
        return await self.approve(exclusion)

    async def approve(self, exclusion: Exclusion, by: str = "wang") -> Exclusion:
        return await self.books.exclusions.approve(
            exclusion.exclusion_id, by, "fits", is_only_admin=False
        )


@pytest_asyncio.fixture
async def desk() -> AsyncGenerator[Desk]:
    site = await Site().open()
    await site.register()
    await site.report(camera(), camera(SECOND))
    yield Desk(site, books_in_memory(site.store, site.inventory, site.clock))


async def test_what_is_asked_for_counts_when_somebody_else_approves_it(desk: Desk) -> None:
    requested = await desk.books.exclusions.request(desk.asked(), "li")
    assert (requested.status, requested.channels) == (ExclusionStatus.REQUESTED, 2)

    approved = await desk.approve(requested)

    assert approved.status is ExclusionStatus.APPROVED
    assert (approved.requested_by, approved.decided_by, approved.decision_note) == (
        "li",
        "wang",
        "fits",
    )
    assert await desk.books.exclusions.get(requested.exclusion_id) == approved
    assert await desk.books.exclusions.list(ExclusionStatus.APPROVED) == [approved]
    assert await desk.books.exclusions.list(ExclusionStatus.REQUESTED) == []


async def test_nobody_decides_on_their_own_request_but_an_only_administrator(desk: Desk) -> None:
    exclusions = desk.books.exclusions
    own = await exclusions.request(desk.asked(), "li")

    with pytest.raises(ForbiddenError):
        await exclusions.approve(own.exclusion_id, "li", "", is_only_admin=False)
    with pytest.raises(ForbiddenError):
        await exclusions.refuse(own.exclusion_id, "li", "", is_only_admin=False)

    approved = await exclusions.approve(own.exclusion_id, "li", "", is_only_admin=True)
    assert approved.status is ExclusionStatus.APPROVED


async def test_what_is_decided_is_decided(desk: Desk) -> None:
    exclusions = desk.books.exclusions
    refused = await exclusions.request(desk.asked(), "li")
    await exclusions.refuse(refused.exclusion_id, "wang", "no order", is_only_admin=False)

    with pytest.raises(ConflictError):
        await desk.approve(refused)
    with pytest.raises(ConflictError):
        await exclusions.withdraw(refused.exclusion_id, "li", "", may_decide=True)
    with pytest.raises(NotFoundError):
        await exclusions.approve("0", "wang", "", is_only_admin=False)


async def test_whoever_asked_takes_the_request_back_but_not_the_approval(desk: Desk) -> None:
    exclusions = desk.books.exclusions
    requested = await exclusions.request(desk.asked(), "li")
    with pytest.raises(ForbiddenError):
        await exclusions.withdraw(requested.exclusion_id, "zhao", "", may_decide=False)
    await exclusions.withdraw(requested.exclusion_id, "li", "", may_decide=False)

    approved = await desk.approved(desk.asked())
    with pytest.raises(ForbiddenError):
        await exclusions.withdraw(approved.exclusion_id, "li", "", may_decide=False)
    withdrawn = await exclusions.withdraw(approved.exclusion_id, "wang", "", may_decide=True)
    assert withdrawn.status is ExclusionStatus.WITHDRAWN


async def test_requests_beyond_the_limits_are_refused(desk: Desk) -> None:
    nonsense = (
        desk.asked(length_s=0),
        desk.asked(length_s=30 * DAY_S + 1),
        # in the year 9999
        desk.asked(7972 * 365 * DAY_S, daily=(0, HOUR_S)),
        # it ended 72 h and a second ago
        desk.asked(-73 * HOUR_S - 1, HOUR_S),
        desk.asked(order_number="  "),
        desk.asked(note="x" * 2001),
        desk.asked(daily=(0, 0)),
        desk.asked(daily=(0, DAY_S + 1)),
        desk.asked(scope=Scope()),
        desk.asked(scope=Scope(divisions=("99",))),
        desk.asked(scope=Scope(device_ids=("1",) * 10_001)),
    )

    for asked in nonsense:
        with pytest.raises(InvalidError):
            await desk.books.exclusions.request(asked, "li")

    assert await desk.books.exclusions.list() == []
    for asked in (desk.asked(-73 * HOUR_S, HOUR_S), desk.asked(length_s=30 * DAY_S)):
        await desk.books.exclusions.request(asked, "li")
    assert len(await desk.books.exclusions.list()) == 2


async def test_no_channel_is_excused_for_more_than_ten_days_of_a_month(desk: Desk) -> None:
    # given nine days of both cameras, and a day of it once more
    await desk.approved(desk.asked(0, 9 * DAY_S))
    await desk.approved(desk.asked(DAY_S, DAY_S))

    # then a tenth day is the last for CAMERA, and SECOND has it still
    only_first = Scope(channels=(f"{GATE}/{CAMERA}",))
    await desk.approved(desk.asked(10 * DAY_S, DAY_S, scope=only_first))
    too_much = await desk.books.exclusions.request(desk.asked(12 * DAY_S, 1), "li")
    with pytest.raises(InvalidError, match="1 channels"):
        await desk.approve(too_much)
    await desk.approved(desk.asked(12 * DAY_S, DAY_S, scope=Scope(channels=(f"{GATE}/{SECOND}",))))
    # nor does March count in April
    await desk.approved(desk.asked(31 * DAY_S, 10 * DAY_S))


async def test_a_scope_names_devices_channels_divisions_and_groups(desk: Desk) -> None:
    await desk.site.inventory.patch_channel(GATE, SECOND, {"division": "34020312"})
    group = await desk.site.inventory.add_own_group("Schools")
    await desk.site.inventory.patch_channel(
        GATE, CAMERA, {"overrides": {"own_group_id": group.group_id}}
    )

    async def count(scope: Scope) -> int:
        exclusion = await desk.books.exclusions.request(desk.asked(scope=scope), "li")
        keys = await desk.books.exclusions.channels(exclusion.exclusion_id)
        assert len(keys) == exclusion.channels
        return exclusion.channels

    assert await count(Scope(device_ids=(GATE,))) == 2
    assert await count(Scope(channels=(f"{GATE}/{CAMERA}",))) == 1
    assert await count(Scope(divisions=("340203",))) == 1
    assert await count(Scope(own_group_ids=(group.group_id,))) == 1
    assert await count(Scope(divisions=("340203",), channels=(f"{GATE}/{SECOND}",))) == 1
    # as many as may be named, among groups as there may be
    for number in range(300):
        await desk.site.inventory.add_own_group(f"Ward {number}")
    assert await count(Scope(own_group_ids=(group.group_id,) * 10_000)) == 1


def exclusion(start: datetime, end: datetime, daily: tuple[int, int] | None) -> Exclusion:
    return Exclusion(
        exclusion_id="1",
        reason=Reason.PLANNED_SLEEP,
        order_number="1",
        note="",
        start_s=int(start.timestamp()),
        end_s=int(end.timestamp()),
        daily_start_s=daily[0] if daily else None,
        daily_end_s=daily[1] if daily else None,
        scope=Scope(),
        channels=1,
        status=ExclusionStatus.APPROVED,
        requested_by="li",
        requested_at=start,
    )


def test_a_planned_sleep_comes_back_every_night_by_the_sites_clock() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 28, 0, 0, tzinfo=berlin)
    nights = exclusion(start, start + timedelta(days=2), (22 * HOUR_S, 6 * HOUR_S))

    found = [
        (datetime.fromtimestamp(each.start_s, berlin).isoformat()[5:16], each.length_s)
        for each in nights.windows(berlin)
    ]

    # the night before is cut at the beginning; in the first whole one an hour is skipped
    assert found == [
        ("03-28T00:00", 6 * HOUR_S),
        ("03-28T22:00", 7 * HOUR_S),
        ("03-29T22:00", 2 * HOUR_S),
    ]
    noon = exclusion(start, start + timedelta(days=1), (12 * HOUR_S, 24 * HOUR_S))
    assert [each.length_s for each in noon.windows(berlin)] == [12 * HOUR_S]
    whole = exclusion(start, start + timedelta(hours=5), None)
    assert [each.length_s for each in whole.windows(SHANGHAI)] == [5 * HOUR_S]
