"""The tone: 1 kHz and nothing else, without a seam."""

import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from media.codecs import aac
from media.ffmpeg import decode_sound, open_audio_decoder
from media.unit import Codec
from vms.simulator.sound import tone


def samples_of_g711(frames: list[bytes]) -> NDArray[np.float64]:
    decoder = AudioCodecContext.create("pcm_alaw", "r")
    decoder.sample_rate = 8000
    decoder.layout = "mono"
    pieces = [piece.to_ndarray() for frame in frames for piece in decode_sound(decoder, frame)]
    return np.asarray(np.concatenate(pieces, axis=1)[0] / 32768, dtype=np.float64)


def samples_of_aac(frames: list[bytes]) -> NDArray[np.float64]:
    decoder = open_audio_decoder(Codec.AAC)
    pieces = [piece.to_ndarray() for frame in frames for piece in decode_sound(decoder, frame)]
    return np.asarray(np.concatenate(pieces, axis=1)[0], dtype=np.float64)


def assert_pure_tone(samples: NDArray[np.float64], rate_hz: int) -> None:
    settled = samples[len(samples) // 4 :]
    spectrum = np.abs(np.fft.rfft(settled * np.hanning(len(settled))))
    frequencies = np.fft.rfftfreq(len(settled), 1 / rate_hz)
    peak = spectrum.argmax()
    elsewhere = spectrum[np.abs(frequencies - frequencies[peak]) > 50].max()
    assert abs(frequencies[peak] - 1000) < 5
    assert elsewhere < 0.02 * spectrum[peak]
    assert 0.4 < np.abs(settled).max() < 0.6


def test_g711_frames_make_a_pure_tone() -> None:
    one = tone(Codec.PCMA)

    assert (len(one.frame), one.ticks) == (320, 3600)
    assert_pure_tone(samples_of_g711([one.frame] * 25), 8000)


def test_aac_frames_make_a_pure_tone() -> None:
    one = tone(Codec.AAC)

    header = aac.parse_header(one.frame)
    assert (header.sample_rate_hz, header.channels, header.length) == (16_000, 1, len(one.frame))
    assert one.ticks == 5760
    assert_pure_tone(samples_of_aac([one.frame] * 25), 16_000)


def test_frames_are_due_by_their_own_time() -> None:
    one = tone(Codec.AAC)

    assert [pts for _, pts in one.frames_before(12_000, sent=1)] == [5760, 11_520]
    assert list(one.frames_before(5760, sent=1)) == []


def test_there_is_no_tone_in_a_codec_of_pictures() -> None:
    with pytest.raises(ValueError, match="no tone"):
        tone(Codec.H264)
