"""H.265 by WebRTC: what a viewer decrypts is depacketised and decoded by FFmpeg."""

import asyncio
import secrets
import socket
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # it has no types
import numpy as np

from media.codecs import annexb
from media.door import Transport, ViewerId
from media.plan import Place, RelayPlan
from media.relay import Relay
from media.unit import Codec
from tests.support.units import NUMBER_BITS, video_units
from tests.support.waiting import until
from tests.support.webrtc_peer import WebRtcPeer

WIDTH, HEIGHT = 240, 136
PICTURES = 15
TO_SPARE = 25
"""FFmpeg ends a picture where the next one begins, and wants to have seen some before the first."""

LIMIT_S = 30.0

SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=video {port} RTP/AVP 49
a=rtpmap:49 H265/90000
"""


async def test_ffmpeg_decodes_the_h265_that_a_viewer_is_sent(tmp_path: Path) -> None:
    relay = Relay(
        RelayPlan((42_400, 42_499), Place("127.0.0.1", 0), ("127.0.0.1",)),
        now=time.monotonic,
        token=lambda: secrets.token_hex(16),
        on_event=lambda _event: None,
    )
    await relay.start()
    stream_id = (await relay.open(Transport.UDP, 1, "127.0.0.1")).stream_id
    peer = WebRtcPeer(h265=True)
    await peer.connect(lambda offer: relay.answer(stream_id, ViewerId("viewer"), offer))
    hub = relay.hub(stream_id)
    units = video_units(Codec.H265, PICTURES + TO_SPARE, width=WIDTH, height=HEIGHT, noise=True)
    for number, unit in enumerate(units, 1):
        hub.video = annexb.video_format(unit.codec, unit.data) or hub.video
        unit.received_s = time.monotonic()
        hub.publish(unit)
        await until(partial(has_pictures, peer.rtp, number))
    (viewer,) = (await relay.figures(stream_id)).viewers
    await peer.close()
    await relay.stop()

    assert viewer.delivery == "passed"
    assert await shown_by_ffmpeg(peer.rtp, tmp_path / "viewer.sdp") == list(range(PICTURES))


def has_pictures(packets: Sequence[bytes], count: int) -> bool:
    """By the packets of H.265 with the marker, which ends a picture."""
    return sum(data[1] == 0x80 | 49 for data in packets) == count


async def shown_by_ffmpeg(packets: Sequence[bytes], sdp: Path) -> list[int]:
    """The numbers of the pictures that FFmpeg makes of RTP packets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    await asyncio.to_thread(sdp.write_text, SDP.format(port=port))
    ffmpeg = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-v", "error", "-protocol_whitelist", "file,udp,rtp", "-localaddr", "127.0.0.1"),
        *("-threads", "1", "-analyzeduration", "100000", "-buffer_size", "4000000", "-i", str(sdp)),
        *("-fps_mode", "passthrough", "-frames:v", str(PICTURES)),
        *("-pix_fmt", "gray", "-f", "rawvideo", "-"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            feeding = asyncio.create_task(feed(packets, port))
            assert ffmpeg.stdout is not None
            raw = await ffmpeg.stdout.read()
            feeding.cancel()
            await ffmpeg.wait()
    finally:
        if ffmpeg.returncode is None:
            ffmpeg.kill()
            await ffmpeg.wait()
    pictures = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH)
    return [number_of(picture[HEIGHT // 8]) for picture in pictures]


async def feed(packets: Sequence[bytes], port: int) -> None:
    """At a pace that its socket bears, once it listens."""
    await until(lambda: is_taken(port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for packet in packets:
            udp.sendto(packet, ("127.0.0.1", port))
            await asyncio.sleep(0.001)


def is_taken(port: int) -> bool:
    """True when somebody has bound the port: looked up, for trying it would take it away."""
    return f":{port:04X} " in Path("/proc/net/udp").read_text()


def number_of(row: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> int:
    """The number that stands in a row of blocks."""
    block = WIDTH // NUMBER_BITS
    bits = [int(row[at * block + block // 2] > 128) for at in range(NUMBER_BITS)]
    return int("".join(map(str, bits)), 2)
