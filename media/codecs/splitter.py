"""Finds the pictures in a byte stream whose container does not tell where they begin."""

from collections import deque

from media.codecs import annexb, h264, h265
from media.unit import Codec

LIMIT_BYTES = 8 * 1024 * 1024

_START = b"\x00\x00\x01"
_H264_OPENERS = frozenset({h264.SEI, h264.SPS, h264.PPS, h264.ACCESS_UNIT_DELIMITER})
_H265_OPENERS = frozenset({h265.VPS, h265.SPS, h265.PPS, h265.ACCESS_UNIT_DELIMITER, h265.SEI})


class PictureSplitter:
    """Byte stream in, pictures out, one picture late (ITU-T H.264 7.4.1.2.3, H.265 7.4.2.4.4).

    A `pts` belongs to the first picture that begins in the bytes it came with (ISO 13818-1).
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self._data = bytearray()
        self._scanned = 0
        self._has_slice = False
        self._begun = False
        self._marks: deque[tuple[int, int]] = deque()

    def feed(self, data: bytes, pts: int | None) -> list[tuple[int | None, bytes]]:
        """The pictures that are complete now, each with its `pts` or None."""
        if pts is not None:
            self._marks.append((len(self._data), pts))
        self._data += data
        if len(self._data) > LIMIT_BYTES:
            self.reset()
        pictures: list[tuple[int | None, bytes]] = []
        while (at := self._data.find(_START, self._scanned)) >= 0:
            if at + 6 > len(self._data):
                self._scanned = at
                return pictures
            self._scanned = at + 3
            opens, is_slice = self._judge(at + 3)
            if opens and (self._has_slice or not self._begun):
                # A zero byte before the start code belongs to it.
                start = at - 1 if at and self._data[at - 1] == 0 else at
                if self._begun:
                    pictures.append((self._pts_of(0), bytes(self._data[:start])))
                self._cut(start)
            self._has_slice = is_slice or (self._has_slice and not opens)
        self._scanned = max(self._scanned, len(self._data) - 2)
        return pictures

    def flush(self) -> list[tuple[int | None, bytes]]:
        """The last picture; the stream ends here."""
        last = [(self._pts_of(0), bytes(self._data))] if self._has_slice else []
        self.reset()
        return last

    def reset(self) -> None:
        """Forget the picture under way: bytes were lost."""
        self._data.clear()
        self._scanned = 0
        self._has_slice = self._begun = False
        self._marks.clear()

    def _judge(self, at: int) -> tuple[bool, bool]:
        """Does the NAL unit at `at` open a picture, once a slice was seen? Is it a slice?"""
        first = self._data[at]
        if self.codec is Codec.H265:
            kind = first >> 1 & 0x3F
            is_slice = kind < h265.VPS
            opener = kind in _H265_OPENERS
        else:
            kind = first & 0x1F
            is_slice = h264.FIRST_SLICE <= kind <= h264.IDR_SLICE
            opener = kind in _H264_OPENERS
        if is_slice:
            opener = annexb.starts_picture(self.codec, self._data, at)
        return opener, is_slice

    def _cut(self, start: int) -> None:
        del self._data[:start]
        self._scanned -= start
        self._begun = True
        self._marks = deque((place - start, pts) for place, pts in self._marks)
        # Of the marks that lie before this picture only the last can be its own.
        while len(self._marks) > 1 and self._marks[1][0] <= 0:
            self._marks.popleft()

    def _pts_of(self, place: int) -> int | None:
        """The mark at or before `place`, used once."""
        if self._marks and self._marks[0][0] <= place:
            return self._marks.popleft()[1]
        return None
