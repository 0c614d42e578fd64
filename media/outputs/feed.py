"""Reads one variant of a stream for a form of output: samples out, and when they begin."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from media.door import MediaError, StreamId
from media.group import Group
from media.hub import Hub
from media.outputs.configs import Config
from media.outputs.output import Streams
from media.outputs.samples import Sample, Sampler
from media.unit import Codec
from media.variants import Variant, Wanted

READER_PICTURES = 64
"""Units are taken as they are published, so that this is never full."""

SOUND_WAIT_S = 0.25
"""Sound that has not come so long after the first key picture is not waited for."""

MADE_SOUND_WAIT_S = 0.5
"""Sound that has to be made from the source's may take longer."""

KEY_WANTED_INTERVAL_S = 1.0


def open_variant(streams: Streams, stream_id: StreamId, wanted: Wanted) -> tuple[Variant, Hub]:
    """The stream as it is wanted, and as it came. `MediaError` when it is not to be had."""
    variants = streams.variants(stream_id)
    if not variants.source.closed:
        variant = variants.open(wanted)
        if not variant.hub.closed:
            return variant, variants.source
        variant.close()
    raise MediaError(MediaError.NO_STREAM, "the stream has ended")


class Sink(Protocol):
    """What takes the samples."""

    def begin(self, config: Config, group: Sequence[Sample]) -> None:
        """The stream is understood; `group` is the last key picture and those since. Told once."""
        ...

    def configured(self, config: Config) -> None:
        """From the next picture on, a key picture, it is different."""
        ...

    def picture(self, sample: Sample) -> None:
        """The next picture."""
        ...

    def sound(self, frames: Sequence[Sample]) -> None:
        """The next frames of sound; not empty."""
        ...

    def ended(self) -> None:
        """The stream is over: nothing more comes."""
        ...


class Feed:
    """From the hub of a variant to a sink, each unit at once."""

    def __init__(self, variant: Variant, source: Hub, now: Callable[[], float], sink: Sink) -> None:
        self._group: Group[Sample] = Group()
        self._variant = variant
        self._source = source
        self._now = now
        self._sink: Sink | None = sink
        self._sampler = Sampler(now)
        self._config: Config | None = None
        self._has_ended = False
        self._has_waited = False
        self._key_wanted_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._opened_s = now()
        self._reader = variant.hub.subscribe(READER_PICTURES, self._on_units, with_group=True)

    @property
    def group(self) -> Sequence[Sample]:
        """The last key picture and those since: what who comes late can begin with."""
        return self._group.pictures

    @property
    def delivery(self) -> str:
        """What happens to the pictures on their way."""
        return self._variant.delivery

    def start(self) -> None:
        """Take what is there; the sink may be called from now on."""
        self._on_units()
        if not self.group:
            self.want_key()

    def want_key(self) -> None:
        """Somebody waits for a key picture. The camera is asked once a second at most."""
        now_s = self._now()
        if self._key_wanted_s is None or now_s - self._key_wanted_s >= KEY_WANTED_INTERVAL_S:
            self._key_wanted_s = now_s
            self._variant.want_key()

    def close(self) -> None:
        """Give back reader and variant. Idempotent; the sink hears nothing of it."""
        self._has_ended = True
        self._sink = None
        self._reader.close()
        self._variant.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_units(self) -> None:
        sink = self._sink
        if sink is None:
            return
        for unit in self._reader.take():
            if unit.codec.is_video:
                sample = self._sampler.picture(unit)
                if sample is not None:
                    self._on_picture(sample, sink)
            elif unit.codec is Codec.AAC and self._config is not None:
                frames = self._sampler.sound(unit)
                # Sound of another kind waits for the key picture with which it is announced.
                if frames and self._config.audio == self._sampler.audio:
                    sink.sound(frames)
        if self._config is None:
            self._begin(sink)
        if self._reader.closed and not self._has_ended:
            self._has_ended = True
            sink.ended()

    def _on_picture(self, sample: Sample, sink: Sink) -> None:
        self._group.add(sample, sample.starts)
        if self._config is None:
            return
        if sample.starts:
            config = self._understood()
            if config is not None and config != self._config:
                self._config = config
                sink.configured(config)
        sink.picture(sample)
        silence = self._sampler.silence()
        if silence and self._config.audio == self._sampler.audio:
            sink.sound(silence)

    def _understood(self) -> Config | None:
        self._sampler.expect(self._variant.hub.audio)
        video = self._sampler.video
        return None if video is None else Config(video, self._sampler.audio)

    def _begin(self, sink: Sink) -> None:
        config = self._understood()
        if config is None or not self.group:
            return
        wait_s = self._sound_wait_s()
        if wait_s > 0:
            if self._timer is None:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(wait_s, self._on_timer)
            return
        self._config = config
        sink.begin(config, self.group)

    def _on_timer(self) -> None:
        self._timer = None
        self._has_waited = True
        self._on_units()

    def _sound_wait_s(self) -> float:
        """How long sound may still be waited for: players set up for it once."""
        if self._has_waited or self._variant.hub.audio is not None:
            return 0.0
        if self._source.audio is not None:
            return self._opened_s + MADE_SOUND_WAIT_S - self._now()
        return SOUND_WAIT_S - (self._source.key_picture_age_s or 0.0)
