"""Program streams as the standard writes them, and as devices do."""

import pytest

from media.codecs.frame import Frame
from media.ps.demux import PICTURE_LIMIT_BYTES, PsDemuxer
from media.ps.mux import PsMuxer, pack_header, pes, program_stream_map
from media.unit import Codec
from tests.media.ps.streams import IDR, KEY, KEY_265, PPS, SLICE, SLICE_265, SPS, feed, feed_all

SOUND = b"\xd5" * 320
PACK = bytes.fromhex("000001BA4400DE4D8401005F6BF8")
SYSTEM_HEADER = bytes.fromhex("000001BB000C802FB504E17FE0E200C0C020")
PSM_H264_G711A = bytes.fromhex("000001BC0012E1FF000000081BE0000090C00000B9287F16")
PSM_H265_AAC = bytes.fromhex("000001BC0012E1FF0000000824E000000FC00000AD322ADC")
PES_CUT_SHORT = bytes.fromhex("000001E0000D80800521003793610000000167")


def pictures(frames: list[Frame]) -> list[bytes]:
    return [frame.data for frame in frames if frame.codec.is_video]


def packs(muxer: PsMuxer, *, sound: bool = False) -> list[bytes]:
    out = [
        muxer.picture(KEY if number % 4 == 0 else SLICE, number * 3600, is_key=number % 4 == 0)
        for number in range(8)
    ]
    return [pack + muxer.sound(SOUND, n * 3600) for n, pack in enumerate(out)] if sound else out


def test_a_pack_of_the_standard_gives_its_picture_with_its_time() -> None:
    demuxer = PsDemuxer()
    feed(demuxer, PACK + SYSTEM_HEADER + PSM_H264_G711A + PES_CUT_SHORT, timestamp=7)

    (frame,) = demuxer.flush()

    assert frame == Frame(Codec.H264, 903_600, 7, b"\x00\x00\x00\x01\x67", 0.0)
    assert demuxer.tolerated == {}


def test_the_map_names_the_codecs() -> None:
    demuxer = PsDemuxer()
    adts = bytes.fromhex("FFF16C4001BFFC") + b"\x00" * 6
    frames = feed(demuxer, PACK + PSM_H265_AAC + pes(0xC0, adts, 903_600))

    assert frames == [Frame(Codec.AAC, 903_600, 0, adts, 0.0)]


def test_pictures_and_sound_come_out_as_they_were_written() -> None:
    demuxer = PsDemuxer()
    frames = feed_all(demuxer, packs(PsMuxer(Codec.H264, Codec.PCMA), sound=True))

    video = [frame for frame in frames if frame.codec is Codec.H264]
    assert [frame.data for frame in video] == [KEY, SLICE, SLICE, SLICE] * 2
    assert [frame.pts for frame in video] == [number * 3600 for number in range(8)]
    assert [frame.data for frame in frames if frame.codec is Codec.PCMA] == [SOUND] * 8
    assert not any(frame.is_damaged for frame in frames)
    assert demuxer.tolerated == {}


def test_a_marker_that_proved_right_ends_a_picture_at_once() -> None:
    demuxer = PsDemuxer()
    muxer = PsMuxer(Codec.H264)
    key = muxer.picture(KEY, 0, is_key=True)
    second = muxer.picture(SLICE, 3600, is_key=False)
    third = muxer.picture(SLICE, 7200, is_key=False)

    assert feed(demuxer, key, marker=True, size=50) == []
    assert pictures(feed(demuxer, second, timestamp=3600, marker=True)) == [KEY, SLICE]
    assert pictures(feed(demuxer, third, timestamp=7200, marker=True)) == [SLICE]


def test_markers_within_pictures_are_not_believed() -> None:
    demuxer = PsDemuxer()
    pieces = [KEY[:50], KEY[50:], SLICE[:10], SLICE[10:], SLICE]
    stream = [
        PACK + pes(0xE0, piece, pts)
        for piece, pts in zip(pieces, (0, None, 3600, None, 7200), strict=True)
    ]

    assert pictures(feed_all(demuxer, stream, marker=True)) == [KEY, SLICE, SLICE]


def test_a_marker_on_every_packet_is_not_believed() -> None:
    demuxer = PsDemuxer()
    frames: list[Frame] = []
    for number, pack in enumerate(packs(PsMuxer(Codec.H264))):
        for start in range(0, len(pack), 30):
            frames += demuxer.feed(pack[start : start + 30], number * 3600, True, 0.0)

    assert pictures(frames + list(demuxer.flush())) == [KEY, SLICE, SLICE, SLICE] * 2


def test_parameter_sets_in_packets_of_their_own_stay_with_their_picture() -> None:
    demuxer = PsDemuxer()
    pack = pack_header(0) + b"".join(pes(0xE0, data, 3600) for data in (SPS, PPS, IDR))

    assert pictures(feed_all(demuxer, [pack, pack_header(1) + pes(0xE0, SLICE, 7200)])) == [
        KEY,
        SLICE,
    ]


@pytest.mark.parametrize("repeats_pts", [False, True])
def test_a_picture_over_64_kilobytes_comes_in_several_packets(repeats_pts: bool) -> None:
    data = KEY + b"\x11" * 150_000
    parts = [data[start : start + 65_000] for start in range(0, len(data), 65_000)]
    pack = pack_header(0) + b"".join(
        pes(0xE0, part, 3600 if repeats_pts or not number else None)
        for number, part in enumerate(parts)
    )

    assert pictures(feed_all(PsDemuxer(), [pack])) == [data]


def test_without_a_map_the_parameter_sets_tell_the_codec() -> None:
    for codec, key, other in ((Codec.H264, KEY, SLICE), (Codec.H265, KEY_265, SLICE_265)):
        demuxer = PsDemuxer()
        muxer = PsMuxer(codec, with_psm=False)
        frames = feed_all(
            demuxer,
            [
                muxer.picture(other, 0, is_key=False),
                muxer.picture(key, 3600, is_key=True),
                muxer.picture(other, 7200, is_key=False),
            ],
        )

        assert [(frame.codec, frame.data) for frame in frames] == [(codec, key), (codec, other)]
        assert demuxer.tolerated == {"picture-without-map": 1}


def test_sound_without_a_map_is_guessed() -> None:
    demuxer = PsDemuxer()
    frames = feed(demuxer, PACK + pes(0xC0, SOUND, 0))

    assert [frame.codec for frame in frames] == [Codec.PCMA]
    assert demuxer.tolerated == {"sound-without-map": 1}


def test_a_map_that_names_the_wrong_codec_is_corrected() -> None:
    demuxer = PsDemuxer()
    frames = feed_all(demuxer, [PsMuxer(Codec.H264).picture(KEY_265, 0, is_key=True)])

    assert [frame.codec for frame in frames] == [Codec.H265]
    assert demuxer.tolerated == {"codec-not-as-mapped": 1}


def test_a_wrong_crc_and_a_wrong_inner_length_do_no_harm() -> None:
    broken = bytearray(PSM_H264_G711A)
    broken[-4:] = bytes(4)
    broken[10:12] = b"\xff\xff"

    frames = feed_all(PsDemuxer(), [PACK + bytes(broken) + PES_CUT_SHORT])

    assert [frame.codec for frame in frames] == [Codec.H264]


def test_private_descriptors_in_the_map_are_passed_over() -> None:
    body = b"\xe1\xff" + b"\x00\x05HKTST" + b"\x00\x0a" + bytes.fromhex("1BE0000290C090C00000")
    section = b"\x00\x00\x01\xbc" + (len(body) + 4).to_bytes(2, "big") + body + bytes(4)

    frames = feed(PsDemuxer(), PACK + section + pes(0xC0, b"\x01" * 33, 0))

    assert [frame.codec for frame in frames] == [Codec.PCMA]


def test_codecs_that_are_not_understood_are_named_and_left_out() -> None:
    demuxer = PsDemuxer()
    svac = bytearray(program_stream_map(Codec.H264, Codec.PCMA))
    svac[12], svac[16] = 0x80, 0x9B

    frames = feed_all(demuxer, [PACK + bytes(svac) + PES_CUT_SHORT + pes(0xC0, SOUND, 0)])

    assert frames == []
    assert demuxer.unsupported == ("SVAC video", "SVAC audio")


def test_the_codec_may_change_at_run_time() -> None:
    h264, h265 = PsMuxer(Codec.H264), PsMuxer(Codec.H265)
    frames = feed_all(
        PsDemuxer(),
        [
            h264.picture(KEY, 0, is_key=True),
            h264.picture(SLICE, 3600, is_key=False),
            h265.picture(KEY_265, 7200, is_key=True),
            h265.picture(SLICE_265, 10_800, is_key=False),
        ],
    )

    assert [(frame.codec, frame.data) for frame in frames] == [
        (Codec.H264, KEY),
        (Codec.H264, SLICE),
        (Codec.H265, KEY_265),
        (Codec.H265, SLICE_265),
    ]


def test_private_streams_and_padding_are_passed_over() -> None:
    private = b"\x00\x00\x01\xbd\x00\x20" + b"\x00\x00\x01\xe0" * 8
    padding = b"\x00\x00\x01\xbe\x00\x03\xff\xff\xff"
    stream = [
        PACK + private + padding + pes(0xE0, KEY, 3600),
        PACK + pes(0xE0, SLICE, 7200) + private + b"\x00\x00\x01\xb9",
    ]

    assert pictures(feed_all(PsDemuxer(), stream)) == [KEY, SLICE]


def test_a_packet_without_a_length_ends_at_the_containers_next_start_code() -> None:
    unbounded = bytearray(pes(0xE0, KEY, 3600))
    unbounded[4:6] = b"\x00\x00"
    demuxer = PsDemuxer()

    frames = feed_all(
        demuxer,
        [PACK + bytes(unbounded) + pes(0xC0, SOUND, 3600), PACK + pes(0xE0, SLICE, 7200)],
        size=11,
    )

    assert pictures(frames) == [KEY, SLICE]
    assert [frame.data for frame in frames if frame.codec is Codec.PCMA] == [SOUND]
    assert demuxer.tolerated["pes-without-length"] == 1


def test_a_pack_header_of_which_only_the_start_code_is_there_is_tolerated() -> None:
    demuxer = PsDemuxer()
    cut = b"\x00\x00\x01\xba"

    frames = feed_all(demuxer, [cut + pes(0xE0, KEY, 0), cut + pes(0xE0, SLICE, 3600)])

    assert pictures(frames) == [KEY, SLICE]
    assert demuxer.tolerated["cut-pack-header"] == 2


def test_pack_headers_of_mpeg_1_and_with_stuffing_are_passed() -> None:
    mpeg_1 = bytes.fromhex("000001BA2100010001800001")
    stuffed = PACK[:-1] + b"\xfb\xff\xff\xff"

    frames = feed_all(PsDemuxer(), [mpeg_1 + pes(0xE0, KEY, 0), stuffed + pes(0xE0, SLICE, 3600)])

    assert pictures(frames) == [KEY, SLICE]


@pytest.mark.parametrize("pts", [0, None], ids=["always the same", "never"])
def test_pictures_without_a_pts_of_their_own_are_told_apart_by_their_packs(
    pts: int | None,
) -> None:
    stream = [PACK + pes(0xE0, data, pts) for data in (KEY, SLICE, SLICE)]

    assert pictures(feed_all(PsDemuxer(), stream)) == [KEY, SLICE, SLICE]


def test_a_lost_packet_damages_its_picture_and_no_other() -> None:
    demuxer = PsDemuxer()
    muxer = PsMuxer(Codec.H264)
    first = muxer.picture(KEY, 0, is_key=True)
    frames = list(demuxer.feed(first[:100], 0, False, 0.0))
    frames += demuxer.lose()
    frames += demuxer.feed(first[110:], 0, False, 0.0)
    frames += feed(demuxer, muxer.picture(SLICE, 3600, is_key=False), timestamp=3600)
    frames += demuxer.flush()

    assert [(frame.is_damaged, frame.pts) for frame in frames] == [(True, 0), (False, 3600)]
    assert frames[1].data == SLICE


def test_the_rest_of_a_picture_whose_beginning_is_lost_counts_as_damaged() -> None:
    demuxer = PsDemuxer()
    half = pes(0xE0, KEY, 0)
    frames = list(demuxer.feed(PACK + half[:60], 0, False, 0.0))
    frames += demuxer.lose()
    frames += demuxer.feed(pes(0xE0, SLICE, 0), 0, False, 0.0)
    frames += demuxer.feed(PACK + pes(0xE0, SLICE, 3600), 3600, False, 0.0)
    frames += demuxer.flush()

    assert [frame.is_damaged for frame in frames] == [True, True, False]


def test_bytes_that_belong_to_nothing_damage_the_picture_and_the_next_pack_is_found() -> None:
    demuxer = PsDemuxer()
    stream = [PACK + pes(0xE0, KEY, 0) + b"\x99" * 50, PACK + pes(0xE0, SLICE, 3600)]

    frames = feed_all(demuxer, stream)

    assert [frame.is_damaged for frame in frames] == [True, False]
    assert demuxer.tolerated["lost-place"] == 1


def test_a_picture_without_an_end_is_dropped_at_a_limit() -> None:
    demuxer = PsDemuxer()
    endless = bytearray(pes(0xE0, KEY, 0))
    endless[4:6] = b"\x00\x00"
    frames = list(demuxer.feed(PACK + bytes(endless), 0, False, 0.0))
    for _ in range(PICTURE_LIMIT_BYTES // 50_000 + 1):
        frames += demuxer.feed(b"\x77" * 50_000, 0, False, 0.0)
    frames += feed(demuxer, PACK + pes(0xE0, KEY, 3600))
    frames += demuxer.flush()

    assert pictures(frames) == [KEY]
    assert demuxer.tolerated["picture-too-large"] == 1


def test_pictures_that_are_not_aligned_with_packets_are_found_by_their_slices() -> None:
    bytes_ = b"".join([KEY, SLICE, SLICE, SLICE, KEY, SLICE])
    stream = [
        PACK + pes(0xE0, bytes_[start : start + 50], 3600 * number)
        for number, start in enumerate(range(0, len(bytes_), 50))
    ]
    demuxer = PsDemuxer()

    frames = feed_all(demuxer, stream)

    assert pictures(frames) == [KEY, SLICE, SLICE, SLICE, KEY, SLICE]
    assert demuxer.tolerated["pictures-not-aligned"] == 1


def test_a_map_with_a_wrong_checksum_counts_all_the_same() -> None:
    demuxer = PsDemuxer()
    pack = bytearray(PsMuxer(Codec.H264).picture(KEY, 3600, is_key=True))
    end_of_map = pack.index(b"\0\0\1\xbc") + 6 + 14
    pack[end_of_map - 1] ^= 0xFF

    frames = feed_all(demuxer, [bytes(pack)])

    assert [frame.codec for frame in frames] == [Codec.H264]
    assert demuxer.tolerated == {"map-checksum": 1}


def test_a_maker_s_private_stream_is_passed_over_and_named() -> None:
    demuxer = PsDemuxer()
    pack = PsMuxer(Codec.H264).picture(KEY, 3600, is_key=True)
    private = b"\0\0\1\xbd\0\x04\xba\xe0\x01\x02"

    frames = feed_all(demuxer, [private + pack])

    assert [frame.codec for frame in frames] == [Codec.H264]
    assert demuxer.tolerated == {"private-stream": 1}
