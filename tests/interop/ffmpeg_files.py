"""Files made by FFmpeg's own program: its encoders, its bitstream filters, its muxers."""

import subprocess
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # it has no types

from media.unit import Codec
from tests.interop import ps_builder

PICTURES_PER_S = 25
GROUP = 25
"""A key picture every so many."""

ENCODERS = {
    Codec.H264: ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", f"{GROUP}"],
    Codec.H265: [
        *("-c:v", "libx265", "-preset", "ultrafast"),
        *("-x265-params", f"log-level=none:keyint={GROUP}:bframes=0"),
    ],
}
DELIMITERS = {
    Codec.H264: ("h264_metadata=aud=insert", "h264", b"\x00\x00\x00\x01\x09"),
    Codec.H265: ("hevc_metadata=aud=insert", "hevc", b"\x00\x00\x00\x01\x46\x01"),
}
STREAM_TYPES = {
    Codec.H264: ps_builder.H264,
    Codec.H265: ps_builder.H265,
    Codec.PCMA: ps_builder.G711A,
    Codec.AAC: ps_builder.AAC,
}


def ffmpeg(*arguments: str | Path) -> None:
    """Run FFmpeg; its complaints fail the test."""
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments],
        check=True,
        timeout=120,
    )


def write_muxed(path: Path, source: str, codec: Codec, muxer: str) -> None:
    """The pictures of a filter graph as FFmpeg's muxer `vob` or `mpeg` writes them."""
    ffmpeg("-f", "lavfi", "-i", source, *ENCODERS[codec], "-f", muxer, path)


def pictures_of(path: Path, codec: Codec) -> list[bytes]:
    """The coded pictures of a file, each begun by a delimiter, which FFmpeg inserts."""
    bitstream_filter, raw_format, delimiter = DELIMITERS[codec]
    raw = path.with_suffix(".pictures")
    ffmpeg("-i", path, "-c", "copy", "-bsf:v", bitstream_filter, "-f", raw_format, raw)
    return [delimiter + data for data in raw.read_bytes().split(delimiter)[1:]]


def tone(path: Path, codec: Codec, seconds: int, hz: int) -> bytes:
    """A tone of 8000 samples a second; AAC comes in ADTS. `path` is for FFmpeg to write to."""
    coding = ["-f", "alaw"] if codec is Codec.PCMA else ["-c:a", "aac", "-f", "adts"]
    ffmpeg("-f", "lavfi", "-i", f"sine=f={hz}:d={seconds}:r=8000", "-ac", "1", *coding, path)
    return path.read_bytes()


def by_second_writer(
    pictures: list[bytes], video: Codec, sound: bytes, audio: Codec
) -> tuple[bytes, int]:
    """A program stream with a map and sound, and how much of the sound is in a pack.

    The sound is cut without regard for its frames, an equal part for each picture.
    """
    step = 320 if audio is Codec.PCMA else len(sound) // len(pictures) + 1
    packs = ps_builder.program_stream(
        [(data, number % GROUP == 0) for number, data in enumerate(pictures)],
        [sound[at : at + step] for at in range(0, len(sound), step)],
        video=STREAM_TYPES[video],
        audio=STREAM_TYPES[audio],
    )
    return b"".join(packs), step
