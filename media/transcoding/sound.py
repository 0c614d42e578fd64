"""Sound made into another coding: AAC, Opus or G.711, in frames of their own length."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from media.codecs import aac, g711
from media.errors import ProtocolError
from media.ffmpeg import decode_sound, encode, open_audio_decoder
from media.unit import PTS_HZ, AccessUnit, Codec

RESYNC_TICKS = PTS_HZ // 5
"""Sound whose `pts` is this far from where its samples end begins anew."""

RATE_FLOOR_HZ = 16_000
"""AAC of 8 kHz is legal, but some players refuse it, and its frames last 128 ms."""

_TELEPHONY = frozenset({Codec.PCMA, Codec.PCMU, Codec.G729})


@dataclass(frozen=True, slots=True)
class _Target:
    """How a coding is made. `rate_hz` None: the source's own; `delay`: samples it begins early."""

    encoder: str
    sample_format: str
    rate_hz: int | None
    frame_samples: int
    bitrate_bps: int
    channels: int
    delay: int = 0


_TARGETS = {
    Codec.AAC: _Target("aac", "fltp", None, aac.SAMPLES_PER_FRAME, 32_000, 2, delay=1_024),
    Codec.OPUS: _Target("libopus", "s16", 48_000, 960, 32_000, 2),
    Codec.PCMA: _Target("pcm_alaw", "s16", g711.SAMPLE_RATE_HZ, 320, 64_000, 1),
    Codec.PCMU: _Target("pcm_mulaw", "s16", g711.SAMPLE_RATE_HZ, 320, 64_000, 1),
}


class SoundMaker:
    """One coding of sound to another, without gaps: dated by its samples, not by the packets."""

    def __init__(self, source: Codec, target: Codec) -> None:
        if target not in _TARGETS:
            raise ProtocolError(f"no encoder of {target}")
        self._source = source
        self._codec = target
        self._target = _TARGETS[target]
        self._decoder = open_audio_decoder(source)
        self._resampler: AudioResampler | None = None
        self._encoder: AudioCodecContext | None = None
        self._shape = (0, 0)
        self._rate_hz = 0
        self._channels = 0
        self._taken = 0
        """Samples of the source since the encoder was opened."""
        self._made = 0
        """Samples made since then, at the target's rate; begins negative where coding delays."""
        self._mark_pts = 0
        self._mark_taken = 0
        self._expected_pts: int | None = None

    def convert(
        self, unit: AccessUnit, *, is_shown: bool = True, wants_key: bool = False
    ) -> list[AccessUnit]:
        """See `Converter.convert`; sound has no key pictures."""
        del wants_key
        made: list[AccessUnit] = []
        if not is_shown:
            return made
        expected = self._expected_pts
        if expected is None or abs(unit.pts - expected) > RESYNC_TICKS:
            self._mark(unit.pts)
        for data in self._pieces(unit.data):
            for frame in decode_sound(self._decoder, data):
                if frame.samples:
                    self._follow(frame)
                    made += self._encode(frame, unit.received_s)
        return made

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        return _adts_frames(data) if self._source is Codec.AAC else iter((data,))

    def _mark(self, pts: int) -> None:
        self._mark_pts, self._mark_taken = pts, self._taken
        self._expected_pts = pts

    def _follow(self, frame: AudioFrame) -> None:
        """Open what is needed for this frame, and count its samples."""
        shape = (frame.sample_rate, frame.layout.nb_channels)
        if shape != self._shape:
            self._open(*shape)
            self._mark(self._expected_pts or 0)
        self._taken += frame.samples
        since = self._taken - self._mark_taken
        self._expected_pts = self._mark_pts + since * PTS_HZ // frame.sample_rate

    def _open(self, rate_hz: int, channels: int) -> None:
        target = self._target
        made_rate_hz = target.rate_hz or rate_hz
        if target.rate_hz is None and self._source in _TELEPHONY:
            made_rate_hz = max(rate_hz, RATE_FLOOR_HZ)
        self._shape = rate_hz, channels
        self._rate_hz = made_rate_hz
        self._channels = min(channels, target.channels)
        layout = "mono" if self._channels == 1 else "stereo"
        self._resampler = AudioResampler(
            target.sample_format, layout, made_rate_hz, frame_size=target.frame_samples
        )
        encoder = cast("AudioCodecContext", AudioCodecContext.create(target.encoder, "w"))
        encoder.sample_rate = made_rate_hz
        encoder.format = target.sample_format
        encoder.layout = layout
        encoder.time_base = Fraction(1, made_rate_hz)
        encoder.bit_rate = target.bitrate_bps
        self._encoder = encoder
        self._taken, self._made = 0, -target.delay

    def _encode(self, frame: AudioFrame, received_s: float) -> Iterator[AccessUnit]:
        if self._resampler is None or self._encoder is None:
            raise ProtocolError("no encoder")
        frame.pts = None
        for piece in self._resampler.resample(frame):
            piece.pts = None
            for packet in encode(self._encoder, piece):
                ahead = self._made - self._mark_taken * self._rate_hz // self._shape[0]
                pts = self._mark_pts + ahead * PTS_HZ // self._rate_hz
                self._made += self._target.frame_samples
                yield AccessUnit(self._codec, pts, self._framed(packet.data), False, received_s)

    def _framed(self, data: bytes) -> bytes:
        if self._codec is not Codec.AAC:
            return data
        return aac.header(self._rate_hz, self._channels, len(data)) + data


def _adts_frames(data: bytes) -> Iterator[bytes]:
    """The frames of `data` one by one; a last one that is cut short is left out."""
    at = 0
    while at < len(data):
        following = at + aac.parse_header(data[at:]).length
        if following <= len(data):
            yield data[at:following]
        at = following
