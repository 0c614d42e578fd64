"""What makes one coding of a stream, for all who want it: reads the source, fills a hub."""

from collections.abc import Callable
from typing import Protocol

from media.codecs import aac, annexb, g711
from media.errors import ProtocolError
from media.hub import Hub
from media.transcoding.pool import Job, TranscoderPool
from media.unit import AccessUnit, AudioFormat, Codec

READER_PICTURES = 64
"""Never reached: those who read here take at once."""

KEY_WANTED_INTERVAL_S = 1.0
"""An encoder makes key pictures by wish no more often than this."""

OPUS_HZ = 48_000

TELEPHONY_AAC = AudioFormat(Codec.AAC, 16_000, 1)
"""What AAC is made of G.711 and G.729, known before the first frame."""

_OPUS_STEREO = 0x04


class Maker(Protocol):
    """A transcode and the hub it fills; `codec` is what it makes it of."""

    codec: Codec
    hub: Hub
    job: Job
    users: int

    @property
    def description(self) -> str:
        """What it makes of what, for people."""
        ...

    def want_key(self) -> None:
        """The next picture shall be a key picture."""
        ...

    def close(self) -> None:
        """End the transcode. Idempotent."""
        ...


class PictureMaker:
    """H.264 out of a stream's pictures. Begins with the group that is running: its last is shown.

    `MediaError` with `TOO_MANY` when no place is free.
    """

    def __init__(
        self,
        source: Hub,
        pool: TranscoderPool,
        codec: Codec,
        height: int,
        on_key_wanted: Callable[[], None],
        *,
        keys_only: bool,
    ) -> None:
        self.codec = codec
        self.hub = Hub(source.now)
        self.users = 0
        self._keys_only = keys_only
        self._key_wanted_s = -KEY_WANTED_INTERVAL_S
        self.job = pool.open_pictures(
            codec, height, self._publish, on_key_wanted, key_pictures_only=keys_only
        )
        self._reader = source.subscribe(READER_PICTURES, self._on_units, with_group=True)
        self._begin(self._reader.take(), on_key_wanted)

    @property
    def description(self) -> str:
        """See `Maker`."""
        return f"{self.codec} to {Codec.H264}"

    def want_key(self) -> None:
        """See `Maker`; once in a while."""
        now_s = self.hub.now()
        if now_s - self._key_wanted_s >= KEY_WANTED_INTERVAL_S:
            self._key_wanted_s = now_s
            self.job.want_key()

    def close(self) -> None:
        """See `Maker`."""
        self._reader.close()
        self.job.close()
        self.hub.close()

    def _begin(self, group: list[AccessUnit], on_key_wanted: Callable[[], None]) -> None:
        pictures = [unit for unit in group if unit.codec is self.codec]
        if self._keys_only:
            pictures = pictures[:1]
        for unit in pictures:
            self.job.feed(unit, is_shown=unit is pictures[-1])
        if not pictures:
            on_key_wanted()

    def _on_units(self) -> None:
        for unit in self._reader.take():
            if unit.codec is not self.codec:
                continue
            if self._keys_only:
                if not unit.is_key:
                    continue
                self.job.want_key()
            self.job.feed(unit)

    def _publish(self, unit: AccessUnit) -> None:
        if unit.is_key:
            try:
                self.hub.video = annexb.video_format(unit.codec, unit.data) or self.hub.video
            except ProtocolError:
                return
        self.hub.publish(unit)


class SoundMaker:
    """One coding of sound out of another; what cannot be decoded stays silent."""

    def __init__(self, source: Hub, pool: TranscoderPool, codec: Codec, target: Codec) -> None:
        self.codec = codec
        self.hub = Hub(source.now)
        self.users = 0
        self._target = target
        if target is Codec.AAC and codec in g711.PAYLOAD_TYPES.values():
            self.hub.audio = TELEPHONY_AAC
        self.job = pool.open_sound(codec, target, self._publish)
        self._reader = source.subscribe(READER_PICTURES, self._on_units)
        self._on_units()

    @property
    def description(self) -> str:
        """See `Maker`."""
        return f"{self.codec} to {self._target}"

    def want_key(self) -> None:
        """Sound has none."""

    def close(self) -> None:
        """See `Maker`."""
        self._reader.close()
        self.job.close()
        self.hub.close()

    def _on_units(self) -> None:
        for unit in self._reader.take():
            if unit.codec is self.codec:
                self.job.feed(unit)

    def _publish(self, unit: AccessUnit) -> None:
        if self.hub.audio is None:
            self.hub.audio = _format_of(unit)
        self.hub.publish(unit)


def _format_of(unit: AccessUnit) -> AudioFormat:
    """What a unit that we made says of itself (ISO 13818-7, 6.2; RFC 6716, 3.1)."""
    if unit.codec is Codec.AAC:
        header = aac.parse_header(unit.data)
        return AudioFormat(Codec.AAC, header.sample_rate_hz, header.channels)
    if unit.codec is Codec.OPUS:
        return AudioFormat(Codec.OPUS, OPUS_HZ, 2 if unit.data[0] & _OPUS_STEREO else 1)
    return g711.audio_format(unit.codec)
