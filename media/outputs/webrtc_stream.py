"""One stream to all of its WebRTC viewers: packets built once, protected per viewer."""

import asyncio
from collections.abc import Callable

from media.door import KeyPictureWanted, OnMediaEvent, StreamId, ViewerFigures
from media.hub import Hub
from media.outputs.webrtc_packets import (
    G711_HZ,
    G711Cutter,
    History,
    SampleClock,
    Timeline,
    h264_payloads,
    rtp_header,
)
from media.outputs.webrtc_rtcp import Loss, Nack, parse_feedback, sender_report
from media.outputs.webrtc_viewer import BURST_PACKETS, Streams, Viewer
from media.transcode import OPUS_HZ, OPUS_SAMPLES, Transcoder, TranscoderPool
from media.unit import PTS_HZ, AccessUnit, Codec

READER_PICTURES = 64
PACE_S = 0.005
KEY_WANTED_INTERVAL_S = 1.0

GROUP_LIMIT_UNITS = 300
GROUP_LIMIT_BYTES = 8 * 2**20
"""What is kept of a stream nobody watches, so that the next viewer starts at once."""


class WebRtcStream:
    """Reads a hub; sends to viewers; answers their NACKs from one history; asks for key pictures.

    `on_quota` is called when the stream turns out to need a transcoder and none is to be had.
    """

    def __init__(
        self,
        stream_id: StreamId,
        hub: Hub,
        *,
        pool: TranscoderPool,
        now: Callable[[], float],
        dice: Callable[[], int],
        on_event: OnMediaEvent,
        on_quota: Callable[[], None],
    ) -> None:
        self.stream_id = stream_id
        self.hub = hub
        self.streams = Streams(dice(), dice(), dice(), f"s{dice():08x}")
        self.viewers: list[Viewer] = []
        self._pool = pool
        self._now = now
        self._on_event = on_event
        self._on_quota = on_quota
        self._loop = asyncio.get_running_loop()
        self._pacer: asyncio.TimerHandle | None = None
        self._history = History(dice() & 0xFFFF)
        self._video_base = dice()
        self._audio_base = dice()
        self._audio_sequence = dice() & 0xFFFF
        self._video_time = Timeline()
        self._audio_time = Timeline()
        self._video_mark: tuple[int, int] | None = None
        self._audio_mark: tuple[int, int] | None = None
        self._cutter = G711Cutter()
        self._opus_clock = SampleClock(OPUS_HZ)
        self._has_pictures = False
        self._group: list[AccessUnit] = []
        self._group_bytes = 0
        self._video_transcoder: Transcoder | None = None
        self._audio_transcoder: Transcoder | None = None
        self._key_wanted_s: float | None = None
        self._reader = hub.subscribe(READER_PICTURES, self._on_units)
        self._on_units()

    @property
    def transcoding(self) -> str | None:
        """What is being made into what, for people."""
        running: list[str] = []
        if self._video_transcoder is not None:
            running.append("h265 to h264")
        if self._audio_transcoder is not None:
            running.append("aac to opus")
        return ", ".join(running) or None

    @property
    def lacks_transcoder(self) -> bool:
        """True when a viewer would need a transcoder that is not to be had."""
        video = self.hub.video
        needs = video is not None and video.codec is Codec.H265
        return needs and self._video_transcoder is None and not self._pool.has_room

    def add(self, viewer: Viewer) -> None:
        """A viewer whose way is open: it gets the last group of pictures now."""
        if viewer.wants_video and self._group:
            self._take_up_group()
        self.viewers.append(viewer)
        if viewer.wants_video:
            viewer.start(self._history, self._now())
            if viewer.cursor is None and not self._group:
                self._want_key_if_running()
        self._report(viewer)
        self._start_pacer()

    def remove(self, viewer: Viewer) -> None:
        """A viewer is gone; the last one takes the transcoders along. Idempotent."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)
        if not self.viewers:
            self._stop_transcoders()

    def receive_feedback(self, viewer: Viewer, data: bytes) -> None:
        """RTCP of one viewer. `ProtocolError` when it is none."""
        for feedback in parse_feedback(data):
            if feedback.ssrc != self.streams.video_ssrc:
                continue
            if isinstance(feedback, Loss):
                viewer.lost_fraction = feedback.fraction
            elif isinstance(feedback, Nack):
                viewer.resend(self._history, feedback.sequences)
            elif not viewer.has_fresh_key(self._now()):
                self._want_key()

    def tick(self) -> None:
        """Now and then: sender reports, and a word for those who wait for a key picture."""
        for viewer in self.viewers:
            viewer.renew_allowance()
            self._report(viewer)
        if any(viewer.wants_video and viewer.cursor is None for viewer in self.viewers):
            self._want_key_if_running()

    def figures(self) -> tuple[ViewerFigures, ...]:
        """Every viewer as it stands."""
        now_s = self._now()
        return tuple(viewer.figures(now_s) for viewer in self.viewers)

    def close(self) -> None:
        """Give back reader, timer and transcoders. Idempotent."""
        self._reader.close()
        self._stop_transcoders()
        self.viewers.clear()
        if self._pacer is not None:
            self._pacer.cancel()
            self._pacer = None

    @property
    def _is_watched(self) -> bool:
        return any(viewer.wants_video for viewer in self.viewers)

    def _on_units(self) -> None:
        for unit in self._reader.take():
            self._has_pictures |= unit.codec.is_video
            match unit.codec:
                case Codec.H264:
                    self._stop_video_transcoder()
                    if self._is_watched or not self._keep(unit):
                        self._group.clear()
                        self._send_picture(unit)
                case Codec.H265:
                    self._transcode_picture(unit)
                case Codec.PCMA | Codec.PCMU:
                    self._send_g711(unit)
                case Codec.AAC:
                    self._transcode_sound(unit)
                case Codec.OPUS:
                    self._send_opus(unit)

    def _keep(self, unit: AccessUnit) -> bool:
        """Keep a picture as it came: packets are made when somebody watches.

        False when it continues no group that is kept. Then the packets of its group are in the
        history, or the group is not to be had.
        """
        if unit.is_key and not unit.is_damaged:
            self._group, self._group_bytes = [], 0
            self._history.forget_group()
            self._video_mark = None
        elif not self._group or self._group[0].codec is not unit.codec:
            return False
        self._group.append(unit)
        self._group_bytes += len(unit.data)
        if len(self._group) > GROUP_LIMIT_UNITS or self._group_bytes > GROUP_LIMIT_BYTES:
            self._group = []
        return bool(self._group)

    def _take_up_group(self) -> None:
        """Somebody watches from now on."""
        if self._group[0].codec is Codec.H265:
            self._start_video_transcoder()
            return
        group, self._group = self._group, []
        for unit in group:
            self._send_picture(unit)

    def _send_picture(self, unit: AccessUnit) -> None:
        payloads = h264_payloads(unit.data)
        if not payloads:
            return
        starts = unit.is_key and not unit.is_damaged
        ticks = self._video_time.place(unit.pts, unit.received_s)
        timestamp = ticks + self._video_base
        self._video_mark = (ticks, timestamp)
        packets = self._history.add_picture(payloads, timestamp, is_key=starts)
        first = packets[0].sequence
        built: dict[int, list[bytes]] = {}
        for viewer in self.viewers:
            payload_type = viewer.video_payload_type
            if payload_type is None:
                continue
            if viewer.cursor is None:
                if not starts:
                    viewer.pictures_dropped += 1
                    continue
                viewer.cursor = first
            if starts:
                viewer.key_sent_s = self._now()
            if viewer.cursor != first or len(packets) > BURST_PACKETS:
                continue
            shared = built.get(payload_type)
            if shared is None:
                shared = built[payload_type] = [
                    rtp_header(
                        payload_type,
                        packet.is_last,
                        packet.sequence,
                        packet.timestamp,
                        self.streams.video_ssrc,
                    )
                    + packet.payload
                    for packet in packets
                ]
            viewer.send_shared(shared)
        if unit.is_damaged and self.viewers:
            self._want_key()
        self._start_pacer()

    def _start_pacer(self) -> None:
        if self._pacer is None:
            self._pace()

    def _pace(self) -> None:
        """Send on to those who are behind: late viewers, large key pictures, a full socket."""
        self._pacer = None
        waiting = [viewer.pump(self._history) for viewer in self.viewers]
        if any(waiting):
            self._pacer = self._loop.call_later(PACE_S, self._pace)

    def _transcode_picture(self, unit: AccessUnit) -> None:
        if self._video_transcoder is not None:
            self._video_transcoder.feed(unit)
            return
        if self._keep(unit) and self._is_watched:
            self._start_video_transcoder()

    def _start_video_transcoder(self) -> None:
        """Begin with the group that is kept: decode all of it, show the last picture."""
        transcoder = self._pool.open_video(Codec.H265, self._send_picture)
        if transcoder is None:
            self._loop.call_soon(self._on_quota)
            return
        self._video_transcoder = transcoder
        group, self._group = self._group, []
        for unit in group:
            transcoder.feed(unit, is_shown=unit is group[-1])

    def _transcode_sound(self, unit: AccessUnit) -> None:
        if self._audio_transcoder is None:
            if not self.viewers:
                return
            self._audio_transcoder = self._pool.open_audio(self._send_opus)
        self._audio_transcoder.feed(unit)

    def _stop_video_transcoder(self) -> None:
        if self._video_transcoder is not None:
            self._pool.give_back(self._video_transcoder)
            self._video_transcoder = None
            # What it made will be of the past when the next one starts.
            self._history.forget_group()

    def _stop_transcoders(self) -> None:
        self._stop_video_transcoder()
        if self._audio_transcoder is not None:
            self._pool.give_back(self._audio_transcoder)
            self._audio_transcoder = None

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
        self._audio_sequence += 1
        for viewer in self.viewers:
            viewer.send_sound(codec, self._audio_sequence, timestamp, payload)

    def _report(self, viewer: Viewer) -> None:
        """Sender reports: by them the browser joins sound to pictures (RFC 3550, 6.4.1)."""
        streams = self.streams
        if viewer.wants_video and self._video_mark is not None:
            ticks, timestamp = self._video_mark
            viewer.send_control(
                sender_report(
                    streams.video_ssrc,
                    ticks / PTS_HZ,
                    timestamp,
                    viewer.video_packets,
                    viewer.video_octets,
                    streams.name,
                )
            )
        if viewer.audio_payload_types and self._audio_mark is not None:
            ticks, timestamp = self._audio_mark
            viewer.send_control(
                sender_report(
                    streams.audio_ssrc,
                    ticks / PTS_HZ,
                    timestamp,
                    viewer.audio_packets,
                    viewer.audio_octets,
                    streams.name,
                )
            )

    def _want_key_if_running(self) -> None:
        if self._has_pictures or self._reader.dropped:
            self._want_key()

    def _want_key(self) -> None:
        """Ask the transcoder, else the camera, for a key picture; once a second at most."""
        now_s = self._now()
        if self._key_wanted_s is not None and now_s - self._key_wanted_s < KEY_WANTED_INTERVAL_S:
            return
        self._key_wanted_s = now_s
        if self._video_transcoder is not None:
            self._video_transcoder.want_key()
        else:
            self._on_event(KeyPictureWanted(self.stream_id))
