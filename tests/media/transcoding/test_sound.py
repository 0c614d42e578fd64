"""Sound made into another coding, without gaps and on time."""

import math
from itertools import pairwise

import numpy as np
import pytest

from media.errors import ProtocolError
from media.ffmpeg import decode_sound, open_audio_decoder
from media.transcoding.sound import SoundMaker
from media.unit import PTS_HZ, AccessUnit, Codec
from tests.support.units import TONE_HZ, tone_units


@pytest.mark.parametrize(
    ("source", "target", "step_ticks", "units"),
    [
        (Codec.AAC, Codec.OPUS, 1_800, 95),
        (Codec.PCMA, Codec.OPUS, 1_800, 95),
        (Codec.PCMU, Codec.AAC, 5_760, 28),
        (Codec.AAC, Codec.PCMA, 3_600, 48),
    ],
)
def test_each_coding_becomes_the_other_without_gaps(
    source: Codec, target: Codec, step_ticks: int, units: int
) -> None:
    maker = SoundMaker(source, target)
    made = [unit for piece in tone_units(source, 2.0) for unit in maker.convert(piece)]

    assert {unit.codec for unit in made} == {target}
    assert len(made) >= units
    assert {after.pts - before.pts for before, after in pairwise(made)} == {step_ticks}
    assert abs(made[0].pts) <= PTS_HZ // 10


def test_the_tone_is_still_the_tone_and_as_loud() -> None:
    maker = SoundMaker(Codec.PCMA, Codec.AAC)
    made = [unit for piece in tone_units(Codec.PCMA, 2.0) for unit in maker.convert(piece)]

    decoder = open_audio_decoder(Codec.AAC)
    pieces = [frame.to_ndarray()[0] for unit in made for frame in decode_sound(decoder, unit.data)]
    sound = np.concatenate(pieces)[8_192:]
    assert decoder.sample_rate == 16_000
    assert abs(float(np.sqrt(np.mean(sound**2))) - 0.5 / math.sqrt(2)) < 0.03
    spectrum = np.abs(np.fft.rfft(sound))
    assert abs(int(np.argmax(spectrum)) * 16_000 / len(sound) - TONE_HZ) < 5


def test_sound_that_jumps_is_dated_anew() -> None:
    maker = SoundMaker(Codec.AAC, Codec.OPUS)
    units = tone_units(Codec.AAC, 2.0)
    for unit in units[16:]:
        unit.pts += 10 * PTS_HZ

    made = [opus for unit in units for opus in maker.convert(unit)]

    steps = [after.pts - before.pts for before, after in pairwise(made)]
    assert len([step for step in steps if step != PTS_HZ // 50]) == 1
    assert abs(made[-1].pts - units[-1].pts) < PTS_HZ // 10


def test_g729_is_decoded() -> None:
    silence = AccessUnit(Codec.G729, 0, bytes.fromhex("7852800080c00000fa50") * 8, False, 0.0)
    maker = SoundMaker(Codec.G729, Codec.AAC)

    made = [unit for _ in range(10) for unit in maker.convert(silence)]

    # 0.8 s in frames of 64 ms, but for what the resampler and the coder hold back.
    assert len(made) >= 10


def test_what_is_not_sound_is_refused_by_name() -> None:
    with pytest.raises(ProtocolError):
        SoundMaker(Codec.OPUS, Codec.AAC)
    with pytest.raises(ProtocolError):
        SoundMaker(Codec.PCMA, Codec.G729)
    with pytest.raises(ProtocolError):
        SoundMaker(Codec.AAC, Codec.OPUS).convert(
            AccessUnit(Codec.AAC, 0, b"no adts at all", False, 0.0)
        )
