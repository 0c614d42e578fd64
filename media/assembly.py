"""Frames in, access units out: times, key pictures, parameter sets, formats."""

from collections.abc import Callable

from media.codecs import aac, annexb, g711
from media.codecs.frame import Frame
from media.errors import ProtocolError
from media.hub import Hub
from media.rtp.sequence import distance
from media.rtp.timeline import Timeline
from media.unit import PTS_HZ, AccessUnit, AudioFormat, Codec, VideoFormat

_HEAD_LIMIT_BYTES = 64 * 1024
_SOUND_DRIFT_TICKS = PTS_HZ

OnFirstPicture = Callable[[VideoFormat], None]


class Assembler:
    """Publishes one stream's frames to its hub as access units.

    A key picture leaves with its parameter sets even where the device sends them apart or once.
    """

    def __init__(self, hub: Hub, on_first_picture: OnFirstPicture) -> None:
        self.pictures = 0
        self.key_pictures = 0
        self.damaged_units = 0
        self.unreadable_parameter_sets = 0
        self._hub = hub
        self._on_first_picture: OnFirstPicture | None = on_first_picture
        self._timeline = Timeline()
        self._codec: Codec | None = None
        self._head = b""
        self._parameter_sets = b""
        self._sound_base: tuple[int, int] | None = None

    @property
    def is_undecodable(self) -> bool:
        """Parameter sets came and none could be read: encrypted streams look like this."""
        return self.unreadable_parameter_sets > 0 and self._hub.video is None

    def begin_anew(self) -> None:
        """Another sender: times go on, pictures begin with a key picture."""
        self._timeline.begin_anew()
        self._sound_base = None
        self._head = b""
        self._hub.interrupt()

    def add(self, frame: Frame) -> None:
        """A frame out of the stream's container, or beside it."""
        if frame.codec.is_video:
            self._add_picture(frame)
        elif frame.has_own_clock:
            self._add_separate_sound(frame)
        else:
            self._add_sound(frame)

    def _add_separate_sound(self, frame: Frame) -> None:
        """G.711 in RTP packets of its own beside the container; its clock runs at 8000 Hz."""
        now_out = self._timeline.at_arrival(frame.received_s)
        if self._sound_base is None:
            self._sound_base = (frame.timestamp, now_out)
        timestamp, out = self._sound_base
        pts = out + g711.ticks(distance(timestamp, frame.timestamp, 32))
        if abs(pts - now_out) > _SOUND_DRIFT_TICKS:
            pts = now_out
        self._sound_base = (frame.timestamp, pts)
        self._publish_sound(
            AccessUnit(frame.codec, pts, frame.data, False, frame.received_s),
            g711.audio_format(frame.codec),
        )

    def _add_picture(self, frame: Frame) -> None:
        codec, data = frame.codec, frame.data
        if codec is not self._codec:
            self._codec = codec
            self._head = self._parameter_sets = b""
            self._hub.video = None
        content = annexb.content(codec, data)
        if not content.is_picture:
            # Parameter sets, delimiters and SEI that came apart belong to the next picture.
            if len(self._head) + len(data) <= _HEAD_LIMIT_BYTES:
                self._head += data
            return
        if self._head:
            data = self._head + data
            self._head = b""
            content = annexb.content(codec, data)
        is_key = content.is_key
        if is_key:
            if not content.has_parameter_sets:
                data = self._parameter_sets + data
            elif not frame.is_damaged:
                self._learn(codec, data)
            is_key = bool(self._parameter_sets)
        pts = self._timeline.picture(frame.pts, frame.timestamp, frame.received_s)
        self.pictures += 1
        self.key_pictures += is_key
        self.damaged_units += frame.is_damaged
        self._hub.publish(AccessUnit(codec, pts, data, is_key, frame.received_s, frame.is_damaged))
        tell = self._on_first_picture
        if is_key and not frame.is_damaged and tell is not None and self._hub.video is not None:
            self._on_first_picture = None
            tell(self._hub.video)

    def _learn(self, codec: Codec, data: bytes) -> None:
        sets = annexb.parameter_sets(codec, data)
        if sets == self._parameter_sets:
            return
        self._parameter_sets = sets
        try:
            known = annexb.video_format(codec, sets)
        except ProtocolError:
            self.unreadable_parameter_sets += 1
            return
        if known is not None:
            self._hub.video = known

    def _add_sound(self, frame: Frame) -> None:
        pts = self._timeline.sound(frame.pts, frame.timestamp, frame.received_s)
        unit = AccessUnit(frame.codec, pts, frame.data, False, frame.received_s, frame.is_damaged)
        if frame.codec is Codec.AAC:
            header = aac.parse_header(frame.data)
            known = AudioFormat(Codec.AAC, header.sample_rate_hz, header.channels)
        else:
            known = g711.audio_format(frame.codec)
        self._publish_sound(unit, known)

    def _publish_sound(self, unit: AccessUnit, known: AudioFormat) -> None:
        if self._hub.audio != known:
            self._hub.audio = known
        self._hub.publish(unit)
