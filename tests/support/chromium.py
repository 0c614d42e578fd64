"""A real headless Chromium that plays what our relay sends."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from playwright.async_api import Page, async_playwright

from tests.support.tools import CHROMIUM, CHROMIUM_FLAGS
from tests.support.units import NUMBER_BITS

DEBIAN_CHROMIUM = Path("/usr/bin/chromium")

Answer = Callable[[str], Awaitable[str]]

PLAYER = r"""
({bits}) => {
  window.play = async (name, kinds = ['video', 'audio']) => {
    const connection = new RTCPeerConnection();
    const video = document.body.appendChild(document.createElement('video'));
    video.muted = true; video.autoplay = true; video.playsInline = true;
    const stream = new MediaStream();
    connection.ontrack = event => {
      stream.addTrack(event.track);
      video.srcObject = stream;
    };
    for (const kind of kinds) connection.addTransceiver(kind, {direction: 'recvonly'});
    await connection.setLocalDescription();
    const offer = connection.localDescription.sdp;
    const answer = await window.whep(name, offer);
    await connection.setRemoteDescription({type: 'answer', sdp: answer});
    window.viewers = window.viewers || {};
    window.viewers[name] = {connection, video, stream, answer};
  };
  window.restart = async name => {
    const viewer = window.viewers[name];
    await viewer.connection.setLocalDescription(
      await viewer.connection.createOffer({iceRestart: true}));
    const lines = sdp => sdp.split('\r\n');
    const ice = /^a=ice-(ufrag|pwd):/;
    const fragment = lines(viewer.connection.localDescription.sdp)
      .filter(line => ice.test(line)).slice(0, 2).join('\r\n') + '\r\n';
    const ours = lines(await window.patch(name, fragment)).filter(line => ice.test(line));
    viewer.answer = lines(viewer.answer).map(
      line => ours.find(one => ice.test(line) && one.slice(0, 8) === line.slice(0, 8)) || line
    ).join('\r\n');
    await viewer.connection.setRemoteDescription({type: 'answer', sdp: viewer.answer});
  };
  window.path = async name => {
    const report = await window.viewers[name].connection.getStats();
    for (const entry of report.values()) {
      if (entry.type !== 'transport' || !entry.selectedCandidatePairId) continue;
      const pair = report.get(entry.selectedCandidatePairId);
      const remote = report.get(pair.remoteCandidateId);
      return {protocol: remote.protocol, ufrag: remote.usernameFragment, cipher: entry.srtpCipher};
    }
    return null;
  };
  window.number = name => {
    const {video} = window.viewers[name];
    if (!video.videoWidth) return -1;
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth; canvas.height = video.videoHeight;
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    const block = Math.floor(canvas.width / bits);
    let number = 0;
    for (let bit = 0; bit < bits; bit++) {
      const at = [bit * block + block / 2, canvas.height / 8, 1, 1];
      number = number * 2 + (context.getImageData(...at).data[1] > 128 ? 1 : 0);
    }
    return number;
  };
  window.listen = name => {
    const viewer = window.viewers[name];
    const audio = new AudioContext();
    const analyser = audio.createAnalyser();
    analyser.fftSize = 8192;
    audio.createMediaStreamSource(viewer.stream).connect(analyser);
    viewer.analyser = analyser;
  };
  window.loudestHz = name => {
    const {analyser} = window.viewers[name];
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const best = bins.indexOf(Math.max(...bins));
    return bins[best] < -60 ? 0 : best * analyser.context.sampleRate / analyser.fftSize;
  };
  window.inbound = async (name, kind) => {
    const report = await window.viewers[name].connection.getStats();
    for (const entry of report.values())
      if (entry.type === 'inbound-rtp' && entry.kind === kind) return entry;
    return null;
  };
}
"""

WHEP = """
url => {
  let location;
  window.whep = async (name, body) => {
    const headers = {'Content-Type': 'application/sdp'};
    const answer = await fetch(url, {method: 'POST', headers, body, credentials: 'omit'});
    location = answer.headers.get('Location');
    return answer.text();
  };
  window.leave = async () =>
    (await fetch(location, {method: 'DELETE', credentials: 'omit'})).status;
}
"""


def executable() -> Path:
    """Chromium: `VMS_CHROMIUM`, or the one that the set-up put into `build/`, or Debian's."""
    named = os.environ.get("VMS_CHROMIUM")
    if named:
        return Path(named)
    return CHROMIUM if CHROMIUM.exists() else DEBIAN_CHROMIUM


@asynccontextmanager
async def open_page(*, takes_any_certificate: bool = False) -> AsyncGenerator[Page]:
    """An empty page in a browser of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable(), args=list(CHROMIUM_FLAGS)
        )
        try:
            yield await browser.new_page(ignore_https_errors=takes_any_certificate)
        finally:
            await browser.close()


async def add_player(
    page: Page,
    answer: Callable[[str, str], Awaitable[str]],
    patch: Callable[[str, str], Awaitable[str]] | None = None,
) -> None:
    """Gives the page `play(name)`, `number(name)`, `listen(name)`, `loudestHz(name)`.

    `answer(name, offer)` is what a WHEP endpoint does; with `patch(name, fragment)`, which is its
    PATCH, also `restart(name)`. `path(name)` tells by what it is connected.
    """
    # Playwright leaves the type of the function's result open.
    await cast("Any", page).expose_function("whep", answer)
    if patch is not None:
        await cast("Any", page).expose_function("patch", patch)
    await page.evaluate(PLAYER, {"bits": NUMBER_BITS})


async def add_whep_player(page: Page, origin: str, whep_url: str) -> None:
    """The same player on an otherwise empty page of `origin`; it posts its offers to `whep_url`.

    `leave()` ends what was offered last and gives the status of the answer.
    """
    await page.goto(f"{origin}/healthz")
    await page.evaluate(PLAYER, {"bits": NUMBER_BITS})
    await page.evaluate(WHEP, whep_url)


async def wait_for_number(page: Page, name: str, at_least: int, limit_s: float = 20.0) -> int:
    """Until the picture shown is number `at_least` or a later one."""
    handle = await page.wait_for_function(
        f"() => {{ const n = window.number({name!r}); return n >= {at_least} ? n : 0; }}",
        timeout=limit_s * 1_000,
    )
    return int(await handle.json_value())
