"""Samples out of access units: lengths, times, and what is not understood."""

from hypothesis import given
from hypothesis import strategies as st

from media.outputs.samples import Sample, Sampler, length_prefixed, squeezed
from media.unit import AccessUnit, Codec
from tests.support.units import tone_units, video_units

PICTURES = video_units(Codec.H264, 3)


def at(unit: AccessUnit, pts: int, received_s: float) -> AccessUnit:
    """The unit at another time."""
    return AccessUnit(unit.codec, pts, unit.data, unit.is_key, received_s, unit.is_damaged)


def test_start_codes_become_lengths_and_parameter_sets_stay_out() -> None:
    h264 = b"".join(
        b"\x00\x00\x01" + nal for nal in (b"\x09\xf0", b"\x67a", b"\x68b", b"\x06sei", b"\x65key")
    )
    h265 = b"".join(b"\x00\x00\x01" + nal for nal in (b"\x40\x01v", b"\x42\x01s", b"\x26\x01key"))

    assert length_prefixed(Codec.H264, h264) == b"\x00\x00\x00\x04\x06sei\x00\x00\x00\x04\x65key"
    assert length_prefixed(Codec.H265, h265) == b"\x00\x00\x00\x05\x26\x01key"


@given(data=st.binary(max_size=100))
def test_the_lengths_of_any_bytes_add_up(data: bytes) -> None:
    made = length_prefixed(Codec.H264, data)
    place = 0
    while place < len(made):
        place += 4 + int.from_bytes(made[place : place + 4])

    assert place == len(made)


def test_times_begin_at_the_first_picture_and_go_on_over_a_jump() -> None:
    sampler = Sampler(lambda: 50.0)
    key, *others = PICTURES
    units = [
        at(key, 900_000, 50.0),
        at(others[0], 903_600, 50.04),
        # The camera's clock is set an hour ahead.
        at(others[1], 903_600 + 3_600 * 90_000, 50.08),
    ]

    samples = [sample for unit in units if (sample := sampler.picture(unit))]

    assert [sample.time for sample in samples] == [0, 3_600, 7_200]
    assert [sample.starts for sample in samples] == [True, False, False]
    assert samples[2].duration == 3_600


def test_pictures_shown_in_another_order_keep_it() -> None:
    sampler = Sampler(lambda: 0.0)
    key, other, _ = PICTURES
    units = [
        at(key, 0, 0.0),
        at(other, 10_800, 0.04),
        at(other, 3_600, 0.08),
        at(other, 7_200, 0.12),
    ]

    samples = [sample for unit in units if (sample := sampler.picture(unit))]

    assert [sample.time + sample.offset for sample in samples] == [0, 10_800, 3_600, 7_200]
    assert [sample.time for sample in samples] == sorted({sample.time for sample in samples})


def test_pictures_of_the_past_are_shown_at_once() -> None:
    sampler = Sampler(lambda: 10.0)
    key, other, _ = PICTURES
    units = [at(key, 0, 8.0), at(other, 90_000, 9.0), at(other, 183_600, 10.04)]

    samples = [sample for unit in units if (sample := sampler.picture(unit))]

    assert [sample.time for sample in samples] == [0, 90, 3_600]


def test_a_group_is_squeezed_before_its_last_picture() -> None:
    group = [Sample(True, number == 0, number * 3_600, 3_600, b"") for number in range(3)]

    assert [sample.time for sample in squeezed(group)] == [7_020, 7_110, 7_200]
    assert [sample.duration for sample in squeezed(group)] == [90, 90, 3_600]


def test_sound_is_cut_into_frames_that_follow_each_other() -> None:
    sampler = Sampler(lambda: 0.0)
    early, first, second, third, *_ = tone_units(Codec.AAC, 1)
    assert sampler.sound(early) == []
    sampler.picture(at(PICTURES[0], 0, 0.0))

    one = sampler.sound(at(first, 0, 0.0))
    both = AccessUnit(Codec.AAC, 5_800, second.data + third.data, False, 0.06)
    two = sampler.sound(both)

    assert [frame.time for frame in (*one, *two)] == [0, 1_024, 2_048]
    assert two[0].data == second.data[7:]
    assert sampler.audio is not None
    assert (sampler.audio.sample_rate_hz, sampler.audio.channels) == (16_000, 1)


def test_sound_that_is_no_aac_and_pictures_without_parameter_sets_are_left_out() -> None:
    sampler = Sampler(lambda: 0.0)

    assert sampler.picture(at(PICTURES[1], 0, 0.0)) is None
    sampler.picture(at(PICTURES[0], 0, 0.0))
    assert sampler.sound(AccessUnit(Codec.AAC, 0, b"\x00" * 20, False, 0.0)) == []
    assert sampler.sound(AccessUnit(Codec.PCMA, 0, b"\x00" * 20, False, 0.0)) == []
