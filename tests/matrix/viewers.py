"""Viewers that are not ours: ffmpeg, and Chromium. Each reads the clock and hears the tone."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page
from websockets.asyncio.client import connect

from tests.matrix.cells import Proof
from tests.support.block_digits import read_test_card
from tests.support.tools import ROOT
from tests.support.waiting import until_async

WIDTH, HEIGHT = 640, 360
PICTURE_MS = 40
PICTURES = 50
"""Two seconds of pictures are looked at, those that arrive in the beginning included."""

SOUND_HZ = 16_000
SOUND_SAMPLES = 8_192
TONE_HZ = 1_000
TONE_LIMIT_HZ = 8
PURE_DB = 20.0
LIMIT_S = 30.0
ADVANCE_TOLERANCE_MS = 3 * PICTURE_MS


Seen = tuple[list[NDArray[np.uint8]], float]
"""Pictures, and when the first of them came."""


class ProofError(Exception):
    """A viewer did not see or hear what the camera shows; the message tells what instead."""


def ffmpeg(source: Sequence[str], sound_fd: int | None) -> list[str]:
    """ffmpeg that writes gray pictures to standard output and sound to a descriptor."""
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", *source]
    command += ["-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", "gray"]
    command += ["-f", "rawvideo", "pipe:1"]
    if sound_fd is not None:
        command += ["-map", "0:a:0", "-ac", "1", "-ar", str(SOUND_HZ)]
        command += ["-f", "s16le", f"pipe:{sound_fd}"]
    return command


def pyav(url: str, sound_fd: int | None) -> list[str]:
    """The same by PyAV's FFmpeg."""
    command = [sys.executable, "-m", "tests.matrix.pyav_reader", url]
    return command if sound_fd is None else [*command, str(sound_fd)]


async def ffmpeg_proof(
    command: Callable[[int | None], Sequence[str]],
    channel_id: str,
    clicked_s: float,
    *,
    peer: str,
    codec: str,
    has_sound: bool,
    feed: AsyncIterable[bytes] | None = None,
) -> Proof:
    """The picture and sound as a process decodes them: `command` of the descriptor for its sound.

    `feed` goes into its standard input. Raises `ProofError`.
    """
    sound_read, sound_write = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *command(sound_write if has_sound else None),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(sound_write,),
        limit=4 * WIDTH * HEIGHT,
        cwd=ROOT,
    )
    os.close(sound_write)
    heard: asyncio.Future[NDArray[np.int16]] = asyncio.get_running_loop().create_future()
    seen: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
    tasks = [
        asyncio.create_task(_sound(sound_read, heard)),
        asyncio.create_task(_pictures(process, seen)),
    ]
    if feed is not None:
        tasks.append(asyncio.create_task(_feed(process, feed)))
    try:
        async with asyncio.timeout(LIMIT_S):
            pictures, first_s = await seen
            level_db = tone_level_db(await heard) if has_sound else None
    except (TimeoutError, asyncio.IncompleteReadError) as error:
        if process.returncode is None:
            process.kill()
        said = await process.stderr.read() if process.stderr else b""
        raise ProofError(f"{peer}: {said.decode(errors='replace')[-400:] or error!r}") from error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for future in (heard, seen):
            if not future.cancel():
                _ = future.exception()
        if process.returncode is None:
            process.kill()
        await process.wait()
    cards = [read_test_card(picture) for picture in (pictures[0], pictures[-1])]
    if {card.identifier for card in cards} != {channel_id}:
        raise ProofError(f"the picture is of {cards[0].identifier}")
    advance_ms = cards[1].clock_ms - cards[0].clock_ms
    if abs(advance_ms - (PICTURES - 1) * PICTURE_MS) > ADVANCE_TOLERANCE_MS:
        raise ProofError(f"{PICTURES} pictures went over {advance_ms} ms")
    return Proof(
        peer,
        codec,
        round((first_s - clicked_s) * 1000),
        cards[1].clock_ms,
        advance_ms,
        level_db,
    )


async def _pictures(process: asyncio.subprocess.Process, seen: asyncio.Future[Seen]) -> None:
    """The first pictures into `seen`; then to the end, for the process goes on."""
    stdout = process.stdout
    assert stdout is not None
    pictures: list[NDArray[np.uint8]] = []
    first_s = 0.0
    try:
        for _ in range(PICTURES):
            data = await stdout.readexactly(WIDTH * HEIGHT)
            first_s = first_s or time.monotonic()
            pictures.append(np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH))
        seen.set_result((pictures, first_s))
        while await stdout.read(WIDTH * HEIGHT):
            pass
    except asyncio.IncompleteReadError as error:
        seen.set_exception(error)


async def _sound(read_end: int, heard: asyncio.Future[NDArray[np.int16]]) -> None:
    """The samples after the first second into `heard`; then to the end, for ffmpeg goes on."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(read_end, "rb")
    )
    try:
        data = await stream.readexactly(2 * (SOUND_HZ + SOUND_SAMPLES))
        heard.set_result(np.frombuffer(data, np.int16)[-SOUND_SAMPLES:])
        while await stream.read(65_536):
            pass
    except asyncio.IncompleteReadError as error:
        heard.set_exception(error)
    finally:
        transport.close()


async def _feed(process: asyncio.subprocess.Process, feed: AsyncIterable[bytes]) -> None:
    assert process.stdin is not None
    with suppress(ConnectionError):
        async for piece in feed:
            process.stdin.write(piece)
            await process.stdin.drain()


async def web_socket(url: str) -> AsyncGenerator[bytes]:
    """The binary messages that come over a WebSocket."""
    async with connect(url, max_size=None) as socket:
        async for message in socket:
            if isinstance(message, bytes):
                yield message


def tone_level_db(samples: NDArray[np.int16]) -> float:
    """The level of a pure tone of 1 kHz against full scale; `ProofError` where it is none."""
    window = np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(samples * window)) / (window.sum() / 2) / 32768
    bin_hz = SOUND_HZ / len(samples)
    best = int(spectrum.argmax())
    level_db = float(20 * np.log10(max(spectrum[best], 1e-9)))
    aside = np.abs(np.arange(len(spectrum)) - best) * bin_hz > 100
    above_db = level_db - float(20 * np.log10(max(spectrum[aside].max(), 1e-9)))
    if abs(best * bin_hz - TONE_HZ) > TONE_LIMIT_HZ or above_db < PURE_DB:
        raise ProofError(f"heard {best * bin_hz:.0f} Hz, {above_db:.0f} dB above the rest")
    return level_db


CHROMIUM_VIEWER = r"""
() => {
  window.shown = video => new Promise(done => video.requestVideoFrameCallback(done));
  // A viewer who begins with what came before goes faster at first; then its clock is true.
  window.settle = async () => {
    const began = performance.now();
    await new Promise(done => setTimeout(done, 1500));
    return performance.now() - began;
  };
  window.fresh = () => {
    document.querySelectorAll('video').forEach(video => video.remove());
    const video = document.body.appendChild(document.createElement('video'));
    video.muted = true; video.playsInline = true;
    return video;
  };
  const ranges = ({buffered}) => Array.from({length: buffered.length},
    (_, number) => [buffered.start(number), buffered.end(number)].map(s => +s.toFixed(3)));
  // What a viewer who is not shown what it should be can tell of its player.
  const witness = (video, ofPlayer) => {
    const began = performance.now(), events = [];
    for (const kind of ['play', 'playing', 'pause', 'waiting', 'stalled', 'seeking', 'seeked'])
      video.addEventListener(kind, () => {
        const at_ms = Math.round(performance.now() - began);
        events.push(`${kind} ${video.currentTime.toFixed(3)} after ${at_ms} ms`);
        if (events.length > 20) events.shift();
      });
    window.testimony = () => ({
      current_time: video.currentTime, paused: video.paused, rate: video.playbackRate,
      ready_state: video.readyState, error: video.error?.message ?? null, buffered: ranges(video),
      since_ms: Math.round(performance.now() - began), events, ...ofPlayer(),
    });
  };
  window.playFmp4 = url => new Promise((resolve, reject) => {
    const video = fresh(), source = new MediaSource(), socket = new WebSocket(url);
    const waiting = [];
    let buffer = null;
    witness(video, () => ({
      waiting: waiting.length, source: source.readyState, of_buffer: buffer && ranges(buffer),
    }));
    socket.binaryType = 'arraybuffer';
    const feed = () => {
      const {buffered} = video, last = buffered.length - 1;
      if (last >= 0 && video.currentTime < buffered.start(last))
        video.currentTime = buffered.start(last);
      // Half a second in hand: what comes late on a busy machine does not stop the clock.
      if (last >= 0 && video.paused && buffered.end(last) - video.currentTime > 0.5)
        video.play();
      if (source.readyState !== 'open' || buffer?.updating || !waiting.length) return;
      const piece = waiting.shift();
      if (typeof piece === 'string' && buffer) { buffer.changeType(piece); feed(); }
      else if (typeof piece === 'string') {
        buffer = source.addSourceBuffer(piece);
        buffer.onupdateend = feed;
        feed();
      } else buffer.appendBuffer(piece);
    };
    source.onsourceopen = feed;
    socket.onmessage = ({data}) => {
      waiting.push(typeof data === 'string' ? JSON.parse(data).mime : data);
      feed();
    };
    video.onerror = () => reject(new Error(video.error.message));
    socket.onclose = ({code, reason}) => reject(new Error(`closed: ${code} ${reason}`));
    video.src = URL.createObjectURL(source);
    window.leave = async () => { socket.onclose = null; socket.close(); video.src = ''; };
    shown(video).then(settle).then(since_ms => resolve({codec: 'h264', since_ms}));
  });
  window.playWhep = async url => {
    const video = fresh(), connection = new RTCPeerConnection(), stream = new MediaStream();
    video.autoplay = true;
    witness(video, () => ({connection: connection.connectionState}));
    connection.ontrack = ({track}) => { stream.addTrack(track); video.srcObject = stream; };
    for (const kind of ['video', 'audio'])
      connection.addTransceiver(kind, {direction: 'recvonly'});
    await connection.setLocalDescription();
    const answer = await fetch(url, {
      method: 'POST', headers: {'Content-Type': 'application/sdp'},
      body: connection.localDescription.sdp, credentials: 'omit',
    });
    const sdp = await answer.text();
    if (answer.status !== 201) throw new Error(sdp);
    const location = new URL(answer.headers.get('Location'), url);
    window.leave = async () => {
      connection.close();
      await fetch(location, {method: 'DELETE', credentials: 'omit'});
    };
    await connection.setRemoteDescription({type: 'answer', sdp});
    await shown(video);
    const settled = settle();
    const report = await connection.getStats();
    const codec = [...report.values()].find(
      entry => entry.type === 'codec' && entry.mimeType.startsWith('video/'));
    return {codec: codec.mimeType.slice(6).toLowerCase(), since_ms: await settled};
  };
  window.hear = () => {
    const video = document.querySelector('video');
    window.heard ??= new WeakMap();
    if (!heard.has(video)) heard.set(video, video.srcObject ?? video.captureStream());
    return observer.loudest(heard.get(video));
  };
}
"""


@asynccontextmanager
async def leaving(page: Page) -> AsyncGenerator[None]:
    """The viewer leaves at the end."""
    try:
        yield
    finally:
        await page.evaluate("window.leave && leave()")


async def chromium_proof(
    page: Page, form: str, url: str, channel_id: str, clicked_s: float, *, has_sound: bool
) -> Proof:
    """The picture and sound as Chromium shows them. Raises `ProofError`.

    The page is one of the server's host, with `observer` and `CHROMIUM_VIEWER` in it.
    """
    try:
        async with leaving(page):
            try:
                async with asyncio.timeout(LIMIT_S):
                    return await _watched(
                        page, form, url, channel_id, clicked_s, has_sound=has_sound
                    )
            except (ProofError, TimeoutError) as error:
                told = await page.evaluate("window.testimony && testimony()")
                raise ProofError(f"{error!r}; the player: {json.dumps(told)}") from error
    except PlaywrightError as error:
        raise ProofError(f"Chromium: {error!r}") from error


async def _watched(
    page: Page, form: str, url: str, channel_id: str, clicked_s: float, *, has_sound: bool
) -> Proof:
    play = "playWhep" if form == "whep" else "playFmp4"
    played = await page.evaluate(f"url => {play}(url)", url)
    first_s = time.monotonic() - played["since_ms"] / 1000
    try:
        clock_ms, advance_ms = await _clock(page, channel_id)
    except ProofError:
        # A camera whose process had to wait draws a late clock until it has caught up.
        clock_ms, advance_ms = await _clock(page, channel_id)
    level_db = await _chromium_tone(page) if has_sound else None
    return Proof(
        "Chromium",
        played["codec"],
        round((first_s - clicked_s) * 1000),
        clock_ms,
        advance_ms,
        level_db,
    )


async def _clock(page: Page, channel_id: str) -> tuple[int, int]:
    """What the clock in the picture says, and how far it went meanwhile; it goes as ours does."""
    before, after = await page.evaluate(
        "async ms => { const videos = [...document.querySelectorAll('video')];"
        " return (await observer.readTwice(videos, ms)).map(([card]) => card) }",
        PICTURES * PICTURE_MS,
    )
    if {before["identifier"], after["identifier"]} != {channel_id}:
        raise ProofError(f"the picture is of {after['identifier']}")
    advance_ms = int(after["clock_ms"] - before["clock_ms"])
    elapsed_ms = after["at_ms"] - before["at_ms"]
    if abs(advance_ms - elapsed_ms) > 2 * ADVANCE_TOLERANCE_MS:
        raise ProofError(f"the clock went {advance_ms} ms in {elapsed_ms:.0f}")
    return int(after["clock_ms"]), advance_ms


async def _chromium_tone(page: Page) -> float:
    """What stands out in Chromium's analyser, once it is the tone."""
    heard: dict[str, float] = await until_async(lambda: page.evaluate("hear()"), _is_tone, LIMIT_S)
    return heard["level_db"]


def _is_tone(heard: Mapping[str, float]) -> bool:
    return abs(heard["hz"] - TONE_HZ) <= TONE_LIMIT_HZ and heard["above_db"] > PURE_DB
