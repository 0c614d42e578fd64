"""Notices and positions: each stored once, in bounded number, told without a storm."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from math import inf

import pytest
import pytest_asyncio

from tests.support.clock import MIDDAY
from tests.vms.inventory.site import CAMERA, FOREVER, GATE, YARD, Site
from vms.errors import NotFoundError, UnavailableError
from vms.events import NoticeReceived, PositionChanged
from vms.inventory.notices import PRUNE_EVERY, UNKNOWN_KEPT
from vms.inventory.positions import LatestPositions
from vms.inventory.reported import Fact, Notice, ReportedNotice, ReportedPosition

STATUS = ReportedNotice(
    CAMERA, "MediaStatus", 7, None, {"notify_type": 121}, b"<Notify/>", occasion="a 1 NOTIFY"
)
HERE = ReportedPosition(CAMERA, MIDDAY, 118.25, 31.5, speed_kmh=40.0)


@pytest_asyncio.fixture
async def site() -> Site:
    site = await Site().open()
    await site.register()
    return site


class TestNotices:
    async def test_a_notice_is_stored_once_and_told_once(self, site: Site) -> None:
        assert await site.inventory.record_notice(GATE, STATUS)
        assert not await site.inventory.record_notice(GATE, STATUS)

        [notice] = await site.inventory.notices(GATE)
        assert (notice.cmd_type, notice.facts, notice.raw) == (
            "MediaStatus",
            {"notify_type": 121},
            b"<Notify/>",
        )
        assert sum(isinstance(event, NoticeReceived) for event in await site.told()) == 1

    async def test_the_same_body_from_another_request_is_another_notice(self, site: Site) -> None:
        for occasion in ("a 1 NOTIFY", "a 2 NOTIFY", "", ""):
            assert await site.inventory.record_notice(GATE, replace(STATUS, occasion=occasion))

    async def test_nothing_is_told_when_the_database_is_down(self, site: Site) -> None:
        site.store.is_down = True

        with pytest.raises(UnavailableError):
            await site.inventory.record_notice(GATE, STATUS)

        assert not any(isinstance(event, NoticeReceived) for event in await site.told())

    async def test_inventions_of_a_device_push_out_only_each_other(self, site: Site) -> None:
        await site.inventory.record_notice(GATE, STATUS)
        for sn in range(UNKNOWN_KEPT + 2 * PRUNE_EVERY):
            invented = ReportedNotice(GATE, f"Invented{sn}", sn, None, {}, b"")
            await site.inventory.record_notice(GATE, invented)

        unknown = [row async for row in _all_notices(site) if not row.is_known]
        assert UNKNOWN_KEPT <= len(unknown) <= UNKNOWN_KEPT + PRUNE_EVERY
        assert unknown[0].sn == UNKNOWN_KEPT + 2 * PRUNE_EVERY - 1
        assert await site.inventory.notices(GATE, "MediaStatus")

    async def test_facts_are_cut_to_what_databases_take_and_people_read(self, site: Site) -> None:
        facts: dict[str, Fact] = {
            "text": "a\0b" + "c" * 10_000,
            "number": inf,
            "list": [1, None],
            "deep": [[[[[1]]]]],
        }

        await site.inventory.record_notice(GATE, replace(STATUS, facts=facts, raw=b"x" * 100_000))

        [notice] = await site.inventory.notices(GATE)
        assert notice.facts["number"] is None
        assert notice.facts["list"] == [1, None]
        assert str(notice.facts["text"]).startswith("abc")
        assert len(str(notice.facts["text"])) < 5_000
        assert notice.facts["deep"] == [[[[None]]]]
        assert len(notice.raw) == 65_536

    async def test_strangers_leave_no_notice(self, site: Site) -> None:
        with pytest.raises(NotFoundError):
            await site.inventory.record_notice(YARD, STATUS)


async def _all_notices(site: Site) -> AsyncGenerator[Notice]:
    before_id = None
    while rows := await site.inventory.notices(GATE, before_id=before_id, limit=1000):
        for row in rows:
            yield row
        before_id = rows[-1].notice_id


class TestPositions:
    async def test_the_latest_position_is_known_and_outlives_us(self, site: Site) -> None:
        later = replace(HERE, captured_at=MIDDAY + timedelta(seconds=5), longitude=118.5)
        assert await site.inventory.record_positions(GATE, [later, HERE, HERE]) == 2

        await site.restart(10)

        latest = site.inventory.position(GATE, CAMERA)
        assert latest is not None
        assert (latest.longitude, latest.speed_kmh) == (118.5, 40.0)
        track = await site.inventory.positions(GATE, CAMERA, *FOREVER)
        assert [position.longitude for position in track] == [118.25, 118.5]
        assert site.inventory.position(GATE, GATE) is None

    @pytest.mark.parametrize(("longitude", "latitude"), [(0, 0), (181, 1), (1, -91), (inf, 1)])
    async def test_what_is_no_place_is_no_position(
        self, site: Site, longitude: float, latitude: float
    ) -> None:
        nowhere = replace(HERE, longitude=longitude, latitude=latitude)

        assert await site.inventory.record_positions(GATE, [nowhere]) == 0
        assert site.inventory.position(GATE, CAMERA) is None

    async def test_a_position_from_a_clock_far_ahead_gives_way_to_the_next(
        self, site: Site
    ) -> None:
        ahead = replace(HERE, captured_at=MIDDAY + timedelta(days=365))
        await site.inventory.record_positions(GATE, [ahead])

        await site.inventory.record_positions(GATE, [replace(HERE, longitude=100.0)])

        latest = site.inventory.position(GATE, CAMERA)
        assert latest is not None
        assert latest.longitude == 100.0

    async def test_a_burst_is_told_once_a_second_and_its_end_is_not_lost(self, site: Site) -> None:
        for number in range(50):
            moved = replace(
                HERE, captured_at=MIDDAY + timedelta(milliseconds=number), longitude=100 + number
            )
            await site.inventory.record_positions(GATE, [moved])
        await site.pass_time(2)

        told = [event for event in await site.told() if isinstance(event, PositionChanged)]
        assert [event.longitude for event in told] == [100, 149]

    async def test_a_device_off_file_is_nowhere(self, site: Site) -> None:
        await site.inventory.record_positions(GATE, [HERE])
        await site.inventory.remove_device(GATE)
        await site.register()

        assert site.inventory.position(GATE, CAMERA) is None

    async def test_so_many_sources_are_remembered_and_no_more(self, site: Site) -> None:
        await site.inventory.record_positions(
            GATE, [replace(HERE, source_id=str(number)) for number in range(5)]
        )
        stored = await site.store.latest_positions(10)

        latest = LatestPositions(stored, limit=3)

        assert len(latest) == 3
