"""Transport streams of FFmpeg's muxer, seven packets to a datagram and otherwise."""

from pathlib import Path

import pytest

from media.codecs import annexb
from media.ts.demux import PACKET, TsDemuxer
from media.unit import Codec
from tests.interop.ffmpeg_files import ENCODERS, ffmpeg, pictures_of

SOURCE = "testsrc2=s=322x182:r=25:d=2"
TONE = "sine=f=440:d=2:r=8000"
DELIMITERS = (b"\x09", b"\x46\x01")


def bare(data: bytes) -> list[bytes]:
    """The NAL units without delimiters: both the muxer and the filter compared with write them."""
    return [unit for unit in annexb.nal_units(data) if not unit.startswith(DELIMITERS)]


@pytest.mark.parametrize("codec", list(ENCODERS))
@pytest.mark.parametrize("size", [7 * PACKET, 1000], ids=["whole packets", "cut anywhere"])
def test_every_picture_and_the_sound_of_ffmpegs_transport_stream_come_out(
    tmp_path: Path, codec: Codec, size: int
) -> None:
    path = tmp_path / "stream.ts"
    inputs = ["-f", "lavfi", "-i", SOURCE, "-f", "lavfi", "-i", TONE]
    ffmpeg(*inputs, *ENCODERS[codec], "-c:a", "aac", "-f", "mpegts", path)
    data = path.read_bytes()

    demuxer = TsDemuxer()
    frames = [
        frame
        for at in range(0, len(data), size)
        for frame in demuxer.feed(data[at : at + size], at, False, 0.0)
    ]
    frames += demuxer.flush()

    pictures = [frame for frame in frames if frame.codec is codec]
    assert [bare(frame.data) for frame in pictures] == [
        bare(data) for data in pictures_of(path, codec)
    ]
    assert [(each.pts or 0) - (pictures[0].pts or 0) for each in pictures] == [
        3600 * number for number in range(50)
    ]
    sound = b"".join(frame.data for frame in frames if frame.codec is Codec.AAC)
    ffmpeg("-i", path, "-vn", "-c", "copy", "-f", "adts", tmp_path / "sound")
    assert sound == (tmp_path / "sound").read_bytes()
    assert demuxer.tolerated == {}
