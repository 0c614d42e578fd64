"""One stream in the codings its viewers take: as it came, or made into another once for all."""

from collections.abc import Callable
from dataclasses import dataclass

from media.door import MediaError
from media.hub import Hub
from media.makers import READER_PICTURES, Maker, PictureMaker, SoundMaker
from media.transcoding.pool import TranscoderPool
from media.unit import AccessUnit, Codec

KEY_WANTED_INTERVAL_S = 1.0
"""The camera is asked for a key picture no more often than this."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a viewer can take.

    `video`: codecs in order of preference, empty for none; the stream's own is passed as it comes
    when it is among them, and made into H.264 when not. `audio` likewise, made into the first of
    them; empty: no sound. `height` is the most lines of a picture that has to be made.
    `key_pictures_only`: the others are left out, which nearly spares the making.
    """

    video: tuple[Codec, ...] = (Codec.H264,)
    audio: tuple[Codec, ...] = ()
    height: int = 720
    key_pictures_only: bool = False


class Variants:
    """The codings of one stream; made by the relay with it, ended by the end of `source`.

    `on_key_wanted` asks the camera for a key picture. Without a `pool` nothing can be made.
    """

    def __init__(
        self,
        source: Hub,
        pool: TranscoderPool | None = None,
        on_key_wanted: Callable[[], None] | None = None,
    ) -> None:
        self.source = source
        self._pool = pool
        self._on_key_wanted = on_key_wanted or _nothing
        self._key_wanted_s: float | None = None
        self._derived: dict[Wanted, _Derived] = {}
        self._makers: dict[tuple[object, ...], Maker] = {}

    @property
    def transcoding(self) -> str | None:
        """What is being made into what, for people; None when nothing is."""
        return ", ".join(sorted({maker.description for maker in self._makers.values()})) or None

    @property
    def failures(self) -> dict[str, int]:
        """What the makers that run now lost: units `damaged` and `dropped`, and `restarts`."""
        makers = self._makers.values()
        return {
            "damaged": sum(maker.job.damaged for maker in makers),
            "dropped": sum(maker.job.dropped for maker in makers),
            "restarts": sum(maker.job.restarts for maker in makers),
        }

    def open(self, wanted: Wanted) -> "Variant":
        """The stream as `wanted`; shared by all who want the same.

        `MediaError` with `TOO_MANY` when pictures would have to be made and no place is free.
        """
        if self._fits(wanted):
            return Variant(self.source, lambda: "passed", self.want_source_key, _nothing)
        derived = self._derived.get(wanted)
        if derived is None:
            derived = self._derived[wanted] = _Derived(self, wanted)
            try:
                derived.begin()
            except MediaError:
                del self._derived[wanted]
                derived.close()
                raise
        elif derived.delivery == "transcoded":
            derived.want_key()
        derived.users += 1

        def give_back() -> None:
            derived.users -= 1
            if not derived.users:
                derived.close()
                if self._derived.get(wanted) is derived:
                    del self._derived[wanted]

        return Variant(derived.hub, lambda: derived.delivery, derived.want_key, give_back)

    def want_source_key(self) -> None:
        """Ask the camera for a key picture, once in a while."""
        now_s = self.source.now()
        if self._key_wanted_s is None or now_s - self._key_wanted_s >= KEY_WANTED_INTERVAL_S:
            self._key_wanted_s = now_s
            self._on_key_wanted()

    def lend_pictures(self, wanted: Wanted, codec: Codec) -> Maker:
        """A maker of H.264 out of `codec`. `MediaError` with `TOO_MANY`."""
        keys_only = wanted.key_pictures_only
        return self._lend(
            (codec, wanted.height, keys_only),
            lambda pool: PictureMaker(
                self.source, pool, codec, wanted.height, self.want_source_key, keys_only=keys_only
            ),
        )

    def lend_sound(self, codec: Codec, target: Codec) -> Maker:
        """A maker of `target` out of `codec`. `MediaError` with `TOO_MANY`."""
        return self._lend(
            (codec, target), lambda pool: SoundMaker(self.source, pool, codec, target)
        )

    def give_back(self, maker: Maker) -> None:
        """Its user needs it no more."""
        maker.users -= 1
        if not maker.users:
            maker.close()
            self._makers = {key: kept for key, kept in self._makers.items() if kept is not maker}

    def _lend(self, key: tuple[object, ...], make: Callable[[TranscoderPool], Maker]) -> Maker:
        maker = self._makers.get(key)
        if maker is None:
            if self._pool is None:
                raise MediaError(MediaError.TOO_MANY, "0 of 0 picture transcodes are running")
            maker = self._makers[key] = make(self._pool)
        maker.users += 1
        return maker

    def _fits(self, wanted: Wanted) -> bool:
        """Nothing has to be made or left out, as far as is known; and enough is known."""
        video, audio = self.source.video, self.source.audio
        return (
            not wanted.key_pictures_only
            and video is not None
            and (not wanted.video or video.codec in wanted.video)
            and (not wanted.audio or (audio is not None and audio.codec in wanted.audio))
        )


class Variant:
    """A lent hub: `close` gives it back, and who was the last ends what made it.

    A hub that closes while the stream goes on has become impossible: the stream turned out to be of
    a coding that has to be made, and no place was free. `delivery` is then `no_transcoder`.
    """

    def __init__(
        self,
        hub: Hub,
        delivery: Callable[[], str],
        want_key: Callable[[], None],
        give_back: Callable[[], None],
    ) -> None:
        self.hub = hub
        self._delivery = delivery
        self._want_key = want_key
        self._give_back = give_back

    @property
    def delivery(self) -> str:
        """`passed`, `transcoded` or `key_pictures`: what happens to the pictures."""
        return self._delivery()

    def want_key(self) -> None:
        """Somebody cannot go on without a key picture: the encoder is asked, or the camera."""
        self._want_key()

    def close(self) -> None:
        """Give it back. Idempotent."""
        give_back, self._give_back = self._give_back, _nothing
        give_back()


class _Derived:
    """A hub of pictures and sound, each passed or made: what one `Wanted` gets.

    It decides by what comes, so it may be opened before the stream's codings are known, and a
    camera may change them.
    """

    def __init__(self, variants: Variants, wanted: Wanted) -> None:
        source = variants.source
        self.hub = Hub(source.now)
        self.users = 0
        self.delivery = "key_pictures" if wanted.key_pictures_only else "passed"
        self._source = source
        self._variants = variants
        self._wanted = wanted
        self._pictures: _Tap | None = None
        self._sound: _Tap | None = None
        self._reader = source.subscribe(READER_PICTURES, self._on_units, with_group=True)

    def begin(self) -> None:
        """Take what is known of the stream. `MediaError` with `TOO_MANY`."""
        video = self._source.video
        if video is not None and self._wanted.video and video.codec not in self._wanted.video:
            self._make_pictures(video.codec)
        audio = self._source.audio
        if audio is not None and audio.codec in self._wanted.audio:
            self.hub.audio = audio
        elif audio is not None:
            self._make_sound(audio.codec)
        self._on_units()

    def want_key(self) -> None:
        """See `Variant.want_key`."""
        if self._pictures is not None:
            self._pictures.maker.want_key()
        else:
            self._variants.want_source_key()

    def close(self) -> None:
        """Give everything back. Idempotent."""
        self._reader.close()
        self._drop_pictures()
        self._drop_sound()
        self.hub.close()

    def _on_units(self) -> None:
        for unit in self._reader.take():
            if unit.codec.is_video:
                self._take_picture(unit)
            else:
                self._take_sound(unit)
        if self._reader.closed:
            self.close()

    def _take_picture(self, unit: AccessUnit) -> None:
        wanted = self._wanted
        if not wanted.video:
            return
        if unit.codec in wanted.video:
            self._drop_pictures()
            self.hub.video = self._source.video
            if unit.is_key or not wanted.key_pictures_only:
                self.hub.publish(unit)
        elif self._pictures is None or self._pictures.maker.codec is not unit.codec:
            try:
                self._make_pictures(unit.codec)
            except MediaError:
                self.delivery = "no_transcoder"
                self.close()

    def _take_sound(self, unit: AccessUnit) -> None:
        wanted = self._wanted.audio
        if unit.codec in wanted:
            self._drop_sound()
            self.hub.audio = self._source.audio
            self.hub.publish(unit)
        else:
            self._make_sound(unit.codec)

    def _make_sound(self, codec: Codec) -> None:
        wanted = self._wanted.audio
        if wanted and (self._sound is None or self._sound.maker.codec is not codec):
            self._drop_sound()
            try:
                maker = self._variants.lend_sound(codec, wanted[0])
            except MediaError:
                return
            # Players are set up for sound once: who begins now shall know that it comes.
            self.hub.audio = maker.hub.audio
            self._sound = _Tap(maker, self._publish_sound)

    def _make_pictures(self, codec: Codec) -> None:
        self._drop_pictures()
        maker = self._variants.lend_pictures(self._wanted, codec)
        if not self._wanted.key_pictures_only:
            self.delivery = "transcoded"
        self._pictures = _Tap(maker, self._publish_picture)

    def _publish_picture(self, made: Hub, unit: AccessUnit) -> None:
        self.hub.video = made.video
        self.hub.publish(unit)

    def _publish_sound(self, made: Hub, unit: AccessUnit) -> None:
        self.hub.audio = made.audio
        self.hub.publish(unit)

    def _drop_pictures(self) -> None:
        tap, self._pictures = self._pictures, None
        if tap is not None:
            tap.close()
            self._variants.give_back(tap.maker)
            if self.delivery == "transcoded":
                self.delivery = "passed"

    def _drop_sound(self) -> None:
        tap, self._sound = self._sound, None
        if tap is not None:
            tap.close()
            self._variants.give_back(tap.maker)


class _Tap:
    """Hands what a maker makes on to one derived hub, from its last key picture on."""

    def __init__(self, maker: Maker, deliver: Callable[[Hub, AccessUnit], None]) -> None:
        self.maker = maker
        self._deliver = deliver
        self._reader = maker.hub.subscribe(READER_PICTURES, self._on_units, with_group=True)
        self._on_units()

    def close(self) -> None:
        """No more."""
        self._reader.close()

    def _on_units(self) -> None:
        for unit in self._reader.take():
            self._deliver(self.maker.hub, unit)


def _nothing() -> None:
    pass
