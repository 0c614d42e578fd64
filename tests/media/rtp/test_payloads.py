"""Pictures cut as RFC 6184 and RFC 7798 say, and put together again by others."""

import pytest
from aiortc.codecs.h264 import h264_depayload
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import annexb
from media.ffmpeg import decode_picture, open_video_decoder
from media.rtp.depacketise import ElementaryDepacketiser
from media.rtp.payloads import payloads_of
from media.unit import AccessUnit, Codec
from tests.support.units import number_of, video_units

LIMIT_BYTES = 1_186


def put_together(codec: Codec, payloads: list[bytes]) -> bytes:
    """The picture again: H.264 by aiortc's depacketiser, H.265 by the one for cameras."""
    if codec is Codec.H264:
        return b"".join(h264_depayload(payload) for payload in payloads)
    depacketiser = ElementaryDepacketiser(codec)
    frames = [frame for one in payloads for frame in depacketiser.feed(one, 0, False, 0.0)]
    return b"".join(frame.data for frame in [*frames, *depacketiser.flush()])


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_every_picture_decodes_after_being_cut_and_put_together_by_another(codec: Codec) -> None:
    decoder = open_video_decoder(codec)
    seen: list[int] = []
    for unit in video_units(codec, 15, noise=True):
        data = put_together(codec, payloads_of(codec, unit.data, LIMIT_BYTES))
        copy = AccessUnit(codec, unit.pts, data, unit.is_key, 0.0)
        seen += [number_of(frame) for frame in decode_picture(decoder, copy)]

    seen += [number_of(frame) for frame in decode_picture(decoder, None)]
    assert seen == list(range(15))


def nal_unit_lists(heads: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    """NAL units of types that are sent, some far larger than a packet."""
    sizes = st.one_of(st.integers(1, 60), st.integers(1_150, 1_250), st.integers(2_000, 5_000))
    unit = st.tuples(st.sampled_from(heads), sizes).map(lambda pair: pair[0] + b"\x9b" * pair[1])
    return st.lists(unit, min_size=1, max_size=12)


H264_HEADS = [bytes((head,)) for head in (0x67, 0x68, 0x06, 0x65, 0x41)]
H265_HEADS = [bytes((kind << 1, 1)) for kind in (32, 33, 34, 39, 19, 1)]


@given(
    st.one_of(
        nal_unit_lists(H264_HEADS).map(lambda units: (Codec.H264, units)),
        nal_unit_lists(H265_HEADS).map(lambda units: (Codec.H265, units)),
    )
)
def test_nal_units_survive_and_no_payload_is_too_large(case: tuple[Codec, list[bytes]]) -> None:
    codec, units = case

    payloads = payloads_of(codec, annexb.join(units), LIMIT_BYTES)

    assert annexb.nal_units(put_together(codec, payloads)) == units
    assert max(map(len, payloads)) <= LIMIT_BYTES


def test_small_h265_units_share_a_payload_of_the_lowest_temporal_id() -> None:
    vps, sps = bytes.fromhex("4002aa"), bytes.fromhex("4201bbcc")

    assert payloads_of(Codec.H265, annexb.join([vps, sps]), 64) == [
        bytes.fromhex("600100034002aa00044201bbcc")
    ]


def test_a_large_h265_unit_is_cut_behind_its_header() -> None:
    unit = bytes.fromhex("2601") + bytes(range(1, 11))

    assert payloads_of(Codec.H265, annexb.join([unit]), 8) == [
        bytes.fromhex("6201930102030405"),
        bytes.fromhex("620153060708090a"),
    ]


@pytest.mark.parametrize(
    ("codec", "units", "kept"),
    [
        (Codec.H264, ["09f0", "6742", "0cffff80", "6588"], ["6742", "6588"]),
        (Codec.H265, ["460150", "26019b", "4c01ff80", "02"], ["26019b"]),
    ],
)
def test_delimiters_and_filler_are_left_out(
    codec: Codec, units: list[str], kept: list[str]
) -> None:
    data = annexb.join([bytes.fromhex(unit) for unit in units])

    whole = put_together(codec, payloads_of(codec, data, LIMIT_BYTES))

    assert [unit.hex() for unit in annexb.nal_units(whole)] == kept


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_picture_of_nothing_makes_no_packet(codec: Codec) -> None:
    assert payloads_of(codec, b"", LIMIT_BYTES) == []
    assert payloads_of(codec, b"\x00\x00\x01\x09", LIMIT_BYTES) == []
