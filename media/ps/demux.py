"""Reads the program stream of GB/T 28181 (annex C; ISO 13818-1, 2.5) as devices send it.

The stream is walked by its lengths; start codes are searched only where a length is missing or a
place was lost. NAL unit headers begin with a zero bit, so that `00 00 01` with BA or more behind it
can only be the container's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from media.codecs import aac, annexb
from media.codecs.frame import Frame
from media.codecs.sound import guess_sound
from media.codecs.splitter import PictureSplitter
from media.errors import ProtocolError
from media.ps.mux import crc32_mpeg
from media.ps.pes import UNBOUNDED, PesHeader, pes_header
from media.ps.stream_types import (
    CODECS,
    ENCRYPTED,
    NAMES,
    PACK,
    PRIVATE_STREAM_1,
    PROGRAM_END,
    PROGRAM_STREAM_MAP,
    SYSTEM_HEADER,
    is_audio,
    is_video,
)
from media.unit import Codec

PICTURE_LIMIT_BYTES = 8 * 1024 * 1024
"""A larger picture is dropped: its end was never seen."""

MAP_LIMIT_BYTES = 1018
"""ISO 13818-1 allows a program stream map no more."""

_MORE = 0
_ASTRAY = -1
_START = b"\x00\x00\x01"
_SYSTEM_CODE = re.compile(rb"\x00\x00\x01[\xb9-\xbc\xbd\xc0-\xef]")
_SKIPPED_BY_LENGTH = frozenset({SYSTEM_HEADER, PRIVATE_STREAM_1, 0xBE, 0xBF, *range(0xF0, 0x100)})


@dataclass(slots=True)
class _Stream:
    """One elementary stream, and what has come of its frame under way."""

    stream_id: int | None = None
    stream_type: int | None = None
    codec: Codec | None = None
    parts: list[bytes] = field(default_factory=list[bytes])
    size: int = 0
    pts: int | None = None
    timestamp: int = 0
    received_s: float = 0.0
    is_damaged: bool = False


class PsDemuxer:
    """RTP payloads of one program stream in, in order; pictures and sound out.

    What the device leaves out is found otherwise: codecs without a map by the parameter sets, the
    ends of pictures by PTS, pack headers, RTP timestamps, and markers once they proved right.
    Nothing a device sends raises; `tolerated` counts by name what was put up with.
    """

    def __init__(self) -> None:
        self.tolerated: dict[str, int] = {}
        self._video = _Stream()
        self._audio = _Stream()
        self._map = b""
        self._tail = b""
        self._need = 0
        self._sink: _Stream | None = None
        self._searching = True
        self._after_loss = True
        self._new_pack = False
        self._damaged_pts: int | None = None
        self._codec_is_proven = False
        self._is_scrambled = False
        self._splitter: PictureSplitter | None = None
        self._audio_rest = b""
        self._timestamp: int | None = None
        self._timestamps_vary = False
        self._is_marked = False
        self._marker_is_right = False
        self._marker_is_wrong = False
        self._out: list[Frame] = []

    @property
    def unsupported(self) -> tuple[str, ...]:
        """What the map announces and nobody here understands, by name."""
        named = tuple(
            NAMES.get(stream.stream_type, f"stream type {stream.stream_type:#04x}")
            for stream in (self._video, self._audio)
            if stream.stream_type is not None and stream.stream_type not in CODECS
        )
        return (*named, ENCRYPTED) if self._is_scrambled else named

    def feed(
        self, payload: bytes, timestamp: int, marker: bool, received_s: float
    ) -> Sequence[Frame]:
        """The frames that are complete with this payload."""
        need = self._need
        if need > len(payload) and self._sink is not None:
            # The middle of a picture: nine packets of ten end here.
            self._need = need - len(payload)
            sink = self._sink
            sink.parts.append(payload)
            sink.received_s = received_s
            if marker:
                self._marker_is_wrong = True
            return ()
        self._out = []
        if timestamp != self._timestamp:
            self._timestamps_vary = self._timestamp is not None
            self._timestamp = timestamp
        self._walk(self._tail + payload if self._tail else payload, received_s)
        if marker:
            self._end_at_marker()
        return self._out

    def lose(self) -> Sequence[Frame]:
        """Packets are missing here: what was under way is damaged, the next pack begins anew."""
        self._out = []
        video = self._video
        if video.parts and self._splitter is None:
            # Nothing is missing of a picture behind which the next one's pack had begun.
            is_next = self._timestamps_vary and self._timestamp != video.timestamp
            if not (self._new_pack and is_next):
                video.is_damaged = True
                self._damaged_pts = video.pts
            self._end_video()
        if self._splitter is not None:
            self._splitter.reset()
        video.parts.clear()
        self._audio.parts.clear()
        self._audio_rest = self._tail = b""
        self._need = 0
        self._sink = None
        self._searching = self._after_loss = True
        self._is_marked = self._new_pack = False
        return self._out

    def flush(self) -> Sequence[Frame]:
        """The last picture: nothing more will come."""
        self._out = []
        if self._need == UNBOUNDED:
            self._append(self._tail, self._video.received_s)
        elif self._need > 0:
            self._video.is_damaged = True
        self._tail = b""
        self._need = 0
        if self._splitter is not None:
            self._split(b"".join(self._video.parts), self._video.pts)
            self._emit_pictures(self._splitter, self._splitter.flush())
            self._video.parts.clear()
        self._end_video()
        return self._out

    def _walk(self, data: bytes, received_s: float) -> None:
        self._tail = b""
        at = 0
        size = len(data)
        while at < size:
            if self._need > 0:
                taken = min(self._need, size - at)
                self._append(data[at : at + taken], received_s)
                at += taken
                self._need -= taken
                if not self._need:
                    self._end_pes()
            elif self._need == UNBOUNDED:
                at = self._take_unbounded(data, at, received_s)
            elif self._searching:
                at = self._search(data, at)
            else:
                taken = self._element(data, at)
                if taken == _MORE:
                    self._tail = data[at:]
                    return
                if taken == _ASTRAY:
                    self._searching = True
                    self._tolerate("lost-place")
                    # What looked like a start code here shall not be found again.
                    at += 1
                else:
                    at += taken

    def _append(self, piece: bytes, received_s: float) -> None:
        if self._sink is not None and piece:
            self._sink.parts.append(piece)
            self._sink.received_s = received_s

    def _take_unbounded(self, data: bytes, at: int, received_s: float) -> int:
        """A PES packet without a length reaches to the container's next start code."""
        found = _SYSTEM_CODE.search(data, at)
        if found is not None:
            end = found.start()
        else:
            end = max(at, len(data) - 3)
            self._tail = data[end:]
        self._append(data[at:end], received_s)
        if self._sink is self._video:
            self._video.size += end - at
        if self._video.size > PICTURE_LIMIT_BYTES:
            self._drop_picture()
        if found is None:
            return len(data)
        self._need = 0
        self._end_pes()
        return end

    def _search(self, data: bytes, at: int) -> int:
        found = _SYSTEM_CODE.search(data, at)
        end = max(at, len(data) - 3) if found is None else found.start()
        if data[at:end].strip(b"\x00"):
            # Zeros are stuffing; anything else was perhaps the picture's.
            self._video.is_damaged = True
        if found is None:
            self._tail = data[end:]
            return len(data)
        self._searching = False
        return end

    def _element(self, data: bytes, at: int) -> int:
        """Reads what begins at `at`: how many bytes that took, `_MORE`, or `_ASTRAY`."""
        head = data[at : at + 4]
        if len(head) < 4:
            return _MORE if _START.startswith(head[:3]) else _ASTRAY
        code = head[3] if head.startswith(_START) else 0
        taken = _ASTRAY
        if is_video(code) or is_audio(code):
            taken = self._pes(data, at, code)
        elif code == PACK:
            taken = self._pack(data, at)
        elif code == PROGRAM_STREAM_MAP:
            taken = self._program_stream_map(data, at)
        elif code in _SKIPPED_BY_LENGTH:
            if code == PRIVATE_STREAM_1:
                self._tolerate("private-stream")
            taken = self._skip(data, at)
        elif code == PROGRAM_END:
            taken = 4
        return taken

    def _skip(self, data: bytes, at: int) -> int:
        if at + 6 > len(data):
            return _MORE
        self._sink = None
        self._need = data[at + 4] << 8 | data[at + 5]
        return 6

    def _pack(self, data: bytes, at: int) -> int:
        available = len(data) - at
        if available < 8:
            return _MORE
        self._new_pack = True
        if data.startswith(_START, at + 4):
            # Some H.265 cameras send the start code of the pack header and nothing of it.
            self._tolerate("cut-pack-header")
            return 4
        if data[at + 4] >> 6 == 0b01:
            length = 14 + (data[at + 13] & 7) if available >= 14 else 14
        elif data[at + 4] >> 4 == 0b0010:
            length = 12
        else:
            self._tolerate("bad-pack-header")
            return _ASTRAY
        return length if available >= length else _MORE

    def _program_stream_map(self, data: bytes, at: int) -> int:
        if at + 6 > len(data):
            return _MORE
        length = data[at + 4] << 8 | data[at + 5]
        if length > MAP_LIMIT_BYTES:
            return _ASTRAY
        end = at + 6 + length
        if end > len(data):
            return _MORE
        section = data[at + 6 : end]
        if section != self._map:
            if not self._map and crc32_mpeg(data[at : end - 4]) != int.from_bytes(
                section[-4:], "big"
            ):
                self._tolerate("map-checksum")
            self._map = section
            self._read_map(section)
        return end - at

    def _read_map(self, section: bytes) -> None:
        """The outer length is believed; CRC and inner length are often wrong and are not."""
        if len(section) < 10:
            self._tolerate("bad-map")
            return
        at = 6 + (section[2] << 8 | section[3])
        end = len(section) - 4
        found: dict[bool, tuple[int, int]] = {}
        while at + 4 <= end:
            stream_type, stream_id = section[at], section[at + 1]
            if is_video(stream_id) or is_audio(stream_id):
                found.setdefault(is_video(stream_id), (stream_id, stream_type))
            at += 4 + (section[at + 2] << 8 | section[at + 3])
        if not found:
            self._tolerate("bad-map")
        if True in found and found[True] != (self._video.stream_id, self._video.stream_type):
            self._end_video()
            self._splitter = None
            self._codec_is_proven = False
            self._announce(self._video, *found[True])
        if False in found:
            self._announce(self._audio, *found[False])

    def _announce(self, stream: _Stream, stream_id: int, stream_type: int) -> None:
        stream.stream_id, stream.stream_type = stream_id, stream_type
        stream.codec = CODECS.get(stream_type)

    def _pes(self, data: bytes, at: int, stream_id: int) -> int:
        header = pes_header(data, at)
        if header is None:
            return _MORE
        if header.length < 0:
            return _ASTRAY
        payload = at + header.length
        wanted = 4 if header.payload == UNBOUNDED else min(4, header.payload)
        if payload + wanted > len(data):
            return _MORE
        if header.is_scrambled:
            self._is_scrambled = True
        if is_video(stream_id):
            self._begin_video(stream_id, header, data[payload : payload + 4])
        else:
            self._begin_audio(stream_id, header)
        self._need = header.payload
        if header.payload == UNBOUNDED:
            self._tolerate("pes-without-length")
        elif not header.payload:
            self._end_pes()
        return header.length

    def _begin_audio(self, stream_id: int, header: PesHeader) -> None:
        audio = self._audio
        if audio.stream_id is None:
            audio.stream_id = stream_id
        if audio.stream_id != stream_id:
            self._sink = None
            return
        self._sink = audio
        audio.pts = header.pts
        audio.timestamp = self._timestamp or 0

    def _begin_video(self, stream_id: int, header: PesHeader, first: bytes) -> None:
        video = self._video
        if video.stream_id is None:
            video.stream_id = stream_id
        if video.stream_id != stream_id:
            self._sink = None
            return
        begins_nal = first[:3] in {_START, b"\x00\x00\x00"}
        new_pack, self._new_pack = self._new_pack, False
        if self._splitter is None and video.parts:
            self._judge_continuation(header.pts, begins_nal, new_pack)
        if self._is_marked:
            # A marker proves right when a new picture follows it: devices set it anywhere.
            self._is_marked = False
            if video.parts or not begins_nal:
                self._marker_is_wrong = True
            self._marker_is_right = True
        if not video.parts and not self._open_picture(header.pts, begins_nal, new_pack):
            self._sink = None
            return
        self._sink = video
        video.size += max(0, header.payload)
        if video.size > PICTURE_LIMIT_BYTES:
            self._drop_picture()

    def _judge_continuation(self, pts: int | None, begins_nal: bool, new_pack: bool) -> None:
        """Does this PES packet go on with the picture, or has that ended?"""
        video = self._video
        if pts is not None and pts != video.pts:
            data = b"".join(video.parts)
            codec = None if begins_nal or video.pts is None else self._prove_codec(data)
            if codec is None:
                self._end_video()
            else:
                # The muxer cuts anywhere: pictures have to be found by their slices.
                self._tolerate("pictures-not-aligned")
                self._splitter = PictureSplitter(codec)
                self._split(data, video.pts)
                video.parts.clear()
        elif begins_nal:
            same_time = self._timestamp == video.timestamp
            if pts is None:
                tells_apart = new_pack or not same_time
            else:
                tells_apart = not same_time or (new_pack and not self._timestamps_vary)
            if tells_apart:
                self._tolerate("picture-without-new-pts")
                self._end_video()

    def _open_picture(self, pts: int | None, begins_nal: bool, new_pack: bool) -> bool:
        """The first PES packet of a picture; False for the rest of one whose beginning is lost."""
        if self._after_loss and pts is None and not begins_nal:
            return False
        video = self._video
        video.pts = pts
        video.timestamp = self._timestamp or 0
        video.size = 0
        is_rest = pts is not None and pts == self._damaged_pts
        video.is_damaged = is_rest or (self._after_loss and not new_pack)
        self._after_loss = False
        if not is_rest:
            self._damaged_pts = None
        return True

    def _end_pes(self) -> None:
        sink, self._sink = self._sink, None
        if sink is self._audio:
            self._end_audio()
        elif sink is not None and self._splitter is not None:
            self._split(b"".join(sink.parts), sink.pts)
            sink.parts.clear()

    def _end_audio(self) -> None:
        audio = self._audio
        data = b"".join(audio.parts)
        audio.parts.clear()
        if not data:
            return
        if audio.codec is None:
            if audio.stream_type is not None and audio.stream_type not in CODECS:
                return
            audio.codec = guess_sound(data)
            if audio.codec is None:
                return
            self._tolerate("sound-without-map")
        if audio.codec is Codec.AAC:
            try:
                data, self._audio_rest = aac.whole_frames(self._audio_rest + data)
            except ProtocolError:
                self._audio_rest = b""
                self._tolerate("bad-adts")
                return
        if data:
            self._out.append(Frame(audio.codec, audio.pts, audio.timestamp, data, audio.received_s))

    def _end_video(self) -> None:
        """The picture under way is whole, as far as anyone can tell."""
        video = self._video
        if not video.parts:
            return
        data = b"".join(video.parts)
        video.parts.clear()
        video.size = 0
        codec = self._prove_codec(data)
        if codec is not None:
            self._out.append(
                Frame(codec, video.pts, video.timestamp, data, video.received_s, video.is_damaged)
            )

    def _prove_codec(self, data: bytes) -> Codec | None:
        """The parameter sets decide, for maps are missing or wrong."""
        video = self._video
        if not self._codec_is_proven and (video.stream_type is None or video.codec is not None):
            guess = annexb.guess_codec(data)
            if guess is not None:
                if guess is not video.codec:
                    self._tolerate("codec-not-as-mapped" if video.codec else "picture-without-map")
                video.codec = guess
                self._codec_is_proven = True
        return video.codec

    def _split(self, data: bytes, pts: int | None) -> None:
        if self._splitter is not None:
            self._emit_pictures(self._splitter, self._splitter.feed(data, pts))

    def _emit_pictures(
        self, splitter: PictureSplitter, pictures: list[tuple[int | None, bytes]]
    ) -> None:
        video = self._video
        self._out += [
            Frame(splitter.codec, pts, video.timestamp, data, video.received_s)
            for pts, data in pictures
        ]

    def _drop_picture(self) -> None:
        self._tolerate("picture-too-large")
        self._video.parts.clear()
        self._video.size = 0
        self._sink = None
        self._after_loss = True

    def _end_at_marker(self) -> None:
        """A marker that proved right ends the picture sooner than the next pack would."""
        video = self._video
        if self._need > 0:
            self._marker_is_wrong = True
        if self._marker_is_wrong or self._splitter is not None or not video.parts:
            return
        self._is_marked = True
        if not self._marker_is_right:
            return
        if self._need == UNBOUNDED:
            self._append(self._tail, video.received_s)
            self._need = 0
            self._tail = b""
            self._end_pes()
        if self._tail or self._searching:
            return
        data = b"".join(video.parts)
        video.parts[:] = [data]
        codec = self._prove_codec(data)
        if codec is not None and annexb.content(codec, data).is_picture:
            self._end_video()

    def _tolerate(self, name: str) -> None:
        self.tolerated[name] = self.tolerated.get(name, 0) + 1
