"""FLV tags in printed bytes."""

from media.outputs.configs import AudioConfig, Config, VideoConfig
from media.outputs.flv import FlvPacker, tag
from media.outputs.samples import Sample
from media.unit import Codec

H264 = VideoConfig(Codec.H264, 640, 480, b"avcC", "avc1.42c01e")
H265 = VideoConfig(Codec.H265, 640, 480, b"hvcC", "hvc1.1.6.L60.90")
AAC = AudioConfig(16_000, 1, b"\x14\x08", "mp4a.40.2")


def packer(video: VideoConfig, audio: AudioConfig | None = None) -> FlvPacker:
    """Configured."""
    made = FlvPacker()
    made.configure(Config(video, audio))
    return made


def picture(*, starts: bool, time: int, offset: int = 0) -> Sample:
    """With two bytes in it."""
    return Sample(True, starts, time, 3_600, b"ab", offset)


def test_a_file_begins_with_its_header_and_sequence_headers() -> None:
    assert packer(H264, AAC).head == [
        bytes.fromhex("464c56 01 05 00000009 00000000"),
        bytes.fromhex("09 000009 000000 00 000000 17 00 000000") + b"avcC" + b"\x00\x00\x00\x14"
        b"" + bytes.fromhex("08 000004 000000 00 000000 af 00 1408 0000000f"),
    ]
    assert packer(H264).head[0] == bytes.fromhex("464c56 01 01 00000009 00000000")


def test_pictures_of_h264() -> None:
    made = packer(H264)

    key = made.pack([picture(starts=True, time=90_000)])
    later = made.pack([picture(starts=False, time=93_600, offset=-3_600)])

    assert key == bytes.fromhex("09 000007 0003e8 00 000000 17 01 000000 6162 00000012")
    assert later == bytes.fromhex("09 000007 000410 00 000000 27 01 ffffd8 6162 00000012")


def test_pictures_of_h265_by_enhanced_rtmp() -> None:
    made = packer(H265)

    key = made.pack([picture(starts=True, time=0)])
    later = made.pack([picture(starts=False, time=3_600, offset=3_600)])

    assert made.head[1] == bytes.fromhex("09 000009 000000 00 000000 90 68766331 68766343 00000014")
    assert key == bytes.fromhex("09 000007 000000 00 000000 93 68766331 6162 00000012")
    assert later == bytes.fromhex("09 00000a 000028 00 000000 a1 68766331 000028 6162 00000015")


def test_sound_is_timed_by_its_samples() -> None:
    frames = [Sample(False, True, 16_000 + number * 1_024, 1_024, b"s") for number in range(2)]

    assert packer(H264, AAC).pack(frames) == bytes.fromhex(
        "08 000003 0003e8 00 000000 af 01 73 0000000e 08 000003 000428 00 000000 af 01 73 0000000e"
    )


def test_times_wrap_after_32_bits() -> None:
    assert tag(9, 0x01_23_45_67, b"")[4:8] == bytes.fromhex("234567 01")
    assert tag(9, 0x1_00_00_00_05, b"")[4:8] == bytes.fromhex("000005 00")
