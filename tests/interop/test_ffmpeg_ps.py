"""Program streams of FFmpeg's muxer and of a second writer, sent by a program that is not ours."""

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import imageio_ffmpeg  # type: ignore[import-untyped]  # it has no types
import pytest

from media.door import MediaEvent, StreamFigures, StreamId, Transport
from media.hub import Hub
from media.ingest import open_receiver
from media.rtp.ports import PortLender
from media.unit import AccessUnit, Codec
from tests.interop import ps_builder
from tests.support.waiting import until

SSRC = 200_000_001
HOST = "127.0.0.1"
PORTS = (44_000, 44_999)
PICTURES = 50
SENDER = Path(__file__).with_name("rtp_sender.py")

ENCODERS = {
    Codec.H264: ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25"],
    Codec.H265: [
        *("-c:v", "libx265", "-preset", "ultrafast"),
        *("-x265-params", "log-level=none:keyint=25:bframes=0"),
    ],
}
DELIMITERS = {
    Codec.H264: ("h264_metadata=aud=insert", b"\x00\x00\x00\x01\x09"),
    Codec.H265: ("hevc_metadata=aud=insert", b"\x00\x00\x00\x01\x46\x01"),
}


def ffmpeg(*arguments: str | Path) -> None:
    """Run FFmpeg; its complaints fail the test."""
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments],
        check=True,
        timeout=60,
    )


def picture_source(seconds: int = 2) -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc2=s=322x182:r=25:d={seconds}"]


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


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize("muxer", ["vob", "mpeg"])
@pytest.mark.parametrize("codec", list(ENCODERS))
async def test_every_picture_of_ffmpegs_own_program_stream_arrives_and_decodes(
    tmp_path: Path, codec: Codec, muxer: str, transport: Transport
) -> None:
    path = tmp_path / f"pictures.{muxer}"
    ffmpeg(*picture_source(), *ENCODERS[codec], "-f", muxer, path)

    received = await receive(path, transport)

    assert {unit.codec for unit in received.units} == {codec}
    assert decoded(received.units) == [(322, 182)] * PICTURES
    assert [unit.is_key for unit in received.units].count(True) == 2
    assert (received.figures.video_codec, received.figures.container) == (codec, "ps")
    assert (received.figures.width, received.figures.height) == (322, 182)
    assert received.figures.lost == received.figures.damaged_units == 0


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize(("codec", "audio"), [(Codec.H264, Codec.PCMA), (Codec.H265, Codec.AAC)])
async def test_pictures_and_sound_of_the_second_writer_arrive_and_decode(
    tmp_path: Path, codec: Codec, audio: Codec, transport: Transport
) -> None:
    bitstream_filter, delimiter = DELIMITERS[codec]
    raw, tone = tmp_path / "pictures", tmp_path / "tone"
    raw_format = "h264" if codec is Codec.H264 else "hevc"
    ffmpeg(*picture_source(), *ENCODERS[codec], "-bsf:v", bitstream_filter, "-f", raw_format, raw)
    audio_format = ["-f", "alaw"] if audio is Codec.PCMA else ["-c:a", "aac", "-f", "adts"]
    ffmpeg("-f", "lavfi", "-i", "sine=d=2:r=8000", "-ac", "1", *audio_format, tone)
    pictures = [delimiter + data for data in raw.read_bytes().split(delimiter)[1:]]
    sound = tone.read_bytes()
    step = 320 if audio is Codec.PCMA else len(sound) // PICTURES + 1
    sounds = [sound[at : at + step] for at in range(0, len(sound), step)]
    path = tmp_path / "stream.ps"
    path.write_bytes(
        b"".join(
            ps_builder.program_stream(
                [(data, number % 25 == 0) for number, data in enumerate(pictures)],
                sounds,
                video=ps_builder.H264 if codec is Codec.H264 else ps_builder.H265,
                audio=ps_builder.G711A if audio is Codec.PCMA else ps_builder.AAC,
            )
        )
    )

    received = await receive(path, transport)

    video = [unit for unit in received.units if unit.codec is codec]
    heard = [unit for unit in received.units if unit.codec is audio]
    assert len(pictures) == PICTURES
    assert decoded(video) == [(322, 182)] * PICTURES
    assert [unit.data for unit in video] == pictures
    assert [unit.pts for unit in video] == [903_600 + 3600 * n for n in range(PICTURES)]
    assert b"".join(unit.data for unit in heard) == sound[: step * PICTURES]
    assert received.figures.audio_codec == audio
