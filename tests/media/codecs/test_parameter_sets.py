"""Picture sizes, key pictures and sound headers, read from bytes of real encoders."""

import pytest

from media.codecs import aac, annexb, g711
from media.codecs.annexb import Content
from media.codecs.splitter import PictureSplitter
from media.errors import ProtocolError
from media.unit import AudioFormat, Codec, VideoFormat
from tests.media.ps.streams import IDR, KEY, KEY_265, PPS, SLICE, SLICE_265, SPS

SPS_322X182 = bytes.fromhex("000000016764000DACB202A33C44D808800000030080000019078A1524")
SPS_265_1080 = bytes.fromhex(
    "00000001420101016000000300900000030000030078A003C0801107CB965654A4C2F0168080000003008000000C84"
)
ADTS = bytes.fromhex("FFF1604001BFFC") + bytes(6)


def test_the_size_is_that_after_cropping() -> None:
    assert annexb.video_format(Codec.H264, SPS_322X182) == VideoFormat(
        Codec.H264, 322, 182, "64000d"
    )
    assert annexb.video_format(Codec.H265, SPS_265_1080) == VideoFormat(Codec.H265, 1920, 1080)


def test_without_a_sequence_parameter_set_there_is_no_format() -> None:
    assert annexb.video_format(Codec.H264, SLICE) is None


@pytest.mark.parametrize(
    ("codec", "whole"), [(Codec.H264, SPS_322X182), (Codec.H265, SPS_265_1080)]
)
def test_a_set_cut_anywhere_gives_a_format_or_a_protocol_error(codec: Codec, whole: bytes) -> None:
    refused = 0
    for end in range(6, len(whole)):
        try:
            annexb.video_format(codec, whole[:end])
        except ProtocolError:
            refused += 1
    assert refused > 5


@pytest.mark.parametrize(
    ("codec", "data", "content"),
    [
        (Codec.H264, KEY, Content(has_parameter_sets=True, is_picture=True, is_key=True)),
        (Codec.H264, IDR, Content(is_picture=True, is_key=True)),
        (Codec.H264, SLICE, Content(is_picture=True)),
        (Codec.H264, SPS + PPS, Content(has_parameter_sets=True)),
        (Codec.H265, KEY_265, Content(has_parameter_sets=True, is_picture=True, is_key=True)),
        (Codec.H265, SLICE_265, Content(is_picture=True)),
        (Codec.H264, b"no start code", Content()),
        (Codec.H264, b"\x00\x00\x01", Content()),
    ],
)
def test_what_a_picture_holds(codec: Codec, data: bytes, content: Content) -> None:
    assert annexb.content(codec, data) == content


def test_parameter_sets_can_be_taken_out() -> None:
    assert annexb.parameter_sets(Codec.H264, KEY) == SPS + PPS
    assert annexb.parameter_sets(Codec.H264, SLICE) == b""


def test_the_codec_is_known_by_parameter_sets_alone() -> None:
    assert annexb.guess_codec(KEY) is Codec.H264
    assert annexb.guess_codec(KEY_265) is Codec.H265
    assert annexb.guess_codec(SPS_265_1080) is Codec.H265
    assert annexb.guess_codec(SLICE) is None


def test_units_are_cut_at_start_codes_of_both_lengths() -> None:
    data = b"\x00\x00\x00\x01\x67\x11\x00\x00\x01\x68\x22\x00\x00\x00\x01\x65\x33\x00\x00"

    assert annexb.nal_units(data) == [b"\x67\x11", b"\x68\x22", b"\x65\x33"]
    assert annexb.join([b"\x67\x11"]) == b"\x00\x00\x00\x01\x67\x11"


@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
def test_pictures_are_found_in_a_bare_byte_stream(size: int) -> None:
    pictures = [KEY, SLICE, SLICE, KEY, SLICE]
    stream = b"".join(pictures)
    splitter = PictureSplitter(Codec.H264)
    found: list[tuple[int | None, bytes]] = []
    for start in range(0, len(stream), size):
        found += splitter.feed(stream[start : start + size], 7 if not start else None)
    found += splitter.flush()

    assert [data for _, data in found] == pictures
    assert [pts for pts, _ in found] == [7, None, None, None, None]


def test_an_adts_header_is_read() -> None:
    header = aac.parse_header(ADTS)

    assert (header.object_type, header.sample_rate_hz, header.channels) == (2, 16_000, 1)
    assert (header.header_length, header.length) == (7, 13)


def test_whole_adts_frames_are_told_from_the_beginning_of_one() -> None:
    assert aac.whole_frames(ADTS + ADTS + ADTS[:9]) == (ADTS + ADTS, ADTS[:9])


@pytest.mark.parametrize("data", [b"", b"\xff\xf1", b"\xff\xf1\x7c" + ADTS[3:], b"\xd5" * 20])
def test_what_is_no_adts_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        aac.parse_header(data)


def test_g711_is_always_the_same() -> None:
    assert g711.audio_format(Codec.PCMA) == AudioFormat(Codec.PCMA, 8000, 1)
    assert g711.ticks(160) == 1800
