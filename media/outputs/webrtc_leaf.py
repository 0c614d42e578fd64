"""The hot leaf of WebRTC: pictures cut into packets once, sent to each viewer as SRTP of its own.

What the rest asks for is `Leaf`; `PythonLeaf` is what stands here. tests/media/conformance/ holds
whatever takes its place to the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from media.outputs.webrtc_dtls import SecurityError
from media.outputs.webrtc_packets import (
    HISTORY_PACKETS,
    PAYLOAD_LIMIT_BYTES,
    RTP_HEADER_BYTES,
    Group,
    History,
    Packet,
    rtp_header,
)
from media.rtp.payloads import payloads_of
from media.rtp.sequence import sequence_distance
from media.unit import Codec


class PayloadTypes(NamedTuple):
    """What one viewer calls a coding; `rtx`: its retransmissions (RFC 4588), None without."""

    payload_type: int
    rtx: int | None


class CatchUp(NamedTuple):
    """Pictures of the past get dates of their own: a viewer shall not play them late.

    Those up to number `last_picture` are dated `timestamp`, which is that of `first_picture`, and
    `step` further each.
    """

    first_picture: int
    last_picture: int
    timestamp: int
    step: int


@dataclass(slots=True)
class Outlet:
    """Where and how one viewer gets a track, and how much it got.

    A packet goes out under its number plus `shift`; what it asks for again below `valid_from` was
    sent before `shift` became what it is, and is of no use to it any more. `send` tells how many
    datagrams went before the socket was full; `protect` makes SRTP of RTP.
    """

    payload_types: Mapping[Codec, PayloadTypes]
    ssrc: int
    rtx_ssrc: int
    send: Callable[[Sequence[bytes]], int]
    protect: Callable[[bytes], bytes]
    shift: int = 0
    valid_from: int = 0
    catch_up: CatchUp | None = None
    packets: int = 0
    octets: int = 0
    """Of payload, as sender reports count them (RFC 3550, 6.4.1)."""
    resent: int = 0
    resent_octets: int = 0
    rtx_sequence: int = 0
    is_broken: bool = False
    """It can no longer be encrypted for."""


class Leaf(Protocol):
    """One track: its last packets, and how they get to viewers. Nothing here waits."""

    @property
    def next_sequence(self) -> int:
        """The number the next packet will have; numbers do not wrap."""
        ...

    @property
    def oldest_sequence(self) -> int:
        """Nothing before this can be sent."""
        ...

    @property
    def group(self) -> Group | None:
        """What a viewer can begin with."""
        ...

    def add(self, codec: Codec, picture: bytes, timestamp: int, *, is_key: bool) -> range:
        """Cut an Annex B picture into packets and keep them; their numbers, none if it is empty."""
        ...

    def send(self, outlets: Sequence[Outlet], numbers: range) -> list[int]:
        """Send these packets to each; how many each took before its socket was full."""
        ...

    def resend(self, outlet: Outlet, sequences: Sequence[int], end: int) -> int:
        """Send again, by RFC 4588 where it was agreed on, else the same packets; how many went.

        `sequences` are 16 bits as the viewer saw them; only packets numbered below `end` have been
        sent to it.
        """
        ...


class PythonLeaf:
    """`Leaf` in Python: one history, packets put together once for all who call them the same."""

    def __init__(self, first_sequence: int, capacity: int = HISTORY_PACKETS) -> None:
        self._history = History(first_sequence, capacity)

    @property
    def next_sequence(self) -> int:
        return self._history.next_sequence

    @property
    def oldest_sequence(self) -> int:
        return self._history.oldest_sequence

    @property
    def group(self) -> Group | None:
        return self._history.group

    def add(self, codec: Codec, picture: bytes, timestamp: int, *, is_key: bool) -> range:
        payloads = payloads_of(codec, picture, PAYLOAD_LIMIT_BYTES)
        if not payloads:
            return range(self.next_sequence, self.next_sequence)
        return self._history.add_picture(codec, payloads, timestamp, is_key=is_key)

    def send(self, outlets: Sequence[Outlet], numbers: range) -> list[int]:
        packets = [packet for number in numbers if (packet := self._history.get(number))]
        if not packets or self._history.codec is None:
            return [0] * len(outlets)
        first_picture = packets[0].picture
        built: dict[tuple[int, int, int], list[bytes]] = {}
        sent: list[int] = []
        for outlet in outlets:
            types = outlet.payload_types.get(self._history.codec)
            if types is None:
                sent.append(0)
                continue
            late = outlet.catch_up
            if late is not None and first_picture <= late.last_picture:
                sent.append(_send(outlet, [_rtp(outlet, types, packet) for packet in packets]))
                continue
            kind = types.payload_type, outlet.ssrc, outlet.shift
            shared = built.get(kind)
            if shared is None:
                shared = built[kind] = [_rtp(outlet, types, packet) for packet in packets]
            sent.append(_send(outlet, shared))
        return sent

    def resend(self, outlet: Outlet, sequences: Sequence[int], end: int) -> int:
        codec = self._history.codec
        types = outlet.payload_types.get(codec) if codec is not None else None
        if types is None:
            return 0
        before = outlet.resent
        next_out = end + outlet.shift
        for short in sequences:
            out = next_out + sequence_distance(next_out, short)
            number = out - outlet.shift
            packet = self._history.get(number) if outlet.valid_from <= out < next_out else None
            if packet is not None:
                _resend(outlet, types, packet)
        return outlet.resent - before


def _timestamp(outlet: Outlet, packet: Packet) -> int:
    late = outlet.catch_up
    if late is None or packet.picture > late.last_picture:
        return packet.timestamp
    return late.timestamp + (packet.picture - late.first_picture) * late.step


def _rtp(outlet: Outlet, types: PayloadTypes, packet: Packet) -> bytes:
    header = rtp_header(
        types.payload_type,
        packet.is_last,
        packet.sequence + outlet.shift,
        _timestamp(outlet, packet),
        outlet.ssrc,
    )
    return header + packet.payload


def _send(outlet: Outlet, packets: Sequence[bytes]) -> int:
    protect = outlet.protect
    try:
        sent = outlet.send([protect(packet) for packet in packets])
    except SecurityError:
        outlet.is_broken = True
        return 0
    outlet.packets += sent
    outlet.octets += sum(map(len, packets[:sent])) - sent * RTP_HEADER_BYTES
    return sent


def _resend(outlet: Outlet, types: PayloadTypes, packet: Packet) -> None:
    if types.rtx is None:
        again = _rtp(outlet, types, packet)
    else:
        header = rtp_header(
            types.rtx,
            packet.is_last,
            outlet.rtx_sequence,
            _timestamp(outlet, packet),
            outlet.rtx_ssrc,
        )
        outlet.rtx_sequence += 1
        number = packet.sequence + outlet.shift
        again = header + (number & 0xFFFF).to_bytes(2) + packet.payload
    try:
        sent = outlet.send([outlet.protect(again)])
    except SecurityError:
        # libsrtp refuses what lies too far back; then this packet stays lost.
        return
    outlet.resent += sent
    outlet.resent_octets += sent * (len(again) - RTP_HEADER_BYTES)
