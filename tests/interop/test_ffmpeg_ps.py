"""Program streams of FFmpeg's muxer and of a second writer, sent by a program that is not ours."""

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import pytest

from media.door import MediaEvent, StreamFigures, StreamId, Transport
from media.hub import Hub
from media.ingest import open_receiver
from media.rtp.ports import PortLender
from media.unit import AccessUnit, Codec
from tests.interop.ffmpeg_files import (
    ENCODERS,
    by_second_writer,
    pictures_of,
    tone,
    write_muxed,
)
from tests.support.waiting import until

SSRC = 200_000_001
HOST = "127.0.0.1"
PORTS = (44_000, 44_999)
SECONDS = 2
PICTURES = 50
SOURCE = f"testsrc2=s=322x182:r=25:d={SECONDS}"
SENDER = Path(__file__).with_name("rtp_sender.py")


@dataclass
class Received:
    """What came out of a receiver."""

    units: list[AccessUnit]
    figures: StreamFigures


async def receive(path: Path, transport: Transport) -> Received:
    """Send a file to a receiver, from a process of its own, over real sockets."""
    hub = Hub(time.monotonic)
    reader = hub.subscribe(500)
    events: list[MediaEvent] = []
    receiver = await open_receiver(
        StreamId("stream"),
        transport,
        SSRC,
        HOST,
        PortLender(*PORTS, time.monotonic),
        hub,
        events.append,
        time.monotonic,
    )
    receiver.expect(SSRC, HOST)
    sender = await asyncio.create_subprocess_exec(
        sys.executable,
        SENDER,
        path,
        HOST,
        str(receiver.port),
        "udp" if transport is Transport.UDP else "tcp",
        str(SSRC),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(sender.communicate(), 30)
        assert sender.returncode == 0
        await until(lambda: receiver.figures().packets >= int(output))
        receiver.intake.end()
        return Received(reader.take(), receiver.figures())
    finally:
        await receiver.close()
        hub.close()


def decoded(units: list[AccessUnit]) -> list[tuple[int, int]]:
    """The sizes of the pictures that PyAV makes of units given one by one."""
    name = "hevc" if units[0].codec is Codec.H265 else "h264"
    # PyAV's `decode` has no complete type.
    context = cast("Any", av.CodecContext.create(name, "r"))
    packets = [*(av.Packet(unit.data) for unit in units), None]
    pictures: list[Any] = [picture for packet in packets for picture in context.decode(packet)]
    return [(picture.width, picture.height) for picture in pictures]


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP_PASSIVE])
@pytest.mark.parametrize("muxer", ["vob", "mpeg"])
@pytest.mark.parametrize("codec", list(ENCODERS))
async def test_every_picture_of_ffmpegs_own_program_stream_arrives_and_decodes(
    tmp_path: Path, codec: Codec, muxer: str, transport: Transport
) -> None:
    path = tmp_path / f"pictures.{muxer}"
    write_muxed(path, SOURCE, codec, muxer)

    received = await receive(path, transport)

    assert {unit.codec for unit in received.units} == {codec}
    assert decoded(received.units) == [(322, 182)] * PICTURES
    assert [unit.is_key for unit in received.units].count(True) == 2
    assert (received.figures.video_codec, received.figures.container) == (codec, "ps")
    assert (received.figures.width, received.figures.height) == (322, 182)
    assert received.figures.lost == received.figures.damaged_units == 0


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP_PASSIVE])
@pytest.mark.parametrize(("codec", "audio"), [(Codec.H264, Codec.PCMA), (Codec.H265, Codec.AAC)])
async def test_pictures_and_sound_of_the_second_writer_arrive_and_decode(
    tmp_path: Path, codec: Codec, audio: Codec, transport: Transport
) -> None:
    path = tmp_path / "stream.ps"
    write_muxed(path, SOURCE, codec, "vob")
    pictures = pictures_of(path, codec)
    sound = tone(tmp_path / "tone", audio, SECONDS, 440)
    stream, step = by_second_writer(pictures, codec, sound, audio)
    path.write_bytes(stream)

    received = await receive(path, transport)

    video = [unit for unit in received.units if unit.codec is codec]
    heard = [unit for unit in received.units if unit.codec is audio]
    assert len(pictures) == PICTURES
    assert decoded(video) == [(322, 182)] * PICTURES
    assert [unit.data for unit in video] == pictures
    assert [unit.pts for unit in video] == [903_600 + 3600 * n for n in range(PICTURES)]
    assert b"".join(unit.data for unit in heard) == sound[: step * PICTURES]
    assert received.figures.audio_codec == audio
