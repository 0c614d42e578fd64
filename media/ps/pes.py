"""The header of a packetised elementary stream (ISO 13818-1, 2.4.3.6; ISO 11172-1)."""

from dataclasses import dataclass

UNBOUNDED = -1
"""The payload's length is not told: it reaches to the next packet."""


@dataclass(slots=True)
class PesHeader:
    """`pts` in ticks of 90 kHz or None, the header's own length, and that of its payload.

    Not frozen: there is one for every picture at least.
    """

    pts: int | None
    length: int
    payload: int
    is_scrambled: bool = False


def pes_header(data: bytes, at: int) -> PesHeader | None:
    """The header at `at`; None while it is not whole; a negative length when it cannot be one.

    Four bytes of start code and stream are taken as read.
    """
    if at + 9 > len(data):
        return None
    length = data[at + 4] << 8 | data[at + 5]
    if data[at + 6] & 0xC0 != 0x80:
        return _mpeg1_header(data, at, length)
    header = 9 + data[at + 8]
    if length and length + 6 < header:
        return _NOT_A_HEADER
    if at + header > len(data):
        return None
    has_pts = data[at + 7] & 0x80 and header >= 14
    return PesHeader(
        pts=_clock(data, at + 9) if has_pts else None,
        length=header,
        payload=length + 6 - header if length else UNBOUNDED,
        is_scrambled=bool(data[at + 6] & 0x30),
    )


def _mpeg1_header(data: bytes, at: int, length: int) -> PesHeader | None:
    """The packet header of ISO 11172-1, which some muxers still write."""
    if at + 6 + min(length, 32) > len(data):
        return None
    place = at + 6
    end = place + length
    while place < min(end, at + 22) and data[place] == 0xFF:
        place += 1
    if place < end and data[place] >> 6 == 0b01:
        place += 2
    kind = data[place] >> 4 if place < end else 0
    pts: int | None = None
    if kind in {0b0010, 0b0011} and place + 5 <= end:
        pts = _clock(data, place)
        place += 5 if kind == 0b0010 else 10
    elif place < end and data[place] == 0x0F:
        place += 1
    else:
        return _NOT_A_HEADER
    if place > end:
        return _NOT_A_HEADER
    return PesHeader(pts=pts, length=place - at, payload=end - place)


_NOT_A_HEADER = PesHeader(pts=None, length=-1, payload=0)


def _clock(data: bytes, at: int) -> int:
    """33 bits with their marker bits between."""
    return (
        (data[at] >> 1 & 7) << 30
        | data[at + 1] << 22
        | (data[at + 2] >> 1) << 15
        | data[at + 3] << 7
        | data[at + 4] >> 1
    )
