"""The second writer of program streams against bytes worked out by hand."""

from tests.interop.ps_builder import (
    AAC,
    G711A,
    H264,
    H265,
    VIDEO,
    pack_header,
    pes,
    program_stream_map,
    system_header,
)

PTS = 903_600


def test_a_pack_header() -> None:
    assert pack_header(PTS) == bytes.fromhex("000001BA4400DE4D8401005F6BF8")


def test_a_system_header() -> None:
    assert system_header() == bytes.fromhex("000001BB000C802FB504E17FE0E200C0C020")


def test_maps_of_both_pairs_of_codecs() -> None:
    assert program_stream_map(H264, G711A) == bytes.fromhex(
        "000001BC0012E1FF000000081BE0000090C00000B9287F16"
    )
    assert program_stream_map(H265, AAC) == bytes.fromhex(
        "000001BC0012E1FF0000000824E000000FC00000AD322ADC"
    )


def test_a_pes_packet() -> None:
    assert pes(VIDEO, bytes.fromhex("0000000167"), PTS) == bytes.fromhex(
        "000001E0000D80800521003793610000000167"
    )
