"""ADTS, the frame of AAC in a program stream (ISO 13818-7, 6.2)."""

from dataclasses import dataclass

from media.errors import ProtocolError

SAMPLES_PER_FRAME = 1024

SAMPLE_RATES_HZ = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
    11_025,
    8_000,
    7_350,
)


@dataclass(frozen=True, slots=True)
class AdtsHeader:
    """One frame's header; `length` counts header and payload."""

    object_type: int
    sample_rate_hz: int
    channels: int
    header_length: int
    length: int


def is_adts(data: bytes) -> bool:
    """True when `data` begins with the sync word of an ADTS frame of layer 0."""
    return len(data) >= 2 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0


def parse_header(data: bytes) -> AdtsHeader:
    """The header at the front of `data`."""
    if len(data) < 7 or not is_adts(data):
        raise ProtocolError("not-adts")
    rate = data[2] >> 2 & 0x0F
    header_length = 7 if data[1] & 1 else 9
    length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    if rate >= len(SAMPLE_RATES_HZ) or length < header_length:
        raise ProtocolError("bad-adts")
    return AdtsHeader(
        object_type=(data[2] >> 6) + 1,
        sample_rate_hz=SAMPLE_RATES_HZ[rate],
        channels=(data[2] & 1) << 2 | data[3] >> 6,
        header_length=header_length,
        length=length,
    )


def whole_frames(data: bytes) -> tuple[bytes, bytes]:
    """The whole ADTS frames at the front of `data`, and the beginning of one that is not whole.

    `ProtocolError` where something else follows.
    """
    at = 0
    while at + 7 <= len(data):
        following = at + parse_header(data[at : at + 7]).length
        if following > len(data):
            break
        at = following
    return data[:at], data[at:]


def header(sample_rate_hz: int, channels: int, payload_bytes: int) -> bytes:
    """The seven bytes before a frame of AAC low complexity, without CRC (6.2)."""
    rate = SAMPLE_RATES_HZ.index(sample_rate_hz)
    return (
        0xFFF << 44
        | 1 << 40
        | 1 << 38
        | rate << 34
        | channels << 30
        | (payload_bytes + 7) << 13
        | 0x7FF << 2
    ).to_bytes(7)
