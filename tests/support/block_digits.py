"""Reads the block digits of a test card out of a picture; written from the description alone.

The description is the docstring of `vms.simulator.footage`; nothing of that module is used here.
"""

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

_PATTERNS = {
    "111101101101111": "0",
    "010110010010111": "1",
    "111001111100111": "2",
    "111001111001111": "3",
    "101101111001001": "4",
    "111100111001111": "5",
    "111100111101111": "6",
    "111001001001001": "7",
    "111101111101111": "8",
    "111101111001111": "9",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a picture says of itself."""

    identifier: str
    clock_ms: int


def luma_of(frame: VideoFrame) -> NDArray[np.uint8]:
    """The luma plane of a decoded picture of 640 by 360 in yuv420p."""
    return np.asarray(frame.to_ndarray()[:360], dtype=np.uint8)


def read_test_card(luma: NDArray[np.uint8]) -> Reading:
    """Read 360 rows of 640 luma values; `ValueError` where a block is neither black nor white."""
    calibration = [_blocks(luma, 1, cell) for cell in range(13, 20)]
    white = min(blocks.min() for blocks in calibration[::2])
    black = max(blocks.max() for blocks in calibration[1::2])
    if white - black < 100:
        raise ValueError(f"no contrast between calibration cells: {white} and {black}")
    threshold = (int(white) + int(black)) / 2
    identifier = "".join(_digit(_blocks(luma, 0, cell), threshold) for cell in range(20))
    clock = "".join(_digit(_blocks(luma, 1, cell), threshold) for cell in range(13))
    return Reading(identifier, int(clock))


def _blocks(luma: NDArray[np.uint8], strip: int, cell: int) -> NDArray[np.float64]:
    """The mean of the 4 by 4 pixels in the middle of each of the 15 blocks, row by row."""
    means = [
        luma[top + 2 : top + 6, left + 2 : left + 6].mean()
        for top in range(48 * strip + 4, 48 * strip + 44, 8)
        for left in range(32 * cell + 4, 32 * cell + 28, 8)
    ]
    return np.array(means)


def _digit(blocks: NDArray[np.float64], threshold: float) -> str:
    pattern = "".join("1" if block > threshold else "0" for block in blocks)
    try:
        return _PATTERNS[pattern]
    except KeyError:
        raise ValueError(f"no digit: {pattern}") from None
