"""The whole server commands simulated cameras."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, Town, town
from tests.support.waiting import until, until_async
from vms.errors import UnsupportedError
from vms.gb28181.manscdp.messages import BasicParam, HomePosition, OsdConfig, OsdText
from vms.gb28181.ptz import (
    CruiseAction,
    CruiseVerb,
    Move,
    Pan,
    PresetAction,
    PresetVerb,
)
from vms.gb28181.version import Edition
from vms.signalling.commands import DeviceCommands
from vms.signalling.motion import Holder
from vms.signalling.record_slices import RecordQuery

OPERATOR = Holder("sign-in", "Operator")


@asynccontextmanager
async def camera(
    folder: Path, edition: Edition = Edition.E2022
) -> AsyncGenerator[tuple[Town, DeviceCommands]]:
    """A server with one camera of that edition, both on loopback.

    Older ones do not tell their edition: a person does.
    """
    async with town(folder) as place, place.cameras(edition=edition):
        await place.until_ready()
        await place.server.inventory.patch_device(FIRST_DEVICE, {"edition_override": edition})
        yield place, place.server.commands


async def test_a_preset_that_was_set_is_on_the_list_and_in_a_cruise(tmp_path: Path) -> None:
    async with camera(tmp_path) as (_, commands):
        here = (FIRST_DEVICE, FIRST_CHANNEL)
        steering, queries = commands.steering, commands.queries

        await steering.act(*here, PresetAction(PresetVerb.SET, 7), OPERATOR, name="East gate")
        await steering.act(*here, CruiseAction(CruiseVerb.ADD_POINT, 1, 7), OPERATOR)

        presets = {each.preset_id: each.name for each in await queries.presets(*here)}
        assert presets[7] == "East gate"
        track = await queries.cruise_track(*here, 1)
        assert [point.preset_index for point in track.points] == [7]


async def test_a_camera_turns_while_it_is_held_and_stands_afterwards(tmp_path: Path) -> None:
    async with camera(tmp_path) as (_, commands):
        here = (FIRST_DEVICE, FIRST_CHANNEL)
        before = await commands.queries.ptz_position(*here)

        right = Move(pan=Pan.RIGHT, pan_speed=255)
        await commands.steering.move(*here, right, OPERATOR, hold_s=0.5)
        await until(lambda: commands.steering.moving(*here) is None)

        after = await commands.queries.ptz_position(*here)
        assert after.pan_deg != before.pan_deg
        assert await commands.queries.ptz_position(*here) == after


async def test_a_camera_is_told_exactly_where_to_look(tmp_path: Path) -> None:
    async with camera(tmp_path) as (_, commands):
        here = (FIRST_DEVICE, FIRST_CHANNEL)

        await commands.controls.look_at(*here, pan_deg=30.0, tilt_deg=10.0, zoom=2.0)

        await until_async(
            lambda: commands.queries.ptz_position(*here),
            lambda position: (position.pan_deg, position.zoom) == (30.0, 2.0),
        )


async def test_a_home_position_that_was_set_is_read(tmp_path: Path) -> None:
    async with camera(tmp_path) as (_, commands):
        here = (FIRST_DEVICE, FIRST_CHANNEL)
        home = HomePosition(True, 30, 1)

        outcome = await commands.controls.set_home_position(*here, home)

        assert outcome.is_confirmed
        assert await commands.queries.home_position(*here) == home


async def test_recordings_of_two_days_are_found(tmp_path: Path) -> None:
    async with camera(tmp_path) as (_, commands):
        end = datetime.now(UTC).replace(microsecond=0)
        query = RecordQuery(FIRST_DEVICE, FIRST_CHANNEL, end - timedelta(days=2), end)

        job = await commands.records.searched(query)

        assert job.is_complete, job.sentence
        assert job.slices == job.slices_done == 2
        assert job.received == job.announced == len(job.recordings)
        assert abs(job.clock_offset_s) < 5


async def test_what_is_written_into_a_camera_is_read_back(tmp_path: Path) -> None:
    async with camera(tmp_path) as (_, commands):
        osd = OsdConfig(1920, 1080, 10, 10, True, 0, True, (OsdText("东门", 100, 900),))

        named = await commands.configs.write(
            FIRST_DEVICE, [BasicParam(name="东门", heartbeat_interval_s=60)]
        )
        shown = await commands.configs.write(FIRST_DEVICE, [osd], FIRST_CHANNEL)

        assert set(named.confirmed) == {"BasicParam.name", "BasicParam.heartbeat_interval_s"}
        assert named.differing == shown.differing == ()
        assert "OSDConfig.texts" in shown.confirmed


@pytest.mark.parametrize("edition", [Edition.E2011, Edition.E2016, Edition.E2022])
async def test_every_type_of_configuration_that_an_edition_has_is_answered(
    tmp_path: Path, edition: Edition
) -> None:
    async with camera(tmp_path, edition) as (_, commands):
        for config_type in commands.configs.types(FIRST_DEVICE):
            reading = await commands.configs.read(FIRST_DEVICE, config_type, FIRST_CHANNEL)
            assert reading.sentence


async def test_an_older_camera_is_spared_what_it_does_not_know(tmp_path: Path) -> None:
    async with camera(tmp_path, Edition.E2011) as (_, commands):
        assert (await commands.controls.guard(FIRST_DEVICE, is_set=True)).is_confirmed
        with pytest.raises(UnsupportedError, match="speaks 2011"):
            await commands.queries.presets(FIRST_DEVICE, FIRST_CHANNEL)
