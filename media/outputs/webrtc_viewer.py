"""What one WebRTC viewer has been sent, and what still waits for it."""

from collections.abc import Callable, Mapping, Sequence

from media.door import ViewerFigures, ViewerId
from media.outputs.webrtc_dtls import SecurityError
from media.outputs.webrtc_leaf import CatchUp, Leaf, Outlet, PayloadTypes
from media.outputs.webrtc_meters import LossMeter, RateMeter
from media.outputs.webrtc_packets import Group, rtp_header
from media.outputs.webrtc_rtcp import Nack, Report
from media.unit import PTS_HZ, Codec
from media.variants import Wanted

BURST_PACKETS = 64
"""A picture sent at a stretch: a browser's socket buffer holds about three times as many."""

PUMP_PACKETS = 32
"""Of what waits, each time: 60 Mbit/s, more than which a way to a viewer will hardly carry."""

CATCH_UP_TICKS = 180
"""The pictures a late viewer starts with are dated 2 ms apart: it shall not play them late."""

REPEAT_TICKS = 900
"""Pictures shown again are dated within 10 ms behind the last: before the next one is due."""

REPEAT_PACKETS = 512
REPEAT_INTERVAL_S = 3.0
"""A viewer that cannot go on is sent the last group again when that is small, and not at once."""

RESENDS_PER_TICK = 1_024
"""Packets sent again between two ticks at most; a viewer that asks for more is beyond help."""

KEY_PATIENCE_S = 0.5
"""A viewer that was just sent a key picture and asks for one has not decoded it yet."""

_SAME_HALF = 0x8000
_SOUND = (Codec.OPUS, Codec.PCMA, Codec.PCMU)
_PICTURES = (Codec.H265, Codec.H264)


class RtpNames:
    """The names that a stream's RTP has for all of its viewers (RFC 3550, SSRC and CNAME)."""

    def __init__(self, video_ssrc: int, rtx_ssrc: int, audio_ssrc: int, name: str) -> None:
        self.video_ssrc = video_ssrc
        self.rtx_ssrc = rtx_ssrc
        self.audio_ssrc = audio_ssrc
        self.name = name


class Viewer:
    """The sending side of one viewer.

    `cursor` is the number of the next video packet it gets; None while it waits for a key picture.
    Its own numbers go on without a gap, whatever it missed and whichever track it is on.
    """

    def __init__(
        self,
        viewer_id: ViewerId,
        names: RtpNames,
        *,
        video: Mapping[Codec, PayloadTypes],
        audio_payload_types: Mapping[Codec, int],
        first_sound: int,
        connected_s: float,
        remote: Callable[[], str],
        will_do_with_keys: bool = False,
    ) -> None:
        self.viewer_id = viewer_id
        self.names = names
        self.audio_payload_types = audio_payload_types
        self.connected_s = connected_s
        self.will_do_with_keys = will_do_with_keys
        """Where its coding cannot be made of every picture, key pictures are better than none."""
        self.outlet = Outlet(video, names.video_ssrc, names.rtx_ssrc, _nowhere, bytes)
        self.cursor: int | None = None
        self.lost_fraction = 0.0
        self._jitter_ms = 0.0
        self.pictures_dropped = 0
        self.audio_packets = 0
        self.audio_octets = 0
        self._loss = LossMeter(has_rtx=any(types.rtx is not None for types in video.values()))
        self._rate = RateMeter()
        self._remote = remote
        self._protect_control: Callable[[bytes], bytes] = bytes
        self._sound_sequence = first_sound
        self._next_out: int | None = None
        self._key_sent_s: float | None = None
        self._repeated_s: float | None = None
        self._resends_left = RESENDS_PER_TICK

    @property
    def wants_video(self) -> bool:
        """False for a listener."""
        return bool(self.outlet.payload_types)

    @property
    def is_broken(self) -> bool:
        """It can no longer be encrypted for."""
        return self.outlet.is_broken

    @property
    def wanted(self) -> Wanted:
        """What it can take; the same for all who offered the same."""
        return Wanted(
            tuple(codec for codec in _PICTURES if codec in self.outlet.payload_types),
            tuple(codec for codec in _SOUND if codec in self.audio_payload_types),
        )

    def takes(self, codec: Codec) -> bool:
        """False when it wants pictures or sound, but not in this coding."""
        if codec.is_video:
            return not self.wants_video or codec in self.outlet.payload_types
        return not self.audio_payload_types or codec in self.audio_payload_types

    def attach(
        self,
        send: Callable[[Sequence[bytes]], int],
        protect: Callable[[bytes], bytes],
        protect_control: Callable[[bytes], bytes],
    ) -> None:
        """The way is open: packets may go; RTP and RTCP are protected differently."""
        self.outlet.send = send
        self.outlet.protect = protect
        self._protect_control = protect_control

    def start(self, leaf: Leaf, now_s: float) -> None:
        """Begin on a track: with its last group of pictures, or wait for the next key picture."""
        self.wait_for_key()
        group = leaf.group
        if group is not None:
            behind = group.last_picture - group.first_picture
            first_timestamp = group.timestamp - behind * CATCH_UP_TICKS
            self._begin(group, first_timestamp, CATCH_UP_TICKS, now_s)

    def repeat(self, leaf: Leaf, now_s: float) -> bool:
        """Show the last group again to a viewer that cannot go on; False when that is no help."""
        group = leaf.group
        if group is None or leaf.next_sequence - group.start > REPEAT_PACKETS:
            return False
        if self._repeated_s is not None and now_s - self._repeated_s < REPEAT_INTERVAL_S:
            return False
        self._repeated_s = now_s
        self.wait_for_key()
        pictures = group.last_picture - group.first_picture + 1
        step = max(1, min(CATCH_UP_TICKS, REPEAT_TICKS // pictures))
        self._begin(group, group.timestamp + step, step, now_s)
        return True

    def wait_for_key(self) -> None:
        """Nothing more until a key picture."""
        if self.cursor is not None:
            self._next_out = self.cursor + self.outlet.shift
        self.cursor = None

    def is_due(self, numbers: range, *, starts: bool, now_s: float) -> bool:
        """True when a new picture goes out to it at once; false when it waits or is behind."""
        if self.cursor is None:
            if not starts:
                self.pictures_dropped += 1
                return False
            self._place(numbers.start, now_s)
        if starts:
            self._key_sent_s = now_s
        return self.cursor == numbers.start and len(numbers) <= BURST_PACKETS

    def pump(self, leaf: Leaf, turns: int) -> bool:
        """Send up to `PUMP_PACKETS` a turn of what waits; true while more does."""
        cursor = self.cursor
        if cursor is None or cursor == leaf.next_sequence or self.is_broken:
            return False
        if cursor < leaf.oldest_sequence:
            # It fell behind all that is kept; what came between is lost to it.
            self.wait_for_key()
            self.pictures_dropped += 1
            return False
        end = min(cursor + turns * PUMP_PACKETS, leaf.next_sequence)
        [sent] = leaf.send([self.outlet], range(cursor, end))
        self.cursor = cursor + sent
        return self.cursor < leaf.next_sequence

    def resend(self, leaf: Leaf, nack: Nack, now_s: float) -> None:
        """Answer a NACK."""
        self._loss.nack(nack.sequences, now_s)
        if self.cursor is None:
            return
        wanted = nack.sequences[: self._resends_left]
        self._resends_left -= leaf.resend(self.outlet, wanted, self.cursor)

    def hear(self, report: Report, now_s: float) -> None:
        """Its report on our pictures."""
        self.lost_fraction = report.fraction
        self._jitter_ms = 1_000 * report.jitter / PTS_HZ
        self._loss.report(report.highest, report.lost, now_s)

    def send_sound(self, codec: Codec, timestamp: int, payload: bytes) -> None:
        """One packet of sound, if this viewer can take it; lost when the socket is full."""
        payload_type = self.audio_payload_types.get(codec)
        if payload_type is None:
            return
        self._sound_sequence += 1
        header = rtp_header(
            payload_type, False, self._sound_sequence, timestamp, self.names.audio_ssrc
        )
        try:
            self.outlet.send([self.outlet.protect(header + payload)])
        except SecurityError:
            self.outlet.is_broken = True
        self.audio_packets += 1
        self.audio_octets += len(payload)

    def send_control(self, packet: bytes) -> None:
        """One RTCP packet; lost when the socket is full."""
        self.outlet.send([self._protect_control(packet)])

    def has_fresh_key(self, now_s: float) -> bool:
        """True when a key picture is on its way: asking the camera for another would be rash."""
        return self._key_sent_s is not None and now_s - self._key_sent_s < KEY_PATIENCE_S

    def tick(self, now_s: float) -> None:
        """Time has passed: it may ask for packets again, and rates are taken."""
        self._resends_left = RESENDS_PER_TICK
        self._rate.tell(self._octets, now_s)
        self._loss.tell(self.outlet.packets, now_s)

    def figures(self, now_s: float, delivery: str) -> ViewerFigures:
        """How it stands; `delivery`: what happens to its pictures."""
        outlet = self.outlet
        return ViewerFigures(
            viewer_id=self.viewer_id,
            protocol="webrtc",
            remote_address=self._remote(),
            connected_s=now_s - self.connected_s,
            packets_sent=outlet.packets + self.audio_packets,
            bytes_sent=outlet.octets + self.audio_octets,
            lost_percent=self._loss.percent(outlet.packets, now_s),
            pictures_dropped=self.pictures_dropped,
            bitrate_bps=self._rate.bps(self._octets, now_s),
            delivery=delivery,
            resent=outlet.resent,
            jitter_ms=self._jitter_ms,
        )

    @property
    def _octets(self) -> int:
        return self.outlet.octets + self.outlet.resent_octets + self.audio_octets

    def _begin(self, group: Group, first_timestamp: int, step: int, now_s: float) -> None:
        self._place(group.start, now_s)
        self.outlet.catch_up = CatchUp(
            group.first_picture, group.last_picture, first_timestamp, step
        )
        self._key_sent_s = now_s

    def _place(self, number: int, now_s: float) -> None:
        """The packet of this number is the next it gets."""
        if self._next_out is None:
            # Numbers begin in their lower half: a viewer that misses the first ones must not take
            # those behind a wrap for the first round (RFC 3711, 3.3.1). Two shifts in all, so that
            # viewers share what is built.
            self.outlet.shift = number & _SAME_HALF
            self._next_out = number + self.outlet.shift
            self._loss.begin(self._next_out, now_s)
        else:
            self.outlet.shift = self._next_out - number
        self.outlet.valid_from = self._next_out
        self.outlet.catch_up = None
        self.cursor = number


def _nowhere(_datagrams: Sequence[bytes]) -> int:
    return 0
