"""Pictures and sound browsers cannot take, made into ones they can: H.265 to H.264, AAC to Opus.

Once a stream, for all its viewers, in a thread of its own; FFmpeg gives up the interpreter lock
while it works. Queues are bounded, and so is what FFmpeg may allocate.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Protocol

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from media.codecs import aac
from media.errors import ProtocolError
from media.ffmpeg import (
    decode_picture,
    decode_sound,
    encode,
    open_audio_decoder,
    open_video_decoder,
)
from media.unit import PTS_HZ, AccessUnit, Codec

QUEUE_UNITS = 32
"""Units that wait for the thread; 1.3 s of pictures."""

WIDTH_LIMIT = 1280
HEIGHT_LIMIT = 720
"""Larger pictures are made smaller, keeping their shape."""

BITRATE_BPS = 2_500_000
KEY_INTERVAL_PICTURES = 50
OPUS_HZ = 48_000
OPUS_SAMPLES = 960
OPUS_BITRATE_BPS = 32_000
RESYNC_TICKS = PTS_HZ // 5
"""Sound whose `pts` is this far from where its samples end begins anew."""

JOIN_LIMIT_S = 5.0


class Converter(Protocol):
    """What a transcoder's thread runs."""

    def convert(self, unit: AccessUnit, *, is_shown: bool) -> list[AccessUnit]:
        """The units that `unit` makes; with `is_shown` false it is decoded only, for what follows.

        `ProtocolError` when it does not decode.
        """
        ...


class H264Maker:
    """H.265 (or any video) to H.264 constrained baseline without delay, 720p at most."""

    def __init__(self, codec: Codec) -> None:
        self._decoder = open_video_decoder(codec)
        self._encoder: VideoCodecContext | None = None
        self.key_wanted = False

    def convert(self, unit: AccessUnit, *, is_shown: bool) -> list[AccessUnit]:
        made: list[AccessUnit] = []
        for frame in decode_picture(self._decoder, unit):
            if not is_shown:
                continue
            width, height = fitted(frame.width, frame.height)
            encoder = self._encoder
            if encoder is None or (encoder.width, encoder.height) != (width, height):
                encoder = self._encoder = _open_h264_encoder(width, height)
            picture = frame.reformat(width=width, height=height, format="yuv420p")
            picture.pts = frame.pts if frame.pts is not None else unit.pts
            picture.time_base = Fraction(1, PTS_HZ)
            # A decoded frame remembers its source's type, which the encoder would take as an order.
            picture.pict_type = PictureType.I if self.key_wanted else PictureType.NONE
            self.key_wanted = False
            for packet in encode(encoder, picture):
                pts = unit.pts if packet.pts is None else packet.pts
                made.append(
                    AccessUnit(Codec.H264, pts, packet.data, packet.is_key, unit.received_s)
                )
        return made


class OpusMaker:
    """AAC in ADTS frames to Opus packets of 20 ms."""

    def __init__(self) -> None:
        self._decoder = open_audio_decoder(Codec.AAC)
        self._resampler: AudioResampler | None = None
        self._encoder: AudioCodecContext | None = None
        self._expected_pts: int | None = None
        self._made_pts = 0
        self._made_samples = 0

    def convert(self, unit: AccessUnit, *, is_shown: bool) -> list[AccessUnit]:
        made: list[AccessUnit] = []
        if not is_shown:
            return made
        expected = self._expected_pts
        if expected is None or abs(unit.pts - expected) > RESYNC_TICKS:
            self._made_pts, self._made_samples = unit.pts, 0
            expected = unit.pts
        for data in _adts_frames(unit.data):
            for frame in decode_sound(self._decoder, data):
                expected += frame.samples * PTS_HZ // frame.sample_rate
                made.extend(
                    AccessUnit(Codec.OPUS, self._next_pts(), packet, False, unit.received_s)
                    for packet in self._encode(frame)
                )
        self._expected_pts = expected
        return made

    def _encode(self, frame: AudioFrame) -> list[bytes]:
        if self._resampler is None or self._encoder is None:
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            self._resampler = AudioResampler("s16", layout, OPUS_HZ, frame_size=OPUS_SAMPLES)
            self._encoder = _open_opus_encoder(layout)
        frame.pts = None
        pieces = self._resampler.resample(frame)
        return [packet.data for piece in pieces for packet in encode(self._encoder, piece)]

    def _next_pts(self) -> int:
        pts = self._made_pts + self._made_samples * PTS_HZ // OPUS_HZ
        self._made_samples += OPUS_SAMPLES
        return pts


class Transcoder:
    """A thread that converts what is fed to it and hands the results to the event loop.

    When `QUEUE_UNITS` wait, video drops up to the next key picture and sound drops its oldest;
    `dropped` counts both, `damaged` what did not decode.
    """

    def __init__(
        self, converter: Converter, deliver: Callable[[AccessUnit], None], name: str
    ) -> None:
        self.damaged = 0
        self.dropped = 0
        self._converter = converter
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[AccessUnit, bool]] = deque()
        self._shown_waiting = 0
        self._awaits_key = False
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def feed(self, unit: AccessUnit, *, is_shown: bool = True) -> None:
        """Queue `unit`; never blocks. What is not shown is bounded by who feeds it."""
        with self._changed:
            if is_shown and not self._has_room(unit):
                self.dropped += 1
                return
            self._waiting.append((unit, is_shown))
            self._shown_waiting += is_shown
            self._changed.notify()

    def want_key(self) -> None:
        """The next picture shall be one that a decoder can begin with."""
        if isinstance(self._converter, H264Maker):
            self._converter.key_wanted = True

    def close(self) -> None:
        """End; the thread finishes what it is at. Nothing is delivered after this. Idempotent."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()

    @property
    def is_running(self) -> bool:
        """True until the thread is gone."""
        return self._thread.is_alive()

    async def wait_closed(self) -> None:
        """Until the thread is gone."""
        await asyncio.to_thread(self._thread.join, JOIN_LIMIT_S)

    def _has_room(self, unit: AccessUnit) -> bool:
        if not unit.codec.is_video:
            if self._shown_waiting >= QUEUE_UNITS:
                self._waiting.popleft()
                self._shown_waiting -= 1
                self.dropped += 1
            return True
        if self._shown_waiting >= QUEUE_UNITS:
            self._awaits_key = True
        elif unit.is_key:
            self._awaits_key = False
        return not self._awaits_key

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                unit, is_shown = self._waiting.popleft()
                self._shown_waiting -= is_shown
            made: list[AccessUnit] = []
            try:
                made = self._converter.convert(unit, is_shown=is_shown)
            except ProtocolError:
                self.damaged += 1
            if made:
                # The loop may have ended in between: then nobody wants the pictures.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._hand_over, made)

    def _hand_over(self, made: Sequence[AccessUnit]) -> None:
        for unit in made:
            if not self._closed:
                self._deliver(unit)


class TranscoderPool:
    """Every transcoder of the node; `video_limit` of them may make pictures at a time."""

    def __init__(self, video_limit: int) -> None:
        self._video_limit = video_limit
        self._video: set[Transcoder] = set()
        self._audio: set[Transcoder] = set()
        self._ending: set[Transcoder] = set()

    @property
    def has_room(self) -> bool:
        """True while one more video transcoder may start."""
        return len(self._video) < self._video_limit

    @property
    def in_use(self) -> int:
        """How many run, pictures and sound."""
        return len(self._video) + len(self._audio)

    def open_video(self, codec: Codec, deliver: Callable[[AccessUnit], None]) -> Transcoder | None:
        """A transcoder of `codec` to H.264, or None when the quota is used up."""
        if not self.has_room:
            return None
        transcoder = Transcoder(H264Maker(codec), deliver, f"{codec}-to-h264")
        self._video.add(transcoder)
        return transcoder

    def open_audio(self, deliver: Callable[[AccessUnit], None]) -> Transcoder:
        """A transcoder of AAC to Opus; it costs too little to be counted."""
        transcoder = Transcoder(OpusMaker(), deliver, "aac-to-opus")
        self._audio.add(transcoder)
        return transcoder

    def give_back(self, transcoder: Transcoder) -> None:
        """End a transcoder and free its place. Idempotent."""
        transcoder.close()
        self._video.discard(transcoder)
        self._audio.discard(transcoder)
        self._ending = {ending for ending in self._ending if ending.is_running}
        self._ending.add(transcoder)

    async def close(self) -> None:
        """End all and wait until their threads are gone."""
        for transcoder in (*self._video, *self._audio):
            self.give_back(transcoder)
        for transcoder in self._ending:
            await transcoder.wait_closed()
        self._ending.clear()


def fitted(width: int, height: int) -> tuple[int, int]:
    """The size of a picture made to fit 720p, either way up; even numbers, as 4:2:0 asks for."""
    long, short = max(width, height), min(width, height)
    scale = min(1.0, WIDTH_LIMIT / long, HEIGHT_LIMIT / short)
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def _adts_frames(data: bytes) -> Iterator[bytes]:
    """The frames of `data` one by one; a last one that is cut short is left out."""
    at = 0
    while at < len(data):
        following = at + aac.parse_header(data[at:]).length
        if following <= len(data):
            yield data[at:following]
        at = following


def _open_h264_encoder(width: int, height: int) -> VideoCodecContext:
    encoder = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, PTS_HZ)
    encoder.framerate = Fraction(25)
    encoder.bit_rate = BITRATE_BPS
    encoder.gop_size = KEY_INTERVAL_PICTURES
    encoder.thread_count = 1
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        "maxrate": str(BITRATE_BPS),
        "bufsize": str(BITRATE_BPS),
    }
    return encoder


def _open_opus_encoder(layout: str) -> AudioCodecContext:
    encoder = AudioCodecContext.create("libopus", "w")
    encoder.sample_rate = OPUS_HZ
    encoder.format = "s16"
    encoder.layout = layout
    encoder.time_base = Fraction(1, OPUS_HZ)
    encoder.bit_rate = OPUS_BITRATE_BPS
    return encoder
