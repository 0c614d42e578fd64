"""When a form of output begins, what it waits for, and what it is told of changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from media.codecs import annexb
from media.door import MediaError, StreamId
from media.hub import Hub
from media.outputs.configs import Config
from media.outputs.feed import SOUND_WAIT_S, Feed, open_variant
from media.outputs.samples import SILENCE, Sample
from media.unit import PTS_HZ, AccessUnit, AudioFormat, Codec
from media.variants import Variants, Wanted
from tests.support.clock import FakeClock
from tests.support.units import tone_units, video_units
from tests.support.waiting import until

KEY, SECOND, THIRD = video_units(Codec.H264, 3)
TONE = tone_units(Codec.AAC, 0.3)
WANTED = Wanted(video=(Codec.H264, Codec.H265), audio=(Codec.AAC,))


@dataclass
class Heard:
    """A sink that remembers."""

    configs: list[Config] = field(default_factory=list[Config])
    group: list[Sample] = field(default_factory=list[Sample])
    pictures: list[Sample] = field(default_factory=list[Sample])
    sounds: list[Sample] = field(default_factory=list[Sample])
    has_ended: bool = False

    def begin(self, config: Config, group: Sequence[Sample]) -> None:
        self.configs.append(config)
        self.group = list(group)

    def configured(self, config: Config) -> None:
        self.configs.append(config)

    def picture(self, sample: Sample) -> None:
        self.pictures.append(sample)

    def sound(self, frames: Sequence[Sample]) -> None:
        self.sounds += frames

    def ended(self) -> None:
        self.has_ended = True


class Stage:
    """A hub on a fake clock, a feed and what it told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.hub = Hub(self.clock.monotonic)
        self.keys_wanted = 0
        self._variants = Variants(self.hub, on_key_wanted=self._want_key)
        self.heard = Heard()

    def open(self) -> Feed:
        """Begin."""
        feed = Feed(self._variants.open(WANTED), self.hub, self.clock.monotonic, self.heard)
        feed.start()
        return feed

    def variants(self, stream_id: StreamId) -> Variants:
        """As `media.outputs.output.Streams`."""
        _ = stream_id
        return self._variants

    def show(self, *units: AccessUnit) -> None:
        """Publish units that come now."""
        for unit in units:
            if unit.is_key:
                self.hub.video = annexb.video_format(unit.codec, unit.data)
            if unit.codec is Codec.AAC:
                self.hub.audio = AudioFormat(Codec.AAC, 16_000, 1)
            now_s = self.clock.monotonic()
            self.hub.publish(replace(unit, pts=round(now_s * PTS_HZ), received_s=now_s))

    def _want_key(self) -> None:
        self.keys_wanted += 1


async def test_a_running_stream_without_sound_begins_at_once_with_its_group() -> None:
    stage = Stage()
    stage.show(KEY, SECOND)
    stage.clock.advance(SOUND_WAIT_S)

    feed = stage.open()
    stage.show(THIRD)

    assert [config.audio for config in stage.heard.configs] == [None]
    assert [sample.starts for sample in stage.heard.group] == [True, False]
    assert len(stage.heard.pictures) == 1
    assert len(feed.group) == 3
    feed.close()
    assert stage.hub.reader_count == 0


async def test_a_stream_that_just_began_waits_a_moment_for_its_sound() -> None:
    stage = Stage()
    feed = stage.open()
    stage.show(KEY)
    assert stage.heard.configs == []
    stage.show(TONE[0])
    assert [config.audio is None for config in stage.heard.configs] == [False]
    feed.close()

    silent = Stage()
    feed = silent.open()
    silent.show(KEY)
    await until(lambda: bool(silent.heard.configs))
    assert silent.heard.configs[0].audio is None
    feed.close()


async def test_sound_that_comes_later_waits_for_the_next_key_picture() -> None:
    stage = Stage()
    stage.show(KEY)
    stage.clock.advance(SOUND_WAIT_S)
    feed = stage.open()

    stage.show(TONE[0], SECOND, TONE[1])
    assert stage.heard.sounds == []
    stage.clock.advance(1)
    stage.show(KEY, TONE[2])

    assert [config.audio is None for config in stage.heard.configs] == [True, False]
    *silence, tone = stage.heard.sounds
    assert tone.data == TONE[2].data[7:]
    assert {frame.data for frame in silence} == {SILENCE[1]}
    feed.close()


async def test_who_can_begin_with_nothing_has_a_key_picture_asked_for() -> None:
    stage = Stage()
    feed = stage.open()
    assert stage.keys_wanted == 1
    feed.want_key()
    assert stage.keys_wanted == 1
    stage.clock.advance(1)
    feed.want_key()
    assert stage.keys_wanted == 2
    feed.close()


async def test_the_end_is_told_once_and_only_to_who_is_there() -> None:
    stage = Stage()
    stage.show(KEY)
    feed = stage.open()
    stage.hub.close()
    assert stage.heard.has_ended
    feed.close()

    with pytest.raises(MediaError) as refusal:
        open_variant(stage, StreamId("x"), WANTED)
    assert refusal.value.code == MediaError.NO_STREAM
