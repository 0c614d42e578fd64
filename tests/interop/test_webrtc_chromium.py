"""A real headless Chromium plays what the relay sends: pictures by number, sound by its tone."""
# Losing packets is done inside: there is no seam for a bad network between relay and browser.
# pyright: reportPrivateUsage=false

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page

from media.door import StreamId, Transport, ViewerId, ViewerJoined, ViewerLeft
from media.plan import Place, RelayLimits, RelayPlan
from media.relay import Relay
from media.unit import AccessUnit, Codec
from tests.support.chromium import add_player, open_page, wait_for_number
from tests.support.units import TONE_HZ, publish_in_real_time, tone_units, video_units
from tests.support.waiting import until

SECONDS = 20
TONE_TOLERANCE_HZ = 20


class Scene:
    """A relay with one stream, fed by the test, and a page that can play it."""

    def __init__(self, relay: Relay, stream_id: StreamId, page: Page) -> None:
        self.relay = relay
        self.stream_id = stream_id
        self.page = page
        self.events: list[object] = []

    async def whep(self, name: str, offer: str) -> str:
        """What the page calls with its offer."""
        return await self.relay.answer(self.stream_id, ViewerId(name), offer)

    async def play(self, name: str) -> None:
        await self.page.evaluate(f"play({name!r})")


@asynccontextmanager
async def playing(units: Sequence[AccessUnit]) -> AsyncGenerator[Scene]:
    """Everything up, and the camera running; everything given back afterwards."""
    events: list[object] = []
    relay = Relay(
        RelayPlan(
            (42_000, 42_099),
            Place("127.0.0.1", 0),
            ("127.0.0.1",),
            limits=RelayLimits(transcodes=1),
        ),
        now=time.monotonic,
        token=lambda: secrets.token_hex(16),
        on_event=events.append,
    )
    await relay.start()
    try:
        address = await relay.open(Transport.UDP, 1, "127.0.0.1")
        hub = relay.hub(address.stream_id)
        camera = asyncio.create_task(publish_in_real_time(hub, units, time.monotonic))
        try:
            async with open_page() as page:
                scene = Scene(relay, address.stream_id, page)
                scene.events = events
                await add_player(page, scene.whep)
                yield scene
        finally:
            camera.cancel()
            await asyncio.wait([camera])
    finally:
        await relay.stop()
    assert relay.stream_count == relay.viewer_count == relay.transcoder_count == 0


async def loudest_hz(page: Page, name: str) -> float:
    """The loudest frequency of what a viewer hears, once it hears something."""
    await page.evaluate(f"listen({name!r})")
    handle = await page.wait_for_function(
        f"() => {{ const hz = window.loudestHz({name!r});"
        f" return Math.abs(hz - {TONE_HZ}) < {TONE_TOLERANCE_HZ} ? hz : 0; }}",
        timeout=15_000,
    )
    return float(await handle.json_value())


@pytest.mark.parametrize(("video", "audio"), [(Codec.H264, Codec.PCMA), (Codec.H265, Codec.AAC)])
async def test_pictures_move_and_the_tone_is_heard(
    video: Codec, audio: Codec, record_property: Callable[[str, object], None]
) -> None:
    units = [*video_units(video, SECONDS * 25), *tone_units(audio, SECONDS)]
    async with playing(units) as scene:
        clicked_s = time.monotonic()
        await scene.play("a")
        first = await wait_for_number(scene.page, "a", 1)
        record_property("first_picture_after_click_s", time.monotonic() - clicked_s)

        assert await wait_for_number(scene.page, "a", first + 25) >= first + 25
        assert abs(await loudest_hz(scene.page, "a") - TONE_HZ) < TONE_TOLERANCE_HZ
        figures = await scene.relay.figures(scene.stream_id)
        assert (figures.transcoding is None) is (video is Codec.H264)
        assert figures.viewers[0].packets_sent > 0


async def test_an_offer_may_be_answered_before_the_camera_sends() -> None:
    units = video_units(Codec.H264, 10 * 25)
    for unit in units:
        unit.pts += 3 * 90_000
    async with playing(units) as scene:
        await scene.play("a")

        assert await wait_for_number(scene.page, "a", 1) >= 1


async def test_a_late_viewer_soon_sees_what_the_first_one_sees() -> None:
    async with playing(video_units(Codec.H264, SECONDS * 25, group=100)) as scene:
        await scene.play("a")
        await wait_for_number(scene.page, "a", 30)
        await scene.play("b")
        await wait_for_number(scene.page, "b", 30)

        await scene.page.wait_for_function(
            "() => Math.abs(window.number('a') - window.number('b')) <= 3", timeout=10_000
        )


async def test_lost_packets_are_asked_for_and_the_picture_goes_on() -> None:
    units = video_units(Codec.H264, SECONDS * 25, group=SECONDS * 25, noise=True)
    async with playing(units) as scene:
        await scene.play("a")
        first = await wait_for_number(scene.page, "a", 1)
        lose_every_tenth_packet(scene.relay, scene.stream_id)

        await wait_for_number(scene.page, "a", first + 75)

        # There is one key picture in all: without the packets sent again it would have stopped.
        report = await scene.page.evaluate("inbound('a', 'video')")
        assert report["nackCount"] > 0
        assert report["retransmittedPacketsReceived"] > 0
        assert report["keyFramesDecoded"] == 1


def lose_every_tenth_packet(relay: Relay, stream_id: StreamId) -> None:
    """A network that loses: packets vanish between SRTP and the socket."""
    (viewer,) = relay._streams[stream_id].webrtc.viewers
    send, sent = viewer._send, 0

    def lossy(datagrams: Sequence[bytes]) -> int:
        nonlocal sent
        sent += len(datagrams)
        send([data for number, data in enumerate(datagrams, sent) if number % 10])
        return len(datagrams)

    viewer._send = lossy


async def test_a_viewer_that_closes_its_page_is_gone_and_takes_its_transcoder_along() -> None:
    async with playing(video_units(Codec.H265, SECONDS * 25)) as scene:
        await scene.play("a")
        await wait_for_number(scene.page, "a", 1)
        assert scene.relay.transcoder_count == 1

        await scene.page.evaluate("viewers.a.connection.close()")
        await until(lambda: scene.relay.viewer_count == 0)

        assert scene.relay.transcoder_count == 0
        kinds = [type(event) for event in scene.events]
        assert kinds.count(ViewerJoined) == kinds.count(ViewerLeft) == 1
