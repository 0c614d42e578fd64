"""A second writer of program streams, from the byte tables of ISO 13818-1 and annex C alone.

It imports nothing of the server, so that a misreading in there is not repeated here.
"""

from collections.abc import Sequence

H264, H265 = 0x1B, 0x24
G711A, AAC = 0x90, 0x0F
VIDEO, AUDIO = 0xE0, 0xC0

_MUX_RATE = 6106


def bits(*fields: tuple[int, int]) -> bytes:
    """Fields of (value, width in bits), one behind the other; they must fill whole bytes."""
    text = "".join(format(value, f"0{width}b") for value, width in fields)
    if len(text) % 8 or any(value >> width for value, width in fields):
        raise ValueError(f"{fields} fill no whole bytes")
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def clock(prefix: int, ticks: int) -> list[tuple[int, int]]:
    """33 bits as 3, 15 and 15 with a marker bit behind each, behind a prefix of four bits."""
    return [
        (prefix, 4),
        (ticks >> 30 & 0b111, 3),
        (1, 1),
        (ticks >> 15 & 0x7FFF, 15),
        (1, 1),
        (ticks & 0x7FFF, 15),
        (1, 1),
    ]


def pack_header(scr: int) -> bytes:
    """Table 2-33: the clock reference without extension, the rate, no stuffing."""
    return b"\x00\x00\x01\xba" + bits(
        (0b01, 2),
        (scr >> 30 & 0b111, 3),
        (1, 1),
        (scr >> 15 & 0x7FFF, 15),
        (1, 1),
        (scr & 0x7FFF, 15),
        (1, 1),
        (0, 9),
        (1, 1),
        (_MUX_RATE, 22),
        (0b11, 2),
        (0b11111, 5),
        (0, 3),
    )


def system_header() -> bytes:
    """Table 2-34: one stream of video, one of sound."""
    body = bits((1, 1), (_MUX_RATE, 22), (1, 1)) + bits((1, 6), (0, 1), (0, 1))
    body += bits((1, 1), (1, 1), (1, 1), (1, 5)) + bits((0, 1), (0x7F, 7))
    body += bits((VIDEO, 8), (0b11, 2), (1, 1), (0x200, 13))
    body += bits((AUDIO, 8), (0b11, 2), (0, 1), (0x20, 13))
    return b"\x00\x00\x01\xbb" + len(body).to_bytes(2, "big") + body


def program_stream_map(video: int, audio: int) -> bytes:
    """Table 2-35, with its CRC."""
    streams = bits((video, 8), (VIDEO, 8), (0, 16)) + bits((audio, 8), (AUDIO, 8), (0, 16))
    body = bits((1, 1), (0b11, 2), (1, 5), (0x7F, 7), (1, 1), (0, 16), (len(streams), 16))
    section = b"\x00\x00\x01\xbc" + (len(body) + len(streams) + 4).to_bytes(2, "big")
    section += body + streams
    return section + crc(section)


def crc(data: bytes) -> bytes:
    """Annex A of ISO 13818-1: the remainder of the data, bit by bit."""
    register = [1] * 32
    taps = {26, 23, 22, 16, 12, 11, 10, 8, 7, 5, 4, 2, 1, 0}
    for byte in data:
        for place in range(7, -1, -1):
            carry = register[31] ^ (byte >> place & 1)
            register = [
                (register[n - 1] if n else 0) ^ (carry if n in taps else 0) for n in range(32)
            ]
    return sum(bit << n for n, bit in enumerate(register)).to_bytes(4, "big")


def pes(stream: int, data: bytes, pts: int) -> bytes:
    """Table 2-21: a packet with a PTS."""
    header = bits((0b10, 2), (0, 6), (0b10, 2), (0, 6), (5, 8)) + bits(*clock(0b0010, pts))
    length = len(header) + len(data)
    return bits((1, 24), (stream, 8), (length, 16)) + header + data


def pes_chain(stream: int, data: bytes, pts: int) -> bytes:
    """As many packets as the data need; every one carries the PTS, as many cameras do it."""
    return b"".join(pes(stream, data[at : at + 65_000], pts) for at in range(0, len(data), 65_000))


def program_stream(
    pictures: Sequence[tuple[bytes, bool]],
    sounds: Sequence[bytes],
    *,
    video: int,
    audio: int,
    step: int = 3600,
) -> list[bytes]:
    """Packs, one for each (picture, is key), with the sound that belongs to it."""
    packs: list[bytes] = []
    for number, (picture, is_key) in enumerate(pictures):
        ticks = 903_600 + number * step
        pack = pack_header(ticks)
        if is_key:
            pack += system_header() + program_stream_map(video, audio)
        pack += pes_chain(VIDEO, picture, ticks)
        if number < len(sounds):
            pack += pes(AUDIO, sounds[number], ticks)
        packs.append(pack)
    return packs
