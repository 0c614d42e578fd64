"""One stream to all of its RTSP viewers: packets built once, numbers and clocks shared."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from media.codecs import annexb
from media.door import StreamId, ViewerFigures
from media.errors import ProtocolError
from media.hub import Hub
from media.rtp.payloads import payloads_of
from media.rtsp.tracks import PAYLOAD_LIMIT_BYTES, AudioTrack, Packets, VideoTrack, describe
from media.rtsp.viewer import RtspViewer
from media.unit import AccessUnit, Codec
from media.variants import Variant, Wanted

WANTED = Wanted(video=(Codec.H264, Codec.H265), audio=(Codec.AAC, Codec.PCMA, Codec.PCMU))
"""Nothing is made for RTSP that its players decode themselves."""

READER_PICTURES = 64
SOUND_WAIT_S = 0.25
"""Sound that has not come so long after the first key picture is not described."""

MADE_SOUND_WAIT_S = 0.5
"""Sound that has to be made from the source's may take longer."""

CATCH_UP_TICKS = 180
"""The pictures a viewer starts with are dated 2 ms apart: it shall not play them late."""

LEAST_WAITING_BYTES = 128 * 1024
MOST_WAITING_BYTES = 4 * 2**20
"""Bounds of what may wait for a viewer, which is about a second of its stream."""


class Start(NamedTuple):
    """What a viewer begins with: for `RTP-Info` (RFC 2326, 12.33), and the pictures."""

    sequences: dict[str, tuple[int, int | None]]
    """By track: the first sequence number, and the timestamp where it is known."""
    burst: list[Packets]


class RtspStream:
    """Reads a variant for as long as viewers know the stream.

    `on_over` is called with why it can go on no longer: `stream_closed`, or `coding_changed` when
    it is no longer what was described.
    """

    def __init__(
        self,
        stream_id: StreamId,
        variant: Variant,
        source: Hub,
        *,
        now: Callable[[], float],
        dice: Callable[[], int],
        on_over: Callable[["RtspStream", str], None],
    ) -> None:
        self.stream_id = stream_id
        self.viewers: list[RtspViewer] = []
        self.users = 0
        """Connections that were described this stream."""
        self.video: VideoTrack | None = None
        self.audio: AudioTrack | None = None
        self._variant = variant
        self._source = source
        self._now = now
        self._dice = dice
        self._cname = dice()
        self._on_over = on_over
        self._is_over = False
        self._opened_s = now()
        self._loop = asyncio.get_running_loop()
        self._described = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._limit_bytes = LEAST_WAITING_BYTES
        self._second_s = now()
        self._second_bytes = 0
        self._reader = variant.hub.subscribe(READER_PICTURES, self._on_units, with_group=True)

    def begin(self) -> None:
        """Take what is there; `on_over` may be called from now on."""
        self._on_units()
        if self.video is None:
            self._variant.want_key()

    async def describe(self, address: str) -> bytes:
        """The SDP, once enough is known. `ProtocolError` when the stream cannot be described."""
        await asyncio.shield(self._described)
        tracks = [track for track in (self.video, self.audio) if track is not None]
        return describe(tracks, self._cname, address)

    def track(self, name: str) -> VideoTrack | AudioTrack | None:
        """By its name in the SDP."""
        for track in (self.video, self.audio):
            if track is not None and track.name == name:
                return track
        return None

    def prepare(self, viewer: RtspViewer) -> Start:
        """What `viewer` will begin with; `play` follows at once."""
        sequences: dict[str, tuple[int, int | None]] = {}
        burst: list[Packets] = []
        video, audio = self.video, self.audio
        if video is not None and viewer.has(video):
            burst = self._burst(video) if viewer.may_burst() else []
            count = sum(len(each.packets) for each in burst)
            timestamp = burst[0].timestamp if burst else None
            sequences[video.name] = (video.sequence - count, timestamp)
        if audio is not None and viewer.has(audio):
            sequences[audio.name] = (audio.sequence, None)
        return Start(sequences, burst)

    def play(self, viewer: RtspViewer, start: Start) -> None:
        """From now on it gets what comes."""
        viewer.is_playing = True
        viewer.awaits_key = True
        for packets in start.burst:
            viewer.burst(packets)
        if viewer not in self.viewers:
            self.viewers.append(viewer)
        if not start.burst:
            self._variant.want_key()

    def remove(self, viewer: RtspViewer) -> None:
        """A viewer is gone. Idempotent."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)

    def figures(self) -> list[ViewerFigures]:
        """Every viewer as it stands."""
        return [viewer.figures(self._variant.delivery) for viewer in self.viewers]

    def tick(self) -> None:
        """Now and then."""
        for viewer in self.viewers:
            viewer.tick()

    def close(self) -> None:
        """Give back reader and variant. Idempotent."""
        self._is_over = True
        self._reader.close()
        self._variant.close()
        self.viewers.clear()
        self._described.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_units(self) -> None:
        for unit in self._reader.take():
            if self._is_over:
                return
            if unit.codec.is_video:
                self._take_picture(unit)
            else:
                self._take_sound(unit)
        if not self._described.done():
            self._look_whether_described()
        if self._reader.closed and not self._is_over:
            self._end("stream_closed")

    def _take_picture(self, unit: AccessUnit) -> None:
        starts = unit.is_key and not unit.is_damaged
        if self.video is None:
            if not starts:
                return
            sets = annexb.parameter_sets(unit.codec, unit.data)
            self.video = VideoTrack(unit.codec, sets, *self._names())
        elif unit.codec is not self.video.codec:
            self._end("coding_changed")
            return
        ticks = self.video.place(unit)
        if starts:
            self.video.learn(annexb.parameter_sets(unit.codec, unit.data))
        self._measure(len(unit.data))
        if not self.viewers:
            return
        packets = self.video.packets(unit, ticks)
        shared: dict[int, bytes] = {}
        for viewer in self.viewers:
            viewer.send_picture(packets, shared, self._limit_bytes, starts=starts)

    def _take_sound(self, unit: AccessUnit) -> None:
        known = self._variant.hub.audio
        if known is None or known.codec is not unit.codec or unit.codec not in WANTED.audio:
            return
        if self.audio is None:
            self.audio = AudioTrack(known, *self._names())
        elif known != self.audio.known:
            self._end("coding_changed")
            return
        if not self.viewers:
            return
        try:
            pieces = self.audio.packets(unit, self.video.time if self.video else None)
        except ProtocolError:
            # What is no AAC stays silent.
            return
        for packets in pieces:
            shared: dict[int, bytes] = {}
            for viewer in self.viewers:
                viewer.send_sound(packets, shared, self._limit_bytes)

    def _burst(self, video: VideoTrack) -> list[Packets]:
        """The pictures since the key picture, dated close together before the last one."""
        group = self._variant.hub.group
        if not group or video.last_ticks is None or group[0].codec is not video.codec:
            return []
        cut = [payloads_of(unit.codec, unit.data, PAYLOAD_LIMIT_BYTES) for unit in group]
        sequence = video.sequence - sum(map(len, cut))
        burst: list[Packets] = []
        for number, payloads in enumerate(cut, 1 - len(cut)):
            ticks = video.last_ticks + number * CATCH_UP_TICKS
            burst.append(video.numbered(payloads, sequence, ticks))
            sequence += len(payloads)
        return burst

    def _look_whether_described(self) -> None:
        if self.video is None:
            return
        known = self._variant.hub.audio
        if self.audio is None and known is not None and known.codec in WANTED.audio:
            self.audio = AudioTrack(known, *self._names())
        wait_s = self._sound_wait_s()
        if wait_s <= 0:
            self._described.set_result(None)
        elif self._timer is None:
            self._timer = self._loop.call_later(wait_s, self._on_timer)

    def _sound_wait_s(self) -> float:
        if self.audio is not None:
            return 0.0
        if self._source.audio is not None:
            return self._opened_s + MADE_SOUND_WAIT_S - self._now()
        return SOUND_WAIT_S - (self._variant.hub.key_picture_age_s or 0.0)

    def _names(self) -> tuple[tuple[int, int], int, int]:
        """SSRC and CNAME, first sequence number, first timestamp of a track."""
        return (self._dice(), self._cname), self._dice() & 0xFFFF, self._dice()

    def _on_timer(self) -> None:
        self._timer = None
        self._on_units()

    def _measure(self, size: int) -> None:
        self._second_bytes += size
        passed_s = self._now() - self._second_s
        if passed_s >= 1.0:
            a_second = round(self._second_bytes / passed_s)
            self._limit_bytes = min(max(a_second, LEAST_WAITING_BYTES), MOST_WAITING_BYTES)
            self._second_s += passed_s
            self._second_bytes = 0

    def _end(self, reason: str) -> None:
        self._is_over = True
        self._on_over(self, reason)
