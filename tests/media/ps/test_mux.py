"""The program stream as it is written, against bytes worked out by hand from ISO 13818-1."""

import pytest

from media.ps.mux import (
    PES_PAYLOAD_LIMIT,
    PsMuxer,
    crc32_mpeg,
    pack_header,
    pes,
    program_stream_map,
    system_header,
)
from media.unit import PTS_MODULUS, Codec

PTS = 903_600
PACK = bytes.fromhex("000001BA4400DE4D8401005F6BF8")
SYSTEM_HEADER = bytes.fromhex("000001BB000C802FB504E17FE0E200C0C020")
PSM_H264_G711A = bytes.fromhex("000001BC0012E1FF000000081BE0000090C00000B9287F16")
PSM_H265_AAC = bytes.fromhex("000001BC0012E1FF0000000824E000000FC00000AD322ADC")
PES = bytes.fromhex("000001E0000D8080052100379361000000 0167")


def test_a_pack_header_carries_its_clock() -> None:
    assert pack_header(PTS) == PACK


def test_the_clock_wraps_at_33_bits() -> None:
    assert pack_header(PTS_MODULUS + PTS) == PACK
    assert pes(0xE0, b"\x00\x00\x00\x01\x67", PTS_MODULUS + PTS) == PES


def test_a_system_header_names_both_streams() -> None:
    assert system_header(has_video=True, has_audio=True) == SYSTEM_HEADER


def test_a_map_names_the_codecs_and_ends_in_its_crc() -> None:
    assert program_stream_map(Codec.H264, Codec.PCMA) == PSM_H264_G711A
    assert program_stream_map(Codec.H265, Codec.AAC) == PSM_H265_AAC
    assert crc32_mpeg(PSM_H264_G711A) == 0


def test_a_pes_packet_carries_its_time_and_length() -> None:
    assert pes(0xE0, b"\x00\x00\x00\x01\x67", PTS) == PES


def test_a_key_picture_is_preceded_by_system_header_and_map() -> None:
    muxer = PsMuxer(Codec.H264, Codec.PCMA)

    pack = muxer.picture(b"\x00\x00\x00\x01\x67", PTS, is_key=True)

    assert pack == PACK + SYSTEM_HEADER + PSM_H264_G711A + PES


def test_other_pictures_come_behind_a_bare_pack_header() -> None:
    muxer = PsMuxer(Codec.H264, Codec.PCMA)

    assert muxer.picture(b"\x00\x00\x00\x01\x67", PTS, is_key=False) == PACK + PES


def test_the_map_can_be_left_out() -> None:
    muxer = PsMuxer(Codec.H264, with_psm=False)

    assert muxer.picture(b"\x00\x00\x00\x01\x67", PTS, is_key=True) == PACK + PES


def test_a_large_picture_takes_several_packets_and_the_first_alone_has_the_time() -> None:
    data = bytes(range(256)) * 300
    pack = PsMuxer(Codec.H264).picture(data, PTS, is_key=False)

    first = pes(0xE0, data[:PES_PAYLOAD_LIMIT], PTS)
    assert first[4:6] == b"\xff\xff"
    assert pack == PACK + first + pes(0xE0, data[PES_PAYLOAD_LIMIT:], None)


def test_sound_comes_as_stream_c0_with_or_without_a_pack_of_its_own() -> None:
    muxer = PsMuxer(Codec.H264, Codec.PCMA)
    packet = muxer.sound(b"\xd5" * 320, PTS)

    assert packet.startswith(bytes.fromhex("000001C00148808005 2100379361"))
    assert muxer.sound(b"\xd5" * 320, PTS, in_pack=True) == PACK + packet


def test_a_stream_of_sound_alone_has_a_head_that_names_it() -> None:
    head = PsMuxer(None, Codec.AAC).sound_only_head(PTS)

    assert head.startswith(PACK + b"\x00\x00\x01\xbb")
    assert head.endswith(program_stream_map(None, Codec.AAC))


def test_codecs_in_the_wrong_place_are_refused() -> None:
    with pytest.raises(ValueError, match="not video"):
        PsMuxer(Codec.PCMA)
    with pytest.raises(ValueError, match="not sound"):
        PsMuxer(Codec.H264, Codec.H265)
    with pytest.raises(ValueError, match="not sound"):
        PsMuxer(Codec.H264, Codec.OPUS)
