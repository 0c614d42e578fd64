"""The sending side of one RTSP viewer: its tracks, and what gives way when it is slow."""

from collections.abc import Callable
from dataclasses import dataclass

from media.door import Form, ViewerFigures, ViewerId
from media.outputs.rates import Rate
from media.outputs.webrtc_rtcp import sender_report
from media.rtsp.tracks import Packets, Track
from media.rtsp.ways import Way

REPORT_INTERVAL_S = 5.0
BURST_INTERVAL_S = 5.0
NTP_EPOCH_S = 2_208_988_800
"""NTP counts from 1900 (RFC 3550, 4)."""


@dataclass(slots=True)
class _Lane:
    """One track on its way; counts are those of sender reports."""

    track: Track
    way: Way
    packets: int = 0
    octets: int = 0
    reported_s: float | None = None
    lost_fraction: float = 0.0


class RtspViewer:
    """Pictures are withheld up to the next key picture when more waits than about a second of the
    stream; sound is left out for as long as that lasts.

    `wall_ahead_s`: what has to be added to monotonic seconds to make wall time.
    """

    def __init__(
        self,
        viewer_id: ViewerId,
        remote_address: str,
        *,
        now: Callable[[], float],
        wall_ahead_s: float,
        waiting_bytes: Callable[[], int],
    ) -> None:
        self.viewer_id = viewer_id
        self.remote_address = remote_address
        self.awaits_key = True
        self.is_playing = False
        self._now = now
        self._ntp_ahead_s = wall_ahead_s + NTP_EPOCH_S
        self._waiting_bytes = waiting_bytes
        self._connected_s = now()
        self._lanes: dict[str, _Lane] = {}
        self._by_ssrc: dict[int, _Lane] = {}
        self._burst_bytes = 0
        self._burst_s: float | None = None
        self._bytes = 0
        self._dropped = 0
        self._rate = Rate(now)

    @property
    def tracks(self) -> tuple[str, ...]:
        """The names of those it has set up."""
        return tuple(self._lanes)

    def set_up(self, track: Track, way: Way) -> None:
        """It shall get `track` by `way`."""
        self._lanes[track.name] = self._by_ssrc[track.ssrc] = _Lane(track, way)

    def has(self, track: Track) -> bool:
        """It has set `track` up."""
        return track.name in self._lanes

    def may_burst(self) -> bool:
        """Whether it gets all pictures since the key picture: not with each of many PLAYs, for they
        take long to pack, and over UDP nothing else bounds what would wait."""
        now_s = self._now()
        if self._burst_s is not None and now_s - self._burst_s < BURST_INTERVAL_S:
            return False
        self._burst_s = now_s
        return True

    def burst(self, packets: Packets) -> None:
        """The pictures it begins with: they may wait beyond what else may."""
        self._burst_bytes += packets.octets
        self.awaits_key = False
        self._send(self._lanes[packets.track], packets, {})

    def send_picture(
        self, packets: Packets, shared: dict[int, bytes], limit_bytes: int, *, starts: bool
    ) -> None:
        """One picture, if it keeps up."""
        lane = self._lanes.get(packets.track)
        if lane is None or not self.is_playing:
            return
        waiting = self._waiting_bytes()
        if waiting == 0:
            self._burst_bytes = 0
        if self.awaits_key:
            self.awaits_key = not (starts and waiting <= limit_bytes // 2)
        elif waiting > limit_bytes + self._burst_bytes:
            self.awaits_key = True
        if self.awaits_key:
            self._dropped += 1
        else:
            self._send(lane, packets, shared)

    def send_sound(self, packets: Packets, shared: dict[int, bytes], limit_bytes: int) -> None:
        """One piece of sound, if it keeps up."""
        lane = self._lanes.get(packets.track)
        if (
            lane is not None
            and self.is_playing
            and self._waiting_bytes() <= limit_bytes + self._burst_bytes
        ):
            self._send(lane, packets, shared)

    def close(self) -> None:
        """Nothing more goes to it, and it lets go of its owner. Idempotent."""
        self.is_playing = False
        self._waiting_bytes = _none

    def hear(self, ssrc: int, lost_fraction: float) -> None:
        """What it says of one track."""
        lane = self._by_ssrc.get(ssrc)
        if lane is not None:
            lane.lost_fraction = lost_fraction

    def tick(self) -> None:
        """Now and then, so that its bit rate is known."""
        self._rate.bits_per_s(self._bytes)

    def figures(self, delivery: str) -> ViewerFigures:
        """How it stands."""
        lanes = self._lanes.values()
        return ViewerFigures(
            viewer_id=self.viewer_id,
            protocol=Form.RTSP,
            remote_address=self.remote_address,
            connected_s=self._now() - self._connected_s,
            packets_sent=sum(lane.packets for lane in lanes),
            bytes_sent=self._bytes,
            lost_percent=100 * max((lane.lost_fraction for lane in lanes), default=0.0),
            pictures_dropped=self._dropped,
            bitrate_bps=self._rate.bits_per_s(self._bytes),
            delivery=delivery,
        )

    def _send(self, lane: _Lane, packets: Packets, shared: dict[int, bytes]) -> None:
        lane.way.send(packets, shared)
        count = len(packets.packets)
        lane.packets += count
        lane.octets += packets.octets
        self._bytes += packets.octets + 12 * count
        now_s = self._now()
        if lane.reported_s is None or now_s - lane.reported_s >= REPORT_INTERVAL_S:
            lane.reported_s = now_s
            self._report(lane, packets)

    def _report(self, lane: _Lane, packets: Packets) -> None:
        """By its first report a player joins sound to pictures (RFC 3550, 6.4.1)."""
        moment_s = packets.ticks / 90_000 + self._ntp_ahead_s
        lane.way.send_control(
            sender_report(
                lane.track.ssrc,
                moment_s,
                packets.timestamp,
                lane.packets,
                lane.octets,
                f"s{lane.track.cname:08x}",
            )
        )


def _none() -> int:
    return 0
