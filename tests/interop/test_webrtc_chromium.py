"""A real headless Chromium plays what the relay sends: pictures by number, sound by its tone."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from playwright.async_api import Page

from media.door import StreamId, Transport, ViewerId, ViewerJoined, ViewerLeft
from media.outputs.webrtc_leaf import Leaf
from media.outputs.webrtc_rtcp import Nack
from media.outputs.webrtc_viewer import Viewer
from media.plan import Place, RelayLimits, RelayPlan
from media.relay import Relay
from media.unit import AccessUnit, Codec
from tests.support.chromium import add_player, open_page, wait_for_number
from tests.support.impairment import Impairment, Network, impaired
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
        self.network: Network | None = None
        self.has_tcp = False

    @property
    def lost_percent(self) -> float:
        """What the network lost of all that was sent to the browser."""
        assert self.network is not None
        way = self.network.back
        return 100 * way.lost / (way.lost + way.passed)

    async def whep(self, name: str, offer: str) -> str:
        """What the page calls with its offer."""
        answer = await self.relay.answer(self.stream_id, ViewerId(name), offer)
        if self.network is None:
            return answer
        # The browser is told the bad network's address in place of ours.
        port = self.network.address[1]
        lines = [
            line if " tcp " in line else line.replace(f" {self.relay.webrtc_port} ", f" {port} ")
            for line in answer.split("\r\n")
            if self.has_tcp or " tcp " not in line
        ]
        return "\r\n".join(lines)

    async def patch(self, name: str, fragment: str) -> str:
        """What the page calls with its fragment."""
        return await self.relay.patch(ViewerId(name), fragment)

    async def play(self, name: str) -> None:
        await self.page.evaluate(f"play({name!r})")


@asynccontextmanager
async def playing(
    units: Sequence[AccessUnit], bad: Impairment | None = None, *, has_tcp: bool = False
) -> AsyncGenerator[Scene]:
    """Everything up, and the camera running; everything given back afterwards.

    `bad` is what the network does to datagrams for the browser; `has_tcp`: it lets TCP pass.
    """
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
        async with open_page() as page, AsyncExitStack() as stack:
            # Not before: of a film whose only key picture is long past too much would be missing.
            camera = asyncio.create_task(publish_in_real_time(hub, units, time.monotonic))
            try:
                scene = Scene(relay, address.stream_id, page)
                scene.events = events
                scene.has_tcp = has_tcp
                if bad is not None:
                    target = "127.0.0.1", relay.webrtc_port
                    network = impaired(target, Impairment(), bad, seed=1)
                    scene.network = await stack.enter_async_context(network)
                await add_player(page, scene.whep, scene.patch)
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


@pytest.mark.parametrize("loss", [0.01, 0.05])
async def test_lost_packets_come_again_and_the_figures_tell_how_many_were_lost(loss: float) -> None:
    units = video_units(
        Codec.H264, SECONDS * 25, width=240, height=136, group=SECONDS * 25, noise=True
    )
    async with playing(units, Impairment(loss=loss)) as scene:
        await scene.play("a")
        first = await wait_for_number(scene.page, "a", 1)

        await wait_for_number(scene.page, "a", first + 150)

        # There is one key picture in all: without the packets sent again it would have stopped.
        report = await scene.page.evaluate("inbound('a', 'video')")
        assert report["retransmittedPacketsReceived"] > 0
        assert report["keyFramesDecoded"] == 1
        (viewer,) = (await scene.relay.figures(scene.stream_id)).viewers
        assert viewer.resent > 0
        assert viewer.lost_percent == pytest.approx(scene.lost_percent, abs=0.5)


async def test_a_browser_that_cannot_go_on_is_shown_the_last_group_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_old(_viewer: Viewer, _leaf: Leaf, _nack: Nack, _now_s: float) -> None:
        """What it lacks is not kept any more."""

    monkeypatch.setattr(Viewer, "resend", too_old)
    units = video_units(Codec.H264, SECONDS * 25, group=SECONDS * 25)
    async with playing(units, Impairment()) as scene:
        await scene.play("a")
        await wait_for_number(scene.page, "a", 10)
        assert scene.network is not None
        network = scene.network
        network.is_dead = True
        await until(lambda: network.swallowed >= 10)
        network.is_dead = False

        await scene.page.wait_for_function(
            "async () => (await inbound('a', 'video')).keyFramesDecoded === 2", timeout=15_000
        )
        number = int(await scene.page.evaluate("number('a')"))
        assert await wait_for_number(scene.page, "a", number + 25) >= number + 25
        # The camera made no key picture, and was not asked for one.
        assert [type(event) for event in scene.events] == [ViewerJoined]


async def test_where_udp_does_not_pass_it_connects_by_tcp() -> None:
    units = video_units(Codec.H264, SECONDS * 25)
    async with playing(units, Impairment(loss=1.0), has_tcp=True) as scene:
        await scene.play("a")

        first = await wait_for_number(scene.page, "a", 1)
        assert await wait_for_number(scene.page, "a", first + 25) >= first + 25
        assert (await scene.page.evaluate("path('a')"))["protocol"] == "tcp"


async def test_pictures_go_on_over_an_ice_restart_and_the_cipher_is_the_fast_one() -> None:
    async with playing(video_units(Codec.H264, SECONDS * 25, group=SECONDS * 25)) as scene:
        await scene.play("a")
        await wait_for_number(scene.page, "a", 10)
        before = await scene.page.evaluate("path('a')")
        assert before["cipher"] == "SRTP_AEAD_AES_256_GCM"

        await scene.page.evaluate("restart('a')")
        await scene.page.wait_for_function(
            f"async () => (await path('a'))?.ufrag !== {before['ufrag']!r}", timeout=10_000
        )

        number = int(await scene.page.evaluate("number('a')"))
        assert await wait_for_number(scene.page, "a", number + 25) >= number + 25
        report = await scene.page.evaluate("inbound('a', 'video')")
        assert report["keyFramesDecoded"] == 1


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
