"""Access units cut into RTP payloads once for all viewers, and the history they stay in.

H.264 by RFC 6184 in packetization-mode 1 (single NAL unit, STAP-A, FU-A); G.711 by RFC 3551 in
packets of 20 ms; Opus by RFC 7587, one packet a unit. Pure.
"""

import struct
from collections.abc import Iterator

from media.codecs.annexb import nal_units
from media.rtp.sequence import sequence_distance
from media.unit import PTS_HZ

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

_ACCESS_UNIT_DELIMITER = 9
_FILLER_DATA = 12
_NOT_SENT = frozenset({_ACCESS_UNIT_DELIMITER, _FILLER_DATA})
_STAP_A = 24
_FU_A = 28
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


def h264_payloads(picture: bytes) -> list[bytes]:
    """The RTP payloads of one Annex B picture, in order; delimiters and filler are left out."""
    payloads: list[bytes] = []
    small: list[bytes] = []
    small_bytes = 1
    for unit in nal_units(picture):
        if not unit or unit[0] & 0x1F in _NOT_SENT:
            continue
        if small and small_bytes + 2 + len(unit) > PAYLOAD_LIMIT_BYTES:
            payloads.append(_aggregate(small))
            small, small_bytes = [], 1
        if len(unit) > PAYLOAD_LIMIT_BYTES:
            payloads.extend(_fragments(unit))
        else:
            small.append(unit)
            small_bytes += 2 + len(unit)
    if small:
        payloads.append(_aggregate(small))
    return payloads


def _aggregate(units: list[bytes]) -> bytes:
    if len(units) == 1:
        return units[0]
    importance = max(unit[0] & 0x60 for unit in units)
    forbidden = max(unit[0] & 0x80 for unit in units)
    parts = [bytes((forbidden | importance | _STAP_A,))]
    for unit in units:
        parts += [len(unit).to_bytes(2), unit]
    return b"".join(parts)


def _fragments(unit: bytes) -> Iterator[bytes]:
    indicator = unit[0] & 0xE0 | _FU_A
    kind = unit[0] & 0x1F
    room = PAYLOAD_LIMIT_BYTES - 2
    end = len(unit)
    for start in range(1, end, room):
        flags = (0x80 if start == 1 else 0) | (0x40 if start + room >= end else 0)
        yield bytes((indicator, flags | kind)) + unit[start : start + room]


class History:
    """The last packets of one stream, found by sequence number, and where the last group begins.

    A ring: the oldest gives way. What a late viewer starts with is the group of pictures that the
    last key picture began, as long as all of it is still here.
    """

    def __init__(self, first_sequence: int, capacity: int = HISTORY_PACKETS) -> None:
        self.next_sequence = first_sequence
        self.picture = 0
        """Number of the last picture added."""
        self.picture_timestamp = 0
        self._capacity = capacity
        self._ring: list[Packet | None] = [None] * capacity
        self._group_start: int | None = None

    @property
    def oldest_sequence(self) -> int:
        """Nothing before this is kept."""
        return self.next_sequence - self._capacity

    @property
    def group_start(self) -> int | None:
        """First sequence number of the last key picture; None when it is no longer whole."""
        start = self._group_start
        return start if start is not None and start >= self.oldest_sequence else None

    def add_picture(self, payloads: list[bytes], timestamp: int, *, is_key: bool) -> list[Packet]:
        """Number the payloads of one picture and keep them."""
        self.picture += 1
        self.picture_timestamp = timestamp
        if is_key:
            self._group_start = self.next_sequence
        last = len(payloads) - 1
        packets: list[Packet] = []
        for index, payload in enumerate(payloads):
            packet = Packet(
                self.next_sequence, timestamp, self.picture, payload, is_last=index == last
            )
            self._ring[self.next_sequence % self._capacity] = packet
            self.next_sequence += 1
            packets.append(packet)
        return packets

    def forget_group(self) -> None:
        """The pictures kept are of the past: no viewer may start with them."""
        self._group_start = None

    def get(self, sequence: int) -> Packet | None:
        """The packet with this (unwrapped) number, if it is still here."""
        packet = self._ring[sequence % self._capacity]
        return packet if packet is not None and packet.sequence == sequence else None

    def unwrap(self, sequence: int) -> int:
        """The full number of the 16-bit `sequence` nearest to the newest packet."""
        return self.next_sequence + sequence_distance(self.next_sequence, sequence)


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
