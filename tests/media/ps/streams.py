"""Pictures small enough to read in a failure, and feeding them to a demuxer."""

from collections.abc import Iterable

from media.codecs.frame import Frame
from media.ps.demux import PsDemuxer

SPS = bytes.fromhex("0000000167640014ACD94141FB0110000003001000000303C8F1429960")
PPS = bytes.fromhex("0000000168EBECB22C")
IDR = bytes.fromhex("00000001658884") + b"\x2f" * 40
SLICE = bytes.fromhex("00000001419A24") + b"\x5a" * 20
KEY = SPS + PPS + IDR

VPS_265 = bytes.fromhex("0000000140010C01FFFF016000000300900000030000030078959809")
KEY_265 = VPS_265 + bytes.fromhex("000000012601AF08") + b"\x33" * 30
SLICE_265 = bytes.fromhex("000000010201D009") + b"\x44" * 30


def feed(
    demuxer: PsDemuxer,
    data: bytes,
    *,
    timestamp: int = 0,
    marker: bool = False,
    size: int = 1400,
    received_s: float = 0.0,
) -> list[Frame]:
    """One pack in packets of `size` bytes, all of one timestamp, the marker on the last."""
    frames: list[Frame] = []
    for start in range(0, len(data), size):
        is_last = start + size >= len(data)
        frames += demuxer.feed(
            data[start : start + size], timestamp, marker and is_last, received_s
        )
    return frames


def feed_all(
    demuxer: PsDemuxer, packs: Iterable[bytes], *, marker: bool = False, size: int = 1400
) -> list[Frame]:
    """Packs 40 ms apart, and the end of the stream."""
    frames: list[Frame] = []
    for number, pack in enumerate(packs):
        frames += feed(demuxer, pack, timestamp=number * 3600, marker=marker, size=size)
    return frames + list(demuxer.flush())
