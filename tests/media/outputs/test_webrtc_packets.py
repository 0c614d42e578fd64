"""Packets built once: cut as RFC 6184 says, put together again by others, and kept for a while."""

import pytest
from aiortc.codecs.h264 import h264_depayload
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import annexb
from media.ffmpeg import decode_picture, open_video_decoder
from media.outputs.webrtc_packets import (
    PAYLOAD_LIMIT_BYTES,
    G711Cutter,
    History,
    SampleClock,
    Timeline,
    h264_payloads,
    rtp_header,
)
from media.unit import PTS_HZ, AccessUnit, Codec
from tests.support.units import number_of, video_units


def put_together(payloads: list[bytes]) -> bytes:
    """The pictures again, by aiortc's depacketiser."""
    return b"".join(h264_depayload(payload) for payload in payloads)


def test_every_picture_decodes_after_being_cut_and_put_together_by_another() -> None:
    decoder = open_video_decoder(Codec.H264)
    seen: list[int] = []
    for unit in video_units(Codec.H264, 30, noise=True):
        payloads = h264_payloads(unit.data)
        copy = AccessUnit(Codec.H264, unit.pts, put_together(payloads), unit.is_key, 0.0)
        seen += [number_of(frame) for frame in decode_picture(decoder, copy)]

    seen += [number_of(frame) for frame in decode_picture(decoder, None)]
    assert seen == list(range(30))


def nal_unit_lists() -> st.SearchStrategy[list[bytes]]:
    """NAL units of types that are sent, some far larger than a packet."""
    heads = st.sampled_from([0x67, 0x68, 0x06, 0x65, 0x41])
    sizes = st.one_of(st.integers(1, 60), st.integers(1_150, 1_250), st.integers(2_000, 5_000))
    unit = st.tuples(heads, sizes).map(lambda pair: bytes((pair[0],)) + b"\x9b" * pair[1])
    return st.lists(unit, min_size=1, max_size=12)


@given(nal_unit_lists())
def test_nal_units_survive_and_no_payload_is_too_large(units: list[bytes]) -> None:
    payloads = h264_payloads(annexb.join(units))

    assert annexb.nal_units(put_together(payloads)) == units
    assert max(map(len, payloads)) <= PAYLOAD_LIMIT_BYTES


def test_delimiters_and_filler_are_left_out() -> None:
    data = annexb.join([b"\x09\xf0", b"\x67\x42", b"\x0c\xff\xff\x80", b"\x65\x88"])

    assert annexb.nal_units(put_together(h264_payloads(data))) == [b"\x67\x42", b"\x65\x88"]


def test_a_picture_of_nothing_makes_no_packet() -> None:
    assert h264_payloads(b"") == []
    assert h264_payloads(b"\x00\x00\x01\x09\xf0") == []


def test_the_header_wraps_what_is_counted_without_end() -> None:
    header = rtp_header(108, True, 65_536 + 5, (1 << 32) + 9, 0xA1B2C3D4)

    assert header == bytes.fromhex("80ec000500000009a1b2c3d4")


def test_the_history_finds_packets_until_the_oldest_give_way() -> None:
    history = History(65_530, capacity=8)
    for number in range(4):
        history.add_picture([b"a", b"b", b"c"], number, is_key=number == 0)

    assert history.get(65_533) is None
    kept = history.get(history.unwrap((65_530 + 11) & 0xFFFF))
    assert kept is not None
    assert kept.payload == b"c"
    assert kept.is_last
    assert history.get(65_542) is None


def test_a_group_is_offered_to_late_viewers_only_while_it_is_whole() -> None:
    history = History(0, capacity=8)
    history.add_picture([b"k"] * 3, 0, is_key=True)
    assert history.group_start == 0
    history.add_picture([b"p"] * 5, 1, is_key=False)
    assert history.group_start == 0
    history.add_picture([b"p"], 2, is_key=False)
    assert history.group_start is None
    history.add_picture([b"k"], 3, is_key=True)
    assert history.group_start == 9


@given(st.integers(0, 1 << 40), st.integers(-2_000, 2_000))
def test_a_short_sequence_number_means_the_nearest_packet(start: int, away: int) -> None:
    history = History(start + 4_000)

    assert history.unwrap((start + 4_000 + away) & 0xFFFF) == start + 4_000 + away


def test_two_tracks_of_one_clock_keep_their_distance_whatever_the_arrival() -> None:
    video, audio = Timeline(), Timeline()

    shown = video.place(90_000, 50.0)
    heard = audio.place(90_000 + 900, 50.3, video)

    assert heard - shown == 900


def test_a_clock_that_was_set_does_not_tear_the_timeline() -> None:
    timeline = Timeline()
    before = timeline.place(5_000_000_000, 100.0)

    after = timeline.place(0, 100.04)

    assert after - before == round(0.04 * PTS_HZ)


def test_tracks_with_unrelated_clocks_are_placed_by_arrival() -> None:
    video, audio = Timeline(), Timeline()
    video.place(0, 100.0)

    assert audio.place(8_000_000_000, 100.0, video) == 100 * PTS_HZ


def test_sound_counts_samples_and_jumps_only_over_a_gap() -> None:
    clock = SampleClock(8_000)

    assert clock.place(0, 320) == (0, False)
    assert clock.place(3_650, 320) == (320, True)
    assert clock.place(PTS_HZ * 2, 320) == (16_000, False)


@given(st.lists(st.integers(1, 700), min_size=1, max_size=30))
def test_g711_is_cut_to_20_ms_however_it_comes(sizes: list[int]) -> None:
    cutter = G711Cutter()
    sound = bytes(i % 251 for i in range(sum(sizes)))
    at = 0
    packets: list[tuple[int, bytes]] = []
    for size in sizes:
        packets += cutter.cut(sound[at : at + size], at * PTS_HZ // 8_000)
        at += size

    assert b"".join(payload for _, payload in packets) == sound[: len(sound) // 160 * 160]
    assert [timestamp for timestamp, _ in packets] == [160 * i for i in range(len(packets))]
    assert all(len(payload) == 160 for _, payload in packets)


def test_after_a_gap_the_rest_of_the_old_sound_is_dropped() -> None:
    cutter = G711Cutter()
    cutter.cut(b"\x01" * 100, 0)

    packets = cutter.cut(b"\x02" * 160, PTS_HZ)

    assert packets == [(8_000, b"\x02" * 160)]


@pytest.mark.parametrize("codec", [Codec.H264])
def test_parameter_sets_travel_together_with_others_of_their_size(codec: Codec) -> None:
    first = video_units(codec, 1)[0]

    payloads = h264_payloads(first.data)

    assert payloads[0][0] & 0x1F == 24
