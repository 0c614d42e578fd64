"""One stream in the codings its viewers take: as it came, or made into another once for all."""

from collections.abc import Callable
from dataclasses import dataclass

from media.hub import Hub
from media.unit import Codec


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a viewer can take.

    `video`: codecs in order of preference, empty for none; the stream's own is passed as it comes
    when it is among them, and made into H.264 when not. `audio` likewise, made into the first of
    them; empty: no sound. `height` is the most lines of a picture that has to be made.
    """

    video: tuple[Codec, ...] = (Codec.H264,)
    audio: tuple[Codec, ...] = ()
    height: int = 720


class Variants:
    """The codings of one stream; made by the relay with it, closed with it."""

    def __init__(self, source: Hub) -> None:
        self.source = source

    def open(self, wanted: Wanted) -> "Variant":
        """The stream as `wanted`; shared by all who want the same.

        `MediaError` with `TOO_MANY` when pictures would have to be made and no place is free.
        """
        _ = wanted
        return Variant(self.source, lambda: None)


class Variant:
    """A lent hub: `close` gives it back, and who was the last ends what made it."""

    def __init__(self, hub: Hub, give_back: Callable[[], None]) -> None:
        self.hub = hub
        self._give_back = give_back

    @property
    def delivery(self) -> str:
        """`passed` or `transcoded`: what happens to the pictures."""
        return "passed"

    def want_key(self) -> None:
        """Somebody cannot go on without a key picture."""

    def close(self) -> None:
        """Give it back. Idempotent."""
        give_back, self._give_back = self._give_back, _nothing
        give_back()


def _nothing() -> None:
    pass
