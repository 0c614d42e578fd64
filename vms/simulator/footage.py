"""What simulated cameras show: a moving test card with block digits, or a file played in a loop.

The picture is 640 by 360 at 25 a second, and made so that a program can read it back from a lossy
copy, for instance from a browser's canvas:

* The upper 96 rows are two strips of 48 rows on black (luma 16). A strip is 20 cells, each of 32 by
  48 pixels. A cell holds one digit: 3 by 5 blocks of 8 by 8 pixels, white (luma 235) or black, the
  upper left block at offset (4, 4) of the cell. So block (column c, row r) of the digit in cell n
  of strip s covers x from 32 n + 4 + 8 c and y from 48 s + 4 + 8 r; its centre is 4 further on.
* Strip 0: the channel's identifier, its 20 digits from left to right. Shorter ones are filled with
  leading zeros.
* Strip 1: cells 0 to 12 hold the wall clock when the picture was made, milliseconds since 1970 in
  UTC, 13 digits. Cells 13 to 19 calibrate: all 15 blocks white in 13, 15, 17, 19, all black in 14,
  16, 18.
* The digits, row by row from the top, X for white::

      0 XXX X.X X.X X.X XXX     5 XXX X.. XXX ..X XXX
      1 .X. XX. .X. .X. XXX     6 XXX X.. XXX X.X XXX
      2 XXX ..X XXX X.. XXX     7 XXX ..X ..X ..X ..X
      3 XXX ..X XXX ..X XXX     8 XXX X.X XXX X.X XXX
      4 X.X X.X XXX ..X ..X     9 XXX X.X XXX ..X XXX

* The sub-stream is the same at half the width and height.
* Below them, for people: colour bars, on these where the camera points (P for pan, T for tilt, Z
  for zoom), a square that crosses the picture every two seconds, the time of day in Beijing, in the
  same digits, larger, and a patch of noise, which gives the coded pictures the size of a real
  camera's.

Everything but the strips and the time of day is drawn once a process and shared by all cameras. The
coding is per streaming camera, for the identifier is part of the picture; a camera nobody watches
costs nothing. Slices shared between cameras, with only the strips coded for each, would be cheaper
and would need an encoder of our own. A file is read once and shared, so load runs take `--video`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cache, lru_cache
from typing import Literal, Protocol

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from media.ffmpeg import encode
from media.unit import Codec
from vms.gb28181.manscdp.fields import BEIJING

WIDTH = 640
HEIGHT = 360
PICTURES_PER_S = 25
KEY_INTERVAL = 50
"""Pictures from one key picture to the next, unless one is asked for."""

STRIP_HEIGHT = 48
CELLS = 20
BLOCK = 8
MARGIN = 4
CLOCK_DIGITS = 13

_WHITE = 235
_BLACK = 16
_LOOP_PICTURES = 50
_SQUARE = 48
_TIME_BLOCK = 16
_CAPTION_TOP = 120
_CAPTION_LIMIT = WIDTH // (4 * BLOCK)
_GREY = 128
_BARS_END = 192
_TIME_TOP = 200
_NOISE_HEIGHT = 64
_NOISE_WIDTH = 160
_GRAIN = 8
_Plane = NDArray[np.uint8]

_GLYPH_ROWS = {
    "0": "XXX X.X X.X X.X XXX",
    "1": ".X. XX. .X. .X. XXX",
    "2": "XXX ..X XXX X.. XXX",
    "3": "XXX ..X XXX ..X XXX",
    "4": "X.X X.X XXX ..X ..X",
    "5": "XXX X.. XXX ..X XXX",
    "6": "XXX X.. XXX X.X XXX",
    "7": "XXX ..X ..X ..X ..X",
    "8": "XXX X.X XXX X.X XXX",
    "9": "XXX X.X XXX ..X XXX",
    "W": "XXX XXX XXX XXX XXX",
    " ": "... ... ... ... ...",
    ":": "... .X. ... .X. ...",
    ".": "... ... ... ... .X.",
    "-": "... ... XXX ... ...",
    "P": "XXX X.X XXX X.. X..",
    "T": "XXX .X. .X. .X. .X.",
    "Z": "XXX ..X .X. X.. XXX",
}
_CALIBRATION = "W W W W"


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One coded picture as an Annex B byte stream; a key picture carries its parameter sets."""

    data: bytes
    is_key: bool


class Footage(Protocol):
    """The pictures of one stream, one call each."""

    @property
    def codec(self) -> Codec:
        """How the pictures are coded."""
        ...

    @property
    def pictures_per_s(self) -> float:
        """At which pace they are shown."""
        ...

    @property
    def takes_time(self) -> bool:
        """Whether `next_picture` computes for milliseconds, and so belongs into a thread."""
        ...

    def next_picture(self, at: datetime, *, key_wanted: bool) -> CodedPicture:
        """The picture of the moment `at`; a key picture where it is wanted and can be had."""
        ...


class TestCard:
    """The test card of one channel, drawn and coded picture by picture."""

    __test__ = False  # pytest: no test class, whatever the name
    pictures_per_s = float(PICTURES_PER_S)
    takes_time = True

    def __init__(
        self, channel_id: str, codec: Codec, caption: str = "", *, is_sub: bool = False
    ) -> None:
        """`is_sub`: the sub-stream, half as wide and half as high."""
        self.codec = codec
        self.caption = caption
        """Shown from the next picture on: digits, a few signs and the letters P, T and Z."""
        self._identifier = _strip(channel_id.rjust(CELLS, "0"))
        self._encoder = _encoder(codec, 2 if is_sub else 1)
        self._is_sub = is_sub
        self._number = 0

    def next_picture(self, at: datetime, *, key_wanted: bool) -> CodedPicture:
        """Draw and code the picture of `at`; the first is always a key picture."""
        picture = draw(self._identifier, self._number, at, self.caption)
        if self._is_sub:
            picture = _halved(picture)
        frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
        frame.pts = self._number
        if key_wanted or self._number % KEY_INTERVAL == 0:
            frame.pict_type = PictureType.I
        self._number += 1
        packets = encode(self._encoder, frame)
        return CodedPicture(
            data=b"".join(packet.data for packet in packets),
            is_key=any(packet.is_key for packet in packets),
        )


def draw(identifier: _Plane, number: int, at: datetime, caption: str = "") -> _Plane:
    """Picture `number` as planes of yuv420p on top of each other, `identifier` being strip 0."""
    picture = _backgrounds()[number % _LOOP_PICTURES].copy()
    picture[:STRIP_HEIGHT] = identifier
    milliseconds = str(int(at.timestamp() * 1000)).rjust(CLOCK_DIGITS, "0")
    picture[STRIP_HEIGHT : 2 * STRIP_HEIGHT] = _strip(milliseconds + _CALIBRATION)
    shown = _time_of_day(at.astimezone(BEIJING).strftime("%H:%M:%S"))
    left = (WIDTH - shown.shape[1]) // 2
    picture[_TIME_TOP : _TIME_TOP + shown.shape[0], left : left + shown.shape[1]] = shown
    if caption:
        _write_caption(picture, caption)
    return picture


def _halved(picture: _Plane) -> _Plane:
    """Every second sample of every second row, plane by plane."""
    chroma_rows = HEIGHT // 4
    u_plane = picture[HEIGHT : HEIGHT + chroma_rows].reshape(HEIGHT // 2, WIDTH // 2)
    v_plane = picture[HEIGHT + chroma_rows :].reshape(HEIGHT // 2, WIDTH // 2)
    planes = (picture[:HEIGHT], u_plane, v_plane)
    halves = [plane[::2, ::2].reshape(-1, WIDTH // 2) for plane in planes]
    return np.ascontiguousarray(np.vstack(halves))


def _write_caption(picture: _Plane, caption: str) -> None:
    """White on black across the colour bars, without their colours."""
    text = _caption(caption)
    bottom = _CAPTION_TOP + text.shape[0]
    picture[_CAPTION_TOP:bottom, : text.shape[1]] = text
    for start in (HEIGHT, HEIGHT + HEIGHT // 4):
        plane = picture[start : start + HEIGHT // 4].reshape(HEIGHT // 2, WIDTH // 2)
        plane[_CAPTION_TOP // 2 : bottom // 2, : text.shape[1] // 2] = _GREY


@lru_cache(maxsize=64)
def _caption(text: str) -> _Plane:
    """Drawn anew only when the text is another."""
    return _strip(text[:_CAPTION_LIMIT])


def _strip(text: str) -> _Plane:
    return np.hstack([_cell(character) for character in text])


@lru_cache(maxsize=64)
def _cell(character: str) -> _Plane:
    return np.pad(_glyph(character, BLOCK), MARGIN, constant_values=_BLACK)


@lru_cache(maxsize=8)
def _time_of_day(text: str) -> _Plane:
    """Digits side by side, larger, on black; the same for every camera and a second long."""
    return np.hstack(
        [np.pad(_glyph(one, _TIME_BLOCK), _TIME_BLOCK // 2, constant_values=_BLACK) for one in text]
    )


@lru_cache(maxsize=64)
def _glyph(character: str, block: int) -> _Plane:
    rows = _GLYPH_ROWS[character].split()
    bits = np.array([[cell == "X" for cell in row] for row in rows])
    levels = np.where(bits, _WHITE, _BLACK).astype(np.uint8)
    return levels.repeat(block, axis=0).repeat(block, axis=1)


@cache
def _backgrounds() -> Sequence[_Plane]:
    """The loop of pictures behind everything, drawn once: bars and a crossing square."""
    card = np.full((HEIGHT * 3 // 2, WIDTH), 128, dtype=np.uint8)
    card[:HEIGHT] = _BLACK
    bars = (
        (180, 128, 128),
        (162, 44, 142),
        (131, 156, 44),
        (112, 72, 58),
        (84, 184, 198),
        (65, 100, 212),
        (35, 212, 114),
        (16, 128, 128),
    )
    width = WIDTH // len(bars)
    u_plane = card[HEIGHT : HEIGHT + HEIGHT // 4].reshape(HEIGHT // 2, WIDTH // 2)
    v_plane = card[HEIGHT + HEIGHT // 4 :].reshape(HEIGHT // 2, WIDTH // 2)
    for index, (luma, u, v) in enumerate(bars):
        left = index * width
        card[2 * STRIP_HEIGHT : _BARS_END, left : left + width] = luma
        u_plane[STRIP_HEIGHT : _BARS_END // 2, left // 2 : (left + width) // 2] = u
        v_plane[STRIP_HEIGHT : _BARS_END // 2, left // 2 : (left + width) // 2] = v
    dice = np.random.default_rng(seed=1)
    return [_with_motion(card, number, dice) for number in range(_LOOP_PICTURES)]


def _with_motion(card: _Plane, number: int, dice: np.random.Generator) -> _Plane:
    """The card with the square where it is in picture `number`, and noise nobody can predict."""
    picture = card.copy()
    grains = dice.integers(64, 192, (_NOISE_HEIGHT // _GRAIN, _NOISE_WIDTH // _GRAIN), np.uint8)
    noise = grains.repeat(_GRAIN, axis=0).repeat(_GRAIN, axis=1)
    picture[HEIGHT - _NOISE_HEIGHT : HEIGHT, WIDTH - _NOISE_WIDTH :] = noise
    left = (WIDTH - _NOISE_WIDTH - _SQUARE) * number // _LOOP_PICTURES
    top = HEIGHT - _SQUARE - BLOCK
    picture[top : top + _SQUARE, left : left + _SQUARE] = _WHITE
    return picture


_OPTIONS = {
    Codec.H264: {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "level": "3.0",
        "crf": "24",
        "forced-idr": "1",
        "x264-params": "keyint=infinite:scenecut=0:threads=1:repeat-headers=1",
    },
    Codec.H265: {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": "24",
        "forced-idr": "1",
        "x265-params": "keyint=-1:scenecut=0:repeat-headers=1:pools=none:frame-threads=1"
        ":bframes=0:open-gop=0:info=0:log-level=none",
    },
}
_ENCODERS: Mapping[Codec, Literal["libx264", "libx265"]] = {
    Codec.H264: "libx264",
    Codec.H265: "libx265",
}


def _encoder(codec: Codec, divisor: int) -> VideoCodecContext:
    context = VideoCodecContext.create(_ENCODERS[codec], "w")
    context.width = WIDTH // divisor
    context.height = HEIGHT // divisor
    context.pix_fmt = "yuv420p"
    context.framerate = Fraction(PICTURES_PER_S)
    context.time_base = Fraction(1, PICTURES_PER_S)
    context.options = _OPTIONS[codec]
    context.thread_count = 1
    return context
