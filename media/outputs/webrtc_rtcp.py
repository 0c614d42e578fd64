"""RTCP between us and a viewer: its feedback read, our sender reports written. Pure.

RFC 3550 (reports), RFC 4585 (NACK, PLI), RFC 5104 (FIR), RFC 5506 (reduced size: any packet may
come first).
"""

import struct
from dataclasses import dataclass

from media.errors import ProtocolError

_SENDER_REPORT = 200
_RECEIVER_REPORT = 201
_SOURCE_DESCRIPTION = 202
_TRANSPORT_FEEDBACK = 205
_PAYLOAD_FEEDBACK = 206
_GENERIC_NACK = 1
_PICTURE_LOSS = 1
_FULL_INTRA_REQUEST = 4
_CNAME = 1


@dataclass(frozen=True, slots=True)
class Report:
    """One report block on `ssrc` (RFC 3550, 6.4.1).

    `fraction` of its packets, 0 to 1, was lost since the last report, `lost` in all (negative when
    copies came); `highest` is the extended highest number that came, `jitter` in clock ticks.
    """

    ssrc: int
    fraction: float
    lost: int
    highest: int
    jitter: int


@dataclass(frozen=True, slots=True)
class Nack:
    """Packets of `ssrc` asked for again; 16-bit sequence numbers."""

    ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PictureWanted:
    """PLI or FIR: the viewer's decoder cannot go on with `ssrc`."""

    ssrc: int


Feedback = Report | Nack | PictureWanted


def parse_feedback(data: bytes) -> list[Feedback]:
    """What a compound packet asks and tells; packets of other kinds are passed over.

    `ProtocolError` when the bytes are not RTCP.
    """
    found: list[Feedback] = []
    offset = 0
    while offset < len(data):
        if len(data) - offset < 8:
            raise ProtocolError("RTCP packet cut short")
        first, kind, words = struct.unpack_from("!BBH", data, offset)
        end = offset + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data):
            raise ProtocolError("no RTCP packet")
        _parse_one(found, first & 0x1F, kind, data[offset:end])
        offset = end
    return found


def _parse_one(found: list[Feedback], count: int, kind: int, packet: bytes) -> None:
    if kind in {_SENDER_REPORT, _RECEIVER_REPORT}:
        start = 28 if kind == _SENDER_REPORT else 8
        found.extend(
            _report_block(packet[block : block + 24])
            for block in range(start, min(start + 24 * count, len(packet) - 23), 24)
        )
    elif kind in {_TRANSPORT_FEEDBACK, _PAYLOAD_FEEDBACK} and len(packet) >= 12:
        ssrc = int.from_bytes(packet[8:12])
        if kind == _PAYLOAD_FEEDBACK:
            if count == _PICTURE_LOSS:
                found.append(PictureWanted(ssrc))
            elif count == _FULL_INTRA_REQUEST:
                # The FCI names the media (RFC 5104, 4.3.1); the header's field is zero.
                found.extend(
                    PictureWanted(int.from_bytes(packet[entry : entry + 4]))
                    for entry in range(12, len(packet) - 7, 8)
                )
        elif count == _GENERIC_NACK:
            found.append(Nack(ssrc, _lost_sequences(packet)))


def _report_block(block: bytes) -> Report:
    ssrc, fraction = struct.unpack_from("!IB", block)
    lost = int.from_bytes(block[5:8], signed=True)
    highest, jitter = struct.unpack_from("!II", block, 8)
    return Report(ssrc, fraction / 256, lost, highest, jitter)


def _lost_sequences(packet: bytes) -> tuple[int, ...]:
    sequences: list[int] = []
    for entry in range(12, len(packet) - 3, 4):
        first, mask = struct.unpack_from("!HH", packet, entry)
        sequences.append(first)
        sequences.extend((first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1)
    return tuple(sequences)


def sender_report(
    ssrc: int, moment_s: float, timestamp: int, packets: int, octets: int, name: str
) -> bytes:
    """SR and SDES CNAME (RFC 3550, 6.4.1 and 6.5): `timestamp` was sampled at `moment_s`.

    `moment_s` is of our monotonic clock: the browser only compares the reports of one sender.
    """
    ntp = round(moment_s * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
    report = struct.pack(
        "!BBHIQIII",
        0x80,
        _SENDER_REPORT,
        6,
        ssrc,
        ntp,
        timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    text = name.encode()[:255]
    items = struct.pack("!IBB", ssrc, _CNAME, len(text)) + text
    # At least one zero ends the list; the packet is whole words.
    items += bytes(4 - len(items) % 4)
    return report + struct.pack("!BBH", 0x81, _SOURCE_DESCRIPTION, len(items) // 4) + items
