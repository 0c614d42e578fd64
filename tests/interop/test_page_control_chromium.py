"""A person who moves cameras and asks why, at the page in a real Chromium."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator

from tests.support.console import GATE, PATIENCE_MS, Console, console
from tests.support.served import Served, served
from tests.support.waiting import until_async

PLAYED_LIMIT_S = 30.0
MOVED_LIMIT_S = 20.0
TURNED_DEG = 5.0
POSE = re.compile(r"P([0-9.]+) T(-?[0-9.]+) Z([0-9.]+)")

pytestmark = pytest.mark.timeout(240)

Pose = tuple[float, float, float]


async def pose(tile: Locator) -> Pose:
    """Where the camera points, as its picture says; waits until it says so."""

    async def look() -> Pose | None:
        text: str = await tile.locator("video").evaluate("video => observer.caption(video)")
        found = POSE.fullmatch(text)
        return None if found is None else (float(found[1]), float(found[2]), float(found[3]))

    seen = await until_async(look, lambda found: found is not None, PLAYED_LIMIT_S)
    assert seen is not None
    return seen


async def until_turned(tile: Locator, axis: int, start: Pose, sign: int) -> None:
    """Until the picture shows that the camera has gone that way."""

    def is_turned(now: Pose) -> bool:
        apart = now[axis] - start[axis]
        if axis == 0:
            apart = (apart + 180) % 360 - 180
        return apart * sign >= (TURNED_DEG if axis < 2 else 1)

    await until_async(lambda: pose(tile), is_turned, MOVED_LIMIT_S)


async def until_still(place: Served, tile: Locator) -> Pose:
    """Until nobody moves the camera and two pictures a second apart show the same."""

    async def moving() -> bool:
        path = f"/devices/{GATE.device_id}/channels/{GATE.channel_id}/ptz"
        return bool((await place.api.get(path)).json()["is_moving"])

    await until_async(moving, lambda is_moving: not is_moving, MOVED_LIMIT_S)
    last: Pose | None = None

    async def look() -> bool:
        nonlocal last
        before, last = last, await pose(tile)
        await tile.page.evaluate("() => new Promise(done => setTimeout(done, 1000))")
        return before == last

    await until_async(look, lambda is_same: is_same, MOVED_LIMIT_S)
    assert last is not None
    return last


async def steered(somebody: Console) -> Locator:
    """The tile of a playing camera, with the panel that moves it open."""
    tile = await somebody.click(GATE)
    await somebody.first_frame_ms(tile)
    await tile.get_by_test_id("steer").click()
    await somebody.page.get_by_test_id("ptz-panel").wait_for(timeout=PATIENCE_MS)
    return tile


async def test_a_camera_turns_while_a_button_is_held_and_stops_when_it_is_let_go(
    tmp_path: Path,
) -> None:
    async with (
        served(tmp_path) as place,
        place.cameras(*GATE.options) as summary,
        console(place) as somebody,
    ):
        tile = await steered(somebody)
        page = somebody.page
        lacking = "CruiseTrackListQuery is of edition 2022; this device speaks 2016."
        await page.get_by_text(lacking).wait_for(timeout=PATIENCE_MS)
        for name, axis, sign in (("right", 0, 1), ("up", 1, -1), ("zoom-in", 2, 1)):
            start = await pose(tile)
            await page.get_by_test_id(f"ptz-{name}").hover()
            await page.mouse.down()
            await until_turned(tile, axis, start, sign)
            await page.mouse.up()
            await until_still(place, tile)
        assert await page.get_by_test_id("ptz-trouble").count() == 0
    assert summary["errors"] == []


async def test_arrow_keys_move_the_focused_picture_until_the_window_loses_the_focus(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as place, place.cameras(*GATE.options), console(place) as somebody:
        tile = await somebody.click(GATE)
        await somebody.first_frame_ms(tile)
        start = await pose(tile)

        await tile.focus()
        await somebody.page.keyboard.down("ArrowLeft")
        await until_turned(tile, 0, start, -1)
        await somebody.page.evaluate("window.dispatchEvent(new Event('blur'))")

        await until_still(place, tile)
        await somebody.page.keyboard.up("ArrowLeft")


async def test_a_camera_stops_when_the_page_is_left_with_the_button_held(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as place,
        place.cameras(*GATE.options),
        console(place) as witness,
        console(place) as somebody,
    ):
        seen = await witness.click(GATE)
        await witness.first_frame_ms(seen)
        tile = await steered(somebody)
        start = await pose(tile)
        await somebody.page.get_by_test_id("ptz-left").hover()
        await somebody.page.mouse.down()
        await until_turned(seen, 0, start, -1)

        await somebody.page.goto("about:blank")

        await until_still(place, seen)


async def test_who_moves_a_camera_is_told_to_whoever_else_wants_to(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as place,
        place.cameras(*GATE.options),
        console(place) as other,
        console(place) as somebody,
    ):
        tiles = [await steered(each) for each in (other, somebody)]
        start = await pose(tiles[0])
        await other.page.get_by_test_id("ptz-right").hover()
        await other.page.mouse.down()
        await until_turned(tiles[1], 0, start, 1)

        await somebody.page.get_by_test_id("ptz-holder").wait_for(timeout=PATIENCE_MS)
        await somebody.page.get_by_test_id("ptz-up").hover()
        await somebody.page.mouse.down()
        trouble = somebody.page.get_by_test_id("ptz-trouble")
        await trouble.wait_for(timeout=PATIENCE_MS)

        assert await trouble.inner_text() == "admin is moving this camera."
        await other.page.mouse.up()
        assert (await until_still(place, tiles[0]))[1] == start[1]


async def test_a_preset_is_set_with_its_name_listed_and_called(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as place,
        place.cameras(*GATE.options, "--edition", "2022"),
        console(place) as somebody,
    ):
        tile = await steered(somebody)
        page = somebody.page
        await page.get_by_test_id("preset-number").fill("7")
        await page.get_by_test_id("preset-number").press("Enter")
        await page.get_by_test_id("preset-name").fill("Gate")
        there = await pose(tile)
        await page.get_by_test_id("preset-set").click()
        await page.get_by_test_id("presets").get_by_text("7 · Gate").wait_for(timeout=PATIENCE_MS)

        await page.get_by_test_id("ptz-right").hover()
        await page.mouse.down()
        await until_turned(tile, 0, there, 1)
        await page.mouse.up()
        assert await until_still(place, tile) != there
        await page.get_by_test_id("presets").get_by_text("7 · Gate").click()

        await until_async(lambda: pose(tile), lambda now: now == there, MOVED_LIMIT_S)


async def test_the_play_trace_shows_where_a_silent_camera_stopped_and_what_to_do(
    tmp_path: Path,
) -> None:
    async with (
        served(tmp_path) as place,
        place.cameras(*GATE.options, "--fault", "no-media"),
        console(place) as somebody,
    ):
        tile = await somebody.click(GATE)
        await tile.get_by_test_id("failure").wait_for(timeout=PATIENCE_MS)
        await tile.get_by_test_id("explain").click()

        trace = somebody.page.get_by_test_id("play-trace")
        await trace.and_(somebody.page.locator("[data-cause=no_rtp]")).wait_for(timeout=PATIENCE_MS)
        assert await trace.locator("[data-stage]:not([data-state=earlier])").count() == 8
        assert await trace.get_attribute("data-stopped") == "first_packet"
        assert await trace.get_by_test_id("next-step").inner_text()


async def test_a_wrong_password_is_named_while_a_device_is_added(tmp_path: Path) -> None:
    async with served(tmp_path) as place, console(place) as somebody:
        page = somebody.page
        await page.get_by_test_id("nav-devices").click()
        await page.get_by_test_id("add-device").click()
        await page.get_by_test_id("add-id").fill(GATE.device_id)
        await page.get_by_test_id("add-submit").click()
        verdict = page.get_by_test_id("register-verdict")
        await verdict.and_(page.locator("[data-verdict=nothing]")).wait_for(timeout=PATIENCE_MS)
        async with place.cameras(*GATE.options, "--fault", "wrong-password"):
            await verdict.and_(page.locator("[data-verdict=wrong_password]")).wait_for(
                timeout=PATIENCE_MS
            )
            assert await verdict.get_by_test_id("next-step").inner_text()


async def test_the_page_of_a_device_tells_what_it_is_and_does(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as place,
        place.cameras(*GATE.options, "--edition", "2022", "--fault", "status-words"),
        console(place) as somebody,
    ):
        await place.until_online(GATE.device_id)
        page = somebody.page
        await page.get_by_test_id("nav-devices").click()
        await page.get_by_test_id(f"row-{GATE.device_id}").click()

        await page.get_by_test_id("tab-diagnosis").click()
        diagnosis = page.get_by_test_id("diagnosis").first
        await diagnosis.and_(page.locator("[data-cause=none]")).wait_for(timeout=PATIENCE_MS)

        await page.get_by_test_id("tab-profile").click()
        field = page.get_by_test_id("field-ptz_max_speed")
        await field.get_by_role("textbox").fill("64")
        await field.get_by_role("textbox").press("Enter")
        await field.and_(page.locator("[data-origin=override]")).wait_for(timeout=PATIENCE_MS)
        await page.get_by_test_id("reset-ptz_max_speed").click()
        await field.and_(page.locator("[data-origin=chosen]")).wait_for(timeout=PATIENCE_MS)

        await page.get_by_test_id("tab-conformance").click()
        await page.get_by_test_id("conformance").wait_for(timeout=PATIENCE_MS)

        await page.get_by_test_id("tab-subscriptions").click()
        alarms = page.get_by_test_id("subscription-alarm")
        await alarms.and_(page.locator("[data-state=active]")).wait_for(timeout=PATIENCE_MS)

        await page.get_by_test_id("tab-sip").click()
        await page.locator("[data-testid=sip-live][data-live=true]").wait_for(timeout=PATIENCE_MS)
        messages = page.get_by_test_id("sip-messages")
        await messages.locator("[data-method=REGISTER] button").first.click(timeout=PATIENCE_MS)
        assert GATE.device_id in await page.get_by_test_id("sip-raw").inner_text()
        held = await messages.locator("[data-method=MESSAGE]").count()
        await place.api.post(f"/devices/{GATE.device_id}/query/info")
        await messages.locator("[data-method=MESSAGE]").nth(held).wait_for(timeout=PATIENCE_MS)

        await page.get_by_test_id("tab-orders").click()
        for question, words in (
            ("info", "manufacturer"),
            ("status", "is_online"),
            ("config", "block"),
        ):
            await page.get_by_test_id(f"ask-{question}").click()
            answer = page.get_by_test_id("order-answer")
            await answer.get_by_text(words, exact=True).wait_for(timeout=PATIENCE_MS)
        await page.get_by_test_id("guard").click()
        await page.get_by_test_id("order-outcome").wait_for(timeout=PATIENCE_MS)

        await page.get_by_test_id("tab-channels").click()
        await page.get_by_test_id(f"records-{GATE.channel_id}").click()
        await page.get_by_test_id("period-yesterday").click()
        await page.get_by_test_id("search-records").click()
        counted = page.get_by_test_id("records-counted")
        await counted.and_(page.locator("[data-state=complete]")).wait_for(timeout=PATIENCE_MS)
