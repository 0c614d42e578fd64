"""One stream in one form to all of its viewers: packed once, written to each as it comes."""

from collections.abc import Callable, Sequence

from media.door import Form, StreamId, ViewerFigures, ViewerId
from media.http.websocket import binary_frame, text_frame
from media.hub import Hub
from media.outputs.configs import Config
from media.outputs.feed import Feed
from media.outputs.packer import Message, Packer
from media.outputs.rates import Rate
from media.outputs.samples import Sample, squeezed
from media.variants import Variant

LEAST_WAITING_BYTES = 128 * 1024
MOST_WAITING_BYTES = 4 * 2**20
"""Bounds of what may wait for a viewer, which is about a second of its stream."""


class LiveViewer:
    """The sending side of one viewer; `write` and `waiting_bytes` are its connection's.

    `is_framed`: bytes leave as messages of a WebSocket.
    """

    def __init__(
        self,
        viewer_id: ViewerId,
        form: Form,
        remote_address: str,
        *,
        is_framed: bool,
        now: Callable[[], float],
        write: Callable[[bytes], None],
        waiting_bytes: Callable[[], int],
    ) -> None:
        self.viewer_id = viewer_id
        self.form = form
        self.remote_address = remote_address
        self.is_framed = is_framed
        self.awaits_key = True
        self.version = 0
        self.written = 0
        self.written_bytes = 0
        self.pictures_dropped = 0
        self._connected_s = now()
        self._now = now
        self._write = write
        self._waiting_bytes = waiting_bytes
        self._burst_bytes = 0
        self._rate = Rate(now)

    def takes(self, limit_bytes: int, sample: Sample) -> bool:
        """May the next sample go to it? One that is behind loses all up to a key picture."""
        waiting = self._waiting_bytes()
        if waiting == 0:
            self._burst_bytes = 0
        if self.awaits_key:
            if sample.is_video and sample.starts and waiting <= limit_bytes // 2:
                self.awaits_key = False
                return True
        elif waiting <= limit_bytes + self._burst_bytes:
            return True
        else:
            self.awaits_key = True
        self.pictures_dropped += sample.is_video
        return False

    def send(self, data: bytes) -> None:
        """Bytes as they go."""
        self.written += 1
        self.written_bytes += len(data)
        self._write(data)

    def send_messages(self, messages: Sequence[Message]) -> None:
        """What comes once: it may wait beyond what else may."""
        data = b"".join(map(self._framed, messages))
        self._burst_bytes += len(data)
        self.send(data)

    def figures(self, delivery: str) -> ViewerFigures:
        """How it stands."""
        sent = self.written_bytes - self._waiting_bytes()
        return ViewerFigures(
            viewer_id=self.viewer_id,
            protocol=self.form,
            remote_address=self.remote_address,
            connected_s=self._now() - self._connected_s,
            packets_sent=self.written,
            bytes_sent=sent,
            lost_percent=0.0,
            pictures_dropped=self.pictures_dropped,
            bitrate_bps=self._rate.bits_per_s(sent),
            delivery=delivery,
        )

    def sample_rate(self) -> None:
        """Now and then, so that its bit rate is known."""
        self._rate.bits_per_s(self.written_bytes - self._waiting_bytes())

    def _framed(self, message: Message) -> bytes:
        if isinstance(message, str):
            return text_frame(message) if self.is_framed else b""
        return binary_frame(message) if self.is_framed else message


class LiveStream:
    """The `Sink` of one variant of a stream in one form.

    A viewer that is behind by more than about a second of the stream loses pictures up to the next
    key picture; the others do not notice. `on_ended`: the stream is over.
    """

    def __init__(
        self,
        stream_id: StreamId,
        variant: Variant,
        source: Hub,
        packer: Packer,
        *,
        now: Callable[[], float],
        on_ended: Callable[[], None],
    ) -> None:
        self.stream_id = stream_id
        self.viewers: list[LiveViewer] = []
        self._packer = packer
        self._now = now
        self._on_ended = on_ended
        self._version = 0
        self._limit_bytes = LEAST_WAITING_BYTES
        self._second_s = now()
        self._second_bytes = 0
        self._last: Sample | None = None
        """The newest picture as it was sent: the group's last."""
        self._feed = Feed(variant, source, now, self)
        self._feed.start()

    @property
    def delivery(self) -> str:
        """What happens to the pictures on their way."""
        return self._feed.delivery

    def add(self, viewer: LiveViewer) -> None:
        """One more viewer: it gets the last group of pictures as soon as there is one."""
        self.viewers.append(viewer)
        if self._version:
            self._welcome(viewer)

    def remove(self, viewer: LiveViewer) -> None:
        """A viewer is gone. Idempotent."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)

    def figures(self) -> list[ViewerFigures]:
        """Every viewer as it stands."""
        return [viewer.figures(self._feed.delivery) for viewer in self.viewers]

    def tick(self) -> None:
        """Now and then."""
        for viewer in self.viewers:
            viewer.sample_rate()

    def close(self) -> None:
        """Give back the variant. Idempotent."""
        self.viewers.clear()
        self._feed.close()

    # -- as a sink

    def begin(self, config: Config, group: Sequence[Sample]) -> None:
        """All who wait get the group."""
        self.configured(config)
        self._last = self._packer.follow(group[-1])
        for viewer in self.viewers:
            self._welcome(viewer)

    def configured(self, config: Config) -> None:
        """Viewers are told with the next picture they get."""
        self._packer.configure(config)
        self._version += 1

    def picture(self, sample: Sample) -> None:
        """To all who keep up."""
        self._last = self._packer.follow(sample)
        data = self._packer.pack((self._last,))
        self._measure(len(data))
        self._send(data, sample)

    def sound(self, frames: Sequence[Sample]) -> None:
        """To all who keep up."""
        self._send(self._packer.pack(frames), frames[0])

    def ended(self) -> None:
        """The hub is closed."""
        self._on_ended()

    def _send(self, data: bytes, sample: Sample) -> None:
        framed = b""
        limit_bytes = self._limit_bytes
        for viewer in self.viewers:
            if not viewer.takes(limit_bytes, sample):
                continue
            if viewer.version != self._version:
                viewer.version = self._version
                viewer.send_messages(self._packer.change)
            if viewer.is_framed:
                framed = framed or binary_frame(data)
                viewer.send(framed)
            else:
                viewer.send(data)

    def _welcome(self, viewer: LiveViewer) -> None:
        """Head, and the pictures since the key picture at one stretch."""
        group = self._feed.group
        viewer.version = self._version
        viewer.send_messages(self._packer.head)
        if not group or self._last is None:
            self._feed.want_key()
            return
        pictures = squeezed((*group[:-1], self._last))
        viewer.send_messages([b"".join(self._packer.pack((each,)) for each in pictures)])
        viewer.awaits_key = False

    def _measure(self, size: int) -> None:
        self._second_bytes += size
        passed_s = self._now() - self._second_s
        if passed_s >= 1.0:
            a_second = round(self._second_bytes / passed_s)
            self._limit_bytes = min(max(a_second, LEAST_WAITING_BYTES), MOST_WAITING_BYTES)
            self._second_s += passed_s
            self._second_bytes = 0
