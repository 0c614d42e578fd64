"""Captures as tools know them: the classic pcap file, Ethernet, IPv4 or IPv6, UDP or TCP.

Pure. Written whole, with right lengths and checksums; read as far as it goes, whatever it holds.
"""

import struct
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

CONTENT_TYPE = "application/vnd.tcpdump.pcap"

_FILE_HEADER = struct.Struct("<IHHiIII")
_MICROSECONDS = 0xA1B2C3D4
_NANOSECONDS = 0xA1B23C4D
_SNAP_BYTES = 262_144
_ETHERNET = 1
_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP, _UDP = 6, 17
_LONGEST_SEGMENT = 60_000
_TCP_FLAGS = 0x5018
"""Five words of header, PSH and ACK."""

_OUR_MAC, _THEIR_MAC = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"


class Packet(NamedTuple):
    """Payload that went from one address to another; `at_s` is Unix time.

    `connection` tells TCP connections between the same addresses apart, 0 for UDP. `missing` bytes
    of a stream followed the payload and are not there. `sequence` is TCP's, of packets read.
    """

    at_s: float
    source: tuple[str, int]
    target: tuple[str, int]
    is_tcp: bool
    payload: bytes
    connection: int = 0
    missing: int = 0
    sequence: int = 0


def write(packets: Iterable[Packet]) -> bytes:
    """A capture of these; TCP streams begin at sequence number 1, as if caught on the way."""
    out = [_FILE_HEADER.pack(_MICROSECONDS, 2, 4, 0, 0, _SNAP_BYTES, _ETHERNET)]
    sequences: dict[tuple[tuple[str, int], tuple[str, int], int], int] = {}
    for packet in packets:
        if not packet.is_tcp:
            out.append(_record(packet, _udp(packet)))
            continue
        forth = (packet.source, packet.target, packet.connection)
        back = (packet.target, packet.source, packet.connection)
        for at in range(0, len(packet.payload), _LONGEST_SEGMENT):
            piece = packet.payload[at : at + _LONGEST_SEGMENT]
            sequence = sequences.get(forth, 1)
            out.append(_record(packet, _tcp(packet, piece, sequence, sequences.get(back, 1))))
            sequences[forth] = (sequence + len(piece)) & 0xFFFFFFFF
        sequences[forth] = (sequences.get(forth, 1) + packet.missing) & 0xFFFFFFFF
    return b"".join(out)


def _record(packet: Packet, frame: bytes) -> bytes:
    microseconds = round(packet.at_s * 1_000_000)
    head = struct.pack("<IIII", *divmod(microseconds, 1_000_000), len(frame), len(frame))
    return head + frame


def _udp(packet: Packet) -> bytes:
    length = 8 + len(packet.payload)
    ports = struct.pack(">HHHH", packet.source[1], packet.target[1], length, 0)
    return _framed(packet, _UDP, ports + packet.payload, 6)


def _tcp(packet: Packet, piece: bytes, sequence: int, acknowledged: int) -> bytes:
    head = struct.pack(
        ">HHIIHHHH",
        *(packet.source[1], packet.target[1], sequence, acknowledged),
        *(_TCP_FLAGS, 0xFFFF, 0, 0),
    )
    return _framed(packet, _TCP, head + piece, 16)


def _framed(packet: Packet, protocol: int, segment: bytes, checksum_at: int) -> bytes:
    source, target = ip_address(packet.source[0]).packed, ip_address(packet.target[0]).packed
    pseudo = source + target + struct.pack(">IHH", len(segment), 0, protocol)
    checksum = _checksum(pseudo + segment) or 0xFFFF
    segment = segment[:checksum_at] + checksum.to_bytes(2, "big") + segment[checksum_at + 2 :]
    if len(source) == 16:
        head = struct.pack(">IHBB", 6 << 28, len(segment), protocol, 64) + source + target
        return _OUR_MAC + _THEIR_MAC + _IPV6.to_bytes(2, "big") + head + segment
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, protocol, 0)
    head += source + target
    head = head[:10] + _checksum(head).to_bytes(2, "big") + head[12:]
    return _OUR_MAC + _THEIR_MAC + _IPV4.to_bytes(2, "big") + head + segment


def _checksum(data: bytes) -> int:
    """RFC 1071: the complement of the ones' complement sum. 2**16 is 1 modulo 0xFFFF."""
    number = int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    folded = number % 0xFFFF
    return 0xFFFF - (0xFFFF if number and not folded else folded)


class NoCaptureError(Exception):
    """The file is no pcap, or of a kind that is not read."""


_LINKS = {0: 4, 1: 14, 101: 0, 113: 16, 228: 0, 229: 0, 276: 20}
"""By link type, the bytes before the IP header: null, Ethernet, raw IP, Linux cooked 1 and 2."""


def read(data: bytes) -> Iterator[Packet]:
    """The UDP datagrams and TCP segments of a capture; what is neither is passed over.

    Raises `NoCaptureError` for anything but a classic pcap (`tshark -F pcap` writes one).
    """
    order = "<" if data[:4] in {b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"} else ">"
    if len(data) < 24:
        raise NoCaptureError("shorter than the header of a pcap")
    magic, link = struct.unpack_from(order + "I16xI", data)
    if magic not in {_MICROSECONDS, _NANOSECONDS}:
        raise NoCaptureError("no pcap; `tshark -r FILE -F pcap -w OTHER` makes one of a pcapng")
    if link not in _LINKS:
        raise NoCaptureError(f"packets of link type {link} are not read")
    fraction = 1e-6 if magic == _MICROSECONDS else 1e-9
    at = 24
    while at + 16 <= len(data):
        seconds, parts, kept, _ = struct.unpack_from(order + "IIII", data, at)
        frame = data[at + 16 : at + 16 + kept]
        at += 16 + kept
        at_s = seconds + parts * fraction
        packet = _packet(frame, _LINKS[link], at_s, is_ethernet=link == _ETHERNET)
        if packet is not None:
            yield packet


def _packet(frame: bytes, skipped: int, at_s: float, *, is_ethernet: bool) -> Packet | None:
    while is_ethernet and frame[skipped - 2 : skipped] in {b"\x81\x00", b"\x88\xa8"}:
        skipped += 4
    ip = frame[skipped:]
    if len(ip) < 20:
        return None
    if ip[0] >> 4 == 4:
        head, protocol = (ip[0] & 0xF) * 4, ip[9]
        if int.from_bytes(ip[6:8], "big") & 0x1FFF:
            return None
        source, target = ip[12:16], ip[16:20]
        end = int.from_bytes(ip[2:4], "big")
    elif ip[0] >> 4 == 6 and len(ip) >= 40:
        head, protocol = 40, ip[6]
        source, target = ip[8:24], ip[24:40]
        end = 40 + int.from_bytes(ip[4:6], "big")
    else:
        return None
    segment = ip[head:end] if end > head else ip[head:]
    if protocol == _UDP and len(segment) >= 8:
        payload = segment[8:]
    elif protocol == _TCP and len(segment) >= 20:
        payload = segment[(segment[12] >> 4) * 4 :]
    else:
        return None
    ports = struct.unpack(">HH", segment[:4])
    return Packet(
        at_s,
        (str(ip_address(source)), ports[0]),
        (str(ip_address(target)), ports[1]),
        protocol == _TCP,
        payload,
        sequence=int.from_bytes(segment[4:8], "big") if protocol == _TCP else 0,
    )
