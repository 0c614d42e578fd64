"""Streams that we had no hand in, from a device that we had no hand in, played by the whole server.

FFmpeg made the pictures and its own muxer the program stream; where that writes no map and no
sound, a second writer does. A program that shares no code with the server packs them into RTP, a
device made of sockets takes the call, and a real Chromium shows by WHEP what comes out.
"""

import asyncio
import re
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page

from media.unit import Codec
from tests.interop.ffmpeg_files import (
    ENCODERS,
    PICTURES_PER_S,
    by_second_writer,
    pictures_of,
    tone,
    write_muxed,
)
from tests.support.chromium import add_whep_player, open_page, wait_for_number
from tests.support.served import served
from tests.support.sip_peer import Message, SipPeer
from tests.support.tools import missing_chromium
from tests.support.town import FIRST_CHANNEL, FIRST_DEVICE, PASSWORD
from tests.support.units import NUMBER_BITS, TONE_HZ
from tests.support.waiting import until
from tests.vms.signalling.stage import catalogue

SECONDS = 30
WIDTH, HEIGHT = 480, 272
LOOKS = 40
TONE_TOLERANCE_HZ = 20
SENDER = Path(__file__).with_name("rtp_sender.py")
SENDERS_WORDS = {"udp": ("udp", "RTP/AVP"), "tcp_passive": ("tcp", "TCP/RTP/AVP")}

Transport = Literal["udp", "tcp_passive"]
TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp_passive")

no_chromium = missing_chromium()
pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(no_chromium is not None, reason=no_chromium or ""),
]

NUMBERS = """
count => new Promise(done => {
  const {video} = viewers.a, seen = [];
  const look = () => {
    seen.push(number('a'));
    if (seen.length === count) done(seen);
    else video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
})
"""
"""The numbers of the next so many pictures shown."""


def numbered_pictures() -> str:
    """A filter graph: FFmpeg's test picture, its number on top in black and white blocks."""
    block, height = WIDTH // NUMBER_BITS, HEIGHT // 4
    boxes = [f"drawbox=w={WIDTH}:h={height}:c=black:t=fill"]
    for bit in range(NUMBER_BITS):
        is_set = f"mod(floor(n/{1 << NUMBER_BITS - 1 - bit}),2)"
        boxes.append(
            f"drawbox=x={bit * block}:w={block}:h={height}:c=white:t=fill:enable='{is_set}'"
        )
    source = f"testsrc2=s={WIDTH}x{HEIGHT}:r={PICTURES_PER_S}:d={SECONDS}"
    return ",".join([source, *boxes])


@pytest.fixture(scope="module")
def muxed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Codec], Path]:
    """The pictures in either codec, coded and muxed by FFmpeg, once."""
    folder = tmp_path_factory.mktemp("ffmpeg")

    def file_of(codec: Codec) -> Path:
        path = folder / f"{codec}.vob"
        if not path.exists():
            write_muxed(path, numbered_pictures(), codec, "vob")
        return path

    return file_of


async def answer_queries(device: SipPeer) -> None:
    """What every server asks a device that has registered."""
    query = await device.asked("MESSAGE", "DeviceInfo")
    await device.tell(
        f"<Response><CmdType>DeviceInfo</CmdType><SN>{query.element('SN')}</SN>"
        f"<DeviceID>{device.device_id}</DeviceID><Result>OK</Result></Response>"
    )
    query = await device.asked("MESSAGE", "Catalog")
    await device.tell(catalogue(query.element("SN"), 1, FIRST_CHANNEL))


async def take_the_call(device: SipPeer, path: Path) -> asyncio.subprocess.Process:
    """Answer an INVITE; after the ACK the file goes where the offer says, at the pace it tells."""
    invite = await device.asked("INVITE")
    offer = invite.body.decode()
    media = re.search(r"^m=video (\d+) (\S+) ", offer, re.MULTILINE)
    host = re.search(r"^c=IN IP4 (\S+)", offer, re.MULTILINE)
    ssrc = re.search(r"^y=(\d+)", offer, re.MULTILINE)
    assert media is not None
    assert host is not None
    assert ssrc is not None
    device.accept(invite, media=media[2])
    await until(lambda: is_acknowledged(device, invite))
    transport = "tcp" if media[2].startswith("TCP") else "udp"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, SENDER, path, host[1], media[1], transport, ssrc[1], "live"),
        stdout=asyncio.subprocess.DEVNULL,
    )


def is_acknowledged(device: SipPeer, invite: Message) -> bool:
    return any(ack["Call-ID"] == invite["Call-ID"] for ack in device.acknowledged)


@asynccontextmanager
async def playing(folder: Path, path: Path, transport: Transport) -> AsyncGenerator[Page]:
    """The file, from a device on the wire through the server into a browser."""
    async with (
        # However long the browser takes: nobody hangs up on a camera that has no viewer yet.
        served(folder, media__idle_s="60") as place,
        open_page() as page,
        SipPeer.open(FIRST_DEVICE, place.server.endpoint.address, PASSWORD) as device,
    ):
        assert (await device.register()).status == 200
        await answer_queries(device)
        await place.until_online(FIRST_DEVICE)
        call = asyncio.create_task(take_the_call(device, path))
        url = await place.whep_url(FIRST_DEVICE, FIRST_CHANNEL, transport)
        sender = await call
        try:
            await add_whep_player(page, place.url, url)
            await page.evaluate("play('a')")
            yield page
        finally:
            await place.end_sessions()
            if sender.returncode is None:
                sender.terminate()
            await sender.wait()


async def check_pictures(page: Page) -> None:
    """They come one after the other, as FFmpeg numbered them."""
    await wait_for_number(page, "a", 1)
    numbers: list[int] = await page.evaluate(NUMBERS, LOOKS)
    assert numbers == sorted(numbers)
    # A busy machine shows the same picture twice, or passes some over.
    assert len(set(numbers)) > LOOKS / 2
    assert numbers[-1] - numbers[0] < 2 * LOOKS
    assert numbers[-1] < SECONDS * PICTURES_PER_S


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("codec", list(ENCODERS))
async def test_a_program_stream_of_ffmpegs_own_muxer_plays(
    tmp_path: Path, muxed: Callable[[Codec], Path], codec: Codec, transport: Transport
) -> None:
    async with playing(tmp_path, muxed(codec), transport) as page:
        await check_pictures(page)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("codec", "audio"), [(Codec.H264, Codec.PCMA), (Codec.H265, Codec.AAC)])
async def test_a_program_stream_with_map_and_sound_plays(
    tmp_path: Path,
    muxed: Callable[[Codec], Path],
    codec: Codec,
    audio: Codec,
    transport: Transport,
) -> None:
    sound = tone(tmp_path / "tone", audio, SECONDS, TONE_HZ)
    stream, _ = by_second_writer(pictures_of(muxed(codec), codec), codec, sound, audio)
    path = tmp_path / "stream.ps"
    path.write_bytes(stream)

    async with playing(tmp_path, path, transport) as page:
        await check_pictures(page)
        await page.evaluate("listen('a')")
        await page.wait_for_function(
            f"() => Math.abs(loudestHz('a') - {TONE_HZ}) < {TONE_TOLERANCE_HZ}", timeout=20_000
        )
