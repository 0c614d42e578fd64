"""Fan-out of one stream: the last key picture, and what gives way when a reader is slow."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from media.group import Group
from media.unit import AccessUnit, AudioFormat, VideoFormat

AUDIO_CAPACITY = 64
"""Sound units a reader holds at most: 2.5 s of G.711 in 40 ms units; the oldest give way."""

_by_arrival = attrgetter("received_s")


class HubClosedError(Exception):
    """The stream ended and everything that waited has been taken."""


class Reader:
    """A bounded view of the stream; made by `Hub.subscribe`.

    It begins with the last key picture, so that a late viewer sees something at once. Pictures that
    build on ones it has not seen are withheld: `awaits_key` is true until the next key picture.
    When `capacity` pictures wait it drops up to the next key picture; a key picture that finds it
    still full replaces all that waits. `dropped` counts the pictures lost that way, `audio_dropped`
    the sound. Sound has a bound of its own: the oldest gives way.
    """

    __slots__ = (
        "_audio",
        "_capacity",
        "_hub",
        "_video",
        "_waiter",
        "_wake",
        "audio_dropped",
        "awaits_key",
        "closed",
        "dropped",
    )

    def __init__(
        self,
        hub: "Hub",
        capacity: int,
        wake: Callable[[], None] | None,
        first: Iterable[AccessUnit],
        awaits_key: bool,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"a reader needs room for a picture, not {capacity}")
        self.awaits_key = awaits_key
        self.audio_dropped = 0
        self.closed = False
        self.dropped = 0
        self._hub = hub
        self._capacity = capacity
        self._wake = wake
        self._video: deque[AccessUnit] = deque(first)
        self._audio: deque[AccessUnit] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def take(self) -> list[AccessUnit]:
        """All that waits, in order of arrival; empty when nothing does. Never blocks."""
        units = list(self._video)
        self._video.clear()
        if self._audio:
            units.extend(self._audio)
            self._audio.clear()
            units.sort(key=_by_arrival)
        return units

    async def next(self) -> AccessUnit:
        """The next unit, waited for. `HubClosedError` when the stream has ended and nothing waits.

        One task at a time may wait here.
        """
        while not (self._video or self._audio):
            if self.closed:
                raise HubClosedError
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        audio_first = self._audio and (
            not self._video or self._audio[0].received_s < self._video[0].received_s
        )
        return self._audio.popleft() if audio_first else self._video.popleft()

    def close(self) -> None:
        """Leave the hub; what waits can still be taken. Idempotent."""
        self._hub.forget(self)
        self.end()

    def offer(self, unit: AccessUnit) -> None:
        """The hub's side: queue `unit`, or count it as dropped."""
        was_empty = not (self._video or self._audio)
        if unit.codec.is_video:
            self._offer_video(unit)
        else:
            self._audio.append(unit)
            if len(self._audio) > AUDIO_CAPACITY:
                self._audio.popleft()
                self.audio_dropped += 1
        if was_empty and (self._video or self._audio):
            self._notify()

    def interrupt(self) -> None:
        """The hub's side: what comes next builds on nothing that came before."""
        self.awaits_key = True

    def end(self) -> None:
        """The hub's side: nothing more will come."""
        if not self.closed:
            self.closed = True
            self._notify()
            # Whom it woke mostly holds it: together they would outlive the stream as garbage.
            self._wake = None

    def _offer_video(self, unit: AccessUnit) -> None:
        starts = unit.is_key and not unit.is_damaged
        if starts and len(self._video) >= self._capacity:
            self.dropped += len(self._video)
            self._video.clear()
        elif len(self._video) >= self._capacity:
            self.awaits_key = True
        if starts:
            self.awaits_key = False
        elif self.awaits_key:
            self.dropped += 1
            return
        self._video.append(unit)

    def _notify(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._wake is not None:
            self._wake()


class Hub:
    """One stream's units to any number of readers. One writer: `ingest`, or a test.

    The writer sets `video` and `audio` when it has learnt them. `key_picture` is the last undamaged
    key picture, with its parameter sets; `now` gives monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.video: VideoFormat | None = None
        self.audio: AudioFormat | None = None
        self.key_picture: AccessUnit | None = None
        self.closed = False
        self._group: Group[AccessUnit] = Group()
        self.now = now
        self._key_picture_s: float | None = None
        self._key_picture_is_last = False
        self._readers: list[Reader] = []

    @property
    def group(self) -> Sequence[AccessUnit]:
        """The last key picture and those since; empty when they are too many to keep."""
        return self._group.pictures

    @property
    def key_picture_age_s(self) -> float | None:
        """Seconds since the last key picture was published; None before the first."""
        return None if self._key_picture_s is None else self.now() - self._key_picture_s

    @property
    def reader_count(self) -> int:
        """How many read."""
        return len(self._readers)

    def publish(self, unit: AccessUnit) -> None:
        """Hand `unit` to every reader; calls the `wake` of those that had nothing waiting."""
        if self.closed:
            return
        if unit.codec.is_video:
            self._key_picture_is_last = unit.is_key and not unit.is_damaged
            if self._key_picture_is_last:
                self.key_picture = unit
                self._key_picture_s = self.now()
            self._group.add(unit, self._key_picture_is_last)
        for reader in tuple(self._readers):
            try:
                reader.offer(unit)
            except Exception as fault:  # noqa: BLE001  told to the loop; the others go on
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a reader of a stream failed", "exception": fault}
                )

    def interrupt(self) -> None:
        """Another sender, or the same begun anew: readers get no picture before its key picture."""
        self._key_picture_is_last = False
        self._group.clear()
        for reader in self._readers:
            reader.interrupt()

    def subscribe(
        self, capacity: int, wake: Callable[[], None] | None = None, *, with_group: bool = False
    ) -> Reader:
        """A new reader of at most `capacity` waiting pictures, beginning with the key picture.

        `with_group`: and with all pictures since, however many, so that the next one can follow.
        `wake` is called when something begins to wait and when the stream ends; what it raises is
        told to the loop, and the other readers go on. It is not called for what the reader begins
        with.
        """
        if with_group and self.group:
            reader = Reader(self, capacity, wake, self.group, awaits_key=False)
        else:
            first = () if self.key_picture is None else (self.key_picture,)
            reader = Reader(self, capacity, wake, first, awaits_key=not self._key_picture_is_last)
        if self.closed:
            reader.end()
        else:
            self._readers.append(reader)
        return reader

    def forget(self, reader: Reader) -> None:
        """`Reader.close` calls this."""
        if reader in self._readers:
            self._readers.remove(reader)

    def close(self) -> None:
        """The stream ended: readers take what waits and are told. Idempotent.

        Its pictures are let go of, whoever still holds the hub.
        """
        self.closed = True
        self.key_picture = None
        self._group.clear()
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.end()
