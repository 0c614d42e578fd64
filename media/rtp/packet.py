"""The RTP packet (RFC 3550, 5.1)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from media.errors import ProtocolError

HEADER_LENGTH = 12

_HEADER = struct.Struct(">BBHII")


@dataclass(slots=True)
class RtpPacket:
    """One packet. Not frozen: hundreds a second for every stream."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    received_s: float


def is_rtcp(data: bytes) -> bool:
    """True for RTCP where it shares a port or connection with RTP (RFC 5761, 4)."""
    return len(data) >= 8 and data[0] & 0xC0 == 0x80 and 192 <= data[1] <= 223


def parse(data: bytes, received_s: float) -> RtpPacket:
    """One datagram, or one frame of a TCP connection; padding and extension are taken off."""
    if len(data) < HEADER_LENGTH:
        raise ProtocolError("short-rtp")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first == 0x80:
        payload = data[HEADER_LENGTH:]
    elif first & 0xC0 != 0x80:
        raise ProtocolError("not-rtp")
    else:
        payload = _bare_payload(data, first)
    return RtpPacket(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, payload, received_s)


def _bare_payload(data: bytes, first: int) -> bytes:
    start = HEADER_LENGTH + 4 * (first & 0x0F)
    end = len(data)
    if first & 0x10:
        if start + 4 > end:
            raise ProtocolError("short-rtp-extension")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        end -= data[-1]
    if start > end:
        raise ProtocolError("bad-rtp-lengths")
    return data[start:end]


def build(
    payload: bytes, *, payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int
) -> bytes:
    """One packet as bytes; sequence and timestamp are wrapped."""
    second = payload_type | (0x80 if marker else 0)
    return (
        _HEADER.pack(0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF)
        + payload
    )


def packetise(
    data: bytes,
    *,
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload_limit: int = 1400,
) -> Iterator[bytes]:
    """The packets of one pack of a program stream (RFC 2250, 2): cut anywhere, one timestamp.

    The marker is on the last. The caller adds the number of packets to its `sequence`.
    """
    for start in range(0, len(data), payload_limit):
        yield build(
            data[start : start + payload_limit],
            payload_type=payload_type,
            marker=start + payload_limit >= len(data),
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
        )
        sequence += 1
