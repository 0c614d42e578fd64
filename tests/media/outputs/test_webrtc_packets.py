"""Packets that all viewers share, kept for a while, and the clocks they are dated by."""

from hypothesis import given
from hypothesis import strategies as st

from media.outputs.webrtc_packets import (
    G711Cutter,
    History,
    SampleClock,
    Timeline,
    rtp_header,
)
from media.unit import PTS_HZ, Codec


def test_the_header_wraps_what_is_counted_without_end() -> None:
    header = rtp_header(108, True, 65_536 + 5, (1 << 32) + 9, 0xA1B2C3D4)

    assert header == bytes.fromhex("80ec000500000009a1b2c3d4")


def test_the_history_finds_packets_until_the_oldest_give_way() -> None:
    history = History(65_530, capacity=8)
    numbers = range(0)
    for number in range(4):
        numbers = history.add_picture(Codec.H264, [b"a", b"b", b"c"], number, is_key=number == 0)

    assert numbers == range(65_539, 65_542)
    assert history.get(65_533) is None
    kept = history.get(65_541)
    assert kept is not None
    assert kept.payload == b"c"
    assert kept.is_last
    assert history.get(65_542) is None


def test_a_group_is_offered_to_late_viewers_only_while_it_is_whole() -> None:
    history = History(0, capacity=8)
    history.add_picture(Codec.H264, [b"k"] * 3, 100, is_key=True)
    assert history.group == (0, 1, 1, 100)
    history.add_picture(Codec.H264, [b"p"] * 5, 200, is_key=False)
    assert history.group == (0, 1, 2, 200)
    history.add_picture(Codec.H264, [b"p"], 300, is_key=False)
    assert history.group is None
    history.add_picture(Codec.H264, [b"k"], 400, is_key=True)
    assert history.group == (9, 4, 4, 400)


def test_what_came_in_another_coding_is_forgotten() -> None:
    history = History(0)
    history.add_picture(Codec.H264, [b"k"] * 3, 100, is_key=True)

    history.add_picture(Codec.H265, [b"p"], 200, is_key=False)

    assert history.get(2) is None
    assert history.group is None
    assert history.oldest_sequence == 3


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
