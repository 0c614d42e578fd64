"""Sends a program stream file by RTP over UDP or a connection; a program of its own.

It imports nothing of the server, and ends with the number of packets on its standard output.
Usage: rtp_sender.py FILE HOST PORT udp|tcp SSRC [fast|live]

`live` sends each pack when its clock says so; `fast`, the default, as fast as a receiver reads.
"""

import re
import socket
import struct
import sys
import time
from pathlib import Path

PAYLOAD = 1400
BURST = 16
PAUSE_S = 0.002
CLOCK_HZ = 90_000


def packs(stream: bytes) -> list[bytes]:
    """The file cut before each pack header."""
    places = [match.start() for match in re.finditer(b"\x00\x00\x01\xba", stream)]
    return [stream[a:b] for a, b in zip(places, [*places[1:], len(stream)], strict=True)]


def clock_of(pack: bytes) -> int:
    """The system clock reference of a pack header, of MPEG-2 or MPEG-1."""
    is_mpeg_2 = pack[4] >> 6 == 0b01
    field = int.from_bytes(pack[4:10] if is_mpeg_2 else pack[4:9], "big")
    high, middle, low = (43, 27, 11) if is_mpeg_2 else (33, 17, 1)
    return (field >> high & 0x7) << 30 | (field >> middle & 0x7FFF) << 15 | field >> low & 0x7FFF


def main(path: str, host: str, port: str, transport: str, ssrc: str, pace: str = "fast") -> None:
    """Send it all, a few packets at a time, and leave."""
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    sequence = sent = 0
    began_s, first_ticks = time.monotonic(), None
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.connect((host, int(port)))
        for pack in packs(Path(path).read_bytes()):
            ticks = clock_of(pack)
            first_ticks = ticks if first_ticks is None else first_ticks
            timestamp = ticks & 0xFFFFFFFF
            if pace == "live":
                due_s = began_s + (ticks - first_ticks) / CLOCK_HZ
                time.sleep(max(0.0, due_s - time.monotonic()))
            for at in range(0, len(pack), PAYLOAD):
                is_last = at + PAYLOAD >= len(pack)
                header = struct.pack(
                    ">BBHII",
                    0x80,
                    96 | (is_last << 7),
                    sequence & 0xFFFF,
                    timestamp,
                    int(ssrc),
                )
                packet = header + pack[at : at + PAYLOAD]
                if transport == "tcp":
                    packet = struct.pack(">H", len(packet)) + packet
                sock.sendall(packet)
                sequence += 1
                sent += 1
                if sent % BURST == 0:
                    time.sleep(PAUSE_S)
    sys.stdout.write(f"{sent}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
