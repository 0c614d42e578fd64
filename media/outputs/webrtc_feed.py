"""One hub to those WebRTC viewers who take it as it is: built once, sent to each at its pace."""

import asyncio
from collections.abc import Callable

from media.hub import Hub
from media.outputs.webrtc_leaf import Leaf
from media.outputs.webrtc_packets import (
    G711_HZ,
    OPUS_HZ,
    OPUS_SAMPLES,
    G711Cutter,
    SampleClock,
    Timeline,
)
from media.outputs.webrtc_rtcp import Nack, Report, parse_feedback, sender_report
from media.outputs.webrtc_viewer import RtpNames, Viewer
from media.unit import PTS_HZ, AccessUnit, Codec

READER_PICTURES = 64
PACE_S = 0.005
TURNS_AT_ONCE = 8
KEY_WANTED_INTERVAL_S = 1.0


class WebRtcFeed:
    """Reads a hub while somebody watches; answers NACKs from one history; asks for key pictures.

    `bases` are what RTP timestamps of pictures and of sound begin with; `is_running` tells whether
    the camera sends pictures, so that who waits for a key picture may ask for one. `on_unfit` is
    called with a viewer that cannot take what the hub gives any more, or whose hub has closed.
    """

    def __init__(
        self,
        hub: Hub,
        names: RtpNames,
        leaf: Leaf,
        bases: tuple[int, int],
        *,
        now: Callable[[], float],
        is_running: Callable[[], bool],
        on_key_wanted: Callable[[], None],
        on_unfit: Callable[[Viewer], None],
    ) -> None:
        self.hub = hub
        self.viewers: list[Viewer] = []
        self._names = names
        self._leaf = leaf
        self._video_base, self._audio_base = bases
        self._now = now
        self._is_running = is_running
        self._on_key_wanted = on_key_wanted
        self._on_unfit = on_unfit
        self._loop = asyncio.get_running_loop()
        self._pacer: asyncio.TimerHandle | None = None
        self._video_time = Timeline()
        self._audio_time = Timeline()
        self._video_mark: tuple[int, int] | None = None
        self._audio_mark: tuple[int, int] | None = None
        self._cutter = G711Cutter()
        self._opus_clock = SampleClock(OPUS_HZ)
        self._codecs: dict[bool, Codec] = {}
        """What the hub gives: pictures under True, sound under False."""
        self._key_wanted_s: float | None = None
        self._reader = hub.subscribe(READER_PICTURES, self._on_units, with_group=True)
        self._on_units()

    def add(self, viewer: Viewer) -> None:
        """A viewer whose way is open: it gets the last group of pictures now."""
        self.viewers.append(viewer)
        if viewer.wants_video:
            viewer.start(self._leaf, self._now())
            if viewer.cursor is None:
                self._want_key_if_running()
        self._report(viewer)
        self._start_pacer()
        if self._reader.closed or not all(map(viewer.takes, self._codecs.values())):
            self._on_unfit(viewer)

    def remove(self, viewer: Viewer) -> None:
        """A viewer is gone. Idempotent."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)
            viewer.wait_for_key()

    def receive_feedback(self, viewer: Viewer, data: bytes) -> None:
        """RTCP of one viewer. `ProtocolError` when it is none."""
        now_s = self._now()
        for feedback in parse_feedback(data):
            if feedback.ssrc != self._names.video_ssrc:
                continue
            if isinstance(feedback, Report):
                viewer.hear(feedback, now_s)
            elif isinstance(feedback, Nack):
                viewer.resend(self._leaf, feedback, now_s)
            elif not viewer.has_fresh_key(now_s):
                if viewer.repeat(self._leaf, now_s):
                    self._start_pacer()
                else:
                    self._want_key()

    def tick(self) -> None:
        """Now and then: sender reports, and a word for those who wait for a key picture."""
        now_s = self._now()
        for viewer in self.viewers:
            viewer.tick(now_s)
            self._report(viewer)
        if any(viewer.wants_video and viewer.cursor is None for viewer in self.viewers):
            self._want_key_if_running()

    def close(self) -> None:
        """Give back reader and timer. Idempotent."""
        self._reader.close()
        self.viewers.clear()
        if self._pacer is not None:
            self._pacer.cancel()
            self._pacer = None

    def _on_units(self) -> None:
        for unit in self._reader.take():
            codec = unit.codec
            if self._codecs.get(codec.is_video) is not codec:
                self._turn_to(codec)
            match codec:
                case Codec.H264 | Codec.H265:
                    self._send_picture(unit)
                case Codec.PCMA | Codec.PCMU:
                    self._send_g711(unit)
                case Codec.OPUS:
                    self._send_opus(unit)
                case _:
                    pass
        if self._reader.closed:
            for viewer in tuple(self.viewers):
                self._on_unfit(viewer)

    def _turn_to(self, codec: Codec) -> None:
        """From now on the hub gives this: whoever cannot take it must go elsewhere."""
        self._codecs[codec.is_video] = codec
        for viewer in tuple(self.viewers):
            if codec.is_video:
                viewer.wait_for_key()
            if not viewer.takes(codec):
                self._on_unfit(viewer)

    def _send_picture(self, unit: AccessUnit) -> None:
        starts = unit.is_key and not unit.is_damaged
        ticks = self._video_time.place(unit.pts, unit.received_s)
        timestamp = ticks + self._video_base
        self._video_mark = (ticks, timestamp)
        numbers = self._leaf.add(unit.codec, unit.data, timestamp, is_key=starts)
        if not numbers:
            return
        now_s = self._now()
        due = [
            viewer
            for viewer in self.viewers
            if viewer.wants_video and viewer.is_due(numbers, starts=starts, now_s=now_s)
        ]
        sent = self._leaf.send([viewer.outlet for viewer in due], numbers)
        for viewer, count in zip(due, sent, strict=True):
            viewer.cursor = numbers.start + count
        if unit.is_damaged and self.viewers:
            self._want_key()
        self._start_pacer()

    def _start_pacer(self) -> None:
        if self._pacer is None:
            self._pace()

    def _pace(self) -> None:
        """Send on to those who are behind: late viewers, large key pictures, a full socket.

        On a busy machine it comes late, and makes up for the turns it missed.
        """
        turns = 1
        if self._pacer is not None:
            late_s = self._loop.time() - self._pacer.when()
            turns = min(1 + int(late_s / PACE_S), TURNS_AT_ONCE)
        self._pacer = None
        waiting = [viewer.pump(self._leaf, turns) for viewer in self.viewers]
        if any(waiting):
            self._pacer = self._loop.call_later(PACE_S, self._pace)

    def _send_g711(self, unit: AccessUnit) -> None:
        audio = self.hub.audio
        if not self.viewers or (audio is not None and audio.sample_rate_hz != G711_HZ):
            self._audio_mark = None
            return
        ticks = self._audio_time.place(unit.pts, unit.received_s, self._video_time)
        for timestamp, payload in self._cutter.cut(unit.data, ticks):
            self._send_sound(unit.codec, timestamp, G711_HZ, payload)

    def _send_opus(self, unit: AccessUnit) -> None:
        ticks = self._audio_time.place(unit.pts, unit.received_s, self._video_time)
        timestamp, _ = self._opus_clock.place(ticks, OPUS_SAMPLES)
        self._send_sound(Codec.OPUS, timestamp, OPUS_HZ, unit.data)

    def _send_sound(self, codec: Codec, samples: int, rate_hz: int, payload: bytes) -> None:
        timestamp = samples + self._audio_base
        self._audio_mark = (samples * PTS_HZ // rate_hz, timestamp)
        for viewer in self.viewers:
            viewer.send_sound(codec, timestamp, payload)

    def _report(self, viewer: Viewer) -> None:
        """Sender reports: by them the browser joins sound to pictures (RFC 3550, 6.4.1)."""
        names, outlet = self._names, viewer.outlet
        for is_wanted, mark, ssrc, packets, octets in (
            (
                viewer.wants_video,
                self._video_mark,
                names.video_ssrc,
                outlet.packets,
                outlet.octets,
            ),
            (
                bool(viewer.audio_payload_types),
                self._audio_mark,
                names.audio_ssrc,
                viewer.audio_packets,
                viewer.audio_octets,
            ),
        ):
            if is_wanted and mark is not None:
                ticks, timestamp = mark
                viewer.send_control(
                    sender_report(ssrc, ticks / PTS_HZ, timestamp, packets, octets, names.name)
                )

    def _want_key_if_running(self) -> None:
        if self._is_running():
            self._want_key()

    def _want_key(self) -> None:
        """Once a second at most."""
        now_s = self._now()
        if self._key_wanted_s is None or now_s - self._key_wanted_s >= KEY_WANTED_INTERVAL_S:
            self._key_wanted_s = now_s
            self._on_key_wanted()
