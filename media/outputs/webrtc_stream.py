"""One stream to all of its WebRTC viewers: a feed for each coding in which they take it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from media.door import MediaError, StreamId, ViewerFigures
from media.hub import Hub
from media.outputs.webrtc_feed import WebRtcFeed
from media.outputs.webrtc_leaf import PythonLeaf
from media.outputs.webrtc_viewer import RtpNames, Viewer
from media.variants import Variant, Variants


@dataclass(slots=True)
class _Seat:
    """What a viewer watches; no feed before its way is open."""

    variant: Variant
    feed: WebRtcFeed | None = None


class WebRtcStream:
    """Seats viewers: who wants the same coding shares a feed.

    `reserve` when an offer is answered, `add` when the way is open, `remove` at the end. When a
    stream turns into a coding that a viewer cannot take it is seated anew; `on_no_place` is called
    when that cannot be.
    """

    def __init__(
        self,
        stream_id: StreamId,
        variants: Variants,
        *,
        now: Callable[[], float],
        dice: Callable[[], int],
        on_no_place: Callable[[Viewer], None],
    ) -> None:
        self.stream_id = stream_id
        self.names = RtpNames(dice(), dice(), dice(), f"s{dice():08x}")
        self._variants = variants
        self._now = now
        self._dice = dice
        self._on_no_place = on_no_place
        self._bases = dice(), dice()
        self._seats: dict[Viewer, _Seat] = {}
        self._feeds: dict[Hub, WebRtcFeed] = {}

    @property
    def is_watched(self) -> bool:
        """True while a viewer has a seat."""
        return bool(self._seats)

    def reserve(self, viewer: Viewer) -> None:
        """A viewer will come. `MediaError` with `TOO_MANY` when its coding cannot be made."""
        self._seats[viewer] = self._take_seat(viewer)

    def add(self, viewer: Viewer) -> None:
        """A viewer whose way is open: it gets the last group of pictures now."""
        seat = self._seats[viewer]
        hub = seat.variant.hub
        feed = self._feeds.get(hub)
        if feed is None:
            feed = self._feeds[hub] = self._open_feed(seat.variant)
        seat.feed = feed
        feed.add(viewer)

    def remove(self, viewer: Viewer) -> None:
        """A viewer is gone; the last one of its coding ends what made it. Idempotent."""
        seat = self._seats.pop(viewer, None)
        if seat is None:
            return
        self._leave_feed(viewer, seat)
        seat.variant.close()

    def receive_feedback(self, viewer: Viewer, data: bytes) -> None:
        """RTCP of one viewer. `ProtocolError` when it is none."""
        seat = self._seats.get(viewer)
        if seat is not None and seat.feed is not None:
            seat.feed.receive_feedback(viewer, data)

    def tick(self) -> None:
        """Now and then: sender reports, rates, key pictures."""
        for feed in self._feeds.values():
            feed.tick()

    def figures(self) -> tuple[ViewerFigures, ...]:
        """Every viewer whose way is open, as it stands."""
        now_s = self._now()
        return tuple(
            viewer.figures(now_s, seat.variant.delivery)
            for viewer, seat in self._seats.items()
            if seat.feed is not None
        )

    def close(self) -> None:
        """Give everything back. Idempotent."""
        for viewer in tuple(self._seats):
            self.remove(viewer)

    def _take_seat(self, viewer: Viewer) -> _Seat:
        try:
            return _Seat(self._variants.open(viewer.wanted))
        except MediaError:
            if not viewer.will_do_with_keys:
                raise
        return _Seat(self._variants.open(replace(viewer.wanted, key_pictures_only=True)))

    def _open_feed(self, variant: Variant) -> WebRtcFeed:
        return WebRtcFeed(
            variant.hub,
            self.names,
            PythonLeaf(self._dice() & 0xFFFF),
            self._bases,
            now=self._now,
            is_running=lambda: self._variants.source.video is not None,
            on_key_wanted=lambda: self._want_key(variant.hub),
            on_unfit=self._seat_anew,
        )

    def _leave_feed(self, viewer: Viewer, seat: _Seat) -> None:
        feed, seat.feed = seat.feed, None
        if feed is None:
            return
        feed.remove(viewer)
        if not feed.viewers and self._feeds.get(feed.hub) is feed:
            del self._feeds[feed.hub]
            feed.close()

    def _seat_anew(self, viewer: Viewer) -> None:
        """The stream became something that this viewer cannot take as it comes."""
        seat = self._seats[viewer]
        try:
            better = self._take_seat(viewer)
        except MediaError:
            self._on_no_place(viewer)
            return
        if better.variant.hub is seat.variant.hub:
            better.variant.close()
            if seat.variant.hub.closed:
                self._on_no_place(viewer)
            # Else nothing better is to be had: the other medium may still be of use to it.
            return
        self._leave_feed(viewer, seat)
        seat.variant.close()
        self._seats[viewer] = better
        self.add(viewer)

    def _want_key(self, hub: Hub) -> None:
        for seat in self._seats.values():
            if seat.variant.hub is hub:
                seat.variant.want_key()
                return
