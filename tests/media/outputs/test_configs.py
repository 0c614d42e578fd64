"""What decoders are told, against bytes put together by hand from the standards."""

import pytest

from media.codecs import annexb
from media.errors import ProtocolError
from media.outputs.configs import audio_config, video_config
from media.unit import AudioFormat, Codec
from tests.support.units import video_units

START = b"\x00\x00\x00\x01"


def test_h264_is_told_in_an_avcc() -> None:
    sps, pps = annexb.nal_units(annexb.parameter_sets(Codec.H264, h264_key()))
    known = video_config(Codec.H264, START + sps + START + pps + START + sps)

    assert (known.width, known.height) == (480, 272)
    assert known.name == f"avc1.{sps[1:4].hex()}"
    assert known.record[:6] == b"\x01" + sps[1:4] + b"\xff\xe1", "a set that repeats counts once"
    assert known.record[6:] == (len(sps).to_bytes(2) + sps + b"\x01" + len(pps).to_bytes(2) + pps)


def h264_key() -> bytes:
    return video_units(Codec.H264, 1)[0].data


def test_h265_is_told_in_an_hvcc() -> None:
    sets = annexb.parameter_sets(Codec.H265, video_units(Codec.H265, 1)[0].data)
    vps, sps, pps = annexb.nal_units(sets)
    known = video_config(Codec.H265, sets)

    # Main profile, main tier, level 2.1; the sequence parameter set begins with them.
    assert known.name == "hvc1.1.6.L63.90"
    assert known.record[:13] == bytes.fromhex("01 01 60000000 900000000000 3f")
    assert known.record[13:23] == bytes.fromhex("f000 fc fd f8 f8 0000 0f 03")
    arrays = b"".join(
        bytes((0x80 | kind, 0, 1)) + len(unit).to_bytes(2) + unit
        for kind, unit in ((32, vps), (33, sps), (34, pps))
    )
    assert known.record[23:] == arrays


def test_a_missing_or_unreadable_parameter_set_is_refused() -> None:
    sps, _ = annexb.nal_units(annexb.parameter_sets(Codec.H264, h264_key()))
    for sets in (b"", START + sps, START + b"\x67\x42", START + sps + bytes([1]) * 70_000):
        with pytest.raises(ProtocolError):
            video_config(Codec.H264, sets)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "record"),
    [(16_000, 1, "1408"), (44_100, 2, "1210"), (8_000, 1, "1588")],
)
def test_aac_is_told_in_two_bytes(rate_hz: int, channels: int, record: str) -> None:
    known = audio_config(AudioFormat(Codec.AAC, rate_hz, channels))

    assert known.record.hex() == record
    assert known.name == "mp4a.40.2"


def test_a_sample_rate_that_aac_has_not_is_refused() -> None:
    with pytest.raises(ProtocolError):
        audio_config(AudioFormat(Codec.AAC, 7_999, 1))
