"""Transport streams, packet by packet by hand."""

PACKET = 188
VIDEO_PID = 0x100


def packet(pid: int, payload: bytes, counter: int, *, is_start: bool, scrambling: int = 0) -> bytes:
    """One packet; what is left over is filled by an adaptation field."""
    if len(payload) > PACKET - 4:
        raise ValueError("too much for a packet")
    first = (0x40 if is_start else 0) | pid >> 8
    fill = PACKET - 4 - len(payload)
    adaptation = b""
    if fill:
        adaptation = bytes((fill - 1,)) + (b"\x00" + b"\xff" * (fill - 2) if fill > 1 else b"")
    control = scrambling << 6 | (0x30 if fill else 0x10) | counter & 0x0F
    return bytes((0x47, first, pid & 0xFF, control)) + adaptation + payload


def section(table: int, body: bytes) -> bytes:
    """A section with a checksum of zero, which nobody believes."""
    return b"\x00" + bytes((table, 0xB0, len(body) + 9)) + b"\x00\x01\xc1\x00\x00" + body + bytes(4)


ASSOCIATION = packet(0, section(0x00, bytes.fromhex("0001 E020")), 0, is_start=True)
"""Program 1, its map in packets 0x20."""


def program_map(*streams: tuple[int, int], descriptors: bytes = b"") -> bytes:
    """Stream type and packet identifier of each."""
    body = bytes.fromhex("E100 F000")
    for kind, pid in streams:
        body += bytes((kind, 0xE0 | pid >> 8, pid & 0xFF, 0xF0, len(descriptors))) + descriptors
    return packet(0x20, section(0x02, body), 0, is_start=True)


def pes_packets(pid: int, pes: bytes, counter: int = 0) -> list[bytes]:
    """A PES packet over as many packets as it takes."""
    pieces = [pes[at : at + 184] for at in range(0, len(pes), 184)]
    return [
        packet(pid, piece, counter + number, is_start=not number)
        for number, piece in enumerate(pieces)
    ]
