"""Sound is one line: gaps are silence, what comes too late is left out."""

import numpy as np
import pytest

from media.codecs import aac
from media.ffmpeg import decode_sound, open_audio_decoder
from media.outputs.samples import SILENCE
from media.outputs.sound_line import SoundLine
from media.unit import PTS_HZ, Codec

QUIET = b"quiet"
SECOND = PTS_HZ


def line(silence: bytes | None = QUIET) -> SoundLine:
    """At 16 kHz, where a frame lasts 64 ms; one frame was heard at second 2."""
    made = SoundLine(16_000, silence)
    assert made.place(2 * SECOND, (b"first",), 2 * SECOND) == (32_000, (b"first",))
    return made


def test_sound_that_is_a_little_off_follows_what_was_before() -> None:
    made = line()

    assert made.place(2 * SECOND + 9_000, (b"a", b"b"), 2 * SECOND) == (33_024, (b"a", b"b"))
    assert made.place(2 * SECOND + 9_000, (b"c",), 2 * SECOND) == (35_072, (b"c",))


def test_what_is_missing_is_silence() -> None:
    made = line()

    # From 2.064 s to 3 s there is room for 14 frames; the sound follows them at once.
    time, frames = made.place(3 * SECOND, (b"a",), 3 * SECOND)

    assert (time, frames) == (33_024, (*[QUIET] * 14, b"a"))


def test_where_no_silence_can_be_made_or_the_gap_is_long_it_stays() -> None:
    assert line(None).place(3 * SECOND, (b"a",), 3 * SECOND) == (48_000, (b"a",))
    assert line(None).fill(60 * SECOND)[1] == ()
    assert line().place(30 * SECOND, (b"a",), 30 * SECOND) == (480_000, (b"a",))


def test_where_sound_ends_silence_goes_on_with_the_pictures() -> None:
    made = line()

    assert made.fill(3 * SECOND)[1] == ()
    # Until a second before the picture: from 2.064 s to 2.2 s.
    assert made.fill(3 * SECOND + 18_000) == (33_024, (QUIET, QUIET))
    assert made.fill(3 * SECOND + 18_000)[1] == ()


def test_sound_that_was_promised_and_never_comes_is_silence_from_the_beginning() -> None:
    made = SoundLine(16_000, QUIET)

    assert made.fill(SECOND)[1] == ()
    assert made.fill(SECOND + 12_000) == (0, (QUIET, QUIET))


def test_sound_that_comes_too_late_is_left_out_and_waited_for_from_then_on() -> None:
    made = line()
    made.fill(4 * SECOND)

    assert made.place(2 * SECOND + 6_000, (b"late",), 4 * SECOND)[1] == ()
    # It was 1.93 s late: so much and half a second more may the next be.
    assert made.fill(5 * SECOND)[1] == ()
    assert made.place(3 * SECOND, (b"a",), 5 * SECOND)[1] == (b"a",)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_frame_of_silence_decodes_to_silence(channels: int) -> None:
    frame = aac.header(16_000, channels, len(SILENCE[channels])) + SILENCE[channels]
    decoder = open_audio_decoder(Codec.AAC)

    frames = [each for _ in range(3) for each in decode_sound(decoder, frame)]

    assert {frame.samples for frame in frames} == {1_024}
    assert {frame.layout.nb_channels for frame in frames} == {channels}
    assert all(not np.any(frame.to_ndarray()) for frame in frames)
