"""RTCP as far as a receiver needs it (RFC 3550, 6): sender reports in, receiver reports out."""

import struct
from dataclasses import dataclass

from media.errors import ProtocolError
from media.rtp.reception import ReceptionReport

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203

_CNAME = 1


@dataclass(frozen=True, slots=True)
class SenderReport:
    """A sender's clock beside its RTP clock; `ntp` is 32.32 fixed point."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The sources that say they stop."""

    ssrcs: tuple[int, ...]


def parse(data: bytes) -> list[SenderReport | Goodbye]:
    """The sender reports and goodbyes of a compound packet; other kinds are passed over."""
    found: list[SenderReport | Goodbye] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data) or data[at] & 0xC0 != 0x80:
            raise ProtocolError("bad-rtcp")
        first, kind, words = struct.unpack_from(">BBH", data, at)
        end = at + 4 + 4 * words
        if end > len(data):
            raise ProtocolError("truncated-rtcp")
        count = first & 0x1F
        if kind == SENDER_REPORT:
            if words < 6:
                raise ProtocolError("short-sender-report")
            found.append(SenderReport(*struct.unpack_from(">IQIII", data, at + 4)))
        elif kind == GOODBYE:
            if words < count:
                raise ProtocolError("short-goodbye")
            found.append(Goodbye(struct.unpack_from(f">{count}I", data, at + 4)))
        at = end
    return found


def receiver_report(
    own_ssrc: int,
    ssrc: int,
    report: ReceptionReport,
    *,
    last_sender_report: int = 0,
    since_sender_report_s: float = 0.0,
    cname: str,
) -> bytes:
    """A compound packet: one report block on `ssrc`, and our CNAME.

    `last_sender_report` is the middle 32 bits of the `ntp` of the last one, 0 if none came.
    """
    delay = min(int(since_sender_report_s * 65_536), 0xFFFFFFFF) if last_sender_report else 0
    block = struct.pack(
        ">IIIIII",
        ssrc,
        report.fraction_lost << 24 | report.lost,
        report.highest_sequence,
        report.jitter_ticks & 0xFFFFFFFF,
        last_sender_report,
        delay,
    )
    head = struct.pack(">BBHI", 0x81, RECEIVER_REPORT, 7, own_ssrc)
    name = cname.encode()[:255]
    chunk = struct.pack(">IBB", own_ssrc, _CNAME, len(name)) + name + b"\x00"
    chunk += bytes(-len(chunk) % 4)
    description = struct.pack(">BBH", 0x81, SOURCE_DESCRIPTION, len(chunk) // 4)
    return head + block + description + chunk
