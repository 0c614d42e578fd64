"""RTP packets as all viewers of a track share them, the history they stay in, and RTP's clocks.

Pictures are cut by `media.rtp.payloads`; G.711 goes by RFC 3551 in packets of 20 ms, Opus by
RFC 7587, one packet a unit. Pure.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from media.unit import PTS_HZ, Codec

PACKET_LIMIT_BYTES = 1_200
RTP_HEADER_BYTES = 12
RTX_HEADER_BYTES = 2
PAYLOAD_LIMIT_BYTES = PACKET_LIMIT_BYTES - RTP_HEADER_BYTES - RTX_HEADER_BYTES

HISTORY_PACKETS = 2_048
"""Packets kept for retransmission and for late viewers: 5 s of 4 Mbit/s."""

G711_HZ = 8_000
G711_PACKET_SAMPLES = 160

DISCONTINUITY_TICKS = 10 * PTS_HZ
"""A `pts` this far from where the arrivals are is a clock that was set, no delay."""

AUDIO_RESYNC_S = 0.2
"""Sound this far from where its samples should be begins anew at its `pts`."""

OPUS_HZ = 48_000
OPUS_SAMPLES = 960
"""A packet of 20 ms, as they are made here."""

_header = struct.Struct("!BBHII")


class Packet:
    """One RTP packet but for payload type and SSRC. `sequence` and `timestamp` do not wrap."""

    __slots__ = ("is_last", "payload", "picture", "sequence", "timestamp")

    def __init__(
        self, sequence: int, timestamp: int, picture: int, payload: bytes, *, is_last: bool
    ) -> None:
        self.sequence = sequence
        self.timestamp = timestamp
        self.picture = picture
        self.payload = payload
        self.is_last = is_last


def rtp_header(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int) -> bytes:
    """Twelve bytes (RFC 3550, 5.1); sequence and timestamp are wrapped here."""
    return _header.pack(
        0x80,
        payload_type | 0x80 if marker else payload_type,
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )


class Group(NamedTuple):
    """The last key picture and all since: what a viewer can begin with."""

    start: int
    """The number of its first packet."""
    first_picture: int
    last_picture: int
    timestamp: int
    """Of the last picture."""


class History:
    """The last packets of one track, found by number, and where the last group of pictures begins.

    A ring: the oldest gives way. Numbers do not wrap. All packets are of one coding: with another
    one those before it are forgotten.
    """

    def __init__(self, first_sequence: int, capacity: int = HISTORY_PACKETS) -> None:
        self.next_sequence = first_sequence
        self.codec: Codec | None = None
        self._capacity = capacity
        self._ring: list[Packet | None] = [None] * capacity
        self._picture = 0
        self._timestamp = 0
        self._codec_start = first_sequence
        self._group: tuple[int, int] | None = None

    @property
    def oldest_sequence(self) -> int:
        """Nothing before this is kept."""
        return max(self.next_sequence - self._capacity, self._codec_start)

    @property
    def group(self) -> Group | None:
        """The last group as long as all of it is still here."""
        if self._group is None or self._group[0] < self.oldest_sequence:
            return None
        return Group(*self._group, self._picture, self._timestamp)

    def add_picture(
        self, codec: Codec, payloads: Sequence[bytes], timestamp: int, *, is_key: bool
    ) -> range:
        """Number the payloads of one picture and keep them; their numbers."""
        if codec is not self.codec:
            self.codec, self._codec_start, self._group = codec, self.next_sequence, None
        self._picture += 1
        self._timestamp = timestamp
        first = self.next_sequence
        if is_key:
            self._group = (first, self._picture)
        last = len(payloads) - 1
        for index, payload in enumerate(payloads):
            self._ring[self.next_sequence % self._capacity] = Packet(
                self.next_sequence, timestamp, self._picture, payload, is_last=index == last
            )
            self.next_sequence += 1
        return range(first, self.next_sequence)

    def get(self, sequence: int) -> Packet | None:
        """The packet with this number, if it is still here."""
        packet = self._ring[sequence % self._capacity]
        if packet is None or packet.sequence != sequence or sequence < self._codec_start:
            return None
        return packet


class Timeline:
    """Places a track's `pts` on our monotonic clock, in 90 kHz ticks; steps are cut out.

    Two tracks of one camera share an offset as long as their clocks agree, which is what lets the
    sender reports of both tell the browser how lips go with sound.
    """

    def __init__(self) -> None:
        self.offset: int | None = None

    def place(self, pts: int, received_s: float, like: "Timeline | None" = None) -> int:
        """The moment of `pts`; `like` is the track to agree with, where that is possible."""
        arrival = round(received_s * PTS_HZ)
        for offset in (like.offset if like else None, self.offset):
            if offset is not None and abs(pts + offset - arrival) <= DISCONTINUITY_TICKS:
                self.offset = offset
                return pts + offset
        self.offset = arrival - pts
        return arrival


class SampleClock:
    """RTP timestamps of sound: they count samples; the `pts` counts where sound is missing."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._next: int | None = None

    def place(self, ticks: int, samples: int) -> tuple[int, bool]:
        """The timestamp of a unit of `samples` at `ticks`, and whether it joins on to the last."""
        wanted = ticks * self.rate_hz // PTS_HZ
        expected = self._next
        joins = expected is not None and abs(wanted - expected) <= AUDIO_RESYNC_S * self.rate_hz
        timestamp = expected if joins and expected is not None else wanted
        self._next = timestamp + samples
        return timestamp, joins


class G711Cutter:
    """Re-cuts G.711 to packets of 20 ms, whatever pieces the camera sends."""

    def __init__(self) -> None:
        self._clock = SampleClock(G711_HZ)
        self._rest = b""

    def cut(self, data: bytes, ticks: int) -> list[tuple[int, bytes]]:
        """(timestamp, payload) of each packet that is full now."""
        timestamp, joins = self._clock.place(ticks, len(data))
        if joins:
            timestamp -= len(self._rest)
            data = self._rest + data
        whole = len(data) - len(data) % G711_PACKET_SAMPLES
        self._rest = data[whole:]
        return [
            (timestamp + start, data[start : start + G711_PACKET_SAMPLES])
            for start in range(0, whole, G711_PACKET_SAMPLES)
        ]
