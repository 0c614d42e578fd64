"""Access units as MP4 and FLV want them: lengths instead of start codes, parameter sets apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from media.codecs import aac, annexb, h264, h265
from media.errors import ProtocolError
from media.outputs.configs import AAC_LC, AudioConfig, VideoConfig, audio_config, video_config
from media.outputs.sound_line import SoundLine
from media.outputs.webrtc_packets import Timeline
from media.unit import PTS_HZ, AccessUnit, AudioFormat, Codec

MILLISECOND_TICKS = PTS_HZ // 1_000
"""Pictures are this far apart at least: FLV counts milliseconds."""

SQUEEZED_TICKS = MILLISECOND_TICKS
"""What a late viewer starts with is dated so close together that none of it is shown late."""

USUAL_TICKS = PTS_HZ // 25
LONGEST_TICKS = PTS_HZ
"""Of a picture: a longer pause says nothing about the next one. Also of its reordering."""

SILENCE = {1: bytes.fromhex("00000007"), 2: bytes.fromhex("21000000001c")}
"""A frame of AAC low complexity without a single band, by channels (ISO/IEC 14496-3, 4.4.2.1)."""

_H264_APART = frozenset({h264.SPS, h264.PPS, h264.ACCESS_UNIT_DELIMITER, 10, 11, 12})
"""Not part of a sample: parameter sets, delimiters, ends of sequence and stream, filler."""

_H265_APART = frozenset({h265.VPS, h265.SPS, h265.PPS, h265.ACCESS_UNIT_DELIMITER, 36, 37, 38})


@dataclass(slots=True)
class Sample:
    """One picture or one frame of sound. Not frozen: thousands are built a second.

    `time` is when it is decoded, since the first picture, and `duration` how long it is likely to
    last: in 90 kHz ticks for pictures, in samples for sound. `offset`: how much later it is shown.
    """

    is_video: bool
    starts: bool
    """A decoder can begin here."""
    time: int
    duration: int
    data: bytes
    offset: int = 0


def length_prefixed(codec: Codec, data: bytes) -> bytes:
    """The NAL units of a sample, each behind its length; parameter sets are left out."""
    parts: list[bytes] = []
    is_h265 = codec is Codec.H265
    for unit in annexb.iterate(data):
        if is_h265:
            if h265.nal_type(unit) in _H265_APART:
                continue
        elif h264.nal_type(unit) in _H264_APART:
            continue
        parts += (len(unit).to_bytes(4), unit)
    return b"".join(parts)


def squeezed(group: Sequence[Sample]) -> list[Sample]:
    """The pictures since the key picture for a late viewer: all but the last are over at once."""
    *earlier, last = group
    begin = last.time - len(earlier) * SQUEEZED_TICKS
    offset = max(0, last.offset)
    return [
        replace(
            picture,
            time=max(0, begin + number * SQUEEZED_TICKS),
            duration=SQUEEZED_TICKS,
            offset=offset,
        )
        for number, picture in enumerate(earlier)
    ] + [last]


class Sampler:
    """Makes samples of one stream's access units, on a clock that begins with the first picture.

    `video` and `audio` are what the last unit of each needs; they change when the camera's do.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.video: VideoConfig | None = None
        self.audio: AudioConfig | None = None
        self._now = now
        self._codec: Codec | None = None
        self._sets = b""
        self._begin: int | None = None
        self._video_time = Timeline()
        self._audio_time = Timeline()
        self._last = -MILLISECOND_TICKS
        self._is_late = True
        """Pictures so far were of the past, and are shown at once."""
        self._duration = USUAL_TICKS
        self._sound: SoundLine | None = None

    def picture(self, unit: AccessUnit) -> Sample | None:
        """One picture; None while its parameter sets are not understood, or when it is empty."""
        if unit.is_key and not unit.is_damaged:
            self._learn(unit)
        if self.video is None or unit.codec is not self._codec:
            return None
        data = length_prefixed(unit.codec, unit.data)
        if not data:
            return None
        ticks = self._video_time.place(unit.pts, unit.received_s)
        if self._begin is None:
            # A key picture that was kept is of the past: its viewer sees it now.
            self._begin = max(ticks, round(self._now() * PTS_HZ))
        shown = ticks - self._begin
        least = self._last + MILLISECOND_TICKS
        self._is_late = self._is_late and shown < least
        if self._is_late:
            shown = least
        time = max(shown, least)
        step = time - self._last
        if not self._is_late and step <= LONGEST_TICKS:
            self._duration = step
        self._last = time
        starts = unit.is_key and not unit.is_damaged
        offset = 0 if starts or abs(shown - time) > LONGEST_TICKS else shown - time
        return Sample(True, starts, time, self._duration, data, offset)

    def expect(self, known: AudioFormat | None) -> None:
        """What the stream says of its sound, before any of it came."""
        if known is not None and known.codec is Codec.AAC and self.audio is None:
            self._use(known, AAC_LC)

    def sound(self, unit: AccessUnit) -> list[Sample]:
        """The frames of one unit of AAC; none of what was before the first picture.

        They follow each other: what is missing before them is silence, and what comes where there
        was sound or silence already is left out, and so is what is not understood.
        """
        if unit.codec is not Codec.AAC or self._begin is None:
            return []
        try:
            frames = self._frames(unit.data)
        except ProtocolError:
            return []
        if self._sound is None:
            return []
        ticks = self._audio_time.place(unit.pts, unit.received_s, self._video_time) - self._begin
        if ticks < 0:
            return []
        return _sounds(*self._sound.place(ticks, frames, self._last))

    def silence(self) -> list[Sample]:
        """What has to be heard with the last picture where no sound came for long."""
        return [] if self._sound is None else _sounds(*self._sound.fill(self._last))

    def _learn(self, unit: AccessUnit) -> None:
        sets = annexb.parameter_sets(unit.codec, unit.data)
        if sets == self._sets and unit.codec is self._codec:
            return
        self._codec, self._sets = unit.codec, sets
        try:
            self.video = video_config(unit.codec, sets)
        except ProtocolError:
            self.video = None

    def _frames(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        at = 0
        while at < len(data):
            header = aac.parse_header(data[at : at + 9])
            if at + header.length > len(data):
                break
            frames.append(data[at + header.header_length : at + header.length])
            at += header.length
            known = AudioFormat(Codec.AAC, header.sample_rate_hz, header.channels)
            self._use(known, header.object_type)
        return frames

    def _use(self, known: AudioFormat, object_type: int) -> None:
        config = audio_config(known, object_type)
        if config != self.audio:
            self.audio = config
            self._sound = SoundLine(
                config.sample_rate_hz,
                SILENCE.get(config.channels) if object_type == AAC_LC else None,
            )


def _sounds(time: int, frames: Sequence[bytes]) -> list[Sample]:
    size = aac.SAMPLES_PER_FRAME
    return [
        Sample(False, True, time + number * size, size, frame)
        for number, frame in enumerate(frames)
    ]
