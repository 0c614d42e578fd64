"""What other people's players make of FLV, fMP4 and HLS: FFmpeg, and Chromium's MediaSource."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from media.unit import PTS_HZ, AccessUnit, AudioFormat, Codec
from tests.support.chromium import open_page
from tests.support.http_site import connect, open_site
from tests.support.tools import missing_chromium
from tests.support.units import TONE_HZ, number_of, tone_units, video_units
from tests.support.waiting import until

SECONDS = 8


def film(codec: Codec) -> Sequence[AccessUnit]:
    """Numbered pictures and a tone."""
    return [*video_units(codec, 25 * SECONDS), *tone_units(Codec.AAC, SECONDS)]


@dataclass(frozen=True)
class Seen:
    """What a player made of it."""

    video_codec: str
    numbers: list[int]
    rate_hz: int
    loudest_hz: float


def watch(source: str, pictures: int) -> Seen:
    """FFmpeg's demuxers and decoders on a URL or a file."""
    numbers: list[int] = []
    samples: list[np.ndarray] = []
    rate_hz = 0
    with av.open(source, timeout=10) as container:
        name = container.streams.video[0].codec_context.name
        assert len(container.streams.audio) == 1
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, VideoFrame):
                    numbers.append(number_of(frame))
                elif isinstance(frame, AudioFrame):
                    samples.append(frame.to_ndarray()[0])
                    rate_hz = frame.sample_rate
            if len(numbers) >= pictures and samples:
                break
    wave = np.concatenate(samples)
    spectrum = np.abs(np.fft.rfft(wave))
    loudest = int(spectrum[1:].argmax()) + 1
    return Seen(name, numbers, rate_hz, loudest * rate_hz / len(wave))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_ffmpeg_plays_every_form(codec: Codec) -> None:
    async with open_site() as site:
        playing = site.play(film(codec))
        forms = (".flv", ".mp4", "/index.m3u8")
        seen = await asyncio.gather(
            *(asyncio.to_thread(watch, site.url(form), 25) for form in forms)
        )
        playing.cancel()

    for each in seen:
        assert each.video_codec == ("h264" if codec is Codec.H264 else "hevc")
        first = each.numbers[0]
        assert each.numbers[:25] == list(range(first, first + 25))
        assert each.loudest_hz == pytest.approx(TONE_HZ, abs=40)


async def test_what_a_websocket_brings_is_an_mp4(tmp_path: Path) -> None:
    async with open_site() as site, connect(site) as client:
        playing = site.play(film(Codec.H264))
        assert (await client.handshake(site.target(".mp4"))).status == 101
        told = await client.told()
        messages = [await client.message() for _ in range(60)]
        playing.cancel()

    assert told["codecs"].startswith("avc1.42")
    assert told["codecs"].endswith(",mp4a.40.2")
    assert {first for first, _ in messages} == {0x82}
    path = tmp_path / "saved.mp4"
    path.write_bytes(b"".join(payload for _, payload in messages))
    seen = await asyncio.to_thread(watch, str(path), 1_000)
    assert seen.numbers == list(range(seen.numbers[0], seen.numbers[-1] + 1))
    assert seen.loudest_hz == pytest.approx(TONE_HZ, abs=40)


async def test_sound_that_is_not_aac_is_made_so() -> None:
    async with open_site() as site:
        playing = site.play([*video_units(Codec.H264, 150), *tone_units(Codec.PCMA, 6)])
        seen = await asyncio.to_thread(watch, site.url(".flv"), 40)
        playing.cancel()

    assert seen.rate_hz == 16_000
    assert seen.loudest_hz == pytest.approx(TONE_HZ, abs=40)


async def test_who_turns_out_to_need_converting_and_finds_no_place_is_told_to_ask_again() -> None:
    async with open_site() as site, connect(site) as client:
        site.pool.open_pictures(Codec.H265, 720, lambda _: None, lambda: None)
        await client.handshake(f"{site.target('.mp4')}&video=h264")
        site.show(video_units(Codec.H265, 1)[0])
        close = await client.message()

    assert close == (0x88, (1001).to_bytes(2) + b"no_transcoder")


PLAYER = """
async url => {
  const video = document.body.appendChild(document.createElement('video'));
  video.muted = true;
  const media = new MediaSource();
  video.src = URL.createObjectURL(media);
  await new Promise(done => media.addEventListener('sourceopen', done));
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const waiting = [];
  let buffer;
  const next = () => {
    if (buffer && !buffer.updating && waiting.length) buffer.appendBuffer(waiting.shift());
    if (video.buffered.length && video.paused) {
      video.currentTime = video.buffered.start(0);
      video.play();
    }
  };
  socket.onmessage = ({data}) => {
    if (typeof data === 'string') {
      buffer = media.addSourceBuffer(JSON.parse(data).mime);
      buffer.addEventListener('updateend', next);
    } else waiting.push(data);
    next();
  };
  window.video = video;
  window.state = () => ({
    at: video.currentTime, width: video.videoWidth, ranges: video.buffered.length,
    begin: video.buffered.length ? video.buffered.start(0) : -1,
    end: video.buffered.length ? video.buffered.end(0) : -1,
    sound: video.webkitAudioDecodedByteCount || 0,
    error: String(video.error && video.error.message),
  });
}
"""


@pytest.mark.skipif(missing_chromium() is not None, reason=str(missing_chromium()))
async def test_chromium_plays_a_websocket_by_mediasource_a_late_viewer_too() -> None:
    async with open_site() as site, open_page() as page, connect(site) as early:
        await page.goto(f"http://127.0.0.1:{site.output.port}/")
        playing = site.play(film(Codec.H264))
        await early.handshake(site.target(".mp4"))
        for _ in range(10):
            await early.message()
        await page.evaluate(PLAYER, site.url(".mp4", scheme="ws"))
        await page.wait_for_function(
            "() => { const s = window.state(); return s.ranges && s.at > s.begin + 1; }",
            timeout=10_000,
        )
        state = await page.evaluate("window.state()")
        playing.cancel()

    assert state["width"] == 480
    assert state["ranges"] == 1, state
    assert state["begin"] > 0.1
    assert state["sound"] > 0
    assert state["error"] == "null"


PICTURE_MS = (0, 16, 56, 96, 136, 296, 336, 976, 1_016, 1_056, 1_096, 1_136)
"""After the first one early, as when a viewer comes between two; then pauses of the camera."""


@pytest.mark.skipif(missing_chromium() is not None, reason=str(missing_chromium()))
async def test_chromium_loses_no_picture_to_pauses_of_pictures_or_sound() -> None:
    pictures = video_units(Codec.H264, len(PICTURE_MS), group=100)
    for unit, shown_ms in zip(pictures, PICTURE_MS, strict=True):
        unit.pts = shown_ms * 90
    tone = [unit for unit in tone_units(Codec.AAC, 1.3) if not 0.3 < unit.pts / PTS_HZ < 0.8]
    async with open_site() as site, open_page() as page:
        await page.goto(f"http://127.0.0.1:{site.output.port}/")
        site.hub.audio = AudioFormat(Codec.AAC, 16_000, 1)
        await page.evaluate(PLAYER, site.url(".mp4", scheme="ws"))
        await until(lambda: bool(site.joined))
        for unit in sorted((*pictures, *tone), key=lambda unit: unit.pts):
            site.show(unit)

        # There is no second key picture with which what was thrown away would begin again.
        await page.wait_for_function("() => window.state().end > 1.1", timeout=10_000)
        state = await page.evaluate("window.state()")

    assert state["ranges"] == 1, state
    assert state["error"] == "null"
