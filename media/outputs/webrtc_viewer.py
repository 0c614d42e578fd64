"""What one WebRTC viewer has been sent, and what still waits for it."""

import contextlib
from collections.abc import Callable, Mapping, Sequence

from media.door import ViewerFigures, ViewerId
from media.outputs.webrtc_dtls import SecurityError
from media.outputs.webrtc_packets import RTP_HEADER_BYTES, History, Packet, rtp_header
from media.unit import Codec

BURST_PACKETS = 64
"""Sent at a stretch: a browser's socket buffer holds about three times as many."""

CATCH_UP_TICKS = 180
"""The pictures a late viewer starts with are dated 2 ms apart: it shall not play them late."""

RESENDS_PER_TICK = 1_024
"""Packets sent again between two ticks at most; a viewer that asks for more is beyond help."""

KEY_PATIENCE_S = 0.5
"""A viewer that was just sent a key picture and asks for one has not decoded it yet."""


class Streams:
    """The names that a stream's RTP has for all of its viewers (RFC 3550, SSRC and CNAME)."""

    def __init__(self, video_ssrc: int, rtx_ssrc: int, audio_ssrc: int, name: str) -> None:
        self.video_ssrc = video_ssrc
        self.rtx_ssrc = rtx_ssrc
        self.audio_ssrc = audio_ssrc
        self.name = name


class Viewer:
    """The sending side of one viewer.

    `cursor` is the sequence number of the next video packet it gets; None while it waits for a key
    picture. `send` tells False when the socket is full; `protect` makes SRTP of RTP.
    """

    def __init__(
        self,
        viewer_id: ViewerId,
        streams: Streams,
        *,
        video_payload_type: int | None,
        rtx_payload_type: int | None,
        audio_payload_types: Mapping[Codec, int],
        connected_s: float,
        remote: Callable[[], str],
    ) -> None:
        self.viewer_id = viewer_id
        self.streams = streams
        self.video_payload_type = video_payload_type
        self.rtx_payload_type = rtx_payload_type
        self.audio_payload_types = audio_payload_types
        self.connected_s = connected_s
        self.cursor: int | None = None
        self.key_sent_s: float | None = None
        self.lost_fraction = 0.0
        self.pictures_dropped = 0
        self.is_broken = False
        self.video_packets = 0
        self.video_octets = 0
        self.audio_packets = 0
        self.audio_octets = 0
        self._remote = remote
        self._send: Callable[[Sequence[bytes]], int] = _nowhere
        self._protect: Callable[[bytes], bytes] = bytes
        self._protect_control: Callable[[bytes], bytes] = bytes
        self._join_picture = 0
        self._join_timestamp = 0
        self._rtx_sequence = 0
        self._resends_left = RESENDS_PER_TICK

    @property
    def wants_video(self) -> bool:
        """False for a listener."""
        return self.video_payload_type is not None

    def attach(
        self,
        send: Callable[[Sequence[bytes]], int],
        protect: Callable[[bytes], bytes],
        protect_control: Callable[[bytes], bytes],
    ) -> None:
        """The way is open: packets may go; RTP and RTCP are protected differently."""
        self._send = send
        self._protect = protect
        self._protect_control = protect_control

    def start(self, history: History, now_s: float) -> None:
        """Begin with the last group of pictures, or wait for the next key picture."""
        self.cursor = history.group_start
        if self.cursor is not None:
            self._join_picture = history.picture
            self._join_timestamp = history.picture_timestamp
            self.key_sent_s = now_s

    def send_shared(self, packets: Sequence[bytes]) -> None:
        """Send the next picture, built for this payload type, to a viewer who is up to date."""
        self.cursor = (self.cursor or 0) + self._send_video(packets)

    def pump(self, history: History) -> bool:
        """Send up to `BURST_PACKETS` of what waits; true while more does."""
        cursor = self.cursor
        if cursor is None or cursor == history.next_sequence or self.is_broken:
            return False
        if cursor < history.oldest_sequence:
            # It fell behind all that is kept; what came between is lost to it.
            self.cursor = None
            self.pictures_dropped += 1
            return False
        end = min(cursor + BURST_PACKETS, history.next_sequence)
        waiting = (history.get(sequence) for sequence in range(cursor, end))
        self.cursor = cursor + self._send_video([self._rtp(packet) for packet in waiting if packet])
        return self.cursor < history.next_sequence

    def resend(self, history: History, sequences: Sequence[int]) -> None:
        """Answer a NACK: by RFC 4588 where it was agreed on, else the same packet again."""
        if self.cursor is None:
            return
        for short in sequences:
            sequence = history.unwrap(short)
            packet = history.get(sequence) if sequence < self.cursor else None
            if packet is None or self._resends_left <= 0:
                continue
            self._resends_left -= 1
            self._resend_one(packet)

    def send_sound(self, codec: Codec, sequence: int, timestamp: int, payload: bytes) -> None:
        """One packet of sound, if this viewer can take it; lost when the socket is full."""
        payload_type = self.audio_payload_types.get(codec)
        if payload_type is None:
            return
        header = rtp_header(payload_type, False, sequence, timestamp, self.streams.audio_ssrc)
        try:
            self._send([self._protect(header + payload)])
        except SecurityError:
            self.is_broken = True
        self.audio_packets += 1
        self.audio_octets += len(payload)

    def send_control(self, packet: bytes) -> None:
        """One RTCP packet; lost when the socket is full."""
        self._send([self._protect_control(packet)])

    def has_fresh_key(self, now_s: float) -> bool:
        """True when a key picture is on its way: asking the camera for another would be rash."""
        return self.key_sent_s is not None and now_s - self.key_sent_s < KEY_PATIENCE_S

    def renew_allowance(self) -> None:
        """A tick has passed: it may ask for packets again."""
        self._resends_left = RESENDS_PER_TICK

    def figures(self, now_s: float) -> ViewerFigures:
        """How it stands."""
        return ViewerFigures(
            viewer_id=self.viewer_id,
            protocol="webrtc",
            remote_address=self._remote(),
            connected_s=now_s - self.connected_s,
            packets_sent=self.video_packets + self.audio_packets,
            bytes_sent=self.video_octets + self.audio_octets,
            lost_percent=100 * self.lost_fraction,
            pictures_dropped=self.pictures_dropped,
        )

    def _timestamp(self, packet: Packet) -> int:
        behind = self._join_picture - packet.picture
        if behind > 0:
            return self._join_timestamp - behind * CATCH_UP_TICKS
        return packet.timestamp

    def _rtp(self, packet: Packet) -> bytes:
        header = rtp_header(
            self.video_payload_type or 0,
            packet.is_last,
            packet.sequence,
            self._timestamp(packet),
            self.streams.video_ssrc,
        )
        return header + packet.payload

    def _send_video(self, packets: Sequence[bytes]) -> int:
        protect = self._protect
        try:
            sent = self._send([protect(packet) for packet in packets])
        except SecurityError:
            self.is_broken = True
            return 0
        self.video_packets += sent
        self.video_octets += sum(map(len, packets[:sent])) - sent * RTP_HEADER_BYTES
        return sent

    def _resend_one(self, packet: Packet) -> None:
        if self.rtx_payload_type is None:
            # libsrtp refuses what lies too far back; then this packet stays lost.
            with contextlib.suppress(SecurityError):
                self._send([self._protect(self._rtp(packet))])
            return
        header = rtp_header(
            self.rtx_payload_type,
            packet.is_last,
            self._rtx_sequence,
            self._timestamp(packet),
            self.streams.rtx_ssrc,
        )
        self._rtx_sequence += 1
        original = (packet.sequence & 0xFFFF).to_bytes(2)
        with contextlib.suppress(SecurityError):
            self._send([self._protect(header + original + packet.payload)])


def _nowhere(_datagrams: Sequence[bytes]) -> int:
    return 0
