"""Boxes of fragmented MP4 in printed bytes."""

import json

from media.outputs.configs import AudioConfig, Config, VideoConfig
from media.outputs.fmp4 import Fmp4Packer, box, fragment, full_box, initialisation
from media.outputs.samples import Sample
from media.unit import Codec

H264 = VideoConfig(Codec.H264, 640, 480, b"avcC-record", "avc1.42c01e")
H265 = VideoConfig(Codec.H265, 640, 480, b"hvcC-record", "hvc1.1.6.L60.90")
AAC = AudioConfig(16_000, 1, b"\x14\x08", "mp4a.40.2")


def test_boxes_are_a_size_a_type_and_a_body() -> None:
    assert box(b"free", b"ab", b"c") == b"\x00\x00\x00\x0bfreeabc"
    assert full_box(b"tfdt", 1, 2, b"x") == b"\x00\x00\x00\x0dtfdt\x01\x00\x00\x02x"


def test_a_fragment_of_one_picture() -> None:
    key = Sample(True, True, 90_000, 3_600, b"key", -5)

    assert fragment(7, [key], []) == bytes.fromhex(
        "00000068 6d6f6f66"  # moof
        "00000010 6d666864 00000000 00000007"  # mfhd
        "00000050 74726166"  # traf
        "00000010 74666864 00020000 00000001"  # tfhd: the base is moof
        "00000014 74666474 01000000 0000000000015f90"  # tfdt
        "00000024 7472756e 01000f01 00000001 00000070"  # trun: one sample, 112 bytes on
        "00000e10 00000003 02000000 fffffffb"
        "0000000b 6d646174 6b6579"  # mdat
    )


def test_sound_follows_the_pictures_of_a_fragment() -> None:
    pictures = [Sample(True, at == 0, at * 3_600, 3_600, b"pp") for at in range(2)]
    sounds = [Sample(False, True, 1_024, 1_024, b"s")]

    made = fragment(1, pictures, sounds)

    assert made.endswith(b"\x00\x00\x00\x0dmdatpppps")
    # The first byte of sound: after moof, the head of mdat and four bytes of pictures.
    moof = int.from_bytes(made[:4])
    assert (moof + 8 + 4).to_bytes(4) + (1_024).to_bytes(4) + (1).to_bytes(4) in made
    assert bytes.fromhex("01010000") in made


def test_an_initialisation_segment_holds_the_records() -> None:
    made = initialisation(Config(H264, AAC))

    assert made[:24] == b"\x00\x00\x00\x1cftypiso6\x00\x00\x00\x00iso6cmfc"
    assert b"\x00\x00\x00\x13avcCavcC-record" in made
    # Descriptors of MPEG-4 audio: 0x40, an audio stream, and the two bytes of AAC.
    assert bytes.fromhex("0319 000000 0411 40 15 0000000000000000000000 0502 1408 060102") in made
    assert made.count(b"trak") == made.count(b"trex") == 2
    assert initialisation(Config(H264, None)).count(b"trak") == 1
    assert b"\x00\x00\x00\x13hvcChvcC-record" in initialisation(Config(H265, None))


def test_a_websocket_is_told_the_codecs_before_each_initialisation_segment() -> None:
    packer = Fmp4Packer()
    packer.configure(Config(H264, AAC))

    text, init = packer.head

    assert isinstance(text, str)
    assert json.loads(text) == {
        "codecs": "avc1.42c01e,mp4a.40.2",
        "mime": 'video/mp4; codecs="avc1.42c01e,mp4a.40.2"',
    }
    assert init == initialisation(Config(H264, AAC))
    assert packer.change == packer.head
